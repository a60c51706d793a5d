//! `engross in-doubt`: steps whose effect may have happened, and a person's word for whether it did.

use crate::args::{AsArg, FormatArg, ServerArg};
use crate::commands::incidents::{self, List, attempt_of, outputs, seen, what_follows};
use crate::config::Config;
use crate::exit::{self, Exit};
use crate::{offline, ui};
use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use engross_core::{RunId, StepId};
use engross_server::wire;

/// Say what became of an effect that only a person can find out about.
///
/// Use it when a request was sent, its answer was lost, and the provider cannot be asked by a program. Look there first: what
/// you say here is believed, and kept with your name.
#[derive(Debug, Subcommand)]
pub enum InDoubt {
    /// List the steps in doubt, what is known of each, and the commands to go on
    List(List),
    /// It happened: the step ends with the outputs that you found at the provider, and the run goes on
    ///
    /// Use it when you see the effect at the provider. Nothing is sent again.
    Happened(Happened),
    /// It did not happen: the step is tried again, under the same key
    ///
    /// Use it when you have looked at the provider and the effect is not there. It is refused as long as the lost request may
    /// still be on its way (`settle` of the connection).
    NotDone(Which),
}

/// Which step, and who says so.
#[derive(Debug, Args)]
pub struct Which {
    /// The run's id
    pub run: String,

    /// The step in doubt
    pub step: String,

    /// How you know, for those who look later
    #[arg(long)]
    pub comment: Option<String>,

    #[command(flatten)]
    pub who: AsArg,

    #[command(flatten)]
    pub server: ServerArg,

    #[command(flatten)]
    pub format: FormatArg,
}

/// Which step, and how it ended.
#[derive(Debug, Args)]
pub struct Happened {
    #[command(flatten)]
    pub which: Which,

    /// What the step left, as JSON, or @FILE, or - for standard input; `engross schema OPERATION` shows its form
    #[arg(long, value_name = "JSON")]
    pub outputs: Option<String>,

    /// How it ended [default: the operation's good outcome]
    #[arg(long)]
    pub outcome: Option<String>,
}

/// Carries it out.
///
/// # Errors
/// No engine runs, or it refused.
pub async fn run(in_doubt: InDoubt, config: &Config) -> Result<Exit> {
    match in_doubt {
        InDoubt::List(args) => {
            incidents::list(&args, config, |found| found.kind == "in_doubt", "no step is in doubt\n").await
        }
        InDoubt::Happened(args) => {
            let said = wire::Saying::Ended { outcome: args.outcome, outputs: outputs(args.outputs.as_deref())? };
            say(args.which, said, config).await
        }
        InDoubt::NotDone(args) => say(args, wire::Saying::NotDone, config).await,
    }
}

async fn say(args: Which, said: wire::Saying, config: &Config) -> Result<Exit> {
    let client = offline::must_run(config, &args.server)?;
    let (run, step) = (RunId::new(&args.run), StepId::new(&args.step));
    let before = seen(&client, &run, &step).await?;
    if before.state == "incident" {
        bail!(
            "step `{step}` is an incident and not in doubt: its effect did not happen\n  hint: `engross runs retry {run} \
             {step}` tries it again, `engross runs skip {run} {step}` ends it by hand"
        );
    }
    let happened = matches!(said, wire::Saying::Ended { .. });
    let request =
        wire::AnswerStep { by: args.who.or_account(), attempt: attempt_of(&before), comment: args.comment, said };
    let view = client.answer(&run, &step, &request).await?;
    ui::print(args.format.format, &view, || {
        let done = match view.steps.iter().find(|now| now.id == step).and_then(|now| now.outcome.as_ref()) {
            Some(outcome) if happened => format!("step `{step}` ended as `{outcome}`, by your word"),
            _ => format!("step `{step}` is tried again, under the same key"),
        };
        format!("{done}; {}\n", what_follows(&view))
    });
    Ok(exit::OK)
}

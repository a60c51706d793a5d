//! `engross approvals`: what waits for people, and what they say.

use crate::args::{AsArg, FormatArg, ServerArg};
use crate::config::Config;
use crate::exit::{self, Exit};
use crate::{offline, ui};
use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use engross_core::{RunId, StepId, Verdict};
use engross_server::wire;

/// See what waits for a decision, and decide.
#[derive(Debug, Subcommand)]
pub enum Approvals {
    /// List what waits for a decision
    List(List),
    /// Say yes
    Approve(Decide),
    /// Say no
    Reject(Decide),
}

/// What to list.
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    pub server: ServerArg,

    #[command(flatten)]
    pub format: FormatArg,
}

/// What is decided, and by whom.
#[derive(Debug, Args)]
pub struct Decide {
    /// The run's id
    pub run: String,

    /// The approval's step; may be left out when the run waits for one decision only
    pub step: Option<String>,

    /// Why, for those who look later
    #[arg(long)]
    pub comment: Option<String>,

    #[command(flatten)]
    pub who: AsArg,

    #[command(flatten)]
    pub server: ServerArg,

    #[command(flatten)]
    pub format: FormatArg,
}

/// Carries it out.
///
/// # Errors
/// No engine runs, or the decision does not count.
pub async fn run(approvals: Approvals, config: &Config) -> Result<Exit> {
    match approvals {
        Approvals::List(args) => list(args, config).await,
        Approvals::Approve(args) => decide(args, Verdict::Approve, config).await,
        Approvals::Reject(args) => decide(args, Verdict::Reject, config).await,
    }
}

async fn list(args: List, config: &Config) -> Result<Exit> {
    let found = match offline::running(config, &args.server)? {
        Some(client) => client.approvals().await?,
        None => offline::approvals(config).await?,
    };
    ui::print(args.format.format, &found, || {
        if found.approvals.is_empty() {
            return "nothing waits for a decision\n".to_string();
        }
        let rows: Vec<Vec<String>> = found
            .approvals
            .iter()
            .map(|a| {
                let expires = a.expires_at.clone().unwrap_or_else(|| "never".to_string());
                vec![a.run.to_string(), a.step.to_string(), a.title.clone(), a.asked.join(", "), expires]
            })
            .collect();
        ui::table(&["RUN", "STEP", "QUESTION", "ASKED", "EXPIRES"], &rows)
    });
    Ok(exit::OK)
}

async fn decide(args: Decide, verdict: Verdict, config: &Config) -> Result<Exit> {
    let client = offline::must_run(config, &args.server)?;
    let run = RunId::new(&args.run);
    let step = match &args.step {
        Some(step) => StepId::new(step),
        None => {
            let waiting: Vec<StepId> =
                client.approvals().await?.approvals.into_iter().filter(|a| a.run == run).map(|a| a.step).collect();
            match waiting.as_slice() {
                [one] => one.clone(),
                [] => bail!("run {run} waits for no decision\n  hint: `engross approvals list` shows what does"),
                several => {
                    let names: Vec<&str> = several.iter().map(StepId::as_str).collect();
                    bail!("run {run} waits for several decisions: name the step, one of {}", names.join(", "))
                }
            }
        }
    };
    let request = wire::Decide { decision: verdict, by: args.who.or_account(), comment: args.comment };
    let decided = client.decide(&run, &step, &request).await?;
    ui::print(args.format.format, &decided, || match decided.effect.as_str() {
        "recorded" => "recorded; others have to decide as well\n".to_string(),
        "decided" => format!("{}\n", if verdict == Verdict::Approve { "approved" } else { "rejected" }),
        _ => "too late: the approval had expired\n".to_string(),
    });
    Ok(if decided.effect == "expired" { exit::NOT_GOOD } else { exit::OK })
}

//! `engross approvals`: what waits for people, and what they say.

use crate::args::{AsArg, FormatArg, ServerArg};
use crate::client::Client;
use crate::config::Config;
use crate::exit::{self, Exit};
use crate::{offline, sources, ui};
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use engross_core::{RunId, StepId, Verdict};
use engross_runtime::ApprovalView;
use engross_server::wire;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::path::PathBuf;

/// See what waits for a decision, and decide.
#[derive(Debug, Subcommand)]
pub enum Approvals {
    /// List what waits for a decision
    List(List),
    /// Say yes
    Approve(Decide),
    /// Say no
    Reject(Decide),
    /// Have somebody else decide instead of you
    Delegate(Delegate),
    /// Say that what is approved was changed: decisions so far are void, and people are asked anew
    Reset(Reset),
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

    /// What is filled in of the approval's form, as JSON: {"cost_center": "A1"}
    #[arg(long, value_name = "JSON")]
    pub form: Option<String>,

    /// The digest of what you were shown; a decision about anything else is refused
    #[arg(long, value_name = "SHA256")]
    pub sha256: Option<String>,

    /// The round in which you were asked, as `engross approvals list` shows it; needed once people are asked anew
    #[arg(long)]
    pub round: Option<u32>,

    #[command(flatten)]
    pub who: AsArg,

    #[command(flatten)]
    pub server: ServerArg,

    #[command(flatten)]
    pub format: FormatArg,
}

/// Who decides instead.
#[derive(Debug, Args)]
pub struct Delegate {
    /// The run's id
    pub run: String,

    /// The approval's step; may be left out when the run waits for one decision only
    pub step: Option<String>,

    /// Who decides instead: an e-mail address
    #[arg(long, value_name = "PERSON")]
    pub to: String,

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

/// What is approved now.
#[derive(Debug, Args)]
pub struct Reset {
    /// The run's id
    pub run: String,

    /// The approval's step; may be left out when the run waits for one decision only
    pub step: Option<String>,

    /// The SHA-256 of its canonical JSON
    #[arg(long, value_name = "SHA256", required_unless_present = "subject", conflicts_with = "subject")]
    pub sha256: Option<String>,

    /// A JSON file that holds it, or - for standard input
    #[arg(long, value_name = "FILE")]
    pub subject: Option<PathBuf>,

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
        Approvals::Delegate(args) => delegate(args, config).await,
        Approvals::Reset(args) => reset(args, config).await,
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
                let round = a.round.to_string();
                vec![a.run.to_string(), a.step.to_string(), round, question(a), a.asked.join(", "), expires]
            })
            .collect();
        ui::table(&["RUN", "STEP", "ROUND", "QUESTION", "ASKED", "EXPIRES"], &rows)
    });
    Ok(offline::unread(&found.unreadable))
}

/// The question, and what else whoever decides has to know.
fn question(approval: &ApprovalView) -> String {
    let mut text = approval.title.clone();
    if approval.stages > 1 {
        text.push_str(&format!(" (stage {} of {})", approval.stage, approval.stages));
    }
    if !approval.form.is_empty() {
        let fields: Vec<&str> = approval.form.keys().map(String::as_str).collect();
        text.push_str(&format!(" (form: {})", fields.join(", ")));
    }
    if let Some(because) = &approval.because {
        text.push_str(&format!(" ({because})"));
    }
    text
}

/// The one approval of a run that is meant.
async fn meant(client: &Client, run: &RunId, step: Option<&str>) -> Result<StepId> {
    if let Some(step) = step {
        return Ok(StepId::new(step));
    }
    let wire::Approvals { approvals, unreadable } = client.approvals().await?;
    if let Some(unreadable) = unreadable.into_iter().find(|unreadable| unreadable.run == *run) {
        bail!("run {run}: {}\n  hint: `engross store verify` tells more; only a backup mends it", unreadable.why);
    }
    let waiting: Vec<StepId> = approvals.into_iter().filter(|a| a.run == *run).map(|a| a.step).collect();
    match waiting.as_slice() {
        [one] => Ok(one.clone()),
        [] => bail!("run {run} waits for no decision\n  hint: `engross approvals list` shows what does"),
        several => {
            let names: Vec<&str> = several.iter().map(StepId::as_str).collect();
            bail!("run {run} waits for several decisions: name the step, one of {}", names.join(", "))
        }
    }
}

/// The round that a decision names. Without a word of who decides it is the first one: what is asked in a later one was changed or
/// is asked again, and they may have looked at it before that.
async fn round(client: &Client, run: &RunId, step: &StepId, args: &Decide) -> Result<Option<u32>> {
    if args.round.is_some() {
        return Ok(args.round);
    }
    let approvals = client.approvals().await?.approvals;
    let Some(asked) = approvals.into_iter().find(|a| a.run == *run && a.step == *step) else { return Ok(None) };
    if asked.round > 1 && args.sha256.is_none() {
        bail!(
            "step `{}` is asked anew, in round {}: what is approved was changed, or the step is run again\n  \
             hint: look at it with `engross approvals list`, then decide with --round {}",
            ui::escaped(step.as_str()),
            asked.round,
            asked.round
        );
    }
    Ok(Some(asked.round))
}

async fn decide(args: Decide, verdict: Verdict, config: &Config) -> Result<Exit> {
    let form = args.form.as_deref().map(serde_json::from_str::<Value>).transpose();
    let form = form.context("--form is no JSON")?;
    let client = offline::must_run(config, &args.server)?;
    let run = RunId::new(&args.run);
    let step = meant(&client, &run, args.step.as_deref()).await?;
    let round = round(&client, &run, &step, &args).await?;
    let request = wire::Decide {
        decision: verdict,
        by: args.who.or_account(),
        comment: args.comment,
        form,
        subject_sha256: args.sha256,
        round,
    };
    let decided = client.decide(&run, &step, &request).await?;
    ui::print(args.format.format, &decided, || match decided.effect.as_str() {
        "recorded" => "recorded; others have to decide as well\n".to_string(),
        "decided" => format!("{}\n", if verdict == Verdict::Approve { "approved" } else { "rejected" }),
        _ => EXPIRED.to_string(),
    });
    Ok(code(&decided))
}

const EXPIRED: &str = "too late: the approval had expired\n";

fn code(decided: &wire::Decided) -> Exit {
    if decided.effect == "expired" { exit::NOT_GOOD } else { exit::OK }
}

async fn delegate(args: Delegate, config: &Config) -> Result<Exit> {
    let client = offline::must_run(config, &args.server)?;
    let run = RunId::new(&args.run);
    let step = meant(&client, &run, args.step.as_deref()).await?;
    let request = wire::Delegate { by: args.who.or_account(), to: args.to, comment: args.comment };
    let done = client.delegate(&run, &step, &request).await?;
    ui::print(args.format.format, &done, || match done.effect.as_str() {
        "recorded" => format!("{} decides instead of {}\n", ui::escaped(&request.to), ui::escaped(&request.by)),
        _ => EXPIRED.to_string(),
    });
    Ok(code(&done))
}

async fn reset(args: Reset, config: &Config) -> Result<Exit> {
    let subject_sha256 = match (&args.sha256, &args.subject) {
        (Some(digest), _) => digest.clone(),
        (None, Some(path)) => {
            let text = sources::read_text(path)?;
            let subject: Value = serde_json::from_str(text.text()).context("the subject is no JSON")?;
            digest(subject)
        }
        (None, None) => bail!("name what is approved now with --sha256 or --subject"),
    };
    let client = offline::must_run(config, &args.server)?;
    let run = RunId::new(&args.run);
    let step = meant(&client, &run, args.step.as_deref()).await?;
    let request = wire::ChangeSubject { subject_sha256, by: args.who.or_account(), comment: args.comment };
    let done = client.change_subject(&run, &step, &request).await?;
    ui::print(args.format.format, &done, || match done.effect.as_str() {
        "recorded" => "the decisions so far are void; people are asked anew\n".to_string(),
        _ => EXPIRED.to_string(),
    });
    Ok(code(&done))
}

/// The digest that an approval keeps of its subject: SHA-256 of the canonical JSON, keys sorted, no white space.
fn digest(mut subject: Value) -> String {
    subject.sort_all_objects();
    Sha256::digest(subject.to_string()).iter().map(|byte| format!("{byte:02x}")).collect()
}

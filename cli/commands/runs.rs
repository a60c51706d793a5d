//! `engross runs`: list, show, watch, cancel; and have steps tried again, ended by hand, or run again.

use crate::args::{AsArg, FormatArg, ServerArg};
use crate::client::Client;
use crate::commands::incidents::{self, attempt_of, outputs, seen, what_follows};
use crate::commands::run::{exit_of, summary};
use crate::config::Config;
use crate::exit::{self, Exit};
use crate::{follow, offline, timeline, ui};
use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use engross_core::{RunId, StepId};
use engross_runtime::{IncidentView, RunView};
use engross_server::wire;
use serde_json::json;

/// Look at runs, follow them, help them on, give them up.
#[derive(Debug, Subcommand)]
pub enum Runs {
    /// List runs, newest first
    List(List),
    /// Show a run: its steps, its timeline, its outputs
    Show(Show),
    /// Follow a run to its end
    Watch(Show),
    /// Give a run up: what has left is waited for, nothing new starts
    Cancel(Cancel),
    /// Try a step again that failed and waits for a person, or that would try later by itself
    ///
    /// Use it when what made it fail is mended: a key, a template, a provider that was down. The effect keeps its key.
    Retry(Retry),
    /// End a step by hand that failed and waits for a person
    ///
    /// Use it when its work was done in another way, or is not needed: the step ends as you say, with the outputs that you give,
    /// and the run goes on from there. Approvals are not approved so.
    Skip(Skip),
    /// Run a step and all that follows from it again, also of a run that is over
    ///
    /// Use it when what a step made is wrong or gone. Effects that happened are refused unless --effects-again says that they may
    /// happen once more: a second contract, a second mail, under new keys.
    Rerun(Rerun),
}

/// What to list.
#[derive(Debug, Args)]
pub struct List {
    /// Only runs that are not over
    #[arg(long)]
    pub open: bool,

    /// Runs that went to the archive, and no others
    #[arg(long, conflicts_with_all = ["open", "workflow"])]
    pub archived: bool,

    /// Only runs of this workflow
    #[arg(long, value_name = "NAME")]
    pub workflow: Option<String>,

    /// At most so many
    #[arg(long, default_value_t = 50)]
    pub limit: usize,

    #[command(flatten)]
    pub server: ServerArg,

    #[command(flatten)]
    pub format: FormatArg,
}

/// Which run.
#[derive(Debug, Args)]
pub struct Show {
    /// The run's id
    pub run: String,

    #[command(flatten)]
    pub server: ServerArg,

    #[command(flatten)]
    pub format: FormatArg,
}

/// Which run, and why.
#[derive(Debug, Args)]
pub struct Cancel {
    /// The run's id
    pub run: String,

    /// Why, for those who look later
    #[arg(long)]
    pub reason: Option<String>,

    #[command(flatten)]
    pub who: AsArg,

    #[command(flatten)]
    pub server: ServerArg,

    #[command(flatten)]
    pub format: FormatArg,
}

/// Which step, and who has it tried again.
#[derive(Debug, Args)]
pub struct Retry {
    /// The run's id
    pub run: String,

    /// The step
    pub step: String,

    /// What was mended, for those who look later
    #[arg(long)]
    pub comment: Option<String>,

    #[command(flatten)]
    pub who: AsArg,

    #[command(flatten)]
    pub server: ServerArg,

    #[command(flatten)]
    pub format: FormatArg,
}

/// Which step, and how it ends.
#[derive(Debug, Args)]
pub struct Skip {
    /// The run's id
    pub run: String,

    /// The step
    pub step: String,

    /// How it ends [default: the operation's good outcome]
    #[arg(long)]
    pub outcome: Option<String>,

    /// What it leaves, as JSON, or @FILE, or - for standard input; `engross schema OPERATION` shows its form
    #[arg(long, value_name = "JSON")]
    pub outputs: Option<String>,

    /// Why, for those who look later
    #[arg(long)]
    pub comment: String,

    #[command(flatten)]
    pub who: AsArg,

    #[command(flatten)]
    pub server: ServerArg,

    #[command(flatten)]
    pub format: FormatArg,
}

/// From where a run runs again.
#[derive(Debug, Args)]
pub struct Rerun {
    /// The run's id
    pub run: String,

    /// The first step to run again
    #[arg(long, value_name = "STEP")]
    pub from: String,

    /// What happened at providers may happen once more, under new keys
    #[arg(long)]
    pub effects_again: bool,

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
/// No engine runs, or it refused.
pub async fn run(runs: Runs, config: &Config) -> Result<Exit> {
    match runs {
        Runs::List(args) => list(args, config).await,
        Runs::Show(args) => show(args, config).await,
        Runs::Watch(args) => watch(args, config).await,
        Runs::Cancel(args) => cancel(args, config).await,
        Runs::Retry(args) => retry(args, config).await,
        Runs::Skip(args) => skip(args, config).await,
        Runs::Rerun(args) => rerun(args, config).await,
    }
}

async fn list(args: List, config: &Config) -> Result<Exit> {
    let runs = match offline::running(config, &args.server)? {
        Some(client) => client.runs(&query(&args)).await?,
        None if args.archived => offline::list_archived(config, args.limit).await?,
        None => offline::list(config, args.open, args.workflow.clone(), args.limit).await?,
    };
    ui::print(args.format.format, &runs, || {
        let rows: Vec<Vec<String>> = runs
            .runs
            .iter()
            .map(|r| vec![r.id.clone(), r.status.clone(), r.started_at.clone(), r.title.clone(), r.doing.clone()])
            .collect();
        ui::table(&["RUN", "STATUS", "STARTED", "TITLE", "DOING"], &rows)
    });
    Ok(offline::unread(&runs.unreadable))
}

fn query(args: &List) -> String {
    let mut query = format!("?open={}&archived={}&limit={}", args.open, args.archived, args.limit);
    if let Some(workflow) = &args.workflow {
        let encoded: String = url::form_urlencoded::byte_serialize(workflow.as_bytes()).collect();
        query.push_str(&format!("&workflow={encoded}"));
    }
    query
}

async fn show(args: Show, config: &Config) -> Result<Exit> {
    let id = RunId::new(&args.run);
    let client = offline::running(config, &args.server)?;
    let (view, timeline) = match &client {
        Some(client) => (client.run(&id).await?, client.journal(&id, 0, 0).await?.timeline),
        None => offline::show(config, &id).await?,
    };
    let incidents = if follow::needs_a_person(&view) {
        incidents::found(config, &args.server, Some(&id)).await?.incidents
    } else {
        Vec::new()
    };
    ui::print(args.format.format, &json!({ "run": view, "timeline": timeline, "incidents": incidents }), || {
        let mut text = describe(&view, &incidents, client.is_some());
        text.push_str("\ntimeline\n");
        text.push_str(&timeline::folded(&timeline));
        text
    });
    Ok(exit::OK)
}

fn describe(view: &RunView, incidents: &[IncidentView], engine_runs: bool) -> String {
    let mut text = format!(
        "run       {}\ntitle     {}\nworkflow  {} ({})\nstatus    {}\nstarted   {} by {}\n",
        view.id,
        ui::escaped(&view.title),
        ui::escaped(&view.workflow),
        view.plan.get(..12).unwrap_or(&view.plan),
        view.status.as_str(),
        view.started_at,
        ui::escaped(view.requester.as_str()),
    );
    if !view.doing.is_empty() {
        text.push_str(&format!("doing     {}\n", ui::escaped(&view.doing)));
    }
    text.push('\n');
    let rows: Vec<Vec<String>> = view
        .steps
        .iter()
        .map(|step| {
            let state = step.outcome.clone().unwrap_or_else(|| step.state.clone());
            let error = step.error.as_ref().map(ToString::to_string);
            let note = error.or_else(|| step.note.clone()).unwrap_or_default();
            vec![step.id.to_string(), step.uses.clone(), state, note]
        })
        .collect();
    text.push_str(&ui::table(&["STEP", "USES", "STATE", "NOTE"], &rows));
    if view.status.is_over() {
        text.push('\n');
        text.push_str(&summary(view));
    } else if !incidents.is_empty() {
        text.push('\n');
        text.push_str(&follow::ways_on(view, incidents));
        if !engine_runs {
            text.push_str(follow::NEEDS_AN_ENGINE);
        }
    }
    text
}

async fn watch(args: Show, config: &Config) -> Result<Exit> {
    let client = offline::must_run(config, &args.server)?;
    let id = RunId::new(&args.run);
    let view = tokio::select! {
        view = follow::to_the_end(&client, &id) => view?,
        _ = tokio::signal::ctrl_c() => return Ok(exit::INTERRUPTED),
    };
    ui::print(args.format.format, &view, || summary(&view));
    Ok(exit_of(&view))
}

async fn cancel(args: Cancel, config: &Config) -> Result<Exit> {
    let client: Client = offline::must_run(config, &args.server)?;
    let request = wire::CancelRun { by: args.who.or_account(), reason: args.reason };
    let view = client.cancel(&RunId::new(&args.run), &request).await?;
    ui::print(args.format.format, &view, || format!("run {} is {}\n", view.id, view.status.as_str()));
    Ok(exit::OK)
}

async fn retry(args: Retry, config: &Config) -> Result<Exit> {
    let client = offline::must_run(config, &args.server)?;
    let (run, step) = (RunId::new(&args.run), StepId::new(&args.step));
    let attempt = attempt_of(&seen(&client, &run, &step).await?);
    let request = wire::RetryStep { by: args.who.or_account(), attempt, comment: args.comment };
    let view = client.retry(&run, &step, &request).await?;
    ui::print(args.format.format, &view, || format!("step `{step}` is tried again; {}\n", what_follows(&view)));
    Ok(exit::OK)
}

async fn skip(args: Skip, config: &Config) -> Result<Exit> {
    let client = offline::must_run(config, &args.server)?;
    let (run, step) = (RunId::new(&args.run), StepId::new(&args.step));
    let outputs = outputs(args.outputs.as_deref())?;
    let before = seen(&client, &run, &step).await?;
    if before.state == "in_doubt" {
        bail!(
            "step `{step}` is in doubt: its effect may have happened, so it cannot be skipped\n  hint: look at the provider, \
             and say what you found: `engross in-doubt happened {run} {step}` or `engross in-doubt not-done {run} {step}`"
        );
    }
    let said = wire::Saying::Ended { outcome: args.outcome, outputs };
    let (by, attempt) = (args.who.or_account(), attempt_of(&before));
    let view = client.answer(&run, &step, &wire::AnswerStep { by, attempt, comment: Some(args.comment), said }).await?;
    ui::print(args.format.format, &view, || {
        let outcome = view.steps.iter().find(|now| now.id == step).and_then(|now| now.outcome.as_deref());
        format!("step `{step}` ended as `{}`, by your word; {}\n", outcome.unwrap_or("ended"), what_follows(&view))
    });
    Ok(exit::OK)
}

async fn rerun(args: Rerun, config: &Config) -> Result<Exit> {
    let client = offline::must_run(config, &args.server)?;
    let (run, from) = (RunId::new(&args.run), StepId::new(&args.from));
    seen(&client, &run, &from).await?;
    let (by, comment) = (args.who.or_account(), args.comment);
    let request = wire::RerunRun { by, from: args.from, effects_again: args.effects_again, comment };
    let view = client.rerun(&run, &request).await?;
    ui::print(args.format.format, &view, || {
        format!("step `{from}` and all that follows from it run again, under new keys; {}\n", what_follows(&view))
    });
    Ok(exit::OK)
}

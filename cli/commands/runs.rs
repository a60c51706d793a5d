//! `engross runs`: list, show, watch, cancel.

use crate::args::{AsArg, FormatArg, ServerArg};
use crate::client::Client;
use crate::commands::run::{exit_of, summary};
use crate::config::Config;
use crate::exit::{self, Exit};
use crate::{follow, offline, ui};
use anyhow::Result;
use clap::{Args, Subcommand};
use engross_core::RunId;
use engross_runtime::RunView;
use engross_server::wire;
use serde_json::json;

/// Look at runs, follow them, give them up.
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
    Ok(exit::OK)
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
    let (view, timeline) = match offline::running(config, &args.server)? {
        Some(client) => (client.run(&id).await?, client.journal(&id, 0, 0).await?.timeline),
        None => offline::show(config, &id).await?,
    };
    ui::print(args.format.format, &json!({ "run": view, "timeline": timeline }), || {
        let mut text = describe(&view);
        text.push_str("\ntimeline\n");
        for entry in &timeline {
            text.push_str(&format!("  {}\n", follow::line(entry)));
        }
        text
    });
    Ok(exit::OK)
}

fn describe(view: &RunView) -> String {
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
    } else if follow::stands_in_doubt(view) {
        text.push('\n');
        text.push_str(&follow::doubts(view));
        text.push('\n');
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

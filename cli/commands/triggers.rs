//! `engross triggers`: what starts runs by itself.

use crate::args::{Format, FormatArg, ServerArg};
use crate::config::Config;
use crate::exit::{self, Exit};
use crate::{host, offline, triggers, ui};
use anyhow::Result;
use clap::{Args, Subcommand};
use engross_runtime::{Clock, SystemClock, TriggerView};
use engross_server::wire;
use std::fmt::Write;

/// Show what starts runs by itself.
#[derive(Debug, Subcommand)]
pub enum Triggers {
    /// List schedules and event triggers, with the next firing and the last run
    ///
    /// Without a running engine the workflow files are read, and nothing is known of last runs. Exit code 1 says that a file
    /// with triggers cannot be compiled.
    List(List),
}

/// What is listed.
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    pub server: ServerArg,

    #[command(flatten)]
    pub format: FormatArg,
}

/// Carries it out.
///
/// # Errors
/// The engine does not answer, or the folder cannot be read.
pub async fn run(triggers: Triggers, config: &Config) -> Result<Exit> {
    let Triggers::List(args) = triggers;
    if let Some(client) = offline::running(config, &args.server)? {
        show(args.format.format, &client.triggers().await?);
        return Ok(exit::OK);
    }
    let registry = host::registry(config)?;
    let loaded = triggers::load(&config.workflows, &host::catalog(&registry, config))?;
    let now = SystemClock.now();
    let views = loaded.workflows.iter().flat_map(|workflow| {
        let name = &workflow.compiled.plan.definition().name;
        workflow.compiled.triggers.iter().map(move |trigger| TriggerView::of(name, trigger, now))
    });
    show(args.format.format, &wire::Triggers { triggers: views.collect() });
    triggers::tell(&loaded.broken);
    Ok(if loaded.broken.is_empty() { exit::OK } else { exit::NOT_GOOD })
}

fn show(format: Format, triggers: &wire::Triggers) {
    ui::print(format, triggers, || {
        if triggers.triggers.is_empty() {
            return "no workflow has a trigger\n".to_string();
        }
        triggers.triggers.iter().map(text).collect()
    });
}

fn text(view: &TriggerView) -> String {
    let mut text = format!("{}  {}  {}\n", ui::escaped(&view.workflow), view.kind, ui::escaped(&view.when));
    if let Some(next) = &view.next {
        let _ = writeln!(text, "  next: {next}");
    }
    if let (Some(run), Some(at)) = (&view.last_run, &view.last_at) {
        let _ = writeln!(text, "  last: {at}, run {run}");
    }
    if view.queued > 0 {
        let _ = writeln!(text, "  waiting for the end of an earlier run: {}", view.queued);
    }
    if let Some(note) = &view.note {
        let _ = writeln!(text, "  {}", ui::escaped(note));
    }
    text
}

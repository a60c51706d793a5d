//! `engross incidents`: what needs a person to go on. And what the verbs that help such a step have in common: what they look
//! at first, the outputs that they are given, and what they say of the run afterwards.

use crate::args::{FormatArg, ServerArg};
use crate::client::Client;
use crate::config::Config;
use crate::exit::Exit;
use crate::{offline, ui};
use anyhow::{Context, Result, anyhow};
use clap::{Args, Subcommand};
use engross_core::{RunId, StepId};
use engross_runtime::{IncidentView, RunView, StepView};
use engross_server::wire;
use serde_json::Value;

/// See which steps cannot go on by themselves, and what can be done.
///
/// Use it when a run stands still, or every morning: an incident is a step that failed and that the workflow does not say what
/// to do about; a step in doubt may have had its effect, and only a person can tell.
#[derive(Debug, Subcommand)]
pub enum Incidents {
    /// List every step that needs a person, what is wrong, and the commands to go on
    List(List),
}

/// What to list.
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
/// The engine does not answer, or the store cannot be read.
pub async fn run(incidents: Incidents, config: &Config) -> Result<Exit> {
    match incidents {
        Incidents::List(args) => list(&args, config, |_| true, "no step needs a person\n").await,
    }
}

/// Lists those that are wanted.
///
/// # Errors
/// As `run`.
pub async fn list(args: &List, config: &Config, wanted: fn(&IncidentView) -> bool, none: &str) -> Result<Exit> {
    let mut found = found(config, &args.server, None).await?;
    found.incidents.retain(wanted);
    ui::print(args.format.format, &found, || {
        if found.incidents.is_empty() {
            return none.to_string();
        }
        let blocks: Vec<String> = found
            .incidents
            .iter()
            .map(|i| format!("run {}: {}\n{}", i.run, ui::escaped(&i.run_title), described(i)))
            .collect();
        blocks.join("\n")
    });
    Ok(offline::unread(&found.unreadable))
}

/// What needs a person, of one run or of all: from the engine, or from the store where none runs.
///
/// # Errors
/// As `run`.
pub async fn found(config: &Config, server: &ServerArg, run: Option<&RunId>) -> Result<wire::Incidents> {
    if let Some(client) = offline::running(config, server)? {
        return client.incidents(run).await;
    }
    let mut found = offline::incidents(config).await?;
    found.incidents.retain(|incident| run.is_none_or(|run| incident.run == *run));
    found.unreadable.retain(|unreadable| run.is_none_or(|run| unreadable.run == *run));
    Ok(found)
}

/// A step that needs a person: what is wrong, what is known, and the commands to go on.
pub fn described(incident: &IncidentView) -> String {
    let (kind, first) = match incident.kind.as_str() {
        "in_doubt" => ("in doubt", "look at the provider whether it happened, and then"),
        _ => ("incident", "mend what is wrong, and then"),
    };
    let mut text = format!(
        "  {} ({}): {kind} since {}, attempt {}\n    {}\n",
        incident.step,
        ui::escaped(&incident.uses),
        incident.since,
        incident.attempt,
        ui::escaped(&incident.error.to_string())
    );
    if let Some(hint) = &incident.error.hint {
        text.push_str(&format!("    hint: {}\n", ui::escaped(hint)));
    }
    if let Some(sent) = incident.last_intent.as_ref().filter(|_| incident.kind == "in_doubt") {
        text.push_str(&format!("    last sent at {sent} under the key {}\n", ui::escaped(&incident.key)));
    }
    text.push_str(&format!("    {first} one of\n"));
    for way in &incident.ways_out {
        text.push_str(&format!("      {way}\n"));
    }
    text
}

/// The step that a person speaks of, as it stands now.
///
/// # Errors
/// No such run or step.
pub async fn seen(client: &Client, run: &RunId, step: &StepId) -> Result<StepView> {
    let view = client.run(run).await?;
    let known: Vec<&str> = view.steps.iter().map(|step| step.id.as_str()).collect();
    let unknown = || anyhow!("there is no step `{step}` in run {run}\n  hint: its steps are {}", known.join(", "));
    view.steps.iter().find(|known| known.id == *step).cloned().ok_or_else(unknown)
}

/// The attempt that was looked at, so that nobody speaks of one that they have not seen. An incident before the first attempt
/// has number 0, which views leave out.
pub fn attempt_of(step: &StepView) -> Option<u32> {
    step.attempt.or((step.state == "incident").then_some(0))
}

/// Outputs as they were given: JSON, a file's after `@`, or standard input's for `-`. Null where none are.
///
/// # Errors
/// They cannot be read, or are no JSON.
pub fn outputs(given: Option<&str>) -> Result<Value> {
    let text = match given {
        None => return Ok(Value::Null),
        Some("-" | "@-") => std::io::read_to_string(std::io::stdin()).context("cannot read standard input")?,
        Some(given) => match given.strip_prefix('@') {
            Some(path) => std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?,
            None => given.to_string(),
        },
    };
    serde_json::from_str(&text).context("--outputs is not JSON")
}

/// What follows for the run, as the end of a sentence.
pub fn what_follows(view: &RunView) -> String {
    if view.status.is_over() {
        return format!("the run is over: {}", view.status.as_str());
    }
    let needs_a_person = |step: &&StepView| matches!(step.state.as_str(), "incident" | "in_doubt");
    let stuck: Vec<&str> = view.steps.iter().filter(needs_a_person).map(|step| step.id.as_str()).collect();
    if stuck.is_empty() {
        return format!("the run goes on, and `engross runs watch {}` follows it", view.id);
    }
    format!("the run still needs a person at {}; see `engross incidents list`", stuck.join(", "))
}

#[cfg(test)]
mod tests {
    use super::outputs;
    use serde_json::json;

    #[test]
    fn outputs_are_json_or_a_file_or_nothing() {
        assert_eq!(outputs(None).unwrap(), json!(null));
        assert_eq!(outputs(Some("{\"a\":1}")).unwrap(), json!({ "a": 1 }));
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "[2]").unwrap();
        assert_eq!(outputs(Some(&format!("@{}", file.path().display()))).unwrap(), json!([2]));
        assert!(format!("{:#}", outputs(Some("{a}")).unwrap_err()).starts_with("--outputs is not JSON"));
    }
}

//! `engross who-approves`: asks a policy who would have to approve, and why.
//!
//! The table decides in `engross-policy`; only whom its groups stand for is added here.

use crate::args::{Format, FormatArg};
use crate::config::Config;
use crate::exit::{self, Exit};
use crate::{sources, ui};
use anyhow::{Context, Result};
use clap::Args;
use engross_core::Person;
use engross_policy::{Decided, Matched, Policy, PolicyError, PolicyStage};
use engross_step_api::Directory;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Ask a policy who would have to approve, and why.
///
/// The file's own tests must pass first. With `people:` in engross.yaml, the persons behind each group are named. Exit code 1
/// also says that the policy refuses, or that a stage could never be approved.
#[derive(Debug, Args)]
pub struct WhoApproves {
    /// The policy file, such as policies/order_approval.policy.yaml
    #[arg(value_name = "POLICY_FILE")]
    pub file: PathBuf,

    /// A value for each input, as JSON: {"value": 12000, "region": "EU"}
    #[arg(long, value_name = "JSON", required_unless_present = "given_file", conflicts_with = "given_file")]
    pub given: Option<String>,

    /// The same in a file, or - for standard input
    #[arg(long, value_name = "FILE")]
    pub given_file: Option<PathBuf>,

    #[command(flatten)]
    pub format: FormatArg,
}

/// One stage with whom it asks.
#[derive(Debug, Serialize)]
struct Asked {
    from: Vec<String>,
    quorum: u32,
    /// Whom the names stand for; nothing without a configuration.
    people: Option<Vec<Person>>,
    /// Why it could never be approved, if that is so.
    problem: Option<String>,
}

/// Carries it out.
///
/// # Errors
/// A file that cannot be read, or values that are no JSON.
pub fn run(args: &WhoApproves, config: &Config) -> Result<Exit> {
    let file = sources::read_text(&args.file)?;
    let policy = match Policy::load(&file) {
        Ok(policy) => policy,
        Err(found) => {
            ui::diagnostics(&found, std::slice::from_ref(&file));
            return Ok(exit::NOT_GOOD);
        }
    };
    let given = given(args)?;
    match policy.decide(&given) {
        Ok(decided) => Ok(answer(args.format.format, &policy, &decided, config)),
        Err(PolicyError::Refused { rule, because, .. }) => {
            let value = json!({ "policy": policy.table().name, "rule": rule, "refused": because });
            ui::print(args.format.format, &value, || {
                format!("{} refuses this: {}", head(&policy, &rule), ui::escaped(&because))
            });
            Ok(exit::NOT_GOOD)
        }
        Err(PolicyError::Given { problems, .. }) => {
            let option = if args.given_file.is_some() { "--given-file" } else { "--given" };
            for problem in problems {
                ui::note(&format!("error: {option}: {problem}"));
            }
            Ok(exit::NOT_GOOD)
        }
        Err(error @ PolicyError::NoRule { .. }) => Err(error.into()),
    }
}

fn given(args: &WhoApproves) -> Result<Value> {
    let (text, option) = match (&args.given, &args.given_file) {
        (Some(given), _) => (given.clone(), "--given"),
        (None, Some(path)) if path == Path::new("-") => {
            (std::io::read_to_string(std::io::stdin()).context("cannot read standard input")?, "--given-file")
        }
        (None, Some(path)) => {
            let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            (text, "--given-file")
        }
        (None, None) => anyhow::bail!("--given is missing: write `--given '{{\"value\": 12000}}'`"),
    };
    serde_json::from_str(&text).with_context(|| format!("{option} is not JSON"))
}

fn answer(format: Format, policy: &Policy, decided: &Decided, config: &Config) -> Exit {
    let directory = config.is_file.then(|| Directory::new(config.people.clone()));
    let stages: Vec<Asked> = decided.stages.iter().map(|stage| asked(stage, directory.as_ref())).collect();
    let value = json!({
        "policy": policy.table().name,
        "rule": decided.rule,
        "because": decided.because,
        "stages": stages,
    });
    ui::print(format, &value, || text(policy, decided, &stages));
    if stages.iter().any(|stage| stage.problem.is_some()) { exit::NOT_GOOD } else { exit::OK }
}

fn asked(stage: &PolicyStage, directory: Option<&Directory>) -> Asked {
    let mut people = BTreeSet::new();
    let mut problems = Vec::new();
    for name in &stage.from {
        match directory.map(|directory| directory.resolve(name)) {
            Some(Ok(found)) => people.extend(found),
            Some(Err(unknown)) => problems.push(unknown.to_string()),
            None => {}
        }
    }
    if directory.is_some() && problems.is_empty() && people.len() < stage.quorum as usize {
        problems.push(format!("{} must approve, and only {} may", stage.quorum, people.len()));
    }
    Asked {
        from: stage.from.clone(),
        quorum: stage.quorum,
        people: directory.map(|_| people.into_iter().collect()),
        problem: (!problems.is_empty()).then(|| problems.join("; ")),
    }
}

/// Which rule of which policy, on one line.
fn head(policy: &Policy, rule: &Matched) -> String {
    format!("{rule} of `{}`", policy.table().name)
}

fn text(policy: &Policy, decided: &Decided, stages: &[Asked]) -> String {
    let mut text = format!("{} decides", head(policy, &decided.rule));
    if let Some(because) = &decided.because {
        let _ = write!(text, ": {}", ui::escaped(because));
    }
    text.push('\n');
    for (index, stage) in stages.iter().enumerate() {
        let _ = write!(text, "  {}. {} of {}", index + 1, stage.quorum, ui::escaped(&stage.from.join(", ")));
        if let Some(people) = stage.people.as_ref().filter(|people| !people.is_empty()) {
            let names: Vec<&str> = people.iter().map(Person::as_str).collect();
            let _ = write!(text, ": {}", ui::escaped(&names.join(", ")));
        }
        text.push('\n');
        if let Some(problem) = &stage.problem {
            let _ = writeln!(text, "     this could never be approved: {}", ui::escaped(problem));
        }
    }
    text
}

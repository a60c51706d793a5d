//! The file as a workflow: every key known, every setting parsed, every value with its place.
//!
//! What a name means and whether it exists is not known here; that is for the rules. A part that is wrong is reported and left
//! out, so that the rest is checked all the same.

pub(crate) mod compensate;
mod foreach;
mod keys;
mod needs;
mod settings;
mod step;
mod triggers;

pub(crate) use needs::{NeedItem, NeedName};
pub(crate) use step::Step;
pub(crate) use triggers::{Kind as TriggerKind, Trigger as WrittenTrigger};

use crate::codes;
use crate::findings::Findings;
use engross_core::limits::{GROUP_RUNS_MAX, STEPS_MAX};
use engross_core::{OnError, RetryPolicy};
use engross_source::yaml::Entry;
use engross_source::{Node, Span, Value};
use keys::{check_keys, entries, require, scalar, text};

/// The version of the language this compiler knows.
pub(crate) const LANGUAGE: &str = "engross/v1";

const KEYS: [&str; 9] = ["schema", "name", "title", "inputs", "triggers", "run", "defaults", "steps", "outputs"];
const RUN_KEYS: [&str; 3] = ["key", "timeout", "concurrency"];

/// A workflow as written.
pub(crate) struct Workflow<'a> {
    pub(crate) name: &'a str,
    pub(crate) title: Option<&'a Node>,
    pub(crate) inputs: &'a [Entry],
    pub(crate) run: Run<'a>,
    pub(crate) triggers: Vec<WrittenTrigger<'a>>,
    pub(crate) steps: Vec<Step<'a>>,
    pub(crate) outputs: &'a [Entry],
}

/// `run` as written.
#[derive(Default)]
pub(crate) struct Run<'a> {
    pub(crate) key: Option<&'a Node>,
    /// In milliseconds.
    pub(crate) timeout_ms: Option<u64>,
    /// The group of a run, and how many runs of one may be at work.
    pub(crate) concurrency: Option<(&'a Node, u32)>,
}

/// Reads the tree. Nothing is returned only when the file is no mapping at all.
pub(crate) fn read<'a>(root: &'a Node, findings: &mut Findings<'a>) -> Option<Workflow<'a>> {
    if !matches!(root.value, Value::Mapping(_)) {
        let message = format!("a workflow is a mapping, and this is {}", root.kind_name());
        findings.report(codes::WRONG_KIND, root.span, message, Some(format!("start with `schema: {LANGUAGE}`")));
        return None;
    }
    check_keys(findings, root, "a workflow", &KEYS);
    let start = Span::at(0);
    version(findings, root, start);
    let name = require(findings, root, "name", "a workflow", start, "name: mutual_nda").and_then(|node| {
        let name = scalar(findings, node, "`name`")?;
        keys::check_name(findings, name, node.span, "a workflow's name");
        Some(name)
    });
    let title = root.get("title").filter(|node| text(findings, node, "`title`").is_some());
    let inputs = named(findings, root, "inputs", "an input's name");
    let triggers = triggers::read(findings, root);
    let run = run(findings, root);
    let defaults = defaults(findings, root);
    let steps = steps(findings, root, start, &defaults);
    let outputs = named(findings, root, "outputs", "an output's name");
    Some(Workflow { name: name.unwrap_or_default(), title, inputs, run, triggers, steps, outputs })
}

fn version(findings: &mut Findings<'_>, root: &Node, start: Span) {
    let example = format!("schema: {LANGUAGE}");
    let Some(node) = require(findings, root, "schema", "a workflow", start, &example) else { return };
    if node.as_str() != Some(LANGUAGE) {
        let message = format!("the language of a workflow is `{LANGUAGE}`");
        findings.report(codes::LANGUAGE_VERSION, node.span, message, Some(format!("write `{example}`")));
    }
}

/// The entries of a map from names to something, each name checked.
fn named<'a>(findings: &mut Findings<'_>, root: &'a Node, key: &str, what: &str) -> &'a [Entry] {
    let Some(node) = root.get(key) else { return &[] };
    let found = entries(findings, node, &format!("`{key}`"));
    for entry in found {
        keys::check_name(findings, &entry.key.text, entry.key.span, what);
    }
    found
}

fn run<'a>(findings: &mut Findings<'_>, root: &'a Node) -> Run<'a> {
    let Some(node) = root.get("run") else { return Run::default() };
    if node.as_mapping().is_none() {
        entries(findings, node, "`run`");
        return Run::default();
    }
    check_keys(findings, node, "`run`", &RUN_KEYS);
    let key = node.get("key").filter(|key| text(findings, key, "`run.key`").is_some());
    let timeout_ms = node.get("timeout").and_then(|node| settings::span(findings, node, "`run.timeout`"));
    let concurrency =
        node.get("concurrency").and_then(|given| concurrency(findings, given, key_span(node, "concurrency")));
    Run { key, timeout_ms, concurrency }
}

fn concurrency<'a>(findings: &mut Findings<'_>, node: &'a Node, span: Span) -> Option<(&'a Node, u32)> {
    const WHAT: &str = "`run.concurrency`";
    if node.as_mapping().is_none() {
        entries(findings, node, WHAT);
        return None;
    }
    check_keys(findings, node, WHAT, &["group", "limit"]);
    let example = "group: \"{{ inputs.counterparty.email }}\"";
    let group = require(findings, node, "group", WHAT, span, example)
        .filter(|group| text(findings, group, "`run.concurrency.group`").is_some());
    let limit = node.get("limit").map(|given| {
        let value = given.as_i64().and_then(|n| u32::try_from(n).ok());
        let value = value.filter(|n| (1..=GROUP_RUNS_MAX).contains(n));
        if value.is_none() {
            let message = format!("`run.concurrency.limit` is a whole number from 1 to {GROUP_RUNS_MAX}");
            let hint = "it is how many runs of one group may be at work at once; 1 where it is not given".to_owned();
            findings.report(codes::VALUE, given.span, message, Some(hint));
        }
        value.unwrap_or(1)
    });
    Some((group?, limit.unwrap_or(1)))
}

/// What holds for every step that does not say otherwise.
#[derive(Default)]
struct Defaults {
    retry: RetryPolicy,
    on_error: OnError,
}

fn defaults(findings: &mut Findings<'_>, root: &Node) -> Defaults {
    let mut defaults = Defaults::default();
    let Some(node) = root.get("defaults") else { return defaults };
    if node.as_mapping().is_none() {
        entries(findings, node, "`defaults`");
        return defaults;
    }
    check_keys(findings, node, "`defaults`", &["retry", "on_error"]);
    if let Some(retry) = node.get("retry") {
        defaults.retry = settings::retry(findings, retry, &defaults.retry);
    }
    defaults.on_error = settings::on_error(findings, node, OnError::default());
    defaults
}

fn steps<'a>(findings: &mut Findings<'a>, root: &'a Node, start: Span, defaults: &Defaults) -> Vec<Step<'a>> {
    let example = "steps: { hello: { uses: notify, with: { … } } }";
    let Some(node) = require(findings, root, "steps", "a workflow", start, example) else { return Vec::new() };
    let all = entries(findings, node, "`steps`");
    if all.len() > STEPS_MAX {
        let message = format!("the workflow has {} steps, more than {STEPS_MAX}", all.len());
        let hint = "split it into several workflows".to_owned();
        findings.report(codes::TOO_MANY_STEPS, key_span(root, "steps"), message, Some(hint));
    } else if all.is_empty() && node.as_mapping().is_some() {
        let hint = format!("a step is an id and what it uses: `{example}`");
        findings.report(codes::MISSING_KEY, key_span(root, "steps"), "the workflow has no steps", Some(hint));
    }
    all.iter().take(STEPS_MAX).map(|entry| step::read(findings, entry, defaults)).collect()
}

/// The place of a key of a mapping, or of the mapping.
pub(crate) fn key_span(node: &Node, key: &str) -> Span {
    node.as_mapping().and_then(|mapping| mapping.entry(key)).map_or(node.span, |entry| entry.key.span)
}

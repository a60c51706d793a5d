//! `triggers` as written: schedules and events, each with the inputs of the runs that it starts.
//!
//! Whether a schedule can be read and whether the inputs fit is for `rules/triggers`.

use super::keys::{check_keys, entries, require, scalar, text};
use super::settings::choice;
use crate::codes;
use crate::findings::Findings;
use crate::limits::{EVENT_TYPE_CHARS_MAX, TRIGGERS_MAX};
use engross_schedule::{CatchUp, Overlap};
use engross_source::{Node, Span, Value};

const SCHEDULE_KEYS: [&str; 5] = ["cron", "timezone", "overlap", "catch_up", "inputs"];
const EVENT_KEYS: [&str; 4] = ["type", "id", "if", "inputs"];

/// One trigger as written.
pub(crate) struct Trigger<'a> {
    /// The place of its key, or of its entry in a list.
    pub(crate) span: Span,
    /// Its `inputs`, if they are a mapping.
    pub(crate) inputs: Option<&'a Node>,
    /// Whether there are `inputs` that are no mapping, which has been said.
    pub(crate) inputs_broken: bool,
    pub(crate) kind: Kind<'a>,
}

/// What starts a run.
pub(crate) enum Kind<'a> {
    /// The time.
    Schedule { cron: Option<&'a Node>, timezone: Option<&'a Node>, overlap: Overlap, catch_up: CatchUp },
    /// A named event.
    Event {
        name: Option<&'a str>,
        /// What tells one event from another, where that is not the event's own id.
        id: Option<&'a Node>,
        condition: Option<&'a Node>,
    },
}

/// Reads `triggers`.
pub(super) fn read<'a>(findings: &mut Findings<'a>, root: &'a Node) -> Vec<Trigger<'a>> {
    let Some(node) = root.get("triggers") else { return Vec::new() };
    let mut found = Vec::new();
    if node.as_mapping().is_some() {
        check_keys(findings, node, "`triggers`", &["schedule", "event"]);
    }
    for entry in entries(findings, node, "`triggers`") {
        let is_schedule = match entry.key.text.as_str() {
            "schedule" => true,
            "event" => false,
            _ => continue,
        };
        let nodes: &'a [Node] = match &entry.value.value {
            Value::Sequence(items) => items,
            _ => std::slice::from_ref(&entry.value),
        };
        for node in nodes {
            let span = if nodes.len() == 1 { entry.key.span } else { node.span };
            found.extend(if is_schedule { schedule(findings, node, span) } else { event(findings, node, span) });
        }
    }
    if found.len() > TRIGGERS_MAX {
        let message = format!("the workflow has {} triggers, more than {TRIGGERS_MAX}", found.len());
        let hint = "put the others into workflows of their own".to_owned();
        findings.report(codes::VALUE, super::key_span(root, "triggers"), message, Some(hint));
        found.truncate(TRIGGERS_MAX);
    }
    found
}

fn schedule<'a>(findings: &mut Findings<'a>, node: &'a Node, span: Span) -> Option<Trigger<'a>> {
    const WHAT: &str = "a schedule";
    if !is_mapping(findings, node, WHAT) {
        return None;
    }
    check_keys(findings, node, WHAT, &SCHEDULE_KEYS);
    let cron = require(findings, node, "cron", WHAT, span, "cron: \"0 9 * * 1\"")
        .filter(|node| scalar(findings, node, "`cron`").is_some());
    let timezone = node.get("timezone").filter(|node| scalar(findings, node, "`timezone`").is_some());
    let overlaps = [Overlap::Skip, Overlap::Queue, Overlap::Allow].map(|one| (one.as_str(), one));
    let catches = [CatchUp::Latest, CatchUp::All, CatchUp::None].map(|one| (one.as_str(), one));
    let overlap = choice(findings, node, "overlap", "`overlap`", &overlaps).unwrap_or_default();
    let catch_up = choice(findings, node, "catch_up", "`catch_up`", &catches).unwrap_or_default();
    let inputs = inputs(findings, node);
    let inputs_broken = inputs.is_none() && node.get("inputs").is_some();
    Some(Trigger { span, inputs, inputs_broken, kind: Kind::Schedule { cron, timezone, overlap, catch_up } })
}

fn event<'a>(findings: &mut Findings<'a>, node: &'a Node, span: Span) -> Option<Trigger<'a>> {
    const WHAT: &str = "an event trigger";
    if !is_mapping(findings, node, WHAT) {
        return None;
    }
    check_keys(findings, node, WHAT, &EVENT_KEYS);
    let name = require(findings, node, "type", WHAT, span, "type: crm/opportunity.won").and_then(|node| {
        let name = scalar(findings, node, "`type`")?;
        let is_good = !name.trim().is_empty()
            && name.chars().count() <= EVENT_TYPE_CHARS_MAX
            && !name.chars().any(char::is_control);
        if !is_good {
            let message = format!("`type` is 1 to {EVENT_TYPE_CHARS_MAX} printable characters");
            let hint = "it is what the sender calls the event, such as `crm/opportunity.won`".to_owned();
            findings.report(codes::VALUE, node.span, message, Some(hint));
        }
        is_good.then_some(name)
    });
    let id = node.get("id").filter(|node| text(findings, node, "`id`").is_some());
    let inputs = inputs(findings, node);
    let inputs_broken = inputs.is_none() && node.get("inputs").is_some();
    Some(Trigger { span, inputs, inputs_broken, kind: Kind::Event { name, id, condition: node.get("if") } })
}

fn is_mapping(findings: &mut Findings<'_>, node: &Node, what: &str) -> bool {
    entries(findings, node, what);
    node.as_mapping().is_some()
}

fn inputs<'a>(findings: &mut Findings<'_>, node: &'a Node) -> Option<&'a Node> {
    node.get("inputs").filter(|node| is_mapping(findings, node, "`inputs`"))
}

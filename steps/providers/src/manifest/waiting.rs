//! `lifecycle:` and `awaits:`: what the world does to an object, and how it is waited for.

use super::calls::property_names;
use super::load::{Shared, known_status};
use super::names::Names;
use super::operation::{input, outputs};
use super::reader::{Fields, Reader};
use super::{Await, AwaitOutcome, AwaitWhen, StatusFrom, lookup};
use crate::codes;
use crate::condition::Condition;
use crate::limits::{POLL_MS_MAX, POLL_MS_MIN, POLL_S_DEFAULT};
use crate::template::fold;
use engross_source::Node;
use engross_source::yaml::Entry;
use engross_step_api::{OutcomeKind, SPAN_PATTERN};
use serde_json::json;

/// Outcomes that every await has by itself.
const OWN_OUTCOMES: [&str; 2] = ["timed_out", "failed"];

/// Where the status stands, and the statuses that are known, folded.
pub(super) fn lifecycle(reader: &mut Reader<'_>, node: Option<&Node>) -> (Option<StatusFrom>, Vec<String>) {
    let Some(fields) = node.and_then(|node| reader.fields(node, "`lifecycle`", &["status", "derive", "known"])) else {
        return (None, Vec::new());
    };
    let known = reader.need(&fields, "known").map_or(&[][..], |node| reader.list(node, "`known`"));
    let known: Vec<String> = known.iter().filter_map(|node| reader.text(node, "a status").map(fold)).collect();
    let status = match fields.get("derive") {
        Some(node) => {
            if let Some(node) = fields.get("status") {
                reader.error(codes::WRONG_VALUE, node.span, "a status is either read (`status`) or derived (`derive`)");
            }
            Some(StatusFrom::Derived(derived(reader, node, &known)))
        }
        None => {
            let pointers = reader.need(&fields, "status").map(|node| reader.pointers(node, "`status`"));
            pointers.filter(|pointers| !pointers.0.is_empty()).map(StatusFrom::At)
        }
    };
    (status, known)
}

fn derived(reader: &mut Reader<'_>, node: &Node, known: &[String]) -> Vec<(Condition, String)> {
    let names = Names::default().with("doc");
    let mut rules = Vec::new();
    for item in reader.list(node, "`derive`") {
        let Some(fields) = reader.fields(item, "a rule for the status", &["if", "is"]) else { continue };
        let when = reader.need(&fields, "if").and_then(|node| reader.condition(node, "`if`", &names));
        let status = reader.need(&fields, "is").and_then(|node| {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            reader.word(node, "a status", &known, |word| Some(fold(word)).filter(|word| known.contains(&word.as_str())))
        });
        rules.extend(when.zip(status));
    }
    rules
}

/// One entry of `awaits:`.
pub(super) fn wait<'n>(reader: &mut Reader<'_>, entry: &'n Entry, shared: &Shared<'n>) -> Option<Await> {
    let keys = ["title", "note", "input", "output", "subject", "poll_s", "look", "reads", "outcomes"];
    reader.name(&entry.key.text, entry.key.span);
    if shared.operations.contains(&entry.key.text.as_str()) {
        let message = format!("`{}` is the name of an operation already", entry.key.text);
        reader.error(codes::WRONG_VALUE, entry.key.span, message);
    }
    let fields = reader.fields(&entry.value, "an await", &keys)?;
    let title = reader.need_text(&fields, "title").unwrap_or_default().to_string();
    let note = reader.maybe_text(&fields, "note");
    let mut input = input(reader, fields.get("input"), shared);
    let names = shared.names().with_only("input", property_names(&input)).without_settings(&shared.secrets);
    let subject = reader.need_template(&fields, "subject", &names);
    let look = reader.need(&fields, "look").and_then(|node| lookup::call(reader, node, shared, &names));
    let seconds = |ms: u64| i64::try_from(ms / 1000).unwrap_or(i64::MAX);
    let poll_s =
        reader.integer(&fields, "poll_s", seconds(POLL_MS_MIN), seconds(POLL_MS_MAX)).unwrap_or(POLL_S_DEFAULT);
    let made = names.with("reply").with("status");
    let (made, reads) = reads(reader, &fields, shared, made);
    let (output, outputs) = outputs(reader, fields.get("output"), shared, &made);
    let outcomes = reader.need(&fields, "outcomes").map(|node| outcomes(reader, node, shared, &made));
    if let Some(properties) = input.get_mut("properties").and_then(|p| p.as_object_mut()) {
        properties.insert(
            "poll".to_string(),
            json!({
                "type": "string",
                "pattern": SPAN_PATTERN,
                "description": "How often to look by itself, as the net for lost webhooks: 90s, 15m, 4h.",
            }),
        );
    }
    Some(Await {
        name: entry.key.text.clone(),
        title,
        note,
        input,
        output,
        outputs,
        subject: subject?,
        poll_ms: poll_s.unsigned_abs().saturating_mul(1000),
        look: look?,
        reads,
        outcomes: outcomes?,
    })
}

/// What is read after the look. Each may use what was read before it.
fn reads(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    shared: &Shared<'_>,
    names: Names,
) -> (Names, Vec<(String, super::Call)>) {
    let entries = fields.get("reads").map_or(&[][..], |node| reader.entries(node, "`reads`"));
    let (mut reads, mut known) = (Vec::new(), Vec::new());
    for entry in entries {
        let names = names.clone().with_only("reads", known.clone());
        reads.extend(lookup::call(reader, &entry.value, shared, &names).map(|call| (entry.key.text.clone(), call)));
        known.push(entry.key.text.clone());
    }
    (names.with_only("reads", known), reads)
}

/// The outcomes in the order of the file.
fn outcomes(reader: &mut Reader<'_>, node: &Node, shared: &Shared<'_>, names: &Names) -> Vec<AwaitOutcome> {
    let mut outcomes = Vec::new();
    for entry in reader.entries(node, "`outcomes`") {
        let name = entry.key.text.as_str();
        reader.name(name, entry.key.span);
        if OWN_OUTCOMES.contains(&name) {
            let message = format!("`{name}` is an outcome that every await has by itself");
            reader.error(codes::WRONG_VALUE, entry.key.span, message);
        }
        let Some(fields) = reader.fields(&entry.value, "an outcome", &["kind", "status", "if"]) else { continue };
        let kind = reader.need(&fields, "kind").and_then(|node| {
            reader.word(node, "a kind of outcome", &["bad", "good", "neutral"], |word| match word {
                "good" => Some(OutcomeKind::Good),
                "bad" => Some(OutcomeKind::Bad),
                "neutral" => Some(OutcomeKind::Neutral),
                _ => None,
            })
        });
        let when = match fields.get("if") {
            Some(node) => reader.condition(node, "`if`", names).map(AwaitWhen::If),
            None => {
                let statuses = reader.need(&fields, "status").map(|node| reader.one_or_more(node)).unwrap_or_default();
                let statuses = statuses.into_iter().filter_map(|node| known_status(reader, node, shared));
                Some(AwaitWhen::Status(statuses.collect()))
            }
        };
        outcomes.extend(kind.zip(when).map(|(kind, when)| AwaitOutcome { name: name.to_string(), kind, when }));
    }
    if outcomes.iter().filter(|outcome| outcome.kind == OutcomeKind::Good).count() != 1 {
        reader.error(codes::WRONG_VALUE, node.span, "exactly one outcome is good");
    }
    outcomes
}

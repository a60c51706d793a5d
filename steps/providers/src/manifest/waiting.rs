//! `lifecycle:`, `awaits:` and `webhooks:`: what the world does to an object, and how it is heard of.

use super::calls::property_names;
use super::load::{Shared, header_name, known_status};
use super::operation::{input, outputs};
use super::reader::Reader;
use super::{Await, AwaitOutcome, Scheme, Webhooks, lookup};
use crate::codes;
use crate::limits::{POLL_MS_MAX, POLL_MS_MIN, POLL_S_DEFAULT};
use crate::pointer::Pointers;
use crate::template::fold;
use engross_source::Node;
use engross_source::yaml::Entry;
use engross_step_api::{OutcomeKind, SPAN_PATTERN};
use serde_json::json;

/// Outcomes that every await has by itself.
const OWN_OUTCOMES: [&str; 2] = ["timed_out", "failed"];

/// Where the status stands, and the statuses that are known, folded.
pub(super) fn lifecycle(reader: &mut Reader<'_>, node: Option<&Node>) -> (Option<Pointers>, Vec<String>) {
    let Some(fields) = node.and_then(|node| reader.fields(node, "`lifecycle`", &["status", "known"])) else {
        return (None, Vec::new());
    };
    let status = reader.need(&fields, "status").map(|node| reader.pointers(node, "`status`"));
    let known = reader.need(&fields, "known").map_or(&[][..], |node| reader.list(node, "`known`"));
    let known = known.iter().filter_map(|node| reader.text(node, "a status").map(fold)).collect();
    (status, known)
}

/// One entry of `awaits:`.
pub(super) fn wait<'n>(reader: &mut Reader<'_>, entry: &'n Entry, shared: &Shared<'n>) -> Option<Await> {
    let keys = ["title", "note", "input", "output", "subject", "poll_s", "look", "outcomes"];
    reader.name(&entry.key.text, entry.key.span);
    if shared.operations.contains(&entry.key.text.as_str()) {
        let message = format!("`{}` is the name of an operation already", entry.key.text);
        reader.error(codes::WRONG_VALUE, entry.key.span, message);
    }
    let fields = reader.fields(&entry.value, "an await", &keys)?;
    let title = reader.need_text(&fields, "title").unwrap_or_default().to_string();
    reader.maybe_text(&fields, "note");
    let mut input = input(reader, fields.get("input"), shared);
    let names = shared.names().with_only("input", property_names(&input)).without_settings(&shared.secrets);
    let subject = reader.need_template(&fields, "subject", &names);
    let look = reader.need(&fields, "look").and_then(|node| lookup::call(reader, node, shared, &names));
    let seconds = |ms: u64| i64::try_from(ms / 1000).unwrap_or(i64::MAX);
    let poll_s =
        reader.integer(&fields, "poll_s", seconds(POLL_MS_MIN), seconds(POLL_MS_MAX)).unwrap_or(POLL_S_DEFAULT);
    let made = names.with("reply").with("status");
    let (output, outputs) = outputs(reader, fields.get("output"), shared, &made);
    let outcomes = reader.need(&fields, "outcomes").map(|node| outcomes(reader, node, shared));
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
        input,
        output,
        outputs,
        subject: subject?,
        poll_ms: poll_s.unsigned_abs().saturating_mul(1000),
        look: look?,
        outcomes: outcomes?,
    })
}

/// The outcomes, the good one first, the others in the order of the file.
fn outcomes(reader: &mut Reader<'_>, node: &Node, shared: &Shared<'_>) -> Vec<AwaitOutcome> {
    let mut outcomes = Vec::new();
    for entry in reader.entries(node, "`outcomes`") {
        let name = entry.key.text.as_str();
        reader.name(name, entry.key.span);
        if OWN_OUTCOMES.contains(&name) {
            let message = format!("`{name}` is an outcome that every await has by itself");
            reader.error(codes::WRONG_VALUE, entry.key.span, message);
        }
        let Some(fields) = reader.fields(&entry.value, "an outcome", &["kind", "status"]) else { continue };
        let kind = reader.need(&fields, "kind").and_then(|node| {
            reader.word(node, "a kind of outcome", &["bad", "good", "neutral"], |word| match word {
                "good" => Some(OutcomeKind::Good),
                "bad" => Some(OutcomeKind::Bad),
                "neutral" => Some(OutcomeKind::Neutral),
                _ => None,
            })
        });
        let statuses = reader.need(&fields, "status").map(|node| reader.one_or_more(node)).unwrap_or_default();
        let statuses = statuses.into_iter().filter_map(|node| known_status(reader, node, shared)).collect();
        outcomes.extend(kind.map(|kind| AwaitOutcome { name: name.to_string(), kind, statuses }));
    }
    if outcomes.iter().filter(|outcome| outcome.kind == OutcomeKind::Good).count() != 1 {
        reader.error(codes::WRONG_VALUE, node.span, "exactly one outcome is good");
    }
    outcomes.sort_by_key(|outcome| outcome.kind != OutcomeKind::Good);
    outcomes
}

/// `webhooks:`.
pub(super) fn webhooks(reader: &mut Reader<'_>, node: &Node) -> Option<Webhooks> {
    let fields = reader.fields(node, "`webhooks`", &["verify", "type", "correlate", "dedupe", "ack"])?;
    let verify = reader.need(&fields, "verify");
    let verify = verify.and_then(|node| reader.fields(node, "`verify`", &["header", "scheme", "prefix"]));
    let header = verify.and_then(|fields| reader.need(&fields, "header")).and_then(|node| header_name(reader, node));
    let scheme = verify.and_then(|fields| reader.need(&fields, "scheme"));
    let scheme = scheme.and_then(|node| reader.word(node, "a scheme", &Scheme::NAMES, Scheme::named));
    let prefix = verify.and_then(|fields| reader.maybe_text(&fields, "prefix"));
    let kind = reader.need(&fields, "type").map(|node| reader.pointers(node, "`type`"));
    let correlate = reader.need(&fields, "correlate").map(|node| reader.pointers(node, "`correlate`"));
    let dedupe = reader.need(&fields, "dedupe").map_or(&[][..], |node| reader.list(node, "`dedupe`"));
    let dedupe = dedupe.iter().map(|node| reader.pointers(node, "`dedupe`")).collect();
    let ack = fields.get("ack").and_then(|node| reader.fields(node, "`ack`", &["status"]));
    let ack = ack.and_then(|fields| reader.integer(&fields, "status", 200, 299));
    Some(Webhooks {
        header: header?,
        scheme: scheme?,
        prefix: prefix.unwrap_or_default(),
        kind: kind?,
        correlate: correlate?,
        dedupe,
        ack: ack.and_then(|status| u16::try_from(status).ok()).unwrap_or(200),
    })
}

//! `webhooks:`: who sends them, what they say, and which are the same.

use super::delivery;
use super::load::Shared;
use super::reader::Reader;
use super::{WebhookBody, Webhooks, verify};
use crate::codes;
use crate::pointer::Pointer;
use crate::template::fold;
use engross_source::Node;
use serde_json::Value;
use std::collections::BTreeMap;

const KEYS: [&str; 15] = [
    "verify",
    "decode",
    "part",
    "items",
    "type",
    "correlate",
    "correlate_case",
    "dedupe",
    "events",
    "values",
    "pings",
    "ack",
    "sender_retries",
    "provision",
    "replay",
];

/// Reads `webhooks:`.
pub(super) fn webhooks(reader: &mut Reader<'_>, node: &Node, shared: &Shared<'_>) -> Option<Webhooks> {
    let fields = reader.fields(node, "`webhooks`", &KEYS)?;
    let verify = fields.get("verify").map_or_else(Vec::new, |node| verify::verify(reader, node));
    let decode = reader.each(&fields, "decode", |reader, node| {
        reader.word(node, "what a webhook's body is", &["form", "json", "multipart"], |word| match word {
            "form" => Some(WebhookBody::Form),
            "multipart" => Some(WebhookBody::Multipart),
            "json" => Some(WebhookBody::Json),
            _ => None,
        })
    });
    let part = reader.maybe_text(&fields, "part");
    if let Some(node) = fields.get("part").filter(|_| !decode.iter().any(|body| *body != WebhookBody::Json)) {
        let message = "`part` names a field of a form: `decode` needs `form` or `multipart`";
        reader.error(codes::WRONG_VALUE, node.span, message);
    }
    let kind = reader.need(&fields, "type").map(|node| reader.pointers(node, "`type`"));
    let correlate = reader.need(&fields, "correlate").map(|node| reader.pointers(node, "`correlate`"));
    let correlate_lower = fields.get("correlate_case").and_then(|node| {
        reader.word(node, "letter case", &["exact", "lower"], |word| match word {
            "lower" => Some(true),
            "exact" => Some(false),
            _ => None,
        })
    });
    let dedupe = reader.need(&fields, "dedupe").map_or(&[][..], |node| reader.list(node, "`dedupe`"));
    let dedupe = dedupe.iter().map(|node| reader.pointers(node, "`dedupe`")).collect();
    let ack = fields.get("ack").and_then(|node| reader.fields(node, "`ack`", &["status", "within_ms"]));
    let within = ack.and_then(|fields| reader.integer(&fields, "within_ms", 1, 600_000));
    let ack = ack.and_then(|fields| reader.integer(&fields, "status", 200, 299));
    let events = events(reader, fields.get("events"));
    let kinds: Vec<&str> = events.keys().map(String::as_str).collect();
    let provision = fields.get("provision");
    Some(Webhooks {
        verify,
        decode: if decode.is_empty() { vec![WebhookBody::Json] } else { decode },
        part,
        items: fields.get("items").and_then(|node| reader.pointer(node, "`items`")),
        kind: kind?,
        correlate: correlate?,
        correlate_lower: correlate_lower.unwrap_or_default(),
        dedupe,
        values: values(reader, fields.get("values")),
        pings: reader.flag(&fields, "pings"),
        ack: ack.and_then(|status| u16::try_from(status).ok()).unwrap_or(200),
        ack_within_ms: within.and_then(|ms| u64::try_from(ms).ok()),
        sender_retries: fields.get("sender_retries").and_then(|node| delivery::sender_retries(reader, node)),
        provision: provision.and_then(|node| delivery::provision(reader, node, shared, &kinds)),
        replay: fields.get("replay").and_then(|node| delivery::replay(reader, node, shared)),
        events,
    })
}

/// The known kinds: each with a line on what it means, or with nothing.
fn events(reader: &mut Reader<'_>, node: Option<&Node>) -> BTreeMap<String, Option<String>> {
    let mut events = BTreeMap::new();
    for entry in node.map_or(&[][..], |node| reader.entries(node, "`events`")) {
        let note = if entry.value.is_null() {
            None
        } else {
            reader.text(&entry.value, "what an event means").map(str::to_string)
        };
        events.insert(entry.key.text.clone(), note);
    }
    events
}

fn values(reader: &mut Reader<'_>, node: Option<&Node>) -> Vec<(Pointer, BTreeMap<String, Value>)> {
    let mut values = Vec::new();
    for entry in node.map_or(&[][..], |node| reader.entries(node, "`values`")) {
        let Some(pointer) = Pointer::parse(&entry.key.text) else {
            let message = format!("`{}` is no pointer: it starts with `/`, as in `/contract/id`", entry.key.text);
            reader.error(codes::POINTER, entry.key.span, message);
            continue;
        };
        let spellings = reader.entries(&entry.value, "spellings of a value");
        let spellings = spellings.iter().map(|entry| (fold(&entry.key.text), entry.value.to_json())).collect();
        values.push((pointer, spellings));
    }
    values
}

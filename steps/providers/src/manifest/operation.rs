//! One entry of `operations:`.

use super::calls::property_names;
use super::load::{Shared, timeout};
use super::lookup;
use super::names::Names;
use super::reader::{Fields, Reader};
use super::{Decode, FileCheck, HeaderSpec, Operation, Paging, Response, Source, StatusRange};
use crate::codes;
use crate::limits::PAGE_SIZE_MAX;
use crate::pointer::Pointers;
use crate::template::Tree;
use engross_source::Node;
use engross_source::yaml::Entry;
use engross_step_api::EffectClass;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const KEYS: [&str; 17] = [
    "title",
    "note",
    "method",
    "path",
    "query",
    "headers",
    "body",
    "auth",
    "timeout_s",
    "effect",
    "input",
    "output",
    "reads",
    "lookups",
    "reconcile",
    "response",
    "paging",
];
const METHODS: [&str; 5] = ["DELETE", "GET", "PATCH", "POST", "PUT"];
const EFFECTS: [&str; 4] = ["idempotent", "read", "reconcilable", "unsafe"];

/// Reads one operation.
pub(super) fn operation<'n>(reader: &mut Reader<'_>, entry: &'n Entry, shared: &Shared<'n>) -> Option<Operation> {
    let fields = reader.fields(&entry.value, "an operation", &KEYS)?;
    let title = reader.need_text(&fields, "title").unwrap_or_default().to_string();
    reader.maybe_text(&fields, "note");
    let method = reader.need(&fields, "method").and_then(|node| {
        reader.word(node, "a method", &METHODS, |word| {
            METHODS.contains(&word).then(|| reqwest::Method::from_bytes(word.as_bytes()).ok()).flatten()
        })
    });
    let effect = reader.need(&fields, "effect").and_then(|node| reader.word(node, "an effect", &EFFECTS, effect));
    let input = input(reader, fields.get("input"), shared);
    let names = shared.names().with_only("input", property_names(&input));
    let shown = names.clone().without_settings(&shared.secrets);

    let read_nodes = fields.get("reads").map_or(&[][..], |node| reader.entries(node, "`reads`"));
    let mut reads = BTreeMap::new();
    for read in read_nodes {
        if let Some(call) = lookup::call(reader, &read.value, shared, &shown) {
            reads.insert(read.key.text.clone(), call);
        }
    }
    let with_reads = shown.clone().with_only("reads", read_nodes.iter().map(|read| read.key.text.as_str()));
    let (lookups, found) = lookup::lookups(reader, fields.get("lookups"), &with_reads);
    // Reconciling comes without look-ups: what they found the first time may be gone.
    let reconcile = fields.get("reconcile").and_then(|node| lookup::reconcile(reader, node, shared, &shown));
    let shown = shown.with_only("lookups", found.clone());
    let names = names.with_only("lookups", found);

    let paging = fields.get("paging").and_then(|node| paging(reader, node, &shown));
    let in_url = if paging.is_some() { shown.clone().with_only("page", ["skip", "limit"]) } else { shown.clone() };
    let path = reader.need(&fields, "path").and_then(|node| path(reader, node, &in_url));
    let query = query(reader, fields.get("query"), &in_url);
    let headers = headers(reader, &fields, shared, &names);
    let body = fields.get("body").and_then(|node| tree_of(reader, node, "`body`")).and_then(|n| reader.tree(n, &names));
    let response = response(reader, fields.get("response"), shared);
    let made = shown.with("reply").with("status").with("file");
    let (output, outputs) = outputs(reader, fields.get("output"), shared, &made);
    let timeout = timeout(reader, &fields).unwrap_or(shared.timeout);

    let (method, effect) = (method?, effect?);
    check_effect(reader, entry, &method, effect, reconcile.is_some(), fields.get("reconcile").is_some());
    Some(Operation {
        name: entry.key.text.clone(),
        title,
        method,
        path: path?,
        query,
        headers,
        body,
        timeout,
        effect,
        input,
        output,
        outputs,
        reads,
        lookups,
        reconcile,
        response,
        paging,
    })
}

fn effect(word: &str) -> Option<EffectClass> {
    match word {
        "read" => Some(EffectClass::Read),
        "idempotent" => Some(EffectClass::Idempotent),
        "reconcilable" => Some(EffectClass::Reconcilable),
        "unsafe" => Some(EffectClass::Unsafe),
        _ => None,
    }
}

fn check_effect(
    reader: &mut Reader<'_>,
    entry: &Entry,
    method: &reqwest::Method,
    effect: EffectClass,
    can_reconcile: bool,
    tries_to_reconcile: bool,
) {
    let span = entry.key.span;
    if effect == EffectClass::Reconcilable && !tries_to_reconcile {
        let message = format!("`{}` is reconcilable but does not say how: it needs `reconcile`", entry.key.text);
        reader.error_with(codes::EFFECT, span, message, "an effect that cannot be looked up is `unsafe`");
    }
    if effect != EffectClass::Reconcilable && can_reconcile {
        let message = format!("`{}` says how to reconcile it, so its effect is `reconcilable`", entry.key.text);
        reader.error(codes::EFFECT, span, message);
    }
    if *method == reqwest::Method::GET && effect != EffectClass::Read {
        reader.error(codes::EFFECT, span, format!("`{}` is a GET, so its effect is `read`", entry.key.text));
    }
}

/// The schema of `with`: always an object that takes nothing else.
pub(super) fn input<'n>(reader: &mut Reader<'_>, node: Option<&'n Node>, shared: &Shared<'n>) -> Value {
    let mut schema = match node {
        Some(node) => shared.types.inline(reader, node, &[]),
        None => json!({}),
    };
    if let Some(map) = schema.as_object_mut() {
        map.insert("type".to_string(), json!("object"));
        map.entry("properties").or_insert_with(|| json!({}));
        map.insert("additionalProperties".to_string(), json!(false));
    }
    schema
}

/// The outputs: each a schema with `from`, required unless it is `optional`.
pub(super) fn outputs<'n>(
    reader: &mut Reader<'_>,
    node: Option<&'n Node>,
    shared: &Shared<'n>,
    names: &Names,
) -> (Value, Vec<(String, Source)>) {
    let mut properties = Map::new();
    let mut required = Vec::new();
    let mut outputs = Vec::new();
    for entry in node.map_or(&[][..], |node| reader.entries(node, "`output`")) {
        let name = entry.key.text.clone();
        let Some(map) = entry.value.as_mapping() else {
            reader.wrong_kind(&entry.value, "an output", "a mapping");
            continue;
        };
        let schema = shared.types.inline(reader, &entry.value, &["from", "optional"]);
        let optional = map.get("optional").and_then(Node::as_bool).unwrap_or_default();
        if let Some(node) = map.get("from") {
            outputs.extend(source(reader, node, names).map(|source| (name.clone(), source)));
        } else {
            reader.error(codes::MISSING_KEY, entry.key.span, format!("the output `{name}` needs the key `from`"));
        }
        if !optional {
            required.push(Value::from(name.as_str()));
        }
        properties.insert(name, schema);
    }
    let mut schema = json!({"type": "object", "properties": properties, "additionalProperties": false});
    if let Some(map) = schema.as_object_mut().filter(|_| !required.is_empty()) {
        map.insert("required".to_string(), Value::Array(required));
    }
    (schema, outputs)
}

/// A pointer into the reply where it starts with `/`, a tree of templates otherwise.
fn source(reader: &mut Reader<'_>, node: &Node, names: &Names) -> Option<Source> {
    let starts = |node: &&Node| node.as_str().is_some_and(|text| text.starts_with('/'));
    let nodes = reader.one_or_more(node);
    if nodes.iter().all(starts) {
        let pointers = nodes.into_iter().filter_map(|node| reader.pointer(node, "`from`"));
        return Some(Source::Reply(Pointers(pointers.collect())));
    }
    if node.as_str().is_none() && node.as_mapping().is_none() {
        reader.wrong_kind(node, "`from`", "a pointer into the reply, a list of pointers, or a template");
        return None;
    }
    reader.tree(node, names).map(Source::Built)
}

fn path(reader: &mut Reader<'_>, node: &Node, names: &Names) -> Option<crate::template::Template> {
    if node.as_str().is_some_and(|text| !text.starts_with('/') || text.contains(['?', '#'])) {
        let message = "a path starts with `/` and has no `?` and no `#`: those belong to `query`";
        reader.error(codes::WRONG_VALUE, node.span, message);
    }
    reader.template(node, "`path`", names)
}

/// What stands under `tree`, the only key for now; encodings other than JSON will stand beside it.
fn tree_of<'n>(reader: &mut Reader<'_>, node: &'n Node, what: &'n str) -> Option<&'n Node> {
    let fields = reader.fields(node, what, &["tree"])?;
    reader.need(&fields, "tree")
}

fn query(reader: &mut Reader<'_>, node: Option<&Node>, names: &Names) -> Vec<(String, Tree)> {
    let tree = node.and_then(|node| tree_of(reader, node, "`query`")).and_then(|node| reader.tree(node, names));
    match tree {
        Some(Tree::Map(entries)) => entries,
        None => Vec::new(),
        Some(_) => {
            if let Some(node) = node {
                reader.wrong_kind(node, "the tree of `query`", "a mapping");
            }
            Vec::new()
        }
    }
}

fn headers(reader: &mut Reader<'_>, fields: &Fields<'_>, shared: &Shared<'_>, names: &Names) -> Vec<HeaderSpec> {
    let ways: Vec<&str> = shared.auth.keys().map(String::as_str).collect();
    let chosen = match fields.get("auth") {
        Some(node) => reader.word(node, "a way to authenticate", &ways, |word| shared.auth.get(word).cloned()),
        None => shared.auth.get("default").cloned(),
    };
    let mut headers = chosen.unwrap_or_default();
    for entry in fields.get("headers").map_or(&[][..], |node| reader.entries(node, "`headers`")) {
        let name = reqwest::header::HeaderName::from_bytes(entry.key.text.to_ascii_lowercase().as_bytes());
        let Ok(name) = name else {
            reader.error(codes::WRONG_VALUE, entry.key.span, format!("`{}` is no name of a header", entry.key.text));
            continue;
        };
        let value = reader.template(&entry.value, "a header", names);
        headers.extend(value.map(|value| HeaderSpec { name: name.as_str().to_string(), value, credential: false }));
    }
    headers
}

fn response(reader: &mut Reader<'_>, node: Option<&Node>, shared: &Shared<'_>) -> Response {
    let mut response = Response {
        expect: vec![StatusRange { from: 200, to: 299 }],
        decode: Decode::Json,
        ok_when: Vec::new(),
        done_when: Vec::new(),
    };
    let keys = ["expect", "decode", "media_type", "check", "ok_when", "done_when"];
    let Some(fields) = node.and_then(|node| reader.fields(node, "`response`", &keys)) else { return response };
    if let Some(node) = fields.get("expect") {
        response.expect = reader.statuses(node);
    }
    if let Some(node) = fields.get("done_when") {
        response.done_when = reader.statuses(node);
    }
    if let Some(node) = fields.get("ok_when") {
        response.ok_when = lookup::tests(reader, node, shared, &Names::default());
    }
    let media_type = reader.maybe_text(&fields, "media_type");
    let check = fields
        .get("check")
        .and_then(|node| reader.word(node, "a check", &["pdf"], |word| (word == "pdf").then_some(FileCheck::Pdf)));
    if let Some(node) = fields.get("decode") {
        let decode = reader.word(node, "what a body is", &["file", "ignore", "json"], |word| match word {
            "json" => Some(Decode::Json),
            "ignore" => Some(Decode::Ignore),
            "file" => Some(Decode::File {
                media_type: media_type.clone().unwrap_or_else(|| "application/octet-stream".to_string()),
                check,
            }),
            _ => None,
        });
        response.decode = decode.unwrap_or(response.decode);
    }
    response
}

fn paging(reader: &mut Reader<'_>, node: &Node, names: &Names) -> Option<Paging> {
    let fields = reader.fields(node, "`paging`", &["style", "size", "items", "id", "total", "most"])?;
    if let Some(node) = reader.need(&fields, "style") {
        reader.word(node, "a style of paging", &["offset"], |word| (word == "offset").then_some(()));
    }
    reader.need(&fields, "size");
    let size = reader.integer(&fields, "size", 1, PAGE_SIZE_MAX).and_then(|size| u64::try_from(size).ok());
    let items = reader.need(&fields, "items").and_then(|node| reader.pointer(node, "`items`"));
    let id = reader.need(&fields, "id").and_then(|node| reader.pointer(node, "`id`"));
    let total = fields.get("total").and_then(|node| reader.pointer(node, "`total`"));
    let most = fields.get("most").and_then(|node| reader.template(node, "`most`", names));
    Some(Paging { size: size?, items: items?, id: id?, total, most })
}

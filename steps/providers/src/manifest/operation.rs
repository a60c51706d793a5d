//! One entry of `operations:`.

use super::calls::property_names;
use super::load::{Shared, pace, timeout};
use super::names::Names;
use super::reader::{Fields, Reader};
use super::schema::builder;
use super::{Body, Call, Decode, From, Operation, Source, Warning, http, lookup, response, sync};
use crate::codes;
use crate::limits::EXAMPLE_MISTAKES_MAX;
use crate::pointer::Pointers;
use engross_source::yaml::{Entry, Mapping};
use engross_source::{Node, Span};
use engross_step_api::EffectClass;
use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use reqwest::Method;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const KEYS: [&str; 25] = [
    "title",
    "note",
    "abstract",
    "example",
    "limits",
    "warn",
    "needs",
    "token",
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
    "requires",
    "sync",
    "reconcile",
    "response",
    "paging",
];
/// `browser` is what a person's browser sends; the engine only writes the page.
const EFFECTS: [&str; 5] = ["browser", "idempotent", "read", "reconcilable", "unsafe"];

/// What a page is asked for by.
const PAGE: [&str; 4] = ["skip", "limit", "number", "cursor"];

/// Reads one operation.
pub(super) fn operation<'n>(reader: &mut Reader<'_>, entry: &'n Entry, shared: &Shared<'n>) -> Option<Operation> {
    let fields = reader.fields(&entry.value, "an operation", &KEYS)?;
    let title = reader.need_text(&fields, "title").unwrap_or_default().to_string();
    let method = reader.need(&fields, "method").and_then(|node| http::method(reader, node));
    let browser = fields.get("effect").and_then(Node::as_str) == Some("browser");
    let effect = reader.need(&fields, "effect").and_then(|node| reader.word(node, "an effect", &EFFECTS, effect));
    let mut input = input(reader, fields.get("input"), shared);
    sync::inputs(&mut input, fields.get("sync"));
    let names = shared.names().with_only("input", property_names(&input));
    let shown = names.clone().without_settings(&shared.secrets);

    let (reads, with_reads) = reads(reader, &fields, shared, &shown);
    let (lookups, found) = lookup::lookups(reader, fields.get("lookups"), &with_reads);
    // Reconciling comes without look-ups: what they found the first time may be gone.
    let reconcile = fields.get("reconcile").and_then(|node| lookup::reconcile(reader, node, shared, &shown));
    let shown = shown.with_only("lookups", found.clone());
    let names = names.with_only("lookups", found);

    let paging = fields.get("paging").and_then(|node| response::paging(reader, node, &shown));
    let in_url = if paging.is_some() { shown.clone().with_only("page", PAGE) } else { shown.clone() };
    let path = reader.need(&fields, "path").and_then(|node| path(reader, node, &in_url));
    let query = http::query(reader, fields.get("query"), &in_url);
    let credentials = http::credentials(reader, &fields, shared, method.as_ref());
    let token = fields.get("token").and_then(|node| lookup::token(reader, node, shared, &shown));
    let sent = if browser { shown.clone() } else { names };
    let sent = if fields.get("token").is_some() { sent.with("token") } else { sent };
    let headers = http::headers(reader, &fields, &sent);
    let body = http::body(reader, fields.get("body"), shared, &sent, &credentials);
    let response = response::response(reader, fields.get("response"), shared, &shown);
    let needs = reader.each(&fields, "needs", |reader, node| setting(reader, node, shared));
    let warnings = reader.each(&fields, "warn", |reader, node| warning(reader, node, &shown));
    let made = shown.clone().with("reply").with("status").with("file");
    let (mut output, mut outputs) = outputs(reader, fields.get("output"), shared, &made);
    let requires = fields.get("requires").map_or_else(Vec::new, |node| sync::requires(reader, node, &with_reads));
    let sync = fields.get("sync").and_then(|node| sync::sync(reader, node, shared, &shown, paging.as_ref()));
    if let Some(node) = fields.get("sync").filter(|_| sync.is_some()) {
        sync::outputs(reader, node, shared, (&mut output, &mut outputs));
    }
    if browser {
        check_browser(reader, entry, &response.decode, body.as_ref(), credentials.is_empty() && headers.is_empty());
    }
    let (method, effect) = (method?, effect?);
    bodiless(reader, entry, &method, body.as_ref());
    check_effect(reader, entry, &method, effect, reconcile.is_some(), fields.get("reconcile").is_some());
    Some(Operation {
        name: entry.key.text.clone(),
        title,
        note: reader.maybe_text(&fields, "note"),
        capability: reader.maybe_text(&fields, "abstract"),
        example: example(reader, &fields, &input),
        method,
        path: path?,
        query,
        credentials,
        headers,
        body,
        browser,
        pace: fields.get("limits").and_then(|node| pace(reader, node)),
        warnings,
        needs,
        token,
        timeout: timeout(reader, &fields).unwrap_or(shared.timeout),
        effect,
        input,
        output,
        outputs,
        reads,
        lookups,
        requires,
        sync,
        reconcile,
        response,
        paging,
    })
}

/// `reads:`, and the names with them.
fn reads(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    shared: &Shared<'_>,
    names: &Names,
) -> (BTreeMap<String, Call>, Names) {
    let entries = fields.get("reads").map_or(&[][..], |node| reader.entries(node, "`reads`"));
    let mut reads = BTreeMap::new();
    for entry in entries {
        let call = lookup::call(reader, &entry.value, shared, names);
        reads.extend(call.map(|call| (entry.key.text.clone(), call)));
    }
    let names = names.clone().with_only("reads", entries.iter().map(|entry| entry.key.text.as_str()));
    (reads, names)
}

fn effect(word: &str) -> Option<EffectClass> {
    match word {
        // What the engine itself does is to keep a file.
        "browser" | "read" => Some(EffectClass::Read),
        "idempotent" => Some(EffectClass::Idempotent),
        "reconcilable" => Some(EffectClass::Reconcilable),
        "unsafe" => Some(EffectClass::Unsafe),
        _ => None,
    }
}

fn setting(reader: &mut Reader<'_>, node: &Node, shared: &Shared<'_>) -> Option<String> {
    let known: Vec<&str> = shared.settings.keys().map(String::as_str).collect();
    reader.word(node, "a setting", &known, |word| known.contains(&word).then(|| word.to_string()))
}

fn warning(reader: &mut Reader<'_>, node: &Node, names: &Names) -> Option<Warning> {
    let fields = reader.fields(node, "a warning", &["if", "text"])?;
    let when = reader.need(&fields, "if").and_then(|node| reader.condition(node, "`if`", names));
    let text = reader.need_text(&fields, "text").map(str::to_string);
    when.zip(text).map(|(when, text)| Warning { when, text })
}

/// What is sent with a GET is lost on its way.
fn bodiless(reader: &mut Reader<'_>, entry: &Entry, method: &Method, body: Option<&Body>) {
    if *method == Method::GET && body.is_some() {
        let span = entry.value.get("body").map_or(entry.key.span, |node| Span::at(node.span.start));
        let message = "a GET has no body: servers and proxies drop it";
        reader.error_with(codes::BODY, span, message, "put the values under `query`, or say another `method`");
    }
}

/// What a browser sends is a form without headers and without secrets, and its answer is for a person.
fn check_browser(reader: &mut Reader<'_>, entry: &Entry, decode: &Decode, body: Option<&Body>, is_open: bool) {
    let span = entry.key.span;
    if !is_open {
        let message = "what a browser sends has no headers and no credentials: say `auth: none`";
        reader.error(codes::BODY, span, message);
    }
    if !matches!(body, Some(Body::Form { .. })) {
        reader.error(codes::BODY, span, "what a browser sends is a form: `body: { encoding: form, tree: … }`");
    }
    if !matches!(decode, Decode::File { .. }) {
        reader.error(codes::BODY, span, "the page for a browser is a file: `response: { decode: file }`");
    }
}

fn check_effect(
    reader: &mut Reader<'_>,
    entry: &Entry,
    method: &Method,
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
    if *method == Method::GET && effect != EffectClass::Read {
        reader.error(codes::EFFECT, span, format!("`{}` is a GET, so its effect is `read`", entry.key.text));
    }
}

/// `example:`, which must be something that the operation takes.
pub(super) fn example(reader: &mut Reader<'_>, fields: &Fields<'_>, input: &Value) -> Option<Value> {
    let node = fields.get("example")?;
    let example = node.to_json();
    if reader.shown {
        return Some(example);
    }
    // A broken schema has been told.
    let Ok(validator) = builder().build(input) else { return Some(example) };
    // What a workflow's template computes is not known here; which keys there are, is.
    let is_known = |error: &ValidationError<'_>| {
        matches!(error.kind(), ValidationErrorKind::Required { .. } | ValidationErrorKind::AdditionalProperties { .. })
            || !has_template(error.instance())
    };
    for error in validator.iter_errors(&example).filter(is_known).take(EXAMPLE_MISTAKES_MAX) {
        let place = node.at_pointer(error.instance_path().as_str()).unwrap_or(node);
        reader.error(codes::EXAMPLE, place.span, format!("the example does not fit `input`: {error}"));
    }
    Some(example)
}

fn has_template(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains("{{"),
        Value::Array(items) => items.iter().any(has_template),
        Value::Object(map) => map.values().any(has_template),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The schema of `with`: always an object that takes nothing else.
pub(super) fn input<'n>(reader: &mut Reader<'_>, node: Option<&'n Node>, shared: &Shared<'n>) -> Value {
    let mut schema = match node {
        Some(node) => shared.types.inline(reader, node, &[]),
        None => json!({}),
    };
    if let Some(node) = node {
        shared.types.check_input(reader, node, &schema);
    }
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
        let but = ["from", "optional", "absent", "sensitive", "personal"];
        let mut schema = shared.types.inline(reader, &entry.value, &but);
        marks(reader, map, &mut schema);
        let optional = map.get("optional").and_then(Node::as_bool).unwrap_or_default();
        let absent = map.get("absent").map(Node::to_json);
        if let Some(node) = map.get("from") {
            constant(reader, node, &schema);
            outputs.extend(from(reader, node, names).map(|from| (name.clone(), Source { from, absent })));
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

/// The marks of an output that must not be shown.
fn marks(reader: &mut Reader<'_>, map: &Mapping, schema: &mut Value) {
    for key in ["sensitive", "personal"] {
        let Some(node) = map.get(key) else { continue };
        match (node.as_bool(), schema.as_object_mut()) {
            (Some(true), Some(schema)) => {
                schema.insert(format!("x-{key}"), Value::Bool(true));
            }
            (Some(_), _) => {}
            (None, _) => reader.wrong_kind(node, &format!("`{key}`"), "true or false"),
        }
    }
}

/// Text that stands for itself must be something that the output can be; most often a pointer was meant.
fn constant(reader: &mut Reader<'_>, node: &Node, schema: &Value) {
    let Some(text) = node.as_str().filter(|text| !text.starts_with('/') && !text.contains("${")) else { return };
    if reader.shown {
        return;
    }
    let fits = builder().build(schema).map_or(true, |validator| validator.is_valid(&Value::from(text)));
    if !fits || schema.get("type").is_none() && schema.get("enum").is_none() && schema.get("const").is_none() {
        let message = format!("`{text}` is a constant, and this output is none");
        reader.error_with(codes::POINTER, node.span, message, format!("did you mean the pointer `/{text}`?"));
    }
}

/// A pointer into the reply where it starts with `/`, a tree of templates otherwise.
fn from(reader: &mut Reader<'_>, node: &Node, names: &Names) -> Option<From> {
    let starts = |node: &&Node| node.as_str().is_some_and(|text| text.starts_with('/'));
    let nodes = reader.one_or_more(node);
    if nodes.iter().all(starts) {
        let pointers = nodes.into_iter().filter_map(|node| reader.pointer(node, "`from`"));
        return Some(From::Reply(Pointers(pointers.collect())));
    }
    if node.as_str().is_none() && node.as_mapping().is_none() {
        reader.wrong_kind(node, "`from`", "a pointer into the reply, a list of pointers, or a template");
        return None;
    }
    reader.tree(node, names).map(From::Built)
}

fn path(reader: &mut Reader<'_>, node: &Node, names: &Names) -> Option<crate::template::Template> {
    if node.as_str().is_some_and(|text| !text.starts_with('/') || text.contains(['?', '#'])) {
        let message = "a path starts with `/` and has no `?` and no `#`: those belong to `query`";
        reader.error(codes::WRONG_VALUE, node.span, message);
    }
    reader.template(node, "`path`", names)
}

//! Every input is a JSON Schema that can be used, and its default fits it.
//!
//! Besides the draft's own meta-schema, keywords are checked by name: JSON Schema lets unknown ones pass, and `minLenght` would
//! never check anything.

use crate::codes;
use crate::findings::Findings;
use crate::model::Workflow;
use crate::typing::{Mistake, mistakes, schema_message, validator};
use engross_source::yaml::Entry;
use engross_source::{Node, Span, Value as Yaml};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The formats that are checked.
const FORMATS: [&str; 17] = [
    "date",
    "date-time",
    "duration",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "iri",
    "iri-reference",
    "json-pointer",
    "regex",
    "relative-json-pointer",
    "time",
    "uri",
    "uri-reference",
    "uri-template",
    "uuid",
];

/// Our own word in an input's schema: it may be left out although it has no default.
pub(crate) const OPTIONAL: &str = "optional";

/// Keywords with a schema as their value.
const WITH_SCHEMA: [&str; 9] = [
    "items",
    "contains",
    "additionalProperties",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
    "not",
    "then",
    "else",
];
/// Keywords with a list of schemas as their value.
const WITH_SCHEMAS: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];
/// Keywords with a map of schemas as their value.
const WITH_MAP: [&str; 3] = ["properties", "patternProperties", "dependentSchemas"];
/// All others.
const PLAIN: [&str; 32] = [
    "type",
    "enum",
    "const",
    "multipleOf",
    "maximum",
    "exclusiveMaximum",
    "minimum",
    "exclusiveMinimum",
    "maxLength",
    "minLength",
    "pattern",
    "maxItems",
    "minItems",
    "uniqueItems",
    "maxContains",
    "minContains",
    "maxProperties",
    "minProperties",
    "required",
    "dependentRequired",
    "format",
    "default",
    "title",
    "description",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "contentEncoding",
    "contentMediaType",
    "$comment",
    "if",
];
/// Keywords that lead out of the input.
const REFUSED: [&str; 8] =
    ["$ref", "$dynamicRef", "$id", "$schema", "$anchor", "$dynamicAnchor", "$defs", "definitions"];

/// The schema of all inputs together.
pub(crate) fn check(workflow: &Workflow<'_>, findings: &mut Findings<'_>) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for entry in workflow.inputs {
        let Some(schema) = input(entry, findings) else {
            properties.insert(entry.key.text.clone(), json!({}));
            continue;
        };
        let optional = entry.value.get(OPTIONAL).and_then(Node::as_bool) == Some(true);
        if !optional && schema.get("default").is_none() {
            required.push(entry.key.text.clone());
        }
        properties.insert(entry.key.text.clone(), schema);
    }
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

/// The schema of one input, if it is one.
fn input(entry: &Entry, findings: &mut Findings<'_>) -> Option<Value> {
    let node = &entry.value;
    if node.as_mapping().is_none() {
        let message = format!("an input is a JSON Schema, and this is {}", node.kind_name());
        let place = if node.span.is_empty() { entry.key.span } else { node.span };
        let hint = Some(format!("write `{}: {{ type: string }}`", entry.key.text));
        findings.report(codes::INPUT_SCHEMA, place, message, hint);
        return None;
    }
    if let Some(optional) = node.get(OPTIONAL).filter(|optional| optional.as_bool().is_none()) {
        let message = format!("`optional` is true or false, and this is {}", optional.kind_name());
        findings.report(codes::INPUT_SCHEMA, optional.span, message, None);
    }
    let mut sound = true;
    let mut defaults = Vec::new();
    keywords(node, true, &mut sound, &mut defaults, findings);
    let mut schema = node.to_json();
    if let Some(schema) = schema.as_object_mut() {
        schema.remove(OPTIONAL);
    }
    let meta = jsonschema::draft202012::meta::validator();
    let broken: Vec<Mistake> = mistakes(&meta, &Value::Null, &schema, &BTreeSet::new());
    for mistake in &broken {
        let (span, name) = place(entry, &mistake.pointer);
        let message = format!("{name} {}", mistake.message);
        findings.report(codes::INPUT_SCHEMA, span, message, mistake.hint.clone());
    }
    if !sound || !broken.is_empty() {
        return None;
    }
    if let Err(error) = validator(&schema) {
        let (span, name) = place(entry, error.instance_path().as_str());
        findings.report(codes::INPUT_SCHEMA, span, format!("{name} {}", schema_message(&error)), None);
        return None;
    }
    for (owner, default) in defaults {
        check_default(owner, default, findings);
    }
    Some(schema)
}

/// The place of a pointer inside an input's schema, and what to call it.
fn place(entry: &Entry, pointer: &str) -> (Span, String) {
    let span = entry.value.at_pointer(pointer).map(|node| node.span).filter(|span| !span.is_empty());
    let span = span.or_else(|| entry.value.key_span_at_pointer(pointer)).unwrap_or(entry.key.span);
    let name = pointer.trim_start_matches('/').replace('/', ".");
    let name = if name.is_empty() { entry.key.text.clone() } else { format!("{}.{name}", entry.key.text) };
    (span, format!("`{name}`"))
}

/// Checks the keywords of a schema and all below. The tree is as deep as the loader allows.
fn keywords<'a>(
    node: &'a Node,
    top: bool,
    sound: &mut bool,
    defaults: &mut Vec<(&'a Node, &'a Node)>,
    findings: &mut Findings<'_>,
) {
    for entry in node.as_mapping().into_iter().flatten() {
        let (key, value) = (entry.key.text.as_str(), &entry.value);
        if key == "default" {
            defaults.push((node, value));
        }
        if let ("format", Some(name)) = (key, value.as_str().filter(|name| !FORMATS.contains(name))) {
            *sound = false;
            let message = format!("there is no format {}", engross_source::diagnostic::quoted(name));
            let near = findings.nearest(name, &FORMATS).map(|near| format!("did you mean `{near}`?"));
            let hint = near.unwrap_or_else(|| format!("the formats are {}", crate::findings::listed(&FORMATS)));
            findings.report(codes::INPUT_SCHEMA, value.span, message, Some(hint));
        }
        if WITH_SCHEMA.contains(&key) || key == "if" {
            keywords(value, false, sound, defaults, findings);
        } else if WITH_SCHEMAS.contains(&key) {
            for item in value.as_sequence().unwrap_or_default() {
                keywords(item, false, sound, defaults, findings);
            }
        } else if WITH_MAP.contains(&key) {
            for property in value.as_mapping().into_iter().flatten() {
                keywords(&property.value, false, sound, defaults, findings);
            }
        } else if !(PLAIN.contains(&key) || key.starts_with("x-") || top && key == OPTIONAL) {
            *sound = false;
            unknown(key, entry.key.span, top, findings);
        }
    }
}

fn unknown(key: &str, span: Span, top: bool, findings: &mut Findings<'_>) {
    if REFUSED.contains(&key) {
        let message = format!("an input's schema stands alone, and `{key}` leads out of it");
        findings.report(codes::INPUT_KEYWORD, span, message, Some("write the schema out here".to_owned()));
        return;
    }
    if key == OPTIONAL && !top {
        let message = "`optional` belongs to a whole input";
        findings.report(
            codes::INPUT_KEYWORD,
            span,
            message,
            Some("leave the field out of `required` instead".to_owned()),
        );
        return;
    }
    let known: Vec<&str> =
        WITH_SCHEMA.into_iter().chain(WITH_SCHEMAS).chain(WITH_MAP).chain(PLAIN).chain([OPTIONAL]).collect();
    let near = findings.nearest(key, &known).map(|near| format!("did you mean `{near}`?"));
    let hint =
        near.or_else(|| Some("an input is a JSON Schema (2020-12); words of your own start with `x-`".to_owned()));
    let message = format!("JSON Schema has no keyword {}", engross_source::diagnostic::quoted(key));
    findings.report(codes::INPUT_KEYWORD, span, message, hint);
}

fn check_default(owner: &Node, default: &Node, findings: &mut Findings<'_>) {
    if holds_template(default) {
        let message = "a default must be written out: no template is computed here";
        findings.report(codes::TEMPLATE_PLACE, default.span, message, None);
        return;
    }
    let mut schema = owner.to_json();
    if let Some(schema) = schema.as_object_mut() {
        schema.remove(OPTIONAL);
    }
    let Ok(validator) = validator(&schema) else { return };
    for mistake in mistakes(&validator, &schema, &default.to_json(), &BTreeSet::new()) {
        let node = default.at_pointer(&mistake.pointer).unwrap_or(default);
        let message = format!("the default does not fit the schema: it {}", mistake.message);
        findings.report(codes::INPUT_DEFAULT, node.span, message, mistake.hint);
    }
}

fn holds_template(node: &Node) -> bool {
    match &node.value {
        Yaml::String(text) => crate::expr::has_marker(text),
        Yaml::Sequence(items) => items.iter().any(holds_template),
        Yaml::Mapping(mapping) => mapping.iter().any(|entry| holds_template(&entry.value)),
        _ => false,
    }
}

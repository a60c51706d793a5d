//! The schemas of a manifest: checked keyword by keyword, `$ref` to a type of the manifest replaced by the type itself,
//! so that whoever reads a step's schema needs no manifest.

use super::reader::Reader;
use crate::codes;
use crate::limits::PATTERN_BYTES_MAX;
use engross_source::{Node, Span};
use jsonschema::PatternOptions;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Keywords whose value is plain data.
const PLAIN: [&str; 26] = [
    "type",
    "title",
    "description",
    "default",
    "enum",
    "const",
    "examples",
    "format",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "required",
    "contentEncoding",
    "contentMediaType",
    // Marks of ours, which validators pass over: what is masked wherever it is shown.
    "x-sensitive",
    "x-personal",
];
/// Keywords whose value is a schema or a boolean.
const ONE: [&str; 9] = [
    "items",
    "additionalProperties",
    "propertyNames",
    "contains",
    "not",
    "if",
    "then",
    "else",
    "unevaluatedProperties",
];
/// Keywords whose value is a list of schemas.
const SOME: [&str; 3] = ["allOf", "anyOf", "oneOf"];
/// Keywords whose value maps names to schemas.
const NAMED: [&str; 2] = ["properties", "patternProperties"];

/// The types of a manifest that schemas may refer to.
pub(super) struct Types<'n> {
    nodes: BTreeMap<&'n str, &'n Node>,
}

impl<'n> Types<'n> {
    /// The types under `types:`; all of them are read once, so that a mistake in one that nobody uses is told too.
    pub(super) fn read(reader: &mut Reader<'_>, node: Option<&'n Node>) -> Self {
        let entries = node.map_or(&[][..], |node| reader.entries(node, "`types`"));
        let types = Self { nodes: entries.iter().map(|entry| (entry.key.text.as_str(), &entry.value)).collect() };
        for entry in entries {
            let mut open = vec![entry.key.text.as_str()];
            types.schema(reader, &entry.value, &mut open);
        }
        types
    }

    /// A schema with its references replaced, and checked to be one.
    pub(super) fn inline(&self, reader: &mut Reader<'_>, node: &'n Node, but: &[&str]) -> Value {
        let before = reader.found.len();
        let schema = self.schema_but(reader, node, &mut Vec::new(), but);
        if reader.found.len() == before {
            check(reader, node.span, &schema);
        }
        schema
    }

    fn schema(&self, reader: &mut Reader<'_>, node: &'n Node, open: &mut Vec<&'n str>) -> Value {
        self.schema_but(reader, node, open, &[])
    }

    /// A schema, leaving out the keys `but`, which mean something to the caller.
    fn schema_but(&self, reader: &mut Reader<'_>, node: &'n Node, open: &mut Vec<&'n str>, but: &[&str]) -> Value {
        if node.as_bool().is_some() {
            return node.to_json();
        }
        let mut schema = Map::new();
        let mut referred = Map::new();
        for entry in reader.entries(node, "a schema") {
            let (key, value) = (entry.key.text.as_str(), &entry.value);
            if but.contains(&key) {
                continue;
            }
            let made = match key {
                "$ref" => {
                    referred = self.referred(reader, value, open);
                    continue;
                }
                key if PLAIN.contains(&key) => value.to_json(),
                key if ONE.contains(&key) => self.schema(reader, value, open),
                key if SOME.contains(&key) => {
                    let items = reader.list(value, &format!("`{key}`"));
                    items.iter().map(|item| self.schema(reader, item, open)).collect()
                }
                key if NAMED.contains(&key) => {
                    let entries = reader.entries(value, &format!("`{key}`"));
                    let named = entries.iter().map(|e| (e.key.text.clone(), self.schema(reader, &e.value, open)));
                    Value::Object(named.collect())
                }
                unknown => {
                    let known: Vec<&str> = [&PLAIN[..], &ONE[..], &SOME[..], &NAMED[..], &["$ref"], but].concat();
                    let message = format!("a schema has no keyword `{unknown}`");
                    reader.unknown(codes::UNKNOWN_KEY, entry.key.span, message, unknown, &known);
                    continue;
                }
            };
            schema.insert(key.to_string(), made);
        }
        // What stands beside a reference refines it.
        referred.extend(schema);
        Value::Object(referred)
    }

    fn referred(&self, reader: &mut Reader<'_>, node: &'n Node, open: &mut Vec<&'n str>) -> Map<String, Value> {
        let Some(text) = reader.text(node, "`$ref`") else { return Map::new() };
        let name = text.strip_prefix("#/types/").unwrap_or_default();
        if name == "file" && !self.nodes.contains_key(name) {
            return file_type();
        }
        if open.contains(&name) {
            reader.error(codes::SCHEMA, node.span, format!("the type `{name}` refers to itself"));
            return Map::new();
        }
        let Some((name, target)) = self.nodes.get_key_value(name) else {
            let known: Vec<String> = self.nodes.keys().map(|name| format!("#/types/{name}")).collect();
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            reader.unknown(codes::UNKNOWN_REFERENCE, node.span, format!("there is no type `{text}`"), text, &known);
            return Map::new();
        };
        open.push(name);
        let schema = self.schema(reader, target, open);
        open.pop();
        schema.as_object().cloned().unwrap_or_default()
    }
}

/// The type of a kept file, which every manifest has: `#/types/file`.
fn file_type() -> Map<String, Value> {
    let schema = json!({
        "type": "object",
        "description": "A kept file: its digest, size in bytes, media type and name.",
        "required": ["sha256", "size", "media_type"],
        "properties": {
            "sha256": {"type": "string"},
            "size": {"type": "integer"},
            "media_type": {"type": "string"},
            "name": {"type": "string"},
        },
        "additionalProperties": false,
    });
    schema.as_object().cloned().unwrap_or_default()
}

fn check(reader: &mut Reader<'_>, span: Span, schema: &Value) {
    let built = jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .should_validate_formats(true)
        .should_ignore_unknown_formats(false)
        .offline()
        .with_pattern_options(PatternOptions::regex().size_limit(PATTERN_BYTES_MAX))
        .build(schema);
    if let Err(error) = built {
        reader.error(codes::SCHEMA, span, format!("this is no JSON Schema: {error}"));
    }
}

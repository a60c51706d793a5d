//! The schemas of a manifest: checked keyword by keyword, `$ref` to a type of the manifest replaced by the type itself,
//! so that whoever reads a step's schema needs no manifest.

use super::reader::Reader;
use super::schema_lint::{self, Mistake};
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
pub(super) const ONE: [&str; 9] = [
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
pub(super) const SOME: [&str; 3] = ["allOf", "anyOf", "oneOf"];
/// Keywords whose value maps names to schemas.
pub(super) const NAMED: [&str; 2] = ["properties", "patternProperties"];

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
            let before = reader.found.len();
            let schema = types.schema(reader, &entry.value, &mut open);
            if reader.found.len() == before {
                types.check(reader, &entry.value, &schema);
            }
        }
        types
    }

    /// A schema with its references replaced, and checked to be one.
    pub(super) fn inline(&self, reader: &mut Reader<'_>, node: &'n Node, but: &[&str]) -> Value {
        let before = reader.found.len();
        let schema = self.schema_but(reader, node, &mut Vec::new(), but);
        if reader.found.len() == before {
            self.check(reader, node, &schema);
        }
        schema
    }

    /// Tells what is wrong with a schema, each mistake where it stands.
    fn check(&self, reader: &mut Reader<'_>, node: &'n Node, schema: &Value) {
        if reader.shown {
            return;
        }
        let built = builder().build(schema);
        let mut mistakes = Vec::new();
        if let Err(error) = &built {
            mistakes = schema_lint::keywords(schema);
            if mistakes.is_empty() {
                reader.error(codes::SCHEMA, node.span, format!("this is no JSON Schema: {error}"));
            }
        }
        mistakes.extend(schema_lint::unknown_names(schema, false));
        self.tell(reader, node, mistakes);
    }

    /// The names that an operation requires and nobody can give.
    pub(super) fn check_input(&self, reader: &mut Reader<'_>, node: &'n Node, schema: &Value) {
        self.tell(reader, node, schema_lint::unknown_names(schema, true));
    }

    fn tell(&self, reader: &mut Reader<'_>, node: &'n Node, mistakes: Vec<Mistake>) {
        for mistake in mistakes {
            let span = self.place(node, &mistake.at);
            match mistake.hint {
                Some(hint) => reader.error_with(codes::SCHEMA, span, mistake.message, hint),
                None => reader.error(codes::SCHEMA, span, mistake.message),
            }
        }
    }

    /// Where a part of a schema stands in the file, through references to types; the nearest thing around it where it stands
    /// nowhere.
    fn place(&self, node: &'n Node, at: &[String]) -> Span {
        let mut node = node;
        for token in at {
            // References cannot be circular: that is found before.
            while node.as_mapping().is_some_and(|map| map.get(token).is_none()) {
                let target = node.get("$ref").and_then(Node::as_str).and_then(|text| text.strip_prefix("#/types/"));
                let Some(target) = target.and_then(|name| self.nodes.get(name)) else { return node.span };
                node = target;
            }
            let child = match node.as_sequence() {
                Some(items) => token.parse::<usize>().ok().and_then(|index| items.get(index)),
                None => node.get(token),
            };
            let Some(child) = child else { return node.span };
            node = child;
        }
        node.span
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

/// How every schema is built: what cannot be judged is a mistake, and nothing is fetched.
pub(super) fn builder() -> jsonschema::ValidationOptions<'static> {
    jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .should_validate_formats(true)
        .should_ignore_unknown_formats(false)
        .offline()
        .with_pattern_options(PatternOptions::regex().size_limit(PATTERN_BYTES_MAX))
}

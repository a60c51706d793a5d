//! What is wrong inside of a schema, by its place there: keywords whose values mean nothing, and names that are required and can
//! never be given. Schemas are judged here as they are after their references were replaced; the neighbour `schema` knows where
//! each part of them stands in the file.

use super::schema::{NAMED, ONE, SOME, builder};
use engross_source::nearest;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const TYPES: [&str; 7] = ["array", "boolean", "integer", "null", "number", "object", "string"];
const FORMATS: [&str; 19] = [
    "date",
    "date-time",
    "duration",
    "email",
    "hostname",
    "idn-email",
    "idn-hostname",
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

/// A mistake inside of a schema.
pub(super) struct Mistake {
    /// The names and indexes that lead to it.
    pub(super) at: Vec<String>,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

/// Every keyword whose value is none that it can have.
pub(super) fn keywords(schema: &Value) -> Vec<Mistake> {
    let mut found = Vec::new();
    walk(schema, &mut Vec::new(), &mut |schema, at| {
        for (key, value) in schema.as_object().into_iter().flatten() {
            if let Some((message, hint)) = keyword(key, value) {
                found.push(Mistake { at: below(at, &[key]), message, hint });
            }
        }
    });
    found
}

/// Every name under `required` that its schema does not let anybody give. `is_input` says that the whole takes nothing but its
/// properties.
pub(super) fn unknown_names(schema: &Value, is_input: bool) -> Vec<Mistake> {
    let mut found = Vec::new();
    let mut seen = |schema: &Value, at: &[String]| {
        let is_closed = schema.get("additionalProperties") == Some(&Value::Bool(false)) || (is_input && at.is_empty());
        let is_open = ["patternProperties", "unevaluatedProperties"].iter().any(|key| schema.get(key).is_some());
        if is_closed && !is_open {
            let known: BTreeSet<&str> = names(schema);
            judged(schema, at, &known, &mut found);
        }
    };
    walk(schema, &mut Vec::new(), &mut seen);
    found
}

/// The names of a schema's own properties.
fn names(schema: &Value) -> BTreeSet<&str> {
    schema.get("properties").and_then(Value::as_object).into_iter().flatten().map(|(name, _)| name.as_str()).collect()
}

/// Looks at `required` here and in the alternatives and conditions, which are about the same object.
fn judged(schema: &Value, at: &[String], known: &BTreeSet<&str>, found: &mut Vec<Mistake>) {
    let required = schema.get("required").and_then(Value::as_array);
    for (index, name) in required.into_iter().flatten().enumerate() {
        let Some(name) = name.as_str().filter(|name| !known.contains(name)) else { continue };
        let near = nearest(name, known.iter().copied());
        let hint = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("describe it under `properties`: nothing else can be given than {}", listed(known)),
        };
        found.push(Mistake {
            at: below(at, &["required", &index.to_string()]),
            message: format!("`{name}` is required, and there is no property of this name"),
            hint: Some(hint),
        });
    }
    for key in SOME {
        for (index, one) in schema.get(key).and_then(Value::as_array).into_iter().flatten().enumerate() {
            judged(one, &below(at, &[key, &index.to_string()]), known, found);
        }
    }
    for key in ["if", "then", "else"] {
        if let Some(one) = schema.get(key) {
            judged(one, &below(at, &[key]), known, found);
        }
    }
}

fn listed(known: &BTreeSet<&str>) -> String {
    if known.is_empty() { "nothing".to_string() } else { known.iter().copied().collect::<Vec<_>>().join(", ") }
}

fn below(at: &[String], more: &[&str]) -> Vec<String> {
    at.iter().cloned().chain(more.iter().map(|name| (*name).to_string())).collect()
}

/// Shows a schema and all schemas in it, each with the way to it.
fn walk(schema: &Value, at: &mut Vec<String>, seen: &mut impl FnMut(&Value, &[String])) {
    seen(schema, at);
    for (key, value) in schema.as_object().into_iter().flatten() {
        at.push(key.clone());
        match value {
            value if ONE.contains(&key.as_str()) => walk(value, at, seen),
            Value::Array(items) if SOME.contains(&key.as_str()) => {
                for (index, item) in items.iter().enumerate() {
                    at.push(index.to_string());
                    walk(item, at, seen);
                    at.pop();
                }
            }
            Value::Object(named) if NAMED.contains(&key.as_str()) => {
                for (name, one) in named {
                    at.push(name.clone());
                    walk(one, at, seen);
                    at.pop();
                }
            }
            _ => {}
        }
        at.pop();
    }
}

/// What is wrong with the value of a keyword, and what to do.
fn keyword(key: &str, value: &Value) -> Option<(String, Option<String>)> {
    let must = |is: bool, what: &str| (!is).then(|| (format!("`{key}` is {what}, found {value}"), None));
    let unbuildable = || builder().build(&json!({ key: value })).err();
    match key {
        "type" => {
            let all = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
            let unknown = all.iter().find(|kind| !kind.as_str().is_some_and(|kind| TYPES.contains(&kind)))?;
            let near = unknown.as_str().and_then(|unknown| {
                let prefix = |kind: &&&str| unknown.len() > 2 && kind.starts_with(unknown);
                nearest(unknown, TYPES).or_else(|| TYPES.iter().find(prefix).copied())
            });
            let hint =
                near.map_or_else(|| format!("one of {}", TYPES.join(", ")), |near| format!("did you mean `{near}`?"));
            Some((format!("there is no type {unknown}"), Some(hint)))
        }
        "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties" => {
            must(value.as_u64().is_some(), "a whole number that is not negative")
        }
        "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" => must(value.is_number(), "a number"),
        "multipleOf" => must(value.as_f64().is_some_and(|number| number > 0.0), "a number above 0"),
        "uniqueItems" | "x-sensitive" | "x-personal" => must(value.is_boolean(), "true or false"),
        "title" | "description" | "contentEncoding" | "contentMediaType" => must(value.is_string(), "text"),
        "enum" | "examples" => must(value.is_array(), "a list"),
        "allOf" | "anyOf" | "oneOf" => must(value.as_array().is_some_and(|list| !list.is_empty()), "a list of schemas"),
        "required" => {
            let names = value.as_array().map(|list| list.iter().map(Value::as_str).collect::<Vec<_>>());
            let good = names.is_some_and(|names| {
                names.iter().all(Option::is_some) && names.iter().collect::<BTreeSet<_>>().len() == names.len()
            });
            must(good, "a list of names, each once")
        }
        "pattern" => {
            let Some(pattern) = value.as_str() else { return must(false, "a regular expression") };
            unbuildable().map(|_| {
                let hint = "brackets that are meant literally have a `\\` before them";
                (format!("`{pattern}` is no regular expression"), Some(hint.to_string()))
            })
        }
        "format" => {
            let Some(format) = value.as_str() else { return must(false, "a format's name") };
            unbuildable().map(|_| {
                let near = nearest(format, FORMATS);
                let hint = near
                    .map_or_else(|| format!("one of {}", FORMATS.join(", ")), |near| format!("did you mean `{near}`?"));
                (format!("there is no format `{format}`"), Some(hint))
            })
        }
        _ => None,
    }
}

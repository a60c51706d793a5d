//! An example for a schema, made up where the manifest gives none. It fills what is required and nothing else.

use crate::limits::EXAMPLE_DEPTH_MAX;
use serde_json::{Map, Value, json};

/// A value that fits the schema, as far as that can be made up: patterns are not understood.
pub(crate) fn example(schema: &Value) -> Value {
    made(schema, EXAMPLE_DEPTH_MAX)
}

fn made(schema: &Value, depth: usize) -> Value {
    let first = |key: &str| schema.get(key).and_then(Value::as_array).and_then(|list| list.first()).cloned();
    let told = schema.get("const").cloned().or_else(|| first("examples"));
    let told = told.or_else(|| schema.get("default").cloned()).or_else(|| first("enum"));
    if let Some(told) = told {
        return told;
    }
    if depth == 0 {
        return Value::Null;
    }
    let kind = match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.first().and_then(Value::as_str),
        Some(kind) => kind.as_str(),
        None => None,
    };
    match kind {
        Some("object") => object(schema, depth),
        Some("array") => {
            let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(1).max(1);
            let item = schema.get("items").map_or(Value::Null, |items| made(items, depth - 1));
            Value::Array((0..least.min(3)).map(|_| item.clone()).collect())
        }
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
        Some("boolean") => Value::Bool(true),
        Some("null") => Value::Null,
        Some("string") => text(schema),
        _ => {
            let alternative = first("oneOf").or_else(|| first("anyOf"));
            alternative.map_or_else(|| json!("text"), |schema| made(&schema, depth - 1))
        }
    }
}

fn text(schema: &Value) -> Value {
    json!(match schema.get("format").and_then(Value::as_str) {
        Some("email") => "ann@example.com",
        Some("uri") => "https://example.com/",
        Some("date-time") => "2026-01-31T12:00:00Z",
        Some("date") => "2026-01-31",
        _ => "text",
    })
}

fn object(schema: &Value, depth: usize) -> Value {
    let properties = schema.get("properties").and_then(Value::as_object);
    let names = |schema: &Value| -> Vec<String> {
        let required = schema.get("required").and_then(Value::as_array);
        required.into_iter().flatten().filter_map(Value::as_str).map(str::to_string).collect()
    };
    let mut wanted = names(schema);
    for key in ["anyOf", "oneOf"] {
        let first = schema.get(key).and_then(Value::as_array).and_then(|list| list.first());
        wanted.extend(first.map(names).unwrap_or_default());
    }
    let least = schema.get("minProperties").and_then(Value::as_u64).unwrap_or_default();
    let least = usize::try_from(least).unwrap_or_default();
    let more = properties.into_iter().flat_map(|map| map.keys()).filter(|name| !wanted.contains(name)).cloned();
    let more: Vec<String> = more.take(least.saturating_sub(wanted.len())).collect();
    wanted.extend(more);
    let mut map = Map::new();
    for name in wanted {
        let value = properties.and_then(|map| map.get(&name)).map_or_else(|| json!("text"), |s| made(s, depth - 1));
        map.insert(name, value);
    }
    let others = schema.get("additionalProperties").filter(|others| others.is_object());
    if let Some(others) = others.filter(|_| map.len() < least.max(usize::from(properties.is_none()))) {
        map.insert("name".to_string(), made(others, depth - 1));
    }
    Value::Object(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(schema: Value, expected: Value) {
        assert_eq!(example(&schema), expected, "{schema}");
    }

    #[test]
    fn examples_fill_what_is_required() {
        check(
            json!({
                "type": "object",
                "required": ["id", "signers"],
                "properties": {
                    "id": {"type": "string", "minLength": 1},
                    "more": {"type": "string"},
                    "signers": {"type": "array", "minItems": 2, "items": {"type": "object", "required": ["email"],
                        "properties": {"email": {"type": "string", "format": "email"}}}},
                },
            }),
            json!({"id": "text", "signers": [{"email": "ann@example.com"}, {"email": "ann@example.com"}]}),
        );
        check(
            json!({"type": "object", "additionalProperties": {"type": ["string", "number"]}}),
            json!({"name": "text"}),
        );
        check(json!({"type": "integer", "minimum": 3}), json!(3));
        check(json!({"enum": ["a", "b"]}), json!("a"));
        check(json!({"type": "string", "examples": ["x"]}), json!("x"));
        check(
            json!({"type": "object", "properties": {"a": {"type": "boolean"}, "b": {}}, "anyOf": [{"required": ["a"]}]}),
            json!({"a": true}),
        );
    }
}

//! Schemas of values whose parts the file writes out or refers to, put together from the schemas of those parts.

use super::walk::types;
use serde_json::{Map, Value, json};

/// The schema of a list of values of these schemas.
pub(crate) fn list_of(items: Vec<Value>) -> Value {
    let least = items.len();
    json!({ "type": "array", "items": either(items), "minItems": least })
}

/// What fits values of each of these schemas, as precisely as one schema without a choice can say it.
pub(crate) fn either(mut schemas: Vec<Value>) -> Value {
    schemas.dedup();
    let Some(first) = schemas.first() else { return json!({}) };
    if schemas.len() == 1 {
        return first.clone();
    }
    if schemas.iter().all(|schema| schema.get("properties").is_some_and(Value::is_object)) {
        return object_of_any(&schemas);
    }
    let all: Option<Vec<String>> = schemas
        .iter()
        .map(|schema| types(schema, schema))
        .collect::<Option<Vec<_>>>()
        .map(|all| all.into_iter().flatten().collect::<std::collections::BTreeSet<String>>().into_iter().collect());
    // Where a part of one of them is meant, nothing is known of it.
    all.map_or_else(|| json!({}), |types| json!({ "type": types }))
}

/// An object that has what any of these has, and certainly what all of them have.
fn object_of_any(schemas: &[Value]) -> Value {
    let mut properties: Map<String, Value> = Map::new();
    let names = |schema: &Value| -> Vec<String> {
        schema.get("properties").and_then(Value::as_object).into_iter().flat_map(|p| p.keys().cloned()).collect()
    };
    for name in schemas.iter().flat_map(names) {
        if properties.contains_key(&name) {
            continue;
        }
        let of_this = schemas.iter().filter_map(|schema| schema.get("properties")?.get(&name).cloned()).collect();
        properties.insert(name, either(of_this));
    }
    let is_required = |schema: &Value, name: &String| {
        schema.get("required").and_then(Value::as_array).is_some_and(|all| all.iter().any(|one| one == name))
    };
    let required: Vec<&String> =
        properties.keys().filter(|name| schemas.iter().all(|schema| is_required(schema, name))).collect();
    let closed = schemas.iter().all(|schema| schema.get("additionalProperties") == Some(&Value::Bool(false)));
    json!({ "type": "object", "required": required, "properties": properties, "additionalProperties": !closed })
}

/// The same schema, or null. What is inside it stays known.
pub(crate) fn or_null(schema: &Value) -> Value {
    match types(schema, schema) {
        Some(types) if types.contains("null") => schema.clone(),
        Some(_) => json!({ "anyOf": [schema, { "type": "null" }] }),
        None => schema.clone(),
    }
}

/// A schema that stands alone: what it refers to in `root` is written out. It takes from `parts`, and when there are none left it
/// allows anything, as where it refers to itself.
pub(crate) fn standalone(root: &Value, schema: &Value, parts: &mut usize) -> Value {
    copy(root, schema, &mut Vec::new(), parts)
}

/// Recursion follows the schema, and each reference only once on the way.
fn copy<'s>(root: &'s Value, schema: &'s Value, open: &mut Vec<&'s str>, parts: &mut usize) -> Value {
    let Some(left) = parts.checked_sub(1) else { return json!({}) };
    *parts = left;
    match schema {
        Value::Object(entries) => {
            if let Some(reference) = entries.get("$ref").and_then(Value::as_str) {
                let target = reference.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
                let Some(target) = target.filter(|_| !open.contains(&reference)) else { return json!({}) };
                open.push(reference);
                let copied = copy(root, target, open, parts);
                open.pop();
                return copied;
            }
            let entries = entries.iter().filter(|(key, _)| !matches!(key.as_str(), "$defs" | "definitions"));
            Value::Object(entries.map(|(key, value)| (key.clone(), copy(root, value, open, parts))).collect())
        }
        Value::Array(items) => items.iter().map(|item| copy(root, item, open, parts)).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(schemas: Value, expected: Value) {
        let schemas = schemas.as_array().cloned().unwrap();
        assert_eq!(either(schemas.clone()), expected, "{schemas:?}");
    }

    #[test]
    fn what_fits_several_is_no_narrower_than_any() {
        check(json!([]), json!({}));
        check(json!([{ "type": "string" }, { "type": "string" }]), json!({ "type": "string" }));
        check(json!([{ "type": "string" }, { "enum": [1, null] }]), json!({ "type": ["integer", "null", "string"] }));
        check(json!([{ "type": "string" }, {}]), json!({}));
        let one = json!({ "type": "object", "required": ["a", "b"], "properties": { "a": { "type": "string" }, "b": {} }, "additionalProperties": false });
        let two = json!({ "type": "object", "required": ["a"], "properties": { "a": { "type": "integer" } }, "additionalProperties": false });
        check(
            json!([one, two]),
            json!({ "type": "object", "required": ["a"], "properties": { "a": { "type": ["integer", "string"] }, "b": {} }, "additionalProperties": false }),
        );
    }

    #[test]
    fn references_are_written_out_and_circles_end() {
        let root = json!({
            "$defs": { "node": { "type": "object", "properties": { "next": { "$ref": "#/$defs/node" }, "name": { "type": "string" } } } },
            "properties": { "first": { "$ref": "#/$defs/node" } },
        });
        assert_eq!(
            standalone(&root, &root, &mut 100),
            json!({ "properties": { "first": { "type": "object", "properties": { "next": {}, "name": { "type": "string" } } } } })
        );
        assert_eq!(standalone(&root, &root, &mut 3), json!({ "properties": { "first": {} } }));
        assert_eq!(
            or_null(&json!({ "type": "string" })),
            json!({ "anyOf": [{ "type": "string" }, { "type": "null" }] })
        );
        assert_eq!(or_null(&json!({})), json!({}));
    }
}

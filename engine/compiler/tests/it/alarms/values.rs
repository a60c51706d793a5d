//! Random schemas and values that they allow, from one seed. What a schema does not speak of, no value has.

use super::Dice;
use serde_json::{Map, Value, json};

/// References that are followed within one value before what is left is made as small as can be.
const DEEPEST: usize = 12;

/// A schema such as operations have: nested objects, lists, choices, formats, and null where another kind is hoped for.
pub(super) fn schema(dice: &mut Dice, levels: usize) -> Value {
    let leaf = ["string", "integer", "number", "boolean"];
    match dice.roll(if levels == 0 { 9 } else { 18 }) {
        0..=2 => json!({"type": dice.pick(&leaf)}),
        3 => json!({"type": [dice.pick(&leaf), "null"]}),
        4 => json!({"enum": ["a", "b c"]}),
        5 => json!({"type": "string", "format": dice.pick(&["date-time", "email", "uri"])}),
        6 => json!({"const": "x"}),
        7 => json!({"anyOf": [{"type": "string"}, {"type": dice.pick(&["integer", "boolean", "null"])}]}),
        8 => json!({"enum": [1, "one", null]}),
        9..=11 => json!({"type": "array", "items": schema(dice, levels - 1), "minItems": dice.roll(2)}),
        12 => json!({"type": ["array", "null"], "items": schema(dice, levels - 1), "minItems": dice.roll(2)}),
        13 => json!({"anyOf": [object(dice, levels - 1), {"type": dice.pick(&["null", "string"])}]}),
        14 => json!({"type": "object", "additionalProperties": schema(dice, levels - 1)}),
        15 => {
            let mut object = object(dice, levels - 1);
            object["type"] = json!(["object", "null"]);
            object
        }
        _ => object(dice, levels - 1),
    }
}

/// An object with `a`, `b` and `c`, of which some may be absent.
pub(super) fn object(dice: &mut Dice, levels: usize) -> Value {
    let names = ["a", "b", "c"];
    let properties: Map<String, Value> = names.iter().map(|name| ((*name).to_owned(), schema(dice, levels))).collect();
    let required: Vec<&str> = names.into_iter().filter(|_| dice.roll(2) == 0).collect();
    let mut object = json!({"type": "object", "properties": properties, "required": required});
    if dice.roll(2) == 0 {
        object["additionalProperties"] = json!(false);
    }
    object
}

/// A value that the schema allows. With `full`, everything is there that may be, lists have two items or more, and null stands
/// only where nothing else can.
pub(super) fn value(dice: &mut Dice, root: &Value, schema: &Value, full: bool) -> Value {
    within(dice, root, schema, full, DEEPEST)
}

fn within(dice: &mut Dice, root: &Value, schema: &Value, full: bool, left: usize) -> Value {
    let Some(deeper) = left.checked_sub(1) else { return Value::Null };
    if let Some(reference) = schema["$ref"].as_str() {
        let meant = root.pointer(reference.trim_start_matches('#')).expect("a reference leads somewhere");
        return within(dice, root, meant, full, deeper);
    }
    if let Some(only) = schema.get("const") {
        return only.clone();
    }
    if let Some(options) = schema["enum"].as_array() {
        let options: Vec<&Value> = options.iter().filter(|option| !full || !option.is_null()).collect();
        return options[dice.roll(options.len())].clone();
    }
    if let Some(branches) = schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Value::as_array) {
        // Where an object is one of the choices, it is the one with parts.
        let with_parts = branches.iter().find(|branch| full && branch["properties"].is_object());
        let branch = with_parts.unwrap_or_else(|| &branches[dice.roll(branches.len())]);
        if schema.get("properties").is_none() {
            return within(dice, root, branch, full, deeper);
        }
    }
    match kind(dice, schema, full).as_str() {
        "string" => text(dice, schema),
        "integer" => json!([1, -7, 500, i64::from(full)][dice.roll(4)].max(schema["minimum"].as_i64().unwrap_or(-7))),
        "number" => [json!(i64::from(full)), json!(2.5), json!(3.0)][dice.roll(3)].clone(),
        "boolean" => json!(dice.roll(2) == 0),
        "null" => Value::Null,
        "array" => {
            let least = usize::try_from(schema["minItems"].as_u64().unwrap_or(0)).expect("small");
            let least = if full { least.max(2) } else { least };
            let items = schema.get("items").cloned().unwrap_or_else(|| json!({}));
            (0..least + dice.roll(2)).map(|_| within(dice, root, &items, full, deeper)).collect()
        }
        _ => members(dice, root, schema, full, deeper),
    }
}

fn members(dice: &mut Dice, root: &Value, schema: &Value, full: bool, left: usize) -> Value {
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let mut made = Map::new();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        if required.contains(&json!(name)) || full || dice.roll(2) == 0 {
            made.insert(name.clone(), within(dice, root, property, full, left));
        }
    }
    if schema["additionalProperties"].is_object() {
        for name in ["k", "l"].into_iter().filter(|_| full || dice.roll(2) == 0).collect::<Vec<_>>() {
            made.insert(name.to_owned(), within(dice, root, &schema["additionalProperties"], full, left));
        }
    }
    Value::Object(made)
}

fn kind(dice: &mut Dice, schema: &Value, full: bool) -> String {
    match &schema["type"] {
        Value::String(one) => one.clone(),
        Value::Array(kinds) => {
            let kinds: Vec<&str> = kinds.iter().filter_map(Value::as_str).filter(|k| !full || *k != "null").collect();
            kinds[dice.roll(kinds.len())].to_owned()
        }
        // Where nothing is said of the kind, an object is it if there are parts, and otherwise anything.
        _ if schema["properties"].is_object() => "object".to_owned(),
        _ if schema["items"].is_object() => "array".to_owned(),
        _ => dice.pick(&["string", "integer", "boolean", "array", "object"]).to_owned(),
    }
}

fn text(dice: &mut Dice, schema: &Value) -> Value {
    match schema["format"].as_str() {
        Some("date-time") => json!("2026-01-31T09:00:00Z"),
        Some("date") => json!("2026-01-31"),
        Some("email") => json!("lena@legal.example"),
        Some("uri") => json!("https://legal.example/a?b=c"),
        _ if schema["minLength"].as_u64().is_some_and(|least| least > 0) => json!(dice.pick(&["x", "Acme & Söhne"])),
        _ => json!(dice.pick(&["", "x", "Acme & Söhne", "a, b"])),
    }
}

/// Every path into a value of the schema.
pub(super) fn paths(path: &str, schema: &Value, into: &mut Vec<String>) {
    into.push(path.to_owned());
    let branches = schema["anyOf"].as_array().into_iter().flatten();
    for schema in std::iter::once(schema).chain(branches) {
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            paths(&format!("{path}.{name}"), property, into);
        }
        if schema["additionalProperties"].is_object() {
            paths(&format!("{path}.k"), &schema["additionalProperties"], into);
        }
        if schema["items"].is_object() {
            paths(&format!("{path}[0]"), &schema["items"], into);
        }
    }
}

/// The value at a path such as `steps.a.outputs.b[0]`.
pub(super) fn at<'v>(scope: &'v Value, path: &str) -> Option<&'v Value> {
    let path = path.replace('[', ".").replace(']', "");
    path.split('.').try_fold(scope, |value, part| match part.parse::<usize>() {
        Ok(index) if value.is_array() => value.get(index),
        _ => value.get(part),
    })
}

#[test]
fn values_are_what_their_schemas_allow() {
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    for round in 0..200 {
        let schema = schema(&mut dice, 3);
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        for _ in 0..4 {
            let made = value(&mut dice, &schema, &schema, round % 2 == 0);
            assert!(validator.is_valid(&made), "{schema}\n{made}");
        }
    }
}

//! Which schema the next segment of a reference leads to.
//!
//! JSON Schema leaves objects open unless they say otherwise. A reference is checked against what is declared: an object that
//! declares its properties and does not mention others is taken to have no others, since that is how an author finds a typing
//! mistake. An object that declares nothing may hold anything.

use crate::expr::Segment;
use crate::limits::SCHEMA_STEPS_MAX;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Where a segment leads.
#[derive(Debug, PartialEq)]
pub(crate) enum Found<'s> {
    /// To a value of this schema.
    Schema(&'s Value),
    /// To a value nothing is known of.
    Anything,
    /// Nowhere: these names there would be.
    Nothing(Vec<&'s str>),
    /// Nowhere: the value it starts from is a string or the like.
    NoParts(String),
}

/// The JSON types a value may have, when they are known: `null`, `boolean`, `integer`, `number`, `string`, `array`, `object`.
pub(crate) type Types = BTreeSet<String>;

/// Follows one segment from a value of `schema`; `root` is what `$ref` is relative to.
pub(crate) fn follow<'s>(root: &'s Value, schema: &'s Value, segment: &Segment) -> Found<'s> {
    let mut budget = SCHEMA_STEPS_MAX;
    step(root, schema, segment, &mut budget)
}

fn step<'s>(root: &'s Value, schema: &'s Value, segment: &Segment, budget: &mut usize) -> Found<'s> {
    let Some(schema) = resolve(root, schema, budget) else { return Found::Anything };
    if let Some(types) = types_within(root, schema, budget) {
        let wanted = if matches!(segment, Segment::Key(_)) { "object" } else { "array" };
        if !types.contains(wanted) {
            return Found::NoParts(types.into_iter().collect::<Vec<_>>().join(" or "));
        }
    }
    match segment {
        Segment::Key(key) => property(root, schema, key, segment, budget),
        Segment::Index(_) => match schema.get("items") {
            Some(items) if !schema.contains_key("prefixItems") => Found::Schema(items),
            _ => item_of_branch(root, schema, segment, budget),
        },
    }
}

/// The object schema behind any `$ref`; nothing when it says nothing or the bound is reached.
fn resolve<'s>(root: &'s Value, schema: &'s Value, budget: &mut usize) -> Option<&'s Map<String, Value>> {
    let mut schema = schema;
    loop {
        *budget = budget.checked_sub(1)?;
        let object = schema.as_object()?;
        let Some(reference) = object.get("$ref").and_then(Value::as_str) else { return Some(object) };
        schema = root.pointer(reference.strip_prefix('#')?)?;
    }
}

/// An item of the only branch that has items, as of a list that may be null.
fn item_of_branch<'s>(
    root: &'s Value,
    schema: &'s Map<String, Value>,
    segment: &Segment,
    budget: &mut usize,
) -> Found<'s> {
    let branches = ["anyOf", "oneOf"].iter().filter_map(|keyword| schema.get(*keyword)?.as_array()).flatten();
    let mut found = Vec::new();
    for branch in branches {
        match step(root, branch, segment, budget) {
            Found::Schema(schema) => found.push(schema),
            Found::Anything => return Found::Anything,
            Found::Nothing(_) | Found::NoParts(_) => {}
        }
    }
    match found.as_slice() {
        [only] => Found::Schema(only),
        _ => Found::Anything,
    }
}

fn property<'s>(
    root: &'s Value,
    schema: &'s Map<String, Value>,
    key: &str,
    segment: &Segment,
    budget: &mut usize,
) -> Found<'s> {
    let properties = schema.get("properties").and_then(Value::as_object);
    if let Some(found) = properties.and_then(|properties| properties.get(key)) {
        return Found::Schema(found);
    }
    let mut known: Vec<&str> = properties.into_iter().flat_map(|p| p.keys().map(String::as_str)).collect();
    let mut declared = properties.is_some();
    for keyword in ["allOf", "anyOf", "oneOf"] {
        let branches = schema.get(keyword).and_then(Value::as_array);
        let mut found = Vec::new();
        for branch in branches.into_iter().flatten() {
            if says_nothing_of_properties(branch) {
                continue;
            }
            declared = true;
            match step(root, branch, segment, budget) {
                Found::Schema(schema) => found.push(schema),
                Found::Anything => return Found::Anything,
                Found::Nothing(names) => known.extend(names),
                Found::NoParts(_) => {}
            }
        }
        match found.as_slice() {
            [] => {}
            [only] => return Found::Schema(only),
            _ => return Found::Anything,
        }
    }
    match schema.get("additionalProperties") {
        Some(Value::Bool(false)) => Found::Nothing(known),
        Some(Value::Bool(true)) => Found::Anything,
        Some(additional) => Found::Schema(additional),
        None if !declared || schema.contains_key("patternProperties") => Found::Anything,
        None => Found::Nothing(known),
    }
}

/// Whether a branch only demands or forbids, as in `oneOf: [{required: [a]}, {required: [b]}]`.
fn says_nothing_of_properties(branch: &Value) -> bool {
    branch.as_object().is_none_or(|branch| {
        branch.keys().all(|keyword| matches!(keyword.as_str(), "required" | "not" | "title" | "description" | "type"))
    })
}

/// Whether a value of `schema` certainly is of the kind that has such parts; with `not_null`, null aside. Where nothing is said
/// of its kind it is taken to be.
pub(crate) fn has_parts(root: &Value, schema: &Value, segment: &Segment, not_null: bool) -> bool {
    let wanted = if matches!(segment, Segment::Key(_)) { "object" } else { "array" };
    types(root, schema).is_none_or(|types| types.iter().all(|one| one == wanted || not_null && one == "null"))
}

/// Whether a value of `schema`, if it has parts at all, certainly has this one. What is not declared is taken to be there: nothing
/// is known of it.
pub(crate) fn promised(root: &Value, schema: &Value, segment: &Segment) -> bool {
    let mut budget = SCHEMA_STEPS_MAX;
    promised_within(root, schema, segment, &mut budget)
}

fn promised_within(root: &Value, schema: &Value, segment: &Segment, budget: &mut usize) -> bool {
    let Some(schema) = resolve(root, schema, budget) else { return true };
    match segment {
        Segment::Key(key) => {
            let property = schema.get("properties").and_then(|properties| properties.get(key));
            let declared = property.is_some() || schema.get("additionalProperties").is_some_and(Value::is_object);
            let branches = ["allOf", "anyOf", "oneOf"].iter().any(|keyword| schema.contains_key(*keyword));
            if property.is_none() && ["anyOf", "oneOf"].iter().any(|k| lacks(root, schema.get(*k), segment, budget)) {
                return false;
            }
            let required = schema.get("required").and_then(Value::as_array);
            !declared
                || branches && property.is_none()
                || required.is_some_and(|names| names.iter().any(|name| name == key))
                || property.is_some_and(|property| property.get("default").is_some())
        }
        Segment::Index(index) => {
            let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or_default();
            !schema.contains_key("items") || usize::try_from(least).is_ok_and(|least| *index < least)
        }
    }
}

/// Whether one of these branches declares the part and does not promise it.
fn lacks(root: &Value, branches: Option<&Value>, segment: &Segment, budget: &mut usize) -> bool {
    let declares = |branch: &Value| matches!(follow(root, branch, segment), Found::Schema(_));
    let mut branches = branches.and_then(Value::as_array).into_iter().flatten();
    branches.any(|branch| declares(branch) && !promised_within(root, branch, segment, budget))
}

/// The types a value of `schema` may have, or nothing if the schema does not say.
pub(crate) fn types(root: &Value, schema: &Value) -> Option<Types> {
    let mut budget = SCHEMA_STEPS_MAX;
    let schema = resolve(root, schema, &mut budget)?;
    types_within(root, schema, &mut budget)
}

fn types_within(root: &Value, schema: &Map<String, Value>, budget: &mut usize) -> Option<Types> {
    match schema.get("type") {
        Some(Value::String(one)) => return Some(BTreeSet::from([one.clone()])),
        Some(Value::Array(many)) => return Some(many.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
        _ => {}
    }
    if let Some(value) = schema.get("const") {
        return Some(BTreeSet::from([type_name(value).to_owned()]));
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return Some(values.iter().map(|value| type_name(value).to_owned()).collect());
    }
    let branches = schema.get("anyOf").or_else(|| schema.get("oneOf"))?.as_array()?;
    let mut all = Types::new();
    for branch in branches {
        let branch = resolve(root, branch, budget)?;
        all.extend(types_within(root, branch, budget)?);
    }
    Some(all)
}

/// The JSON type of a value.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(schema: &Value, path: &str, expected: &str) {
        let mut found = Found::Schema(schema);
        for segment in path.split('.').filter(|s| !s.is_empty()) {
            let segment = segment.parse().map_or_else(|_| Segment::Key(segment.to_owned()), Segment::Index);
            let Found::Schema(next) = found else { break };
            found = follow(schema, next, &segment);
        }
        let shown = match found {
            Found::Schema(found) => {
                types(schema, found).map_or("?".into(), |t| t.into_iter().collect::<Vec<_>>().join("|"))
            }
            Found::Anything => "anything".to_owned(),
            Found::Nothing(known) => format!("nothing of {}", known.join(",")),
            Found::NoParts(kind) => format!("{kind} has no parts"),
        };
        assert_eq!(shown, expected, "{path}");
    }

    #[test]
    fn paths_are_followed_through_schemas() {
        let schema = json!({
            "$defs": {"person": {"type": "object", "properties": {"name": {"type": "string"}, "boss": {"$ref": "#/$defs/person"}}}},
            "properties": {
                "person": {"$ref": "#/$defs/person"},
                "open": {"type": "object"},
                "map": {"type": "object", "additionalProperties": {"type": "integer"}},
                "list": {"type": "array", "items": {"properties": {"id": {"type": ["string", "null"]}}}},
                "either": {"oneOf": [{"properties": {"a": {"const": 1}}}, {"properties": {"b": {"enum": ["x", 2]}}}]},
                "more": {"properties": {"x": {}}, "additionalProperties": true},
                "demands": {"type": "object", "properties": {"a": {}, "b": {}}, "oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
                "ring": {"$ref": "#/properties/ring"},
            },
        });
        check(&schema, "person.boss.boss.name", "string");
        check(&schema, "person.nmae", "nothing of boss,name");
        check(&schema, "person.name.x", "string has no parts");
        check(&schema, "person.0", "object has no parts");
        check(&schema, "open.x", "anything");
        check(&schema, "map.x", "integer");
        check(&schema, "list.0.id", "null|string");
        check(&schema, "list.id", "array has no parts");
        check(&schema, "either.a", "integer");
        check(&schema, "either.b", "integer|string");
        check(&schema, "either.c", "nothing of a,b");
        check(&schema, "more.y", "anything");
        check(&schema, "demands.c", "nothing of a,b");
        check(&schema, "ring.x", "anything");
        check(&schema, "other", "nothing of demands,either,list,map,more,open,person,ring");
    }
}

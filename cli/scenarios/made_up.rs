//! Values for a schema: what a stand-in leaves when the author does not say. The same every time.
//!
//! Everything that a schema names is there, not only what it requires, so that whatever a workflow may refer to has a value. Texts
//! say where they come from (`create.contract_id`), so that two steps leave two ids. What a pattern accepts is guessed (`pattern`); the
//! test below keeps the schemas of all operations within what can be.

use crate::scenarios::limits::{
    LEVELS_OF_WHAT_IS_REQUIRED_MAX, MADE_UP_ITEMS_MAX, MADE_UP_LEVELS_MAX, MADE_UP_VALUES_MAX, TEXT_PADDED_MAX,
};
use crate::scenarios::pattern;
use serde_json::{Map, Value, json};
use std::cell::Cell;

/// What a step leaves: a value of `schema`. A field of the step's input that the output has, too, is told back.
pub fn outputs(schema: &Value, step: &str, input: &Value) -> Value {
    let maker = Maker { root: schema, left: Cell::new(MADE_UP_VALUES_MAX) };
    let mut made = maker.made(schema, step, MADE_UP_LEVELS_MAX + LEVELS_OF_WHAT_IS_REQUIRED_MAX);
    if let (Value::Object(made), Value::Object(input)) = (&mut made, input) {
        for (name, value) in made.iter_mut() {
            let told = input.get(name).filter(|told| !told.is_null() && kind(told) == kind(value));
            if let Some(told) = told.filter(|told| told.is_string() || told.is_number() || told.is_boolean()) {
                *value = told.clone();
            }
        }
    }
    made
}

/// Lays what an author says over what is made up: maps into maps, anything else instead.
pub fn laid_over(base: &mut Value, over: &Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (name, value) in over {
                laid_over(base.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (base, over) => base.clone_from(over),
    }
}

fn kind(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) => 4,
        Value::Object(_) => 5,
    }
}

struct Maker<'a> {
    root: &'a Value,
    /// How many values may still be made.
    left: Cell<usize>,
}

impl Maker<'_> {
    fn made(&self, schema: &Value, name: &str, levels: usize) -> Value {
        self.left.set(self.left.get().saturating_sub(1));
        if levels == 0 || self.left.get() == 0 {
            return Value::Null;
        }
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            let target = reference.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
            return target.map_or(Value::Null, |target| self.made(target, name, levels - 1));
        }
        let first = |key: &str| schema.get(key).and_then(Value::as_array).and_then(|list| list.first()).cloned();
        let told = schema.get("const").cloned().or_else(|| schema.get("default").cloned()).or_else(|| first("enum"));
        if let Some(told) = told {
            return told;
        }
        match wanted(schema) {
            Some("object") => self.object(schema, name, levels),
            Some("array") => self.array(schema, name, levels),
            Some("integer" | "number") => number(schema),
            Some("boolean") => Value::Bool(true),
            Some("null") => Value::Null,
            Some(_) => text(schema, name),
            None => match first("oneOf").or_else(|| first("anyOf")).or_else(|| first("allOf")) {
                Some(one) => self.made(&one, name, levels - 1),
                None => json!(name),
            },
        }
    }

    fn object(&self, schema: &Value, name: &str, levels: usize) -> Value {
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let required: Vec<&str> = required.collect();
        let mut map = Map::new();
        for (key, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            if self.is_rich(levels) || required.contains(&key.as_str()) {
                map.insert(key.clone(), self.made(property, &format!("{name}.{key}"), levels - 1));
            }
        }
        for key in required {
            map.entry(key).or_insert_with(|| json!(format!("{name}.{key}")));
        }
        Value::Object(map)
    }

    fn array(&self, schema: &Value, name: &str, levels: usize) -> Value {
        let bound = |key: &str| schema.get(key).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
        let least = bound("minItems").unwrap_or(0).max(usize::from(self.is_rich(levels)));
        let count = least.min(bound("maxItems").unwrap_or(usize::MAX)).min(MADE_UP_ITEMS_MAX);
        let Some(items) = schema.get("items") else { return json!([]) };
        let named = |at: usize| if at == 0 { name.to_string() } else { format!("{name}.{at}") };
        Value::Array((0..count).map(|at| self.made(items, &named(at), levels - 1)).collect())
    }

    /// Whether more is made up than what is required.
    fn is_rich(&self, levels: usize) -> bool {
        levels > LEVELS_OF_WHAT_IS_REQUIRED_MAX && self.left.get() > MADE_UP_VALUES_MAX / 2
    }
}

fn wanted(schema: &Value) -> Option<&str> {
    match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
        Some(kind) => kind.as_str(),
        None => schema.get("properties").map(|_| "object"),
    }
}

fn number(schema: &Value) -> Value {
    let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
    let least = bound("minimum").or_else(|| bound("exclusiveMinimum").map(|least| least + 1.0)).unwrap_or(1.0);
    let made = least.max(1.0).min(bound("maximum").unwrap_or(f64::MAX));
    match made.fract() == 0.0 && made.abs() < 9e15 {
        // Whole and small enough, as was just looked at.
        true => json!(made as i64),
        false => json!(made),
    }
}

fn text(schema: &Value, name: &str) -> Value {
    let format = schema.get("format").and_then(Value::as_str);
    let made = match format {
        Some("email") => "ann@people.example".to_string(),
        Some("uri") => format!("https://stand-in.example/{name}"),
        Some("date-time") => "2026-01-05T09:00:00Z".to_string(),
        Some("date") => "2026-01-05".to_string(),
        _ => name.to_string(),
    };
    if let Some(pattern) = schema.get("pattern").and_then(Value::as_str) {
        let validator = jsonschema::options().should_validate_formats(true).build(schema);
        let fits = |text: &Value| validator.as_ref().is_ok_and(|validator| validator.is_valid(text));
        let example = schema.get("examples").and_then(Value::as_array).and_then(|examples| examples.first());
        let guesses = [Some(json!(made)), pattern::guess(pattern, name).map(Value::String), example.cloned()];
        return guesses.into_iter().flatten().find(fits).unwrap_or_else(|| json!(made));
    }
    // What is called a digest looks like one.
    if format.is_none() && name.ends_with(".sha256") {
        return json!(digest(name));
    }
    let bound = |key: &str| schema.get(key).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
    let long: String = made.chars().take(bound("maxLength").unwrap_or(usize::MAX)).collect();
    let missing = bound("minLength").unwrap_or(0).saturating_sub(long.chars().count());
    json!(long + &"x".repeat(missing.min(TEXT_PADDED_MAX)))
}

/// Sixty-four hex digits that are others for another name.
fn digest(name: &str) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(name).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::{laid_over, outputs};
    use crate::config::Config;
    use crate::host;
    use serde_json::{Value, json};

    fn check(schema: Value, input: Value, expected: Value) {
        assert_eq!(outputs(&schema, "create", &input), expected, "{schema}");
    }

    #[test]
    fn everything_that_a_schema_names_is_made_up() {
        check(
            json!({
                "type": "object",
                "required": ["id"],
                "properties": {
                    "id": { "type": "string" },
                    "name": { "type": ["string", "null"], "maxLength": 6 },
                    "email": { "type": "string", "format": "email" },
                    "size": { "type": "integer", "minimum": 0 },
                    "kind": { "enum": ["a", "b"] },
                    "parts": { "type": "array", "minItems": 2, "items": { "type": "object", "properties": { "uid": { "type": "string" } } } },
                    "done": { "type": "boolean" },
                },
            }),
            json!({ "id": "given", "size": "no number" }),
            json!({
                "id": "given",
                "name": "create",
                "email": "ann@people.example",
                "size": 1,
                "kind": "a",
                "parts": [{ "uid": "create.parts.uid" }, { "uid": "create.parts.1.uid" }],
                "done": true,
            }),
        );
    }

    /// A schema that leads back to itself ends all the same.
    #[test]
    fn a_schema_without_end_comes_to_an_end() {
        let properties: serde_json::Map<String, Value> =
            (0..50).map(|n| (format!("p{n}"), json!({ "$ref": "#" }))).collect();
        let all: Vec<&String> = properties.keys().collect();
        let made = outputs(&json!({ "type": "object", "properties": properties, "required": all }), "a", &json!({}));
        assert!(made["p0"].is_object());
    }

    #[test]
    fn what_an_author_says_is_laid_over() {
        let mut made = json!({ "a": { "b": 1, "c": [1, 2] }, "d": 1 });
        laid_over(&mut made, &json!({ "a": { "c": [3] }, "e": null }));
        assert_eq!(made, json!({ "a": { "b": 1, "c": [3] }, "d": 1, "e": null }));
    }

    /// What stand-ins leave fits what the operations promise, of every operation there is.
    #[test]
    fn what_is_made_up_fits_the_schema_of_every_operation() {
        let registry = host::registry(&Config::default()).unwrap();
        let mut checked = 0;
        for spec in registry.specs() {
            let made = outputs(&spec.output, "step", &json!({}));
            let validator = jsonschema::options().should_validate_formats(true).build(&spec.output).unwrap();
            let problems: Vec<String> = validator.iter_errors(&made).map(|problem| problem.to_string()).collect();
            assert_eq!(problems, Vec::<String>::new(), "{}: {made:#}", spec.uses);
            checked += 1;
        }
        assert!(checked > 80, "only {checked} operations");
    }
}

//! The JSON Schema of policy files, for editors.
//!
//! It is a help while typing, and gentler than the loader: what it accepts may still be refused.

use crate::limits::{FROM_MAX, INPUTS_MAX, QUORUM_MAX, RULES_MAX, STAGES_MAX, TESTS_MAX};
use crate::load::LANGUAGE;
use serde_json::{Value, json};

const NAME: &str = "^[a-z][a-z0-9_]*$";

/// The JSON Schema (2020-12) of a policy file.
#[must_use]
pub fn policy_schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Engross policy",
        "type": "object",
        "required": ["schema", "name", "inputs", "rules"],
        "additionalProperties": false,
        "properties": {
            "schema": {"const": LANGUAGE},
            "name": {"type": "string", "pattern": NAME},
            "title": {"type": "string", "minLength": 1},
            "inputs": {
                "type": "object",
                "description": "What is decided by: name to JSON Schema of a single value. All of them must be given.",
                "minProperties": 1,
                "maxProperties": INPUTS_MAX,
                "propertyNames": {"pattern": NAME},
                "additionalProperties": {"$ref": "#/$defs/input"},
            },
            "rules": {
                "type": "array",
                "description": "The first rule that matches wins.",
                "minItems": 1,
                "maxItems": RULES_MAX,
                "items": {"$ref": "#/$defs/rule"},
            },
            "otherwise": {
                "description": "What holds when no rule matches. Required unless the rules match everything.",
                "type": "object",
                "additionalProperties": false,
                "properties": answer(),
                "oneOf": [{"required": ["stages"]}, {"required": ["refuse"]}],
            },
            "tests": {"type": "array", "maxItems": TESTS_MAX, "items": {"$ref": "#/$defs/test"}},
        },
        "$defs": definitions(),
    })
}

/// The keys that say who must approve.
fn answer() -> Value {
    json!({
        "stages": {"$ref": "#/$defs/stages"},
        "refuse": {"type": "string", "minLength": 1, "description": "Nobody may approve this; why."},
        "because": {"type": "string", "minLength": 1, "description": "Why these must approve."},
    })
}

fn definitions() -> Value {
    let mut rule = json!({
        "name": {"type": "string", "pattern": NAME},
        "when": {
            "type": "object",
            "description": "Conditions on inputs; all of them must hold. `{}` always holds.",
            "additionalProperties": {"$ref": "#/$defs/condition"},
        },
    });
    if let (Some(rule), Value::Object(answer)) = (rule.as_object_mut(), answer()) {
        rule.extend(answer);
    }
    json!({
        "input": {
            "type": "object",
            "additionalProperties": false,
            "anyOf": [{"required": ["type"]}, {"required": ["enum"]}],
            "properties": {
                "type": {"enum": ["number", "integer", "string", "boolean"]},
                "enum": {"type": "array", "minItems": 1, "uniqueItems": true, "items": {"type": "string"}},
                "minimum": {"type": "number"},
                "maximum": {"type": "number"},
                "exclusiveMinimum": {"type": "number"},
                "exclusiveMaximum": {"type": "number"},
                "title": {"type": "string"},
                "description": {"type": "string"},
            },
        },
        "scalar": {"type": ["number", "string", "boolean"]},
        "condition": {
            "description": "A value, a list of values, a comparison such as \">= 10000 and < 50000\", or `{ not: … }`.",
            "examples": [">= 10000 and < 50000", "< 0 or > 100", ["EU", "UK"], true],
            "anyOf": [
                {"$ref": "#/$defs/scalar"},
                {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/scalar"}},
                {
                    "type": "object",
                    "required": ["not"],
                    "additionalProperties": false,
                    "properties": {"not": {"anyOf": [
                        {"$ref": "#/$defs/scalar"},
                        {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/scalar"}},
                    ]}},
                },
            ],
        },
        "from": from(),
        "stages": stages(),
        "rule": {
            "type": "object",
            "required": ["when"],
            "additionalProperties": false,
            "properties": rule,
            "oneOf": [{"required": ["stages"]}, {"required": ["refuse"]}],
        },
        "test": test(),
    })
}

fn from() -> Value {
    json!({
        "type": "array",
        "description": "Groups of `people:` and e-mail addresses.",
        "minItems": 1,
        "maxItems": FROM_MAX,
        "uniqueItems": true,
        "items": {"type": "string", "minLength": 1},
    })
}

fn stages() -> Value {
    json!({
        "type": "array",
        "description": "Who must approve, one stage after the other.",
        "minItems": 1,
        "maxItems": STAGES_MAX,
        "items": {
            "type": "object",
            "required": ["from"],
            "additionalProperties": false,
            "properties": {
                "from": {"$ref": "#/$defs/from"},
                "quorum": {"type": "integer", "minimum": 1, "maximum": QUORUM_MAX, "default": 1},
            },
        },
    })
}

fn test() -> Value {
    json!({
        "type": "object",
        "required": ["given", "expect"],
        "additionalProperties": false,
        "properties": {
            "name": {"type": "string", "minLength": 1},
            "given": {"type": "object", "additionalProperties": {"$ref": "#/$defs/scalar"}},
            "expect": {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": false,
                "properties": {
                    "rule": {"type": ["string", "integer"], "description": "By name, by number from 1, or `otherwise`."},
                    "from": {"$ref": "#/$defs/from"},
                    "stages": {"$ref": "#/$defs/stages"},
                    "refuse": {"type": "boolean"},
                },
            },
        },
    })
}

//! The JSON Schema of test files, for editors. `load` says more, with places and hints; both speak of the same keys.

use crate::scenarios::faults::{CLASSES, MOMENTS};
use crate::scenarios::limits::{ENTRIES_MAX, FAULTS_MAX, SCENARIOS_MAX, TIMES_MAX};
use crate::scenarios::load::LANGUAGE;
use crate::scenarios::timeline::{ACTS, VERDICTS};
use crate::scenarios::{expect, known};
use engross_core::{ErrorClass, RunStatus, SPAN_PATTERN};
use serde_json::{Value, json};

/// The schema.
pub fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "An Engross test file",
        "description": "Scenarios of a workflow, in NAME.test.yaml beside it; `engross test` plays them.",
        "type": "object",
        "required": ["workflow", "scenarios"],
        "additionalProperties": false,
        "properties": {
            "schema": { "const": LANGUAGE },
            "workflow": { "type": "string", "pattern": "^[a-z][a-z0-9_]*$", "description": "The workflow's name; its file lies beside this one." },
            "people": {
                "type": "object",
                "description": "Groups and the people in them, instead of those of engross.yaml.",
                "additionalProperties": { "type": "array", "items": { "$ref": "#/$defs/person" } },
            },
            "scenarios": { "type": "array", "minItems": 1, "maxItems": SCENARIOS_MAX, "items": { "$ref": "#/$defs/scenario" } },
        },
        "$defs": {
            "person": { "type": "string", "pattern": "^[^@]+@[^@]+$", "description": "An e-mail address." },
            "span": { "type": "string", "pattern": SPAN_PATTERN, "description": "A span of time, such as `2d` or `90m`." },
            "times": { "type": "integer", "minimum": 1, "maximum": TIMES_MAX, "default": 1 },
            "scenario": scenario(),
            "entry": entry(),
            "fault": fault(),
            "expect": expectation(),
        },
    })
}

fn scenario() -> Value {
    json!({
        "type": "object",
        "required": ["name", "expect"],
        "additionalProperties": false,
        "properties": {
            "name": { "type": "string", "minLength": 1 },
            "inputs": { "type": "object", "description": "The run's inputs." },
            "requester": { "$ref": "#/$defs/person", "description": "Who starts the run." },
            "outputs": {
                "type": "object",
                "description": "What stand-ins leave, by step, laid over what is made up from the operation's schema.",
                "additionalProperties": { "type": "object" },
            },
            "until": { "$ref": "#/$defs/span", "description": "When the scenario is looked at, if the run is not over before." },
            "timeline": { "type": "array", "maxItems": ENTRIES_MAX, "items": { "$ref": "#/$defs/entry" } },
            "faults": { "type": "array", "maxItems": FAULTS_MAX, "items": { "$ref": "#/$defs/fault" } },
            "expect": { "$ref": "#/$defs/expect" },
        },
    })
}

fn entry() -> Value {
    let one_of: Vec<Value> = ACTS.iter().map(|act| json!({ "required": [act] })).collect();
    json!({
        "type": "object",
        "description": "What a person or a provider does.",
        "additionalProperties": false,
        "allOf": [{ "anyOf": [{ "required": ["at"] }, { "required": ["after"] }] }, { "anyOf": one_of }],
        "properties": {
            "at": { "type": "string", "description": "The step that it is about: it happens as soon as that one waits." },
            "after": { "$ref": "#/$defs/span", "description": "So long after that, or after the entry before." },
            "decide": { "enum": VERDICTS, "description": "What a person says to the approval `at`." },
            "event": { "type": "string", "description": "`provider/event` by webhook, or the type of a named event." },
            "outcome": { "type": "string", "description": "What the step sees at its provider; `waiting` for nothing yet." },
            "cancel": { "const": true, "description": "The run is given up." },
            "retry": { "const": true, "description": "The step `at`, which cannot go on by itself, is tried again." },
            "as": { "$ref": "#/$defs/person" },
            "comment": { "type": "string", "minLength": 1 },
            "form": { "type": "object", "description": "What the person fills in." },
            "data": { "description": "What the event says." },
            "times": { "$ref": "#/$defs/times", "description": "How often the event is delivered." },
            "ignored": { "type": "boolean", "default": false, "description": "It comes too late, and must change nothing." },
        },
    })
}

fn fault() -> Value {
    json!({
        "type": "object",
        "description": "What goes wrong.",
        "required": ["at"],
        "additionalProperties": false,
        "oneOf": [{ "required": ["crash"] }, { "required": ["error"] }],
        "properties": {
            "at": { "type": "string", "description": "The step." },
            "crash": { "enum": MOMENTS, "description": "The process dies, and another takes over." },
            "error": { "enum": CLASSES.map(ErrorClass::as_str), "description": "The attempt fails with this class of error." },
            "when": { "enum": MOMENTS, "default": MOMENTS[0], "description": "Whether the effect of the failed attempt happened all the same." },
            "times": { "$ref": "#/$defs/times" },
        },
    })
}

fn expectation() -> Value {
    json!({
        "type": "object",
        "minProperties": 1,
        "additionalProperties": false,
        "properties": {
            "outcome": { "enum": expect::STATUSES.map(RunStatus::as_str), "description": "How the run stands in the end." },
            "steps": {
                "type": "object",
                "description": format!("How steps ended: an outcome, or one of {}.", known::STANDINGS.join(", ")),
                "additionalProperties": { "type": "string" },
            },
            "calls": {
                "type": "object",
                "description": "How often operations took effect.",
                "additionalProperties": { "type": "integer", "minimum": 0 },
            },
            "never_called": { "type": "array", "items": { "type": "string" }, "description": "Operations that must not have taken effect." },
            "outputs": { "type": "object", "description": "What the run leaves; what is not named may be anything." },
        },
    })
}

//! The JSON Schema of workflow files, for editors.
//!
//! It is a help while typing, and gentler than the compiler: what it accepts may still be refused. It is made from the same
//! promises, so that an operation is never described twice.

use crate::catalog::Catalog;
use crate::limits::{ITEMS_PARALLEL_DEFAULT, RETRY_FACTOR_MAX};
use crate::model::LANGUAGE;
use engross_core::limits::{ATTEMPTS_MAX, GROUP_RUNS_MAX, ITEMS_MAX, ITEMS_PARALLEL_MAX, STEPS_MAX};
use engross_core::{SPAN_PATTERN, StepSpec};
use engross_schedule::{CatchUp, Overlap};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Operations that are named beside an outcome that an editor offers.
const SNIPPET_OPERATIONS: usize = 4;

const NAME: &str = "^[a-z][a-z0-9_]*$";

/// The JSON Schema (2020-12) of a workflow that uses the operations of `catalog`.
#[must_use]
pub fn workflow_schema(catalog: &dyn Catalog) -> Value {
    let mut uses = catalog.uses();
    uses.sort();
    let specs: Vec<&StepSpec> = uses.iter().filter_map(|name| catalog.spec(name)).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Engross workflow",
        "type": "object",
        "required": ["schema", "name", "steps"],
        "additionalProperties": false,
        "properties": {
            "schema": {"const": LANGUAGE},
            "name": {"type": "string", "pattern": NAME},
            "title": {"type": "string", "description": "What a run is called in lists; a template over `inputs` and `run`."},
            "inputs": {
                "type": "object",
                "description": "Name to JSON Schema. An input is required unless it has a `default` or `optional: true`.",
                "propertyNames": {"pattern": NAME},
                "additionalProperties": {"type": "object", "properties": {"optional": {"type": "boolean"}}},
            },
            "triggers": {
                "type": "object",
                "additionalProperties": false,
                "description": "What starts runs by itself.",
                "properties": {
                    "schedule": one_or_more(&schedule_schema()),
                    "event": one_or_more(&event_schema()),
                },
            },
            "run": {
                "type": "object",
                "additionalProperties": false,
                "properties": {
                    "key": {"type": "string", "description": "A second start with this key attaches to the first run."},
                    "timeout": {"$ref": "#/$defs/span"},
                    "concurrency": concurrency_schema(),
                },
            },
            "defaults": {"type": "object", "additionalProperties": false, "properties": {"retry": {"$ref": "#/$defs/retry"}, "on_error": {"$ref": "#/$defs/on_error"}}},
            "steps": {
                "type": "object",
                "minProperties": 1,
                "maxProperties": STEPS_MAX,
                "propertyNames": {"pattern": NAME},
                "additionalProperties": {"$ref": "#/$defs/step"},
            },
            "outputs": {"type": "object", "propertyNames": {"pattern": NAME}},
        },
        "$defs": definitions(&specs),
    })
}

fn one_or_more(schema: &Value) -> Value {
    json!({"anyOf": [schema, {"type": "array", "items": schema}]})
}

fn schedule_schema() -> Value {
    json!({
        "type": "object",
        "required": ["cron"],
        "additionalProperties": false,
        "properties": {
            "cron": {"type": "string", "description": "Minute, hour, day of the month, month, weekday.", "examples": ["0 9 * * 1"]},
            "timezone": {"type": "string", "default": "UTC", "examples": ["Europe/London"]},
            "overlap": {"enum": Overlap::NAMES, "description": "What a firing does while an earlier run is open."},
            "catch_up": {"enum": CatchUp::NAMES, "description": "Which firings are made up for that no engine was there for."},
            "inputs": {"type": "object", "description": "Templates see `trigger.scheduled_at`."},
        },
    })
}

fn event_schema() -> Value {
    json!({
        "type": "object",
        "required": ["type"],
        "additionalProperties": false,
        "properties": {
            "type": {"type": "string", "examples": ["crm/opportunity.won"]},
            "id": {"type": "string", "description": "What tells one event from another; a template over `event`."},
            "if": {"type": "string", "pattern": "^\\s*\\{\\{", "description": "Only events for which this is true start a run."},
            "inputs": {"type": "object", "description": "Templates see `event`."},
        },
    })
}

fn concurrency_schema() -> Value {
    json!({
        "type": "object",
        "required": ["group"],
        "additionalProperties": false,
        "description": "How many runs of one group may be at work at once; the others wait for their turn.",
        "properties": {
            "group": {"type": "string", "description": "A template over `inputs` and `run`.", "examples": ["{{ inputs.counterparty.email }}"]},
            "limit": {"type": "integer", "minimum": 1, "maximum": GROUP_RUNS_MAX, "default": 1},
        },
    })
}

fn foreach_schema() -> Value {
    json!({
        "type": "object",
        "required": ["items"],
        "additionalProperties": false,
        "description": "The step is done once for each item; `with`, `key` and `compensate` see `item` and `index`.",
        "properties": {
            "items": {
                "description": "The list, or one expression that gives it.",
                "anyOf": [
                    {"type": "array", "maxItems": ITEMS_MAX},
                    {"type": "string", "pattern": "^\\s*\\{\\{", "examples": ["{{ inputs.contracts }}"]},
                ],
            },
            "key": {
                "type": ["string", "number"],
                "description": "What tells an item from the others; its place in the list, where it is not given.",
                "examples": ["{{ item.id }}"],
            },
            "max_parallel": {"type": "integer", "minimum": 1, "maximum": ITEMS_PARALLEL_MAX, "default": ITEMS_PARALLEL_DEFAULT},
            "tolerate": {
                "description": "How many items may end badly without the whole doing so.",
                "anyOf": [
                    {"type": "integer", "minimum": 0, "maximum": ITEMS_MAX},
                    {"type": "string", "pattern": "^(100|[0-9]{1,2})%$", "examples": ["5%"]},
                ],
            },
        },
    })
}

fn definitions(specs: &[&StepSpec]) -> Value {
    json!({
        "on_error": {
            "enum": ["incident", "fail", "continue"],
            "description": "What a failure that no step needs means: it waits for a person, it fails the run, or it does not count.",
        },
        "span": {"type": "string", "pattern": SPAN_PATTERN, "examples": ["90s", "15m", "4h", "2d", "1w"]},
        "retry": {
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "attempts": {"type": "integer", "minimum": 1, "maximum": ATTEMPTS_MAX},
                "initial": {"$ref": "#/$defs/span"},
                "factor": {"type": "number", "minimum": 1, "maximum": RETRY_FACTOR_MAX},
                "max": {"$ref": "#/$defs/span"},
                "jitter": {"enum": ["none", "full"]},
            },
        },
        "need": {
            "description": "A step (its good outcome), `step.outcome`, the first of several, or steps that are done.",
            "anyOf": [
                {"type": "string", "pattern": "^[a-z][a-z0-9_]*(\\.[a-z][a-z0-9_]*)?$", "defaultSnippets": snippets(specs)},
                need_form("any", "^[a-z][a-z0-9_]*(\\.[a-z][a-z0-9_]*)?$"),
                need_form("done", NAME),
            ],
        },
        "step": step(specs),
    })
}

/// What editors offer where a step and how it ended are named: every outcome there is, with what may end so. Which step is meant,
/// a schema cannot know.
fn snippets(specs: &[&StepSpec]) -> Vec<Value> {
    let mut ends: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for spec in specs {
        for outcome in &spec.outcomes {
            ends.entry(outcome.name.as_str()).or_default().push(&spec.uses);
        }
    }
    let described = |uses: &[&str]| match uses {
        uses if uses.len() > SNIPPET_OPERATIONS => format!(
            "{} and {} more end so",
            uses.iter().take(SNIPPET_OPERATIONS).copied().collect::<Vec<_>>().join(", "),
            uses.len() - SNIPPET_OPERATIONS
        ),
        uses => format!("how {} may end", uses.join(", ")),
    };
    let snippet = |(outcome, uses): (&&str, &Vec<&str>)| {
        json!({
            "label": format!("step.{outcome}"),
            "body": format!("${{1:step}}.{outcome}"),
            "description": described(uses),
        })
    };
    ends.iter().map(snippet).collect()
}

fn need_form(form: &str, pattern: &str) -> Value {
    let list = json!({"type": "array", "minItems": 1, "items": {"type": "string", "pattern": pattern}});
    json!({"type": "object", "required": [form], "additionalProperties": false, "properties": {form: list}})
}

fn step(specs: &[&StepSpec]) -> Value {
    let names: Vec<&str> = specs.iter().map(|spec| spec.uses.as_str()).collect();
    let cases: Vec<Value> = specs.iter().map(|spec| case(spec)).collect();
    json!({
        "type": "object",
        "required": ["uses"],
        "additionalProperties": false,
        "properties": {
            "uses": {"enum": names},
            "with": {"type": "object"},
            "needs": {"type": "array", "items": {"$ref": "#/$defs/need"}},
            "if": {"type": "string", "pattern": "^\\s*\\{\\{", "description": "False ends the step as skipped."},
            "foreach": foreach_schema(),
            "retry": {"$ref": "#/$defs/retry"},
            "timeout": {"$ref": "#/$defs/span"},
            "on_error": {"$ref": "#/$defs/on_error"},
            "connection": {"type": "string"},
            "compensate": {
                "description": "What undoes the step when the run fails or is cancelled, newest first.",
                "$ref": "#/$defs/step",
                "properties": {"needs": false, "if": false, "foreach": false, "compensate": false},
            },
        },
        "allOf": cases,
    })
}

/// What `with` is when `uses` names this operation.
fn case(spec: &StepSpec) -> Value {
    let mut with = relaxed(&spec.input);
    let demands = with.get("required").and_then(Value::as_array).is_some_and(|required| !required.is_empty());
    if let Some(with) = with.as_object_mut() {
        // A base of its own keeps the references inside an operation's schema pointing into it.
        with.insert("$id".to_owned(), json!(format!("engross:with/{}", spec.uses)));
    }
    let ends: Vec<&str> = spec.outcomes.iter().map(|outcome| outcome.name.as_str()).collect();
    let described = format!("{}. It ends as {}.", spec.title.trim_end_matches('.'), ends.join(", "));
    let mut then = json!({"properties": {"with": with, "uses": {"description": described}}});
    if let Some(then) = then.as_object_mut().filter(|_| demands) {
        then.insert("required".to_owned(), json!(["with"]));
    }
    json!({"if": {"required": ["uses"], "properties": {"uses": {"const": spec.uses}}}, "then": then})
}

/// The same schema with a template allowed in the place of every value. Recursion follows the schema.
fn relaxed(schema: &Value) -> Value {
    let Some(object) = schema.as_object() else { return schema.clone() };
    let relaxed_entry = |(key, value): (&String, &Value)| {
        let value = match key.as_str() {
            "properties" | "patternProperties" => map(value, &|schema| or_template(&relaxed(schema))),
            "$defs" => map(value, &relaxed),
            "items" | "additionalProperties" if value.is_object() => or_template(&relaxed(value)),
            "allOf" | "anyOf" | "oneOf" => {
                value.as_array().map_or_else(|| value.clone(), |all| all.iter().map(relaxed).collect())
            }
            _ => value.clone(),
        };
        (key.clone(), value)
    };
    Value::Object(object.iter().map(relaxed_entry).collect())
}

fn map(value: &Value, change: &dyn Fn(&Value) -> Value) -> Value {
    let Some(object) = value.as_object() else { return value.clone() };
    Value::Object(object.iter().map(|(key, value)| (key.clone(), change(value))).collect::<Map<String, Value>>())
}

fn or_template(schema: &Value) -> Value {
    if schema.as_object().is_some_and(Map::is_empty) {
        return schema.clone();
    }
    json!({"anyOf": [schema, {"type": "string", "pattern": "\\{\\{"}]})
}

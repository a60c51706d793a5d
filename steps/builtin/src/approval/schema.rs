//! What an approval takes and leaves, as JSON Schemas. What a schema cannot say is checked where the step begins.

use crate::limits::{
    ESCALATIONS_MAX, FIELDS_MAX, NAMES_MAX, REMINDERS_MAX, STAGES_MAX, TEXT_CHARS_MAX, TITLE_CHARS_MAX,
};
use engross_step_api::SPAN_PATTERN;
use serde_json::{Value, json};

/// Reminders of a stage where the file does not say how many.
pub(super) const REMINDERS_DEFAULT: u32 = 5;

/// The types of a form's fields.
pub(super) const SCALARS: [&str; 4] = ["string", "number", "integer", "boolean"];

/// The names of a form's fields.
pub(super) const FIELD_PATTERN: &str = "^[a-z][a-z0-9_]*$";

/// What it takes.
pub(super) fn input() -> Value {
    json!({
        "type": "object",
        "properties": {
            "title": {
                "type": "string", "minLength": 1, "maxLength": TITLE_CHARS_MAX,
                "description": "The question in one line."
            },
            "body": {
                "type": "string", "maxLength": TEXT_CHARS_MAX,
                "description": "More about it, for those who decide."
            },
            "subject": { "description": "What is approved; its SHA-256 is kept with the decision." },
            "stages": stages(),
            "forbid": {
                "type": "array", "uniqueItems": true, "items": { "enum": ["requester", "same_person"] },
                "description": "Who may not decide although they are asked: `requester` is whoever started the run; `same_person`, who approved an earlier stage, may not in any case."
            },
            "form": form(),
            "remind": remind(),
            "escalate": escalate(),
            "expires_in": {
                "type": "string", "pattern": SPAN_PATTERN,
                "description": "How long the answer may take; then the step ends as `expired`, never as a yes. Without it, the step waits for ever."
            }
        },
        "required": ["title", "stages"],
        "additionalProperties": false
    })
}

/// A list of stages, or a mapping that names a policy. Each keyword speaks of one of the two, so that a mistake is told where
/// it is, which alternatives in the schema would hide.
fn stages() -> Value {
    json!({
        "type": ["array", "object"],
        "description": "Who has to agree, one stage after the other, or the policy that says so. Nobody decides twice, also where several stages ask the same person.",
        "minItems": 1, "maxItems": STAGES_MAX,
        "items": {
            "type": "object",
            "properties": {
                "from": names(),
                "quorum": {
                    "type": "integer", "minimum": 1, "maximum": NAMES_MAX, "default": 1,
                    "description": "How many of them must approve; 1 unless said otherwise."
                }
            },
            "required": ["from"],
            "additionalProperties": false
        },
        "properties": {
            "policy": {
                "type": "string", "pattern": FIELD_PATTERN,
                "description": "The name of a decision table in `policies/`, written out."
            },
            "given": { "type": "object", "description": "A value for each of its inputs." }
        },
        "required": ["policy", "given"],
        "additionalProperties": false
    })
}

fn names() -> Value {
    json!({
        "type": "array", "minItems": 1, "maxItems": NAMES_MAX, "items": { "type": "string", "minLength": 1 },
        "description": "Groups of `people:` in the configuration, or e-mail addresses."
    })
}

fn form() -> Value {
    json!({
        "type": "object", "maxProperties": FIELDS_MAX,
        "propertyNames": { "pattern": FIELD_PATTERN },
        "description": "What those who approve fill in: names of fields, and the JSON Schema of each. A field without a `default` must be filled in.",
        "additionalProperties": {
            "type": "object",
            "properties": {
                "type": { "enum": SCALARS, "description": "What it is." },
                "enum": { "type": "array", "minItems": 1, "items": { "type": ["string", "number", "boolean"] } }
            },
            "anyOf": [{ "required": ["type"] }, { "required": ["enum"] }]
        }
    })
}

fn remind() -> Value {
    json!({
        "type": "object",
        "description": "Reminders to those who are asked and have not decided. A stage that begins is counted anew.",
        "properties": {
            "every": { "type": "string", "pattern": SPAN_PATTERN, "description": "The pause before each; a minute at least." },
            "max": {
                "type": "integer", "minimum": 1, "maximum": REMINDERS_MAX, "default": REMINDERS_DEFAULT,
                "description": "How many reminders a stage gets at most."
            }
        },
        "required": ["every"],
        "additionalProperties": false
    })
}

fn escalate() -> Value {
    json!({
        "type": "array", "minItems": 1, "maxItems": ESCALATIONS_MAX,
        "description": "Who may decide as well in a stage that takes long, the soonest first. It decides nothing by itself.",
        "items": {
            "type": "object",
            "properties": {
                "after": {
                    "type": "string", "pattern": SPAN_PATTERN,
                    "description": "How long after the stage was asked."
                },
                "to": names()
            },
            "required": ["after", "to"],
            "additionalProperties": false
        }
    })
}

/// What it leaves.
pub(super) fn output() -> Value {
    json!({
        "type": "object",
        "properties": {
            "decision": { "enum": ["approved", "rejected", "expired"], "description": "The same as the outcome." },
            "decided_by": {
                "type": "array", "items": { "type": "string" },
                "description": "Who decided, in order. Empty when nobody did before it expired."
            },
            "decided_at": {
                "type": ["string", "null"], "format": "date-time",
                "description": "When the last decision was made; null when there was none."
            },
            "comment": { "type": ["string", "null"], "description": "The last decision's comment; null when there was none." },
            "subject_sha256": {
                "type": ["string", "null"],
                "description": "SHA-256 of the subject's canonical JSON, in hex, or of what it was changed to; null when the step has no subject."
            },
            "form": {
                "type": "object",
                "description": "What the last person to approve filled in; empty where nobody filled in anything."
            }
        },
        "required": ["decision", "decided_by", "decided_at", "comment", "subject_sha256", "form"],
        "additionalProperties": false
    })
}

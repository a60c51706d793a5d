//! The form of an approval: what those who decide fill in. A field is a scalar of its own JSON Schema; whether what was filled
//! in fits is checked when it is filled in, by the engine.

use super::schema::{FIELD_PATTERN, SCALARS};
use crate::limits::{FIELD_SCHEMA_BYTES_MAX, FIELDS_MAX};
use serde_json::Value;
use std::collections::BTreeMap;

/// Every mistake in a form.
pub(super) fn check(form: &BTreeMap<String, Value>, problems: &mut Vec<String>) {
    if form.len() > FIELDS_MAX {
        problems.push(format!("`form` may have {FIELDS_MAX} fields at most"));
    }
    for (name, schema) in form {
        if !is_name(name) {
            problems.push(format!("`form`: a field is named in small letters, digits and `_`, and `{name}` is not"));
        } else if schema.to_string().len() > FIELD_SCHEMA_BYTES_MAX {
            problems.push(format!("the schema of `form.{name}` may have {FIELD_SCHEMA_BYTES_MAX} bytes at most"));
        } else if !is_scalar(schema) {
            problems.push(format!("`form.{name}` must say its type, one of {}", SCALARS.join(", ")));
        }
    }
}

/// What [`FIELD_PATTERN`] says.
fn is_name(name: &str) -> bool {
    debug_assert!(FIELD_PATTERN.starts_with('^'));
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

fn is_scalar(schema: &Value) -> bool {
    match (schema.get("type").and_then(Value::as_str), schema.get("enum").and_then(Value::as_array)) {
        (Some(kind), _) => SCALARS.contains(&kind),
        (None, Some(values)) => !values.is_empty() && values.iter().all(|v| !v.is_array() && !v.is_object()),
        (None, None) => false,
    }
}

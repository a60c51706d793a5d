//! Tera's values as JSON and as text, within bounds.
//!
//! A template may name one long value many times, so that what it makes can be far larger than what it was given. Everything
//! that leaves Tera passes here and is counted while it is copied.

use crate::limits::{VALUE_BYTES_MAX, VALUE_ITEMS_MAX};
use serde_json::{Map, Number, Value as Json};
use tera::Value;
use tera::value::ValueKind;

/// What has been copied so far.
#[derive(Default)]
struct Budget {
    bytes: usize,
    items: usize,
}

impl Budget {
    fn text(&mut self, text: &str) -> Result<String, String> {
        self.bytes = self.bytes.saturating_add(text.len());
        if self.bytes > VALUE_BYTES_MAX { Err(too_long()) } else { Ok(text.to_owned()) }
    }

    fn item(&mut self) -> Result<(), String> {
        self.items += 1;
        if self.items > VALUE_ITEMS_MAX {
            return Err(format!("the value holds more than {VALUE_ITEMS_MAX} items"));
        }
        Ok(())
    }
}

fn too_long() -> String {
    format!("the value is longer than {VALUE_BYTES_MAX} bytes")
}

/// The same value as JSON.
pub(super) fn to_json(value: &Value) -> Result<Json, String> {
    copy(value, &mut Budget::default())
}

/// Recursion follows the value's depth: that of the scope, which was JSON text, and of the few brackets Tera allows.
fn copy(value: &Value, budget: &mut Budget) -> Result<Json, String> {
    budget.item()?;
    match value.kind() {
        ValueKind::Undefined => Err("there is no value".to_owned()),
        ValueKind::None => Ok(Json::Null),
        ValueKind::Bool => Ok(Json::Bool(value.as_bool().unwrap_or_default())),
        ValueKind::String => budget.text(value.as_str().unwrap_or_default()).map(Json::String),
        ValueKind::Array => value.as_array().unwrap_or_default().iter().map(|item| copy(item, budget)).collect(),
        ValueKind::Map => {
            let mut copied = Map::new();
            for (key, item) in value.as_map().into_iter().flatten() {
                copied.insert(budget.text(&key.to_string())?, copy(item, budget)?);
            }
            Ok(Json::Object(copied))
        }
        _ => number(value),
    }
}

fn number(value: &Value) -> Result<Json, String> {
    let number = if let Some(whole) = value.as_i64() {
        Some(Number::from(whole))
    } else if let Some(whole) = value.as_u64() {
        Some(Number::from(whole))
    } else {
        value.as_f64().filter(|_| value.is_f64()).and_then(Number::from_f64)
    };
    number.map(Json::Number).ok_or_else(|| "the number is too large".to_owned())
}

/// A value as it stands in the middle of a text: a string as it is, lists and maps as JSON. Null is no text, because a contract
/// with a hole in it is worse than one that is not sent.
pub(super) fn text(value: &Json) -> Result<String, String> {
    let text = match value {
        Json::String(text) => text.clone(),
        Json::Null => return Err("the value is null, which is no text".to_owned()),
        other => other.to_string(),
    };
    if text.len() > VALUE_BYTES_MAX { Err(too_long()) } else { Ok(text) }
}

/// Refuses a text before it is made.
pub(super) fn check_length(bytes: usize) -> Result<(), String> {
    if bytes > VALUE_BYTES_MAX { Err(too_long()) } else { Ok(()) }
}

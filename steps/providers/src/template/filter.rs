//! The filters of templates: a closed list, each a pure function of one value.

use crate::condition::Condition;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// Every filter's name, in order.
pub(crate) const FILTERS: [&str; 17] = [
    "base64", "date", "default", "fold", "if", "iso8601", "join", "json", "lower", "minus", "phone", "spread",
    "string", "trim", "unix", "unless", "upper",
];

/// A filter with its argument.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Filter {
    /// Text as base64 with padding.
    Base64,
    /// The day of a time in UTC: `2026-11-23`. A text that is a day already stays.
    Date,
    /// This, where the value is absent. Null and empty are not absent.
    Default(Value),
    /// Lower case, with `_` and `-` as spaces and one space at a time: `FULLY_SIGNED` is `fully signed`.
    Fold,
    /// The value where the condition holds, and nothing otherwise; a template asks it, since it is about other names.
    If(Condition),
    /// A time as RFC 3339 in UTC.
    Iso8601,
    /// A list as text with this in between.
    Join(String),
    /// Any value as compact JSON text.
    Json,
    /// Lower case.
    Lower,
    /// A time so many seconds earlier, as RFC 3339.
    Minus(i64),
    /// A phone number without the spaces, dashes, dots and brackets that people write.
    Phone,
    /// The items of a list one by one, where it stands as an item of another list; the value itself elsewhere.
    Spread,
    /// A number or boolean as text.
    String,
    /// Text without white space around it.
    Trim,
    /// A time in whole seconds since 1970, cut off.
    Unix,
    /// The value unless the condition holds; one that cannot be told does not hold.
    Unless(Condition),
    /// Upper case.
    Upper,
}

impl Filter {
    /// What it makes of a value; of an absent one nothing, unless it is [`Filter::Default`].
    pub(crate) fn apply(&self, value: Option<Value>) -> Result<Option<Value>, String> {
        let Some(value) = value else {
            return Ok(if let Self::Default(value) = self { Some(value.clone()) } else { None });
        };
        Ok(Some(match self {
            Self::Default(_) | Self::If(_) | Self::Spread | Self::Unless(_) => value,
            Self::Base64 => Value::String(STANDARD.encode(text(&value)?)),
            Self::Date => match value.as_str() {
                Some(day) if day.parse::<jiff::civil::Date>().is_ok() && day.len() == 10 => value,
                _ => date(time(&value)?)?,
            },
            Self::Fold => Value::String(fold(text(&value)?)),
            Self::Lower => Value::String(text(&value)?.to_lowercase()),
            Self::Phone => Value::String(text(&value)?.chars().filter(|c| !" -.()/\u{a0}".contains(*c)).collect()),
            Self::Upper => Value::String(text(&value)?.to_uppercase()),
            Self::Trim => Value::String(text(&value)?.trim().to_string()),
            Self::Json => Value::String(value.to_string()),
            Self::String => match value {
                Value::Null => Value::Null,
                Value::Array(_) | Value::Object(_) => return Err(format!("{} is no text", kind(&value))),
                other => Value::String(text_of(&other)),
            },
            Self::Join(between) => match &value {
                Value::Array(items) => Value::String(items.iter().map(text_of).collect::<Vec<_>>().join(between)),
                other => Value::String(text_of(other)),
            },
            Self::Unix => Value::from(time(&value)?.div_euclid(1000)),
            Self::Iso8601 => rfc3339(time(&value)?)?,
            Self::Minus(seconds) => rfc3339(time(&value)?.saturating_sub(seconds.saturating_mul(1000)))?,
        }))
    }
}

/// A value inside of text: strings as they are, null as nothing, all else as JSON.
pub(crate) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// A status as it is compared: letter case, `_`, `-` and runs of spaces do not count.
pub(crate) fn fold(text: &str) -> String {
    let words = text.to_lowercase().replace(['_', '-'], " ");
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A time in milliseconds since 1970: RFC 3339 text, or a number of seconds.
pub(crate) fn instant_ms(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond),
        Value::Number(number) => number.as_i64()?.checked_mul(1000),
        _ => None,
    }
}

fn time(value: &Value) -> Result<i64, String> {
    instant_ms(value).ok_or_else(|| format!("`{}` is no time", text_of(value)))
}

fn rfc3339(ms: i64) -> Result<Value, String> {
    let at = jiff::Timestamp::from_millisecond(ms).map_err(|_| format!("{ms} ms is no time"))?;
    Ok(Value::String(format!("{at:.3}")))
}

fn date(ms: i64) -> Result<Value, String> {
    rfc3339(ms).map(|at| Value::from(at.as_str().and_then(|at| at.get(..10)).unwrap_or_default()))
}

fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| format!("{} is no text", kind(value)))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

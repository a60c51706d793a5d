//! What a plain scalar means: the core schema of YAML 1.2, less its traps.
//!
//! Only unquoted scalars in value position come here; quoted text is always text, and so is every key. The rules are
//! those of YAML 1.2.2, section 10.3.2.

use super::node::Value;
use crate::codes;
use crate::diagnostic::{Code, quoted};

/// The largest magnitude up to which a JSON number keeps every whole number apart.
const INTEGER_MAX: i64 = 1 << 53;

/// What YAML 1.1 takes for a boolean and YAML 1.2 for text, with the boolean meant.
const YAML_1_1_BOOLEANS: [(&str, bool); 6] =
    [("yes", true), ("no", false), ("on", true), ("off", false), ("y", true), ("n", false)];

/// Why a plain scalar is refused, although YAML 1.2 gives it a meaning.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Refusal {
    /// Readers of YAML 1.1 take it for this boolean.
    Yaml11Boolean(bool),
    /// Readers of YAML 1.1 take it for an octal number, and the author perhaps for text.
    LeadingZero,
    /// JSON has no infinity and no NaN.
    NotFinite,
    /// JSON readers would round it.
    TooLarge,
}

impl Refusal {
    /// Code, message and hint for the scalar `text`.
    pub(super) fn explain(self, text: &str) -> (Code, String, String) {
        let shown = quoted(text);
        let plain = shown.trim_matches('`');
        match self {
            Self::Yaml11Boolean(meant) => (
                codes::YAML_1_1_BOOLEAN,
                format!("{shown} is a boolean in YAML 1.1 and text in YAML 1.2"),
                format!("write `{meant}` for the boolean, or `\"{plain}\"` for the text"),
            ),
            Self::LeadingZero => (
                codes::LEADING_ZERO,
                format!("the number {shown} starts with a zero"),
                format!("write `\"{plain}\"` to keep the zero as text, or leave the zero out"),
            ),
            Self::NotFinite => (
                codes::NOT_FINITE,
                format!("{shown} is not a finite number"),
                format!("write a number, or `\"{plain}\"` for the text"),
            ),
            Self::TooLarge => (
                codes::NUMBER_TOO_LARGE,
                format!("the number {shown} is beyond 2^53 and would be rounded"),
                format!("quote it to keep every digit: `\"{plain}\"`"),
            ),
        }
    }
}

/// The value that the plain scalar `text` stands for.
pub(super) fn plain(text: &str) -> Result<Value, Refusal> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "true" | "True" | "TRUE" => return Ok(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Value::Bool(false)),
        ".nan" | ".NaN" | ".NAN" => return Err(Refusal::NotFinite),
        _ => {}
    }
    if let Some((_, meant)) = YAML_1_1_BOOLEANS.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)) {
        return Err(Refusal::Yaml11Boolean(*meant));
    }
    Ok(number(text)?.unwrap_or_else(|| Value::String(text.to_owned())))
}

/// The number that `text` spells, or nothing if it spells none.
fn number(text: &str) -> Result<Option<Value>, Refusal> {
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Err(Refusal::NotFinite);
    }
    let whole_length = unsigned.bytes().take_while(u8::is_ascii_digit).count();
    let (whole, rest) = unsigned.split_at(whole_length);
    if !is_fraction_and_exponent(rest, whole.is_empty()) {
        return Ok(None);
    }
    if whole.len() > 1 && whole.starts_with('0') {
        return Err(Refusal::LeadingZero);
    }
    if rest.is_empty() {
        return integer(text.parse().ok());
    }
    match text.parse::<f64>() {
        Ok(value) if value.abs() <= INTEGER_MAX as f64 => Ok(Some(Value::Float(value))),
        _ => Err(Refusal::TooLarge),
    }
}

/// Whether `text` is what may follow the whole part of a decimal number: `(\.[0-9]*)?([eE][-+]?[0-9]+)?`, with at least
/// one digit after the point when there is none before it.
fn is_fraction_and_exponent(text: &str, needs_fraction: bool) -> bool {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let (fraction_length, rest) = match text.strip_prefix('.') {
        Some(fraction) => {
            let length = digits(fraction);
            (length, fraction.split_at(length).1)
        }
        None => (0, text),
    };
    if needs_fraction && fraction_length == 0 {
        return false;
    }
    match rest.strip_prefix(['e', 'E']) {
        Some(exponent) => {
            let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
            !exponent.is_empty() && digits(exponent) == exponent.len()
        }
        None => rest.is_empty(),
    }
}

fn radix(digits: &str, base: u32) -> Result<Option<Value>, Refusal> {
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(base)) {
        return Ok(None);
    }
    integer(i64::from_str_radix(digits, base).ok())
}

/// `parsed` as a value, if it did not overflow and JSON can carry it.
fn integer(parsed: Option<i64>) -> Result<Option<Value>, Refusal> {
    match parsed {
        Some(value) if value.unsigned_abs() <= INTEGER_MAX.unsigned_abs() => Ok(Some(Value::Integer(value))),
        _ => Err(Refusal::TooLarge),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(texts: &[&str], expected: impl Fn(&str) -> Result<Value, Refusal>) {
        for text in texts {
            assert_eq!(plain(text), expected(text), "{text}");
        }
    }

    #[test]
    fn nulls_booleans_and_text() {
        check(&["", "~", "null", "Null", "NULL"], |_| Ok(Value::Null));
        check(&["true", "True", "TRUE"], |_| Ok(Value::Bool(true)));
        check(&["false", "False", "FALSE"], |_| Ok(Value::Bool(false)));
        let texts = [
            "nULL",
            "tRUE",
            "yess",
            "o",
            "1_000",
            "1:30",
            "190:20:30",
            "2026-08-20",
            "1.2.3",
            "1e",
            "e1",
            ".",
            "-",
            "+",
            "-.",
            ".e1",
            "1e+",
            "0o",
            "0o8",
            "0x",
            "0xg",
            "-0x1",
            "0b1",
            "++1",
            "1 2",
            "inf",
            "nan",
            "Infinity",
            "٣",
            "0.1.2",
            "--1",
            ".inf.",
        ];
        check(&texts, |text| Ok(Value::String(text.to_owned())));
    }

    #[test]
    fn numbers() {
        let integers = [("0", 0), ("-0", 0), ("7", 7), ("+7", 7), ("-7", -7), ("0o17", 15), ("0xfF", 255)];
        for (text, value) in integers {
            check(&[text], |_| Ok(Value::Integer(value)));
        }
        check(&["9007199254740992"], |_| Ok(Value::Integer(9_007_199_254_740_992)));
        check(&["-9007199254740992"], |_| Ok(Value::Integer(-9_007_199_254_740_992)));
        let floats = [("0.5", 0.5), (".5", 0.5), ("-1.", -1.0), ("1e3", 1000.0), ("1.5E-1", 0.15), ("+2.5e+1", 25.0)];
        for (text, value) in floats {
            check(&[text], |_| Ok(Value::Float(value)));
        }
    }

    #[test]
    fn refusals() {
        for (word, meant) in YAML_1_1_BOOLEANS {
            check(&[word, &word.to_uppercase()], |_| Err(Refusal::Yaml11Boolean(meant)));
        }
        check(&["yEs", "oN"], |_| Err(Refusal::Yaml11Boolean(true)));
        check(&["014", "-014", "+00", "089", "01.5", "01e2", "0123456789012345678901"], |_| Err(Refusal::LeadingZero));
        check(&[".nan", ".NaN", ".NAN", ".inf", "-.Inf", "+.INF"], |_| Err(Refusal::NotFinite));
        let large = [
            "9007199254740993",
            "-9007199254740993",
            "12345678901234567890123",
            "1e16",
            "1e999",
            "0xffffffffffffffffff",
            "0o7777777777777777777777",
            "9007199254740994.0",
        ];
        check(&large, |_| Err(Refusal::TooLarge));
    }
}

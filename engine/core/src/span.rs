//! Spans of time as files name them: `90s`, `15m`, `4h`, `2d`, `1w`.
//!
//! One number and one unit, so that there is one way to write a span and nothing to add up. Zero is a span; whether it
//! makes sense in a place is for that place to say.

use crate::limits::SPAN_MS_MAX;

/// Why a text is not a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    /// It is not a whole number and a unit.
    #[error("a span is a whole number and a unit: `90s`, `15m`, `4h`, `2d` or `1w`")]
    Form,
    /// It is longer than any span may be.
    #[error("a span is ten years at most")]
    TooLong,
}

/// The length of a span in milliseconds, at most [`SPAN_MS_MAX`].
///
/// # Errors
/// The text is no span, or one that is too long.
pub fn parse_span(text: &str) -> Result<u64, SpanError> {
    let unit = text.chars().last().ok_or(SpanError::Form)?;
    let unit_ms: u64 = match unit {
        's' => 1_000,
        'm' => 60 * 1_000,
        'h' => 3_600 * 1_000,
        'd' => 24 * 3_600 * 1_000,
        'w' => 7 * 24 * 3_600 * 1_000,
        _ => return Err(SpanError::Form),
    };
    let digits = text.strip_suffix(unit).unwrap_or_default();
    let canonical = digits == "0" || !digits.starts_with('0');
    if digits.is_empty() || !canonical || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(SpanError::Form);
    }
    let count: u64 = digits.parse().map_err(|_| SpanError::TooLong)?;
    count.checked_mul(unit_ms).filter(|ms| *ms <= SPAN_MS_MAX).ok_or(SpanError::TooLong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<u64, SpanError>) {
        assert_eq!(parse_span(text), expected, "{text:?}");
    }

    #[test]
    fn a_span_is_one_number_and_one_unit() {
        check("90s", Ok(90_000));
        check("15m", Ok(900_000));
        check("4h", Ok(14_400_000));
        check("2d", Ok(172_800_000));
        check("1w", Ok(604_800_000));
        check("0s", Ok(0));
        for text in ["", "s", "5", "1.5h", "-1s", "+1s", "1h30m", "05s", " 5s", "5 s", "5S", "5ms", "٥s", "5é"] {
            check(text, Err(SpanError::Form));
        }
        check("3660d", Ok(SPAN_MS_MAX));
        check("3661d", Err(SpanError::TooLong));
        check("99999999999999999999s", Err(SpanError::TooLong));
        check("18446744073709551615w", Err(SpanError::TooLong));
    }
}

//! Spans of time as files write them: a whole number and a unit. Used by steps for their inputs and by the compiler for
//! `timeout` and `retry`, so that a span means the same wherever it stands. Points in time are not read here.

use crate::limits::SPAN_MS_MAX;

/// What a span looks like, for the `pattern` of a JSON Schema. It says nothing about the greatest span; [`parse_span`] does.
pub const SPAN_PATTERN: &str = "^[0-9]+(ms|s|m|h|d|w)$";

/// How much of a wrong span an error repeats, in characters.
const SHOWN_CHARS_MAX: usize = 40;

/// Every unit and its milliseconds. `ms` stands before `m` and `s`, whose letters it ends and begins with.
const UNITS: [(&str, u64); 6] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000), ("w", 604_800_000)];

/// Why a text is no span.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    /// It does not look like one.
    #[error(
        "`{text}` is not a span of time: write a whole number and one of ms, s, m, h, d, w, such as 90s, 15m, 4h, 2d or 1w"
    )]
    Form {
        /// What was written, cut to forty characters.
        text: String,
    },
    /// It is longer than any wait may be.
    #[error("`{text}` is too long: a span may be ten years at most")]
    TooLong {
        /// What was written, cut to forty characters.
        text: String,
    },
}

/// Reads a span such as `250ms`, `90s`, `15m`, `4h`, `2d` or `1w`, and answers in milliseconds. A day is 24 hours.
///
/// Nought is a span (`0s`); a caller that needs more says so itself.
///
/// # Errors
/// The text is no span, or it is longer than [`SPAN_MS_MAX`].
pub fn parse_span(text: &str) -> Result<u64, SpanError> {
    let shown = || text.chars().take(SHOWN_CHARS_MAX).collect::<String>();
    let (digits, unit_ms) = UNITS
        .iter()
        .find_map(|(unit, ms)| text.strip_suffix(unit).map(|digits| (digits, *ms)))
        .ok_or_else(|| SpanError::Form { text: shown() })?;
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(SpanError::Form { text: shown() });
    }
    // Only digits are left, so a number that cannot be read is one that is too great.
    let ms = digits.parse::<u64>().ok().and_then(|count| count.checked_mul(unit_ms));
    ms.filter(|ms| *ms <= SPAN_MS_MAX).ok_or_else(|| SpanError::TooLong { text: shown() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<u64, &str>) {
        let answer = parse_span(text).map_err(|error| match error {
            SpanError::Form { .. } => "form",
            SpanError::TooLong { .. } => "too long",
        });
        assert_eq!(answer, expected, "{text}");
    }

    #[test]
    fn every_unit_is_read() {
        check("250ms", Ok(250));
        check("90s", Ok(90_000));
        check("15m", Ok(900_000));
        check("4h", Ok(14_400_000));
        check("2d", Ok(172_800_000));
        check("1w", Ok(604_800_000));
        check("0s", Ok(0));
        check("007s", Ok(7_000));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "s", "ms", "90", "-1s", "+1s", "1.5h", "1 h", " 1h", "1h ", "1y", "1H", "1h30m", "٣s", "1e3s"]
        {
            check(text, Err("form"));
        }
    }

    #[test]
    fn ten_years_are_the_most() {
        check("3660d", Ok(SPAN_MS_MAX));
        check("3661d", Err("too long"));
        check(&format!("{SPAN_MS_MAX}ms"), Ok(SPAN_MS_MAX));
        check("18446744073709551615w", Err("too long"));
        check(&format!("{}s", "9".repeat(10_000)), Err("too long"));
    }

    #[test]
    fn an_error_repeats_only_the_beginning() {
        let error = parse_span(&"x".repeat(1_000_000)).unwrap_err();
        assert!(error.to_string().len() < 200, "{error}");
    }
}

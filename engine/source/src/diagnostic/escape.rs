//! Characters that must not reach a terminal as they are.
//!
//! Text from a file or a provider may hold escape sequences that move the cursor, or marks that reorder what is read.
//! They are shown as `\u{1b}`. Colour is added elsewhere, after this.

use std::borrow::Cow;
use std::fmt::Write;

use crate::limits::QUOTED_CHARS_MAX;

/// Whether `c` steers a terminal or the direction of text, or is a line break that only some programs see.
pub(crate) fn is_hazard(c: char) -> bool {
    c.is_control() || is_invisible(c)
}

/// Whether `c` is a mark that changes how text is laid out and is not seen itself. The joiners U+200C and U+200D are
/// not among them, because ordinary Persian and Indic words need them.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Appends `c` to `out`, spelled out if it is a hazard.
pub(crate) fn push_escaped(out: &mut String, c: char) {
    match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c if is_hazard(c) => {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        }
        c => out.push(c),
    }
}

/// `text` on one line, with control characters and marks of text direction spelled out.
#[must_use]
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hazard) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    text.chars().for_each(|c| push_escaped(&mut out, c));
    Cow::Owned(out)
}

/// An author's `text` as it is quoted in a message: in backticks, escaped, and cut when long.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut out = String::from("`");
    for (count, c) in text.chars().enumerate() {
        if count == QUOTED_CHARS_MAX {
            out.push('…');
            break;
        }
        push_escaped(&mut out, c);
    }
    out.push('`');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(escaped(text), expected);
    }

    #[test]
    fn hazards_are_spelled_out() {
        check("plain 宽 é", "plain 宽 é");
        check("\u{1b}[31m\u{9b}2J\0", "\\u{1b}[31m\\u{9b}2J\\u{0}");
        check("a\u{202e}b\u{2066}c\u{200f}", "a\\u{202e}b\\u{2066}c\\u{200f}");
        check("a\nb\r\tc", "a\\nb\\r\\tc");
        assert_eq!(quoted("x\u{7f}"), "`x\\u{7f}`");
        assert_eq!(quoted(&"é".repeat(61)), format!("`{}…`", "é".repeat(60)));
    }
}

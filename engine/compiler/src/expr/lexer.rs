//! The tokens of one `{{ … }}`, cut as Tera cuts them.
//!
//! It only cuts. What the tokens mean is in `scan.rs`, whether they are an expression is for Tera to say.

use std::ops::Range;

/// One token of an expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'t> {
    /// A name or a word such as `and`.
    Name(&'t str),
    /// A string, decoded.
    Text(String),
    /// A whole number as written.
    Integer(&'t str),
    /// A number with a point.
    Float,
    /// An operator or bracket.
    Mark(&'static str),
}

/// A token and where it stands in the whole text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Placed<'t> {
    pub(super) token: Token<'t>,
    pub(super) range: Range<usize>,
}

impl Placed<'_> {
    pub(super) fn is(&self, mark: &str) -> bool {
        matches!(&self.token, Token::Mark(own) if *own == mark)
    }

    pub(super) fn is_name(&self, name: &str) -> bool {
        matches!(&self.token, Token::Name(own) if *own == name)
    }
}

/// The tokens up to the closing braces.
pub(super) struct Lexed<'t> {
    pub(super) tokens: Vec<Placed<'t>>,
    /// The closing braces, with the dash of whitespace control.
    pub(super) close: Range<usize>,
}

/// What is no token.
pub(super) enum LexError {
    /// The text ends before `}}`.
    Unclosed,
    /// A string without its closing quote, from here on.
    UnclosedString(usize),
    /// An escape that strings do not have, or a character that means nothing.
    Unexpected(Range<usize>),
}

/// Longer marks first, so that `==` is not two `=`.
const MARKS: [&str; 31] = [
    "...", "//", "**", "==", "!=", ">=", "<=", "</", "?.", "?[", "+", "-", "*", "/", "%", "!", ".", ",", ":", "~", "|",
    "=", ">", "<", "(", ")", "[", "]", "{", "}", "@",
];

/// Cuts the expression that starts at `start`, right after its opening braces.
pub(super) fn lex(text: &str, start: usize) -> Result<Lexed<'_>, LexError> {
    let mut tokens = Vec::new();
    let mut at = start;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let trimmed = rest.trim_start_matches(|c: char| c.is_ascii_whitespace());
        at += rest.len() - trimmed.len();
        let rest = trimmed;
        for close in ["-}}", "}}"] {
            if rest.starts_with(close) {
                return Ok(Lexed { tokens, close: at..at + close.len() });
            }
        }
        let Some(first) = rest.chars().next() else { return Err(LexError::Unclosed) };
        let (token, length) = match first {
            '\'' | '"' | '`' => {
                let (decoded, length) = string(rest, first, at)?;
                (Token::Text(decoded), length)
            }
            '0'..='9' => number(rest),
            'a'..='z' | 'A'..='Z' | '_' => {
                let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
                (Token::Name(rest.get(..length).unwrap_or_default()), length)
            }
            _ => match MARKS.iter().find(|mark| rest.starts_with(**mark)) {
                Some(mark) => (Token::Mark(mark), mark.len()),
                None => return Err(LexError::Unexpected(at..at + first.len_utf8())),
            },
        };
        tokens.push(Placed { token, range: at..at + length });
        at += length;
    }
}

fn number(rest: &str) -> (Token<'_>, usize) {
    let mut point = false;
    let length = rest
        .bytes()
        .take_while(|byte| byte.is_ascii_digit() || (*byte == b'.' && !std::mem::replace(&mut point, true)));
    let length = length.count();
    if point { (Token::Float, length) } else { (Token::Integer(rest.get(..length).unwrap_or_default()), length) }
}

/// The decoded string at the start of `rest`, and its length with quotes.
fn string(rest: &str, quote: char, at: usize) -> Result<(String, usize), LexError> {
    let mut decoded = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((offset, c)) = chars.next() {
        if c == quote {
            return Ok((decoded, offset + c.len_utf8()));
        }
        if c != '\\' {
            decoded.push(c);
            continue;
        }
        match chars.next() {
            Some((_, escaped @ ('"' | '\'' | '/' | '\\'))) => decoded.push(escaped),
            Some((_, 'n')) => decoded.push('\n'),
            Some((_, 't')) => decoded.push('\t'),
            Some((_, 'r')) => decoded.push('\r'),
            Some((end, other)) => return Err(LexError::Unexpected(at + offset..at + end + other.len_utf8())),
            None => break,
        }
    }
    Err(LexError::UnclosedString(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let shown = match lex(text, 0) {
            Ok(lexed) => lexed.tokens.iter().map(|t| format!("{:?}", t.token)).collect::<Vec<_>>().join(" "),
            Err(LexError::Unclosed) => "unclosed".to_owned(),
            Err(LexError::UnclosedString(at)) => format!("string at {at}"),
            Err(LexError::Unexpected(range)) => format!("unexpected {range:?}"),
        };
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn tokens_are_cut_as_tera_cuts_them() {
        check(" a.b }}", r#"Name("a") Mark(".") Name("b")"#);
        check("a['k\\'x']?.y-}}", r#"Name("a") Mark("[") Text("k'x") Mark("]") Mark("?.") Name("y")"#);
        check("1.5 + 2 == x}}", r#"Float Mark("+") Integer("2") Mark("==") Name("x")"#);
        check("a.0.b}}", r#"Name("a") Mark(".") Float Name("b")"#);
        check("\"}}\" ~ x }}", r#"Text("}}") Mark("~") Name("x")"#);
        check("a", "unclosed");
        check(" 'a }}", "string at 1");
        check(" 'a\\q' }}", "unexpected 3..5");
        check("é }}", "unexpected 0..2");
    }
}

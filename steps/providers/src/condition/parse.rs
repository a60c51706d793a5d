//! The reader of conditions: tokens, then one function per level of precedence. It stops at the first mistake, because
//! what follows one in a line this short is guesswork.

use super::{Comparison, Term};
use crate::limits::CONDITION_DEPTH_MAX;
use crate::template::Mistake;
use serde_json::Value;
use std::ops::Range;

/// Comparisons, the longer signs first.
const COMPARISONS: [(&str, Comparison); 7] = [
    ("==", Comparison::Equal),
    ("~=", Comparison::Alike),
    ("!=", Comparison::NotEqual),
    ("<=", Comparison::AtMost),
    (">=", Comparison::AtLeast),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

pub(super) fn parse(text: &str) -> Result<Term, Mistake> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    let term = parser.any()?;
    parser.space();
    match parser.rest().chars().next() {
        None => Ok(term),
        Some(c) => Err(parser.mistake(c.len_utf8(), after(c))),
    }
}

fn after(c: char) -> String {
    if c.is_ascii_alphanumeric() || c == '(' || c == '\'' || c == '"' {
        "something stands after the end of the condition".to_string()
    } else {
        format!("`{c}` means nothing here")
    }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    /// Takes this sign if it is next.
    fn sign(&mut self, sign: &str) -> bool {
        self.space();
        let found = self.rest().starts_with(sign);
        if found {
            self.at += sign.len();
        }
        found
    }

    fn mistake(&self, length: usize, message: impl Into<String>) -> Mistake {
        self.mistake_at(self.at..self.at + length, message)
    }

    fn mistake_at(&self, at: Range<usize>, message: impl Into<String>) -> Mistake {
        Mistake { at, message: message.into(), hint: None }
    }

    fn any(&mut self) -> Result<Term, Mistake> {
        let mut terms = vec![self.all()?];
        while self.sign("||") {
            terms.push(self.all()?);
        }
        Ok(only(terms, Term::Or))
    }

    fn all(&mut self) -> Result<Term, Mistake> {
        let mut terms = vec![self.comparison()?];
        while self.sign("&&") {
            terms.push(self.comparison()?);
        }
        Ok(only(terms, Term::And))
    }

    fn comparison(&mut self) -> Result<Term, Mistake> {
        let left = self.term()?;
        self.space();
        for (sign, how) in COMPARISONS {
            if self.sign(sign) {
                return Ok(Term::Compare(Box::new(left), how, Box::new(self.term()?)));
            }
        }
        Ok(left)
    }

    fn term(&mut self) -> Result<Term, Mistake> {
        self.space();
        if self.depth >= CONDITION_DEPTH_MAX {
            return Err(self.mistake(1, "a condition is nested too deeply"));
        }
        self.depth += 1;
        let term = self.term_here();
        self.depth -= 1;
        term
    }

    fn term_here(&mut self) -> Result<Term, Mistake> {
        if self.sign("!") {
            return Ok(Term::Not(Box::new(self.term()?)));
        }
        if self.sign("(") {
            let term = self.any()?;
            self.close()?;
            return Ok(term);
        }
        match self.rest().chars().next() {
            None => Err(self.mistake(0, "a condition ends too early")),
            Some(quote @ ('\'' | '"')) => self.quoted(quote),
            Some(c) if c.is_ascii_digit() || c == '-' => self.number(),
            Some(c) if c.is_ascii_alphabetic() => self.named(),
            Some(c) => Err(self.mistake(c.len_utf8(), after(c))),
        }
    }

    fn close(&mut self) -> Result<(), Mistake> {
        if self.sign(")") { Ok(()) } else { Err(self.mistake(0, "`)` is missing")) }
    }

    fn quoted(&mut self, quote: char) -> Result<Term, Mistake> {
        let inner = self.rest().get(1..).unwrap_or_default();
        let Some((text, _)) = inner.split_once(quote) else {
            return Err(self.mistake(self.rest().len(), "the text is not closed"));
        };
        self.at += text.len() + 2;
        Ok(Term::Literal(Value::from(text)))
    }

    fn number(&mut self) -> Result<Term, Mistake> {
        let word = self.word();
        let number = word.parse::<i64>().ok().map(Value::from);
        let number = number.or_else(|| word.parse::<f64>().ok().filter(|n| n.is_finite()).map(Value::from));
        let start = self.at - word.len();
        number.map(Term::Literal).ok_or_else(|| self.mistake_at(start..self.at, format!("`{word}` is no number")))
    }

    /// Letters, digits and what stands inside of paths.
    fn word(&mut self) -> &'t str {
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')));
        let word = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        self.at += word.len();
        word
    }

    fn named(&mut self) -> Result<Term, Mistake> {
        let start = self.at;
        let word = self.word();
        if !self.rest().starts_with('(') {
            return Ok(match word {
                "true" => Term::Literal(Value::Bool(true)),
                "false" => Term::Literal(Value::Bool(false)),
                "null" => Term::Literal(Value::Null),
                path => Term::Path(segments(path)),
            });
        }
        let function_at = start..self.at;
        self.at += 1;
        let term = match word {
            "has" => Term::Has(self.path()?),
            "len" => Term::Len(self.path()?),
            "png_size" => Term::PngSize(self.path()?),
            "exists" => {
                let path = self.path()?;
                if !self.sign(",") {
                    return Err(self.mistake(0, "`exists` needs a list and, after a comma, what is asked of its items"));
                }
                Term::Exists(path, Box::new(self.any()?))
            }
            unknown => {
                let message = format!("there is no function `{unknown}`: one of exists, has, len, png_size");
                return Err(self.mistake_at(function_at, message));
            }
        };
        self.close()?;
        Ok(term)
    }

    fn path(&mut self) -> Result<Vec<String>, Mistake> {
        self.space();
        if !self.rest().starts_with(|c: char| c.is_ascii_alphabetic()) {
            let length = self.rest().chars().next().map_or(0, char::len_utf8);
            return Err(self.mistake(length, "a path such as `input.name` belongs here"));
        }
        Ok(segments(self.word()))
    }
}

fn segments(path: &str) -> Vec<String> {
    path.split('.').map(str::to_string).collect()
}

fn only(mut terms: Vec<Term>, several: fn(Vec<Term>) -> Term) -> Term {
    match (terms.len(), terms.pop()) {
        (1, Some(term)) => term,
        (_, last) => {
            terms.extend(last);
            several(terms)
        }
    }
}

//! The reader of templates: `${` path, more paths after `??`, then filters after `|`, each with at most one argument in
//! round brackets, `}`.
//! `$${` is the text `${`. It reports every mistake of a text, not only the first.

use super::{Expr, FILTERS, Filter, Part, Template};
use crate::condition::Condition;
use engross_source::nearest;
use serde_json::Value;
use std::ops::Range;

/// What is wrong with a template, and where in its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) at: Range<usize>,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Mistake {
    fn new(at: Range<usize>, message: impl Into<String>) -> Self {
        Self { at, message: message.into(), hint: None }
    }
}

pub(super) fn parse(text: &str) -> Result<Template, Vec<Mistake>> {
    let mut parts: Vec<Part> = Vec::new();
    let mut mistakes = Vec::new();
    let mut literal = String::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("$${") {
            literal.push_str("${");
            at += 3;
        } else if rest.starts_with("${") {
            let Some(length) = closing(rest) else {
                mistakes.push(Mistake::new(at..text.len(), "`${` is not closed by `}`"));
                break;
            };
            let inner = rest.get(2..length - 1).unwrap_or_default();
            match expr(inner, at + 2, at..at + length) {
                Ok(expr) => {
                    if !literal.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut literal)));
                    }
                    parts.push(Part::Expr(expr));
                }
                Err(mistake) => mistakes.push(mistake),
            }
            at += length;
        } else {
            let next = rest.char_indices().skip(1).find(|(_, c)| *c == '$').map_or(rest.len(), |(next, _)| next);
            literal.push_str(rest.get(..next).unwrap_or_default());
            at += next;
        }
    }
    if !literal.is_empty() || parts.is_empty() {
        parts.push(Part::Text(literal));
    }
    if mistakes.is_empty() { Ok(Template { parts }) } else { Err(mistakes) }
}

/// The length of `${…}` at the start of `text`, with its `}`; quotes hide brackets.
fn closing(text: &str) -> Option<usize> {
    let mut quoted = false;
    for (at, c) in text.char_indices() {
        match c {
            '\'' => quoted = !quoted,
            '}' if !quoted => return Some(at + 1),
            _ => {}
        }
    }
    None
}

fn expr(inner: &str, start: usize, whole: Range<usize>) -> Result<Expr, Mistake> {
    let mut pieces = split(inner).into_iter();
    let (_, paths) = pieces.next().unwrap_or_default();
    let is_name = |segment: &str| {
        !segment.is_empty() && segment.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
    };
    let segments = |path: &str| -> Vec<String> { path.trim().split('.').map(str::to_string).collect() };
    let mut paths = paths.split("??").map(segments);
    let path = paths.next().unwrap_or_default();
    let otherwise: Vec<Vec<String>> = paths.collect();
    if !std::iter::once(&path).chain(&otherwise).flatten().all(|segment| is_name(segment)) {
        let message = "a template starts with a name such as `input.contract_id`";
        return Err(Mistake::new(whole, message));
    }
    let mut filters = Vec::new();
    for (offset, piece) in pieces {
        let at = start + offset..start + offset + piece.len();
        filters.push(filter(piece.trim(), at)?);
    }
    Ok(Expr { path, otherwise, filters, at: whole })
}

/// The pieces between bars outside of quotes, with their offsets.
fn split(text: &str) -> Vec<(usize, &str)> {
    let mut pieces = Vec::new();
    let (mut start, mut quoted) = (0, false);
    for (at, c) in text.char_indices() {
        match c {
            '\'' => quoted = !quoted,
            '|' if !quoted => {
                pieces.push((start, text.get(start..at).unwrap_or_default()));
                start = at + 1;
            }
            _ => {}
        }
    }
    pieces.push((start, text.get(start..).unwrap_or_default()));
    pieces
}

fn filter(text: &str, at: Range<usize>) -> Result<Filter, Mistake> {
    let (name, argument) = match text.split_once('(') {
        None => (text, None),
        Some((name, rest)) => match rest.strip_suffix(')') {
            Some(argument) => (name.trim(), Some(argument.trim())),
            None => return Err(Mistake::new(at, "the argument of a filter is not closed by `)`")),
        },
    };
    let quoted = |argument: &str| {
        let text = argument.strip_prefix('\'')?.strip_suffix('\'')?;
        Some(text.to_string())
    };
    let needs = |what: &str| Mistake::new(at.clone(), format!("`{name}` needs {what} in brackets"));
    let filter = match name {
        "default" => {
            let literal = |argument: &str| match argument {
                "true" => Some(Value::Bool(true)),
                "false" => Some(Value::Bool(false)),
                number => number.parse::<i64>().ok().map(Value::from),
            };
            let value = argument.and_then(|argument| quoted(argument).map(Value::String).or_else(|| literal(argument)));
            return value.map(Filter::Default).ok_or_else(|| needs("text in single quotes, a number, true or false"));
        }
        "join" => return argument.and_then(quoted).map(Filter::Join).ok_or_else(|| needs("text in single quotes")),
        "minus" => {
            let seconds = argument.and_then(|argument| argument.parse::<u32>().ok());
            return seconds.map(|s| Filter::Minus(i64::from(s))).ok_or_else(|| needs("a number of seconds"));
        }
        "if" | "unless" => {
            let condition = argument.filter(|text| !text.is_empty()).ok_or_else(|| needs("a condition"))?;
            let condition = Condition::parse(condition).map_err(|mistake| Mistake { at: at.clone(), ..mistake })?;
            return Ok(if name == "if" { Filter::If(condition) } else { Filter::Unless(condition) });
        }
        "base64" => Filter::Base64,
        "date" => Filter::Date,
        "fold" => Filter::Fold,
        "iso8601" => Filter::Iso8601,
        "json" => Filter::Json,
        "lower" => Filter::Lower,
        "phone" => Filter::Phone,
        "spread" => Filter::Spread,
        "string" => Filter::String,
        "trim" => Filter::Trim,
        "unix" => Filter::Unix,
        "upper" => Filter::Upper,
        unknown => {
            let hint = match nearest(unknown, FILTERS) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the filters are {}", FILTERS.join(", ")),
            };
            return Err(Mistake { at, message: format!("there is no filter `{unknown}`"), hint: Some(hint) });
        }
    };
    match argument {
        None => Ok(filter),
        Some(_) => Err(Mistake::new(at, format!("`{name}` takes no argument"))),
    }
}

//! From a condition as an author writes it to the set of values that it accepts.
//!
//! Numbers are compared in words (`>= 10000 and < 50000`), other values are named. What rules do with the sets is not known here.

use crate::codes;
use crate::limits::{CONDITION_BYTES_MAX, INTEGER_MAX, VALUES_MAX};
use crate::reader::{Reader, names_hint};
use crate::set::{Bound, Set, Span};
use crate::table::{Kind, PolicyInput};
use engross_source::diagnostic::quoted;
use engross_source::{Node, Value};
use std::collections::BTreeSet;
use std::ops::Range;

const EXAMPLES: &str = "write a number, or a comparison such as `\">= 10000 and < 50000\"` or `\"< 0 or > 100\"`";

/// The values of `input` that `node` accepts; nothing when it cannot be read, which is said.
pub(crate) fn condition(reader: &mut Reader<'_>, name: &str, input: &PolicyInput, node: &Node) -> Option<Set> {
    let accepted = match &node.value {
        Value::Sequence(_) => any_of(reader, name, input, node)?,
        Value::Mapping(_) => {
            let entries = reader.mapping(node, &format!("the condition on `{name}`"), &["not"]);
            let excluded = entries.iter().find(|entry| entry.key.text == "not");
            let Some(excluded) = excluded else {
                if entries.is_empty() {
                    let message = format!("the condition on `{name}` is empty");
                    reader.error(
                        codes::CONDITION,
                        node.span,
                        message,
                        "write `{ not: … }`, a value, or a list of values",
                    );
                }
                return None;
            };
            let excluded = match &excluded.value.value {
                Value::Sequence(_) => any_of(reader, name, input, &excluded.value)?,
                _ => one(reader, name, input, &excluded.value)?,
            };
            excluded.complement()
        }
        _ => one(reader, name, input, node)?,
    };
    let accepted = accepted.intersect(&input.values);
    if accepted.is_empty() {
        let message = format!("no value of `{name}` matches this");
        reader.error(codes::MATCHES_NOTHING, node.span, message, "correct the condition, or remove the rule");
        return None;
    }
    Some(accepted)
}

fn any_of(reader: &mut Reader<'_>, name: &str, input: &PolicyInput, node: &Node) -> Option<Set> {
    let items = reader.items(node, &format!("the condition on `{name}`"), VALUES_MAX);
    if items.is_empty() {
        let message = format!("the list for `{name}` is empty, and matches nothing");
        reader.error(codes::MATCHES_NOTHING, node.span, message, "name at least one value");
        return None;
    }
    let sets: Vec<Option<Set>> = items.iter().map(|item| one(reader, name, input, item)).collect();
    // Every item has been looked at, so that each mistake is told.
    let sets: Vec<Set> = sets.into_iter().collect::<Option<_>>()?;
    sets.into_iter().reduce(|all, set| all.union(&set))
}

fn one(reader: &mut Reader<'_>, name: &str, input: &PolicyInput, node: &Node) -> Option<Set> {
    match (input.kind, &node.value) {
        (Kind::Number | Kind::Integer, Value::Integer(_) | Value::Float(_)) => {
            number(reader, name, input, node).map(|number| of_kind(input.kind, vec![Span::one(number)]))
        }
        (Kind::Number | Kind::Integer, Value::String(text)) => {
            let found = if text.len() > CONDITION_BYTES_MAX {
                Err((0..text.len(), format!("the condition is longer than {CONDITION_BYTES_MAX} bytes")))
            } else {
                comparisons(text)
            };
            match found {
                Ok(set) => Some(if input.kind == Kind::Integer { set.to_integers() } else { set }),
                Err((range, message)) => {
                    let span = node.offset_map(reader.file).span(range.start, range.end);
                    reader.error(codes::CONDITION, span, message, EXAMPLES);
                    None
                }
            }
        }
        (Kind::String, Value::String(text)) => {
            if let Set::Texts(texts) = &input.values
                && !texts.contains(text)
            {
                let known: Vec<&str> = texts.iter().map(String::as_str).collect();
                let hint = names_hint(text, &known, "values");
                let message = format!("`{name}` is never {}", quoted(text));
                reader.error(codes::CONDITION_VALUE, node.span, message, hint);
                return None;
            }
            Some(Set::Texts(BTreeSet::from([text.clone()])))
        }
        (Kind::Boolean, Value::Bool(value)) => Some(Set::Booleans(!value, *value)),
        (kind, _) => {
            let message = format!("`{name}` is {}, and is compared with {}", kind.article(), node.kind_name());
            let hint = match kind {
                Kind::Number | Kind::Integer => EXAMPLES.to_owned(),
                Kind::String => "write a text in quotes, or a list of texts".to_owned(),
                Kind::Boolean => "write `true` or `false`".to_owned(),
            };
            reader.error(codes::CONDITION_VALUE, node.span, message, hint);
            None
        }
    }
}

fn of_kind(kind: Kind, spans: Vec<Span>) -> Set {
    let set = Set::Numbers(spans);
    if kind == Kind::Integer { set.to_integers() } else { set }
}

fn number(reader: &mut Reader<'_>, name: &str, input: &PolicyInput, node: &Node) -> Option<f64> {
    let number = node.as_f64()?;
    if input.kind == Kind::Integer && number.fract() != 0.0 {
        let message = format!("`{name}` is a whole number, and never {number}");
        reader.error(codes::CONDITION_VALUE, node.span, message, EXAMPLES);
        return None;
    }
    Some(number)
}

/// A mistake in a comparison: where, in bytes of its text, and what.
type Mistake = (Range<usize>, String);

/// `comparison (and comparison)* (or …)*`, where `and` binds closer.
fn comparisons(text: &str) -> Result<Set, Mistake> {
    let mut words = Words { text, at: 0 };
    let mut any: Option<Set> = None;
    let mut all: Option<Set> = None;
    loop {
        let set = comparison(&mut words)?;
        all = Some(match all {
            Some(so_far) => so_far.intersect(&set),
            None => set,
        });
        let join = words.next();
        match join.map(|range| (text.get(range.clone()).unwrap_or_default(), range)) {
            Some(("and", _)) => {}
            Some(("or", _)) => any = merge(any, all.take()),
            None => {
                let set = merge(any, all);
                return set.ok_or_else(|| (0..text.len(), "the condition is empty".to_owned()));
            }
            Some((word, range)) => return Err((range, format!("expected `and` or `or`, found {}", quoted(word)))),
        }
    }
}

fn merge(a: Option<Set>, b: Option<Set>) -> Option<Set> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.union(&b)),
        (a, b) => a.or(b),
    }
}

fn comparison(words: &mut Words<'_>) -> Result<Set, Mistake> {
    let text = words.text;
    let end = text.len()..text.len();
    let Some(first) = words.next() else { return Err((end, "a comparison is missing here".to_owned())) };
    let word = text.get(first.clone()).unwrap_or_default();
    let is_operator = word.starts_with(['<', '>', '=', '!']);
    let (operator, operand) = if is_operator { (word, words.next()) } else { ("==", Some(first.clone())) };
    let Some(operand) = operand else { return Err((first, format!("{} needs a number after it", quoted(operator)))) };
    let number = text.get(operand.clone()).unwrap_or_default();
    let at = parse_number(number).ok_or_else(|| (operand, format!("{} is not a number", quoted(number))))?;
    let bound = |included| Some(Bound { at, included });
    let spans = match operator {
        "<" => Span { from: None, to: bound(false) },
        "<=" => Span { from: None, to: bound(true) },
        ">" => Span { from: bound(false), to: None },
        ">=" => Span { from: bound(true), to: None },
        "=" | "==" => Span::one(at),
        "!=" => return Ok(Set::Numbers(vec![Span::one(at)]).complement()),
        _ => {
            let message =
                format!("{} is no comparison; they are `<`, `<=`, `>`, `>=`, `==` and `!=`", quoted(operator));
            return Err((first, message));
        }
    };
    Ok(Set::Numbers(vec![spans]))
}

/// A decimal number without separators, as in JSON.
fn parse_number(text: &str) -> Option<f64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && !digits.ends_with('.');
    let number: f64 = if plain { text.parse().ok()? } else { return None };
    (number.abs() <= INTEGER_MAX).then_some(number)
}

/// The words of a text: operators, and everything else up to a blank or an operator.
struct Words<'a> {
    text: &'a str,
    at: usize,
}

impl Words<'_> {
    fn next(&mut self) -> Option<Range<usize>> {
        let is_operator = |c: char| matches!(c, '<' | '>' | '=' | '!');
        let rest = self.text.get(self.at..)?;
        let start = self.at + (rest.len() - rest.trim_start().len());
        let rest = rest.trim_start();
        let operator = rest.starts_with(is_operator);
        let len = rest.find(|c: char| c.is_whitespace() || is_operator(c) != operator).unwrap_or(rest.len());
        self.at = start + len;
        (len > 0).then_some(start..self.at)
    }
}

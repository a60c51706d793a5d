//! Conditions of manifests: `len(doc.signatures) >= doc.number_of_signers && doc.number_of_signers > 0`.
//!
//! There are paths, literals, comparisons, `&&`, `||`, `!`, `has(path)`, `len(path)`, `png_size(path)` and `exists(path,
//! condition)`, in which `it` is each item. There is no arithmetic, no loop and no name that the manifest does not give. An answer that
//! the document does not allow is neither yes nor no, and stays so under `!`: what cannot be told must not become true.

mod parse;
mod png;

use crate::template::{Mistake, Scope, fold, instant_ms};
use serde_json::{Map, Value};

/// One condition.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Condition(Term);

#[derive(Clone, Debug, PartialEq)]
enum Term {
    Literal(Value),
    Path(Vec<String>),
    /// It is there and not null.
    Has(Vec<String>),
    /// Items, entries or characters; null has none, and of what is absent nothing can be told.
    Len(Vec<String>),
    /// The size of a PNG image in base64 as text, `475x175`; of anything else nothing can be told.
    PngSize(Vec<String>),
    /// Some item of the list is so; `it` is the item.
    Exists(Vec<String>, Box<Term>),
    Not(Box<Term>),
    And(Vec<Term>),
    Or(Vec<Term>),
    Compare(Box<Term>, Comparison, Box<Term>),
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    /// Equal but for letter case, `_`, `-` and runs of spaces.
    Alike,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl Condition {
    /// Reads a condition.
    pub(crate) fn parse(text: &str) -> Result<Self, Mistake> {
        parse::parse(text).map(Self)
    }

    /// Every path that the manifest must give a meaning to; `it` is given by the condition itself.
    pub(crate) fn paths(&self) -> Vec<&[String]> {
        let mut paths = Vec::new();
        collect(&self.0, false, &mut paths);
        paths
    }

    /// Whether it holds for these inputs and nothing else, and the first of them that it is about, as a path below `input`. Nothing
    /// where it is about anything else, about no input, or about one that is still to be computed: `computed` are the JSON
    /// pointers of those.
    pub(crate) fn holds_for(&self, input: &Value, computed: &[String]) -> Option<(bool, Vec<String>)> {
        let paths = self.paths();
        let inner: Option<Vec<&[String]>> = paths
            .iter()
            .map(|path| path.split_first().filter(|(root, _)| *root == "input").map(|(_, rest)| rest))
            .collect();
        let inner = inner.filter(|paths| !paths.is_empty())?;
        let computed: Vec<Vec<String>> = computed.iter().map(|pointer| tokens(pointer)).collect();
        let touches = |path: &[String]| computed.iter().any(|at| at.iter().zip(path).all(|(a, b)| a == b));
        if inner.iter().any(|path| touches(path)) {
            return None;
        }
        let names = Map::from_iter([("input".to_string(), input.clone())]);
        let scope = Scope::new(&names, false);
        let present = paths.iter().find(|path| scope.get(path).is_some()).or(paths.first());
        let about = present.and_then(|path| path.get(1..)).unwrap_or_default().to_vec();
        self.holds(&scope).map(|holds| (holds, about))
    }

    /// Whether it holds: nothing where that cannot be told.
    pub(crate) fn holds(&self, scope: &Scope<'_>) -> Option<bool> {
        truth(&self.0, scope)
    }
}

/// The names in a JSON pointer.
fn tokens(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~")).collect()
}

fn collect<'t>(term: &'t Term, in_exists: bool, paths: &mut Vec<&'t [String]>) {
    let mut add = |path: &'t [String]| {
        if !(in_exists && path.first().is_some_and(|root| root == "it")) {
            paths.push(path);
        }
    };
    match term {
        Term::Literal(_) => {}
        Term::Path(path) | Term::Has(path) | Term::Len(path) | Term::PngSize(path) => add(path),
        Term::Exists(path, inner) => {
            add(path);
            collect(inner, true, paths);
        }
        Term::Not(inner) => collect(inner, in_exists, paths),
        Term::And(terms) | Term::Or(terms) => terms.iter().for_each(|term| collect(term, in_exists, paths)),
        Term::Compare(left, _, right) => {
            collect(left, in_exists, paths);
            collect(right, in_exists, paths);
        }
    }
}

fn truth(term: &Term, scope: &Scope<'_>) -> Option<bool> {
    match term {
        Term::Not(inner) => truth(inner, scope).map(|held| !held),
        Term::And(terms) => decided(terms.iter().map(|term| truth(term, scope)), false),
        Term::Or(terms) => decided(terms.iter().map(|term| truth(term, scope)), true),
        Term::Has(path) => Some(scope.get(path).is_some_and(|value| !value.is_null())),
        Term::Exists(path, inner) => match scope.get(path) {
            None | Some(Value::Null) => Some(false),
            Some(Value::Array(items)) => decided(
                items.iter().map(|item| {
                    let names = Map::from_iter([("it".to_string(), item.clone())]);
                    truth(inner, &scope.with(&names))
                }),
                true,
            ),
            Some(_) => None,
        },
        Term::Compare(left, how, right) => compare(&value(left, scope)?, *how, &value(right, scope)?),
        Term::Literal(_) | Term::Path(_) | Term::Len(_) | Term::PngSize(_) => value(term, scope)?.as_bool(),
    }
}

/// `decisive` if any answer is that, the opposite if all are the opposite, and otherwise nothing.
fn decided(answers: impl Iterator<Item = Option<bool>>, decisive: bool) -> Option<bool> {
    let mut told = Some(!decisive);
    for answer in answers {
        match answer {
            Some(answer) if answer == decisive => return Some(decisive),
            Some(_) => {}
            None => told = None,
        }
    }
    told
}

fn value(term: &Term, scope: &Scope<'_>) -> Option<Value> {
    match term {
        Term::Literal(value) => Some(value.clone()),
        Term::Path(path) => scope.get(path).cloned(),
        Term::Len(path) => scope.get(path).and_then(length).map(Value::from),
        Term::PngSize(path) => scope.get(path).and_then(Value::as_str).and_then(png::size).map(Value::from),
        _ => truth(term, scope).map(Value::Bool),
    }
}

fn length(value: &Value) -> Option<usize> {
    match value {
        Value::Null => Some(0),
        Value::Array(items) => Some(items.len()),
        Value::Object(map) => Some(map.len()),
        Value::String(text) => Some(text.chars().count()),
        Value::Bool(_) | Value::Number(_) => None,
    }
}

fn compare(left: &Value, how: Comparison, right: &Value) -> Option<bool> {
    let ordered = || match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64()?.partial_cmp(&right.as_f64()?),
        _ => Some(instant_ms(left)?.cmp(&instant_ms(right)?)),
    };
    Some(match how {
        Comparison::Equal => is_equal(left, right),
        Comparison::NotEqual => !is_equal(left, right),
        Comparison::Alike => fold(left.as_str()?) == fold(right.as_str()?),
        Comparison::Less => ordered()?.is_lt(),
        Comparison::AtMost => ordered()?.is_le(),
        Comparison::Greater => ordered()?.is_gt(),
        Comparison::AtLeast => ordered()?.is_ge(),
    })
}

/// Equality in which `2` is `2.0`.
fn is_equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64() == right.as_f64(),
        _ => left == right,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(text: &str, expected: Option<bool>) {
        let names = json!({
            "doc": {
                "n": 2, "zero": 0, "list": [{"id": "A"}, {"id": "b", "n": 3}], "null": null, "text": "x y", "yes": true,
                "at": "2023-11-14T22:13:20Z", "png": "iVBORw0KGgoAAAANSUhEUgAAAGYAAAAdCAIAAADXWI43",
            },
            "input": {"id": "b", "until": ["tagged"]},
        });
        let names = names.as_object().cloned().unwrap_or_default();
        let condition = Condition::parse(text).unwrap_or_else(|mistake| panic!("{text}: {mistake:?}"));
        assert_eq!(condition.holds(&Scope::new(&names, false)), expected, "{text}");
    }

    #[test]
    fn conditions_hold_or_not() {
        check("true", Some(true));
        check("len(doc.list) >= doc.n", Some(true));
        check("len(doc.list) > doc.n || doc.yes", Some(true));
        check("!(doc.n == 2.0) && doc.yes", Some(false));
        check("doc.n != 3", Some(true));
        check("doc.n <= 2 && doc.n < 3 && doc.n >= 2 && doc.n > 1", Some(true));
        check("has(doc.n) && !has(doc.null) && !has(doc.gone)", Some(true));
        check("len(doc.null) == 0 && len(doc.text) == 3", Some(true));
        check("doc.text ~= 'X_Y' && doc.text == \"x y\"", Some(true));
        check("doc.list.-1.id == input.id", Some(true));
        check("doc.at >= '2023-11-14T23:13:20+01:00'", Some(true));
        check("doc.at > '2024-01-01T00:00:00Z'", Some(false));
    }

    #[test]
    fn some_item_may_be_so() {
        check("exists(doc.list, it.id == input.id)", Some(true));
        check("png_size(doc.png) == '102x29'", Some(true));
        check("png_size(doc.png) != '475x175'", Some(true));
        check("png_size(doc.text) != '475x175'", None);
        check("exists(doc.list, it.id ~= 'a' && !has(it.n))", Some(true));
        check("exists(doc.list, it.id == 'c')", Some(false));
        check("exists(doc.gone, it.id == 'c')", Some(false));
        check("exists(input.until, it == 'tagged')", Some(true));
        check("exists(doc.list, it.n == 4)", None);
        check("exists(doc.text, it == 4)", None);
    }

    #[test]
    fn what_cannot_be_told_is_neither_yes_nor_no() {
        for text in ["doc.gone == 1", "!(doc.gone == 1)", "len(doc.gone) >= 0", "doc.gone", "doc.text > 1", "doc.n"] {
            check(text, None);
        }
        check("doc.gone == 1 && false", Some(false));
        check("doc.gone == 1 || true", Some(true));
        check("doc.gone == 1 && true", None);
    }

    #[test]
    fn paths_are_known_for_checking() {
        let condition = Condition::parse("exists(doc.list, it.id == input.id) && it.x").expect("a condition");
        let paths: Vec<String> = condition.paths().iter().map(|path| path.join(".")).collect();
        assert_eq!(paths, ["doc.list", "input.id", "it.x"]);
    }

    #[test]
    fn mistakes_have_their_places() {
        let deep = "(".repeat(100);
        for (text, told) in [
            ("", "0..0 a condition ends too early"),
            ("a ==", "4..4 a condition ends too early"),
            ("a = b", "2..3 `=` means nothing here"),
            ("a b", "2..3 something stands after the end of the condition"),
            ("nope(a)", "0..4 there is no function `nope`: one of exists, has, len, png_size"),
            ("has(1)", "4..5 a path such as `input.name` belongs here"),
            ("'open", "0..5 the text is not closed"),
            ("(a", "2..2 `)` is missing"),
            (deep.as_str(), "32..33 a condition is nested too deeply"),
        ] {
            let mistake = Condition::parse(text).expect_err(text);
            assert_eq!(format!("{:?} {}", mistake.at, mistake.message), told, "{text}");
        }
    }
}

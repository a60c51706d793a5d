//! Sets of values of one input: what a condition accepts, and the arithmetic that proves coverage.
//!
//! Numbers are ordered spans without overlap, texts are a list or everything but a list, booleans are two flags. A set knows
//! nothing of files or rules.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What a condition accepts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Set {
    /// Numbers, in spans that are in order and do not touch.
    Numbers(Vec<Span>),
    /// Whole numbers, the same way; every bound belongs to its span.
    Integers(Vec<Span>),
    /// These texts.
    Texts(BTreeSet<String>),
    /// Every text but these.
    TextsBut(BTreeSet<String>),
    /// Whether `false` and whether `true` is in it.
    Booleans(bool, bool),
}

/// The numbers between two bounds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// Where it begins; none for no bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Bound>,
    /// Where it ends; none for no bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Bound>,
}

/// One end of a span.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bound {
    /// The number.
    pub at: f64,
    /// Whether the number itself belongs to the span.
    pub included: bool,
}

impl Span {
    /// Every number.
    pub const ALL: Self = Self { from: None, to: None };

    /// One number.
    pub(crate) fn one(at: f64) -> Self {
        let bound = Some(Bound { at, included: true });
        Self { from: bound, to: bound }
    }

    fn contains(&self, number: f64) -> bool {
        let above = self.from.is_none_or(|from| number > from.at || (from.included && number == from.at));
        let below = self.to.is_none_or(|to| number < to.at || (to.included && number == to.at));
        above && below
    }

    fn is_empty(&self) -> bool {
        match (self.from, self.to) {
            (Some(from), Some(to)) => from.at > to.at || (from.at == to.at && !(from.included && to.included)),
            _ => false,
        }
    }

    fn intersect(&self, other: &Self) -> Self {
        Self { from: tighter(self.from, other.from, f64::gt), to: tighter(self.to, other.to, f64::lt) }
    }

    /// What is below and what is above it.
    fn outside(&self) -> [Option<Self>; 2] {
        let flip = |bound: Bound| Bound { at: bound.at, included: !bound.included };
        [
            self.from.map(|from| Self { from: None, to: Some(flip(from)) }),
            self.to.map(|to| Self { from: Some(flip(to)), to: None }),
        ]
    }

    /// The whole numbers of it, with bounds that belong to it.
    fn whole(&self) -> Self {
        let from = self.from.map(|from| {
            let at = from.at.ceil();
            Bound { at: if at == from.at && !from.included { at + 1.0 } else { at }, included: true }
        });
        let to = self.to.map(|to| {
            let at = to.at.floor();
            Bound { at: if at == to.at && !to.included { at - 1.0 } else { at }, included: true }
        });
        Self { from, to }
    }

    /// A number of it that is easy to read.
    fn sample(&self) -> f64 {
        match (self.from, self.to) {
            (Some(from), _) if from.included => from.at,
            (_, Some(to)) if to.included => to.at,
            (Some(from), Some(to)) => f64::midpoint(from.at, to.at),
            (Some(from), None) => from.at + 1.0,
            (None, Some(to)) => to.at - 1.0,
            (None, None) => 0.0,
        }
    }
}

/// The bound that leaves less, where `is_less` says which of two numbers does.
fn tighter(a: Option<Bound>, b: Option<Bound>, is_less: fn(&f64, &f64) -> bool) -> Option<Bound> {
    match (a, b) {
        (Some(a), Some(b)) if a.at == b.at => Some(Bound { at: a.at, included: a.included && b.included }),
        (Some(a), Some(b)) => Some(if is_less(&a.at, &b.at) { a } else { b }),
        (a, b) => a.or(b),
    }
}

impl Set {
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Numbers(spans) | Self::Integers(spans) => spans.is_empty(),
            Self::Texts(texts) => texts.is_empty(),
            Self::TextsBut(_) => false,
            Self::Booleans(no, yes) => !no && !yes,
        }
    }

    /// What is in both. Sets of different kinds have nothing in common.
    pub(crate) fn intersect(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Numbers(a), Self::Numbers(b)) => Self::Numbers(common(a, b)),
            (Self::Integers(a), Self::Integers(b)) => Self::Integers(whole(common(a, b))),
            (Self::Texts(a), Self::Texts(b)) => Self::Texts(a & b),
            (Self::Texts(a), Self::TextsBut(b)) | (Self::TextsBut(b), Self::Texts(a)) => Self::Texts(a - b),
            (Self::TextsBut(a), Self::TextsBut(b)) => Self::TextsBut(a | b),
            (Self::Booleans(a, b), Self::Booleans(c, d)) => Self::Booleans(*a && *c, *b && *d),
            _ => Self::Texts(BTreeSet::new()),
        }
    }

    /// What is in either; both are of one kind.
    pub(crate) fn union(&self, other: &Self) -> Self {
        self.complement().intersect(&other.complement()).complement()
    }

    /// Every value of its kind that is not in it.
    pub(crate) fn complement(&self) -> Self {
        match self {
            Self::Numbers(spans) => Self::Numbers(without(spans)),
            Self::Integers(spans) => Self::Integers(whole(without(spans))),
            Self::Texts(texts) => Self::TextsBut(texts.clone()),
            Self::TextsBut(texts) => Self::Texts(texts.clone()),
            Self::Booleans(no, yes) => Self::Booleans(!no, !yes),
        }
    }

    pub(crate) fn minus(&self, other: &Self) -> Self {
        self.intersect(&other.complement())
    }

    /// Whether a value is in it; a value of another kind is not.
    pub(crate) fn contains(&self, value: &serde_json::Value) -> bool {
        match self {
            Self::Numbers(spans) => value.as_f64().is_some_and(|n| spans.iter().any(|span| span.contains(n))),
            Self::Integers(spans) => {
                value.as_f64().is_some_and(|n| n.fract() == 0.0 && spans.iter().any(|span| span.contains(n)))
            }
            Self::Texts(texts) => value.as_str().is_some_and(|text| texts.contains(text)),
            Self::TextsBut(texts) => value.as_str().is_some_and(|text| !texts.contains(text)),
            Self::Booleans(no, yes) => value.as_bool().is_some_and(|value| if value { *yes } else { *no }),
        }
    }

    /// A value of it, where it has one.
    pub(crate) fn sample(&self) -> Option<serde_json::Value> {
        match self {
            Self::Numbers(spans) | Self::Integers(spans) => {
                let number = spans.first()?.sample();
                // JSON shows a whole number without a point.
                let whole = number.fract() == 0.0 && number.abs() < crate::limits::INTEGER_MAX;
                Some(if whole { serde_json::Value::from(number as i64) } else { number.into() })
            }
            Self::Texts(texts) => texts.first().map(|text| text.as_str().into()),
            Self::TextsBut(texts) => {
                let mut sample = "anything else".to_owned();
                while texts.contains(&sample) {
                    sample.push('!');
                }
                Some(sample.into())
            }
            Self::Booleans(no, yes) => match (no, yes) {
                (true, _) => Some(false.into()),
                (_, true) => Some(true.into()),
                _ => None,
            },
        }
    }

    /// A set of whole numbers is the same set without the bounds that no whole number needs.
    pub(crate) fn to_integers(&self) -> Self {
        match self {
            Self::Numbers(spans) => Self::Integers(whole(spans.clone())),
            other => other.clone(),
        }
    }
}

fn common(a: &[Span], b: &[Span]) -> Vec<Span> {
    let pairs = a.iter().flat_map(|a| b.iter().map(move |b| a.intersect(b)));
    pairs.filter(|span| !span.is_empty()).collect()
}

fn without(spans: &[Span]) -> Vec<Span> {
    spans.iter().fold(vec![Span::ALL], |rest, span| {
        let outside: Vec<Span> = span.outside().into_iter().flatten().collect();
        common(&rest, &outside)
    })
}

/// The whole numbers of the spans. Neighbours are joined, so that two ways to write a set give one.
fn whole(spans: Vec<Span>) -> Vec<Span> {
    let mut joined: Vec<Span> = Vec::new();
    for span in spans.iter().map(Span::whole).filter(|span| !span.is_empty()) {
        match (joined.last_mut(), span.from) {
            (Some(last), Some(from)) if last.to.is_some_and(|to| to.at + 1.0 >= from.at) => last.to = span.to,
            _ => joined.push(span),
        }
    }
    joined
}

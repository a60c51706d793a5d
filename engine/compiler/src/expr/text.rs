//! A template as the scanner found it: plain data, with places as byte ranges of the decoded string.

use engross_source::Code;
use serde_json::Value;
use std::fmt::Write;
use std::ops::Range;

/// A string that was looked through for `{{ … }}`.
#[derive(Debug, Default)]
pub(crate) struct Text {
    /// Its expressions in order.
    pub(crate) expressions: Vec<Expression>,
    /// Whether the string, blanks around it aside, is one expression and nothing else.
    pub(crate) whole: bool,
    /// What workflows do not allow in it.
    pub(crate) faults: Vec<Fault>,
}

/// One `{{ … }}`.
#[derive(Debug)]
pub(crate) struct Expression {
    /// With its braces.
    pub(crate) outer: Range<usize>,
    /// From its first token to its last; empty if it has none.
    pub(crate) inner: Range<usize>,
    /// Every reference in it, in order.
    pub(crate) references: Vec<Reference>,
    /// Whether a brace has the dash that eats blanks outside.
    pub(crate) trims: bool,
}

impl Expression {
    /// The reference that is all there is to the expression: no operator, no filter, no computed index.
    pub(crate) fn plain(&self) -> Option<&Reference> {
        match self.references.as_slice() {
            [only] if only.static_range() == self.inner && !only.computed() => Some(only),
            _ => None,
        }
    }
}

/// A path into the scope.
#[derive(Debug)]
pub(crate) struct Reference {
    /// The part that is written out, each segment with its place. Never empty; the first is a name.
    pub(crate) segments: Vec<(Segment, Range<usize>)>,
    /// Where the chain ends, with the part that follows a computed index.
    pub(crate) end: usize,
    /// Where in the computed part an access stands that is not yet an optional one.
    pub(crate) accesses: Vec<usize>,
    /// Whether the expression says what to do when there is no value: `default`, `is defined`.
    pub(crate) guarded: bool,
}

impl Reference {
    /// The names and indexes alone.
    pub(crate) fn path(&self) -> Vec<&Segment> {
        self.segments.iter().map(|(segment, _)| segment).collect()
    }

    /// From its first name to its last segment that is written out.
    pub(crate) fn static_range(&self) -> Range<usize> {
        let start = self.segments.first().map_or(0, |(_, range)| range.start);
        start..self.segments.last().map_or(start, |(_, range)| range.end)
    }

    /// Whether an index that is computed, or a slice, follows.
    pub(crate) fn computed(&self) -> bool {
        self.end > self.static_range().end
    }

    /// The value it leads to in `scope`, as far as it is written out.
    pub(crate) fn value<'s>(&self, scope: &'s Value) -> Option<&'s Value> {
        let mut found = scope;
        for (segment, _) in &self.segments {
            found = match segment {
                Segment::Key(key) => found.get(key)?,
                Segment::Index(index) => found.get(index)?,
            };
        }
        Some(found)
    }
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    /// `.name` or `['name']`.
    Key(String),
    /// `[0]`.
    Index(usize),
}

/// Something in a template that is not allowed.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) code: Code,
    pub(crate) range: Range<usize>,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

/// Whether a string holds anything that Tera would act on.
pub(crate) fn has_marker(text: &str) -> bool {
    next_marker(text, 0).is_some()
}

/// The next `{{`, `{%` or `{#` from `from` on.
pub(super) fn next_marker(text: &str, from: usize) -> Option<usize> {
    let bytes = text.as_bytes().get(from..)?;
    let at = bytes.windows(2).position(|pair| matches!(pair, [b'{', b'{' | b'%' | b'#']))?;
    Some(from + at)
}

/// A path as people write it: `steps.create.outputs.items[0]['odd key']`.
pub(crate) fn path_text<'a>(path: impl IntoIterator<Item = &'a Segment>) -> String {
    let mut shown = String::new();
    for segment in path {
        // Writing to a String cannot fail.
        let _ = match segment {
            Segment::Key(key) if shown.is_empty() => write!(shown, "{key}"),
            Segment::Key(key) if is_name(key) => write!(shown, ".{key}"),
            Segment::Key(key) => write!(shown, "['{key}']"),
            Segment::Index(index) => write!(shown, "[{index}]"),
        };
    }
    shown
}

fn is_name(key: &str) -> bool {
    key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

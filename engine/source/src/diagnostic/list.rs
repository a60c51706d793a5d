//! A list of findings that is always sorted and never says the same thing twice.
//!
//! It holds findings and answers questions about all of them; showing them is the renderers' work.

use std::collections::{BTreeMap, btree_map};
use std::sync::Arc;

use super::{Code, Diagnostic, Severity};

/// The order of findings: by file, place and code; the rest tells apart findings that differ and settles ties.
type Key = (Arc<str>, u32, Code, u32, String);

/// Findings sorted by path, start and code. Two findings with the same path, span, code and message are one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics {
    by_key: BTreeMap<Key, Diagnostic>,
}

impl Diagnostics {
    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a finding, unless it is already there.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        let span = diagnostic.primary.span;
        let key = (Arc::clone(&diagnostic.path), span.start, diagnostic.code, span.end, diagnostic.message.clone());
        self.by_key.entry(key).or_insert(diagnostic);
    }

    /// Whether any finding is an error.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// How many findings there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// The findings in order.
    pub fn iter(&self) -> btree_map::Values<'_, Key, Diagnostic> {
        self.by_key.values()
    }

    /// The findings in order, as a vector.
    #[must_use]
    pub fn into_vec(self) -> Vec<Diagnostic> {
        self.by_key.into_values().collect()
    }
}

impl Extend<Diagnostic> for Diagnostics {
    fn extend<I: IntoIterator<Item = Diagnostic>>(&mut self, diagnostics: I) {
        for diagnostic in diagnostics {
            self.push(diagnostic);
        }
    }
}

impl FromIterator<Diagnostic> for Diagnostics {
    fn from_iter<I: IntoIterator<Item = Diagnostic>>(diagnostics: I) -> Self {
        let mut list = Self::new();
        list.extend(diagnostics);
        list
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = btree_map::IntoValues<Key, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.by_key.into_values()
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = btree_map::Values<'a, Key, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::Span;

    fn at(path: &str, start: u32, code: &'static str, message: &str) -> Diagnostic {
        Diagnostic::warning(Code(code), path, Span::at(start), message)
    }

    #[test]
    fn findings_are_sorted_and_said_once() {
        let mut list: Diagnostics = [
            at("b", 0, "E0101", "m"),
            at("a", 9, "E0101", "m"),
            at("a", 2, "E0202", "m"),
            at("a", 2, "E0101", "other"),
            at("a", 2, "E0101", "m"),
            at("b", 0, "E0101", "m"),
        ]
        .into_iter()
        .collect();
        let shown: Vec<_> =
            list.iter().map(|d| format!("{}:{} {} {}", d.path, d.primary.span.start, d.code, d.message)).collect();
        assert_eq!(shown, ["a:2 E0101 m", "a:2 E0101 other", "a:2 E0202 m", "a:9 E0101 m", "b:0 E0101 m"]);
        assert!(!list.has_errors());
        list.push(Diagnostic::error(Code("E0101"), "z", Span::at(0), "m"));
        assert!(list.has_errors());
        assert_eq!(list.len(), 6);
    }
}

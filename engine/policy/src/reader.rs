//! Looking at keys and plain values of a policy file, and collecting what is wrong.
//!
//! It knows kinds and names of keys; what they mean is in `load`, `rules` and `tests_of_file`.

use crate::codes;
use crate::limits::FINDINGS_MAX;
use engross_source::diagnostic::quoted;
use engross_source::yaml::Entry;
use engross_source::{Code, Diagnostic, Diagnostics, Node, SourceFile, Span, Value, nearest};
use std::sync::Arc;

/// A file that is being read, with the findings so far.
pub(crate) struct Reader<'a> {
    pub(crate) file: &'a SourceFile,
    path: Arc<str>,
    found: Vec<Diagnostic>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(file: &'a SourceFile) -> Self {
        Self { file, path: Arc::from(file.path()), found: Vec::new() }
    }

    /// How many findings there are.
    pub(crate) fn count(&self) -> usize {
        self.found.len()
    }

    /// An error that is yet to be completed and pushed.
    pub(crate) fn finding(&self, code: Code, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(code, Arc::clone(&self.path), span, message)
    }

    pub(crate) fn push(&mut self, finding: Diagnostic) {
        self.found.push(finding);
    }

    pub(crate) fn error(&mut self, code: Code, span: Span, message: impl Into<String>, hint: impl Into<String>) {
        let finding = self.finding(code, span, message).hint(hint);
        self.push(finding);
    }

    /// Everything that was found, sorted, and no more than fits.
    pub(crate) fn into_findings(self) -> Vec<Diagnostic> {
        let mut all: Vec<Diagnostic> = self.found.into_iter().collect::<Diagnostics>().into_vec();
        if all.len() > FINDINGS_MAX {
            let message = format!("there are {} more findings", all.len() - (FINDINGS_MAX - 1));
            all.truncate(FINDINGS_MAX - 1);
            let last = all.last().map_or(Span::at(0), |finding| finding.primary.span);
            all.push(Diagnostic::error(codes::TOO_MANY_FINDINGS, self.path, last, message).hint("correct these first"));
        }
        all
    }

    pub(crate) fn wrong_kind(&mut self, node: &Node, what: &str, wanted: &str) {
        let message = format!("{what} must be {wanted}, and is {}", node.kind_name());
        self.error(codes::WRONG_KIND, node.span, message, format!("write {wanted} here"));
    }

    /// The entries of what must be a mapping with these keys only.
    pub(crate) fn mapping<'n>(&mut self, node: &'n Node, what: &str, known: &[&str]) -> &'n [Entry] {
        let entries = self.entries(node, what);
        for entry in entries.iter().filter(|entry| !known.contains(&entry.key.text.as_str())) {
            let name = entry.key.text.as_str();
            let hint = names_hint(name, known, "keys");
            self.error(codes::UNKNOWN_KEY, entry.key.span, format!("{what} has no key {}", quoted(name)), hint);
        }
        entries
    }

    /// The entries of what must be a mapping with names of the author's.
    pub(crate) fn entries<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Entry] {
        if let Value::Mapping(mapping) = &node.value {
            return mapping.entries();
        }
        self.wrong_kind(node, what, "a mapping");
        &[]
    }

    /// The items of what must be a list, no more than `max`.
    pub(crate) fn items<'n>(&mut self, node: &'n Node, what: &str, max: usize) -> &'n [Node] {
        let Some(items) = node.as_sequence() else {
            self.wrong_kind(node, what, "a list");
            return &[];
        };
        if !self.fits(items.len(), max, items.get(max).map_or(node.span, |item| item.span), what) {
            return items.get(..max).unwrap_or_default();
        }
        items
    }

    /// Whether there are no more than `max`; says so at `span` otherwise.
    pub(crate) fn fits(&mut self, count: usize, max: usize, span: Span, what: &str) -> bool {
        if count > max {
            let message = format!("{what} holds {count} entries, more than {max}");
            self.error(codes::TOO_MANY, span, message, "split it");
        }
        count <= max
    }

    /// The text of what must be a string that is not empty.
    pub(crate) fn text<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        match node.as_str() {
            Some(text) if !text.trim().is_empty() => Some(text),
            Some(_) => {
                self.error(codes::WRONG_KIND, node.span, format!("{what} is empty"), "write some words");
                None
            }
            None => {
                self.wrong_kind(node, what, "a text");
                None
            }
        }
    }

    /// The name that must be a name.
    pub(crate) fn check_name(&mut self, name: &str, span: Span, what: &str) {
        let is_name = name.len() <= 64
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if !is_name {
            let message = format!("{what} {} is not a name", quoted(name));
            let hint = "a name starts with a small letter and goes on with small letters, digits and `_`";
            self.error(codes::NAME, span, message, hint);
        }
    }

    /// The value of a key that must be there. `place` is underlined when it is not.
    pub(crate) fn require<'n>(
        &mut self,
        node: &'n Node,
        key: &str,
        what: &str,
        place: Span,
        example: &str,
    ) -> Option<&'n Node> {
        let found = node.get(key);
        if found.is_none() && node.as_mapping().is_some() {
            self.error(codes::MISSING_KEY, place, format!("{what} needs `{key}`"), format!("add `{example}`"));
        }
        found
    }
}

/// "did you mean", or the list of what there is.
pub(crate) fn names_hint(name: &str, known: &[&str], what: &str) -> String {
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the {what} are {}", listed(known)),
    }
}

/// Names in backticks, the first dozen of them.
pub(crate) fn listed(names: &[&str]) -> String {
    const LISTED_MAX: usize = 12;
    let mut shown: Vec<String> = names.iter().take(LISTED_MAX).map(|name| quoted(name)).collect();
    if names.len() > LISTED_MAX {
        shown.push("…".to_owned());
    }
    shown.join(", ")
}

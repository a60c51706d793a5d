//! Looking at keys and plain values of a test file, and collecting what is wrong. What a key means is in `load`, `timeline` and
//! `expect`.

use crate::scenarios::codes;
use crate::scenarios::limits::FINDINGS_MAX;
use engross_core::{Person, parse_span};
use engross_source::diagnostic::quoted;
use engross_source::yaml::Entry;
use engross_source::{Code, Diagnostic, Diagnostics, Node, SourceFile, Span, nearest};

/// Names that a hint lists, at most.
const LISTED_MAX: usize = 12;

/// A file that is being read, with the findings so far.
pub struct Reader<'a> {
    file: &'a SourceFile,
    found: Vec<Diagnostic>,
}

impl<'a> Reader<'a> {
    /// Begins with no findings.
    pub fn new(file: &'a SourceFile) -> Self {
        Self { file, found: Vec::new() }
    }

    /// How many findings there are.
    pub fn count(&self) -> usize {
        self.found.len()
    }

    /// The number of the line on which something begins, from 1.
    pub fn line(&self, span: Span) -> usize {
        self.file.line_col(span.start).0
    }

    /// One more finding.
    pub fn error(&mut self, code: Code, span: Span, message: impl Into<String>, hint: impl Into<String>) {
        self.found.push(Diagnostic::error(code, self.file.path(), span, message).hint(hint));
    }

    /// All findings, sorted, and no more than fit.
    pub fn into_findings(self) -> Vec<Diagnostic> {
        let mut all: Vec<Diagnostic> = self.found.into_iter().collect::<Diagnostics>().into_vec();
        all.truncate(FINDINGS_MAX);
        all
    }

    /// A value of another kind than is wanted.
    pub fn wrong_kind(&mut self, node: &Node, what: &str, wanted: &str) {
        let message = format!("{what} must be {wanted}, and is {}", node.kind_name());
        self.error(codes::WRONG_KIND, node.span, message, format!("write {wanted} here"));
    }

    /// The entries of what must be a mapping with names of the author's.
    pub fn entries<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Entry] {
        match node.as_mapping() {
            Some(mapping) => mapping.entries(),
            None => {
                self.wrong_kind(node, what, "a mapping");
                &[]
            }
        }
    }

    /// The entries of what must be a mapping with these keys only.
    pub fn mapping<'n>(&mut self, node: &'n Node, what: &str, known: &[&str]) -> &'n [Entry] {
        let entries = self.entries(node, what);
        for entry in entries.iter().filter(|entry| !known.contains(&entry.key.text.as_str())) {
            let name = entry.key.text.as_str();
            let message = format!("{what} has no key {}", quoted(name));
            self.error(codes::UNKNOWN_KEY, entry.key.span, message, names_hint(name, known, "keys"));
        }
        entries
    }

    /// The items of what must be a list, no more than `max`.
    pub fn items<'n>(&mut self, node: &'n Node, what: &str, max: usize) -> &'n [Node] {
        let Some(items) = node.as_sequence() else {
            self.wrong_kind(node, what, "a list");
            return &[];
        };
        if let Some(first) = items.get(max) {
            let message = format!("{what} has {} entries, more than {max}", items.len());
            self.error(codes::TOO_MANY, first.span, message, "split the file");
        }
        items.get(..max).unwrap_or(items)
    }

    /// The value of a key that must be there. `place` is underlined when it is not.
    pub fn require<'n>(
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

    /// The text of what must be one that is not empty.
    pub fn text<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        let text = node.as_str().filter(|text| !text.trim().is_empty());
        if text.is_none() {
            self.wrong_kind(node, what, "a text that is not empty");
        }
        text
    }

    /// `true` or `false`.
    pub fn truth(&mut self, node: &Node, what: &str) -> Option<bool> {
        if node.as_bool().is_none() {
            self.wrong_kind(node, what, "`true` or `false`");
        }
        node.as_bool()
    }

    /// A whole number from `least` to `most`.
    pub fn number(&mut self, node: &Node, what: &str, least: i64, most: i64) -> Option<i64> {
        let number = node.as_i64().filter(|number| (least..=most).contains(number));
        if number.is_none() {
            let is = node.as_f64().map_or_else(|| node.kind_name().to_string(), |number| number.to_string());
            let wanted = format!("a whole number from {least} to {most}");
            let message = format!("{what} must be {wanted}, and is {is}");
            self.error(codes::WRONG_KIND, node.span, message, format!("write {wanted} here"));
        }
        number
    }

    /// A span of time in milliseconds.
    pub fn span(&mut self, node: &Node, what: &str) -> Option<u64> {
        match parse_span(self.text(node, what)?) {
            Ok(ms) => Some(ms),
            Err(error) => {
                self.error(codes::WRONG_KIND, node.span, format!("{what}: {error}"), "write it as `2d` or `90m`");
                None
            }
        }
    }

    /// A person's address.
    pub fn person(&mut self, node: &Node, what: &str) -> Option<Person> {
        let person = Person::new(self.text(node, what)?);
        if !person.is_address() {
            let message = format!("{what} must be an e-mail address");
            self.error(codes::WRONG_KIND, node.span, message, "write it as lena@legal.example");
            return None;
        }
        Some(person)
    }
}

/// "did you mean", or the list of what there is.
pub fn names_hint(name: &str, known: &[&str], what: &str) -> String {
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => format!("there are no {what}"),
        None => format!("the {what} are {}", listed(known)),
    }
}

/// Names in backticks, the first dozen of them.
pub fn listed(names: &[&str]) -> String {
    let mut shown: Vec<String> = names.iter().take(LISTED_MAX).map(|name| quoted(name)).collect();
    if names.len() > LISTED_MAX {
        shown.push("…".to_string());
    }
    shown.join(", ")
}

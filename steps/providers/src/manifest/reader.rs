//! Reading a YAML tree key by key, collecting every mistake with its place. What the keys mean is decided by the
//! callers.

use super::StatusRange;
use super::names::Names;
use crate::codes;
use crate::condition::Condition;
use crate::pointer::{Pointer, Pointers};
use crate::template::{Mistake, Template, Tree};
use engross_source::yaml::Mapping;
use engross_source::{Code, Diagnostic, Node, SourceFile, Span, Value as Yaml, nearest};

/// The file and what was found wrong with it.
pub(super) struct Reader<'a> {
    pub(super) file: &'a SourceFile,
    pub(super) found: Vec<Diagnostic>,
    /// Every call of another operation, to be checked when all operations are known.
    pub(super) calls: Vec<CallSite>,
    /// Whether a test has shown that the schemas of this very file are schemas and its examples fit them, so that nothing has to
    /// be built for that each time the program starts.
    pub(super) shown: bool,
}

/// Where a manifest calls an operation.
pub(super) struct CallSite {
    pub(super) operation: String,
    pub(super) span: Span,
    /// The inputs that are given, with their places.
    pub(super) inputs: Vec<(String, Span)>,
    /// Whether it may change something: it is made by itself and not as a part of another operation.
    pub(super) acts: bool,
}

/// A mapping whose keys are all known.
#[derive(Clone, Copy)]
pub(super) struct Fields<'n> {
    map: &'n Mapping,
    pub(super) span: Span,
    what: &'n str,
}

impl<'n> Fields<'n> {
    pub(super) fn get(&self, key: &str) -> Option<&'n Node> {
        self.map.get(key)
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(file: &'a SourceFile) -> Self {
        Self { file, found: Vec::new(), calls: Vec::new(), shown: false }
    }

    pub(super) fn error(&mut self, code: Code, span: Span, message: impl Into<String>) {
        self.found.push(Diagnostic::error(code, self.file.path(), span, message));
    }

    pub(super) fn error_with(&mut self, code: Code, span: Span, message: impl Into<String>, hint: impl Into<String>) {
        self.found.push(Diagnostic::error(code, self.file.path(), span, message).hint(hint));
    }

    /// `name` is not among `known`: says so, with the nearest or all of them.
    pub(super) fn unknown(&mut self, code: Code, span: Span, message: String, name: &str, known: &[&str]) {
        let hint = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => "there is none to choose from".to_string(),
            None => format!("one of {}", known.join(", ")),
        };
        self.error_with(code, span, message, hint);
    }

    /// The entries of a mapping, whatever their keys.
    pub(super) fn entries<'n>(&mut self, node: &'n Node, what: &str) -> &'n [engross_source::yaml::Entry] {
        match node.as_mapping() {
            Some(map) => map.entries(),
            None => {
                self.wrong_kind(node, what, "a mapping");
                &[]
            }
        }
    }

    /// A mapping with no other keys than these.
    pub(super) fn fields<'n>(&mut self, node: &'n Node, what: &'n str, known: &[&str]) -> Option<Fields<'n>> {
        let Some(map) = node.as_mapping() else {
            self.wrong_kind(node, what, "a mapping");
            return None;
        };
        for entry in map.entries() {
            let key = entry.key.text.as_str();
            if !known.contains(&key) {
                self.unknown(codes::UNKNOWN_KEY, entry.key.span, format!("{what} has no key `{key}`"), key, known);
            }
        }
        Some(Fields { map, span: node.span, what })
    }

    /// A key that must be there.
    pub(super) fn need<'n>(&mut self, fields: &Fields<'n>, key: &str) -> Option<&'n Node> {
        let node = fields.get(key);
        if node.is_none() {
            let start = Span::at(fields.span.start);
            self.error(codes::MISSING_KEY, start, format!("{} needs the key `{key}`", fields.what));
        }
        node
    }

    pub(super) fn wrong_kind(&mut self, node: &Node, what: &str, expected: &str) {
        let message = format!("{what} is {expected}, found {}", node.kind_name());
        self.error(codes::WRONG_KIND, node.span, message);
    }

    /// Text that is not empty.
    pub(super) fn text<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        match node.as_str() {
            Some(text) if !text.is_empty() => Some(text),
            _ => {
                self.wrong_kind(node, what, "text that is not empty");
                None
            }
        }
    }

    /// The text under a key that must be there.
    pub(super) fn need_text<'n>(&mut self, fields: &Fields<'n>, key: &str) -> Option<&'n str> {
        let node = self.need(fields, key)?;
        self.text(node, &format!("`{key}`"))
    }

    /// The text under a key that may be there.
    pub(super) fn maybe_text(&mut self, fields: &Fields<'_>, key: &str) -> Option<String> {
        let node = fields.get(key)?;
        self.text(node, &format!("`{key}`")).map(str::to_string)
    }

    /// True or false under a key; false where it is not there.
    pub(super) fn flag(&mut self, fields: &Fields<'_>, key: &str) -> bool {
        let Some(node) = fields.get(key) else { return false };
        node.as_bool().unwrap_or_else(|| {
            self.wrong_kind(node, &format!("`{key}`"), "true or false");
            false
        })
    }

    /// A number between two others under a key that may be there.
    pub(super) fn integer(&mut self, fields: &Fields<'_>, key: &str, from: i64, to: i64) -> Option<i64> {
        let node = fields.get(key)?;
        let number = node.as_i64().filter(|number| (from..=to).contains(number));
        if number.is_none() {
            self.error(codes::WRONG_VALUE, node.span, format!("`{key}` is a whole number from {from} to {to}"));
        }
        number
    }

    /// The name of a thing in the manifest: `[a-z][a-z0-9_]*`.
    pub(super) fn name<'n>(&mut self, text: &'n str, span: Span) -> Option<&'n str> {
        let letters = text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if letters && text.starts_with(|c: char| c.is_ascii_lowercase()) {
            return Some(text);
        }
        let message = format!("`{text}` is no name: small letters, digits and `_`, starting with a letter");
        self.error(codes::WRONG_VALUE, span, message);
        None
    }

    /// One word of a closed list, made a value by `make`.
    pub(super) fn word<T>(
        &mut self,
        node: &Node,
        what: &str,
        known: &[&str],
        make: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let word = self.text(node, what)?;
        let made = make(word);
        if made.is_none() {
            self.unknown(codes::WRONG_VALUE, node.span, format!("{what} cannot be `{word}`"), word, known);
        }
        made
    }

    /// The items of a list, or the one thing that stands in its place.
    pub(super) fn one_or_more<'n>(&mut self, node: &'n Node) -> Vec<&'n Node> {
        match node.as_sequence() {
            Some(items) => items.iter().collect(),
            None => vec![node],
        }
    }

    /// The items of a list.
    pub(super) fn list<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Node] {
        node.as_sequence().unwrap_or_else(|| {
            self.wrong_kind(node, what, "a list");
            &[]
        })
    }

    pub(super) fn pointer(&mut self, node: &Node, what: &str) -> Option<Pointer> {
        let Some(text) = node.as_str() else {
            self.wrong_kind(node, what, "a pointer such as `/contract/id`");
            return None;
        };
        let pointer = Pointer::parse(text);
        if pointer.is_none() {
            let message = format!("`{text}` is no pointer: it starts with `/`, as in `/contract/id`");
            self.error(codes::POINTER, node.span, message);
        }
        pointer
    }

    /// One pointer, or a list of which the first that leads anywhere counts.
    pub(super) fn pointers(&mut self, node: &Node, what: &str) -> Pointers {
        let nodes = self.one_or_more(node);
        Pointers(nodes.into_iter().filter_map(|node| self.pointer(node, what)).collect())
    }

    /// A template whose names are among `names`.
    pub(super) fn template(&mut self, node: &Node, what: &str, names: &Names) -> Option<Template> {
        let Some(text) = node.as_str() else {
            self.wrong_kind(node, what, "text");
            return None;
        };
        match Template::parse(text) {
            Ok(template) => {
                for expr in template.exprs() {
                    let span = node.map_range(self.file, expr.at.start, expr.at.end);
                    expr.paths().chain(expr.asked()).for_each(|path| self.check_name(path, span, names));
                }
                Some(template)
            }
            Err(mistakes) => {
                self.mistakes(node, codes::TEMPLATE, mistakes);
                None
            }
        }
    }

    fn check_name(&mut self, path: &[String], span: Span, names: &Names) {
        if let Err(problem) = names.check(path) {
            let mut told = Diagnostic::error(problem.code, self.file.path(), span, problem.message);
            told.hint = problem.hint;
            self.found.push(told);
        }
    }

    fn mistakes(&mut self, node: &Node, code: Code, mistakes: Vec<Mistake>) {
        for mistake in mistakes {
            let span = node.map_range(self.file, mistake.at.start, mistake.at.end);
            let mut told = Diagnostic::error(code, self.file.path(), span, mistake.message);
            told.hint = mistake.hint;
            self.found.push(told);
        }
    }

    /// A condition whose names are among `names`.
    pub(super) fn condition(&mut self, node: &Node, what: &str, names: &Names) -> Option<Condition> {
        let text = self.text(node, what)?;
        match Condition::parse(text) {
            Ok(condition) => {
                condition.paths().into_iter().for_each(|path| self.check_name(path, node.span, names));
                Some(condition)
            }
            Err(mistake) => {
                self.mistakes(node, codes::CONDITION, vec![mistake]);
                None
            }
        }
    }

    /// Several things under a key that may be there, each read by `make`.
    pub(super) fn each<T>(
        &mut self,
        fields: &Fields<'_>,
        key: &str,
        mut make: impl FnMut(&mut Self, &Node) -> Option<T>,
    ) -> Vec<T> {
        let nodes = fields.get(key).map_or_else(Vec::new, |node| self.one_or_more(node));
        nodes.into_iter().filter_map(|node| make(self, node)).collect()
    }

    /// The template under a key that must be there.
    pub(super) fn need_template(&mut self, fields: &Fields<'_>, key: &str, names: &Names) -> Option<Template> {
        let node = self.need(fields, key)?;
        self.template(node, &format!("`{key}`"), names)
    }

    /// A tree of templates.
    pub(super) fn tree(&mut self, node: &Node, names: &Names) -> Option<Tree> {
        match &node.value {
            Yaml::String(_) => self.template(node, "a template", names).map(Tree::Text),
            Yaml::Sequence(items) => Some(Tree::List(items.iter().filter_map(|item| self.tree(item, names)).collect())),
            Yaml::Mapping(map) if map.get("$each").is_some() => {
                let fields = self.fields(node, "`$each`", &["$each", "make"])?;
                let list = self.need_template(&fields, "$each", names);
                let make = self.need(&fields, "make").and_then(|node| self.tree(node, &names.clone().with("item")));
                list.zip(make).map(|(list, make)| Tree::Each { list, make: Box::new(make) })
            }
            Yaml::Mapping(map) => Some(Tree::Map(self.branches(map, names))),
            Yaml::Null | Yaml::Bool(_) | Yaml::Integer(_) | Yaml::Float(_) => Some(Tree::Literal(node.to_json())),
        }
    }

    fn branches(&mut self, map: &Mapping, names: &Names) -> Vec<(Template, Tree)> {
        let branch = |entry: &engross_source::yaml::Entry| {
            let (text, span) = (&entry.key.text, entry.key.span);
            let key = match Template::parse(text) {
                Ok(key) => key,
                Err(mistakes) => {
                    mistakes.into_iter().for_each(|mistake| self.error(codes::TEMPLATE, span, mistake.message));
                    Template::from(text.as_str())
                }
            };
            for expr in key.exprs() {
                expr.paths().chain(expr.asked()).for_each(|path| self.check_name(path, span, names));
            }
            Some((key, self.tree(&entry.value, names)?))
        };
        map.iter().filter_map(branch).collect()
    }

    /// HTTP statuses: `404`, `">=500"`, `2xx`, or a list of them.
    pub(super) fn statuses(&mut self, node: &Node) -> Vec<StatusRange> {
        let nodes = self.one_or_more(node);
        nodes.into_iter().filter_map(|node| self.status(node)).collect()
    }

    fn status(&mut self, node: &Node) -> Option<StatusRange> {
        let valid = |status: u16| (100..=599).contains(&status).then_some(status);
        let exact = node.as_i64().and_then(|status| valid(u16::try_from(status).ok()?));
        let range = match (exact, node.as_str()) {
            (Some(status), _) => Some(StatusRange { from: status, to: status }),
            (None, Some(text)) => match (text.strip_prefix(">="), text.strip_suffix("xx")) {
                (Some(from), _) => from.parse().ok().and_then(valid).map(|from| StatusRange { from, to: 599 }),
                (None, Some(class)) => {
                    let from = class.parse::<u16>().ok().and_then(|class| valid(class.checked_mul(100)?));
                    from.map(|from| StatusRange { from, to: from + 99 })
                }
                (None, None) => None,
            },
            (None, None) => None,
        };
        if range.is_none() {
            self.error(codes::WRONG_VALUE, node.span, "a status is a number such as 404, or `2xx`, or `>=500`");
        }
        range
    }
}

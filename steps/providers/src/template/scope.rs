//! The names a template may use, and what they stand for.

use crate::pointer::index;
use serde_json::{Map, Value};

/// Names with their values; an inner scope sees the outer one's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope<'a> {
    names: &'a Map<String, Value>,
    outer: Option<&'a Scope<'a>>,
    preview: bool,
}

impl<'a> Scope<'a> {
    /// A scope of these names. In a preview, texts in angle brackets stand for what is known only later.
    pub(crate) fn new(names: &'a Map<String, Value>, preview: bool) -> Self {
        Self { names, outer: None, preview }
    }

    /// The same scope with more names.
    pub(crate) fn with<'b>(&'b self, names: &'b Map<String, Value>) -> Scope<'b> {
        Scope { names, outer: Some(self), preview: self.preview }
    }

    /// Whether nothing is sent.
    pub(crate) fn is_preview(&self) -> bool {
        self.preview
    }

    /// What a path leads to. In a preview, everything inside of what is known only later is known only later.
    pub(crate) fn get(&self, path: &[String]) -> Option<&'a Value> {
        let (first, rest) = path.split_first()?;
        let mut value = self.root(first)?;
        for segment in rest {
            if self.preview && is_placeholder(value) {
                return Some(value);
            }
            value = match value {
                Value::Object(map) => map.get(segment)?,
                Value::Array(items) => items.get(index(segment, items.len())?)?,
                _ => return None,
            };
        }
        Some(value)
    }

    fn root(&self, name: &str) -> Option<&'a Value> {
        let mut scope = self;
        loop {
            if let Some(value) = scope.names.get(name) {
                return Some(value);
            }
            scope = scope.outer?;
        }
    }
}

/// Whether a value is text with something in angle brackets.
pub(crate) fn is_placeholder(value: &Value) -> bool {
    value.as_str().and_then(|text| text.split_once('<')).is_some_and(|(_, rest)| rest.contains('>'))
}

//! The tree that the loader builds.
//!
//! Plain data with questions to ask it; it never changes after loading, and it does not judge what it holds. A tree is
//! never deeper than [`crate::limits::DEPTH_MAX`], which is why [`Node::to_json`] and the derived drop may recurse.

use serde_json::Value as Json;

use crate::file::Span;

/// One value of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What it is.
    pub value: Value,
    /// Where it stands: a scalar with its quotes or block indicator, a list or mapping from its first to its last
    /// character. Empty for a null that is not written, such as the value of `key:`.
    pub span: Span,
    /// How it is written.
    pub style: Style,
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// A scalar without quotes.
    Plain,
    /// A scalar in single quotes.
    SingleQuoted,
    /// A scalar in double quotes.
    DoubleQuoted,
    /// A block scalar after `|`.
    Literal,
    /// A block scalar after `>`.
    Folded,
    /// A list or mapping by indentation.
    Block,
    /// A list in `[]` or a mapping in `{}`.
    Flow,
}

/// What a value is, resolved by the core schema of YAML 1.2.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`, `~`, or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number of magnitude up to 2^53.
    Integer(i64),
    /// A finite number written with a point or an exponent, of magnitude up to 2^53.
    Float(f64),
    /// Text.
    String(String),
    /// A list.
    Sequence(Vec<Node>),
    /// A mapping.
    Mapping(Mapping),
}

/// The text of a key and where it stands, with its quotes. A key is always text, however it is spelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The decoded text; never empty, and without control characters.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: Key,
    /// The value.
    pub value: Node,
}

/// The entries of a mapping in the order of the file, no key twice.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mapping {
    entries: Vec<Entry>,
    /// The indices of `entries`, sorted by key.
    by_key: Vec<u32>,
}

impl Mapping {
    /// A mapping of `entries`, with the indices of each repeated key: the first entry that has it, and the later one.
    pub(super) fn new(entries: Vec<Entry>) -> (Self, Vec<(usize, usize)>) {
        // The loader's bound on nodes keeps every index far below 2^32.
        let mut by_key: Vec<u32> = (0..entries.len()).map(crate::file::saturate).collect();
        let text = |index: u32| entries.get(index as usize).map(|entry| entry.key.text.as_str());
        by_key.sort_by_key(|index| (text(*index), *index));
        let repeated = by_key
            .chunk_by(|a, b| text(*a) == text(*b))
            .filter_map(|same| same.split_first())
            .flat_map(|(first, later)| later.iter().map(|again| (*first as usize, *again as usize)))
            .collect();
        (Self { entries, by_key }, repeated)
    }

    /// The same with more entries after those of the file. One whose key is there already is out of reach of [`Self::entry`].
    #[must_use]
    pub fn extended(&self, more: Vec<Entry>) -> Self {
        Self::new(self.entries.iter().cloned().chain(more).collect()).0
    }

    /// Changes the value of `key`, if it is there.
    pub fn change(&mut self, key: &str, change: impl FnOnce(&mut Node)) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.key.text == key) {
            change(&mut entry.value);
        }
    }

    /// The entry of `key`, found in logarithmic time.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        let at = |index: &u32| self.entries.get(*index as usize);
        let place = self.by_key.partition_point(|index| at(index).is_some_and(|entry| entry.key.text.as_str() < key));
        self.by_key.get(place).and_then(at).filter(|entry| entry.key.text == key)
    }

    /// The value of `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The entries in the order of the file.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entries in the order of the file.
    pub fn iter(&self) -> std::slice::Iter<'_, Entry> {
        self.entries.iter()
    }

    /// The keys in the order of the file.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.key.text.as_str())
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl<'a> IntoIterator for &'a Mapping {
    type Item = &'a Entry;
    type IntoIter = std::slice::Iter<'a, Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Node {
    /// What kind of value it is, with its article, for messages such as "expected a list, found a string".
    #[must_use]
    pub fn kind_name(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Integer(_) | Value::Float(_) => "a number",
            Value::String(_) => "a string",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
        }
    }

    /// Whether it is null, written or not.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// The text of a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        if let Value::String(text) = &self.value { Some(text) } else { None }
    }

    /// The value of a boolean.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        if let Value::Bool(value) = self.value { Some(value) } else { None }
    }

    /// The value of a whole number.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        if let Value::Integer(value) = self.value { Some(value) } else { None }
    }

    /// The value of any number. A whole number is exact, since it is never beyond 2^53.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        match self.value {
            Value::Integer(value) => Some(value as f64),
            Value::Float(value) => Some(value),
            _ => None,
        }
    }

    /// The items of a list.
    #[must_use]
    pub fn as_sequence(&self) -> Option<&[Node]> {
        if let Value::Sequence(items) = &self.value { Some(items) } else { None }
    }

    /// The entries of a mapping.
    #[must_use]
    pub fn as_mapping(&self) -> Option<&Mapping> {
        if let Value::Mapping(mapping) = &self.value { Some(mapping) } else { None }
    }

    /// The value of `key`, when this is a mapping that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_mapping()?.get(key)
    }

    /// The same value as JSON, without places; the keys of an object are in the order of the JSON library.
    #[must_use]
    pub fn to_json(&self) -> Json {
        match &self.value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Integer(value) => Json::from(*value),
            Value::Float(value) => Json::from(*value),
            Value::String(text) => Json::String(text.clone()),
            Value::Sequence(items) => items.iter().map(Self::to_json).collect(),
            Value::Mapping(mapping) => {
                Json::Object(mapping.iter().map(|entry| (entry.key.text.clone(), entry.value.to_json())).collect())
            }
        }
    }

    /// The value that a JSON pointer (RFC 6901) such as `/steps/create/with` leads to; the empty pointer is this node.
    #[must_use]
    pub fn at_pointer(&self, pointer: &str) -> Option<&Node> {
        let mut node = self;
        for token in tokens(pointer)? {
            node = node.child(&token)?.1;
        }
        Some(node)
    }

    /// The place to underline when the thing at `pointer` should not be there or is misnamed: its key, or for an item of
    /// a list the item itself. The root has neither.
    #[must_use]
    pub fn key_span_at_pointer(&self, pointer: &str) -> Option<Span> {
        let mut node = self;
        let mut span = None;
        for token in tokens(pointer)? {
            let (place, child) = node.child(&token)?;
            span = Some(place);
            node = child;
        }
        span
    }

    /// The value under one pointer token, with the place of its key or of itself.
    fn child(&self, token: &str) -> Option<(Span, &Node)> {
        match &self.value {
            Value::Mapping(mapping) => mapping.entry(token).map(|entry| (entry.key.span, &entry.value)),
            Value::Sequence(items) => items.get(index(token)?).map(|item| (item.span, item)),
            _ => None,
        }
    }
}

/// The unescaped tokens of a JSON pointer, or nothing if it is not one.
fn tokens(pointer: &str) -> Option<impl Iterator<Item = String>> {
    if !pointer.is_empty() && !pointer.starts_with('/') {
        return None;
    }
    Some(pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~")))
}

/// A list index as RFC 6901 spells it: digits without a leading zero.
fn index(token: &str) -> Option<usize> {
    let canonical = token == "0" || (!token.starts_with('0') && token.bytes().all(|byte| byte.is_ascii_digit()));
    if canonical { token.parse().ok() } else { None }
}

//! `application/x-www-form-urlencoded` with nested keys, as Rails reads it: `contract[responses][party_a]=John`, with literal
//! or percent-encoded brackets. Parsing only; what the keys mean is for the provider.

use std::collections::BTreeMap;

use crate::limits::{BODY_CHARS_MAX, FORM_DEPTH_MAX, FORM_FIELDS_MAX};
use crate::wire::clip;

/// One value of a form, or a named group of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    Text(String),
    Group(Form),
}

/// A form, by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Form {
    entries: BTreeMap<String, Node>,
}

impl Form {
    /// Reads a query string or a body, or says why it makes no sense.
    pub(crate) fn parse(encoded: &[u8]) -> Result<Self, String> {
        let mut form = Self::default();
        for (index, (key, value)) in url::form_urlencoded::parse(encoded).enumerate() {
            if index >= FORM_FIELDS_MAX {
                return Err(format!("more than {FORM_FIELDS_MAX} parameters"));
            }
            if value.chars().count() > BODY_CHARS_MAX {
                return Err(format!("{}: at most {BODY_CHARS_MAX} characters", clip(&key)));
            }
            let (path, leaf) = split(&key)?;
            form.put(&path, leaf, value.into_owned()).map_err(|()| format!("{}: is given twice", clip(&key)))?;
        }
        Ok(form)
    }

    /// A text by its key.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        match self.entries.get(key)? {
            Node::Text(text) => Some(text),
            Node::Group(_) => None,
        }
    }

    /// A group by its key.
    pub(crate) fn group(&self, key: &str) -> Option<&Form> {
        match self.entries.get(key)? {
            Node::Group(group) => Some(group),
            Node::Text(_) => None,
        }
    }

    /// The keys of this group.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// As Rails does, the last of two equal keys wins; a key cannot be a text and a group.
    fn put(&mut self, path: &[&str], leaf: &str, value: String) -> Result<(), ()> {
        let mut form = self;
        for group in path {
            let node = form.entries.entry((*group).to_owned()).or_insert_with(|| Node::Group(Self::default()));
            match node {
                Node::Group(inner) => form = inner,
                Node::Text(_) => return Err(()),
            }
        }
        match form.entries.insert(leaf.to_owned(), Node::Text(value)) {
            Some(Node::Group(_)) => Err(()),
            Some(Node::Text(_)) | None => Ok(()),
        }
    }
}

/// `a[b][c]` as the groups `a`, `b` and the leaf `c`.
fn split(key: &str) -> Result<(Vec<&str>, &str), String> {
    let Some((first, rest)) = key.split_once('[') else {
        return Ok((Vec::new(), key));
    };
    let Some(inner) = rest.strip_suffix(']') else {
        return Err(format!("{}: a bracket is not closed", clip(key)));
    };
    let mut path = vec![first];
    path.extend(inner.split("]["));
    if path.len() > FORM_DEPTH_MAX {
        return Err(format!("{}: more than {FORM_DEPTH_MAX} levels", clip(key)));
    }
    if path.iter().any(|part| part.is_empty() || part.contains(['[', ']'])) {
        return Err(format!("{}: lists and broken brackets are not taken", clip(key)));
    }
    let leaf = path.pop().unwrap_or_default();
    Ok((path, leaf))
}

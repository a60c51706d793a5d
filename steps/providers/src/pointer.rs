//! Pointers into a provider's documents: RFC 6901, with `*` for every item of a list or every value of an object and
//! with negative indexes that count from the end.
//!
//! Selecting only; what is done with what was found is the caller's matter.

use serde_json::Value;

/// One pointer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pointer {
    tokens: Vec<Token>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Name(String),
    Every,
}

impl Pointer {
    /// Reads a pointer; the empty one is the whole document.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self { tokens: Vec::new() });
        }
        let rest = text.strip_prefix('/')?;
        let token = |token: &str| match token {
            "*" => Token::Every,
            name => Token::Name(name.replace("~1", "/").replace("~0", "~")),
        };
        Some(Self { tokens: rest.split('/').map(token).collect() })
    }

    /// Everything it leads to, in the document's order.
    pub(crate) fn select<'a>(&self, document: &'a Value) -> Vec<&'a Value> {
        let mut found = vec![document];
        for token in &self.tokens {
            found = found.into_iter().flat_map(|value| step(value, token)).collect();
        }
        found
    }

    /// The first thing it leads to that is not null.
    pub(crate) fn first<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        self.select(document).into_iter().find(|value| !value.is_null())
    }

    /// Puts a value where it leads, if something is there already or the object that it belongs into is.
    pub(crate) fn put(&self, document: &mut Value, new: Value) {
        let Some((last, before)) = self.tokens.split_last() else {
            *document = new;
            return;
        };
        let mut place = Some(document);
        for token in before {
            place = place.and_then(|value| match (token, value) {
                (Token::Name(name), Value::Object(map)) => map.get_mut(name),
                (Token::Name(name), Value::Array(items)) => index(name, items.len()).and_then(|at| items.get_mut(at)),
                _ => None,
            });
        }
        match (last, place) {
            (Token::Name(name), Some(Value::Object(map))) => {
                map.insert(name.clone(), new);
            }
            (Token::Name(name), Some(Value::Array(items))) => {
                if let Some(item) = index(name, items.len()).and_then(|at| items.get_mut(at)) {
                    *item = new;
                }
            }
            _ => {}
        }
    }

    /// The last name in it, for people: `uid` of `/signatures/*/uid`.
    pub(crate) fn leaf(&self) -> &str {
        self.tokens
            .iter()
            .rev()
            .find_map(|token| if let Token::Name(name) = token { Some(name.as_str()) } else { None })
            .unwrap_or("id")
    }
}

fn step<'a>(value: &'a Value, token: &Token) -> Vec<&'a Value> {
    match (token, value) {
        (Token::Every, Value::Array(items)) => items.iter().collect(),
        (Token::Every, Value::Object(map)) => map.values().collect(),
        (Token::Name(name), Value::Object(map)) => map.get(name).into_iter().collect(),
        (Token::Name(name), Value::Array(items)) => {
            index(name, items.len()).and_then(|at| items.get(at)).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// A list index: `0`, or `-1` for the last.
pub(crate) fn index(text: &str, length: usize) -> Option<usize> {
    match text.strip_prefix('-') {
        Some(from_end) => length.checked_sub(from_end.parse::<usize>().ok()?),
        None => text.parse().ok(),
    }
}

/// Pointers of which the first that leads anywhere counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pointers(pub(crate) Vec<Pointer>);

impl Pointers {
    /// The first thing that is not null.
    pub(crate) fn first<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        self.0.iter().find_map(|pointer| pointer.first(document))
    }

    /// The first thing that is text, or a number as text.
    pub(crate) fn text(&self, document: &Value) -> Option<String> {
        self.0.iter().find_map(|pointer| pointer.first(document)).and_then(|value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(pointer: &str, expected: Value) {
        let document = json!({"a": [{"b": 1}, {"b": null}, {"b": 3}], "c/d": {"e~f": "x"}, "n": null});
        let found = Pointer::parse(pointer).expect(pointer);
        assert_eq!(json!(found.select(&document)), expected, "{pointer}");
    }

    #[test]
    fn pointers_select() {
        check("/a/0/b", json!([1]));
        check("/a/-1/b", json!([3]));
        check("/a/-4/b", json!([]));
        check("/a/*/b", json!([1, null, 3]));
        check("/c~1d/e~0f", json!(["x"]));
        check("/c~1d/*", json!(["x"]));
        check("/n", json!([null]));
        check("/n/x", json!([]));
        check("/missing", json!([]));
        assert_eq!(Pointer::parse("a/b"), None);
    }

    #[test]
    fn values_are_put_where_they_belong() {
        let check = |pointer: &str, expected: Value| {
            let mut document = json!({"a": {"b": 1}, "l": [1]});
            Pointer::parse(pointer).expect(pointer).put(&mut document, json!(9));
            assert_eq!(document, expected, "{pointer}");
        };
        check("/a/b", json!({"a": {"b": 9}, "l": [1]}));
        check("/a/c", json!({"a": {"b": 1, "c": 9}, "l": [1]}));
        check("/l/0", json!({"a": {"b": 1}, "l": [9]}));
        check("/x/y", json!({"a": {"b": 1}, "l": [1]}));
        check("", json!(9));
    }

    #[test]
    fn the_first_that_is_not_null_counts() {
        let document = json!({"a": null, "b": 7});
        let pointers = Pointers(["/x", "/a", "/b"].iter().filter_map(|text| Pointer::parse(text)).collect());
        assert_eq!(pointers.text(&document).as_deref(), Some("7"));
        assert_eq!(Pointer::parse("/a").and_then(|pointer| pointer.first(&document).cloned()), None);
    }
}

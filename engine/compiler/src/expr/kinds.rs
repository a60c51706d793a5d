//! Kinds of values, as sets: what an expression may give, and what a filter takes.

use crate::typing::type_words;

/// A set of kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kinds(u8);

pub(crate) const NULL: Kinds = Kinds(1);
pub(crate) const BOOLEAN: Kinds = Kinds(2);
/// A number without a fraction.
pub(crate) const INTEGER: Kinds = Kinds(4);
/// A number that may have a fraction.
pub(crate) const FLOAT: Kinds = Kinds(8);
pub(crate) const NUMBER: Kinds = Kinds(12);
pub(crate) const STRING: Kinds = Kinds(16);
pub(crate) const LIST: Kinds = Kinds(32);
pub(crate) const MAP: Kinds = Kinds(64);
pub(crate) const ANY: Kinds = Kinds(127);

/// The names that JSON Schema has for them.
const NAMES: [(Kinds, &str); 7] = [
    (NULL, "null"),
    (BOOLEAN, "boolean"),
    (FLOAT, "number"),
    (INTEGER, "integer"),
    (STRING, "string"),
    (LIST, "array"),
    (MAP, "object"),
];

impl Kinds {
    pub(crate) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) const fn holds(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// From the names of JSON types. A `number` may be whole.
    pub(crate) fn of<'n>(names: impl IntoIterator<Item = &'n String>) -> Self {
        let one = |name: &String| match name.as_str() {
            "number" => NUMBER,
            name => NAMES.iter().find(|(_, of)| *of == name).map_or(ANY, |(kinds, _)| *kinds),
        };
        names.into_iter().map(one).fold(Self(0), Self::or)
    }

    /// The names of JSON types. One that may have a fraction or none is a `number`.
    pub(crate) fn names(self) -> Vec<&'static str> {
        let named = NAMES.iter().filter(|(kind, _)| self.holds(*kind)).map(|(_, name)| *name);
        named.filter(|name| !(self.holds(NUMBER) && *name == "integer")).collect()
    }

    /// "a string or null".
    pub(crate) fn words(self) -> String {
        let mut names: Vec<&str> =
            NAMES.iter().filter(|(kind, _)| self.holds(*kind)).map(|(_, name)| type_words(name)).collect();
        if self.holds(NUMBER) {
            names.retain(|name| *name != type_words("integer"));
        } else if self.holds(FLOAT) {
            names.retain(|name| *name != type_words("number"));
            names.push("a number with a fraction");
        }
        names.sort_by_key(|name| *name == "null");
        names.join(" or ")
    }
}

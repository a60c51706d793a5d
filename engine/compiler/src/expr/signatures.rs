//! What filters and tests take and give, as kinds of values. Written down from what they accept; `engine/compiler/tests` holds
//! the table against Tera with random values.

use super::kinds::{ANY, BOOLEAN, FLOAT, INTEGER, Kinds, LIST, MAP, NULL, NUMBER, STRING};

/// What a filter or test accepts and leaves.
pub(crate) struct Signature {
    pub(crate) name: &'static str,
    /// The kinds it can be applied to.
    pub(crate) takes: Kinds,
    /// The kinds of its arguments.
    pub(crate) arguments: &'static [(&'static str, Kinds)],
    pub(crate) gives: Gives,
}

/// What comes out of a filter.
#[derive(Clone, Copy)]
pub(crate) enum Gives {
    /// One of these kinds.
    Kinds(Kinds),
    /// What went in.
    Same,
    /// An item of the list that went in, or null when it has none.
    Item,
    /// A list of texts.
    Texts,
    /// What went in, or the argument `value`.
    Default,
    /// Nothing is known.
    Unknown,
}

const PAT: &[(&str, Kinds)] = &[("pat", STRING)];

const fn filter(
    name: &'static str,
    takes: Kinds,
    arguments: &'static [(&'static str, Kinds)],
    gives: Gives,
) -> Signature {
    Signature { name, takes, arguments, gives }
}

const fn test(name: &'static str, takes: Kinds, arguments: &'static [(&'static str, Kinds)]) -> Signature {
    Signature { name, takes, arguments, gives: Gives::Kinds(BOOLEAN) }
}

/// Every filter.
pub(crate) const FILTER_SIGNATURES: &[Signature] = &[
    filter("abs", NUMBER, &[], Gives::Same),
    filter("capitalize", STRING, &[], Gives::Same),
    filter("default", ANY, &[("value", ANY), ("boolean", BOOLEAN)], Gives::Default),
    filter("first", LIST, &[], Gives::Item),
    filter("float", NUMBER.or(STRING), &[], Gives::Kinds(FLOAT)),
    filter("get", MAP, &[("key", STRING), ("default", ANY)], Gives::Unknown),
    filter("int", NUMBER.or(STRING), &[("base", INTEGER)], Gives::Kinds(INTEGER)),
    filter("join", LIST, &[("sep", STRING)], Gives::Kinds(STRING)),
    filter("json_encode", ANY, &[], Gives::Kinds(STRING)),
    filter("keys", MAP, &[], Gives::Texts),
    filter("last", LIST, &[], Gives::Item),
    filter("length", STRING.or(LIST).or(MAP), &[], Gives::Kinds(INTEGER)),
    filter("lower", STRING, &[], Gives::Same),
    filter("nth", LIST, &[("n", INTEGER)], Gives::Item),
    filter("replace", STRING, &[("from", STRING), ("to", STRING)], Gives::Same),
    filter("reverse", STRING.or(LIST), &[], Gives::Same),
    filter("round", NUMBER, &[("method", STRING), ("precision", INTEGER)], Gives::Kinds(FLOAT)),
    filter("slugify", STRING, &[], Gives::Same),
    filter("sort", LIST, &[("attribute", STRING)], Gives::Same),
    filter("split", STRING, PAT, Gives::Texts),
    filter("str", ANY.without(NULL), &[], Gives::Kinds(STRING)),
    filter("title", STRING, &[], Gives::Same),
    filter("trim", STRING, PAT, Gives::Same),
    filter("trim_end", STRING, PAT, Gives::Same),
    filter("trim_start", STRING, PAT, Gives::Same),
    filter("truncate", STRING, &[("length", INTEGER), ("end", STRING)], Gives::Same),
    filter("unique", LIST, &[], Gives::Same),
    filter("upper", STRING, &[], Gives::Same),
];

/// Every test.
pub(crate) const TEST_SIGNATURES: &[Signature] = &[
    test("array", ANY, &[]),
    test("bool", ANY, &[]),
    test("containing", STRING.or(LIST).or(MAP), &[("pat", ANY)]),
    test("defined", ANY, &[]),
    test("divisible_by", INTEGER, &[("divisor", INTEGER)]),
    test("ending_with", STRING, PAT),
    test("even", INTEGER, &[]),
    test("float", ANY, &[]),
    test("integer", ANY, &[]),
    test("map", ANY, &[]),
    test("none", ANY, &[]),
    test("number", ANY, &[]),
    test("odd", INTEGER, &[]),
    test("starting_with", STRING, PAT),
    test("string", ANY, &[]),
    test("undefined", ANY, &[]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::filters::FILTERS;
    use crate::expr::predicates::TESTS;

    #[test]
    fn every_filter_and_test_has_a_signature_with_its_arguments() {
        for (callables, signatures) in [(FILTERS, FILTER_SIGNATURES), (TESTS, TEST_SIGNATURES)] {
            assert_eq!(callables.len(), signatures.len());
            for (callable, signature) in callables.iter().zip(signatures) {
                assert_eq!(callable.name, signature.name);
                let known: Vec<&str> = callable.arguments.iter().map(|(name, _)| *name).collect();
                let typed: Vec<&str> = signature.arguments.iter().map(|(name, _)| *name).collect();
                assert_eq!(known, typed, "{}", callable.name);
            }
        }
    }
}

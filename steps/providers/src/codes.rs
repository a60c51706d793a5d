//! The codes of the findings about manifests.
//!
//! E05xx belong to this crate. A code is never given a second meaning, because people search for it.

use engross_source::Code;

macro_rules! codes {
    ($($name:ident = $code:literal, $title:literal;)*) => {
        $(#[doc = concat!($code, ": ", $title, ".")] pub const $name: Code = Code($code);)*

        /// Every code about manifests with its title, in ascending order.
        pub const CODES: &[(&str, &str)] = &[$(($code, $title)),*];
    };
}

codes! {
    UNKNOWN_KEY = "E0501", "a manifest has a key that means nothing there";
    MISSING_KEY = "E0502", "a manifest lacks a key";
    WRONG_KIND = "E0503", "a value of a manifest is of the wrong kind";
    WRONG_VALUE = "E0504", "a value of a manifest is not among the possible ones";
    TEMPLATE = "E0505", "a template of a manifest cannot be read";
    UNKNOWN_NAME = "E0506", "a template of a manifest names what is not there";
    UNKNOWN_REFERENCE = "E0507", "a manifest refers to an operation, type or status that it does not have";
    SCHEMA = "E0508", "a schema of a manifest is not a JSON Schema";
    POINTER = "E0509", "a pointer of a manifest is not a JSON pointer";
    SECRET_IN_URL = "E0510", "a manifest puts a secret where it would be logged";
    ENVIRONMENT = "E0511", "the environments of a manifest cannot be used";
    EFFECT = "E0512", "an operation's effect and how it is looked up do not fit";
    NESTED_LOOKUP = "E0513", "an operation that is called by others has look-ups of its own";
    CONDITION = "E0514", "a condition of a manifest cannot be read";
    BODY = "E0515", "the body of an operation and what goes into it do not fit";
    EXAMPLE = "E0516", "the example of an operation does not fit its input";
    NAME_TAKEN = "E0517", "a provider's name is taken";
    CLEAR_TEXT = "W0501", "a provider's secrets would travel as clear text";
}

//! The codes of the findings that the loader makes.
//!
//! E01xx belong to this crate; other crates take E02xx and up and keep a table of their own. A code is never given a
//! second meaning, because people search for it and suppress by it.

use crate::diagnostic::Code;

macro_rules! codes {
    ($($name:ident = $code:literal, $title:literal;)*) => {
        $(#[doc = concat!($code, ": ", $title, ".")] pub const $name: Code = Code($code);)*

        /// Every code of the loader with its title, in ascending order.
        pub const CODES: &[(&str, &str)] = &[$(($code, $title)),*];
    };
}

codes! {
    SYNTAX = "E0101", "the file is not valid YAML";
    NOT_UTF8 = "E0102", "the file is not valid UTF-8";
    NOT_UTF8_ENCODING = "E0103", "the file is in UTF-16 or UTF-32";
    EMPTY_DOCUMENT = "E0104", "the file holds no document";
    SEVERAL_DOCUMENTS = "E0105", "the file holds more than one document";
    DIRECTIVE = "E0106", "a YAML directive is used";
    CONTROL_CHARACTER = "E0107", "the file holds a control character";
    DUPLICATE_KEY = "E0110", "a key is given twice in one mapping";
    KEY_NOT_SCALAR = "E0111", "a key is a list or a mapping";
    KEY_EMPTY = "E0112", "a key is empty";
    MERGE_KEY = "E0113", "a merge key is used";
    KEY_CHARACTER = "E0114", "a key holds a control or invisible character";
    KEY_TOO_LONG = "E0115", "a key is too long";
    ALIAS = "E0120", "an alias is used";
    ANCHOR = "E0121", "an anchor is used";
    TAG = "E0122", "a tag is used";
    YAML_1_1_BOOLEAN = "E0130", "a value is a boolean in YAML 1.1 only";
    LEADING_ZERO = "E0131", "a number starts with a zero";
    NOT_FINITE = "E0132", "a number is not finite";
    NUMBER_TOO_LARGE = "E0133", "a number is beyond 2^53";
    FILE_TOO_LARGE = "E0140", "the file is too large";
    TOO_DEEP = "E0141", "values are nested too deeply";
    TOO_MANY_NODES = "E0142", "the file holds too many values";
    SCALAR_TOO_LONG = "E0143", "a value is too long";
    TOO_MANY_FINDINGS = "E0149", "there are more findings than are shown";
}

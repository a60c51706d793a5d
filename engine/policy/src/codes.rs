//! The codes of the findings about policies: E06xx. A code is never given a second meaning, because people search for it.

use engross_source::Code;

macro_rules! codes {
    ($($name:ident = $code:literal, $title:literal;)*) => {
        $(#[doc = concat!($code, ": ", $title, ".")] pub(crate) const $name: Code = Code($code);)*

        /// Every code of policies with its title, in ascending order.
        pub const CODES: &[(&str, &str)] = &[$(($code, $title)),*];
    };
}

codes! {
    WRONG_KIND = "E0601", "a value in a policy is of the wrong kind";
    UNKNOWN_KEY = "E0602", "a key is not part of a policy";
    MISSING_KEY = "E0603", "a key of a policy is missing";
    VERSION = "E0604", "the version of the policy language is not known";
    NAME = "E0605", "a name in a policy does not have the form of a name";
    INPUT = "E0606", "an input of a policy cannot be decided by";
    TOO_MANY = "E0607", "a policy has too many of something";
    DUPLICATE = "E0608", "a policy names something twice";
    UNKNOWN_INPUT = "E0610", "a condition names an input that is not there";
    CONDITION = "E0611", "a condition cannot be read";
    CONDITION_VALUE = "E0612", "a condition compares with a value that the input cannot have";
    MATCHES_NOTHING = "E0613", "a condition matches no value";
    COVERED = "E0614", "a rule can never match, because earlier rules cover it";
    GAP = "E0615", "no rule matches, and there is no `otherwise`";
    STAGES = "E0616", "a stage could never be approved";
    ANSWER = "E0617", "a rule does not say who must approve";
    TEST_GIVEN = "E0620", "a test of a policy gives values that do not fit";
    TEST_EXPECT = "E0621", "a test of a policy expects what cannot be";
    TEST_FAILS = "E0622", "a test of a policy fails";
    TOO_MANY_FINDINGS = "E0699", "there are more findings about a policy than are shown";
}

//! The tests that templates may use after `is`: all of Tera's that look at a value and nothing else.

use super::scan::Callable;

/// Every test with its arguments.
pub(super) const TESTS: &[Callable] = &[
    Callable { name: "array", arguments: &[] },
    Callable { name: "bool", arguments: &[] },
    Callable { name: "containing", arguments: &[("pat", true)] },
    Callable { name: "defined", arguments: &[] },
    Callable { name: "divisible_by", arguments: &[("divisor", true)] },
    Callable { name: "ending_with", arguments: &[("pat", true)] },
    Callable { name: "even", arguments: &[] },
    Callable { name: "float", arguments: &[] },
    Callable { name: "integer", arguments: &[] },
    Callable { name: "map", arguments: &[] },
    Callable { name: "none", arguments: &[] },
    Callable { name: "number", arguments: &[] },
    Callable { name: "odd", arguments: &[] },
    Callable { name: "starting_with", arguments: &[("pat", true)] },
    Callable { name: "string", arguments: &[] },
    Callable { name: "undefined", arguments: &[] },
];

//! The reference interpreter: what a plan means, computed naively from the language's rules.

pub(crate) mod rules;

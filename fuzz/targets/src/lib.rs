//! What must hold for any input of the readers: one function for each, which panics when it does not.
//!
//! libFuzzer calls them with inputs it makes up (`fuzz/fuzz_targets/`), the test of this crate with the saved corpus and with
//! changes of it. They do no IO. Bounded time is watched by whoever calls; the readers' own bounds are meant to give it.

mod expression;
mod findings;
mod readers;
mod yaml;

pub use expression::expression;
pub use readers::{manifest, policy, schedule, span};
pub use yaml::yaml;

/// A target: it panics when what must hold does not, and says whether the reader accepted the input.
pub type Target = fn(&[u8]) -> bool;

/// Every target by the name of its folder in the corpus.
pub const TARGETS: &[(&str, Target)] = &[
    ("expression", expression),
    ("manifest", manifest),
    ("policy", policy),
    ("schedule", schedule),
    ("span", span),
    ("yaml", yaml),
];

/// The longest input that is tried, in bytes: hostile files of this size show every bound but that on the size itself.
pub const INPUT_BYTES_MAX: usize = 256 * 1024;

//! Tests of the simulator: that weeks hold, that planted bugs are found and named, and that a seed is the same each time.

#![expect(
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on says so, and how soon a bug is found is told"
)]

mod planted;
mod reference;
mod weeks;

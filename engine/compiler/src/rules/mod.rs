//! The rules of the language: one file each.
//!
//! A rule looks at the workflow as read and reports; it never changes what was read. What a later rule builds on (the promises,
//! the edges) is what a rule returns. A new rule is a new file here, a line in `compile`, and a broken file under
//! `tests/fixtures/broken` that shows it.

pub(crate) mod absent;
pub(crate) mod advice;
pub(crate) mod approvals;
pub(crate) mod children;
pub(crate) mod connections;
pub(crate) mod cycles;
pub(crate) mod edges;
pub(crate) mod expressions;
pub(crate) mod foreach;
pub(crate) mod input_schemas;
pub(crate) mod mixed;
pub(crate) mod needs;
pub(crate) mod operations;
pub(crate) mod people;
pub(crate) mod reach;
pub(crate) mod references;
pub(crate) mod secrets;
mod tested;
pub(crate) mod tolerated;
pub(crate) mod triggers;
pub(crate) mod values;
pub(crate) mod waits;
pub(crate) mod with;

//! The core's behaviour as traces: a plan, a script of inputs, and what was decided, as text.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on says so")]

mod world;

mod again;
mod approvals;
mod children;
mod compensations;
mod effects;
mod ends;
mod foreach;
mod incidents;
mod properties;
mod waits;

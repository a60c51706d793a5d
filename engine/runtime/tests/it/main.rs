//! The runtime on a store in memory, with steps that answer from a script and a clock that stands still until it is set.
//!
//! Nothing here sleeps: a test waits for a record that becomes durable, or for a call that a step gets.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on says so")]

mod lab;
mod rigged;
mod world;

mod ahead;
mod approvals;
mod attempts;
mod chains;
mod children;
mod clock;
mod crash_points;
mod crashes;
mod events;
mod feeds;
mod groups;
mod hooks;
mod housekeeping;
mod load;
mod recovery;
mod triggers;

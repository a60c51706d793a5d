//! End-to-end tests: the real binary, a real store, real HTTP on loopback, and the sandbox as the provider.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on says so")]

mod answers;
mod approvals;
mod broken;
mod cli;
mod codes;
mod compensation;
mod constructs;
mod demo;
mod every_provider;
mod examples;
mod faults;
mod golden;
mod house;
mod incidents;
mod kill;
mod lab;
mod many_kills;
mod order_and_sync;
mod own_providers;
mod policies;
mod power_cut;
mod readme;
mod sandboxed;
mod scenarios;
mod serve;
mod store_verbs;
mod waits;
mod webhooks;

//! A week of a node in a few milliseconds: the deterministic simulator around the pure core, and a reference interpreter of plans.
//!
//! [`simulate`] lets the world of one seed happen: the real core in a simulated shell, over a store with crash points, a scripted
//! provider, senders of webhooks, people, and clocks; every fault of it has a name, and every invariant of `invariants` is held
//! against it. [`check_reference`] runs random plans through the core and through a naive interpreter that was written from the
//! language's rules. Knows the core and the store, and nothing of a runtime.

mod bugs;
mod dice;
mod evaluate;
mod faults;
mod generate;
mod invariants;
pub mod limits;
mod node;
mod reference;
mod run;
mod world;

pub use bugs::Bug;
pub use faults::{Counts, Fault, owed};
pub use invariants::Violation;
pub use reference::{Compared, check_reference};
pub use run::{CORPUS, Failure, Options, Week, corpus, explain, how_to_keep, simulate};

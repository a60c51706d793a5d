//! The reference interpreter: what a plan and a script come to, computed naively from the language's rules, and compared with what
//! the core makes of them.
//!
//! [`rules`] are the rules of joins and ends, which the invariants use as well; `interpret` computes a run without events, with
//! `items` for lists, `asked` for what people are asked, and `undo` for what is undone; `driver` lets the core do the same run event by event; `compare` draws the cases and makes a failing one small.

mod asked;
mod compare;
mod driver;
mod interpret;
mod items;
pub(crate) mod rules;
mod script;
mod undo;

pub use compare::{Compared, check_reference};

use rules::End;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What a run came to.
#[derive(Clone, Debug, PartialEq)]
struct Told {
    /// Its status; `open` while something waits or a person must act.
    status: String,
    /// How each step that began or was skipped stands.
    steps: BTreeMap<String, String>,
    /// The run's outputs, when it is over.
    outputs: Value,
    /// Steps whose effect happened.
    effects: BTreeSet<String>,
}

fn word(end: &End) -> String {
    match end {
        End::Outcome(outcome, _) => outcome.clone(),
        End::Skipped => "skipped".to_string(),
        End::Cancelled => "cancelled".to_string(),
        End::Open => "open".to_string(),
    }
}

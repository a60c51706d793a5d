//! I8: one process at a time holds the store. A second one is refused, and nobody else ever writes to a run.

use super::{Held, Violation};
use engross_core::RunId;
use engross_store::Conflict;

/// A second process must be refused.
pub(crate) fn one_holder(refused: bool) -> Held {
    if refused { Ok(()) } else { Err(Violation::new("I8", "a second process holds the store")) }
}

/// The only writer of a run must always know where its journal stands.
pub(crate) fn nobody_else_wrote(run: &RunId, conflict: &Conflict) -> Held {
    Err(Violation::new("I8", format!("{run}: somebody else wrote to it: {conflict}")))
}

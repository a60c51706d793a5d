//! I5: the fold of what is durable is the state that the node goes on with.

use super::{Held, Violation, Watched};
use engross_core::RunState;

pub(super) fn live(watched: &Watched, live: &RunState) -> Held {
    if watched.state == *live {
        return Ok(());
    }
    let (run, durable) = (&live.run, &watched.state);
    Err(Violation::new(
        "I5",
        format!("{run}: the live state is not the fold of its journal\n live {live:?}\n fold {durable:?}"),
    ))
}

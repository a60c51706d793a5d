//! I15: every waiting step has its rows, nothing that is over holds any, and no row belongs to nobody: the rows that the commits
//! leave are what the state owes.

use super::{Held, Violation, Watched};
use crate::node::owed_rows;
use engross_store::Commit;
use std::collections::BTreeSet;

pub(super) fn follow(watched: &mut Watched, commit: &Commit) {
    for timer in &commit.timers_cleared {
        watched.timers.remove(timer);
    }
    watched.timers.extend(commit.timers_set.iter().cloned());
    for wait in &commit.waits_cleared {
        watched.waits.remove(wait);
    }
    watched.waits.extend(commit.waits_set.iter().cloned());
}

pub(super) fn check(watched: &Watched) -> Held {
    let (timers, waits) = owed_rows(&watched.state);
    let run = &watched.state.run;
    let owed: BTreeSet<_> = timers.into_iter().collect();
    if owed != watched.timers {
        let text = format!("{run}: it owes the timers {owed:?}, and its rows are {:?}", watched.timers);
        return Err(Violation::new("I15", text));
    }
    let owed: BTreeSet<_> = waits.into_iter().collect();
    if owed != watched.waits {
        let text = format!("{run}: it owes the waits {owed:?}, and its rows are {:?}", watched.waits);
        return Err(Violation::new("I15", text));
    }
    Ok(())
}

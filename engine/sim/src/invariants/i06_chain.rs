//! I6: a journal has no gaps, begins with its start, each record's hash follows on the one before it, and the head is at the
//! last record.

use super::{Held, Violation, Watched};
use engross_core::{Event, Record, RunId};
use engross_store::Commit;

fn broken(run: &RunId, why: impl Into<String>) -> Violation {
    Violation::new("I6", format!("{run}: {}", why.into()))
}

pub(super) fn no_start(run: &RunId) -> Violation {
    broken(run, "the journal does not begin with its start")
}

pub(super) fn next(watched: &Watched, record: &Record) -> Held {
    let state = &watched.state;
    if record.seq != state.seq + 1 {
        return Err(broken(&state.run, format!("record {} follows on record {}", record.seq, state.seq)));
    }
    if !state.hash.is_followed_by(record) {
        return Err(broken(
            &state.run,
            format!("the hash of record {} does not follow on the one before it", record.seq),
        ));
    }
    if matches!(record.event, Event::RunStarted { .. }) {
        return Err(broken(&state.run, "it starts a second time"));
    }
    Ok(())
}

pub(super) fn head(commit: &Commit, watched: &Watched) -> Held {
    let (head, state) = (&commit.head, &watched.state);
    if head.seq != state.seq || head.status != state.status || head.summary != state.summary() {
        return Err(broken(&state.run, format!("the head {head:?} is not where the journal is ({})", state.seq)));
    }
    Ok(())
}

//! What is checked when the faults are over and the world has had its time to come to rest: each invariant that is about the whole.

use super::{Held, Violation};
use crate::world::World;
use engross_core::{Timestamp, fold};
use engross_store::Store;

impl World {
    /// The first thing that does not hold at rest.
    pub(crate) fn at_rest(&mut self) -> Option<Violation> {
        let now = self.wall();
        let held = self
            .the_store_holds_what_it_was_given()
            .and_then(|()| self.oracle.nothing_acknowledged_is_lost(&self.disk))
            .and_then(|()| self.oracle.everything_went_on(now))
            .and_then(|()| self.oracle.every_turn_comes(now))
            .and_then(|()| self.oracle.every_end_is_told(now))
            .and_then(|()| self.oracle.every_firing_has_its_run(&self.triggers, &self.disk, now))
            .and_then(|()| self.oracle.ends_follow_the_rules())
            .and_then(|()| self.nothing_is_left_behind_in_silence());
        held.err()
    }

    /// What `fsck` looks at: every journal folds to what was committed, and the index holds the rows of the commits and no others.
    fn the_store_holds_what_it_was_given(&self) -> Held {
        let far = Timestamp::from_millis(i64::MAX);
        let due = self.disk.due(far, usize::MAX).unwrap_or_default().timers;
        let known: usize = self.oracle.runs.values().map(|watched| watched.timers.len()).sum();
        if due.len() != known || !due.iter().all(|t| self.oracle.runs.get(&t.run).is_some_and(|w| w.timers.contains(t)))
        {
            return Err(Violation::new("I15", format!("the due index has {} rows, and the runs {known}", due.len())));
        }
        for (run, watched) in &self.oracle.runs {
            let journal = self.disk.journal(run, 0, usize::MAX).unwrap_or_default();
            if fold(&journal).as_ref() != Some(&watched.state) {
                return Err(Violation::new("I5", format!("{run}: its journal does not fold to its state")));
            }
            let head = self.disk.head(run).ok().flatten();
            if head.is_none_or(|head| head.seq != watched.state.seq) {
                return Err(Violation::new("I6", format!("{run}: its head is not at its last record")));
            }
        }
        Ok(())
    }
}

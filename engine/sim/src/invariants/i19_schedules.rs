//! I19: each firing of a schedule makes exactly one run, whatever crashes: none twice, none that the schedule does not have, and,
//! where the file says that all of them are made up for, none too few.

use super::{Held, Oracle, Violation};
use crate::node::{MARKS, Trigger, mark_of, read_progress};
use engross_core::{RunId, Timestamp};
use engross_schedule::{CatchUp, Overlap};
use engross_store::{MemoryStore, Store};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How late a firing may be noticed, in milliseconds.
const TICK_MS: u64 = 10_000;

/// Firings of one schedule in a simulated week; there are fewer.
const FIRINGS_MAX: usize = 1_000;

/// The firing for which a run was started.
fn firing(run: &RunId) -> Option<(usize, Timestamp)> {
    let (which, at) = run.as_str().strip_prefix('f')?.split_once('@')?;
    let at = at.split(['x', '~']).next()?.parse().ok()?;
    Some((which.parse().ok()?, Timestamp::from_millis(at)))
}

impl Oracle {
    /// A schedule's mark has become durable. The first one says since when it is kept.
    pub(crate) fn kept(&mut self, name: &str, value: &Value) {
        let which = name.strip_prefix(MARKS).and_then(|which| which.parse().ok());
        if let (Some(which), Some(at)) = (which, read_progress(value).cursor) {
            self.registered.entry(which).or_insert(at);
        }
    }

    /// A run has begun.
    pub(super) fn fires_once(&self, run: &RunId) -> Held {
        let Some(of) = firing(run).filter(|_| !run.as_str().contains('~')) else { return Ok(()) };
        let same = |other: &&RunId| !other.as_str().contains('~') && firing(other) == Some(of);
        match self.runs.keys().find(same) {
            Some(other) => Err(Violation::new("I19", format!("one firing starts {other} and {run}"))),
            None => Ok(()),
        }
    }

    /// At rest: the firings that were to start a run have started one.
    pub(crate) fn every_firing_has_its_run(
        &self,
        triggers: &[Arc<Trigger>],
        disk: &MemoryStore,
        now: Timestamp,
    ) -> Held {
        let mut started: BTreeMap<usize, BTreeSet<Timestamp>> = BTreeMap::new();
        for run in self.runs.keys().filter(|run| !run.as_str().contains('~')) {
            if let Some((which, at)) = firing(run) {
                started.entry(which).or_default().insert(at);
            }
        }
        for (which, trigger) in triggers.iter().enumerate() {
            let bad = |why: String| Err(Violation::new("I19", format!("schedule {which}: {why}")));
            let Some(began) = self.registered.get(&which).copied() else { return bad("it was never kept".to_string()) };
            let Some(kept) = disk.mark(&mark_of(which)).ok().flatten().map(|value| read_progress(&value)) else {
                return bad("its mark is gone".to_string());
            };
            let by = Timestamp::from_millis(now.as_millis().saturating_sub_unsigned(TICK_MS));
            let all: BTreeSet<Timestamp> =
                trigger.schedule.fires_between(began, now, FIRINGS_MAX).into_iter().collect();
            let runs = started.remove(&which).unwrap_or_default();
            if let Some(other) = runs.difference(&all).next() {
                return bad(format!("it started a run for {other}, when it does not fire"));
            }
            // The cursor in the mark may stand before a firing that was left out, but not before one that was dealt with.
            let due: BTreeSet<Timestamp> = all.into_iter().filter(|at| *at <= by).collect();
            let waits: BTreeSet<Timestamp> = kept.queued.iter().copied().collect();
            if let (CatchUp::Latest | CatchUp::All, Some(last)) = (trigger.catch_up, due.last())
                && kept.cursor.is_none_or(|cursor| cursor < *last)
            {
                return bad(format!("nobody has noticed {last}"));
            }
            let forgotten = due.iter().find(|at| !runs.contains(*at) && !waits.contains(*at));
            if let (CatchUp::All, Overlap::Allow | Overlap::Queue, Some(at)) =
                (trigger.catch_up, trigger.overlap, forgotten)
            {
                return bad(format!("nothing was started for {at}"));
            }
        }
        Ok(())
    }
}

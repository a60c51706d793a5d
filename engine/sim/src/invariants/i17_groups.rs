//! I17: of a group of runs, never more are at work than may be; and none waits for its turn while there is a place.

use super::i11_liveness::TICK_MS;
use super::{Held, Oracle, Violation, Watched};
use engross_core::{Event, Record, RunId, Timestamp};
use std::collections::BTreeMap;

fn name(watched: &Watched) -> Option<(&str, &str)> {
    let state = &watched.state;
    state.group.as_ref().map(|group| (state.workflow.as_str(), group.name.as_str()))
}

fn at_work(runs: &BTreeMap<RunId, Watched>, group: (&str, &str)) -> usize {
    let has_a_place = |watched: &&Watched| !watched.state.queued && !watched.state.status.is_over();
    runs.values().filter(|watched| name(watched) == Some(group)).filter(has_a_place).count()
}

pub(super) fn check(runs: &BTreeMap<RunId, Watched>, run: &RunId, record: &Record) -> Held {
    let (Event::RunAdmitted, Some(watched)) = (&record.event, runs.get(run)) else { return Ok(()) };
    let (Some(group), Some(of)) = (&watched.state.group, name(watched)) else {
        return Err(Violation::new("I17", format!("{run} is admitted, and is of no group")));
    };
    let before = at_work(runs, of);
    if before >= group.limit as usize {
        return Err(Violation::new("I17", format!("{run} is admitted, and {before} of {of:?} are at work already")));
    }
    Ok(())
}

impl Oracle {
    /// At rest: nobody waits for a place that is free.
    pub(super) fn every_turn_comes(&self, now: Timestamp) -> Held {
        let just_now = |of: (&str, &str)| {
            let lately = |watched: &&Watched| now.ms_since(watched.state.updated_at) <= TICK_MS;
            self.runs.values().filter(lately).any(|watched| name(watched) == Some(of))
        };
        for watched in self.runs.values().filter(|watched| watched.state.queued && !watched.state.status.is_over()) {
            let (Some(group), Some(of)) = (&watched.state.group, name(watched)) else { continue };
            let others = at_work(&self.runs, of);
            if others < group.limit as usize && !just_now(of) {
                let run = &watched.state.run;
                return Err(Violation::new(
                    "I17",
                    format!("{run} waits for its turn, and {others} of {of:?} are at work"),
                ));
            }
        }
        Ok(())
    }
}

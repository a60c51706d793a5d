//! I18: a step that starts a run ends as that run did, and not before it; no run ends while one that it started goes on, unless a
//! person has opened that one again; the end of a run reaches whoever waits for it; and a run is given up with the one that started it.

use super::i11_liveness::TICK_MS;
use super::{Held, Oracle, Violation, Watched};
use engross_core::{Event, Record, ResolvedBy, RunId, RunState, RunStatus, StepId, StepState, Timestamp, WaitKind};
use std::collections::BTreeMap;

/// The run that a step waits for, and whether it has started it.
fn awaited(state: Option<&StepState>) -> Option<(&RunId, bool)> {
    match state? {
        StepState::Waiting { wait, .. } => match &wait.kind {
            WaitKind::Run { run, owned } => Some((run, *owned)),
            _ => None,
        },
        _ => None,
    }
}

pub(super) fn check(runs: &BTreeMap<RunId, Watched>, run: &RunId, record: &Record) -> Held {
    let Some(watched) = runs.get(run) else { return Ok(()) };
    let bad = |why: String| Err(Violation::new("I18", format!("{run}: {why}")));
    match &record.event {
        Event::StepCompleted { resolved_by: ResolvedBy::Person { .. }, .. } => Ok(()),
        Event::StepCompleted { step, outcome, .. } => {
            let Some((child, _)) = awaited(watched.state.steps.get(step)) else { return Ok(()) };
            let status = runs.get(child).map(|child| child.state.status);
            let expected = match status {
                Some(RunStatus::Succeeded) => "succeeded",
                Some(RunStatus::Stopped) => "stopped",
                Some(RunStatus::Failed | RunStatus::Cancelled) => "failed",
                _ => return bad(format!("{step} ends as {outcome}, and {child} is {status:?}")),
            };
            if outcome.as_str() != expected {
                return bad(format!("{step} ends as {outcome}, and {child} is {status:?}"));
            }
            Ok(())
        }
        Event::StepCancelled { step } => match going_on(runs, &watched.state, step) {
            Some(child) => bad(format!("{step} is given up, and {child} goes on")),
            None => Ok(()),
        },
        Event::StepsReset { steps, .. } => match steps.iter().find_map(|step| going_on(runs, &watched.state, step)) {
            Some(child) => bad(format!("a step is run again, and {child} goes on, which it started")),
            None => Ok(()),
        },
        Event::RunEnded { .. } => {
            let goes_on = runs.values().find(|child| {
                let of_it = child.state.parent.as_ref().is_some_and(|parent| parent.run == *run);
                let opened_again = child.state.past.values().any(|past| past.epoch > 0);
                let left_alone = opened_again || watched.left_alone.contains(&child.state.run);
                of_it && !child.state.status.is_over() && !left_alone
            });
            match goes_on {
                Some(child) => bad(format!("it ends, and {} goes on, which it started", child.state.run)),
                None => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

/// The run that a step has started, if it is not over. A person may have had it go on again.
fn going_on<'a>(runs: &BTreeMap<RunId, Watched>, state: &'a RunState, step: &StepId) -> Option<&'a RunId> {
    state.owned_child(step).filter(|child| runs.get(*child).is_some_and(|child| !child.state.status.is_over()))
}

/// Before the fact is folded: a person who has steps run again that wait for runs leaves those runs to themselves.
pub(super) fn follow(watched: &mut Watched, record: &Record) {
    if let Event::StepsReset { steps, .. } = &record.event {
        let left = steps.iter().filter_map(|step| awaited(watched.state.steps.get(step))).map(|(run, _)| run.clone());
        watched.left_alone.extend(left);
    }
}

impl Oracle {
    /// At rest: whoever waits for a run waits for one that goes on, and one that is given up waits for none that is not.
    pub(super) fn every_end_is_told(&self, now: Timestamp) -> Held {
        for (run, watched) in &self.runs {
            for (step, state) in watched.state.active() {
                let Some((child, owned)) = awaited(Some(state)) else { continue };
                let bad = |why: &str| Err(Violation::new("I18", format!("{run} {step}: {child} {why}")));
                let Some(other) = self.runs.get(child).map(|other| &other.state) else { return bad("is not there") };
                if [other, &watched.state].iter().any(|state| now.ms_since(state.updated_at) <= TICK_MS) {
                    continue;
                }
                if other.status.is_over() {
                    return bad("is over, and that was not told");
                }
                if watched.state.cancel.is_some() && owned && other.cancel.is_none() && other.ending.is_none() {
                    return bad("goes on, and the run that started it is given up");
                }
            }
        }
        Ok(())
    }
}

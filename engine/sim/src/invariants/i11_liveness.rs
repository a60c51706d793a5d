//! I11: when nothing goes wrong any more, every run ends, or waits for what it declared: a time to come, an event, a poll, people,
//! or a person who has to decide about a doubt.

use super::{Held, Oracle, Violation, Watched};
use engross_core::{PlanStep, StepId, StepState, Timestamp};

/// How late a timer may be told, and how long a look or the word of an end may take, in milliseconds.
pub(super) const TICK_MS: u64 = 10_000;

impl Oracle {
    pub(super) fn everything_went_on(&self, now: Timestamp) -> Held {
        self.runs.values().filter(|watched| !watched.state.status.is_over()).try_for_each(|w| goes_on(w, now))
    }
}

fn goes_on(watched: &Watched, now: Timestamp) -> Held {
    let state = &watched.state;
    let stuck = |step: &StepId, why: &str| {
        Err(Violation::new("I11", format!("{} {step} does not go on after the faults are over: {why}", state.run)))
    };
    if let Some(late) = watched.timers.iter().find(|timer| now.ms_since(timer.at) > TICK_MS) {
        let ms = now.ms_since(late.at);
        return Err(Violation::new("I11", format!("{}: timer {:?} is {ms} ms late", state.run, late.timer)));
    }
    if state.queued {
        return Ok(());
    }
    if state.active().next().is_none() {
        return Err(Violation::new("I11", format!("{} is open, and nothing of it has begun", state.run)));
    }
    // What has just happened has its consequences in a moment.
    if now.ms_since(state.updated_at) <= TICK_MS {
        return Ok(());
    }
    for (step, at) in state.active() {
        match at {
            StepState::Running { .. } => return stuck(step, "an attempt is owed or under way"),
            StepState::Waiting { wakes, checked, .. } if wakes > checked => return stuck(step, "a look is owed"),
            StepState::FannedOut { .. } => {
                let of_it = |id: &StepId| PlanStep::item_of(id).is_some_and(|(of, _)| of == *step);
                if !state.active().any(|(id, _)| of_it(id)) {
                    return stuck(step, "none of its items is under way");
                }
            }
            StepState::Waiting { wait, .. } => {
                let timed = watched.timers.iter().any(|timer| timer.timer.step.as_ref() == Some(step));
                let told = watched.waits.iter().any(|row| row.step == *step);
                if !timed && !told {
                    return stuck(step, &format!("nothing can ever end its wait: {wait:?}"));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

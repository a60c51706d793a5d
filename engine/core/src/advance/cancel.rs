//! The early end of a run. What has left is waited for; nothing new starts, and what waits is given up.

use super::{Work, attempt};
use crate::{EffectClass, Event, Person, StepId, StepState, WaitKind};

pub(super) fn cancel(work: &mut Work<'_>, by: Person, reason: Option<String>, timed_out: bool) {
    if work.state.cancel.is_none() {
        work.emit(Event::CancelRequested { by, reason, timed_out });
    }
    let given_up: Vec<StepId> =
        work.state.active().filter(|(id, state)| can_be_dropped(work, id, state)).map(|(id, _)| id.clone()).collect();
    for step in given_up {
        attempt::give_up(work, &step);
    }
}

/// Whether nothing of the step is on its way to the outside world, and no look would tell whether something was.
fn can_be_dropped(work: &Work<'_>, step: &StepId, state: &StepState) -> bool {
    let spec = work.context.plan.step(step);
    let effect = spec.map(|s| s.effect);
    // A run that may have been started is found by starting it again under its key, and is ended then.
    let starts_a_run = spec.is_some_and(|s| s.child.is_some());
    let is_repeated = spec.is_some_and(attempt::is_repeated_to_be_undone);
    let can_be_looked_up = effect == Some(EffectClass::Reconcilable) || starts_a_run || is_repeated;
    match state {
        StepState::Running { intended, maybe_done, .. } => {
            let under_way = *intended || (*maybe_done && can_be_looked_up);
            effect == Some(EffectClass::Read) || !under_way
        }
        StepState::BackingOff { maybe_done, .. } => !(*maybe_done && can_be_looked_up),
        // A run that was started for this one is ended first; so are the items of a list.
        StepState::Waiting { wait, .. } => !matches!(wait.kind, WaitKind::Run { owned: true, .. }),
        StepState::FannedOut { .. } => false,
        StepState::InDoubt { .. } | StepState::Incident { .. } => true,
        StepState::Completed { .. } | StepState::Skipped { .. } | StepState::Cancelled { .. } => false,
    }
}

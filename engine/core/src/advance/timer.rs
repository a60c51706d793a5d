//! Timers that are due. A timer that no longer fits the state has been overtaken, and changes nothing.

use super::{Work, attempt, cancel, decision, remind};
use crate::{Event, OnEvent, Person, ResolvedBy, StepId, StepState, TimerId, TimerKind, WaitKind};
use serde_json::Value;

pub(super) fn fired(work: &mut Work<'_>, timer: &TimerId) {
    match (&timer.step, timer.kind) {
        (None, TimerKind::Deadline) => run_deadline(work),
        (None, TimerKind::Retry | TimerKind::Poll | TimerKind::Remind | TimerKind::Escalate) => {}
        (Some(step), TimerKind::Retry) => retry(work, step),
        (Some(step), TimerKind::Poll) => poll(work, step),
        (Some(step), TimerKind::Deadline) => deadline(work, step),
        (Some(step), TimerKind::Remind) => remind::remind(work, step),
        (Some(step), TimerKind::Escalate) => remind::escalate(work, step),
    }
}

fn run_deadline(work: &mut Work<'_>) {
    if work.state.deadline.is_some_and(|at| at <= work.now())
        && work.state.cancel.is_none()
        && work.state.ending.is_none()
    {
        cancel::cancel(work, Person::new("engross"), Some("the run's timeout is over".to_string()), true);
    }
}

fn retry(work: &mut Work<'_>, step: &StepId) {
    if let Some(StepState::BackingOff { attempt, retry_at, .. }) = work.state.steps.get(step)
        && *retry_at <= work.now()
    {
        let attempt = attempt.saturating_add(1);
        work.emit(Event::StepRetried { step: step.clone(), attempt });
    }
}

fn poll(work: &mut Work<'_>, step: &StepId) {
    if let Some(StepState::Waiting { next_poll: Some(at), .. }) = work.state.steps.get(step)
        && *at <= work.now()
    {
        work.emit(Event::PollDue { step: step.clone() });
    }
}

pub(super) fn deadline(work: &mut Work<'_>, step: &StepId) {
    if let Some(state @ StepState::Waiting { wait, closing: None, .. }) = work.state.steps.get(step)
        && let Some(deadline) = &wait.deadline
        && deadline.at <= work.now()
    {
        // What the provider knows by now counts, also when no webhook told: silence is a no only after a look.
        if matches!(wait.kind, WaitKind::Event { on_event: OnEvent::Check, .. }) {
            work.emit(Event::DeadlineReached { step: step.clone() });
            return;
        }
        let outcome = deadline.outcome.clone();
        let outputs = decision::outputs_at_the_deadline(outcome.as_str(), state).unwrap_or(Value::Null);
        attempt::complete(work, step, outcome, outputs, ResolvedBy::Timer);
    }
}

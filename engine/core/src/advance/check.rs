//! Looks of waiting steps: an end, nothing yet, or a failure to look.

use super::{Rejection, Work, attempt, stale};
use crate::limits::{BLIND_POLL_MS, LAST_LOOKS_MAX};
use crate::{
    Completion, Deadline, ErrorClass, Event, EventId, OnEvent, OutcomeName, ResolvedBy, StepError, StepId, StepState,
    Wait, WaitKind,
};
use serde_json::Value;

pub(super) fn finished(
    work: &mut Work<'_>,
    step: &StepId,
    check: u32,
    result: Result<Option<Completion>, StepError>,
    random: u32,
) -> Result<(), Rejection> {
    let seen = match work.step(step)? {
        Some(StepState::Waiting { wait, checked, wakes, woken_by, error, closing, .. })
            if check > *checked && check <= *wakes =>
        {
            Seen {
                run: matches!(wait.kind, WaitKind::Run { .. }),
                poll_ms: poll_of(wait),
                woken_by: woken_by.clone(),
                was_gone: error.as_ref().is_some_and(|e| e.class == ErrorClass::NotFound),
                // Only the last look that was asked for closes: an earlier one may have been made before the deadline.
                closing: closing.filter(|_| check == *wakes).zip(wait.deadline.clone()),
            }
        }
        other => return Err(stale(step, other)),
    };
    match (result, &seen.closing) {
        (Ok(Some(done)), _) if seen.run && done.outcome.as_str() == "failed" => run_failed(work, step, &done.outputs),
        (Ok(Some(done)), _) => {
            let by = seen.woken_by.map_or(ResolvedBy::Poll, ResolvedBy::Event);
            attempt::complete(work, step, done.outcome, done.outputs, by);
        }
        (Ok(None), Some((_, deadline))) => {
            attempt::complete(work, step, deadline.outcome.clone(), Value::Null, ResolvedBy::Timer);
        }
        (Ok(None), None) => {
            let next_poll = seen.poll_ms.map(|ms| work.now().plus_ms(spread(ms, random)));
            work.emit(Event::StepChecked { step: step.clone(), check, next_poll, error: None });
        }
        // Gone, and still gone when looked for again: there is nothing left to wait for.
        (Err(error), _) if error.class == ErrorClass::NotFound && seen.was_gone => {
            attempt::fail(work, step, error, ResolvedBy::Poll);
        }
        (Err(error), Some((failed, deadline))) if *failed + 1 >= LAST_LOOKS_MAX => {
            tell_unseen(work, step, deadline.outcome.clone(), error);
        }
        (Err(error), _) => blind(work, step, check, error, seen.poll_ms, random),
    }
    Ok(())
}

/// The run that is waited for did not end well: this step failed, and a person may mend that run and have this one look again.
fn run_failed(work: &mut Work<'_>, step: &StepId, told: &Value) {
    if work.is_given_up(step) {
        work.emit(Event::StepCancelled { step: step.clone() });
        return;
    }
    let message = told.get("message").and_then(Value::as_str).unwrap_or("the run did not end well");
    let error = StepError::new(ErrorClass::Unknown, "run_failed", message)
        .hint("mend that run (`engross runs rerun`), then have this step tried again: it looks at the same run");
    attempt::fail(work, step, error, ResolvedBy::Execution);
}

/// What a look found a step to be waiting for.
struct Seen {
    /// Whether it is another run that is waited for.
    run: bool,
    poll_ms: Option<u64>,
    woken_by: Option<EventId>,
    was_gone: bool,
    closing: Option<(u32, Deadline)>,
}

/// A look that failed. Neither a provider that is away nor a wrong key ends a wait of weeks, in which the contract is out: the
/// step looks again, soon if that may help at once, and otherwise with its next poll.
fn blind(work: &mut Work<'_>, step: &StepId, check: u32, error: StepError, poll_ms: Option<u64>, random: u32) {
    let retry = work.context.plan.step(step).map(|s| s.retry.clone()).unwrap_or_default();
    let soon = retry.pause_ms(check, &error, random);
    let pause = match error.class {
        ErrorClass::Transient | ErrorClass::RateLimited | ErrorClass::NotFound => soon,
        _ => poll_ms.unwrap_or(BLIND_POLL_MS).max(soon),
    };
    let next_poll = Some(work.now().plus_ms(pause));
    work.emit(Event::StepChecked { step: step.clone(), check, next_poll, error: Some(error) });
}

/// The time is up, and the provider could not be asked: the end says both.
fn tell_unseen(work: &mut Work<'_>, step: &StepId, outcome: OutcomeName, error: StepError) {
    work.emit(Event::StepCompleted {
        step: step.clone(),
        outcome,
        outputs: Value::Null,
        error: Some(error),
        resolved_by: ResolvedBy::Timer,
    });
}

fn poll_of(wait: &Wait) -> Option<u64> {
    match &wait.kind {
        WaitKind::Event { poll_ms, on_event: OnEvent::Check, .. } => *poll_ms,
        WaitKind::Event { .. } | WaitKind::Timer | WaitKind::Run { .. } | WaitKind::Approval(_) => None,
    }
}

/// Between 90 and 110 percent of the interval, so that a thousand contracts sent in one minute do not poll in one minute.
fn spread(ms: u64, random: u32) -> u64 {
    let tenth = ms / 10;
    let offset = (u128::from(tenth) * 2 * u128::from(random)) / u128::from(u32::MAX);
    (ms - tenth).saturating_add(u64::try_from(offset).unwrap_or(u64::MAX))
}

//! Looks of waiting steps: an end, nothing yet, or a failure to look.

use super::{Rejection, Work, attempt, stale};
use crate::{Completion, Event, OnEvent, ResolvedBy, StepError, StepId, StepState, Wait, WaitKind};

pub(super) fn finished(
    work: &mut Work<'_>,
    step: &StepId,
    check: u32,
    result: Result<Option<Completion>, StepError>,
    random: u32,
) -> Result<(), Rejection> {
    let (poll_ms, woken_by) = match work.step(step)? {
        Some(StepState::Waiting { wait, checked, wakes, woken_by, .. }) if check > *checked && check <= *wakes => {
            (poll_of(wait), woken_by.clone())
        }
        other => return Err(stale(step, other)),
    };
    match result {
        Ok(Some(done)) => {
            let by = woken_by.map_or(ResolvedBy::Poll, ResolvedBy::Event);
            attempt::complete(work, step, done.outcome, done.outputs, by);
        }
        Ok(None) => {
            let next_poll = poll_ms.map(|ms| work.now().plus_ms(spread(ms, random)));
            work.emit(Event::StepChecked { step: step.clone(), check, next_poll, error: None });
        }
        // A provider that is away for a while does not end a wait of weeks: only the wait's own deadline does.
        Err(error) if error.class.retryable() => {
            let retry = work.context.plan.step(step).map(|s| s.retry.clone()).unwrap_or_default();
            let pause = retry.pause_ms(check, &error, random);
            let next_poll = Some(work.now().plus_ms(pause));
            work.emit(Event::StepChecked { step: step.clone(), check, next_poll, error: Some(error) });
        }
        Err(error) => attempt::fail(work, step, error, ResolvedBy::Poll),
    }
    Ok(())
}

fn poll_of(wait: &Wait) -> Option<u64> {
    match &wait.kind {
        WaitKind::Event { poll_ms, on_event: OnEvent::Check, .. } => *poll_ms,
        WaitKind::Event { .. } | WaitKind::Timer | WaitKind::Approval(_) => None,
    }
}

/// Between 90 and 110 percent of the interval, so that a thousand contracts sent in one minute do not poll in one minute.
fn spread(ms: u64, random: u32) -> u64 {
    let tenth = ms / 10;
    let offset = (u128::from(tenth) * 2 * u128::from(random)) / u128::from(u32::MAX);
    (ms - tenth).saturating_add(u64::try_from(offset).unwrap_or(u64::MAX))
}

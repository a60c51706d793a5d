//! Events from outside that match a waiting step's subscription.

use super::{Rejection, Work, attempt, stale};
use crate::{Event, OnEvent, ReceivedEvent, ResolvedBy, StepId, StepState, WaitKind};
use serde_json::json;

pub(super) fn matched(work: &mut Work<'_>, step: &StepId, event: ReceivedEvent) -> Result<(), Rejection> {
    let (on_event, woken_by) = match work.step(step)? {
        Some(StepState::Waiting { wait, woken_by, .. }) => match &wait.kind {
            WaitKind::Event { on_event, .. } => (on_event.clone(), woken_by),
            WaitKind::Run { .. } => (OnEvent::Check, woken_by),
            WaitKind::Timer | WaitKind::Approval(_) => return Err(Rejection::NotWanted(step.clone())),
        },
        other => return Err(stale(step, other)),
    };
    // An event ends one step of a run, and none of a run that began after it; it wakes every step that looks for itself.
    let unwanted = match &on_event {
        OnEvent::Finish(_) => work.state.consumed.contains(&event.id) || event.received_at < work.state.started_at,
        OnEvent::Check => woken_by.as_ref() == Some(&event.id),
    };
    if unwanted {
        return Err(Rejection::NotWanted(step.clone()));
    }
    let (id, data) = (event.id.clone(), json!({ "event": { "id": event.id, "type": event.kind, "data": event.data } }));
    work.emit(Event::EventReceived { step: step.clone(), event });
    match on_event {
        OnEvent::Check => {}
        OnEvent::Finish(outcome) => attempt::complete(work, step, outcome, data, ResolvedBy::Event(id)),
    }
    Ok(())
}

//! I9: a timer fires never early, and once for each time it is armed. Followed from the facts alone, not from the index.

use super::{Held, Violation, Watched};
use engross_core::{Event, Record, ResolvedBy, StepId, StepState, TimerId, TimerKind, Timestamp, WaitKind};

fn id(step: Option<&StepId>, kind: TimerKind) -> TimerId {
    TimerId { step: step.cloned(), kind }
}

/// The timer that a fact says has fired.
fn fired(watched: &Watched, event: &Event) -> Option<TimerId> {
    match event {
        Event::StepRetried { step, .. } => Some(id(Some(step), TimerKind::Retry)),
        Event::PollDue { step } => Some(id(Some(step), TimerKind::Poll)),
        Event::DeadlineReached { step } => Some(id(Some(step), TimerKind::Deadline)),
        Event::ReminderDue { step, .. } => Some(id(Some(step), TimerKind::Remind)),
        Event::Escalated { step, .. } => Some(id(Some(step), TimerKind::Escalate)),
        Event::CancelRequested { timed_out: true, .. } => Some(id(None, TimerKind::Deadline)),
        Event::StepCompleted { step, resolved_by: ResolvedBy::Timer, .. } => {
            // A last look after the deadline is not the timer's firing: that was before it.
            let closing = matches!(watched.state.steps.get(step), Some(StepState::Waiting { closing: Some(_), .. }));
            (!closing).then(|| id(Some(step), TimerKind::Deadline))
        }
        _ => None,
    }
}

/// Before the fact is folded: the timer it speaks of is armed, and its time has come.
pub(super) fn check(watched: &mut Watched, record: &Record) -> Held {
    let Some(timer) = fired(watched, &record.event) else { return Ok(()) };
    let whose = timer.step.as_ref().map_or("the run", StepId::as_str);
    let (run, kind) = (&watched.state.run, timer.kind);
    match watched.due.remove(&timer) {
        None => Err(Violation::new("I9", format!("{run}: the {kind:?} timer of {whose} fires, and is not armed"))),
        Some(at) if at > record.at => {
            let early = at.ms_since(record.at);
            Err(Violation::new("I9", format!("{run}: the {kind:?} timer of {whose} fires {early} ms early")))
        }
        Some(_) => Ok(()),
    }
}

/// After the fact is folded: what it arms, and what it makes void.
pub(super) fn follow(watched: &mut Watched, record: &Record) {
    match &record.event {
        Event::RunStarted { deadline: Some(at), .. } => arm(watched, None, TimerKind::Deadline, *at),
        Event::AttemptFailed { step, retry_at, .. } => arm(watched, Some(step), TimerKind::Retry, *retry_at),
        Event::DecisionRecorded { step, .. }
        | Event::ReminderDue { step, .. }
        | Event::Escalated { step, .. }
        | Event::ApprovalReset { step, .. } => questions(watched, step),
        Event::StepParked { step, wait } => {
            questions(watched, step);
            if let Some(deadline) = &wait.deadline {
                arm(watched, Some(step), TimerKind::Deadline, deadline.at);
            }
            if let WaitKind::Event { poll_ms: Some(ms), look_first: false, .. } = &wait.kind {
                arm(watched, Some(step), TimerKind::Poll, record.at.plus_ms(*ms));
            }
        }
        Event::StepChecked { step, next_poll, .. } => {
            watched.due.remove(&id(Some(step), TimerKind::Poll));
            if let Some(at) = next_poll {
                arm(watched, Some(step), TimerKind::Poll, *at);
            }
        }
        Event::EventReceived { step, .. } | Event::DeadlineReached { step } => {
            watched.due.remove(&id(Some(step), TimerKind::Poll));
        }
        Event::StepCompleted { step, .. }
        | Event::StepCancelled { step }
        | Event::StepInDoubt { step, .. }
        | Event::IncidentRaised { step, .. }
        | Event::StepResumed { step, .. } => {
            for kind in [TimerKind::Retry, TimerKind::Poll, TimerKind::Deadline, TimerKind::Remind, TimerKind::Escalate]
            {
                watched.due.remove(&id(Some(step), kind));
            }
        }
        Event::StepsReset { steps, deadline, .. } => {
            watched.due.retain(|timer, _| timer.step.as_ref().is_some_and(|step| !steps.contains(step)));
            if let Some(at) = deadline {
                arm(watched, None, TimerKind::Deadline, *at);
            }
        }
        _ => {}
    }
}

/// The next reminder and the next escalation of a question, as it stands.
fn questions(watched: &mut Watched, step: &StepId) {
    let next = watched.questions.get(step).map(|question| (question.next_reminder(), question.next_escalation()));
    let (remind, escalate) = next.unwrap_or_default();
    for (kind, at) in [(TimerKind::Remind, remind), (TimerKind::Escalate, escalate)] {
        match at {
            Some(at) => arm(watched, Some(step), kind, at),
            None => drop(watched.due.remove(&id(Some(step), kind))),
        }
    }
}

fn arm(watched: &mut Watched, step: Option<&StepId>, kind: TimerKind, at: Timestamp) {
    watched.due.insert(id(step, kind), at);
}

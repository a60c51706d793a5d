//! Reminders and escalations that are due. Neither decides anything: they say who is told, and who may decide as well.

use super::{Work, timer};
use crate::{Approval, Asked, Event, StepId, StepState, WaitKind};

/// The approval that a timer is about; none when the timer was overtaken.
fn open<'a>(work: &'a Work<'_>, step: &StepId) -> Option<(&'a Approval, &'a Asked)> {
    match work.state.steps.get(step)? {
        StepState::Waiting { wait, asked, .. } => match &wait.kind {
            WaitKind::Approval(approval) => Some((approval, asked)),
            WaitKind::Event { .. } | WaitKind::Run { .. } | WaitKind::Timer => None,
        },
        _ => None,
    }
}

/// Nobody is told of an approval whose time is up: it ends instead.
fn ended(work: &mut Work<'_>, step: &StepId) -> bool {
    let up = matches!(work.state.steps.get(step), Some(StepState::Waiting { wait, .. })
        if wait.deadline.as_ref().is_some_and(|deadline| deadline.at <= work.now()));
    if up {
        timer::deadline(work, step);
    }
    up
}

pub(super) fn remind(work: &mut Work<'_>, step: &StepId) {
    if ended(work, step) {
        return;
    }
    let Some((_, asked)) = open(work, step) else { return };
    if asked.next_reminder.is_some_and(|at| at <= work.now()) {
        let number = asked.reminded.saturating_add(1);
        work.emit(Event::ReminderDue { step: step.clone(), number });
    }
}

pub(super) fn escalate(work: &mut Work<'_>, step: &StepId) {
    if ended(work, step) {
        return;
    }
    let Some((approval, asked)) = open(work, step) else { return };
    if asked.next_escalation(approval).is_some_and(|at| at <= work.now())
        && let Some(escalation) = approval.escalate.get(asked.escalated as usize)
    {
        let (to, people) = (escalation.to.clone(), escalation.people.clone());
        work.emit(Event::Escalated { step: step.clone(), to, people });
    }
}

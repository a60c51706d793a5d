//! What a run's state owes the world. The one source of commands: a turn's commands are the difference between what was
//! owed before it and what is owed after it, and recovery carries out the whole set.

use crate::{Command, PlanStep, RunState, StepId, StepState, Subscription, TimerId, TimerKind, WaitKind};
use std::collections::BTreeSet;

/// Everything the state owes: attempts and looks to be made, timers to be armed, subscriptions to be held.
pub fn outstanding(state: &RunState) -> BTreeSet<Command> {
    let mut owed = BTreeSet::new();
    if state.status.is_over() {
        return owed;
    }
    if let (Some(at), None, None) = (state.deadline, &state.cancel, &state.ending) {
        owed.insert(Command::ArmTimer { timer: TimerId { step: None, kind: TimerKind::Deadline }, at });
    }
    if let Some(group) = &state.group {
        let group = format!("{}/{}", state.workflow, group.name);
        let subscription = if state.queued { Subscription::to_turn(&group) } else { Subscription::to_place(&group) };
        owed.insert(Command::Subscribe { step: StepId::new(RunState::ITSELF), subscription });
    }
    for (step, step_state) in state.active() {
        owe(step, step_state, &mut owed);
        if let (Some(cancel), StepState::Waiting { wait, .. }) = (&state.cancel, step_state)
            && let WaitKind::Run { run, owned: true } = &wait.kind
            && PlanStep::undone_by(step).is_none()
        {
            let reason = cancel.reason.clone();
            owed.insert(Command::CancelRun { run: run.clone(), by: cancel.by.clone(), reason });
        }
    }
    owed
}

fn owe(step: &StepId, state: &StepState, owed: &mut BTreeSet<Command>) {
    let timer = |kind| TimerId { step: Some(step.clone()), kind };
    match state {
        StepState::Running { attempt, .. } => {
            owed.insert(Command::RunStep { step: step.clone(), attempt: *attempt });
        }
        StepState::BackingOff { retry_at, .. } => {
            owed.insert(Command::ArmTimer { timer: timer(TimerKind::Retry), at: *retry_at });
        }
        StepState::Waiting { wait, wakes, checked, next_poll, closing, asked, .. } => {
            if wakes > checked {
                owed.insert(Command::CheckStep { step: step.clone(), check: *wakes });
            }
            if let Some(at) = next_poll {
                owed.insert(Command::ArmTimer { timer: timer(TimerKind::Poll), at: *at });
            }
            // A deadline that has come is kept by the last look, not by a timer.
            if let (Some(deadline), None) = (&wait.deadline, closing) {
                owed.insert(Command::ArmTimer { timer: timer(TimerKind::Deadline), at: deadline.at });
            }
            if let Some(at) = asked.next_reminder {
                owed.insert(Command::ArmTimer { timer: timer(TimerKind::Remind), at });
            }
            if let WaitKind::Approval(approval) = &wait.kind
                && let Some(at) = asked.next_escalation(approval)
            {
                owed.insert(Command::ArmTimer { timer: timer(TimerKind::Escalate), at });
            }
            let subscriptions = match &wait.kind {
                WaitKind::Event { subscriptions, .. } => subscriptions.clone(),
                WaitKind::Approval(_) => vec![Subscription::to_decisions()],
                WaitKind::Run { run, .. } => vec![Subscription::to_run(run), Subscription::to_untold(run)],
                WaitKind::Timer => Vec::new(),
            };
            owed.extend(
                subscriptions.into_iter().map(|subscription| Command::Subscribe { step: step.clone(), subscription }),
            );
        }
        StepState::FannedOut { .. }
        | StepState::InDoubt { .. }
        | StepState::Incident { .. }
        | StepState::Completed { .. }
        | StepState::Skipped { .. }
        | StepState::Cancelled { .. } => {}
    }
}

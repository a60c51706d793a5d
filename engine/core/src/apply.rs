//! The fold: facts into state. It never decides and never fails; replay is `for event in journal { apply }`.
//!
//! A fact that does not fit the state it meets is ignored: `advance` decides only fitting ones, and a store checks the
//! journal's integrity, so what is left is a journal written by a newer version, whose facts must not stop an older reader.

use crate::{
    Cancellation, Child, EffectState, Event, EventId, Intents, OnEvent, PlanStep, Record, RecordHash, RunState,
    RunStatus, StepId, StepState, Timestamp, Wait, WaitKind,
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Folds a whole journal. `None` when it does not begin with the start of a run.
pub fn fold<'a>(records: impl IntoIterator<Item = &'a Record>) -> Option<RunState> {
    let mut state = None;
    for record in records {
        match &mut state {
            None => state = started(record),
            Some(state) => {
                apply(state, record.at, &record.event);
                (state.seq, state.hash) = (record.seq, record.hash);
            }
        }
        state.as_ref()?;
    }
    state
}

fn started(record: &Record) -> Option<RunState> {
    let mut state = begin(record.at, &record.event)?;
    (state.seq, state.hash) = (record.seq, record.hash);
    Some(state)
}

/// The state that a run's first fact makes; none for any other fact.
pub(crate) fn begin(at: Timestamp, event: &Event) -> Option<RunState> {
    let Event::RunStarted { run, plan, workflow, title, key, inputs, requester, deadline, parent, group } = event
    else {
        return None;
    };
    Some(RunState {
        run: run.clone(),
        plan: plan.clone(),
        workflow: workflow.clone(),
        title: title.clone(),
        key: key.clone(),
        inputs: Arc::new(inputs.clone()),
        requester: requester.clone(),
        parent: parent.clone(),
        group: group.clone(),
        queued: group.is_some(),
        started_at: at,
        deadline: *deadline,
        updated_at: at,
        seq: 0,
        hash: RecordHash::default(),
        status: RunStatus::Running,
        cancel: None,
        ending: None,
        steps: BTreeMap::new(),
        items: BTreeMap::new(),
        past: BTreeMap::new(),
        consumed: BTreeSet::new(),
        outputs: Value::Null,
        problem: None,
    })
}

/// Folds one fact, decided at `at`, into the state. Does not touch `seq` and `hash`, which are the journal's.
pub fn apply(state: &mut RunState, at: Timestamp, event: &Event) {
    state.updated_at = at;
    remember(state, event);
    match event {
        Event::RunStarted { .. }
        | Event::RunAdmitted
        | Event::CancelRequested { .. }
        | Event::CompensationStarted { .. }
        | Event::StepsReset { .. }
        | Event::RunEnded { .. } => apply_to_run(state, event),
        Event::StepScheduled { step, input, deadline } => {
            let running = scheduled(state, step, input, *deadline, at);
            state.steps.entry(step.clone()).or_insert(running);
        }
        Event::StepFannedOut { step, items } => {
            state.items.insert(step.clone(), Arc::new(items.clone()));
            state.steps.entry(step.clone()).or_insert(StepState::FannedOut { since: at });
        }
        Event::StepCompleted { step, outcome, outputs, error, .. } => {
            let (outcome, outputs, error) = (outcome.clone(), Arc::new(outputs.clone()), error.clone());
            // Whoever folds a record counts its number on afterwards.
            let seq = state.seq.saturating_add(1);
            state.steps.insert(step.clone(), StepState::Completed { outcome, outputs, error, at, seq });
        }
        Event::StepSkipped { step, reason } => {
            state.steps.insert(step.clone(), StepState::Skipped { reason: reason.clone(), at });
        }
        Event::StepCancelled { step } => {
            let maybe_done = state.steps.get(step).is_some_and(StepState::maybe_done);
            state.steps.insert(step.clone(), StepState::Cancelled { maybe_done, at });
        }
        Event::EventReceived { .. } | Event::PollDue { .. } | Event::DeadlineReached { .. } => wakened(state, event),
        Event::IncidentRaised { step, error } => {
            let past = state.past.get(step).map_or(0, |past| past.attempts);
            let incident = incident(state.steps.remove(step), past, error, at);
            state.steps.insert(step.clone(), incident);
        }
        // Without inputs that were computed, it is pending again.
        Event::StepResumed { step, attempt: 0, .. } => {
            state.steps.remove(step);
        }
        Event::StepParked { step, wait } => {
            let looks = state.past.get(step).map_or(0, |past| past.looks);
            if let Some(input) = state.steps.get(step).and_then(input_to_wait_with) {
                state.steps.insert(step.clone(), parked(input, at, wait, looks));
                if let WaitKind::Run { run, owned } = &wait.kind {
                    let child = Child { run: run.clone(), owned: *owned };
                    state.past.entry(step.clone()).or_default().child = Some(child);
                }
            }
        }
        Event::EffectIntended { step, .. }
        | Event::StepResumed { step, .. }
        | Event::AttemptFailed { step, .. }
        | Event::StepRetried { step, .. }
        | Event::StepRecovered { step }
        | Event::StepChecked { step, .. }
        | Event::DecisionRecorded { step, .. }
        | Event::ReminderDue { step, .. }
        | Event::Escalated { step, .. }
        | Event::Delegated { step, .. }
        | Event::ApprovalReset { step, .. }
        | Event::StepInDoubt { step, .. } => {
            if let Some(old) = state.steps.remove(step) {
                state.steps.insert(step.clone(), next(old, at, event));
            }
        }
    }
}

/// Folds a fact that has a waiting step look.
fn wakened(state: &mut RunState, event: &Event) {
    match event {
        Event::EventReceived { step, event } => {
            if ends_by_event(state, step) {
                state.consumed.insert(event.id.clone());
            }
            wake(state, step, Some(event.id.clone()));
        }
        Event::PollDue { step } => wake(state, step, None),
        Event::DeadlineReached { step } => {
            if let Some(StepState::Waiting { closing, .. }) = state.steps.get_mut(step) {
                *closing = Some(0);
            }
            wake(state, step, None);
        }
        _ => {}
    }
}

/// Folds a fact about the run as a whole.
fn apply_to_run(state: &mut RunState, event: &Event) {
    match event {
        Event::RunAdmitted => state.queued = false,
        Event::CancelRequested { by, reason, timed_out } => {
            state.status = RunStatus::Cancelling;
            state.cancel = Some(Cancellation { by: by.clone(), reason: reason.clone(), timed_out: *timed_out });
        }
        Event::CompensationStarted { status, problem } => {
            state.status = RunStatus::Compensating;
            state.ending = Some(crate::Ending { status: *status, problem: problem.clone() });
        }
        Event::RunEnded { status, outputs, problem } => {
            state.ending = None;
            state.status = *status;
            state.outputs = outputs.clone();
            state.problem = problem.clone();
        }
        Event::StepsReset { steps, deadline, .. } => {
            // A run that was over has left its place among those of its group.
            state.queued = state.queued || (state.group.is_some() && state.status.is_over());
            (state.status, state.cancel, state.problem) = (RunStatus::Running, None, None);
            (state.outputs, state.deadline) = (Value::Null, *deadline);
            // For what a step is done stays known until it is told anew: what was done for an item can be undone until then.
            let left: Vec<(bool, bool)> = steps.iter().map(|step| leaves_behind(state, step)).collect();
            for (step, (done, maybe_done)) in steps.iter().zip(left) {
                let (made, looks) = match state.steps.remove(step) {
                    None | Some(StepState::Skipped { .. }) => (0, 0),
                    Some(StepState::Waiting { wakes, .. }) => (1, wakes),
                    Some(old) => (attempts(&old).max(1), 0),
                };
                let past = state.past.entry(step.clone()).or_default();
                past.epoch = past.epoch.saturating_add(1);
                (past.attempts, past.looks) = (past.attempts.max(made), past.looks.max(looks));
                (past.done, past.maybe_done) = (past.done || done, past.maybe_done || maybe_done);
                past.child = None;
            }
        }
        _ => {}
    }
}

/// What a step that is run again leaves behind: whether something of it is done and not undone, and whether something of it
/// may be.
fn leaves_behind(state: &RunState, step: &StepId) -> (bool, bool) {
    let well = |state: &StepState| state.outcome().is_some_and(|outcome| outcome.as_str() != "failed");
    let undone = || state.steps.get(&PlanStep::undoing(step)).is_some_and(well);
    match state.steps.get(step) {
        Some(old @ StepState::Completed { error, .. }) => {
            let unknown = error.as_ref().is_some_and(|error| error.effect == EffectState::Unknown);
            (well(old) && !undone(), !well(old) && unknown)
        }
        Some(old) => (false, old.maybe_done()),
        None => (false, false),
    }
}

/// What a step got that is to wait now: its attempt ended in a wait, or what it has waited for is waited for once more.
fn input_to_wait_with(state: &StepState) -> Option<Arc<Value>> {
    match state {
        StepState::Running { input, .. }
        | StepState::BackingOff { input, .. }
        | StepState::Incident { input: Some(input), .. } => Some(input.clone()),
        _ => None,
    }
}

fn scheduled(
    state: &RunState,
    step: &StepId,
    input: &Value,
    deadline: Option<Timestamp>,
    since: Timestamp,
) -> StepState {
    let before = state.past.get(step).map_or(0, |past| past.attempts);
    StepState::Running {
        attempt: before.saturating_add(1),
        input: Arc::new(input.clone()),
        intended: false,
        maybe_done: false,
        intents: None,
        last_error: None,
        forgiven: before,
        since,
        deadline,
    }
}

/// The numbers of attempts, looks and rounds are counted on when a step goes on to something else. A step without an entry has made
/// one attempt at most, and no look.
fn remember(state: &mut RunState, event: &Event) {
    if let Event::StepParked { step, wait: Wait { kind: WaitKind::Approval(_), .. } }
    | Event::ApprovalReset { step, .. } = event
    {
        let past = state.past.entry(step.clone()).or_default();
        past.rounds = past.rounds.saturating_add(1);
    }
    let step = match event {
        Event::StepCompleted { step, .. }
        | Event::StepCancelled { step }
        | Event::StepParked { step, .. }
        | Event::IncidentRaised { step, .. } => step,
        _ => return,
    };
    let (attempts, looks) = match state.steps.get(step) {
        Some(StepState::Waiting { wakes, .. }) => (0, *wakes),
        Some(old) => (attempts(old), 0),
        None => return,
    };
    if attempts > 1 || looks > 0 {
        let past = state.past.entry(step.clone()).or_default();
        (past.attempts, past.looks) = (past.attempts.max(attempts), past.looks.max(looks));
    }
}

/// The attempt that a step's state tells of; 0 where it tells of none.
fn attempts(state: &StepState) -> u32 {
    match state {
        StepState::Running { attempt, .. }
        | StepState::BackingOff { attempt, .. }
        | StepState::InDoubt { attempt, .. }
        | StepState::Incident { attempt, .. } => *attempt,
        StepState::Waiting { .. }
        | StepState::FannedOut { .. }
        | StepState::Completed { .. }
        | StepState::Skipped { .. }
        | StepState::Cancelled { .. } => 0,
    }
}

fn incident(old: Option<StepState>, past: u32, error: &crate::StepError, since: Timestamp) -> StepState {
    let error = error.clone();
    match old {
        Some(StepState::Running { attempt, input, intended, maybe_done, intents, .. }) => {
            let intents = if intended { intents.map(|intents| intents.let_go(since)) } else { intents };
            let maybe_done = maybe_done || error.effect == crate::EffectState::Unknown;
            StepState::Incident { attempt, input: Some(input), error, maybe_done, intents, since }
        }
        Some(StepState::BackingOff { attempt, input, maybe_done, intents, .. }) => {
            StepState::Incident { attempt, input: Some(input), error, maybe_done, intents, since }
        }
        Some(StepState::Waiting { input, .. }) => {
            let attempt = past.max(1);
            StepState::Incident { attempt, input: Some(input), error, maybe_done: false, intents: None, since }
        }
        _ => StepState::Incident { attempt: past, input: None, error, maybe_done: false, intents: None, since },
    }
}

fn ends_by_event(state: &RunState, step: &StepId) -> bool {
    let Some(StepState::Waiting { wait, .. }) = state.steps.get(step) else { return false };
    matches!(wait.kind, WaitKind::Event { on_event: OnEvent::Finish(_), .. })
}

fn wake(state: &mut RunState, step: &StepId, by: Option<EventId>) {
    if let Some(StepState::Waiting { wakes, woken_by, next_poll, .. }) = state.steps.get_mut(step) {
        *wakes = wakes.saturating_add(1);
        *woken_by = by;
        *next_poll = None;
    }
}

/// How one step's state changes by a fact about an attempt or a wait.
fn next(old: StepState, at: Timestamp, event: &Event) -> StepState {
    match (old, event) {
        (mut running @ StepState::Running { .. }, Event::EffectIntended { .. } | Event::StepRecovered { .. }) => {
            leave_or_recover(&mut running, at, event);
            running
        }
        (
            StepState::Running { attempt, input, intended, maybe_done, intents, forgiven, since, deadline, .. },
            Event::AttemptFailed { error, retry_at, .. },
        ) => {
            let intents = if intended { intents.map(|intents| intents.let_go(at)) } else { intents };
            // An attempt that only looked the effect up and failed leaves the earlier doubt as it was.
            let maybe_done = maybe_done || error.effect == crate::EffectState::Unknown;
            let (error, retry_at) = (error.clone(), *retry_at);
            StepState::BackingOff { attempt, input, error, maybe_done, intents, retry_at, forgiven, since, deadline }
        }
        (
            StepState::BackingOff { input, error, maybe_done, intents, forgiven, since, deadline, .. },
            Event::StepRetried { attempt, .. },
        ) => {
            let (attempt, last_error) = (*attempt, Some(error));
            let intended = false;
            StepState::Running { attempt, input, intended, maybe_done, intents, last_error, forgiven, since, deadline }
        }
        (old, Event::StepResumed { attempt, not_done, deadline, .. }) => {
            resumed(old, at, *attempt, *not_done, *deadline)
        }
        (StepState::Running { input, intended, intents, .. }, Event::StepInDoubt { attempt, error, .. }) => {
            let intents = if intended { intents.map(|intents| intents.let_go(at)) } else { intents };
            StepState::InDoubt { attempt: *attempt, input, error: error.clone(), intents, since: at }
        }
        (StepState::BackingOff { input, intents, .. }, Event::StepInDoubt { attempt, error, .. }) => {
            StepState::InDoubt { attempt: *attempt, input, error: error.clone(), intents, since: at }
        }
        (mut waiting @ StepState::Waiting { .. }, event) => {
            look_or_decide(&mut waiting, at, event);
            waiting
        }
        (old, _) => old,
    }
}

fn leave_or_recover(running: &mut StepState, at: Timestamp, event: &Event) {
    let StepState::Running { intended, maybe_done, intents, .. } = running else { return };
    if let Event::EffectIntended { .. } = event {
        *intended = true;
        *intents = Some(Intents { first: intents.map_or(at, |i| i.first), last: at, let_go: at });
    } else {
        (*intended, *maybe_done) = (false, true);
        *intents = intents.map(|intents| intents.let_go(at));
    }
}

/// A step that a person has tried again.
fn resumed(old: StepState, at: Timestamp, attempt: u32, not_done: bool, deadline: Option<Timestamp>) -> StepState {
    let (input, error, maybe_done, intents) = match old {
        StepState::Incident { input: Some(input), error, maybe_done, intents, .. }
        | StepState::BackingOff { input, error, maybe_done, intents, .. } => (input, error, maybe_done, intents),
        StepState::InDoubt { input, error, intents, .. } => (input, error, true, intents),
        old => return old,
    };
    StepState::Running {
        attempt,
        input,
        intended: false,
        maybe_done: maybe_done && !not_done,
        intents: intents.filter(|_| !not_done),
        last_error: Some(error),
        forgiven: attempt.saturating_sub(1),
        since: at,
        deadline,
    }
}

/// What a look or a decision changes of a waiting step.
fn look_or_decide(waiting: &mut StepState, at: Timestamp, event: &Event) {
    let StepState::Waiting { wait, checked, next_poll, error, closing, decisions, asked, .. } = waiting else { return };
    match event {
        Event::StepChecked { check, next_poll: next, error: why, .. } => {
            *checked = (*checked).max(*check);
            *next_poll = *next;
            if why.is_some() {
                *closing = closing.map(|failed| failed.saturating_add(1));
            }
            error.clone_from(why);
        }
        event => {
            if let WaitKind::Approval(approval) = &mut wait.kind {
                crate::approval::follow(approval, decisions, asked, at, event);
            }
        }
    }
}

fn parked(input: Arc<Value>, at: Timestamp, wait: &Wait, looks: u32) -> StepState {
    let (first_look, next_poll) = match &wait.kind {
        // A step that an event alone can end looks once through what came before it was parked.
        WaitKind::Event { look_first: true, .. } | WaitKind::Event { on_event: OnEvent::Finish(_), .. } => (1, None),
        // What is waited for may have come before it was waited for.
        WaitKind::Run { .. } => (1, None),
        WaitKind::Event { poll_ms: Some(ms), .. } => (0, Some(at.plus_ms(*ms))),
        WaitKind::Event { .. } | WaitKind::Timer | WaitKind::Approval(_) => (0, None),
    };
    StepState::Waiting {
        input,
        wait: wait.clone(),
        wakes: looks.saturating_add(first_look),
        checked: looks,
        woken_by: None,
        next_poll,
        error: None,
        closing: None,
        decisions: Vec::new(),
        asked: crate::Asked::new(at, &wait.kind),
        since: at,
    }
}

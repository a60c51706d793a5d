//! The fold: facts into state. It never decides and never fails; replay is `for event in journal { apply }`.
//!
//! A fact that does not fit the state it meets is ignored: `advance` decides only fitting ones, and a store checks the
//! journal's integrity, so what is left is a journal written by a newer version, whose facts must not stop an older reader.

use crate::{
    Cancellation, Event, EventId, Intents, OnEvent, Record, RunState, RunStatus, StepId, StepState, Timestamp, Wait,
    WaitKind,
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
                state.seq = record.seq;
            }
        }
        state.as_ref()?;
    }
    state
}

fn started(record: &Record) -> Option<RunState> {
    let mut state = begin(record.at, &record.event)?;
    state.seq = record.seq;
    Some(state)
}

/// The state that a run's first fact makes; none for any other fact.
pub(crate) fn begin(at: Timestamp, event: &Event) -> Option<RunState> {
    let Event::RunStarted { run, plan, workflow, title, key, inputs, requester, deadline } = event else {
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
        started_at: at,
        deadline: *deadline,
        updated_at: at,
        seq: 0,
        status: RunStatus::Running,
        cancel: None,
        steps: BTreeMap::new(),
        consumed: BTreeSet::new(),
        outputs: Value::Null,
        problem: None,
    })
}

/// Folds one fact, decided at `at`, into the state. Does not touch `seq`, which is the journal's.
pub fn apply(state: &mut RunState, at: Timestamp, event: &Event) {
    state.updated_at = at;
    match event {
        Event::RunStarted { .. } => {}
        Event::CancelRequested { by, reason, timed_out } => {
            state.status = RunStatus::Cancelling;
            state.cancel = Some(Cancellation { by: by.clone(), reason: reason.clone(), timed_out: *timed_out });
        }
        Event::RunEnded { status, outputs, problem } => {
            state.status = *status;
            state.outputs = outputs.clone();
            state.problem = problem.clone();
        }
        Event::StepScheduled { step, input, deadline } => {
            let running = StepState::Running {
                attempt: 1,
                input: Arc::new(input.clone()),
                intended: false,
                maybe_done: false,
                intents: None,
                last_error: None,
                since: at,
                deadline: *deadline,
            };
            state.steps.entry(step.clone()).or_insert(running);
        }
        Event::StepCompleted { step, outcome, outputs, error, .. } => {
            let (outcome, outputs, error) = (outcome.clone(), Arc::new(outputs.clone()), error.clone());
            state.steps.insert(step.clone(), StepState::Completed { outcome, outputs, error, at });
        }
        Event::StepSkipped { step, reason } => {
            state.steps.insert(step.clone(), StepState::Skipped { reason: reason.clone(), at });
        }
        Event::StepCancelled { step } => {
            let maybe_done = state.steps.get(step).is_some_and(StepState::maybe_done);
            state.steps.insert(step.clone(), StepState::Cancelled { maybe_done, at });
        }
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
        Event::EffectIntended { step, .. }
        | Event::AttemptFailed { step, .. }
        | Event::StepRetried { step, .. }
        | Event::StepRecovered { step }
        | Event::StepParked { step, .. }
        | Event::StepChecked { step, .. }
        | Event::DecisionRecorded { step, .. }
        | Event::StepInDoubt { step, .. } => {
            if let Some(old) = state.steps.remove(step) {
                state.steps.insert(step.clone(), next(old, at, event));
            }
        }
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
        (
            StepState::Running { attempt, input, maybe_done, intents, last_error, since, deadline, .. },
            Event::EffectIntended { .. },
        ) => {
            let intents = Some(Intents { first: intents.map_or(at, |i| i.first), last: at });
            StepState::Running { attempt, input, intended: true, maybe_done, intents, last_error, since, deadline }
        }
        (
            StepState::Running { attempt, input, intents, last_error, since, deadline, .. },
            Event::StepRecovered { .. },
        ) => StepState::Running {
            attempt,
            input,
            intended: false,
            maybe_done: true,
            intents,
            last_error,
            since,
            deadline,
        },
        (
            StepState::Running { attempt, input, maybe_done, intents, since, deadline, .. },
            Event::AttemptFailed { error, retry_at, .. },
        ) => {
            // An attempt that only looked the effect up and failed leaves the earlier doubt as it was.
            let maybe_done = maybe_done || error.effect == crate::EffectState::Unknown;
            let (error, retry_at) = (error.clone(), *retry_at);
            StepState::BackingOff { attempt, input, error, maybe_done, intents, retry_at, since, deadline }
        }
        (
            StepState::BackingOff { input, error, maybe_done, intents, since, deadline, .. },
            Event::StepRetried { attempt, .. },
        ) => {
            let (attempt, last_error) = (*attempt, Some(error));
            StepState::Running { attempt, input, intended: false, maybe_done, intents, last_error, since, deadline }
        }
        (StepState::Running { input, .. }, Event::StepParked { wait, .. }) => parked(input, at, wait),
        (
            StepState::Running { input, since, .. } | StepState::BackingOff { input, since, .. },
            Event::StepInDoubt { attempt, error, .. },
        ) => StepState::InDoubt { attempt: *attempt, input, error: error.clone(), since },
        (mut waiting @ StepState::Waiting { .. }, event) => {
            look_or_decide(&mut waiting, event);
            waiting
        }
        (old, _) => old,
    }
}

/// What a look or a decision changes of a waiting step.
fn look_or_decide(waiting: &mut StepState, event: &Event) {
    let StepState::Waiting { checked, next_poll, error, closing, decisions, .. } = waiting else { return };
    match event {
        Event::StepChecked { check, next_poll: next, error: why, .. } => {
            *checked = (*checked).max(*check);
            *next_poll = *next;
            if why.is_some() {
                *closing = closing.map(|failed| failed.saturating_add(1));
            }
            error.clone_from(why);
        }
        Event::DecisionRecorded { decision, .. } => decisions.push(decision.clone()),
        _ => {}
    }
}

fn parked(input: Arc<Value>, at: Timestamp, wait: &Wait) -> StepState {
    let (wakes, next_poll) = match &wait.kind {
        // A step that an event alone can end looks once through what came before it was parked.
        WaitKind::Event { look_first: true, .. } | WaitKind::Event { on_event: OnEvent::Finish(_), .. } => (1, None),
        WaitKind::Event { poll_ms: Some(ms), .. } => (0, Some(at.plus_ms(*ms))),
        WaitKind::Event { .. } | WaitKind::Timer | WaitKind::Approval(_) => (0, None),
    };
    StepState::Waiting {
        input,
        wait: wait.clone(),
        wakes,
        checked: 0,
        woken_by: None,
        next_poll,
        error: None,
        closing: None,
        decisions: Vec::new(),
        since: at,
    }
}

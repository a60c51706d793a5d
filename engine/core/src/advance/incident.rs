//! What a person does about a step that cannot go on by itself: has it tried again, or says how it ended.
//!
//! What people say of an effect is believed, and journaled with their name. What they say of an approval is not: only those
//! who are asked may approve, whether the step asks them itself, for each item of a list, or in a workflow that it starts.

use super::{Rejection, Work, fan, stale};
use crate::{
    Answer, Completion, ErrorClass, Event, OnError, OutcomeKind, OutcomeName, Person, PlanStep, ResolvedBy, StepError,
    StepId, StepState,
};

/// Stops a step that failed: as an incident, unless the file says what its failure means.
pub(super) fn raise_or_fail(work: &mut Work<'_>, step: &StepId, error: StepError, by: ResolvedBy) {
    if !work.is_given_up(step) && waits_for_a_person(work, step) {
        work.emit(Event::IncidentRaised { step: step.clone(), error });
        return;
    }
    work.emit(Event::StepCompleted {
        step: step.clone(),
        outcome: OutcomeName::new("failed"),
        outputs: serde_json::Value::Null,
        error: Some(error),
        resolved_by: by,
    });
}

fn waits_for_a_person(work: &Work<'_>, step: &StepId) -> bool {
    let on_error = work.context.plan.step(step).map(|spec| spec.on_error);
    let of = PlanStep::item_of(step).map_or_else(|| step.clone(), |(of, _)| of);
    on_error == Some(OnError::Incident)
        && !work.context.plan.handles(&of, &OutcomeName::new("failed"))
        && !fan::tolerates_one_more(work, step)
}

/// Refuses a word about an attempt that is past.
pub(super) fn is_current(work: &Work<'_>, step: &StepId, attempt: Option<u32>) -> Result<(), Rejection> {
    match (attempt, work.step(step)?) {
        (
            Some(spoken_of),
            Some(
                StepState::InDoubt { attempt, .. }
                | StepState::Incident { attempt, .. }
                | StepState::BackingOff { attempt, .. },
            ),
        ) if spoken_of != *attempt => Err(Rejection::OtherAttempt { step: step.clone(), spoken_of, last: *attempt }),
        _ => Ok(()),
    }
}

pub(super) fn retry(work: &mut Work<'_>, step: &StepId, by: Person, comment: Option<String>) -> Result<(), Rejection> {
    let attempt = match work.step(step)? {
        Some(StepState::Incident { input: None, .. }) => 0,
        Some(StepState::Incident { attempt, .. } | StepState::BackingOff { attempt, .. }) => attempt.saturating_add(1),
        other => return Err(not_stuck(step, other)),
    };
    resume(work, step, by, attempt, false, comment)
}

pub(super) fn answer(
    work: &mut Work<'_>,
    step: &StepId,
    by: Person,
    answer: Answer,
    comment: Option<String>,
) -> Result<(), Rejection> {
    match (work.step(step)?, answer) {
        (Some(StepState::InDoubt { attempt, .. }), Answer::NotDone) => {
            let attempt = attempt.saturating_add(1);
            resume(work, step, by, attempt, true, comment)
        }
        (Some(StepState::InDoubt { .. } | StepState::Incident { .. }), Answer::Ended(done)) => {
            ended(work, step, by, done, comment)
        }
        (other, _) => Err(not_stuck(step, other)),
    }
}

fn resume(
    work: &mut Work<'_>,
    step: &StepId,
    by: Person,
    attempt: u32,
    not_done: bool,
    comment: Option<String>,
) -> Result<(), Rejection> {
    if work.is_given_up(step) {
        return Err(Rejection::GivenUp);
    }
    let timeout_ms = work.context.plan.step(step).and_then(|spec| spec.timeout_ms);
    let deadline = timeout_ms.map(|ms| work.now().plus_ms(ms));
    work.emit(Event::StepResumed { step: step.clone(), by, attempt, not_done, deadline, comment });
    Ok(())
}

fn ended(
    work: &mut Work<'_>,
    step: &StepId,
    by: Person,
    done: Completion,
    comment: Option<String>,
) -> Result<(), Rejection> {
    let Some(spec) = work.context.plan.step(step) else { return Err(Rejection::UnknownStep(step.clone())) };
    let Some(kind) = spec.outcomes.iter().find(|outcome| outcome.name == done.outcome).map(|outcome| outcome.kind)
    else {
        let known: Vec<&str> = spec.outcomes.iter().map(|outcome| outcome.name.as_str()).collect();
        return Err(Rejection::UnknownOutcome { step: step.clone(), known: known.join(", ") });
    };
    let is_a_yes = matches!(kind, OutcomeKind::Good | OutcomeKind::Neutral) && spec.asks_people();
    if is_a_yes && !fan::all_ended_well(work, step) {
        return Err(Rejection::NotByHand(step.clone()));
    }
    let failed = done.outcome.as_str() == "failed";
    let words = comment.clone().unwrap_or_else(|| "said to have failed".to_string());
    let error = StepError::new(ErrorClass::Unknown, "by_hand", words);
    // How it ended is said by it, and not that nothing came of it.
    let maybe_done = work.state.steps.get(step).is_some_and(StepState::maybe_done);
    let error = if maybe_done { error.maybe_done() } else { error };
    work.emit(Event::StepCompleted {
        step: step.clone(),
        outcome: done.outcome,
        outputs: done.outputs,
        error: failed.then_some(error),
        resolved_by: ResolvedBy::Person { by, comment },
    });
    Ok(())
}

fn not_stuck(step: &StepId, state: Option<&StepState>) -> Rejection {
    match stale(step, state) {
        Rejection::Stale { step, state } => Rejection::NotStuck { step, state },
        other => other,
    }
}

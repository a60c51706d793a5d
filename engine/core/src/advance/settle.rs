//! What follows from every turn: steps whose needs are decided start or are skipped, and a run with nothing left ends.

use super::{Work, attempt, compensate, fan};
use crate::limits::INPUT_BYTES_MAX;
use crate::{
    ErrorClass, EvalError, Event, Need, NeedRef, On, OnError, OutcomeKind, OutcomeName, PlanStep, Problem, ResolvedBy,
    RunStatus, SkipReason, StepError, StepId, StepState, check_size, scope,
};
use serde_json::{Map, Value};

pub(super) fn settle(work: &mut Work<'_>) {
    if work.state.status.is_over() {
        return;
    }
    if work.state.ending.is_some() {
        compensate::go_on(work);
        return;
    }
    // A run that waits for its turn begins nothing; one that is given up meanwhile ends like any other.
    if work.state.queued && work.state.cancel.is_none() {
        return;
    }
    // Steps come in an order in which each is after all it needs, so one pass settles every consequence.
    let plan = work.context.plan;
    for step in plan.ordered() {
        if !work.state.is_pending(&step.id) {
            fan::go_on(work, step);
            continue;
        }
        if work.state.cancel.is_some() {
            work.emit(Event::StepSkipped { step: step.id.clone(), reason: SkipReason::RunCancelled });
            continue;
        }
        match readiness(work, step) {
            Readiness::NotYet => {}
            Readiness::Never(need) => {
                let reason = SkipReason::NeedsUnmet(need);
                work.emit(Event::StepSkipped { step: step.id.clone(), reason });
            }
            Readiness::Ready => begin(work, step),
        }
    }
    if work.state.active().next().is_none() && plan.ordered().all(|s| !work.state.is_pending(&s.id)) {
        let (status, problem) = verdict(work);
        if compensate::is_due(work, status) {
            work.emit(Event::CompensationStarted { status, problem });
            compensate::go_on(work);
        } else {
            end(work, status, problem);
        }
    }
}

pub(super) enum Readiness {
    NotYet,
    Ready,
    Never(String),
}

pub(super) fn readiness(work: &Work<'_>, step: &PlanStep) -> Readiness {
    let mut all_met = true;
    for need in &step.needs {
        let refs = need.refs();
        if refs.iter().any(|r| standing(work, r) == Some(true)) {
            continue;
        }
        if refs.iter().all(|r| standing(work, r) == Some(false)) {
            return Readiness::Never(need.to_string());
        }
        all_met = false;
    }
    if all_met { Readiness::Ready } else { Readiness::NotYet }
}

/// Whether the need is met; none while that is open.
fn standing(work: &Work<'_>, need: &NeedRef) -> Option<bool> {
    match (work.state.steps.get(&need.step)?, &need.on) {
        (StepState::Completed { outcome, .. }, On::Outcome(wanted)) => Some(outcome == wanted),
        (StepState::Completed { .. }, On::Done) => Some(true),
        (StepState::Skipped { .. } | StepState::Cancelled { .. }, _) => Some(false),
        (
            StepState::Running { .. }
            | StepState::BackingOff { .. }
            | StepState::Waiting { .. }
            | StepState::FannedOut { .. }
            | StepState::InDoubt { .. }
            | StepState::Incident { .. },
            _,
        ) => None,
    }
}

/// Begins a step of the file whose needs are met.
fn begin(work: &mut Work<'_>, step: &PlanStep) {
    let scope = scope(work.context.plan, &work.state);
    if let Some(condition) = &step.condition {
        match work.context.evaluator.evaluate(condition, &scope) {
            Ok(Value::Bool(true)) => {}
            Ok(Value::Bool(false)) => {
                work.emit(Event::StepSkipped { step: step.id.clone(), reason: SkipReason::ConditionFalse });
                return;
            }
            Ok(other) => {
                let message = format!("`if` must be true or false, and is {other}");
                attempt::fail(work, &step.id, expression_error(message), ResolvedBy::Execution);
                return;
            }
            Err(error) => {
                attempt::fail(work, &step.id, evaluation_error(&error), ResolvedBy::Execution);
                return;
            }
        }
    }
    match &step.foreach {
        Some(foreach) => fan::begin(work, &step.id, foreach, &scope),
        None => schedule(work, &step.id, step, &scope),
    }
}

/// Has a step done under this id, with inputs that are computed in `scope` and fixed from then on.
pub(super) fn schedule(work: &mut Work<'_>, id: &StepId, step: &PlanStep, scope: &Value) {
    match step.with.value(work.context.evaluator, scope) {
        Ok(input) => {
            if let Err(oversize) = check_size(&input, INPUT_BYTES_MAX) {
                let message = format!("the computed inputs have {oversize}");
                let error = StepError::new(ErrorClass::Invalid, "inputs_too_large", message);
                attempt::fail(work, id, error, ResolvedBy::Execution);
                return;
            }
            let deadline = step.timeout_ms.map(|ms| work.now().plus_ms(ms));
            work.emit(Event::StepScheduled { step: id.clone(), input, deadline });
        }
        Err(error) => attempt::fail(work, id, evaluation_error(&error), ResolvedBy::Execution),
    }
}

pub(super) fn evaluation_error(error: &EvalError) -> StepError {
    expression_error(error.to_string())
}

pub(super) fn expression_error(message: String) -> StepError {
    StepError::new(ErrorClass::Invalid, "expression", message)
}

pub(super) fn end(work: &mut Work<'_>, status: RunStatus, mut problem: Option<Problem>) {
    let scope = scope(work.context.plan, &work.state);
    let mut outputs = Map::new();
    for (name, expr) in &work.context.plan.definition().outputs {
        // An output that refers to a step the run did not take has no value; that is what null says.
        outputs.insert(name.clone(), expr.value(work.context.evaluator, &scope).unwrap_or(Value::Null));
    }
    let mut outputs = Value::Object(outputs);
    if let Err(oversize) = check_size(&outputs, INPUT_BYTES_MAX) {
        let message = format!("the outputs of the run have {oversize}, and are left out");
        problem = problem.or(Some(Problem { step: None, outcome: None, message }));
        outputs = Value::Null;
    }
    work.emit(Event::RunEnded { status, outputs, problem });
}

fn verdict(work: &Work<'_>) -> (RunStatus, Option<Problem>) {
    if let Some(cancel) = &work.state.cancel {
        let status = if cancel.timed_out { RunStatus::Failed } else { RunStatus::Cancelled };
        let mut message = cancel.reason.clone().unwrap_or_else(|| format!("cancelled by {}", cancel.by));
        message.push_str(&compensate::left_behind(work, None));
        return (status, Some(Problem { step: None, outcome: None, message }));
    }
    let mut stopped = None;
    for step in work.context.plan.ordered() {
        let Some(StepState::Completed { outcome, error, .. }) = work.state.steps.get(&step.id) else { continue };
        match kind_of(step, outcome) {
            OutcomeKind::Failure => {
                let handled = step.on_error == OnError::Continue || is_handled(work, step, outcome);
                if !handled {
                    let mut message = error.as_ref().map_or_else(|| "it failed".to_string(), ToString::to_string);
                    message.push_str(&compensate::left_behind(work, Some(&step.id)));
                    return (RunStatus::Failed, Some(problem(step, outcome, message)));
                }
            }
            OutcomeKind::Bad if stopped.is_none() && step.on_error != OnError::Continue => {
                stopped = Some(problem(step, outcome, format!("step `{}` ended as {outcome}", step.id)));
            }
            OutcomeKind::Bad | OutcomeKind::Good | OutcomeKind::Neutral => {}
        }
    }
    match stopped {
        Some(problem) => (RunStatus::Stopped, Some(problem)),
        None => (RunStatus::Succeeded, None),
    }
}

/// Whether a step that needed this very outcome has run. One that needed it and was skipped has handled nothing.
fn is_handled(work: &Work<'_>, failed: &PlanStep, outcome: &OutcomeName) -> bool {
    let names = |need: &NeedRef| {
        need.step == failed.id
            && match &need.on {
                On::Outcome(name) => name == outcome,
                // It runs whatever happened, so that it cannot be what mends a failure.
                On::Done => false,
            }
    };
    work.context.plan.definition().steps.iter().any(|step| {
        let ran = work.state.steps.get(&step.id).is_some_and(|s| s.outcome().is_some());
        ran && step.needs.iter().flat_map(Need::refs).any(names)
    })
}

fn problem(step: &PlanStep, outcome: &OutcomeName, message: String) -> Problem {
    Problem { step: Some(step.id.clone()), outcome: Some(outcome.clone()), message }
}

fn kind_of(step: &PlanStep, outcome: &OutcomeName) -> OutcomeKind {
    step.outcomes.iter().find(|o| o.name == *outcome).map_or(OutcomeKind::Failure, |o| o.kind)
}

/// The wording of a need is part of a skipped step's journal, so it is fixed here by a test.
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_need_reads_like_the_file() {
        let one =
            |step: &str, outcome: &str| NeedRef { step: StepId::new(step), on: On::Outcome(OutcomeName::new(outcome)) };
        assert_eq!(Need::One(one("approve", "approved")).to_string(), "approve.approved");
        let any = Need::Any(vec![one("a", "rejected"), NeedRef { step: StepId::new("b"), on: On::Done }]);
        assert_eq!(any.to_string(), "any of a.rejected, b done");
    }
}

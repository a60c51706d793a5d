//! Undoing what a run's steps did, when it fails or is cancelled: one step after the other, newest first. A step that cannot be
//! undone waits for a person like any other, also in a run that is given up: a contract must not be left behind in silence.

use super::{Work, settle};
use crate::{OutcomeKind, PlanStep, Problem, RunStatus, StepState, Timestamp};

/// Whether a run that would end so has something to undo first.
pub(super) fn is_due(work: &Work<'_>, status: RunStatus) -> bool {
    matches!(status, RunStatus::Failed | RunStatus::Cancelled) && newest(work).is_some()
}

/// Begins with the next step to be undone, once the one before is; ends the run when there is none left.
pub(super) fn go_on(work: &mut Work<'_>) {
    while work.state.active().next().is_none() {
        let Some(ending) = work.state.ending.clone() else { return };
        match newest(work) {
            Some(step) => settle::begin(work, step),
            None => {
                let problem = with_what_is_left(work, ending.problem);
                settle::end(work, ending.status, problem);
                return;
            }
        }
    }
}

/// What undoes the step that ended last of those that are not undone yet. Of two that ended at once, the later in the order of
/// the plan may build on the other.
fn newest<'a>(work: &Work<'a>) -> Option<&'a PlanStep> {
    let plan = work.context.plan;
    let undone = plan.ordered().enumerate().filter_map(|(position, step)| {
        let undoing = step.compensate.as_deref()?;
        let at = ended_well(work, step)?;
        (!work.state.steps.contains_key(&undoing.id)).then_some((at, position, undoing))
    });
    undone.max_by_key(|(at, position, _)| (*at, *position)).map(|(_, _, undoing)| undoing)
}

fn ended_well(work: &Work<'_>, step: &PlanStep) -> Option<Timestamp> {
    let Some(StepState::Completed { outcome, at, .. }) = work.state.steps.get(&step.id) else { return None };
    let kind = step.outcomes.iter().find(|o| o.name == *outcome).map(|o| o.kind);
    (kind != Some(OutcomeKind::Failure)).then_some(*at)
}

fn with_what_is_left(work: &Work<'_>, problem: Option<Problem>) -> Option<Problem> {
    let left: Vec<String> = work
        .context
        .plan
        .undoing()
        .filter(|undoing| {
            let outcome = work.state.steps.get(&undoing.id).and_then(StepState::outcome);
            outcome.is_some_and(|outcome| outcome.as_str() == "failed")
        })
        .filter_map(|undoing| Some(format!("`{}`", PlanStep::undone_by(&undoing.id)?)))
        .collect();
    let mut problem = problem?;
    if !left.is_empty() {
        problem.message.push_str(&format!("; {} could not be undone: look at the provider", left.join(", ")));
    }
    Some(problem)
}

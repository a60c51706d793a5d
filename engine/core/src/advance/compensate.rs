//! Undoing what a run's steps did, when it fails or is cancelled: one step after the other, newest first. A step that cannot be
//! undone waits for a person like any other, also in a run that is given up: a contract must not be left behind in silence.

use super::{Work, fan, settle};
use crate::plan::items_begun;
use crate::scope::with_item;
use crate::{OutcomeKind, PlanStep, Problem, RunStatus, StepId, StepState, Timestamp, scope};

/// Whether a run that would end so has something to undo first.
pub(super) fn is_due(work: &Work<'_>, status: RunStatus) -> bool {
    matches!(status, RunStatus::Failed | RunStatus::Cancelled) && newest(work).is_some()
}

/// Begins with the next step to be undone, once the one before is; ends the run when there is none left.
pub(super) fn go_on(work: &mut Work<'_>) {
    while work.state.active().next().is_none() {
        let Some(ending) = work.state.ending.clone() else { return };
        match newest(work) {
            Some((id, step)) => begin(work, &id, step),
            None => {
                let problem = with_what_is_left(work, ending.problem);
                settle::end(work, ending.status, problem);
                return;
            }
        }
    }
}

fn begin(work: &mut Work<'_>, id: &StepId, undoing: &PlanStep) {
    let plan = work.context.plan;
    let mut scope = scope(plan, &work.state);
    if let Some((of, key)) = PlanStep::undone_by(id).as_ref().and_then(PlanStep::item_of)
        && let Some((index, item)) = fan::item(work, &of, key)
    {
        scope = with_item(scope, plan, &work.state, &of, index, &item);
    }
    settle::schedule(work, id, undoing, &scope);
}

/// What undoes the step that ended last of those that are not undone yet. Of two that ended at once, the later in the order of
/// the plan may build on the other.
fn newest<'a>(work: &Work<'a>) -> Option<(StepId, &'a PlanStep)> {
    let plan = work.context.plan;
    let mut found: Option<((Timestamp, usize), StepId, &PlanStep)> = None;
    let mut consider = |id: StepId, position: usize, step: &'a PlanStep| {
        let Some(undoing) = step.compensate.as_deref() else { return };
        let Some(at) = ended_well(work, &id, step) else { return };
        let undoing_id = PlanStep::undoing(&id);
        let is_newest = found.as_ref().is_none_or(|(newest, _, _)| (at, position) >= *newest);
        if is_newest && !work.state.steps.contains_key(&undoing_id) {
            found = Some(((at, position), undoing_id, undoing));
        }
    };
    for (position, step) in plan.ordered().enumerate() {
        consider(step.id.clone(), position, step);
        if let Some(foreach) = &step.foreach {
            for id in items_begun(&work.state, &step.id) {
                consider(id.clone(), position, &foreach.each);
            }
        }
    }
    found.map(|(_, id, undoing)| (id, undoing))
}

fn ended_well(work: &Work<'_>, id: &StepId, step: &PlanStep) -> Option<Timestamp> {
    let Some(StepState::Completed { outcome, at, .. }) = work.state.steps.get(id) else { return None };
    let kind = step.outcomes.iter().find(|o| o.name == *outcome).map(|o| o.kind);
    (kind != Some(OutcomeKind::Failure)).then_some(*at)
}

fn with_what_is_left(work: &Work<'_>, problem: Option<Problem>) -> Option<Problem> {
    let failed = |state: &StepState| state.outcome().is_some_and(|outcome| outcome.as_str() == "failed");
    let undoing = work.state.steps.iter().filter_map(|(id, state)| Some((PlanStep::undone_by(id)?, state)));
    let left: Vec<String> = undoing.filter(|(_, state)| failed(state)).map(|(id, _)| format!("`{id}`")).collect();
    let mut problem = problem?;
    if !left.is_empty() {
        problem.message.push_str(&format!("; {} could not be undone: look at the provider", left.join(", ")));
    }
    Some(problem)
}

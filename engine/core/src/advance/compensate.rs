//! Undoing what a run's steps did, when it fails or is cancelled: one step after the other, newest first. A step that cannot be
//! undone waits for a person like any other, also in a run that is given up: a contract must not be left behind in silence.

use super::{Work, fan, settle};
use crate::limits::LEFT_NAMED_MAX;
use crate::plan::items_begun;
use crate::scope::with_item;
use crate::{EffectClass, EffectState, OutcomeKind, PlanStep, Problem, RunStatus, StepId, StepState, scope};
use std::collections::BTreeSet;

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

/// What undoes the step that ended last, in the order of the journal, of those that are not undone yet: it may build on the
/// others. Clocks are set back.
fn newest<'a>(work: &Work<'a>) -> Option<(StepId, &'a PlanStep)> {
    let plan = work.context.plan;
    let mut found: Option<(u64, StepId, &PlanStep)> = None;
    let mut consider = |id: &StepId, step: &'a PlanStep| {
        let Some(undoing) = step.compensate.as_deref() else { return };
        let Some(seq) = ended_well(work, id, step) else { return };
        let undoing_id = PlanStep::undoing(id);
        let is_newest = found.as_ref().is_none_or(|(newest, _, _)| seq > *newest);
        if is_newest && !work.state.steps.contains_key(&undoing_id) {
            found = Some((seq, undoing_id, undoing));
        }
    };
    for step in plan.ordered() {
        consider(&step.id, step);
        if let Some(foreach) = &step.foreach {
            for id in items_begun(&work.state, &step.id) {
                consider(id, &foreach.each);
            }
        }
    }
    found.map(|(_, id, undoing)| (id, undoing))
}

/// The number of the record that ended a step, if it ended well.
fn ended_well(work: &Work<'_>, id: &StepId, step: &PlanStep) -> Option<u64> {
    let Some(StepState::Completed { outcome, seq, .. }) = work.state.steps.get(id) else { return None };
    let kind = step.outcomes.iter().find(|o| o.name == *outcome).map(|o| o.kind);
    (kind != Some(OutcomeKind::Failure)).then_some(*seq)
}

/// In words, what stands or may stand in the outside world, of all but `blamed`, when a run ends badly, and what nothing undoes.
pub(super) fn left_behind(work: &Work<'_>, blamed: Option<&StepId>) -> String {
    let (mut doubtful, mut done) = (Vec::new(), Vec::new());
    let known: BTreeSet<&StepId> = work.state.steps.keys().chain(work.state.past.keys()).collect();
    for id in known.into_iter().filter(|id| PlanStep::undone_by(id).is_none()) {
        let Some(spec) = work.context.plan.step(id).filter(|spec| spec.effect != EffectClass::Read) else { continue };
        let past = work.state.past.get(id);
        let now = match work.state.steps.get(id) {
            Some(StepState::Cancelled { maybe_done, .. }) => *maybe_done,
            Some(StepState::Completed { error: Some(error), .. }) => error.effect == EffectState::Unknown,
            _ => false,
        };
        if (now && blamed != Some(id)) || past.is_some_and(|past| past.maybe_done) {
            doubtful.push(format!("`{id}`"));
        }
        if spec.compensate.is_some() && past.is_some_and(|past| past.done) {
            done.push(format!("`{id}`"));
        }
    }
    let mut words = String::new();
    if !doubtful.is_empty() {
        let doubtful = listed(&doubtful);
        words.push_str(&format!("; {doubtful} may have happened all the same: look at the provider"));
    }
    if !done.is_empty() {
        let done = listed(&done);
        words.push_str(&format!("; what {done} did before it was run again is not undone: look at the provider"));
    }
    words
}

fn listed(steps: &[String]) -> String {
    let named = steps.iter().take(LEFT_NAMED_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    match steps.len().saturating_sub(LEFT_NAMED_MAX) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
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

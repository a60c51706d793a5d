//! Steps that a person has run again: one and all that follows from it. What happened stays in the journal; the new effects
//! have keys of their own, and happen only when the person says that they may.

use super::settle::{Readiness, readiness};
use super::{Rejection, Work};
use crate::plan::items_begun;
use crate::{EffectClass, Event, OutcomeKind, Person, PlanStep, RunId, RunStatus, StepId, StepState, WaitKind};
use std::collections::BTreeSet;

/// What a re-run is asked with besides where it begins and why.
pub(super) struct Given {
    /// Whether effects may happen once more.
    pub(super) effects_again: bool,
    /// Runs that steps of this one started and that are not over.
    pub(super) going_on: BTreeSet<RunId>,
}

pub(super) fn rerun(
    work: &mut Work<'_>,
    from: &StepId,
    by: Person,
    given: Given,
    comment: Option<String>,
) -> Result<(), Rejection> {
    if work.context.plan.step(from).is_none() {
        return Err(Rejection::UnknownStep(from.clone()));
    }
    if let Some((of, _)) = PlanStep::item_of(from) {
        return Err(Rejection::OneItem { step: from.clone(), of });
    }
    let mut following = work.context.plan.following(from);
    for step in following.clone() {
        let begun: Vec<StepId> = items_begun(&work.state, &step).cloned().collect();
        let stays = |id: &StepId| ended_well(work, id) && !work.state.steps.contains_key(&PlanStep::undoing(id));
        let unfinished: Vec<StepId> = begun.iter().filter(|id| !stays(id)).cloned().collect();
        // What ended well for an item, and was not undone since, stays as it is when the step itself is run again; after a
        // change before it, all is new.
        let again = if step == *from && !unfinished.is_empty() { unfinished } else { begun };
        following.extend(again);
    }
    following.extend(following.clone().iter().map(PlanStep::undoing));
    let steps: Vec<StepId> = following.iter().filter(|id| work.state.steps.contains_key(*id)).cloned().collect();
    if !steps.contains(from) {
        return Err(Rejection::NotStuck { step: from.clone(), state: "pending" });
    }
    let under_way = named(work, &steps, |id, state| match state {
        StepState::Running { .. } | StepState::BackingOff { .. } => true,
        // Another run would be started beside the one that was started for it.
        StepState::Waiting { wait, .. } if matches!(wait.kind, WaitKind::Run { owned: true, .. }) => true,
        _ => work.state.owned_child(id).is_some_and(|run| given.going_on.contains(run)),
    });
    if !under_way.is_empty() || (!work.state.status.is_over() && work.state.status != RunStatus::Running) {
        return Err(Rejection::UnderWay(under_way.join(", ")));
    }
    let undone: BTreeSet<String> = work
        .state
        .steps
        .keys()
        .filter(|id| !following.contains(*id))
        .filter_map(|id| Some(PlanStep::written(&PlanStep::undone_by(id)?).to_string()))
        .collect();
    if !undone.is_empty() {
        return Err(Rejection::Undone(undone.into_iter().collect::<Vec<_>>().join(", ")));
    }
    let again: Vec<String> = steps
        .iter()
        .filter(|id| PlanStep::undone_by(id).is_none() && has_an_effect(work, id))
        .map(ToString::to_string)
        .collect();
    if !again.is_empty() && !given.effects_again {
        return Err(Rejection::EffectsAgain(again.join(", ")));
    }
    let timeout_ms = work.context.plan.definition().timeout_ms;
    let deadline = timeout_ms.map(|ms| work.now().plus_ms(ms)).or(work.state.deadline);
    work.emit(Event::StepsReset { from: from.clone(), steps, by, deadline, comment });
    // What it needs did not come, or is not there any more: it would only be skipped again.
    let spec = work.context.plan.step(from);
    if let Some(Readiness::Never(need)) = spec.map(|spec| readiness(work, spec)) {
        return Err(Rejection::NeedsUnmet { step: from.clone(), need });
    }
    Ok(())
}

fn ended_well(work: &Work<'_>, id: &StepId) -> bool {
    let outcome = work.state.steps.get(id).and_then(StepState::outcome);
    let spec = outcome.and_then(|name| work.context.plan.step(id)?.outcomes.iter().find(|o| o.name == *name));
    spec.is_some_and(|spec| matches!(spec.kind, OutcomeKind::Good | OutcomeKind::Neutral))
}

fn named(work: &Work<'_>, steps: &[StepId], is: impl Fn(&StepId, &StepState) -> bool) -> Vec<String> {
    let is = |id: &&StepId| work.state.steps.get(*id).is_some_and(|state| is(id, state));
    steps.iter().filter(is).map(ToString::to_string).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Whether something of the step may stand in the outside world that a re-run would do once more.
fn has_an_effect(work: &Work<'_>, step: &StepId) -> bool {
    let acts = work.context.plan.step(step).is_some_and(|spec| spec.effect != EffectClass::Read);
    let failed = |state: &StepState| state.outcome().is_some_and(|outcome| outcome.as_str() == "failed");
    let state = work.state.steps.get(step);
    // A run that was started may have done anything; and what was left behind by an earlier re-run still stands.
    let before = work.state.past.get(step).is_some_and(|past| past.child.is_some() || past.done || past.maybe_done);
    acts && state.is_some_and(|state| match state {
        _ if before => true,
        StepState::Completed { error, .. } => {
            !failed(state) || error.as_ref().is_some_and(|e| e.effect == crate::EffectState::Unknown)
        }
        StepState::Waiting { .. } => true,
        other => other.maybe_done(),
    })
}

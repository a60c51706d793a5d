//! I16: what is done for each item of a list is done once for each key, for as many at a time as the file says, and for none any more
//! after too many have ended badly; the whole ends when its items have; and a re-run leaves alone what ended well.

use super::{Held, Violation, Watched};
use crate::generate::uses;
use engross_core::{Event, Foreach, OutcomeKind, PlanStep, Record, StepId, StepState};
use std::collections::BTreeSet;

/// How the items of a step stand.
struct Stand {
    under_way: usize,
    bad: usize,
    pending: usize,
    allowed: usize,
}

fn stand(watched: &Watched, of: &StepId, foreach: &Foreach) -> Stand {
    let items = watched.state.items.get(of).map_or(&[][..], |items| items.as_slice());
    // A no to one of several approvals is put up with by nobody.
    let allowed = if foreach.each.uses == uses::APPROVAL { 0 } else { foreach.tolerate.of(items.len()) };
    let mut stand = Stand { under_way: 0, bad: 0, pending: 0, allowed };
    for item in items {
        match watched.state.steps.get(&PlanStep::item(of, &item.key)) {
            None => stand.pending += 1,
            Some(state) if !state.is_over() => stand.under_way += 1,
            Some(state) if !is_well(foreach, state) => stand.bad += 1,
            Some(_) => {}
        }
    }
    stand
}

fn is_well(foreach: &Foreach, state: &StepState) -> bool {
    let Some(outcome) = state.outcome() else { return false };
    let kind = foreach.each.outcomes.iter().find(|spec| spec.name == *outcome).map(|spec| spec.kind);
    matches!(kind, Some(OutcomeKind::Good | OutcomeKind::Neutral))
}

pub(super) fn check(watched: &Watched, record: &Record) -> Held {
    let state = &watched.state;
    let bad = |why: String| Err(Violation::new("I16", format!("{}: {why}", state.run)));
    match &record.event {
        Event::StepFannedOut { step, items } => {
            let keys: BTreeSet<&str> = items.iter().map(|item| item.key.as_str()).collect();
            if keys.len() < items.len() {
                return bad(format!("two items of {step} have one key: {items:?}"));
            }
            Ok(())
        }
        Event::StepScheduled { step, .. } => {
            let Some((of, key)) = PlanStep::item_of(step) else { return Ok(()) };
            let Some(foreach) = watched.plan.step(&of).and_then(|spec| spec.foreach.as_deref()) else { return Ok(()) };
            if !state.items.get(&of).is_some_and(|items| items.iter().any(|item| item.key == key)) {
                return bad(format!("{step} begins, and there is no such item"));
            }
            if !matches!(state.steps.get(&of), Some(StepState::FannedOut { .. })) {
                return bad(format!("{step} begins, and {of} is not under way"));
            }
            let stand = stand(watched, &of, foreach);
            if stand.under_way >= foreach.max_parallel as usize {
                return bad(format!("{step} begins, and {} of {of} are under way already", stand.under_way));
            }
            if stand.bad > stand.allowed {
                return bad(format!("{step} begins, and {} of {of} have ended badly", stand.bad));
            }
            Ok(())
        }
        Event::StepCompleted { step, outcome, outputs, .. } => {
            let Some(foreach) = watched.plan.step(step).and_then(|spec| spec.foreach.as_deref()) else { return Ok(()) };
            if !matches!(state.steps.get(step), Some(StepState::FannedOut { .. })) {
                return Ok(());
            }
            let stand = stand(watched, step, foreach);
            let well = stand.bad <= stand.allowed;
            if stand.under_way > 0 || (stand.pending > 0 && well) {
                return bad(format!(
                    "{step} ends, {} of it are under way and {} pending",
                    stand.under_way, stand.pending
                ));
            }
            if well != (outcome.as_str() == "succeeded") {
                return bad(format!("{step} ends as {outcome}, and {} of {} are bad", stand.bad, stand.allowed));
            }
            let total = state.items.get(step).map_or(0, |items| items.len() as u64);
            if outputs.get("total").and_then(serde_json::Value::as_u64) != Some(total) {
                return bad(format!("{step} has {total} items, and says {outputs}"));
            }
            Ok(())
        }
        Event::StepsReset { from, steps, .. } => kept(watched, from, steps),
        _ => Ok(()),
    }
}

/// What ended well for an item, and was not undone since, is not done again when others of it were not.
fn kept(watched: &Watched, from: &StepId, steps: &[StepId]) -> Held {
    let Some(foreach) = watched.plan.step(from).and_then(|spec| spec.foreach.as_deref()) else { return Ok(()) };
    let of_it = |id: &&StepId| PlanStep::item_of(id).is_some_and(|(of, _)| of == *from);
    let begun: Vec<&StepId> = watched.state.steps.keys().filter(of_it).collect();
    let steps_of_run = &watched.state.steps;
    let undone = |id: &StepId| steps_of_run.contains_key(&PlanStep::undoing(id));
    let well = |id: &StepId| steps_of_run.get(id).is_some_and(|state| is_well(foreach, state)) && !undone(id);
    let again = begun.iter().find(|id| well(id) && steps.contains(id));
    match again {
        Some(id) if !begun.iter().all(|id| well(id)) => {
            let run = &watched.state.run;
            Err(Violation::new("I16", format!("{run}: {id} ended well, and is to be done again with {from}")))
        }
        _ => Ok(()),
    }
}

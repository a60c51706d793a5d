//! The rules of the language, said once more and as plainly as they can be: when a step may start, when it never will, and how
//! a run ends. Written from the manual, and not from the core.

use engross_core::{Need, On, OnError, OutcomeKind, Plan, PlanStep, RunStatus};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// How a step stands when everything that can happen has happened.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// It reached this outcome, with these outputs.
    Outcome(String, Value),
    /// It never ran.
    Skipped,
    /// It was given up with the run.
    Cancelled,
    /// It has begun and not ended: it waits, or a person has to act.
    Open,
}

/// The ends of a run's steps, by the step's id. A step that is not there has not begun.
pub type Ends = BTreeMap<String, End>;

/// Whether a step's needs are met; none while that is open.
pub fn needs_met(step: &PlanStep, ends: &Ends) -> Option<bool> {
    let each: Vec<Option<bool>> = step.needs.iter().map(|need| need_met(need, ends)).collect();
    if each.contains(&Some(false)) {
        Some(false)
    } else if each.iter().all(|met| *met == Some(true)) {
        Some(true)
    } else {
        None
    }
}

/// Whether one need is met: by any of what it names, and never once none of it can come.
pub fn need_met(need: &Need, ends: &Ends) -> Option<bool> {
    let each: Vec<Option<bool>> = need
        .refs()
        .iter()
        .map(|one| match (ends.get(one.step.as_str()), &one.on) {
            (None | Some(End::Open), _) => None,
            (Some(End::Skipped | End::Cancelled), _) => Some(false),
            (Some(End::Outcome(..)), On::Done) => Some(true),
            (Some(End::Outcome(outcome, _)), On::Outcome(wanted)) => Some(outcome == wanted.as_str()),
        })
        .collect();
    if each.contains(&Some(true)) {
        Some(true)
    } else if each.iter().all(|met| *met == Some(false)) {
        Some(false)
    } else {
        None
    }
}

/// How a run ends that was not cancelled; none while a step is open or has not begun.
///
/// A failure that nobody needs and that the file does not forgive fails the run, even if a bad end came first.
pub fn verdict(plan: &Plan, ends: &Ends) -> Option<RunStatus> {
    let steps = &plan.definition().steps;
    if steps.iter().any(|step| matches!(ends.get(step.id.as_str()), None | Some(End::Open))) {
        return None;
    }
    let mut status = RunStatus::Succeeded;
    for step in steps {
        let Some(End::Outcome(outcome, _)) = ends.get(step.id.as_str()) else { continue };
        let kind = step.outcomes.iter().find(|o| o.name.as_str() == outcome).map(|o| o.kind);
        let forgiven = step.on_error == OnError::Continue;
        match kind {
            Some(OutcomeKind::Failure) if !forgiven && !somebody_took_it(plan, step, outcome, ends) => {
                return Some(RunStatus::Failed);
            }
            Some(OutcomeKind::Bad) if !forgiven => status = RunStatus::Stopped,
            _ => {}
        }
    }
    Some(status)
}

/// Whether a step that ran names this end of that step among its needs.
fn somebody_took_it(plan: &Plan, of: &PlanStep, outcome: &str, ends: &Ends) -> bool {
    plan.definition().steps.iter().any(|step| {
        matches!(ends.get(step.id.as_str()), Some(End::Outcome(..)))
            && step.needs.iter().flat_map(|need| need.refs()).any(|one| {
                one.step == of.id
                    && match &one.on {
                        // A step that runs whatever happens mends nothing.
                        On::Done => false,
                        On::Outcome(wanted) => wanted.as_str() == outcome,
                    }
            })
    })
}

/// What templates see of the steps and the inputs.
pub fn scope(plan: &Plan, ends: &Ends, inputs: &Value) -> Value {
    let mut steps = Map::new();
    for step in &plan.definition().steps {
        let Some(End::Outcome(outcome, outputs)) = ends.get(step.id.as_str()) else { continue };
        let leaves = step.outcomes.iter().any(|o| o.name.as_str() == outcome && o.outputs);
        let seen =
            if leaves { json!({ "outcome": outcome, "outputs": outputs }) } else { json!({ "outcome": outcome }) };
        steps.insert(step.id.to_string(), seen);
    }
    json!({ "inputs": inputs, "steps": steps })
}

//! The names that templates see: `inputs`, `steps`, `run` and, for what is done for each item of a list, `item` and `index`.

use crate::{Item, Plan, PlanStep, RunState, StepId, StepState};
use serde_json::{Map, Value, json};

/// The scope of a run as it stands. Secrets and the environment are not in it, at all.
pub fn scope(plan: &Plan, state: &RunState) -> Value {
    let mut steps = Map::new();
    // What undoes a step, and what is done for one item, is no step that another could refer to.
    for (id, step) in state.steps.iter().filter(|(id, _)| PlanStep::written(id) == **id) {
        if let Some(entry) = ended(plan, id, step) {
            steps.insert(id.as_str().to_string(), entry);
        }
    }
    json!({
        "inputs": &*state.inputs,
        "steps": steps,
        "run": {
            "id": state.run.as_str(),
            "key": state.key,
            "started_at": state.started_at.to_string(),
            "requester": state.requester.as_str(),
        },
    })
}

/// The same for what is done for one item. Whatever undoes that refers to what this item came to, not to the whole.
pub(crate) fn with_item(
    mut scope: Value,
    plan: &Plan,
    state: &RunState,
    step: &StepId,
    index: usize,
    item: &Item,
) -> Value {
    let Some(names) = scope.as_object_mut() else { return scope };
    names.insert("item".into(), item.value.clone());
    names.insert("index".into(), Value::from(index));
    let id = PlanStep::item(step, &item.key);
    if let Some(own) = state.steps.get(&id).and_then(|done| ended(plan, &id, done))
        && let Some(steps) = names.get_mut("steps").and_then(Value::as_object_mut)
    {
        steps.insert(step.as_str().to_string(), own);
    }
    scope
}

fn ended(plan: &Plan, id: &StepId, step: &StepState) -> Option<Value> {
    let StepState::Completed { outcome, outputs, .. } = step else { return None };
    let has_outputs =
        plan.step(id).and_then(|s| s.outcomes.iter().find(|o| o.name == *outcome)).is_some_and(|spec| spec.outputs);
    let mut entry = Map::new();
    entry.insert("outcome".into(), Value::from(outcome.as_str()));
    if has_outputs {
        entry.insert("outputs".into(), Value::clone(outputs));
    }
    Some(Value::Object(entry))
}

//! The names that templates see: `inputs`, `steps` and `run`.

use crate::{Plan, PlanStep, RunState, StepState};
use serde_json::{Map, Value, json};

/// The scope of a run as it stands. Secrets and the environment are not in it, at all.
pub fn scope(plan: &Plan, state: &RunState) -> Value {
    let mut steps = Map::new();
    // What undoes a step is no step that another could refer to.
    for (id, step) in state.steps.iter().filter(|(id, _)| PlanStep::undone_by(id).is_none()) {
        if let StepState::Completed { outcome, outputs, .. } = step {
            let has_outputs = plan
                .step(id)
                .and_then(|s| s.outcomes.iter().find(|o| o.name == *outcome))
                .is_some_and(|spec| spec.outputs);
            let mut entry = Map::new();
            entry.insert("outcome".into(), Value::from(outcome.as_str()));
            if has_outputs {
                entry.insert("outputs".into(), Value::clone(outputs));
            }
            steps.insert(id.as_str().to_string(), Value::Object(entry));
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

//! Which files a run's outputs name, wherever in them that is.

use engross_core::{RunState, StepId, StepState};
use serde_json::Value;
use std::collections::BTreeMap;

/// The digests of all files that outputs of a run name, each with a step that names it.
pub(super) fn named(state: &RunState) -> BTreeMap<String, StepId> {
    let mut found = BTreeMap::new();
    for (step, step_state) in &state.steps {
        if let StepState::Completed { outputs, .. } = step_state {
            look(outputs, step, &mut found);
        }
    }
    found
}

fn look(value: &Value, step: &StepId, found: &mut BTreeMap<String, StepId>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| look(item, step, found)),
        Value::Object(fields) => {
            // What a step's `FileRef` is written as.
            let is_file = fields.get("size").is_some_and(Value::is_u64) && fields.contains_key("media_type");
            if let (true, Some(Value::String(sha256))) = (is_file, fields.get("sha256")) {
                found.entry(sha256.clone()).or_insert_with(|| step.clone());
            }
            fields.values().for_each(|field| look(field, step, found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

//! What must not be shown of a run: outputs that their operation's schema marks. `x-sensitive` values (an address that lets in
//! whoever knows it) are masked wherever they appear, also in the inputs of later steps; `x-personal` values only where the
//! operation left them. Steps still get the real values: only what people and programs are shown is changed.

use crate::view::{ApprovalView, RunView};
use engross_core::{Plan, Record, RunState, StepError, StepId, StepState};
use engross_step_api::Registry;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What stands in the place of a value.
const MASK: &str = "***";

/// The shortest text that is looked for elsewhere, in bytes: shorter ones would blacken ordinary words.
const TEXT_BYTES_MIN: usize = 6;

/// How deep schemas are followed.
const DEPTH_MAX: usize = 32;

const SENSITIVE: &str = "x-sensitive";
const PERSONAL: &str = "x-personal";

/// What is masked in the views of one run.
#[derive(Default)]
pub(crate) struct Mask {
    /// Texts that are masked wherever they appear, the longest first.
    sensitive: Vec<String>,
    /// Texts that are masked in outputs only.
    personal: Vec<String>,
    /// The schemas of outputs with marks.
    schemas: BTreeMap<StepId, Value>,
}

/// The schema of what came of all items of a list, as far as marks stand in it.
fn of_all(of_one: &Value) -> Value {
    let result = json!({ "type": "object", "properties": { "outputs": of_one } });
    json!({ "type": "object", "properties": { "results": { "type": "array", "items": result } } })
}

impl Mask {
    /// What a run's completed steps have left that must not be shown.
    pub(crate) fn of(plan: &Plan, state: &RunState, registry: &Registry) -> Self {
        let mut mask = Self::default();
        for (id, spec) in plan.in_state(state) {
            let Some(step) = registry.step(&spec.uses) else { continue };
            let of_one = &step.spec().output;
            let schema = &if spec.foreach.is_some() { of_all(of_one) } else { of_one.clone() };
            let Some(StepState::Completed { outputs, .. }) = state.steps.get(&id) else { continue };
            if !has_marks(schema, 0) {
                continue;
            }
            collect(schema, outputs, SENSITIVE, false, 0, &mut mask.sensitive);
            collect(schema, outputs, PERSONAL, false, 0, &mut mask.personal);
            mask.schemas.insert(id, schema.clone());
        }
        for texts in [&mut mask.sensitive, &mut mask.personal] {
            texts.retain(|text| text.len() >= TEXT_BYTES_MIN);
            texts.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
            texts.dedup();
        }
        mask
    }

    fn is_empty(&self) -> bool {
        self.schemas.is_empty()
    }

    /// A run as it may be shown.
    pub(crate) fn run(&self, mut view: RunView) -> RunView {
        if self.is_empty() {
            return view;
        }
        for step in &mut view.steps {
            if let (Some(outputs), Some(schema)) = (&mut step.outputs, self.schemas.get(&step.id)) {
                redact(schema, outputs, 0);
            }
            for value in [&mut step.input, &mut step.outputs].into_iter().flatten() {
                self.value(value, false);
            }
            step.error.iter_mut().for_each(|error| self.error(error));
            step.note.iter_mut().for_each(|note| self.text(note));
        }
        for value in [&mut view.inputs, &mut view.outputs] {
            self.value(value, false);
        }
        for text in [&mut view.title, &mut view.doing] {
            self.text(text);
        }
        view.problem.iter_mut().for_each(|problem| self.text(&mut problem.message));
        view
    }

    /// An approval as it may be shown.
    pub(crate) fn approval(&self, mut view: ApprovalView) -> ApprovalView {
        for text in [&mut view.title, &mut view.run_title].into_iter().chain(&mut view.body) {
            self.text(text);
        }
        view
    }

    /// Records as they may be shown.
    pub(crate) fn records(&self, records: Vec<Record>) -> Vec<Record> {
        if self.is_empty() {
            return records;
        }
        let masked = |record: Record| {
            let mut value = serde_json::to_value(&record).ok()?;
            self.value(&mut value, false);
            // A record is made of texts wherever one can be masked, so that it stays a record.
            serde_json::from_value(value).ok()
        };
        records.into_iter().filter_map(masked).collect()
    }

    fn error(&self, error: &mut StepError) {
        self.text(&mut error.message);
        error.hint.iter_mut().for_each(|hint| self.text(hint));
    }

    fn text(&self, text: &mut String) {
        replace(text, &self.sensitive);
    }

    fn value(&self, value: &mut Value, in_outputs: bool) {
        match value {
            Value::String(text) => {
                self.text(text);
                if in_outputs {
                    replace(text, &self.personal);
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item, in_outputs)),
            Value::Object(map) => {
                map.iter_mut().for_each(|(key, value)| self.value(value, in_outputs || key == "outputs"));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

fn replace(text: &mut String, needles: &[String]) {
    for needle in needles {
        if text.contains(needle.as_str()) {
            *text = text.replace(needle.as_str(), MASK);
        }
    }
}

fn is_marked(schema: &Value, mark: &str) -> bool {
    schema.get(mark) == Some(&Value::Bool(true))
}

fn parts(schema: &Value) -> impl Iterator<Item = &Value> {
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flat_map(|map| map.values());
    properties.chain(schema.get("items")).chain(schema.get("additionalProperties"))
}

fn has_marks(schema: &Value, depth: usize) -> bool {
    is_marked(schema, SENSITIVE)
        || is_marked(schema, PERSONAL)
        || depth < DEPTH_MAX && parts(schema).any(|part| has_marks(part, depth + 1))
}

/// The schema of a property, as far as it is said.
fn property<'s>(schema: &'s Value, name: &str) -> Option<&'s Value> {
    let named = schema.get("properties").and_then(|properties| properties.get(name));
    named.or_else(|| schema.get("additionalProperties"))
}

/// The texts of a value that a mark is on.
fn collect(schema: &Value, value: &Value, mark: &str, marked: bool, depth: usize, texts: &mut Vec<String>) {
    let marked = marked || is_marked(schema, mark);
    if depth >= DEPTH_MAX {
        return;
    }
    match value {
        Value::String(text) if marked => texts.push(text.clone()),
        Value::Array(items) => {
            let schema = schema.get("items").unwrap_or(&Value::Null);
            items.iter().for_each(|item| collect(schema, item, mark, marked, depth + 1, texts));
        }
        Value::Object(map) => {
            for (name, value) in map {
                let schema = property(schema, name).unwrap_or(&Value::Null);
                collect(schema, value, mark, marked, depth + 1, texts);
            }
        }
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Masks what is marked, whatever it is.
fn redact(schema: &Value, value: &mut Value, depth: usize) {
    if is_marked(schema, SENSITIVE) || is_marked(schema, PERSONAL) {
        if !value.is_null() {
            *value = Value::from(MASK);
        }
        return;
    }
    if depth >= DEPTH_MAX {
        return;
    }
    match value {
        Value::Array(items) => {
            let Some(schema) = schema.get("items") else { return };
            items.iter_mut().for_each(|item| redact(schema, item, depth + 1));
        }
        Value::Object(map) => {
            for (name, value) in map {
                if let Some(schema) = property(schema, name) {
                    redact(schema, value, depth + 1);
                }
            }
        }
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn marked_values_are_found_at_any_depth_and_masked_where_they_are_used() {
        let schema = json!({"properties": {
            "url": {"type": "string", "x-sensitive": true},
            "session": {"properties": {"token": {"x-sensitive": true}, "email": {"x-personal": true}}},
            "signers": {"items": {"properties": {"phone": {"x-personal": true}}}},
        }});
        let outputs = json!({
            "url": "https://sign.example/abcdef", "session": {"token": "abcdef", "email": "rita@example.com", "id": "1"},
            "signers": [{"phone": "+33123456", "name": "Rita"}],
        });
        assert!(has_marks(&schema, 0));
        let mut mask = Mask::default();
        collect(&schema, &outputs, SENSITIVE, false, 0, &mut mask.sensitive);
        collect(&schema, &outputs, PERSONAL, false, 0, &mut mask.personal);
        mask.sensitive.sort_by_key(|text| std::cmp::Reverse(text.len()));
        assert_eq!(mask.sensitive, ["https://sign.example/abcdef", "abcdef"]);
        let mut shown = outputs.clone();
        redact(&schema, &mut shown, 0);
        let expected = json!({"url": "***", "session": {"token": "***", "email": "***", "id": "1"},
            "signers": [{"phone": "***", "name": "Rita"}]});
        assert_eq!(shown, expected);
        let mut record = json!({"input": {"text": "sign at https://sign.example/abcdef, rita@example.com"},
            "outputs": {"to": "rita@example.com"}});
        mask.value(&mut record, false);
        let expected = json!({"input": {"text": "sign at ***, rita@example.com"}, "outputs": {"to": "***"}});
        assert_eq!(record, expected);
        assert!(!has_marks(&json!({"properties": {"url": {"type": "string"}}}), 0));
    }
}

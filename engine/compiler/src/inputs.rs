//! What a run is started with, against the plan's schema.

use crate::typing::{Mistake, MistakeKind, mistakes, validator};
use engross_core::Plan;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::fmt;

/// One thing that is wrong with the inputs of a run. Values are never in it: they may be secrets or pages long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputProblem {
    /// JSON pointer to the field, also when it is missing; empty for the inputs as a whole.
    pub pointer: String,
    /// What is wrong, naming the field: "`counterparty.email` must be an e-mail address".
    pub message: String,
}

impl fmt::Display for InputProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// The inputs with defaults filled in, at every depth where an object is given.
///
/// # Errors
/// Everything that does not fit the plan's schema, in the order of the pointers.
pub fn validate_inputs(plan: &Plan, inputs: Value) -> Result<Value, Vec<InputProblem>> {
    let schema = &plan.definition().inputs;
    let mut inputs = if inputs.is_null() { Value::Object(Map::new()) } else { inputs };
    fill(schema, &mut inputs);
    let validator = match validator(schema) {
        Ok(validator) => validator,
        Err(error) => {
            let message = format!("the plan's own schema of its inputs cannot be read: {}", error.masked());
            return Err(vec![InputProblem { pointer: String::new(), message }]);
        }
    };
    let found = mistakes(&validator, schema, &inputs, &BTreeSet::new());
    if found.is_empty() { Ok(inputs) } else { Err(found.iter().map(problem).collect()) }
}

/// Puts defaults where a property is not given. Recursion follows the schema, which the loader of its file bounds.
fn fill(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(object) => {
            for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
                if let (false, Some(default)) = (object.contains_key(name), property.get("default")) {
                    object.insert(name.clone(), default.clone());
                }
                if let Some(value) = object.get_mut(name) {
                    fill(property, value);
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                items.iter_mut().for_each(|item| fill(schema, item));
            }
        }
        _ => {}
    }
}

fn problem(mistake: &Mistake) -> InputProblem {
    let (pointer, mut message) = match &mistake.kind {
        MistakeKind::Missing(key) => {
            let pointer = child(&mistake.pointer, key);
            let message = format!("{} is missing", shown(&pointer));
            (pointer, message)
        }
        MistakeKind::Unknown(key) => {
            let pointer = child(&mistake.pointer, key);
            let message = format!("there is no {}", shown(&pointer));
            (pointer, message)
        }
        MistakeKind::Type | MistakeKind::Value => {
            (mistake.pointer.clone(), format!("{} {}", shown(&mistake.pointer), mistake.message))
        }
    };
    if let Some(hint) = &mistake.hint {
        message = format!("{message} ({hint})");
    }
    InputProblem { pointer, message }
}

fn child(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// A pointer as people write it: `counterparty.email`.
fn shown(pointer: &str) -> String {
    if pointer.is_empty() {
        return "what the run is started with".to_owned();
    }
    let tokens: Vec<String> =
        pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~")).collect();
    engross_source::diagnostic::quoted(&tokens.join("."))
}

//! What templates mean in simulated plans: `{{ a.b }}` is looked up, `{{ a.b == text }}` compares. Nothing else.

use engross_core::{EvalError, Evaluate, Template};
use serde_json::Value;

/// The evaluator of simulated plans.
#[derive(Clone, Copy, Debug)]
pub struct Lookup;

/// A whole template of this expression, and the paths it refers to.
pub fn template(expression: &str) -> Template {
    let path = expression.split("==").next().unwrap_or("").trim();
    Template { source: format!("{{{{ {expression} }}}}"), whole: true, references: vec![path.to_string()] }
}

impl Evaluate for Lookup {
    fn evaluate(&self, template: &Template, scope: &Value) -> Result<Value, EvalError> {
        let expression = template.source.trim_matches(['{', '}', ' ']);
        let (path, wanted) = match expression.split_once("==") {
            Some((path, wanted)) => (path.trim(), Some(wanted.trim())),
            None => (expression, None),
        };
        let found = path.split('.').try_fold(scope, |value, part| value.get(part));
        let Some(found) = found else {
            let message = "there is no such value".to_string();
            return Err(EvalError { template: template.source.clone(), message });
        };
        match wanted {
            None => Ok(found.clone()),
            Some(wanted) => {
                let text = found.as_str().map_or_else(|| found.to_string(), str::to_string);
                Ok(Value::Bool(text == wanted))
            }
        }
    }
}

//! Values that are computed when a step starts: literals, templates, and trees of both.
//!
//! The core knows templates as text with their references; what `{{ … }}` means is behind [`Evaluate`], which the compiler
//! implements with Tera. An implementation must be pure: the same template and scope give the same value for ever.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// A value of `with` or `outputs`: known, or to be computed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expr {
    /// A value without any template in it.
    Literal(Value),
    /// A string with at least one `{{ … }}`.
    Template(Template),
    /// A list with a template somewhere in it.
    List(Vec<Expr>),
    /// A map with a template somewhere in it.
    Map(BTreeMap<String, Expr>),
}

/// A string with at least one `{{ … }}` in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Template {
    /// The text as the author wrote it.
    pub source: String,
    /// Whether the whole string is one `{{ … }}`, so that the value keeps its type.
    pub whole: bool,
    /// The dotted paths it refers to, in the order they appear: `inputs.name`, `steps.create.outputs.contract_id`.
    pub references: Vec<String>,
}

/// A template could not be evaluated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot evaluate `{template}`: {message}")]
pub struct EvalError {
    /// The template's text.
    pub template: String,
    /// What went wrong, in one line.
    pub message: String,
}

/// What a template means. Implementations are pure and bounded in time and memory.
pub trait Evaluate: Send + Sync {
    /// The value of `template` in `scope`: the typed value for a whole template, a string otherwise.
    ///
    /// # Errors
    /// A reference without a value, a filter that refuses its argument, or a bound that is exceeded.
    fn evaluate(&self, template: &Template, scope: &Value) -> Result<Value, EvalError>;
}

impl Expr {
    /// The value in `scope`. The tree is as deep as the file that it came from, which the loader bounds.
    ///
    /// # Errors
    /// The first template that cannot be evaluated.
    pub fn value(&self, evaluator: &dyn Evaluate, scope: &Value) -> Result<Value, EvalError> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Template(template) => evaluator.evaluate(template, scope),
            Self::List(items) => items.iter().map(|item| item.value(evaluator, scope)).collect(),
            Self::Map(entries) => {
                entries.iter().map(|(key, item)| Ok((key.clone(), item.value(evaluator, scope)?))).collect()
            }
        }
    }

    /// Every template in the tree, in order.
    pub fn templates(&self) -> Vec<&Template> {
        let mut found = Vec::new();
        let mut open = vec![self];
        while let Some(next) = open.pop() {
            match next {
                Self::Literal(_) => {}
                Self::Template(template) => found.push(template),
                Self::List(items) => open.extend(items.iter().rev()),
                Self::Map(entries) => open.extend(entries.values().rev()),
            }
        }
        found
    }
}

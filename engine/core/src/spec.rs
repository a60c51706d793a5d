//! What a kind of step promises: its schemas, its outcomes, its effect. Pure data, made by plugins, read by the compiler.

use crate::OutcomeName;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The promise of one operation, checked before a run starts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StepSpec {
    /// As a workflow names it: `approval`, `juro/create_contract`.
    pub uses: String,
    /// One line for lists and documentation.
    pub title: String,
    /// JSON Schema (2020-12) of `with`; an object schema.
    pub input: Value,
    /// JSON Schema of the outputs of those outcomes that have outputs; an object schema.
    pub output: Value,
    /// All outcomes, the good one first. Exactly one is reached.
    pub outcomes: Vec<OutcomeSpec>,
    /// What a second execution would do to the outside world.
    pub effect: EffectClass,
    /// Whether the step acts or waits.
    pub kind: StepKind,
    /// The provider whose connection the step needs, if any.
    pub provider: Option<String>,
}

impl StepSpec {
    /// The outcome that `needs: [step]` means.
    pub fn good(&self) -> Option<&OutcomeSpec> {
        self.outcomes.iter().find(|o| o.kind == OutcomeKind::Good)
    }
}

/// One outcome a step may end with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeSpec {
    /// As `needs` names it.
    pub name: OutcomeName,
    /// What it means for the run.
    pub kind: OutcomeKind,
    /// Whether the step has outputs when it ends so.
    pub outputs: bool,
}

impl OutcomeSpec {
    /// An outcome of this name and kind; good and neutral ones have outputs unless said otherwise.
    pub fn new(name: &str, kind: OutcomeKind) -> Self {
        Self { name: OutcomeName::new(name), kind, outputs: kind == OutcomeKind::Good }
    }
}

/// What an outcome means for the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeKind {
    /// What the author hopes for; `needs: [step]` means this one.
    Good,
    /// A regular end that stops the business: rejected, expired. The run ends as `stopped`, not as `succeeded`.
    Bad,
    /// Neither: a wait that ran out where waiting was all it was for.
    Neutral,
    /// The step could not do its work. Unless somebody handles it, the run fails.
    Failure,
}

/// What a second execution of a step would do to the outside world; it decides what happens after a crash or a lost answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectClass {
    /// Nothing: it only reads. Repeated freely; no intent is journaled.
    Read,
    /// The same as one execution. Repeated under the same key.
    Idempotent,
    /// A second effect, but whether the first happened can be looked up. Looked up first, then repeated or taken over.
    Reconcilable,
    /// A second effect, and nobody can tell whether the first happened. Never repeated: the run stops as `in_doubt`.
    Unsafe,
}

/// Whether a step acts or waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// It does something and is done.
    Action,
    /// It parks the run until the world answers: approvals, awaits, sleeps.
    Wait,
}

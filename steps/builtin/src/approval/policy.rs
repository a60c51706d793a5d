//! Stages that a decision table says. The table is the plan's own: a run keeps the rules that it started with. What it refuses
//! is a no, and what it cannot decide is nobody's yes.

use super::{StageInput, Stages};
use crate::common::invalid;
use engross_policy::{PolicyError, PolicyTable};
use engross_step_api::{Completion, ErrorClass, StepContext, StepError};
use serde::Deserialize;
use serde_json::{Value, json};

/// Which table is asked, and with what.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AskPolicy {
    policy: String,
    given: Value,
}

/// Asks the table.
pub(super) fn decide(context: &StepContext, ask: &AskPolicy) -> Result<Stages, StepError> {
    let missing = |why: &str| {
        let message = format!("the plan does not hold the policy `{}`{why}", ask.policy);
        StepError::new(ErrorClass::Internal, "no_policy", message)
    };
    let held = context.policy.as_deref().ok_or_else(|| missing(""))?;
    let table =
        PolicyTable::deserialize(held).map_err(|error| missing(&format!(" in a form that can be read: {error}")))?;
    match table.decide(&ask.given) {
        Ok(decided) => {
            let stage =
                |stage: &engross_policy::PolicyStage| StageInput { from: stage.from.clone(), quorum: stage.quorum };
            let why = decided.because.map_or_else(String::new, |because| format!(": {because}"));
            let because = Some(format!("policy `{}`, {}{why}", table.name, decided.rule));
            Ok(Stages::Asked { stages: decided.stages.iter().map(stage).collect(), because })
        }
        Err(PolicyError::Refused { rule, because, .. }) => {
            Ok(Stages::Refused(format!("policy `{}`, {rule}: {because}", table.name)))
        }
        Err(error @ (PolicyError::Given { .. } | PolicyError::NoRule { .. })) => {
            Err(invalid("policy", error.to_string()).hint("`engross who-approves` asks the policy with given values"))
        }
    }
}

/// A no that nobody had to be asked for.
pub(super) fn refused(subject_sha256: Option<String>, because: &str) -> Completion {
    let outputs = json!({
        "decision": "rejected",
        "decided_by": [],
        "decided_at": null,
        "comment": because,
        "subject_sha256": subject_sha256,
        "form": {},
    });
    Completion::new("rejected", outputs)
}

//! `http`: one HTTP request. What may be asked and what an answer means is in `egress`, `outgoing` and `failure`; here the
//! parts are put together. `input` reads what the file says, `reply` makes outputs, `preview` shows without sending.

mod input;
mod preview;
mod reply;

pub(crate) use input::key;

use crate::common::acted;
use crate::egress::Egress;
use crate::outgoing;
use async_trait::async_trait;
use engross_step_api::{
    Completion, Connection, EffectClass, Preview, Step, StepConfig, StepContext, StepError, StepKind, StepResult,
    StepSpec,
};
use serde_json::Value;
use std::sync::Arc;

/// The step.
pub(crate) struct Http {
    spec: StepSpec,
    egress: Arc<Egress>,
}

impl Http {
    pub(crate) fn new(egress: Arc<Egress>) -> Self {
        Self {
            spec: StepSpec {
                uses: "http".to_string(),
                title: "Send an HTTP request".to_string(),
                input: input::schema(),
                output: reply::schema(),
                outcomes: acted(),
                effect: EffectClass::Unsafe,
                kind: StepKind::Action,
                provider: None,
            },
            egress,
        }
    }
}

#[async_trait]
impl Step for Http {
    fn spec(&self) -> &StepSpec {
        &self.spec
    }

    /// A method that is known only when the step runs is taken for the worst one. Only a literal `idempotent: true` counts:
    /// it is the author's word that the receiver honours the key, and no value of a run can give that word.
    fn configure(&self, with: &StepConfig) -> EffectClass {
        let templated = |pointer: &str| with.templates.iter().any(|t| t.is_empty() || t == pointer);
        let method = with.with.get("method").and_then(Value::as_str).filter(|_| !templated("/method"));
        let idempotent = with.with.get("idempotent") == Some(&Value::Bool(true));
        match method {
            Some("GET" | "HEAD") => EffectClass::Read,
            Some("PUT" | "DELETE") => EffectClass::Idempotent,
            Some(_) if idempotent => EffectClass::Idempotent,
            Some(_) | None => EffectClass::Unsafe,
        }
    }

    async fn execute(&self, context: &StepContext, input: &Value) -> Result<StepResult, StepError> {
        let input::Request { outgoing, expected } = input::read(&self.egress, context, input)?;
        let name = outgoing.target.url().path_segments().and_then(|mut parts| parts.next_back()).map(str::to_string);
        let (response, attempt) = outgoing::send(&self.egress, outgoing, |status| expected.accepts(status)).await?;
        let outputs = reply::outputs(context, response, &attempt, name).await?;
        Ok(StepResult::Done(Completion::new("succeeded", outputs)))
    }

    fn preview(&self, _connection: Option<&Connection>, input: &Value) -> Option<Preview> {
        Some(preview::of(input))
    }
}

#[cfg(test)]
mod tests;

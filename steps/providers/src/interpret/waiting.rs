//! An await as a step: park, and at every wake ask the provider how the object is.

use super::reply::{garbage, outputs, status_of};
use super::session::Session;
use super::{Core, preview};
use crate::limits::{POLL_MS_MAX, POLL_MS_MIN};
use crate::manifest::Await;
use crate::template::{Scope, text_of};
use async_trait::async_trait;
use engross_step_api::{
    Completion, Connection, EffectClass, ErrorClass, OnEvent, OutcomeKind, OutcomeSpec, Preview, Step, StepContext,
    StepError, StepKind, StepResult, StepSpec, Subscription, Wait, WaitKind, parse_span,
};
use serde_json::{Map, Value};
use std::sync::Arc;

/// One await of a manifest as a step.
pub(super) struct Waiting {
    core: Arc<Core>,
    wait: Arc<Await>,
    spec: StepSpec,
}

impl Waiting {
    pub(super) fn new(core: Arc<Core>, wait: Arc<Await>) -> Self {
        let provider = core.manifest.name.clone();
        let own = wait.outcomes.iter().map(|outcome| OutcomeSpec::new(&outcome.name, outcome.kind));
        let mut outcomes: Vec<OutcomeSpec> = own.collect();
        outcomes.push(OutcomeSpec::new("timed_out", OutcomeKind::Bad));
        outcomes.push(OutcomeSpec::new("failed", OutcomeKind::Failure));
        let spec = StepSpec {
            uses: format!("{provider}/{}", wait.name),
            title: wait.title.clone(),
            input: wait.input.clone(),
            output: wait.output.clone(),
            outcomes,
            effect: EffectClass::Read,
            kind: StepKind::Wait,
            provider: Some(provider),
        };
        Self { core, wait, spec }
    }

    fn park(&self, context: &StepContext, input: &Value) -> Result<Wait, StepError> {
        let invalid =
            |problem: String| StepError::new(ErrorClass::Invalid, "input", format!("`{}`: {problem}", self.spec.uses));
        let names = Map::from_iter([("input".to_string(), input.clone())]);
        let subject = self.wait.subject.eval(&Scope::new(&names, false)).map_err(invalid)?;
        let subject = subject.as_ref().map(text_of).filter(|subject| !subject.is_empty());
        let subject = subject.ok_or_else(|| invalid("what to wait for is empty".to_string()))?;
        let poll_ms = match input.get("poll").and_then(Value::as_str) {
            Some(text) => parse_span(text).map_err(|problem| invalid(format!("`poll`: {problem}")))?,
            None => self.wait.poll_ms,
        };
        if !(POLL_MS_MIN..=POLL_MS_MAX).contains(&poll_ms) {
            return Err(invalid("`poll` is at least 1s and at most a year".to_string()));
        }
        let Some(connection) = context.connection.as_deref() else {
            let message = format!("`{}` needs a connection and was given none", self.spec.uses);
            return Err(StepError::new(ErrorClass::Internal, "no_connection", message));
        };
        Ok(Wait {
            kind: WaitKind::Event {
                subscriptions: vec![Subscription::to_object(&connection.name, &subject)],
                on_event: OnEvent::Check,
                poll_ms: Some(poll_ms),
                look_first: true,
            },
            deadline: None,
        })
    }

    async fn look(&self, session: &Session<'_>, input: &Value) -> Result<Option<Completion>, StepError> {
        let operation = session.operation(&self.wait.look.operation)?;
        let names = Map::from_iter([("input".to_string(), input.clone())]);
        let globals = session.scope();
        let scope = globals.with(&names);
        let reply = session.made(&self.wait.look, &scope).await?;
        let status = status_of(&self.core, &reply.document);
        let status = status.ok_or_else(|| garbage(&self.core, operation, "the answer has no status"))?;
        let Some(outcome) = self.wait.outcomes.iter().find(|outcome| outcome.statuses.contains(&status)) else {
            return Ok(None);
        };
        if outcome.kind == OutcomeKind::Bad {
            return Ok(Some(Completion::new(&outcome.name, Value::Null)));
        }
        let spec = (self.wait.outputs.as_slice(), &self.wait.output);
        let outputs = outputs(&self.core, operation, spec, &reply, &scope)?;
        Ok(Some(Completion::new(&outcome.name, session.scrubber.value(outputs))))
    }
}

#[async_trait]
impl Step for Waiting {
    fn spec(&self) -> &StepSpec {
        &self.spec
    }

    async fn execute(&self, context: &StepContext, input: &Value) -> Result<StepResult, StepError> {
        self.park(context, input).map(StepResult::Parked)
    }

    async fn check(
        &self,
        context: &StepContext,
        input: &Value,
        _wake: engross_step_api::Wake,
    ) -> Result<Option<Completion>, StepError> {
        let session = Session::new(&self.core, context)?;
        self.look(&session, input).await.map_err(|error| session.scrubber.error(error))
    }

    fn preview(&self, connection: Option<&Connection>, input: &Value) -> Option<Preview> {
        let call = &self.wait.look;
        let operation = self.core.manifest.operations.get(&call.operation)?;
        let names = Map::from_iter([("input".to_string(), input.clone())]);
        let input = call.input.eval_object(&Scope::new(&names, true)).ok()?;
        Some(preview::preview(&self.core.manifest, operation, connection, &input))
    }
}

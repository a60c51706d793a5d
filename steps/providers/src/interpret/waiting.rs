//! An await as a step: park, and at every wake ask the provider how the object is.

use super::reply::{garbage, outputs, status_of};
use super::session::Session;
use super::{Core, preview};
use crate::limits::{POLL_MS_MAX, POLL_MS_MIN};
use crate::manifest::{Await, AwaitOutcome, AwaitWhen};
use crate::template::{Scope, text_of};
use async_trait::async_trait;
use engross_step_api::{
    Completion, Connection, EffectClass, ErrorClass, OnEvent, OutcomeKind, OutcomeSpec, Preview, SpanError, Step,
    StepContext, StepError, StepKind, StepResult, StepSpec, Subscription, Wait, WaitKind, Wake, parse_span,
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
        let own = wait.outcomes.iter().map(|outcome| OutcomeSpec {
            outputs: outcome.kind != OutcomeKind::Bad,
            ..OutcomeSpec::new(&outcome.name, outcome.kind)
        });
        let mut outcomes: Vec<OutcomeSpec> = own.collect();
        outcomes.sort_by_key(|outcome| outcome.kind != OutcomeKind::Good);
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
        let poll_ms = self.poll_ms(input).map_err(|problem| invalid(format!("`poll`: {problem}")))?;
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

    /// How often it looks by itself, in milliseconds.
    fn poll_ms(&self, input: &Value) -> Result<u64, SpanError> {
        input.get("poll").and_then(Value::as_str).map_or(Ok(self.wait.poll_ms), parse_span)
    }

    async fn look(&self, session: &Session<'_>, input: &Value) -> Result<Option<Completion>, StepError> {
        let operation = session.operation(&self.wait.look.operation)?;
        let names = Map::from_iter([("input".to_string(), input.clone())]);
        let globals = session.scope();
        let scope = globals.with(&names);
        let reply = session.made(&self.wait.look, &scope).await?;
        let status = status_of(&self.core, &reply.document);
        let asks_status = self.wait.outcomes.iter().any(|outcome| matches!(outcome.when, AwaitWhen::Status(_)));
        if asks_status && status.is_none() {
            return Err(garbage(&self.core, operation, "the answer has no status"));
        }
        let mut names = Map::from_iter([("reply".to_string(), reply.document.clone())]);
        names.extend(status.clone().map(|status| ("status".to_string(), Value::String(status))));
        let scope = scope.with(&names);
        let reads = self.reads(session, &scope).await?;
        let names = Map::from_iter([("reads".to_string(), Value::Object(reads))]);
        let scope = scope.with(&names);
        let holds = |outcome: &&AwaitOutcome| match &outcome.when {
            AwaitWhen::Status(statuses) => status.as_ref().is_some_and(|status| statuses.contains(status)),
            AwaitWhen::If(condition) => condition.holds(&scope) == Some(true),
        };
        let Some(outcome) = self.wait.outcomes.iter().find(holds) else { return Ok(None) };
        if outcome.kind == OutcomeKind::Bad {
            return Ok(Some(Completion::new(&outcome.name, Value::Null)));
        }
        let spec = (self.wait.outputs.as_slice(), &self.wait.output);
        let outputs = outputs(&self.core, operation, spec, &reply, &scope)?;
        Ok(Some(Completion::new(&outcome.name, session.scrubber.value(outputs))))
    }
}

impl Waiting {
    /// What is read after the look, as far as its inputs are there.
    async fn reads(&self, session: &Session<'_>, scope: &Scope<'_>) -> Result<Map<String, Value>, StepError> {
        let mut reads = Map::new();
        for (name, call) in &self.wait.reads {
            let names = Map::from_iter([("reads".to_string(), Value::Object(reads.clone()))]);
            let read = session.made_if_possible(call, &scope.with(&names)).await?;
            reads.extend(read.map(|read| (name.clone(), read.document)));
        }
        Ok(reads)
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

    async fn check(&self, context: &StepContext, input: &Value, wake: Wake) -> Result<Option<Completion>, StepError> {
        let session = Session::new(&self.core, context)?.polling();
        if wake == Wake::Poll {
            let every_ms = self.poll_ms(input).unwrap_or(self.wait.poll_ms);
            session.may_poll(context.key.as_str(), every_ms)?;
        }
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

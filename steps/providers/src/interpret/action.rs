//! An operation as a step: look up, send, read the answer.

use super::reply::{self, Reply};
use super::session::Session;
use super::{Core, lookup, preview, reconcile};
use crate::manifest::Operation;
use crate::template::Scope;
use async_trait::async_trait;
use engross_step_api::{
    Completion, Connection, OutcomeKind, OutcomeSpec, Preview, Reconciled, Step, StepContext, StepError, StepKind,
    StepResult, StepSpec,
};
use serde_json::{Map, Value};
use std::sync::Arc;

/// One operation of a manifest as a step.
pub(super) struct Action {
    core: Arc<Core>,
    operation: Arc<Operation>,
    spec: StepSpec,
}

impl Action {
    pub(super) fn new(core: Arc<Core>, operation: Arc<Operation>) -> Self {
        let provider = core.manifest.name.clone();
        let spec = StepSpec {
            uses: format!("{provider}/{}", operation.name),
            title: operation.title.clone(),
            input: operation.input.clone(),
            output: operation.output.clone(),
            outcomes: vec![
                OutcomeSpec::new("succeeded", OutcomeKind::Good),
                OutcomeSpec::new("failed", OutcomeKind::Failure),
            ],
            effect: operation.effect,
            kind: StepKind::Action,
            provider: Some(provider),
        };
        Self { core, operation, spec }
    }
}

/// The end of an operation with this reply.
pub(super) fn completion(
    session: &Session<'_>,
    operation: &Operation,
    reply: &Reply,
    scope: &Scope<'_>,
) -> Result<Completion, StepError> {
    let spec = (operation.outputs.as_slice(), &operation.output);
    let outputs = reply::outputs(session.core, operation, spec, reply, scope)?;
    Ok(Completion::new("succeeded", session.scrubber.value(outputs)))
}

async fn run(session: &Session<'_>, operation: &Operation, input: &Value) -> Result<Completion, StepError> {
    let names = Map::from_iter([("input".to_string(), input.clone())]);
    let globals = session.scope();
    let scope = globals.with(&names);
    let found = lookup::resolve(session, operation, &scope).await?;
    let names = Map::from_iter([("lookups".to_string(), Value::Object(found))]);
    let scope = scope.with(&names);
    let reply = session.call(operation, &scope, false).await?;
    completion(session, operation, &reply, &scope)
}

#[async_trait]
impl Step for Action {
    fn spec(&self) -> &StepSpec {
        &self.spec
    }

    async fn execute(&self, context: &StepContext, input: &Value) -> Result<StepResult, StepError> {
        let session = Session::new(&self.core, context)?;
        let done = run(&session, &self.operation, input).await;
        done.map(StepResult::Done).map_err(|error| session.scrubber.error(error))
    }

    async fn reconcile(&self, context: &StepContext, input: &Value) -> Result<Reconciled, StepError> {
        let session = Session::new(&self.core, context).map_err(StepError::maybe_done)?;
        let found = reconcile::reconcile(&session, &self.operation, input).await;
        found.map_err(|error| session.scrubber.error(error))
    }

    fn preview(&self, connection: Option<&Connection>, input: &Value) -> Option<Preview> {
        Some(preview::preview(&self.core.manifest, &self.operation, connection, input))
    }
}

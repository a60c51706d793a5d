//! An operation as a step: look up, send, read the answer.

use super::paging::Reach;
use super::reply::{self, Reply};
use super::session::{Session, bad_input};
use super::{Core, lookup, preview, reconcile, require, sync};
use crate::manifest::{Operation, Token, Warning};
use crate::template::{Scope, text_of};
use async_trait::async_trait;
use engross_step_api::{
    Advice, Completion, Connection, EffectState, ErrorClass, OutcomeKind, OutcomeSpec, Preview, Reconciled, Step,
    StepConfig, StepContext, StepError, StepKind, StepResult, StepSpec,
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

/// Carries an operation out: look up, check what must be so, send, read the answer.
pub(super) async fn run(session: &Session<'_>, operation: &Operation, input: &Value) -> Result<Completion, StepError> {
    let names = Map::from_iter([("input".to_string(), input.clone())]);
    let globals = session.scope();
    let scope = globals.with(&names);
    session.needs(operation)?;
    for warning in operation.warnings.iter().filter(|warning| warning.when.holds(&scope) == Some(true)) {
        let (run, step, connection) = (session.run, session.step, session.connection);
        tracing::warn!(run, step, connection, operation = %operation.name, "{}", warning.text);
    }
    let reads = require::check(session, operation, &scope).await?;
    let found = lookup::resolve(session, operation, &scope, reads).await?;
    let mut names = Map::from_iter([("lookups".to_string(), Value::Object(found))]);
    let token = match &operation.token {
        Some(spec) => Some((spec, current(session, operation, spec, &scope).await?)),
        None => None,
    };
    names.extend(token.as_ref().map(|(_, token)| ("token".to_string(), Value::from(token.as_str()))));
    let scope = scope.with(&names);
    let reach = if operation.sync.is_some() { Reach::All } else { Reach::Wanted };
    let reply = match (session.call(operation, &scope, reach).await, token) {
        (Err(error), Some((spec, sent))) => return Err(judged(session, operation, spec, &sent, &scope, error).await),
        (reply, _) => reply?,
    };
    let Some(spec) = &operation.sync else { return completion(session, operation, &reply, &scope) };
    let synced = sync::synced(session, operation, spec, &reply, input, &scope).await?;
    let names = Map::from_iter([("synced".to_string(), Value::Object(synced))]);
    completion(session, operation, &reply, &scope.with(&names))
}

/// The token that a change is sent with: the workflow's, or else the current one.
async fn current(
    session: &Session<'_>,
    operation: &Operation,
    spec: &Token,
    scope: &Scope<'_>,
) -> Result<String, StepError> {
    if let Some(given) = &spec.given {
        let given = given.eval(scope).map_err(|problem| bad_input(operation, &problem))?;
        if let Some(given) = given.as_ref().map(text_of).filter(|given| !given.is_empty()) {
            return Ok(given);
        }
    }
    let read = session.made(&spec.read, scope).await?;
    spec.from.text(&read.document).ok_or_else(|| {
        let message = format!("`{}`: what it would change has no current state to name", operation.name);
        StepError::new(ErrorClass::State, "no_token", message)
    })
}

/// A refusal of a change, seen again in the light of the current state: if that is another one than was sent, somebody
/// else was first. An error whose effect is in doubt stays what it is.
async fn judged(
    session: &Session<'_>,
    operation: &Operation,
    spec: &Token,
    sent: &str,
    scope: &Scope<'_>,
    error: StepError,
) -> StepError {
    let status = error.code.strip_prefix("http_").and_then(|status| status.parse::<u16>().ok());
    let may_be_stale = status.is_some_and(|status| spec.stale_when.iter().any(|range| range.holds(status)));
    if error.effect != EffectState::NotDone || !may_be_stale {
        return error;
    }
    let now = session.made(&spec.read, scope).await.ok().and_then(|read| spec.from.text(&read.document));
    match now {
        Some(now) if !now.eq_ignore_ascii_case(sent) => {
            let message = format!("`{}`: somebody else was first: the current state is `{now}`", operation.name);
            let mut stale = StepError::new(ErrorClass::Conflict, "stale", message);
            stale.hint.clone_from(&spec.hint);
            stale
        }
        Some(_) | None => error,
    }
}

#[async_trait]
impl Step for Action {
    fn spec(&self) -> &StepSpec {
        &self.spec
    }

    fn advice(&self, with: &StepConfig) -> Vec<Advice> {
        let told = |warning: &Warning| {
            let (holds, about) = warning.when.holds_for(&with.with, &with.templates)?;
            let token = |name: &String| format!("/{}", name.replace('~', "~0").replace('/', "~1"));
            holds.then(|| Advice { at: about.iter().map(token).collect(), text: warning.text.clone() })
        };
        self.operation.warnings.iter().filter_map(told).collect()
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

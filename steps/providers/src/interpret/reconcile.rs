//! Finding out whether an effect happened.
//!
//! Every error here leaves the effect in doubt: whoever could not look knows as little as before.

use super::reply::{Reply, status_of};
use super::session::Session;
use super::{action, question, search};
use crate::manifest::{Call, Operation, Reconcile, Verdict};
use crate::template::Scope;
use engross_step_api::{ErrorClass, Reconciled, StepError};
use serde_json::{Map, Value};

/// Looks for the effect of an earlier attempt.
pub(super) async fn reconcile(
    session: &Session<'_>,
    operation: &Operation,
    input: &Value,
) -> Result<Reconciled, StepError> {
    let names = Map::from_iter([("input".to_string(), input.clone())]);
    let globals = session.scope();
    let scope = globals.with(&names);
    let found = match &operation.reconcile {
        Some(Reconcile::Search(spec)) => search::search(session, operation, &scope, spec).await,
        Some(Reconcile::Look { call, verdicts, hint }) => {
            look(session, operation, &scope, call, verdicts, hint.as_deref()).await
        }
        None => Err(ambiguous(operation, "this operation cannot be looked up", None)),
    };
    let reply = found.map_err(StepError::maybe_done)?;
    match reply {
        None => Ok(Reconciled::NotDone),
        Some(reply) => {
            let done = action::completion(session, operation, &reply, &scope).map_err(StepError::maybe_done)?;
            Ok(Reconciled::Done(done))
        }
    }
}

async fn look(
    session: &Session<'_>,
    operation: &Operation,
    scope: &Scope<'_>,
    call: &Call,
    verdicts: &[Verdict],
    hint: Option<&str>,
) -> Result<Option<Reply>, StepError> {
    let reply = session.made(call, scope).await?;
    let status = status_of(session.core, &reply.document);
    for verdict in verdicts {
        let answer = question::all(&verdict.when, &reply.document, status.as_deref(), scope);
        if answer.map_err(|problem| ambiguous(operation, &problem, None))? == Some(true) {
            return Ok(verdict.done.then_some(reply));
        }
    }
    let status = status.unwrap_or_else(|| "not told".to_string());
    let problem = format!("the status is `{status}`, from which nobody can tell whether an earlier attempt worked");
    Err(ambiguous(operation, &problem, hint))
}

/// The error that leaves an effect to a person.
pub(super) fn ambiguous(operation: &Operation, problem: &str, hint: Option<&str>) -> StepError {
    let message = format!("`{}` may have happened: {problem}", operation.name);
    StepError::new(ErrorClass::Ambiguous, "ambiguous", message)
        .hint(hint.unwrap_or("look at the provider whether it happened, then decide"))
}

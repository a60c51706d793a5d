//! Finding out whether an effect happened.
//!
//! Every error here leaves the effect in doubt: whoever could not look knows as little as before.

use super::reply::{Reply, status_of};
use super::session::Session;
use super::{action, question};
use crate::limits::NAMED_MAX;
use crate::manifest::{Call, Operation, Reconcile, Test, Verdict};
use crate::pointer::Pointer;
use crate::template::{Scope, text_of};
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
        Some(Reconcile::Search { call, items, matching, then, hint }) => {
            search(session, operation, &scope, Search { call, items, matching, then, hint: hint.as_deref() }).await
        }
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

/// The parts of a search.
struct Search<'a> {
    call: &'a Call,
    items: &'a Pointer,
    matching: &'a [Test],
    then: &'a Call,
    hint: Option<&'a str>,
}

async fn search(
    session: &Session<'_>,
    operation: &Operation,
    scope: &Scope<'_>,
    search: Search<'_>,
) -> Result<Option<Reply>, StepError> {
    let list = session.made(search.call, scope).await?.document;
    let items = search.items.first(&list).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let (mut found, mut unclear) = (Vec::new(), 0_usize);
    for item in items {
        let answer = question::all(search.matching, item, None, scope);
        match answer.map_err(|problem| ambiguous(operation, &problem, None))? {
            Some(true) => found.push(item),
            Some(false) => {}
            None => unclear += 1,
        }
    }
    match found.as_slice() {
        [] if unclear == 0 => Ok(None),
        [item] if unclear == 0 => {
            let names = Map::from_iter([("item".to_string(), (*item).clone())]);
            session.made(search.then, &scope.with(&names)).await.map(Some)
        }
        [] => {
            let problem = format!("{unclear} of what is there may be what an earlier attempt made, and do not say");
            Err(ambiguous(operation, &problem, search.hint))
        }
        several => {
            let paging = session.operation(&search.call.operation)?.paging.as_ref();
            let id = |item: &&Value| paging.and_then(|paging| paging.id.first(item)).map(text_of);
            let ids: Vec<String> = several.iter().filter_map(id).take(NAMED_MAX).collect();
            let count = several.len() + unclear;
            let problem = format!("{count} may be what an earlier attempt made, among them {}", ids.join(", "));
            Err(ambiguous(operation, &problem, search.hint))
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

fn ambiguous(operation: &Operation, problem: &str, hint: Option<&str>) -> StepError {
    let message = format!("`{}` may have happened: {problem}", operation.name);
    StepError::new(ErrorClass::Ambiguous, "ambiguous", message)
        .hint(hint.unwrap_or("look at the provider whether it happened, then decide"))
}

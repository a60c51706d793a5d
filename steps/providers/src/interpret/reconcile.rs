//! Finding out whether an effect happened.
//!
//! Every error here leaves the effect in doubt: whoever could not look knows as little as before.

use super::reply::{Reply, status_of};
use super::session::Session;
use super::{action, question};
use crate::limits::{EACH_MAX, NAMED_MAX};
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
        Some(Reconcile::Search { call, items, among, each, matching, then, certain, hint }) => {
            let (each, then, certain, hint) = (each.as_ref(), then.as_ref(), *certain, hint.as_deref());
            let spec = Search { call, items, among, each, matching, then, certain, hint };
            search(session, operation, &scope, spec).await
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
    among: &'a [Test],
    each: Option<&'a Call>,
    matching: &'a [Test],
    then: Option<&'a Call>,
    certain: bool,
    hint: Option<&'a str>,
}

/// An item of a list, and what was read of it.
struct Candidate<'v> {
    item: &'v Value,
    reply: Option<Reply>,
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
    for candidate in candidates(session, operation, scope, &search, items).await? {
        let document = candidate.reply.as_ref().map_or(candidate.item, |reply| &reply.document);
        let status = candidate.reply.as_ref().and_then(|reply| status_of(session.core, &reply.document));
        let answer = question::all(search.matching, document, status.as_deref(), scope);
        match answer.map_err(|problem| ambiguous(operation, &problem, None))? {
            Some(true) => found.push(candidate),
            Some(false) => {}
            None => unclear += 1,
        }
    }
    match found.as_mut_slice() {
        [] if unclear == 0 => Ok(None),
        [Candidate { item, reply }] if unclear == 0 && search.certain => match search.then {
            Some(then) => {
                let names = Map::from_iter([("item".to_string(), (*item).clone())]);
                session.made(then, &scope.with(&names)).await.map(Some)
            }
            None => Ok(reply.take()),
        },
        [] => {
            let problem = format!("{unclear} of what is there may be what an earlier attempt made, and do not say");
            Err(ambiguous(operation, &problem, search.hint))
        }
        several => {
            let paging = session.operation(&search.call.operation)?.paging.as_ref();
            let id = |candidate: &Candidate<'_>| {
                let id = paging.and_then(|paging| paging.id.first(candidate.item));
                id.or_else(|| ["id", "uuid"].into_iter().find_map(|name| candidate.item.get(name))).map(text_of)
            };
            let ids: Vec<String> = several.iter().filter_map(id).take(NAMED_MAX).collect();
            let count = several.len() + unclear;
            let among = if ids.is_empty() { String::new() } else { format!(", among them {}", ids.join(", ")) };
            let problem = format!("{count} may be what an earlier attempt made{among}");
            Err(ambiguous(operation, &problem, search.hint))
        }
    }
}

/// The items that are asked the questions, each read by itself where the list does not say enough.
async fn candidates<'v>(
    session: &Session<'_>,
    operation: &Operation,
    scope: &Scope<'_>,
    search: &Search<'_>,
    items: &'v [Value],
) -> Result<Vec<Candidate<'v>>, StepError> {
    let mut candidates = Vec::new();
    for item in items {
        let among = question::all(search.among, item, None, scope);
        if among.map_err(|problem| ambiguous(operation, &problem, None))? != Some(false) {
            candidates.push(Candidate { item, reply: None });
        }
    }
    let Some(each) = search.each else { return Ok(candidates) };
    if candidates.len() > EACH_MAX {
        let problem =
            format!("{} may be what an earlier attempt made, more than are read one by one", candidates.len());
        return Err(ambiguous(operation, &problem, search.hint));
    }
    for candidate in &mut candidates {
        let names = Map::from_iter([("item".to_string(), candidate.item.clone())]);
        candidate.reply = Some(session.made(each, &scope.with(&names)).await?);
    }
    Ok(candidates)
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

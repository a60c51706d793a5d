//! Going through a list for what an operation would have made.
//!
//! Nothing but certainty lets an effect be repeated: what fits in everything but its time or its spelling leaves the doubt, and so
//! does a list that is not there. Whether one thing fits is decided in `fit`; what follows from it, here.

use super::fit::{self, Fit, Skew};
use super::reconcile::ambiguous;
use super::reply::{Reply, status_of};
use super::session::Session;
use crate::limits::{EACH_MAX, NAMED_MAX};
use crate::manifest::{Call, Operation, Search, Test};
use crate::template::{Scope, text_of};
use engross_step_api::{StepError, Timestamp};
use serde_json::{Map, Value};

/// An item of a list, and what was read of it.
struct Candidate<'v> {
    item: &'v Value,
    reply: Option<Reply>,
}

/// What a search has come upon.
#[derive(Default)]
struct Found<'v> {
    fitting: Vec<Candidate<'v>>,
    /// Of which it cannot be told.
    unclear: Vec<String>,
    /// Which fit but for their spelling, or as the manifest says.
    nearly: Vec<String>,
    /// Which fit but for their time: when they were made by the provider's clock, and since when something was looked for by ours.
    early: Vec<(String, i64, i64)>,
}

/// Looks for what the operation would have made: its reply where it is there, nothing where it certainly is not.
pub(super) async fn search(
    session: &Session<'_>,
    operation: &Operation,
    scope: &Scope<'_>,
    search: &Search,
) -> Result<Option<Reply>, StepError> {
    let list = list(session, scope, &search.call).await?;
    let Some(items) = search.items.first(&list).and_then(Value::as_array) else {
        let problem = format!("the answer of `{}` has no list to look through", search.call.operation);
        return Err(ambiguous(operation, &problem, search.hint.as_deref()));
    };
    let skew = session.skew();
    let paging = session.operation(&search.call.operation)?.paging.as_ref();
    let name = |item: &Value| {
        let id = paging.and_then(|paging| paging.id.first(item));
        id.or_else(|| ["id", "uuid"].into_iter().find_map(|name| item.get(name))).map(text_of).unwrap_or_default()
    };
    let mut found = Found::default();
    for candidate in candidates(session, operation, scope, search, items).await? {
        let document = candidate.reply.as_ref().map_or(candidate.item, |reply| &reply.document);
        let status = candidate.reply.as_ref().and_then(|reply| status_of(session.core, &reply.document));
        let asked = |tests: &[Test]| fit::fit(tests, document, status.as_deref(), scope, skew, session.run);
        let told = asked(&search.matching).map_err(|problem| ambiguous(operation, &problem, None))?;
        let id = name(candidate.item);
        match told {
            Fit::Yes => found.fitting.push(candidate),
            Fit::Unclear => found.unclear.push(id),
            Fit::Nearly => found.nearly.push(id),
            Fit::Early { made, limit } => found.early.push((id, made, limit)),
            Fit::No if search.unclear.is_empty() => {}
            Fit::No => {
                let unclear = asked(&search.unclear).map_err(|problem| ambiguous(operation, &problem, None))?;
                if !matches!(unclear, Fit::No) {
                    found.nearly.push(id);
                }
            }
        }
    }
    match found.fitting.as_mut_slice() {
        [] if found.unclear.is_empty() && found.nearly.is_empty() && found.early.is_empty() => Ok(None),
        [Candidate { item, reply }] if found.unclear.is_empty() && search.certain => match &search.then {
            Some(then) => {
                let names = Map::from_iter([("item".to_string(), (*item).clone())]);
                session.made(then, &scope.with(&names)).await.map(Some)
            }
            None => Ok(reply.take()),
        },
        fitting => {
            let ids = fitting.iter().map(|candidate| name(candidate.item)).collect();
            Err(doubt(operation, search, ids, found, skew))
        }
    }
}

/// The list to go through. It may be asked for from some time on, which is a time of our clock: when the answer tells that the
/// provider's is behind, the list is asked for once more, from that time by the provider's clock.
async fn list(session: &Session<'_>, scope: &Scope<'_>, call: &Call) -> Result<Value, StepError> {
    let list = session.made_for_certain(call, scope).await?.document;
    let Some(ahead_ms) = session.skew().ahead_ms() else { return Ok(list) };
    let names = session.times_before(ahead_ms);
    let theirs = scope.with(&names);
    if call.input.eval_object(scope) == call.input.eval_object(&theirs) {
        return Ok(list);
    }
    Ok(session.made_for_certain(call, &theirs).await?.document)
}

/// The items that are asked the questions, each read by itself where the list does not say enough.
async fn candidates<'v>(
    session: &Session<'_>,
    operation: &Operation,
    scope: &Scope<'_>,
    search: &Search,
    items: &'v [Value],
) -> Result<Vec<Candidate<'v>>, StepError> {
    let candidate = |item| Candidate { item, reply: None };
    let Some(each) = &search.each else { return Ok(items.iter().map(candidate).collect()) };
    let mut candidates = Vec::new();
    for item in items {
        // What is read by itself is known by what it says, so that its time counts only where there are too many.
        let among = items.len() <= EACH_MAX
            || !matches!(
                fit::fit(&search.among, item, None, scope, session.skew(), session.run)
                    .map_err(|problem| ambiguous(operation, &problem, None))?,
                Fit::No
            );
        candidates.extend(among.then(|| candidate(item)));
    }
    if candidates.len() > EACH_MAX {
        let problem =
            format!("{} may be what an earlier attempt made, more than are read one by one", candidates.len());
        return Err(ambiguous(operation, &problem, search.hint.as_deref()));
    }
    for candidate in &mut candidates {
        let names = Map::from_iter([("item".to_string(), candidate.item.clone())]);
        candidate.reply = Some(session.made(each, &scope.with(&names)).await?);
    }
    Ok(candidates)
}

/// The error that leaves what was found to a person, with all that it takes to decide.
fn doubt(operation: &Operation, search: &Search, fitting: Vec<String>, found: Found<'_>, skew: Skew) -> StepError {
    let Found { unclear, nearly, early, .. } = found;
    if fitting.is_empty() && unclear.is_empty() && nearly.is_empty() {
        return too_early(operation, search, &early, skew);
    }
    if fitting.is_empty() && nearly.is_empty() && early.is_empty() {
        let count = unclear.len();
        let problem = format!("{count} of what is there may be what an earlier attempt made, and do not say");
        return ambiguous(operation, &problem, search.hint.as_deref());
    }
    let early = early.into_iter().map(|(id, ..)| id);
    let only_nearly = fitting.is_empty() && unclear.is_empty();
    let all: Vec<String> = fitting.into_iter().chain(unclear).chain(nearly).chain(early).collect();
    let ids: Vec<&str> = all.iter().map(String::as_str).filter(|id| !id.is_empty()).take(NAMED_MAX).collect();
    let named = if ids.is_empty() { String::new() } else { format!(", among them {}", ids.join(", ")) };
    let but = if only_nearly { ", though not as it was asked for" } else { "" };
    let problem = format!("{} may be what an earlier attempt made{but}{named}", all.len());
    ambiguous(operation, &problem, search.hint.as_deref())
}

/// What fits but was made too early: its times beside ours, and what they mean.
fn too_early(operation: &Operation, search: &Search, early: &[(String, i64, i64)], skew: Skew) -> StepError {
    let time = |ms: i64| Timestamp::from_millis(ms).to_string();
    let named: Vec<String> =
        early.iter().take(NAMED_MAX).map(|(id, made, _)| format!("`{id}` of {}", time(*made))).collect();
    let more = if early.len() > NAMED_MAX { format!(" and {} more", early.len() - NAMED_MAX) } else { String::new() };
    let limit = early.first().map(|(_, _, limit)| time(*limit)).unwrap_or_default();
    let problem = format!(
        "what is there fits but for its time: {}{more} by the provider's clock, and by ours nothing of this step is from before \
         {limit}{}",
        named.join(", "),
        skew.words(),
    );
    let hint =
        "it is this step's if our clock was ahead by the difference when the request was sent, and another's otherwise";
    let hint = match &search.hint {
        Some(own) => format!("{own}; {hint}"),
        None => format!("{hint}: look at the provider, then decide"),
    };
    ambiguous(operation, &problem, Some(&hint))
}

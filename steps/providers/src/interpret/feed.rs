//! What a provider has sent, read again: a webhook that was lost while nobody listened is found here, and one that came both
//! ways is one event, because both are read by the same code.

use super::session::Session;
use super::{Core, webhook};
use crate::limits::{FEED_FIRST_MS, FEED_MESSAGES_MAX};
use crate::manifest::{Replay, Webhooks};
use crate::pointer::Pointer;
use crate::template::instant_ms;
use engross_step_api::{IncomingEvent, Replayed, StepContext, StepError, Timestamp};
use serde_json::{Map, Value};

/// Reads what was sent since a time.
pub(super) async fn replay(
    core: &Core,
    context: &StepContext,
    since: Option<Timestamp>,
) -> Result<Replayed, StepError> {
    let Some((webhooks, spec)) = core.manifest.webhooks.as_ref().and_then(|w| Some((w, w.replay.as_ref()?))) else {
        return Ok(Replayed::default());
    };
    let session = Session::new(core, context)?.polling();
    let read = async {
        session.has_room()?;
        messages(&session, spec).await
    };
    let messages = read.await.map_err(|error| session.scrubber.error(error))?;
    Ok(replayed(&session, webhooks, spec, messages, since))
}

async fn messages(session: &Session<'_>, spec: &Replay) -> Result<Vec<Value>, StepError> {
    let scope = session.scope();
    let Some((call, items)) = &spec.each else {
        let list = session.made(&spec.call, &scope).await?.document;
        return Ok(taken(&spec.items, &list));
    };
    let list = session.made(call, &scope).await?.document;
    let mut messages = Vec::new();
    for item in taken(items, &list) {
        let names = Map::from_iter([("item".to_string(), item)]);
        let list = session.made(&spec.call, &scope.with(&names)).await?.document;
        messages.extend(taken(&spec.items, &list));
        if messages.len() >= FEED_MESSAGES_MAX {
            tracing::warn!("a provider has sent more than is read again at a time; the rest is left to polls");
            messages.truncate(FEED_MESSAGES_MAX);
            break;
        }
    }
    Ok(messages)
}

fn taken(items: &Pointer, document: &Value) -> Vec<Value> {
    items.first(document).and_then(Value::as_array).cloned().unwrap_or_default()
}

fn replayed(
    session: &Session<'_>,
    webhooks: &Webhooks,
    spec: &Replay,
    messages: Vec<Value>,
    since: Option<Timestamp>,
) -> Replayed {
    let ms = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
    let from = match since {
        Some(since) => since.as_millis().saturating_sub(ms(spec.overlap_ms)),
        None => session.now.as_millis().saturating_sub(ms(FEED_FIRST_MS)),
    };
    let mut latest = since.map(Timestamp::as_millis);
    let mut events = Vec::new();
    for message in messages {
        let at = spec.at.as_ref().and_then(|at| at.first(&message)).and_then(instant_ms);
        latest = latest.max(at);
        if at.is_some_and(|at| at < from) {
            continue;
        }
        let body = message.to_string();
        match webhook::event(webhooks, message, body.as_bytes()) {
            Ok(event) => events
                .extend(event.map(|event| IncomingEvent { data: session.scrubber.value(event.data.clone()), ..event })),
            Err(problem) => {
                tracing::warn!(%problem, "a message that was read again is none of the provider's webhooks")
            }
        }
    }
    Replayed { events, next: latest.map(Timestamp::from_millis) }
}

//! Events from outside: kept first, acknowledged then, matched last. One that comes before its wait is found when the wait
//! begins; one that comes twice is one.

use crate::engine::Engine;
use crate::limits::{EVENT_BYTES_MAX, TEXT_CHARS_MAX};
use crate::triggers::events;
use crate::turn::{not_written, to_the_end};
use crate::{Error, HookError};
use engross_core::{
    EventId, Input, OnEvent, ReceivedEvent, RunId, StepId, StepState, Subscription, Timestamp, WaitKind, check_size,
};
use engross_step_api::{Acknowledgement, Connection, IncomingEvent, RawWebhook, WebhookError};
use engross_store::{CommitError, Conflict, InboxEntry, InboxQuery, WaitRow, Write};
use secrecy::ExposeSecret;
use serde_json::Value;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// What became of an event that was sent.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Accepted {
    /// Its id in the inbox.
    pub id: EventId,
    /// Whether it was there already.
    pub duplicate: bool,
}

impl Engine {
    /// Takes a webhook: verifies its sender, keeps what it says, and only then tells how to acknowledge it.
    ///
    /// # Errors
    /// The sender, the body or the store; nothing is kept then.
    pub async fn receive_webhook(
        &self,
        connection: &str,
        token: &str,
        headers: &[(String, String)],
        body: &[u8],
    ) -> Result<Acknowledgement, HookError> {
        let connection = self.inner.connections.get(connection).ok_or(HookError::Unknown)?;
        let wanted = connection.webhook.token.as_ref().ok_or(HookError::Unknown)?;
        let same = Sha256::digest(wanted.expose_secret()).ct_eq(&Sha256::digest(token));
        if !bool::from(same) {
            return Err(HookError::Unknown);
        }
        let provider = self.inner.registry.provider(&connection.provider).ok_or(HookError::Unknown)?;
        let webhook = RawWebhook { headers, body, received_at: self.inner.clock.now() };
        let events = provider.receive(connection, &webhook).map_err(|error| match error {
            WebhookError::Unverified(why) => HookError::Unverified(why),
            WebhookError::Malformed(why) => HookError::Malformed(why),
        })?;
        for event in events {
            check_size(&event.data, EVENT_BYTES_MAX.max(body.len().saturating_mul(2))).map_err(|oversize| {
                HookError::Malformed(format!("its data have {oversize}, which is more than is kept"))
            })?;
            self.keep_incoming(connection, event).await.map_err(|error| match error {
                // Too large or too deep to be kept: it will not be smaller when it comes again.
                Error::BadRequest(why) => HookError::Malformed(why),
                error => HookError::Unavailable(error.to_string()),
            })?;
        }
        Ok(provider.acknowledgement())
    }

    /// Takes a named event from a person or another program. The same id twice is one event.
    ///
    /// # Errors
    /// It is too large or badly named, or the store failed.
    pub async fn send_event(&self, kind: &str, id: Option<&str>, data: Value) -> Result<Accepted, Error> {
        if kind.is_empty() || kind.chars().count() > TEXT_CHARS_MAX || kind.chars().any(char::is_control) {
            return Err(Error::BadRequest("an event needs a type, such as crm/opportunity.won".to_string()));
        }
        check_size(&data, EVENT_BYTES_MAX).map_err(|oversize| {
            Error::BadRequest(format!("an event's data have {oversize}, which is more than is kept"))
        })?;
        let made_up = self.inner.ids.token();
        let event = ReceivedEvent {
            id: event_id(&format!("api/{kind}"), id.unwrap_or(&made_up)),
            kind: kind.to_string(),
            data,
            received_at: self.inner.clock.now(),
        };
        let topic = Subscription::to_event(kind, Default::default()).topic;
        self.keep(InboxEntry { event, topic, source: "api".to_string() }).await
    }

    /// Keeps what a connection's provider has sent, whichever way it came.
    pub(crate) async fn keep_incoming(&self, connection: &Connection, event: IncomingEvent) -> Result<Accepted, Error> {
        let entry = InboxEntry {
            event: ReceivedEvent {
                id: event_id(&connection.name, &event.dedupe),
                kind: event.kind,
                data: event.data,
                received_at: self.inner.clock.now(),
            },
            topic: Subscription::to_object(&connection.name, &event.correlation).topic,
            source: connection.name.clone(),
        };
        self.keep(entry).await
    }

    /// Keeps an event. It is matched in the background, whether or not the caller stays.
    async fn keep(&self, entry: InboxEntry) -> Result<Accepted, Error> {
        let engine = self.clone();
        to_the_end(async move {
            let id = entry.event.id.clone();
            match engine.inner.committer.write(Write::Inbox(entry.clone())).await {
                Ok(()) => {
                    tokio::spawn(async move {
                        if let Err(error) = match_entry(&engine, entry).await {
                            tracing::error!(%error, "an accepted event could not be matched; the next start tries again");
                        }
                    });
                    Ok(Accepted { id, duplicate: false })
                }
                Err(CommitError::Conflict(Conflict::Duplicate)) => Ok(Accepted { id, duplicate: true }),
                Err(error) => Err(not_written(error)),
            }
        })
        .await
    }
}

/// The id of an event: one for all deliveries of it, and no secret of the sender's in it.
fn event_id(source: &str, dedupe: &str) -> EventId {
    let digest = Sha256::digest(format!("{source}\n{dedupe}"));
    EventId::new(hex::encode(digest.get(..16).unwrap_or(&digest)))
}

/// Tells every wait that wants the event, then settles it.
async fn match_entry(engine: &Engine, entry: InboxEntry) -> Result<(), Error> {
    let topic = entry.topic.clone();
    let waits = engine.inner.read(move |store| store.waits(&topic)).await?;
    let mut all_told = true;
    for WaitRow { run, step, subscription } in waits {
        if !subscription.accepts(&entry.event.data) {
            continue;
        }
        match tell(engine, &run, step, entry.event.clone()).await {
            Ok(_) => {}
            Err(error @ Error::Store(_)) => return Err(error),
            // One run that cannot go on does not keep the event from all others.
            Err(error) => {
                tracing::error!(%run, %error, "an event could not be told; the next start tries again");
                all_told = false;
            }
        }
    }
    // Before it is settled, so that after a crash in between it is told again.
    events::start_runs(engine, &entry).await?;
    if !all_told {
        return Ok(());
    }
    let settled = engine.inner.committer.write(Write::Matched(entry.event.id)).await;
    settled.map_err(|error| Error::Store(error.to_string()))
}

/// Whether the step took the event. That it did not want it, or is past it, is no error.
async fn tell(engine: &Engine, run: &RunId, step: StepId, event: ReceivedEvent) -> Result<bool, Error> {
    match engine.turn(run, Input::EventMatched { step, event }).await {
        Ok(_) => Ok(true),
        Err(Error::Rejected(rejection)) => {
            tracing::debug!(%run, %rejection, "an event was not wanted");
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Brings a wait that an event can end what came before it. Whether that ended it.
pub(crate) async fn bring_earlier(
    engine: &Engine,
    run: &RunId,
    step: &StepId,
    subscriptions: &[Subscription],
    since: Timestamp,
) -> Result<bool, Error> {
    for subscription in subscriptions {
        let query = InboxQuery::Topic { topic: subscription.topic.clone(), since };
        let entries = engine.inner.read(move |store| store.inbox(&query)).await?;
        for entry in entries {
            if !subscription.accepts(&entry.event.data) {
                continue;
            }
            tell(engine, run, step.clone(), entry.event).await?;
            let loaded = engine.current(run).await?;
            let waits_on = matches!(
                loaded.state.steps.get(step),
                Some(StepState::Waiting { wait, .. })
                    if matches!(wait.kind, WaitKind::Event { on_event: OnEvent::Finish(_), .. })
            );
            if !waits_on {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Matches what a crash left between acceptance and matching. How many there were.
pub(crate) async fn match_unmatched(engine: &Engine) -> Result<usize, Error> {
    let entries = engine.inner.read(|store| store.inbox(&InboxQuery::Unmatched)).await?;
    let count = entries.len();
    for entry in entries {
        match_entry(engine, entry).await?;
    }
    Ok(count)
}

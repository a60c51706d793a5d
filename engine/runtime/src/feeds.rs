//! What providers have sent, read again: at the start and on a timer. An event that is found here goes the way of a webhook, so that
//! one that came both ways is one event. How far the reading has come is a mark of the store.

use crate::Error;
use crate::engine::Engine;
use engross_core::{IdempotencyKey, Person, RunId, StepId, Timestamp};
use engross_step_api::{Connection, Provider, StepContext};
use engross_store::Write;
use futures_util::FutureExt;
use serde_json::{Value, json};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

/// Begins a task for every connection whose provider can be read again.
pub(crate) fn start(engine: &Engine) {
    for connection in engine.inner.connections.values() {
        let Some(provider) = engine.inner.registry.provider(&connection.provider) else { continue };
        if let Some(every_ms) = provider.feed_every_ms() {
            tokio::spawn(follow(engine.clone(), connection.clone(), provider.clone(), Duration::from_millis(every_ms)));
        }
    }
}

async fn follow(engine: Engine, connection: Arc<Connection>, provider: Arc<dyn Provider>, every: Duration) {
    while !engine.inner.is_stopping() {
        // A panic in a plugin must not end the net under every webhook.
        let read = AssertUnwindSafe(read(&engine, &connection, &*provider)).catch_unwind().await;
        match read {
            Ok(Ok(0)) => {}
            Ok(Ok(found)) => tracing::info!(connection = %connection.name, found, "events that no webhook had brought"),
            Ok(Err(error)) => {
                tracing::warn!(connection = %connection.name, %error, "what was sent could not be read again");
            }
            Err(_) => tracing::error!(connection = %connection.name, "reading what was sent broke off"),
        }
        engine.pause(every).await;
    }
}

/// Reads once. How many events were new.
async fn read(engine: &Engine, connection: &Arc<Connection>, provider: &dyn Provider) -> Result<usize, Error> {
    let mark = format!("replay/{}", connection.name);
    let wanted = mark.clone();
    let kept = engine.inner.read(move |store| store.mark(&wanted)).await?;
    let since = kept.as_ref().and_then(|mark| mark.get("since_ms")).and_then(Value::as_i64);
    let since = since.map(Timestamp::from_millis);
    let permit = engine.inner.working.clone().acquire_owned().await.map_err(|_| Error::Stopping)?;
    let replayed = provider.replay(&engine.context_for(connection, "replay"), since).await;
    drop(permit);
    let replayed = replayed.map_err(|error| Error::BadRequest(error.to_string()))?;
    let mut new = 0;
    for event in replayed.events {
        new += usize::from(!engine.keep_incoming(connection, event).await?.duplicate);
    }
    // Only once all of them are kept: what a crash leaves out is read again.
    if let Some(next) = replayed.next.filter(|next| Some(*next) != since) {
        let write = Write::Mark { name: mark, value: Some(json!({ "since_ms": next.as_millis() })) };
        engine.inner.committer.write(write).await.map_err(|error| Error::Store(error.to_string()))?;
    }
    Ok(new)
}

impl Engine {
    /// The context of what the engine asks a provider by itself, outside of any run.
    pub(crate) fn context_for(&self, connection: &Arc<Connection>, what: &str) -> StepContext {
        let (run, step) = (RunId::new("engine"), StepId::new(format!("{what}/{}", connection.name)));
        let now = self.inner.clock.now();
        StepContext {
            key: IdempotencyKey::of(&run, &step, 0),
            run,
            step,
            attempt: 1,
            run_started_at: now,
            now,
            requester: Person::new("engine"),
            connection: Some(connection.clone()),
            files: self.inner.files.clone(),
            directory: self.inner.directory.clone(),
            child: None,
            policy: None,
        }
    }
}

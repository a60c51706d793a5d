//! Events made into runs: what the inbox asks before it settles an event, so that a crash in between tells it again.

use super::firing::{self, Fired};
use super::schedules::{save, write};
use super::{Armed, EVENT_REQUESTER, Progress};
use crate::Error;
use crate::engine::Engine;
use engross_compiler::TriggerKind;
use engross_core::{ReceivedEvent, RunId, Subscription, Template, Timestamp};
use engross_store::{InboxEntry, Store};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Starts the runs that the event asks for. Those that an earlier try has started are left as they are.
///
/// # Errors
/// The store, or the engine's end: the event is not dealt with yet.
pub(crate) async fn start_runs(engine: &Engine, entry: &InboxEntry) -> Result<(), Error> {
    let registered = engine.inner.triggers.registered();
    let wants = |event: &str| Subscription::to_event(event, Default::default()).topic == entry.topic;
    for armed in &registered.armed {
        let TriggerKind::Event { event, id, condition } = &armed.trigger.kind else { continue };
        if !wants(event) {
            continue;
        }
        let _one_at_a_time = engine.inner.triggers.events.lock().await;
        let scope = scope(&entry.event);
        match is_wanted(engine, condition.as_ref(), &scope) {
            Ok(true) => {}
            Ok(false) => continue,
            Err(why) => {
                note(engine, armed, &entry.event, &why).await?;
                continue;
            }
        }
        let run = match run_of(engine, armed, &entry.event, id.as_ref(), &scope).await? {
            Ok(run) => run,
            Err(why) => {
                note(engine, armed, &entry.event, &why).await?;
                continue;
            }
        };
        match firing::begin(engine, armed, run, &scope, EVENT_REQUESTER).await? {
            Fired::Run(run) => {
                let at = Some(entry.event.received_at);
                let progress = Progress { last_run: Some(run), last_at: at, ..Progress::default() };
                save(engine, &armed.mark(), &progress).await?;
            }
            Fired::Attached(holder) => {
                note(engine, armed, &entry.event, &format!("run {holder} holds the key")).await?;
            }
            Fired::Refused(why) => note(engine, armed, &entry.event, &why).await?,
        }
    }
    Ok(())
}

/// What templates of an event trigger see.
fn scope(event: &ReceivedEvent) -> Value {
    json!({
        "event": {
            "id": event.id.as_str(),
            "type": event.kind,
            "data": event.data,
            "received_at": event.received_at.to_string(),
        },
    })
}

fn is_wanted(engine: &Engine, condition: Option<&Template>, scope: &Value) -> Result<bool, String> {
    let Some(condition) = condition else { return Ok(true) };
    match engine.inner.evaluator.evaluate(condition, scope) {
        Ok(Value::Bool(wanted)) => Ok(wanted),
        Ok(_) => Err("`if` is neither true nor false".to_string()),
        Err(error) => Err(error.to_string()),
    }
}

/// Where it is kept which run an event has started, so that the same event, when it comes again after the inbox has forgotten
/// it, starts no other.
const RAN: &str = "event-ran/";

/// The first digits of what stands behind [`RAN`], so that all marks can be read in portions.
pub(crate) const RAN_PORTIONS: std::ops::RangeInclusive<u8> = 0..=u8::MAX;

/// Which run an event has started. An on-disk form.
#[derive(Serialize, Deserialize)]
struct Ran {
    run: RunId,
    /// When the event was received.
    at: Timestamp,
}

/// The names of a portion's marks of events that were received before a time, and whose run is not in the store any more.
pub(crate) fn ran_before(store: &dyn Store, portion: u8, before: Timestamp) -> engross_store::Result<Vec<String>> {
    let marks = store.marks(&format!("{RAN}{portion:02x}"))?;
    let mut old = Vec::new();
    for (name, value) in marks {
        if let Ok(Ran { run, at }) = Ran::deserialize(&value)
            && at < before
            && store.head(&run)?.is_none()
        {
            old.push(name);
        }
    }
    Ok(old)
}

/// The run of this event, by its id: what it is called is kept before it is started.
async fn run_of_id(engine: &Engine, armed: &Armed, event: &ReceivedEvent, own: RunId) -> Result<RunId, Error> {
    let what = format!("{}\n{}\n{}", armed.workflow(), armed.trigger.name, event.id);
    let name = format!("{RAN}{}", hex::encode(Sha256::digest(what)));
    let wanted = name.clone();
    let kept = engine.inner.read(move |store| store.mark(&wanted)).await?;
    if let Some(Ok(ran)) = kept.as_ref().map(Ran::deserialize) {
        return Ok(ran.run);
    }
    write(engine, name, Some(json!(Ran { run: own.clone(), at: event.received_at }))).await?;
    Ok(own)
}

/// The run of this event. Where the author says what tells one event from another, the first event of an `id` gives its run a
/// name, which is kept under the id before the run is started.
async fn run_of(
    engine: &Engine,
    armed: &Armed,
    event: &ReceivedEvent,
    id: Option<&Template>,
    scope: &Value,
) -> Result<Result<RunId, String>, Error> {
    let own = firing::run_id(armed.workflow(), &armed.trigger.name, event.id.as_str(), event.received_at);
    let Some(template) = id else { return run_of_id(engine, armed, event, own).await.map(Ok) };
    let value = match engine.inner.evaluator.evaluate(template, scope) {
        Ok(Value::Null) => return Ok(Err("its `id` is null".to_string())),
        Ok(Value::String(text)) => text,
        Ok(value) => value.to_string(),
        Err(error) => return Ok(Err(error.to_string())),
    };
    let digest = hex::encode(Sha256::digest(value));
    let name = format!("event-id/{}/{}/{digest}", armed.workflow(), armed.trigger.name);
    let wanted = name.clone();
    let kept = engine.inner.read(move |store| store.mark(&wanted)).await?;
    if let Some(run) = kept.as_ref().and_then(Value::as_str) {
        return Ok(Ok(RunId::new(run)));
    }
    write(engine, name, Some(Value::from(own.as_str()))).await?;
    Ok(Ok(own))
}

/// Says and keeps why an event started no run.
async fn note(engine: &Engine, armed: &Armed, event: &ReceivedEvent, why: &str) -> Result<(), Error> {
    let what = format!("event {} started no run: {why}", event.id);
    tracing::warn!(workflow = armed.workflow(), trigger = %armed.trigger.name, "{what}");
    let mark = armed.mark();
    let name = mark.clone();
    let kept = engine.inner.read(move |store| store.mark(&name)).await?;
    let mut progress: Progress = kept.and_then(|value| serde_json::from_value(value).ok()).unwrap_or_default();
    progress.note(&what);
    save(engine, &mark, &progress).await
}

//! Subscriptions of DocJuris over HTTP: each has one type of event and one receiver, and a feed of what was sent to it.

use std::collections::VecDeque;

use serde::Deserialize;
use serde_json::{Value, json};

use super::api::envelope;
use super::contracts::page;
use super::message::Kind;
use super::state::Subscription;
use crate::delivery::check_url;
use crate::limits::ITEMS_MAX;
use crate::wire::{Call, Problem, Reply, clip};
use crate::world::World;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wanted {
    #[serde(default)]
    webhook_url: String,
    #[serde(default, rename = "type")]
    kind: String,
}

/// The body is JSON whatever its media type, as the documents' `curl -d` sends it.
pub(super) fn create(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let wanted: Wanted = call.json()?;
    let mut problems = Vec::new();
    let url =
        check_url(&wanted.webhook_url).map_err(|problem| problems.push(format!("webhookUrl: {}", problem.message)));
    let kind = Kind::ALL.into_iter().find(|kind| kind.name() == wanted.kind);
    if kind.is_none() {
        let names = Kind::ALL.map(Kind::name).join(", ");
        problems.push(format!("type: {} is none of {names}", clip(&wanted.kind)));
    }
    if world.docjuris.subscriptions.len() >= ITEMS_MAX {
        problems.push(format!("at most {ITEMS_MAX} subscriptions are kept: delete some"));
    }
    Problem::all(&problems)?;
    let (Ok(url), Some(kind)) = (url, kind) else {
        return Err(Problem::bad("webhookUrl and type are required"));
    };
    let id = world.names.uuid();
    let created = world.clock.tick();
    let subscription = Subscription { id: id.clone(), kind, url, created, messages: VecDeque::new() };
    let reply = envelope(&subscription.view());
    world.docjuris.subscriptions.insert(id, subscription);
    Ok(reply)
}

pub(super) fn list(world: &mut World, _: &Call<'_>) -> Result<Reply, Problem> {
    let subscriptions: Vec<Value> = world.docjuris.subscriptions.values().map(Subscription::view).collect();
    Ok(envelope(&json!(subscriptions)))
}

pub(super) fn delete(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    world.docjuris.subscription(call.param(0))?;
    world.docjuris.subscriptions.remove(&call.param(0).to_ascii_lowercase());
    Ok(envelope(&Value::Null))
}

#[derive(Deserialize)]
struct MessagesQuery {
    skip: Option<usize>,
    take: Option<usize>,
}

pub(super) fn messages(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let messages = &world.docjuris.subscription(call.param(0))?.messages;
    let query: MessagesQuery = call.query()?;
    let (skip, take) = page(query.skip, query.take)?;
    let shown: Vec<&Value> = if world.docjuris.newest_first {
        messages.iter().rev().skip(skip).take(take).collect()
    } else {
        messages.iter().skip(skip).take(take).collect()
    };
    Ok(envelope(&json!(shown)))
}

//! The control endpoints of DocJuris: how it behaves where its documents are silent, and what people do in the app.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Response, StatusCode};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Sharing, answer, read};
use crate::docjuris::{self, Mention};
use crate::wire::{Problem, clip};
use crate::world::{Shared, World};

/// To be nested under `/_sandbox/docjuris`.
pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/settings", post(set_settings))
        .route("/contracts/{id}", get(show))
        .route("/contracts/{id}/{action}", post(act))
        .route("/imports/{id}/use", post(use_import))
}

/// What is not said stays as it is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// A stale `currentTurnId` is a 409 (true) or a 400 (false).
    stale_is_409: Option<bool>,
    /// Webhooks spell types and ids as the samples do.
    as_sampled: Option<bool>,
    /// The feed of messages starts with the newest.
    newest_first: Option<bool>,
}

async fn set_settings(State(shared): Sharing, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let set = || {
        let settings: Settings = read(&headers, &body)?;
        let account = &mut shared.lock().docjuris;
        account.stale_is_409 = settings.stale_is_409.unwrap_or(account.stale_is_409);
        account.as_sampled = settings.as_sampled.unwrap_or(account.as_sampled);
        account.newest_first = settings.newest_first.unwrap_or(account.newest_first);
        Ok(json!({
            "stale_is_409": account.stale_is_409,
            "as_sampled": account.as_sampled,
            "newest_first": account.newest_first,
        }))
    };
    answer(set())
}

async fn show(State(shared): Sharing, Path(id): Path<String>) -> Response<Body> {
    answer(docjuris::control_json(&shared.lock(), &id))
}

/// `{"turnId"?, "changes"?}`; the latest turn when none is named.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CompleteBody {
    turn_id: Option<String>,
    #[serde(default)]
    changes: u32,
}

/// `{"tags": […], "turnId"?}`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TagBody {
    turn_id: Option<String>,
    tags: Vec<String>,
}

/// `{"source"?, "text"?}`; the counterparty when no source is named.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct UploadBody {
    source: Option<String>,
    #[serde(default)]
    text: String,
}

async fn act(
    State(shared): Sharing,
    Path((id, action)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let perform = || {
        let mut world = shared.lock();
        perform_action(&mut world, &id, &action, &headers, &body)?;
        docjuris::control_json(&world, &id)
    };
    answer(perform())
}

fn perform_action(world: &mut World, id: &str, action: &str, headers: &HeaderMap, body: &[u8]) -> Result<(), Problem> {
    match action {
        "complete" => {
            let body = if body.is_empty() { CompleteBody::default() } else { read(headers, body)? };
            docjuris::complete(world, id, body.turn_id.as_deref(), body.changes)
        }
        "tag" => {
            let body: TagBody = read(headers, body)?;
            docjuris::tag(world, id, body.turn_id.as_deref(), &body.tags)
        }
        "mention" => {
            let said: Mention = read(headers, body)?;
            docjuris::mention(world, id, &said)
        }
        "upload" => {
            let body = if body.is_empty() { UploadBody::default() } else { read(headers, body)? };
            docjuris::upload(world, id, body.source, &body.text)
        }
        other => Err(Problem::new(
            StatusCode::NOT_FOUND,
            format!("no action {}: say complete, tag, mention or upload", clip(other)),
        )),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UseBody {
    contract_type: String,
    counter_party: String,
}

async fn use_import(State(shared): Sharing, Path(id): Path<String>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let perform = || -> Result<Value, Problem> {
        let UseBody { contract_type, counter_party } = read(&headers, &body)?;
        let mut world = shared.lock();
        let id = docjuris::use_import(&mut world, &id, &contract_type, counter_party)?;
        docjuris::control_json(&world, &id)
    };
    answer(perform())
}

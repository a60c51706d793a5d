//! The control endpoints of Contract Signatures: what an administrator sets up, what signers do, and the attachments that
//! the real app leaves to Confluence and Jira.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Response, StatusCode};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Sharing, answer, read};
use crate::contract_signatures::{self, Key};
use crate::limits::{KEYS_MAX, NAME_CHARS_MAX};
use crate::sandbox::Who;
use crate::wire::{Problem, clip};
use crate::world::{Shared, World};

/// To be nested under `/_sandbox/contract_signatures`.
pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/settings", post(set_settings))
        .route("/webhooks", post(add_webhook))
        .route("/keys/{key}", post(add_key))
        .route("/contracts/{id}", get(show))
        .route("/contracts/{id}/{action}", post(act))
        .route("/attachments/{id}", get(attachment))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// A create answers an empty 201 (true) or the contract (false).
    silent_create: bool,
}

async fn set_settings(State(shared): Sharing, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let set = || {
        let Settings { silent_create } = read(&headers, &body)?;
        shared.lock().contract_signatures.silent_create = silent_create;
        Ok(json!({"silent_create": silent_create}))
    };
    answer(set())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookBody {
    url: String,
}

async fn add_webhook(State(shared): Sharing, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let add = || {
        let WebhookBody { url } = read(&headers, &body)?;
        contract_signatures::add_webhook(&mut shared.lock(), &url)?;
        Ok(json!({"message": "ok"}))
    };
    answer(add())
}

/// Makes or changes the key in the path: `{"privileges": ["get", …], "not_before"?, "not_after"?, "allowed_ips"?, "owner"?}`.
async fn add_key(State(shared): Sharing, Path(name): Path<String>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let add = || {
        let key: Key = read(&headers, &body)?;
        let keys = &mut shared.lock().contract_signatures.keys;
        if keys.len() >= KEYS_MAX || name.chars().count() > NAME_CHARS_MAX {
            return Err(Problem::bad(format!("at most {KEYS_MAX} keys of {NAME_CHARS_MAX} characters")));
        }
        keys.insert(name, key);
        Ok(json!({"message": "ok"}))
    };
    answer(add())
}

async fn show(State(shared): Sharing, Path(id): Path<String>) -> Response<Body> {
    answer(contract_signatures::control_json(&shared.lock(), &id))
}

/// Who decides; everyone who has not (`sign`) or the first of them (`reject`) when not said.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ActionBody {
    /// A signer's e-mail address or full name.
    signer: Option<String>,
}

async fn act(
    State(shared): Sharing,
    Path((id, action)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let perform = || {
        let body = if body.is_empty() { ActionBody::default() } else { read(&headers, &body)? };
        let mut world = shared.lock();
        perform_action(&mut world, &id, &action, &body)
    };
    answer(perform())
}

fn perform_action(world: &mut World, id: &str, action: &str, body: &ActionBody) -> Result<Value, Problem> {
    let who = body.signer.as_deref().map_or(Who::Outstanding, Who::Side);
    match action {
        "sign" => contract_signatures::decide_for(world, id, who, true).map(drop),
        "reject" => contract_signatures::decide_for(world, id, who, false).map(drop),
        "expire" => contract_signatures::expire(world, id),
        other => {
            Err(Problem::new(StatusCode::NOT_FOUND, format!("no action {}: say sign, reject or expire", clip(other))))
        }
    }?;
    contract_signatures::control_json(world, id)
}

async fn attachment(State(shared): Sharing, Path(id): Path<String>) -> Response<Body> {
    contract_signatures::attachment(&shared.lock(), &id).unwrap_or_else(Problem::into_reply).into_response()
}

//! The control endpoints of Paperlex: how it behaves where its documents and its clients differ, and what people do.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::json;

use super::{Sharing, answer, read};
use crate::paperlex;
use crate::sandbox::Who;
use crate::world::Shared;

/// To be nested under `/_sandbox/paperlex`.
pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/settings", post(set_settings))
        .route("/contracts/{uuid}", get(show))
        .route("/contracts/{uuid}/sign", post(sign))
        .route("/contracts/{uuid}/replay_callbacks", post(replay))
        .route("/contracts/{uuid}/review_sessions/{id}/expire", post(expire))
}

/// What is not said stays as it is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// Unknown uuids are the documented 404 (true), or the observed `null` (false).
    missing_is_404: Option<bool>,
    /// Callbacks are JSON (true) or a form (false).
    json_callbacks: Option<bool>,
}

async fn set_settings(State(shared): Sharing, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let set = || {
        let settings: Settings = read(&headers, &body)?;
        let account = &mut shared.lock().paperlex;
        account.missing_is_404 = settings.missing_is_404.unwrap_or(account.missing_is_404);
        account.json_callbacks = settings.json_callbacks.unwrap_or(account.json_callbacks);
        Ok(json!({"missing_is_404": account.missing_is_404, "json_callbacks": account.json_callbacks}))
    };
    answer(set())
}

async fn show(State(shared): Sharing, Path(uuid): Path<String>) -> Response<Body> {
    answer(paperlex::control_json(&shared.lock(), &uuid))
}

/// Who signs; everyone with an open review session when not said.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignBody {
    /// A signer's e-mail address.
    email: Option<String>,
}

async fn sign(State(shared): Sharing, Path(uuid): Path<String>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let perform = || {
        let body = if body.is_empty() { SignBody::default() } else { read(&headers, &body)? };
        let mut world = shared.lock();
        let who = body.email.as_deref().map_or(Who::Outstanding, Who::Side);
        paperlex::sign_for(&mut world, &uuid, who)?;
        paperlex::control_json(&world, &uuid)
    };
    answer(perform())
}

async fn replay(State(shared): Sharing, Path(uuid): Path<String>) -> Response<Body> {
    let replay = || Ok(json!({"sent": paperlex::replay(&mut shared.lock(), &uuid)?}));
    answer(replay())
}

async fn expire(State(shared): Sharing, Path((uuid, id)): Path<(String, String)>) -> Response<Body> {
    let expire = || {
        let mut world = shared.lock();
        paperlex::expire_session(&mut world, &uuid, &id)?;
        paperlex::control_json(&world, &uuid)
    };
    answer(expire())
}

//! The control endpoints under `/_sandbox/`: what a test or a person does to the sandbox itself, and what people would do in
//! the provider's own pages.
//!
//! They need no key, because they are no part of a provider; the sandbox listens on loopback unless told otherwise. A body
//! must be sent as `application/json`, so that no web page can post here behind its reader's back. What is directly here is
//! about the whole sandbox or about Juro, which was first; the other providers have a folder of their own each.

mod contract_signatures;
mod docjuris;
mod paperlex;

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Response, StatusCode};
use axum::routing::{get, post};
use jiff::SignedDuration;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::faults::Faults;
use crate::juro::{self, Verdict};
use crate::limits::{BODY_BYTES_MAX, CLOCK_OFFSET_S_MAX};
use crate::options::WebhookTarget;
use crate::sandbox::Who;
use crate::wire::{Problem, Reply, clip, parse};
use crate::world::{Shared, World};

type Sharing = State<Arc<Shared>>;

/// To be nested under `/_sandbox`.
pub(crate) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/counters", get(counters))
        .route("/webhooks", post(add_webhook))
        .route("/faults", get(show_faults).post(set_faults))
        .route("/settings", post(set_settings))
        .nest("/paperlex", paperlex::router())
        .nest("/docjuris", docjuris::router())
        .nest("/contract_signatures", contract_signatures::router())
        .route("/contracts", get(list_contracts))
        .route("/contracts/{id}", get(show_contract))
        .route("/contracts/{id}/{action}", post(act))
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}

fn answer(result: Result<Value, Problem>) -> Response<Body> {
    result.map_or_else(Problem::into_reply, |value| Reply::json(&value)).into_response()
}

async fn unknown() -> Response<Body> {
    answer(Err(Problem::new(StatusCode::NOT_FOUND, "no such control endpoint")))
}

async fn wrong_method() -> Response<Body> {
    answer(Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed")))
}

fn read<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, Problem> {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return parse(body);
    }
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send the body with content-type: application/json"))
}

async fn counters(State(shared): Sharing) -> Response<Body> {
    answer(Ok(json!(shared.lock().counters())))
}

/// Takes a [`WebhookTarget`]: `{"url", "secret"?, "generation"? ("v2" or "v3")}`. It gets every event.
async fn add_webhook(State(shared): Sharing, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let register = || {
        let target: WebhookTarget = read(&headers, &body)?;
        shared.lock().courier.register(&target, None)?;
        Ok(json!({"message": "ok"}))
    };
    answer(register())
}

async fn show_faults(State(shared): Sharing) -> Response<Body> {
    answer(Ok(json!(shared.lock().faults)))
}

/// Replaces all rules by a list of new ones; an empty list ends all misbehaviour.
async fn set_faults(State(shared): Sharing, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let replace = || {
        let faults: Faults = read(&headers, &body)?;
        Problem::all(&faults.problems())?;
        shared.lock().faults = faults;
        Ok(json!({"message": "ok"}))
    };
    answer(replace())
}

/// What concerns every provider. What is not said stays as it is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// How many times faster than documented the pauses between two tries of a delivery pass; 1 is as documented.
    retry_speed: Option<u32>,
    /// By how many seconds the times of what is made and changed are ahead; negative where they are behind.
    clock_offset_s: Option<i64>,
    /// The same of the header `Date` of replies; as `clock_offset_s` where it is not said.
    date_offset_s: Option<i64>,
}

async fn set_settings(State(shared): Sharing, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let set = || {
        let Settings { retry_speed, clock_offset_s, date_offset_s } = read(&headers, &body)?;
        let mut problems = Vec::new();
        if retry_speed == Some(0) {
            problems.push("retry_speed: 1 is as documented, more is faster".to_owned());
        }
        let bounds = -CLOCK_OFFSET_S_MAX..=CLOCK_OFFSET_S_MAX;
        for (name, offset) in [("clock_offset_s", clock_offset_s), ("date_offset_s", date_offset_s)] {
            if offset.is_some_and(|offset| !bounds.contains(&offset)) {
                problems.push(format!("{name}: at most {CLOCK_OFFSET_S_MAX} seconds either way"));
            }
        }
        if date_offset_s.is_some() && clock_offset_s.is_none() {
            problems.push("date_offset_s: say clock_offset_s too".to_owned());
        }
        Problem::all(&problems)?;
        let mut world = shared.lock();
        if let Some(retry_speed) = retry_speed {
            world.courier.set_speed(retry_speed);
        }
        if let Some(offset) = clock_offset_s {
            let date = SignedDuration::from_secs(date_offset_s.unwrap_or(offset));
            world.clock.set_wrong(SignedDuration::from_secs(offset), date);
        }
        Ok(json!({"message": "ok"}))
    };
    answer(set())
}

async fn list_contracts(State(shared): Sharing) -> Response<Body> {
    answer(Ok(juro::contracts_json(&shared.lock())))
}

async fn show_contract(State(shared): Sharing, Path(id): Path<String>) -> Response<Body> {
    answer(juro::contract_json(&shared.lock(), &id))
}

/// What an action may say; every part is optional.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ActionBody {
    /// The approver who decides; everyone who still owes a decision when not said.
    who: Option<String>,
    /// Who is asked to approve; the owner when not said.
    approvers: Option<Vec<String>>,
    /// A side's uid or name; everyone who was asked and has not signed when not said.
    side: Option<String>,
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
        perform_action(&mut world, &id, &action, body)?;
        juro::contract_json(&world, &id)
    };
    answer(perform())
}

fn perform_action(world: &mut World, id: &str, action: &str, body: ActionBody) -> Result<(), Problem> {
    match action {
        "approve" => juro::decide_approval(world, id, body.who.as_deref(), Verdict::Approve),
        "reject" => juro::decide_approval(world, id, body.who.as_deref(), Verdict::Reject),
        "request_approval" => juro::request_approval(
            world,
            id,
            body.approvers.unwrap_or_else(|| vec!["approver@sandbox.example".to_owned()]),
        ),
        "sign" => {
            let who = body.side.as_deref().map_or(Who::Outstanding, Who::Side);
            juro::sign_for(world, id, who).map(drop)
        }
        other => Err(Problem::new(
            StatusCode::NOT_FOUND,
            format!("no action {}: say approve, reject, request_approval or sign", clip(other)),
        )),
    }
}

//! The routes, one file per resource.

mod approvals;
mod connections;
mod events;
mod health;
mod hooks;
mod mend;
mod runs;
mod store;
mod triggers;
pub mod wire;

use crate::limits::{API_BODY_BYTES_MAX, HOOK_BODY_BYTES_MAX};
use crate::state::Shared;
use crate::{ApiError, guard};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};

pub(crate) fn router(shared: Shared) -> Router {
    let api = Router::new()
        .route("/runs", get(runs::list).post(runs::start))
        .route("/runs/{run}", get(runs::show))
        .route("/runs/{run}/journal", get(runs::journal))
        .route("/runs/{run}/cancel", post(runs::cancel))
        .route("/runs/{run}/steps/{step}/decision", post(approvals::decide))
        .route("/runs/{run}/steps/{step}/delegation", post(approvals::delegate))
        .route("/runs/{run}/steps/{step}/subject", post(approvals::change_subject))
        .route("/runs/{run}/steps/{step}/retry", post(mend::retry))
        .route("/runs/{run}/steps/{step}/answer", post(mend::answer))
        .route("/runs/{run}/rerun", post(mend::rerun))
        .route("/incidents", get(mend::list))
        .route("/approvals", get(approvals::list))
        .route("/connections", get(connections::list))
        .route("/triggers", get(triggers::list))
        .route("/events", post(events::send))
        .route("/store/export", get(store::export))
        .route("/store/verify", get(store::verify))
        .route("/store/compact", post(store::compact))
        .route("/fsck", get(store::fsck))
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(API_BODY_BYTES_MAX))
        .route_layer(from_fn_with_state(shared.clone(), guard::guard));
    let hooks = Router::new()
        .route("/hooks/{connection}/{token}", post(hooks::receive))
        .layer(DefaultBodyLimit::max(HOOK_BODY_BYTES_MAX));
    Router::new()
        .nest("/api/v1", api)
        .merge(hooks)
        .route("/healthz", get(health::health))
        .fallback(not_found)
        .layer(from_fn(guard::bound))
        .with_state(shared)
}

async fn not_found() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "not_found", "there is nothing here")
}

async fn wrong_method() -> ApiError {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this cannot be asked with that method")
        .hint("the `Allow` header names the methods that are taken")
}

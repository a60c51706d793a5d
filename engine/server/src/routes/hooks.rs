//! The door for webhooks: `POST /hooks/{connection}/{token}`. Acknowledged as the provider demands, and only when kept.

use crate::ApiError;
use crate::state::Shared;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use engross_runtime::HookError;

pub(super) async fn receive(
    State(shared): State<Shared>,
    Path((connection, token)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let headers: Vec<(String, String)> = headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_string(), value.to_str().ok()?.to_string())))
        .collect();
    match shared.engine.receive_webhook(&connection, &token, &headers, &body).await {
        Ok(ack) => StatusCode::from_u16(ack.status).unwrap_or(StatusCode::OK).into_response(),
        Err(error) => {
            // The token is a secret, so the path is not logged.
            tracing::warn!(%connection, %error, "a webhook was not taken");
            answer(error).into_response()
        }
    }
}

fn answer(error: HookError) -> ApiError {
    let message = error.to_string();
    match error {
        HookError::Unknown => ApiError::new(StatusCode::NOT_FOUND, "not_found", message),
        HookError::Unverified(_) => ApiError::new(StatusCode::UNAUTHORIZED, "unverified", message),
        HookError::Malformed(_) => ApiError::new(StatusCode::BAD_REQUEST, "malformed", message),
        HookError::Unavailable(_) => ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message),
    }
}

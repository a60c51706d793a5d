//! Triggers: what starts runs by itself, and where it stands.

use super::wire::Triggers;
use crate::ApiError;
use crate::state::Shared;
use axum::Json;
use axum::extract::State;

pub(super) async fn list(State(shared): State<Shared>) -> Result<Json<Triggers>, ApiError> {
    Ok(Json(Triggers { triggers: shared.engine.triggers().await? }))
}

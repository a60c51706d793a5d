//! Named events from people and other programs.

use super::wire::{EventSent, SendEvent};
use crate::ApiError;
use crate::extract::Body;
use crate::state::Shared;
use axum::Json;
use axum::extract::State;

pub(super) async fn send(
    State(shared): State<Shared>,
    Body(event): Body<SendEvent>,
) -> Result<Json<EventSent>, ApiError> {
    let accepted = shared.engine.send_event(&event.kind, event.id.as_deref(), event.data).await?;
    Ok(Json(EventSent { id: accepted.id.to_string(), duplicate: accepted.duplicate }))
}

//! Connections: what each one's month has left.

use super::wire::Connections;
use crate::state::Shared;
use axum::Json;
use axum::extract::State;

pub(super) async fn list(State(shared): State<Shared>) -> Json<Connections> {
    Json(Connections { connections: shared.engine.budgets() })
}

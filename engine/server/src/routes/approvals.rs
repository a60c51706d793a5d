//! Approvals: what waits for people, and what they say.

use super::wire::{Approvals, Decide, Decided};
use crate::ApiError;
use crate::extract::{Body, Place};
use crate::state::Shared;
use axum::Json;
use axum::extract::State;
use engross_core::{Person, RunId, StepId};
use engross_runtime::DecisionEffect;

pub(super) async fn list(State(shared): State<Shared>) -> Result<Json<Approvals>, ApiError> {
    Ok(Json(Approvals { approvals: shared.engine.approvals().await? }))
}

pub(super) async fn decide(
    State(shared): State<Shared>,
    Place((run, step)): Place<(String, String)>,
    Body(request): Body<Decide>,
) -> Result<Json<Decided>, ApiError> {
    let (run, step, by) = (RunId::new(run), StepId::new(step), Person::new(request.by));
    let effect = shared.engine.decide(&run, &step, by, request.decision, request.comment).await?;
    let effect = match effect {
        DecisionEffect::Recorded => "recorded",
        DecisionEffect::Decided => "decided",
        DecisionEffect::Expired => "expired",
    };
    Ok(Json(Decided { effect: effect.to_string() }))
}

//! Approvals: what waits for people, and what they say.

use super::wire::{Approvals, ChangeSubject, Decide, Decided, Delegate};
use crate::ApiError;
use crate::extract::{Body, Place};
use crate::state::Shared;
use axum::Json;
use axum::extract::State;
use engross_core::{Decision, Person, RunId, StepId, Timestamp};
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
    // The engine says when it was made.
    let decision = Decision {
        comment: request.comment,
        form: request.form,
        subject_sha256: request.subject_sha256,
        ..Decision::new(by, request.decision, Timestamp::from_millis(0))
    };
    Ok(answer(shared.engine.record(&run, &step, decision).await?))
}

pub(super) async fn delegate(
    State(shared): State<Shared>,
    Place((run, step)): Place<(String, String)>,
    Body(request): Body<Delegate>,
) -> Result<Json<Decided>, ApiError> {
    let (run, step) = (RunId::new(run), StepId::new(step));
    let (by, to) = (Person::new(request.by), Person::new(request.to));
    Ok(answer(shared.engine.delegate(&run, &step, by, to, request.comment).await?))
}

pub(super) async fn change_subject(
    State(shared): State<Shared>,
    Place((run, step)): Place<(String, String)>,
    Body(request): Body<ChangeSubject>,
) -> Result<Json<Decided>, ApiError> {
    let (run, step, by) = (RunId::new(run), StepId::new(step), Person::new(request.by));
    let effect = shared.engine.subject_changed(&run, &step, request.subject_sha256, by, request.comment).await?;
    Ok(answer(effect))
}

fn answer(effect: DecisionEffect) -> Json<Decided> {
    let effect = match effect {
        DecisionEffect::Recorded => "recorded",
        DecisionEffect::Decided => "decided",
        DecisionEffect::Expired => "expired",
    };
    Json(Decided { effect: effect.to_string() })
}

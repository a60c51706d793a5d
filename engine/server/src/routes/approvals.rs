//! Approvals: what waits for people, and what they say.

use super::mend::or_archived;
use super::wire::{Approvals, ChangeSubject, Decide, Decided, Delegate};
use crate::ApiError;
use crate::extract::{Body, Place};
use crate::state::Shared;
use axum::Json;
use axum::extract::State;
use engross_core::{Decision, Person, RunId, StepId, Timestamp};
use engross_runtime::{DecisionEffect, Error, Found};

pub(super) async fn list(State(shared): State<Shared>) -> Result<Json<Approvals>, ApiError> {
    let Found { found: approvals, unreadable } = shared.engine.approvals().await?;
    Ok(Json(Approvals { approvals, unreadable }))
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
    let effect = shared.engine.record(&run, &step, decision).await;
    answer(&shared, &run, effect).await
}

pub(super) async fn delegate(
    State(shared): State<Shared>,
    Place((run, step)): Place<(String, String)>,
    Body(request): Body<Delegate>,
) -> Result<Json<Decided>, ApiError> {
    let (run, step) = (RunId::new(run), StepId::new(step));
    let (by, to) = (Person::new(request.by), Person::new(request.to));
    let effect = shared.engine.delegate(&run, &step, by, to, request.comment).await;
    answer(&shared, &run, effect).await
}

pub(super) async fn change_subject(
    State(shared): State<Shared>,
    Place((run, step)): Place<(String, String)>,
    Body(request): Body<ChangeSubject>,
) -> Result<Json<Decided>, ApiError> {
    let (run, step, by) = (RunId::new(run), StepId::new(step), Person::new(request.by));
    let effect = shared.engine.subject_changed(&run, &step, request.subject_sha256, by, request.comment).await;
    answer(&shared, &run, effect).await
}

async fn answer(
    shared: &Shared,
    run: &RunId,
    effect: Result<DecisionEffect, Error>,
) -> Result<Json<Decided>, ApiError> {
    let effect = match effect {
        Ok(DecisionEffect::Recorded) => "recorded",
        Ok(DecisionEffect::Decided) => "decided",
        Ok(DecisionEffect::Expired) => "expired",
        Err(error) => return Err(or_archived(shared, run, error).await),
    };
    Ok(Json(Decided { effect: effect.to_string() }))
}

//! Approvals: what waits for people, and what they say.

use super::mend::or_archived;
use super::wire::{Approvals, ChangeSubject, Decide, Decided, Delegate};
use crate::ApiError;
use crate::extract::{Body, Place};
use crate::state::Shared;
use axum::Json;
use axum::extract::State;
use engross_core::{Decision, Person, Rejection, RunId, StepId, Timestamp};
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
        round: request.round,
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
        Err(error) => {
            let hint = look_again(&error);
            let refused = or_archived(shared, run, error).await;
            return Err(match hint {
                Some(hint) => refused.hint(hint),
                None => refused,
            });
        }
    };
    Ok(Json(Decided { effect: effect.to_string() }))
}

/// What to do after a decision about what is not asked any more.
fn look_again(error: &Error) -> Option<String> {
    matches!(error, Error::Rejected(Rejection::Refused(refusal)) if refusal.is_stale()).then(|| {
        "look again at what is asked now (`engross approvals list`, `GET /api/v1/approvals`), and decide with its `round`"
            .to_string()
    })
}

//! Runs that cannot go on by themselves: what needs a person, and what people say and have done about it.
//!
//! What may be said of which step is the runtime's to decide. Here each refusal is given what to do next. Neighbours: `runs`
//! gives runs up, `approvals` takes decisions.

use super::wire::{AnswerStep, Incidents, ListIncidents, RerunRun, RetryStep, Saying};
use crate::ApiError;
use crate::extract::{Asked, Body, Place};
use crate::state::Shared;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use engross_core::{Person, Rejection, RunId, StepId};
use engross_runtime::{Error, Found, RunView, Said, Word};

pub(super) async fn list(
    State(shared): State<Shared>,
    Asked(query): Asked<ListIncidents>,
) -> Result<Json<Incidents>, ApiError> {
    let wanted = |of: &RunId| query.run.as_ref().is_none_or(|run| of.as_str() == run);
    let Found { found: mut incidents, mut unreadable } = shared.engine.incidents().await?;
    incidents.retain(|incident| wanted(&incident.run));
    unreadable.retain(|unreadable| wanted(&unreadable.run));
    Ok(Json(Incidents { incidents, unreadable }))
}

pub(super) async fn retry(
    State(shared): State<Shared>,
    Place((run, step)): Place<(String, String)>,
    Body(request): Body<RetryStep>,
) -> Result<Json<RunView>, ApiError> {
    let (run, step) = (RunId::new(run), StepId::new(step));
    let word = Word { by: Person::new(request.by), attempt: request.attempt, comment: request.comment };
    told(&shared, &run, shared.engine.retry(&run, &step, word).await).await
}

pub(super) async fn answer(
    State(shared): State<Shared>,
    Place((run, step)): Place<(String, String)>,
    Body(request): Body<AnswerStep>,
) -> Result<Json<RunView>, ApiError> {
    let (run, step) = (RunId::new(run), StepId::new(step));
    let word = Word { by: Person::new(request.by), attempt: request.attempt, comment: request.comment };
    let said = match request.said {
        Saying::Ended { outcome, outputs } => Said::Ended { outcome, outputs },
        Saying::NotDone => Said::NotDone,
    };
    told(&shared, &run, shared.engine.answer(&run, &step, said, word).await).await
}

pub(super) async fn rerun(
    State(shared): State<Shared>,
    Place(run): Place<String>,
    Body(request): Body<RerunRun>,
) -> Result<Json<RunView>, ApiError> {
    let (run, from) = (RunId::new(run), StepId::new(request.from));
    let word = Word { by: Person::new(request.by), attempt: None, comment: request.comment };
    told(&shared, &run, shared.engine.rerun(&run, &from, request.effects_again, word).await).await
}

async fn told(shared: &Shared, run: &RunId, done: Result<RunView, Error>) -> Result<Json<RunView>, ApiError> {
    let error = match done {
        Ok(view) => return Ok(Json(view)),
        Err(error) => error,
    };
    let hint = match &error {
        Error::Rejected(Rejection::NotStuck { step, state: "waiting" }) if asks_people(shared, run, step).await => {
            Some(format!(
                "those who are asked decide, by `engross approvals approve {run} {step}` or `reject`; to give the run up, \
                 `engross runs cancel {run}`"
            ))
        }
        Error::Rejected(rejection) => next(run, rejection),
        _ => None,
    };
    let refused = or_archived(shared, run, error).await;
    Err(match hint {
        Some(hint) => refused.hint(hint),
        None => refused,
    })
}

/// Whether a step waits for a decision of people.
async fn asks_people(shared: &Shared, run: &RunId, step: &StepId) -> bool {
    let view = shared.engine.run(run).await;
    view.is_ok_and(|view| view.steps.iter().any(|known| known.id == *step && known.uses == "approval"))
}

/// A refusal as it is answered. A run that the engine does not know any more may be in the archive, which is another thing than
/// a run that never was.
pub(super) async fn or_archived(shared: &Shared, run: &RunId, error: Error) -> ApiError {
    if !matches!(error, Error::NoRun(_)) {
        return error.into();
    }
    match shared.engine.run(run).await {
        Ok(_) => {
            let message = format!("run {run} is in the archive: it is over, and nothing of it can be changed");
            ApiError::new(StatusCode::CONFLICT, "archived", message).hint("start a new run")
        }
        // What is wrong with its file says more.
        Err(of_its_file) => of_its_file.into(),
    }
}

/// What to do after a refusal; none where its own words say it.
fn next(run: &RunId, rejection: &Rejection) -> Option<String> {
    Some(match rejection {
        Rejection::NotStuck { step, state: "in_doubt" } => format!(
            "find out at the provider whether it happened, and say so: `engross in-doubt happened {run} {step}` or `engross \
             in-doubt not-done {run} {step}`"
        ),
        Rejection::NotStuck { state: "completed" | "skipped" | "cancelled", step } => {
            format!("it is over; `engross runs rerun {run} --from {step}` runs it and all that follows from it again")
        }
        Rejection::NotStuck { .. } | Rejection::Stale { .. } | Rejection::OtherAttempt { .. } => {
            format!("`engross runs show {run}` shows how it stands now")
        }
        Rejection::UnknownStep(_) => format!("`engross runs show {run}` lists the steps"),
        Rejection::UnknownOutcome { .. } => "name one of these as the `outcome`".to_string(),
        Rejection::NotByHand(step) => {
            format!(
                "have it tried again, and let those approve who are asked: `engross runs retry {run} {step}`; or run again \
                 what comes before it, by `engross runs rerun {run} --from STEP`; or give the run up, by `engross runs cancel {run}`"
            )
        }
        Rejection::Over(_) => {
            format!("a run that is over goes on only from a step: `engross runs rerun {run} --from STEP`")
        }
        Rejection::GivenUp => "start a new run once this one is cancelled".to_string(),
        Rejection::UnderWay(_) => {
            format!("wait until it is over or stands still (`engross runs watch {run}`), or cancel the run first")
        }
        Rejection::EffectsAgain(_) => {
            "look at the provider what is there; if all of it may happen once more, under new keys, \
                                       say `effects_again` (`--effects-again` on the command line)"
                .to_string()
        }
        Rejection::NeedsUnmet { .. } => {
            format!("name an earlier step; `engross runs show {run}` shows what each of them did")
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::next;
    use engross_core::{Rejection, RunId, StepId};

    #[test]
    fn every_refusal_of_a_persons_word_says_what_to_do_next() {
        let step = || StepId::new("send");
        for (rejection, expected) in [
            (Rejection::NotStuck { step: step(), state: "in_doubt" }, "engross in-doubt happened r1 send"),
            (Rejection::NotStuck { step: step(), state: "completed" }, "engross runs rerun r1 --from send"),
            (Rejection::NotStuck { step: step(), state: "running" }, "engross runs show r1"),
            (Rejection::OtherAttempt { step: step(), spoken_of: 1, last: 2 }, "engross runs show r1"),
            (Rejection::UnknownOutcome { step: step(), known: "a, b".into() }, "`outcome`"),
            (Rejection::NotByHand(step()), "engross runs retry r1 send"),
            (Rejection::UnderWay("send".into()), "engross runs watch r1"),
            (Rejection::EffectsAgain("send".into()), "`effects_again`"),
            (Rejection::NeedsUnmet { step: step(), need: "x".into() }, "earlier step"),
            (Rejection::GivenUp, "new run"),
            (Rejection::UnknownStep(step()), "lists the steps"),
        ] {
            let hint = next(&RunId::new("r1"), &rejection).unwrap_or_default();
            assert!(hint.contains(expected), "{rejection}: {hint}");
        }
    }
}

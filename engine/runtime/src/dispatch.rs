//! Attempts and looks: what a turn ordered is done here, and what comes back is the run's next input.
//!
//! The order that everything rests on: the intent of an effect is durable before `execute` is called, and `execute` is never
//! called without it. A panic in a plugin is a failed attempt, not a dead engine.

use crate::engine::Engine;
use crate::limits::{ATTEMPT_MS_MAX, LOOK_UP_MS_MIN};
use crate::turn::Loaded;
use crate::{Error, children, fits, groups, inbox};
use engross_core::limits::OUTPUT_BYTES_MAX;
use engross_core::{
    Completion, EffectClass, ErrorClass, Event, EventId, Input, Intents, OnEvent, Person, PlanStep, RunId, RunState,
    StepError, StepId, StepResult, StepState, Timestamp, WaitKind, check_size,
};
use engross_step_api::{Reconciled, Step, StepContext, Wake};
use futures_util::FutureExt;
use serde_json::Value;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

/// Begins an attempt in the background.
pub(crate) fn run_step(engine: Engine, run: RunId, step: StepId, attempt: u32) {
    tokio::spawn(async move {
        if let Err(error) = attempt_step(&engine, &run, &step, attempt).await {
            report(&error, &run, &step);
        }
    });
}

/// Begins a look in the background.
pub(crate) fn check_step(engine: Engine, run: RunId, step: StepId, check: u32) {
    tokio::spawn(async move {
        if let Err(error) = look(&engine, &run, &step, check).await {
            report(&error, &run, &step);
        }
    });
}

/// Gives a run up that a step of another one waits for.
pub(crate) fn cancel_run(engine: Engine, run: RunId, by: Person, reason: Option<String>) {
    tokio::spawn(async move {
        match engine.turn(&run, Input::Cancel { by, reason }).await {
            Ok(_) => {}
            Err(Error::Rejected(rejection)) => {
                tracing::debug!(%run, %rejection, "there is nothing to give up any more")
            }
            Err(error) => tracing::error!(%run, %error, "a run could not be given up with the one that started it"),
        }
    });
}

/// Looks in the background who of a group may go to work.
pub(crate) fn admit(engine: Engine, group: String) {
    tokio::spawn(async move {
        if let Err(error) = groups::admit(&engine, &group).await {
            tracing::error!(%group, %error, "no run of the group could be admitted; the next end of one tries again");
        }
    });
}

/// Tells in the background whoever waits for a run that it is over.
pub(crate) fn tell_of_the_end(engine: Engine, ended: Arc<RunState>) {
    tokio::spawn(async move {
        if let Err(error) = children::tell_of_the_end(&engine, &ended).await {
            tracing::error!(run = %ended.run, %error, "the end of a run could not be told; the next start tries again");
        }
    });
}

fn report(error: &Error, run: &RunId, step: &StepId) {
    match error {
        // The run has moved on without this attempt or look: cancelled, or ended by somebody else first.
        Error::Rejected(rejection) => tracing::debug!(%run, %step, %rejection, "an answer came too late to matter"),
        error => tracing::error!(%run, %step, %error, "a step's answer could not be kept"),
    }
}

/// Everything an attempt needs, read from the run's state when its turn has come.
struct Job {
    plugin: Arc<dyn Step>,
    spec: PlanStep,
    context: StepContext,
    input: Arc<Value>,
}

async fn attempt_step(engine: &Engine, run: &RunId, step: &StepId, attempt: u32) -> Result<(), Error> {
    loop {
        let permits = permits(engine, run, step).await?;
        if engine.inner.is_stopping() {
            return Ok(());
        }
        let loaded = engine.current(run).await?;
        let Some(state @ StepState::Running { attempt: now, input, maybe_done, intents, .. }) =
            loaded.state.steps.get(step)
        else {
            return Ok(());
        };
        if *now != attempt {
            return Ok(());
        }
        let result = match job(engine, &loaded, step, attempt, input.clone(), *intents) {
            Ok(job) => match carry_out(engine, &job, state).await? {
                Carried::Back(result) => result,
                Carried::Unwanted => return Ok(()),
                Carried::NotSettled(pause) => {
                    drop(permits);
                    engine.pause(pause).await;
                    continue;
                }
            },
            // What keeps this attempt from beginning says nothing about an earlier one.
            Err(error) if *maybe_done => Err(error.maybe_done()),
            Err(error) => Err(error),
        };
        return told(engine, run, step, attempt, result).await;
    }
}

/// How an attempt came back.
enum Carried {
    /// With an answer.
    Back(Result<StepResult, StepError>),
    /// The run no longer wants it.
    Unwanted,
    /// A look did not find the effect of a request that may still be on its way: it is worth nothing before this pause is over.
    NotSettled(Duration),
}

/// Tells the run how its attempt ended; an answer that cannot be kept is a failure of ours.
async fn told(
    engine: &Engine,
    run: &RunId,
    step: &StepId,
    attempt: u32,
    result: Result<StepResult, StepError>,
) -> Result<(), Error> {
    let acted = result.is_ok();
    match finish(engine, run, step, attempt, result).await {
        Err(Error::BadRequest(why)) => {
            let error = StepError::new(ErrorClass::Internal, "not_kept", format!("the answer cannot be kept: {why}"));
            finish(engine, run, step, attempt, Err(if acted { error.maybe_done() } else { error })).await
        }
        finished => finished,
    }
}

async fn finish(
    engine: &Engine,
    run: &RunId,
    step: &StepId,
    attempt: u32,
    result: Result<StepResult, StepError>,
) -> Result<(), Error> {
    let random = engine.inner.ids.random();
    engine.turn(run, Input::StepFinished { step: step.clone(), attempt, result, random }).await?;
    Ok(())
}

/// Looks an uncertain effect up, journals the intent, then acts.
async fn carry_out(engine: &Engine, job: &Job, state: &StepState) -> Result<Carried, Error> {
    let StepState::Running { maybe_done, intents, last_error, forgiven, deadline, .. } = state else {
        return Ok(Carried::Unwanted);
    };
    let (maybe_done, intents, deadline) = (*maybe_done, *intents, *deadline);
    if maybe_done && job.spec.effect == EffectClass::Reconcilable {
        // The step's time may have run out while no engine ran. Whether the effect happened is worth a look all the same.
        let budget = time_left(engine, deadline).max(Duration::from_millis(LOOK_UP_MS_MIN));
        let sent_at = engine.inner.clock.now();
        match bounded(budget, async { job.plugin.reconcile(&job.context, &job.input).await }).await {
            Ok(Reconciled::Done(done)) => return Ok(Carried::Back(checked(&job.spec, StepResult::Reconciled(done)))),
            Ok(Reconciled::NotDone) => {
                let pause = until_settled(engine, job, intents, sent_at);
                if let Some(pause) = pause {
                    return Ok(Carried::NotSettled(pause));
                }
            }
            // Whatever the look-up says of itself, the effect that it was to find is as uncertain as before.
            Err(error) => return Ok(Carried::Back(Err(error.maybe_done()))),
        }
        if job.context.attempt.saturating_sub(*forgiven) > job.spec.retry.attempts {
            return Ok(Carried::Back(Err(nothing_came_of_it(last_error.as_ref()))));
        }
    }
    let budget = time_left(engine, deadline);
    if budget.is_zero() {
        let message = "the step's time was over before this attempt could begin";
        return Ok(Carried::Back(Err(StepError::new(ErrorClass::Transient, "timeout", message))));
    }
    if job.spec.effect != EffectClass::Read && !intend(engine, job).await? {
        return Ok(Carried::Unwanted);
    }
    let result = bounded(budget, async { job.plugin.execute(&job.context, &job.input).await }).await;
    let result = match result {
        Ok(result) => checked(&job.spec, result),
        Err(error) if job.spec.effect == EffectClass::Read => {
            Err(StepError { effect: engross_core::EffectState::NotDone, ..error })
        }
        Err(error) => Err(error),
    };
    Ok(Carried::Back(result))
}

/// The end of a step whose attempts are used up and which a look does not find: in the words of the last attempt.
fn nothing_came_of_it(last: Option<&StepError>) -> StepError {
    let (code, words) =
        last.map_or(("not_done", "no answer came"), |error| (error.code.as_str(), error.message.as_str()));
    StepError::new(ErrorClass::Unknown, code, format!("{words}; a look shows that nothing came of it"))
}

/// How long a request whose answer was lost may still be on its way: a proxy or the provider itself may act on it after its
/// sender is gone. A look saw what was there when it was sent, however late its answer came: one that was sent too soon is
/// made again, at once when the time is over meanwhile.
fn until_settled(engine: &Engine, job: &Job, intents: Option<Intents>, sent_at: Timestamp) -> Option<Duration> {
    let settle_ms = job.context.connection.as_ref().map_or(0, |connection| connection.settle_ms);
    let settled_at = intents?.let_go.plus_ms(settle_ms);
    (sent_at < settled_at).then(|| Duration::from_millis(settled_at.ms_since(engine.inner.clock.now())))
}

/// Whether the intent is durable, so that the effect may leave.
async fn intend(engine: &Engine, job: &Job) -> Result<bool, Error> {
    // An intent that nothing follows would be a doubt at the next start.
    if engine.inner.is_stopping() {
        return Ok(false);
    }
    let (step, attempt) = (job.context.step.clone(), job.context.attempt);
    match engine.turn(&job.context.run, Input::EffectIntending { step, attempt }).await {
        Ok(done) => Ok(done.events.iter().any(|event| matches!(event, Event::EffectIntended { .. }))),
        Err(Error::Rejected(rejection)) => {
            tracing::debug!(run = %job.context.run, step = %job.context.step, %rejection, "nothing left: the run moved on");
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

fn time_left(engine: &Engine, deadline: Option<Timestamp>) -> Duration {
    let ms = deadline.map_or(ATTEMPT_MS_MAX, |at| at.ms_since(engine.inner.clock.now()).min(ATTEMPT_MS_MAX));
    Duration::from_millis(ms)
}

async fn look(engine: &Engine, run: &RunId, step: &StepId, check: u32) -> Result<(), Error> {
    let _permits = permits(engine, run, step).await?;
    if engine.inner.is_stopping() {
        return Ok(());
    }
    let loaded = engine.current(run).await?;
    let Some(StepState::Waiting { wait, input, woken_by, wakes, .. }) = loaded.state.steps.get(step) else {
        return Ok(());
    };
    if *wakes != check {
        return Ok(());
    }
    let result = match &wait.kind {
        WaitKind::Event { on_event: OnEvent::Finish(_), subscriptions, .. } => {
            let since = loaded.state.started_at;
            if inbox::bring_earlier(engine, run, step, subscriptions, since).await? {
                return Ok(());
            }
            Ok(None)
        }
        WaitKind::Event { .. } | WaitKind::Run { .. } | WaitKind::Timer | WaitKind::Approval(_) => {
            match job(engine, &loaded, step, check, input.clone(), None) {
                Ok(job) => check_once(&job, woken_by.clone()).await,
                // A mistake in the configuration of one start does not end a wait of weeks.
                Err(error) => Err(StepError { class: ErrorClass::Transient, ..error }),
            }
        }
    };
    match looked(engine, run, step, check, result).await {
        Err(Error::BadRequest(why)) => {
            let error =
                StepError::new(ErrorClass::Internal, "not_kept", format!("what was seen cannot be kept: {why}"));
            looked(engine, run, step, check, Err(error)).await
        }
        looked => looked,
    }
}

async fn looked(
    engine: &Engine,
    run: &RunId,
    step: &StepId,
    check: u32,
    result: Result<Option<Completion>, StepError>,
) -> Result<(), Error> {
    let random = engine.inner.ids.random();
    engine.turn(run, Input::CheckFinished { step: step.clone(), check, result, random }).await?;
    Ok(())
}

async fn check_once(job: &Job, woken_by: Option<EventId>) -> Result<Option<Completion>, StepError> {
    let wake = woken_by.map_or(Wake::Poll, Wake::Event);
    let budget = Duration::from_millis(ATTEMPT_MS_MAX);
    match bounded(budget, async { job.plugin.check(&job.context, &job.input, wake).await }).await? {
        Some(done) => match checked(&job.spec, StepResult::Done(done))? {
            StepResult::Done(done) | StepResult::Reconciled(done) => Ok(Some(done)),
            StepResult::Parked(_) => Ok(None),
        },
        None => Ok(None),
    }
}

/// The right to be at work: one of the engine's, and one of the connection's.
async fn permits(
    engine: &Engine,
    run: &RunId,
    step: &StepId,
) -> Result<[Option<tokio::sync::OwnedSemaphorePermit>; 2], Error> {
    let loaded = engine.current(run).await?;
    let connection = loaded.plan.step(step).and_then(|s| s.connection.as_ref());
    let of_connection = match connection.and_then(|name| engine.inner.permits.get(name)) {
        Some(semaphore) => Some(semaphore.clone().acquire_owned().await.map_err(|_| Error::Stopping)?),
        None => None,
    };
    let of_engine = engine.inner.working.clone().acquire_owned().await.map_err(|_| Error::Stopping)?;
    Ok([of_connection, Some(of_engine)])
}

fn job(
    engine: &Engine,
    loaded: &Loaded,
    step: &StepId,
    attempt: u32,
    input: Arc<Value>,
    intents: Option<Intents>,
) -> Result<Job, StepError> {
    let inner = &engine.inner;
    let spec = loaded
        .plan
        .step(step)
        .ok_or_else(|| StepError::new(ErrorClass::Internal, "no_step", "the plan has no such step"))?
        .clone();
    let plugin = inner.registry.step(&spec.uses).cloned().ok_or_else(|| {
        StepError::new(ErrorClass::Invalid, "no_operation", format!("`{}` is not known to this engine", spec.uses))
            .hint("start the engine with the provider's manifest beside the workflows")
    })?;
    let connection = match &spec.connection {
        Some(name) => Some(inner.connections.get(name).cloned().ok_or_else(|| {
            StepError::new(ErrorClass::Invalid, "no_connection", format!("there is no connection `{name}`"))
                .hint("add it under `connections:` in engross.yaml")
        })?),
        None => None,
    };
    fits::check(engine, &*plugin, &input)?;
    let state = &loaded.state;
    let context = StepContext {
        run: state.run.clone(),
        step: step.clone(),
        attempt,
        key: state.idempotency_key(step),
        run_started_at: intents.map_or(state.started_at, |intents| intents.first),
        now: inner.clock.now(),
        requester: state.requester.clone(),
        connection,
        files: inner.files.clone(),
        directory: inner.directory.clone(),
        child: children::of_step(engine, loaded, step),
        policy: spec.policy.as_deref().cloned().map(Arc::new),
    };
    Ok(Job { plugin, spec, context, input })
}

/// Refuses outputs that the journal must not hold.
fn checked(spec: &PlanStep, result: StepResult) -> Result<StepResult, StepError> {
    let (StepResult::Done(done) | StepResult::Reconciled(done)) = &result else { return Ok(result) };
    if let Err(oversize) = check_size(&done.outputs, OUTPUT_BYTES_MAX) {
        let message = format!("the outputs have {oversize}, which is more than a step may leave");
        let error = StepError::new(ErrorClass::Invalid, "outputs_too_large", message);
        return Err(if spec.effect == EffectClass::Read { error } else { error.maybe_done() });
    }
    Ok(result)
}

/// Runs plugin code within its time. Running out, or a panic, leaves open what it had done by then.
async fn bounded<T>(budget: Duration, work: impl Future<Output = Result<T, StepError>>) -> Result<T, StepError> {
    match tokio::time::timeout(budget, AssertUnwindSafe(work).catch_unwind()).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => {
            Err(StepError::new(ErrorClass::Internal, "panic", "the step's code broke off; the log has the place")
                .maybe_done())
        }
        Err(_) => {
            let message = format!("no answer within {} s", budget.as_secs_f32());
            Err(StepError::new(ErrorClass::Transient, "timeout", message).maybe_done())
        }
    }
}

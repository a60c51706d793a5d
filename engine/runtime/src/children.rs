//! Runs that steps of other runs start and wait for.
//!
//! A child's id is made of its parent's key, so that whoever starts it a second time finds it there. Its end is told to those
//! that wait for it as soon as it is durable; what a stop of the engine left untold, the next start tells.

use crate::Error;
use crate::engine::Engine;
use crate::turn::{Begun, Loaded};
use crate::{api, triggers};
use async_trait::async_trait;
use engross_compiler::validate_inputs;
use engross_core::{
    Completion, ErrorClass, EventId, Input, NOT_STARTED, Parent, Plan, PlanDefinition, PlanStep, ReceivedEvent, RunId,
    RunState, RunStatus, StartRequest, StepError, StepId, StepState, Subscription, WaitKind,
};
use engross_step_api::{ChildRun, ChildRuns};
use engross_store::{RunHead, Store, StoredPlan, WaitRow};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What the events are called by which runs tell of their end.
const ENDED: &str = "run.ended";

/// The runs of one step of one run.
struct OfStep {
    engine: Engine,
    loaded: Loaded,
    step: StepId,
    definition: PlanDefinition,
}

/// What a step that starts a workflow is given; nothing for any other step.
pub(crate) fn of_step(engine: &Engine, loaded: &Loaded, step: &StepId) -> Option<Arc<dyn ChildRuns>> {
    let definition = loaded.plan.step(step)?.child.as_deref()?.clone();
    Some(Arc::new(OfStep { engine: engine.clone(), loaded: loaded.clone(), step: step.clone(), definition }))
}

fn invalid(code: &str, message: impl Into<String>) -> StepError {
    StepError::new(ErrorClass::Invalid, code, message)
}

/// A failure of the engine's own, which another attempt may not meet.
fn ours(error: &Error) -> StepError {
    StepError::new(ErrorClass::Transient, "engine", error.to_string()).maybe_done()
}

impl OfStep {
    /// Whether the run that wants the child was given up, also while this attempt was on its way here.
    async fn is_given_up(&self) -> Result<bool, StepError> {
        let now = self.engine.current(&self.loaded.state.run).await.map_err(|error| ours(&error))?;
        Ok(now.state.cancel.is_some() && PlanStep::undone_by(&self.step).is_none())
    }

    /// The child that an earlier attempt has started, so that it is given up, too. None is started only to be given up: its
    /// first effect could leave before.
    async fn find(&self, run: RunId) -> Result<ChildRun, StepError> {
        match self.engine.known(&run).await {
            Ok(_) => Ok(ChildRun { run, owned: true }),
            Err(Error::NoRun(_)) => {
                let message = format!("`{}` was not started before the run was given up", self.definition.name);
                Err(StepError::new(ErrorClass::State, NOT_STARTED, message))
            }
            Err(error) => Err(ours(&error)),
        }
    }
}

#[async_trait]
impl ChildRuns for OfStep {
    async fn start(&self, inputs: &Value, key: Option<&str>) -> Result<ChildRun, StepError> {
        let parent = &self.loaded.state;
        let (name, key_of_step) = (&self.definition.name, parent.idempotency_key(&self.step));
        let run = triggers::run_id(name, "workflow", key_of_step.as_str(), parent.started_at);
        if self.is_given_up().await? {
            return self.find(run).await;
        }
        let plan = Plan::build(self.definition.clone()).map_err(|error| invalid("no_plan", error.to_string()))?;
        let plan = Arc::new(plan);
        let inputs = validate_inputs(&plan, inputs.clone()).map_err(|problems| {
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            invalid("inputs", format!("the inputs of `{}` do not fit: {}", self.definition.name, problems.join("; ")))
        })?;
        api::asks_by_name(&plan, &parent.requester).map_err(|error| invalid("requester", error.to_string()))?;
        let request = StartRequest {
            run: run.clone(),
            inputs: inputs.clone(),
            requester: parent.requester.clone(),
            key: key.map(str::to_string),
            parent: Some(Parent { run: parent.run.clone(), step: self.step.clone() }),
        };
        // The file it was compiled from is not kept with the parent's plan; the definition is what runs.
        let stored =
            StoredPlan { digest: plan.digest().clone(), definition: self.definition.clone(), source: String::new() };
        self.engine.inner.remember(plan.clone());
        match self.engine.first_turn(plan, Input::Start(request), stored).await {
            Ok(Begun::New(_)) => Ok(ChildRun { run, owned: true }),
            Ok(Begun::Attached(holder)) if holder == run => Ok(ChildRun { run, owned: true }),
            Ok(Begun::Attached(holder)) => match self.engine.attach(holder, &inputs).await {
                Ok(started) => Ok(ChildRun { run: started.run, owned: false }),
                Err(error) => Err(invalid("run_key", error.to_string())),
            },
            Err(error @ (Error::Store(_) | Error::Stopping)) => Err(ours(&error)),
            Err(error) => Err(invalid("start", error.to_string())),
        }
    }

    async fn ended(&self) -> Result<Option<Completion>, StepError> {
        let Some(StepState::Waiting { wait, .. }) = self.loaded.state.steps.get(&self.step) else { return Ok(None) };
        let WaitKind::Run { run, .. } = &wait.kind else { return Ok(None) };
        let state = match self.engine.known(run).await {
            Ok(loaded) => loaded.state,
            Err(error @ Error::NoRun(_)) => {
                return Ok(Some(Completion::new("failed", json!({ "message": error.to_string() }))));
            }
            Err(error) => return Err(ours(&error)),
        };
        Ok(completion(&state))
    }
}

/// Those of the runs that steps of a run have started which are not over: a person may have had one go on again, of which the
/// run was not told.
pub(crate) async fn going_on(engine: &Engine, run: &RunId) -> Result<BTreeSet<RunId>, Error> {
    let state = engine.current(run).await?.state;
    let children: BTreeSet<RunId> = state.steps.keys().filter_map(|step| state.owned_child(step)).cloned().collect();
    let heads = move |store: &dyn Store| children.into_iter().map(|child| Ok((store.head(&child)?, child))).collect();
    let heads: Vec<(Option<RunHead>, RunId)> = engine.inner.read(heads).await?;
    // A run that is not in the store any more is over, and in the archive.
    Ok(heads
        .into_iter()
        .filter(|(head, _)| head.as_ref().is_some_and(|h| !h.status.is_over()))
        .map(|(_, id)| id)
        .collect())
}

fn completion(state: &RunState) -> Option<Completion> {
    let told = || {
        let why = state.problem.as_ref().map_or_else(String::new, |problem| format!(": {}", problem.message));
        json!({ "message": format!("run {} of `{}` is {}{why}", state.run, state.workflow, state.status.as_str()) })
    };
    match state.status {
        RunStatus::Running | RunStatus::Cancelling | RunStatus::Compensating => None,
        RunStatus::Succeeded => Some(Completion::new("succeeded", state.outputs.clone())),
        RunStatus::Stopped => Some(Completion::new("stopped", Value::Null)),
        RunStatus::Failed | RunStatus::Cancelled => Some(Completion::new("failed", told())),
    }
}

/// Tells the steps that wait for a run that it is over.
pub(crate) async fn tell_of_the_end(engine: &Engine, ended: &RunState) -> Result<(), Error> {
    let topic = Subscription::to_run(&ended.run).topic;
    let waits = engine.inner.read(move |store| store.waits(&topic)).await?;
    for wait in waits {
        tell(engine, &wait, &ended.run, ended.seq, ended.status).await?;
    }
    Ok(())
}

/// The ends that the last process did not tell of.
pub(crate) async fn tell_what_was_left(engine: &Engine) -> Result<usize, Error> {
    let waits = engine.inner.read(|store| store.waits(Subscription::RUNS)).await?;
    let mut told = 0;
    for wait in waits {
        let Some(run) = wait.subscription.matching.get("run").map(RunId::new) else { continue };
        let wanted = run.clone();
        let head = engine.inner.read(move |store| store.head(&wanted)).await?;
        // A run that is not in the store any more is over, and in the archive.
        let (seq, status) = head.map_or((0, RunStatus::Succeeded), |head| (head.seq, head.status));
        if status.is_over() {
            tell(engine, &wait, &run, seq, status).await?;
            told += 1;
        }
    }
    Ok(told)
}

async fn tell(engine: &Engine, wait: &WaitRow, ended: &RunId, seq: u64, status: RunStatus) -> Result<(), Error> {
    let event = ReceivedEvent {
        // A run that is opened again ends a second time, and that is another event.
        id: EventId::new(format!("run/{ended}/{seq}")),
        kind: ENDED.to_string(),
        data: json!({ "run": ended, "status": status }),
        received_at: engine.inner.clock.now(),
    };
    match engine.turn(&wait.run, Input::EventMatched { step: wait.step.clone(), event }).await {
        Ok(_) | Err(Error::Rejected(_)) => Ok(()),
        Err(error @ (Error::Store(_) | Error::Stopping)) => Err(error),
        // One run that cannot go on does not keep the others from it.
        Err(error) => {
            tracing::error!(run = %wait.run, %error, "a run could not be told that the one it waits for is over");
            Ok(())
        }
    }
}

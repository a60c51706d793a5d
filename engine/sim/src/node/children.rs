//! Runs that steps of other runs start and wait for. A child's id is made of its parent's, of the step, and of which re-run of it
//! starts it, so that a second start finds it there. Its end is told when it is durable; what was left untold, the next start tells.

use super::dispatch::epoch;
use super::{Answer, Op, Refused, Task, Then};
use crate::Bug;
use crate::generate::uses;
use crate::world::World;
use engross_core::{
    Completion, ErrorClass, EventId, Input, NOT_STARTED, Parent, Plan, ReceivedEvent, RunId, RunState, RunStatus,
    StartRequest, StepError, StepResult, StepState, Subscription, Wait, WaitKind,
};
use engross_store::{Store, WaitRow};
use serde_json::{Value, json};
use std::sync::Arc;

impl World {
    /// The effect of a step that starts a run.
    pub(super) fn start_child(&mut self, id: u64) {
        let Some(job) = self.node.jobs.get(&id) else { return };
        let (run, step) = (job.run.clone(), job.step.clone());
        let definition = job.spec.as_ref().and_then(|spec| spec.child.as_deref()).cloned();
        let known = self.oracle.runs.get(&run).map(|watched| watched.state.clone());
        let (Some(state), Some(Ok(plan))) = (known, definition.map(Plan::build)) else { return };
        let Some(StepState::Running { input, .. }) = state.steps.get(&step) else { return };
        debug_assert_eq!(job.spec.as_ref().map(|spec| spec.uses.as_str()), Some(uses::RUN));
        let child = RunId::new(format!("{run}~{step}~{}", epoch(&state, &step)));
        if state.cancel.is_some() {
            let result = if self.oracle.runs.contains_key(&child) {
                Ok(StepResult::Parked(Wait { kind: WaitKind::Run { run: child, owned: true }, deadline: None }))
            } else {
                Err(StepError::new(ErrorClass::State, NOT_STARTED, "the run was given up first"))
            };
            return self.finish(id, result);
        }
        let request = StartRequest {
            run: child,
            inputs: input.get("inputs").cloned().unwrap_or_default(),
            requester: state.requester.clone(),
            key: input.get("key").map(|key| format!("order/{key}")),
            parent: Some(Parent { run, step }),
        };
        self.first_turn(Arc::new(plan), request, Then::ChildBegun(id));
    }

    /// The run is there: just started, or by an earlier attempt, or another one that holds its key.
    pub(super) fn child_begun(&mut self, id: u64, child: &RunId, answer: &Answer) {
        let wanted = self.node.jobs.get(&id).and_then(|job| {
            let state = self.oracle.runs.get(&job.run)?.state.steps.get(&job.step)?;
            match state {
                StepState::Running { input, .. } => input.get("inputs").cloned(),
                _ => None,
            }
        });
        let invalid = |code: &str| StepError::new(ErrorClass::Invalid, code, "the run cannot be started");
        let result = match answer {
            Err(Refused::Unavailable) => Err(StepError::new(ErrorClass::Transient, "engine", "").maybe_done()),
            Err(Refused::Rejected(_)) => Err(invalid("start")),
            Ok(done) => {
                let (run, owned) = (done.state.run.clone(), done.state.run == *child);
                if owned || wanted.as_ref() == Some(&*done.state.inputs) {
                    Ok(StepResult::Parked(Wait { kind: WaitKind::Run { run, owned }, deadline: None }))
                } else {
                    Err(invalid("run_key"))
                }
            }
        };
        self.finish(id, result);
    }

    /// Where the run stands that a step waits for.
    pub(super) fn child_seen(&mut self, id: u64, answer: &Answer) {
        let seen = match answer {
            Ok(done) => completion(&done.state),
            Err(_) => Some(Completion::new("failed", json!({ "message": "there is no such run" }))),
        };
        let seen = match seen {
            Some(done) if done.outcome.as_str() == "stopped" && self.bug(Bug::StoppedIsSuccess) => {
                Some(Completion::new("succeeded", Value::Null))
            }
            seen => seen,
        };
        self.looked(id, Ok(seen));
    }

    /// A run has just ended: those that wait for it, or for its place, are looked after.
    pub(super) fn others_may_wait(&mut self, state: &RunState) {
        if !self.fates.shape.rich {
            return;
        }
        self.soon(Task::Tell { run: state.run.clone(), seq: state.seq, status: state.status });
        if let Some(group) = super::groups::name(state) {
            self.soon(Task::Admit(group));
        }
        if self.is_awaited_by_a_schedule(&state.run) {
            self.tend_in(0);
        }
    }

    pub(super) fn tell_of_the_end(&mut self, run: &RunId, seq: u64, status: RunStatus) {
        for wait in self.disk.waits(&Subscription::to_run(run).topic).unwrap_or_default() {
            self.tell(&wait, run, seq, status, Then::Nothing);
        }
    }

    fn tell(&mut self, wait: &WaitRow, ended: &RunId, seq: u64, status: RunStatus, then: Then) {
        let event = ReceivedEvent {
            id: EventId::new(format!("run/{ended}/{seq}")),
            kind: "run.ended".to_string(),
            data: json!({ "run": ended, "status": status }),
            received_at: self.wall(),
        };
        let input = Box::new(Input::EventMatched { step: wait.step.clone(), event });
        self.give(&wait.run, Op::Turn { input, quiet: false }, then);
    }

    /// At a start: the ends that the last process did not tell of.
    pub(super) fn tell_what_was_left(&mut self) {
        let waits = self.disk.waits(Subscription::RUNS).unwrap_or_default();
        let ended = waits.into_iter().filter_map(|wait| {
            let run = wait.subscription.matching.get("run").map(RunId::new)?;
            let head = self.disk.head(&run).ok().flatten()?;
            head.status.is_over().then_some((wait, run, head.seq, head.status))
        });
        let left = if self.bug(Bug::EndUntold) { Default::default() } else { ended.collect() };
        self.node.to_tell = left;
        self.tell_next_left();
    }

    pub(super) fn tell_next_left(&mut self) {
        match self.node.to_tell.pop_front() {
            Some((wait, run, seq, status)) => self.tell(&wait, &run, seq, status, Then::ToldLeft),
            None => self.admit_all(),
        }
    }
}

fn completion(state: &RunState) -> Option<Completion> {
    match state.status {
        RunStatus::Running | RunStatus::Cancelling | RunStatus::Compensating => None,
        RunStatus::Succeeded => Some(Completion::new("succeeded", state.outputs.clone())),
        RunStatus::Stopped => Some(Completion::new("stopped", Value::Null)),
        RunStatus::Failed | RunStatus::Cancelled => {
            Some(Completion::new("failed", json!({ "message": format!("{} did not end well", state.run) })))
        }
    }
}

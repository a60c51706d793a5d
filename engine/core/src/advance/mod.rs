//! The one place that decides. One file per input; `settle` does what follows from every one of them.
//!
//! Each input's file answers with facts through [`Work`], which folds them at once, so that later decisions of the same
//! turn see them. Nothing here reads a clock or draws a number.

mod attempt;
mod cancel;
mod check;
mod decision;
mod matched;
mod restarted;
mod settle;
mod start;
mod timer;

use crate::approval::Refusal;
use crate::{
    Command, Evaluate, Event, Input, Plan, RunState, RunStatus, StepId, StepState, Timestamp, apply, outstanding,
};
use std::collections::BTreeSet;

/// What a decision is made with.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The run's plan.
    pub plan: &'a Plan,
    /// What templates mean.
    pub evaluator: &'a dyn Evaluate,
    /// The time of the turn.
    pub now: Timestamp,
}

/// What was decided. The shell makes the events durable, then carries the commands out.
#[derive(Clone, Debug)]
#[must_use]
pub struct Turn {
    /// The facts, in order. Empty when the input changed nothing.
    pub events: Vec<Event>,
    /// The state with the facts folded in; its `seq` counts them.
    pub state: RunState,
    /// What is owed now and was not before.
    pub issued: BTreeSet<Command>,
    /// What was owed before and is not any more.
    pub withdrawn: BTreeSet<Command>,
}

/// Why an input is not accepted. Nothing of it is journaled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// A start of a run that exists.
    #[error("the run has started already")]
    AlreadyStarted,
    /// Anything but a start for a run that does not exist.
    #[error("the run has not started")]
    NotStarted,
    /// The run is over.
    #[error("the run is over ({})", .0.as_str())]
    Over(RunStatus),
    /// There is no such step.
    #[error("there is no step `{0}` in this run")]
    UnknownStep(StepId),
    /// The input is about an attempt, look or wait that is no longer current.
    #[error("step `{step}` is past this: it is {state}")]
    Stale {
        /// The step.
        step: StepId,
        /// Where it stands.
        state: &'static str,
    },
    /// A decision about a step that is no open approval.
    #[error("step `{step}` is not waiting for a decision: it is {state}")]
    NotWaitingForDecision {
        /// The step.
        step: StepId,
        /// Where it stands.
        state: &'static str,
    },
    /// A decision that does not count.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// An event the step has had, or does not want.
    #[error("step `{0}` has had this event, or does not want it")]
    NotWanted(StepId),
    /// A template that the start itself needs cannot be evaluated.
    #[error(transparent)]
    Template(#[from] crate::EvalError),
}

/// Decides what an input means for a run. `state` is none for a run that does not exist yet.
///
/// # Errors
/// An input that does not fit the state; the state is unchanged then.
pub fn advance(context: Context<'_>, state: Option<&RunState>, input: Input) -> Result<Turn, Rejection> {
    let (before, mut work) = match (state, input) {
        (None, Input::Start(request)) => (BTreeSet::new(), start::start(context, request)?),
        (None, _) => return Err(Rejection::NotStarted),
        (Some(_), Input::Start(_)) => return Err(Rejection::AlreadyStarted),
        (Some(state), input) => {
            let mut work = Work { context, state: state.clone(), events: Vec::new() };
            dispatch(&mut work, input)?;
            (outstanding(state), work)
        }
    };
    settle::settle(&mut work);
    let after = outstanding(&work.state);
    Ok(Turn {
        issued: after.difference(&before).cloned().collect(),
        withdrawn: before.difference(&after).cloned().collect(),
        events: work.events,
        state: work.state,
    })
}

fn dispatch(work: &mut Work<'_>, input: Input) -> Result<(), Rejection> {
    if work.state.status.is_over() && input != Input::Restarted {
        return Err(Rejection::Over(work.state.status));
    }
    match input {
        Input::Start(_) => Err(Rejection::AlreadyStarted),
        Input::EffectIntending { step, attempt } => attempt::intending(work, &step, attempt),
        Input::StepFinished { step, attempt, result, random } => {
            attempt::finished(work, &step, attempt, result, random)
        }
        Input::CheckFinished { step, check, result, random } => check::finished(work, &step, check, result, random),
        Input::TimerFired(timer) => {
            timer::fired(work, &timer);
            Ok(())
        }
        Input::EventMatched { step, event } => matched::matched(work, &step, event),
        Input::Decision { step, decision } => decision::decide(work, &step, decision),
        Input::Cancel { by, reason } => {
            cancel::cancel(work, by, reason, false);
            Ok(())
        }
        Input::Restarted => {
            restarted::restarted(work);
            Ok(())
        }
    }
}

/// A turn in the making: facts are folded as they are decided.
struct Work<'a> {
    context: Context<'a>,
    state: RunState,
    events: Vec<Event>,
}

impl Work<'_> {
    fn emit(&mut self, event: Event) {
        apply(&mut self.state, self.context.now, &event);
        self.state.seq += 1;
        self.events.push(event);
    }

    fn now(&self) -> Timestamp {
        self.context.now
    }

    /// The state of a step that the plan has; pending steps have none.
    fn step(&self, id: &StepId) -> Result<Option<&StepState>, Rejection> {
        match self.state.steps.get(id) {
            Some(state) => Ok(Some(state)),
            None if self.context.plan.step(id).is_some() => Ok(None),
            None => Err(Rejection::UnknownStep(id.clone())),
        }
    }
}

fn stale(step: &StepId, state: Option<&StepState>) -> Rejection {
    Rejection::Stale { step: step.clone(), state: state.map_or("pending", StepState::as_str) }
}

//! The one place that decides. One file per input; `settle` does what follows from every one of them.
//!
//! Each input's file answers with facts through [`Work`], which folds them at once, so that later decisions of the same
//! turn see them. Nothing here reads a clock or draws a number.

mod attempt;
mod cancel;
mod check;
mod compensate;
mod decision;
mod delegate;
mod fan;
mod incident;
mod matched;
mod remind;
mod rerun;
mod restarted;
mod settle;
mod start;
mod subject;
mod timer;

use crate::approval::Refusal;
use crate::{
    Command, Evaluate, Event, Input, JOURNAL_VERSION, Plan, PlanStep, Record, RunState, RunStatus, StepId, StepState,
    Timestamp, apply, outstanding,
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
    /// The facts, in order, as they are to be kept. Empty when the input changed nothing.
    pub records: Vec<Record>,
    /// The state with the facts folded in.
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
    /// A person's word about a step that needs none.
    #[error(
        "step `{step}` is {state}: only a step with an incident, one in doubt or one that tries again later can be helped"
    )]
    NotStuck {
        /// The step.
        step: StepId,
        /// Where it stands.
        state: &'static str,
    },
    /// A person's word about an attempt that is not the last one any more.
    #[error("this speaks of attempt {spoken_of} of step `{step}`, and the last one is {last}: look again first")]
    OtherAttempt {
        /// The step.
        step: StepId,
        /// The attempt that was meant.
        spoken_of: u32,
        /// The last attempt.
        last: u32,
    },
    /// An outcome that the step does not have.
    #[error("step `{step}` ends as one of {known}")]
    UnknownOutcome {
        /// The step.
        step: StepId,
        /// Its outcomes.
        known: String,
    },
    /// A good end, said by hand, of a step that asks people: a yes that nobody gave.
    #[error("`{0}` asks people: only those who are asked can approve, and nobody else can say that they did")]
    NotByHand(StepId),
    /// The run is given up, and nothing of it begins any more.
    #[error("the run is ending already, and nothing of it begins any more but what undoes it")]
    GivenUp,
    /// A re-run of steps of which some are under way.
    #[error("this can be run again once nothing of it is under way any more ({0})")]
    UnderWay(String),
    /// A re-run that would do again what may stand in the outside world.
    #[error("this would do again what {0} did or may have done; say that effects may happen again, if they may")]
    EffectsAgain(String),
    /// A re-run of what was done for one item.
    #[error("`{step}` is one item of `{of}`: run `{of}` again, and what ended well stays as it is")]
    OneItem {
        /// The step for the item.
        step: StepId,
        /// The step of the file.
        of: StepId,
    },
    /// A re-run of a step whose needs are not met.
    #[error("step `{step}` needs {need}, which did not come: run that again")]
    NeedsUnmet {
        /// The step.
        step: StepId,
        /// Its need, as the file writes it.
        need: String,
    },
    /// A re-run of what builds on something that has been undone.
    #[error("{0} has been undone: run that again")]
    Undone(String),
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
            let mut work = Work { context, state: state.clone(), records: Vec::new() };
            dispatch(&mut work, input)?;
            (outstanding(state), work)
        }
    };
    settle::settle(&mut work);
    let after = outstanding(&work.state);
    Ok(Turn {
        issued: after.difference(&before).cloned().collect(),
        withdrawn: before.difference(&after).cloned().collect(),
        records: work.records,
        state: work.state,
    })
}

fn dispatch(work: &mut Work<'_>, input: Input) -> Result<(), Rejection> {
    if work.state.status.is_over() && !matches!(input, Input::Restarted | Input::Rerun { .. }) {
        return Err(Rejection::Over(work.state.status));
    }
    match input {
        Input::Start(_) => Err(Rejection::AlreadyStarted),
        Input::EffectIntending { step, attempt } => attempt::intending(work, &step, attempt),
        Input::StepFinished { step, attempt, result, random } => {
            attempt::finished(work, &step, attempt, result, random)
        }
        Input::CheckFinished { step, check, result, random } => check::finished(work, &step, check, result, random),
        Input::Admit => {
            if work.state.queued {
                work.emit(Event::RunAdmitted);
            }
            Ok(())
        }
        Input::TimerFired(timer) => {
            timer::fired(work, &timer);
            Ok(())
        }
        Input::EventMatched { step, event } => matched::matched(work, &step, event),
        Input::Decision { step, decision } => decision::decide(work, &step, decision),
        Input::Delegate { step, by, to, comment } => delegate::delegate(work, step, by, to, comment),
        Input::SubjectChanged { step, subject_sha256, by, comment } => {
            subject::changed(work, step, subject_sha256, by, comment)
        }
        Input::Cancel { by, reason } => {
            if work.state.ending.is_some() {
                return Err(Rejection::GivenUp);
            }
            cancel::cancel(work, by, reason, false);
            Ok(())
        }
        Input::Retry { step, attempt, by, comment } => {
            incident::is_current(work, &step, attempt)?;
            incident::retry(work, &step, by, comment)
        }
        Input::Answer { step, attempt, by, answer, comment } => {
            incident::is_current(work, &step, attempt)?;
            incident::answer(work, &step, by, answer, comment)
        }
        Input::Rerun { from, by, effects_again, going_on, comment } => {
            rerun::rerun(work, &from, by, rerun::Given { effects_again, going_on }, comment)
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
    records: Vec<Record>,
}

impl Turn {
    /// The facts, in order.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.records.iter().map(|record| &record.event)
    }
}

impl Work<'_> {
    fn emit(&mut self, event: Event) {
        apply(&mut self.state, self.context.now, &event);
        self.keep(event);
    }

    /// Numbers and chains a fact that is folded.
    fn keep(&mut self, event: Event) {
        let (v, seq, at) = (JOURNAL_VERSION, self.state.seq.saturating_add(1), self.context.now);
        let hash = self.state.hash.next(v, seq, at, &event);
        (self.state.seq, self.state.hash) = (seq, hash);
        self.records.push(Record { v, seq, at, event, hash });
    }

    /// Whether nothing of a step begins any more because the run is given up. What undoes a run begins all the same.
    fn is_given_up(&self, step: &StepId) -> bool {
        self.state.cancel.is_some() && PlanStep::undone_by(step).is_none()
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

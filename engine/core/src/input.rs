//! What the world tells a run. The shell makes these; `advance` answers them.

use crate::{Decision, EventId, OutcomeName, Parent, Person, RunId, StepError, StepId, TimerId, Timestamp, Wait};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;

/// One thing the world tells a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// Begin. Accepted by a run that does not exist yet.
    Start(StartRequest),
    /// The dispatcher is about to let a step's effect out, and asks for its intent to be journaled.
    EffectIntending {
        /// The step.
        step: StepId,
        /// The attempt the dispatcher holds.
        attempt: u32,
    },
    /// An attempt of a step came back.
    StepFinished {
        /// The step.
        step: StepId,
        /// The attempt.
        attempt: u32,
        /// What came back.
        result: Result<StepResult, StepError>,
        /// Uniform over all of `u32`, for the pause before a retry.
        random: u32,
    },
    /// A waiting step's look came back: an end, nothing yet, or a failure to look.
    CheckFinished {
        /// The step.
        step: StepId,
        /// Which look.
        check: u32,
        /// What it saw.
        result: Result<Option<Completion>, StepError>,
        /// Uniform over all of `u32`, for the spread of the next poll.
        random: u32,
    },
    /// It is the run's turn among those of its group.
    Admit,
    /// A timer that was armed is due.
    TimerFired(TimerId),
    /// An event matched a waiting step's subscription.
    EventMatched {
        /// The step.
        step: StepId,
        /// The event.
        event: ReceivedEvent,
    },
    /// A person decides. `decision.at` is set to the time of the turn.
    Decision {
        /// The step.
        step: StepId,
        /// The decision.
        decision: Decision,
    },
    /// A person who is asked for a decision has another make it.
    Delegate {
        /// The step.
        step: StepId,
        /// Who is asked.
        by: Person,
        /// Who decides instead.
        to: Person,
        /// Why, in their words.
        comment: Option<String>,
    },
    /// What an approval is about was changed.
    SubjectChanged {
        /// The step.
        step: StepId,
        /// The SHA-256 (hex) of what it is about now.
        subject_sha256: String,
        /// Who says so.
        by: Person,
        /// Why, in their words.
        comment: Option<String>,
    },
    /// A person ends the run early.
    Cancel {
        /// Who.
        by: Person,
        /// Why.
        reason: Option<String>,
    },
    /// A person has a step tried again whose attempts have ended, or that would try later by itself.
    Retry {
        /// The step.
        step: StepId,
        /// The attempt that they speak of; whichever was the last, where they do not say.
        attempt: Option<u32>,
        /// Who.
        by: Person,
        /// Why, in their words.
        comment: Option<String>,
    },
    /// A person says how a step ended that cannot end by itself: one with an incident, or one in doubt.
    Answer {
        /// The step.
        step: StepId,
        /// The attempt that they speak of; whichever was the last, where they do not say. What is said twice must not be
        /// taken for a word about a later attempt.
        attempt: Option<u32>,
        /// Who.
        by: Person,
        /// What.
        answer: Answer,
        /// Why, in their words.
        comment: Option<String>,
    },
    /// A person has a step and all that follows from it run again.
    Rerun {
        /// The step it begins with.
        from: StepId,
        /// Who.
        by: Person,
        /// Whether effects that happened, or may have happened, may happen once more.
        effects_again: bool,
        /// Those of the runs of [`RunState::owned_child`](crate::RunState::owned_child) that are not over. What somebody had
        /// run again in one of them, this run was not told.
        going_on: BTreeSet<RunId>,
        /// Why, in their words.
        comment: Option<String>,
    },
    /// The process that held this run is gone; this one takes it over before anything else happens.
    Restarted,
}

/// What a start asks for. Inputs are validated and completed with their defaults before they come here.
#[derive(Clone, Debug, PartialEq)]
pub struct StartRequest {
    /// The new run's id.
    pub run: RunId,
    /// The inputs, defaults filled in.
    pub inputs: Value,
    /// Who asks.
    pub requester: Person,
    /// A key given with the start; the workflow's own `run.key` is used where there is none.
    pub key: Option<String>,
    /// The step of another run that starts it.
    pub parent: Option<Parent>,
}

/// What a person says of a step that cannot end by itself.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// It ended so. Of a step in doubt: the effect happened, and these are its outputs.
    Ended(Completion),
    /// The effect did not happen, so that the step may be tried again. Only of a step in doubt.
    NotDone,
}

/// How an attempt ended well.
#[derive(Clone, Debug, PartialEq)]
pub enum StepResult {
    /// The step is done.
    Done(Completion),
    /// The effect of an earlier attempt was found by looking it up.
    Reconciled(Completion),
    /// The step waits for the world.
    Parked(Wait),
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Completion {
    /// One of the outcomes of its spec.
    pub outcome: OutcomeName,
    /// What it leaves for others.
    pub outputs: Value,
}

impl Completion {
    /// An end with this outcome and these outputs.
    pub fn new(outcome: impl AsRef<str>, outputs: Value) -> Self {
        Self { outcome: OutcomeName::new(outcome), outputs }
    }
}

/// An event from outside, as it is kept in the inbox and in the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReceivedEvent {
    /// The same for every delivery of it.
    pub id: EventId,
    /// What kind: `contract.signed`, `crm/opportunity.won`.
    pub kind: String,
    /// What it says. Unverified unless the connection verifies its sender.
    pub data: Value,
    /// When it was accepted.
    pub received_at: Timestamp,
}

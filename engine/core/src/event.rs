//! Facts. What a run's journal holds, in the past tense, in the form that is kept on disk.
//!
//! These types are the on-disk form: a field is only ever added with a default, a meaning only ever changed under a new
//! name, and [`JOURNAL_VERSION`] goes up with either. Folding them is in `apply`, deciding them in `advance`.

use crate::{
    Decision, EventId, Group, IdempotencyKey, Item, OutcomeName, Parent, Person, PlanDigest, ReceivedEvent, RecordHash,
    RunId, RunStatus, StepError, StepId, Timestamp, Wait,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version that is written with every record. Version 1 was never released and had no hashes.
pub const JOURNAL_VERSION: u16 = 2;

/// One line of a run's journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The version of the format.
    pub v: u16,
    /// From 1, without gaps.
    pub seq: u64,
    /// When it was decided.
    pub at: Timestamp,
    /// The fact.
    pub event: Event,
    /// The hash of all this and of the record before it.
    pub hash: RecordHash,
}

/// A fact about a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// The run exists. Always the first record, never another.
    RunStarted {
        /// Its id.
        run: RunId,
        /// The plan it keeps for life.
        plan: PlanDigest,
        /// The workflow's name.
        workflow: String,
        /// The title as computed at the start.
        title: String,
        /// The key under which a second start attaches to this run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
        /// The inputs, defaults filled in.
        inputs: Value,
        /// Who asked for it.
        requester: Person,
        /// When the run gives up as a whole.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline: Option<Timestamp>,
        /// The step of another run that started it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent: Option<Parent>,
        /// The group of runs of which only some may be at work at once. With one, nothing begins before the run is admitted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        group: Option<Group>,
    },
    /// It is the run's turn among those of its group.
    RunAdmitted,
    /// A pending step's needs are met; its inputs are computed and fixed for all attempts. Accepted by pending steps.
    StepScheduled {
        /// The step.
        step: StepId,
        /// What it gets.
        input: Value,
        /// When it gives up in all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline: Option<Timestamp>,
    },
    /// A pending step's needs are met, and it is to be done once for each of these. Accepted by pending steps.
    StepFannedOut {
        /// The step.
        step: StepId,
        /// The items, in order.
        items: Vec<Item>,
    },
    /// The next thing that happens to the outside world is this step's effect. Accepted by running steps.
    EffectIntended {
        /// The step.
        step: StepId,
        /// The attempt that is about to leave.
        attempt: u32,
        /// Its key, the same for every attempt.
        key: IdempotencyKey,
    },
    /// An attempt failed and another will follow. Accepted by running steps; they back off.
    AttemptFailed {
        /// The step.
        step: StepId,
        /// The attempt that failed.
        attempt: u32,
        /// Why.
        error: StepError,
        /// When the next one is due.
        retry_at: Timestamp,
    },
    /// The pause is over. Accepted by steps that back off; they run.
    StepRetried {
        /// The step.
        step: StepId,
        /// The attempt that begins.
        attempt: u32,
    },
    /// The process died between intent and outcome; the next attempt looks the effect up first. Accepted by running steps.
    StepRecovered {
        /// The step.
        step: StepId,
    },
    /// The step waits for the world. Accepted by running steps; and, when the run is given up, by those that have an incident
    /// or try again later, for the run that they waited for before.
    StepParked {
        /// The step.
        step: StepId,
        /// For what.
        wait: Wait,
    },
    /// An event from outside reached a waiting step.
    EventReceived {
        /// The step.
        step: StepId,
        /// The event.
        event: ReceivedEvent,
    },
    /// The time to look has come for a waiting step.
    PollDue {
        /// The step.
        step: StepId,
    },
    /// The time of a step that looks for itself is up; it looks once more before it ends. Accepted by waiting steps.
    DeadlineReached {
        /// The step.
        step: StepId,
    },
    /// A waiting step looked, and goes on waiting.
    StepChecked {
        /// The step.
        step: StepId,
        /// Which look it was.
        check: u32,
        /// When it looks again by itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next_poll: Option<Timestamp>,
        /// Why the look failed, if it did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<StepError>,
    },
    /// A person decided about a waiting approval.
    DecisionRecorded {
        /// The step.
        step: StepId,
        /// The decision.
        decision: Decision,
    },
    /// The people who are asked by a waiting approval and have not decided are to be reminded. Nothing is decided by it.
    ReminderDue {
        /// The step.
        step: StepId,
        /// Which reminder of the stage it is, from 1.
        number: u32,
    },
    /// A stage of a waiting approval takes long: others may decide as well.
    Escalated {
        /// The step.
        step: StepId,
        /// The groups and people as the file names them.
        to: Vec<String>,
        /// Who they are.
        people: Vec<Person>,
    },
    /// Somebody decides instead of somebody who is asked by a waiting approval.
    Delegated {
        /// The step.
        step: StepId,
        /// Who was asked, and may not decide any more.
        by: Person,
        /// Who may instead.
        to: Person,
        /// Why, in their words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        comment: Option<String>,
    },
    /// What a waiting approval is about was changed: the decisions so far are void, and people are asked anew.
    ApprovalReset {
        /// The step.
        step: StepId,
        /// The digest of what it is about now.
        subject_sha256: String,
        /// Who says so.
        by: Person,
        /// Why, in their words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        comment: Option<String>,
    },
    /// The step ended with an outcome. Accepted by running and waiting steps, and by pending ones that cannot start.
    StepCompleted {
        /// The step.
        step: StepId,
        /// How.
        outcome: OutcomeName,
        /// With what.
        #[serde(default)]
        outputs: Value,
        /// Why, when it failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<StepError>,
        /// What brought it about.
        resolved_by: ResolvedBy,
    },
    /// An effect may or may not have happened and nothing can tell; a person must. Accepted by running steps.
    StepInDoubt {
        /// The step.
        step: StepId,
        /// The attempt whose answer is missing.
        attempt: u32,
        /// What is known.
        error: StepError,
    },
    /// The step cannot go on by itself, and the run waits for a person: its attempts have ended, or nothing that time mends
    /// is wrong. Accepted by every step that has not ended.
    IncidentRaised {
        /// The step.
        step: StepId,
        /// What is wrong.
        error: StepError,
    },
    /// A person has the step tried again, with a new allowance of attempts. Accepted by steps with an incident, by those that
    /// back off, and, once a person has said that the effect did not happen, by those in doubt.
    StepResumed {
        /// The step.
        step: StepId,
        /// Who.
        by: Person,
        /// The attempt that begins; 0 when the step's inputs are computed anew first.
        attempt: u32,
        /// Whether the person says that no earlier attempt took effect.
        #[serde(default)]
        not_done: bool,
        /// When the step gives up in all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline: Option<Timestamp>,
        /// Why, in their words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        comment: Option<String>,
    },
    /// A person has a step and everything that follows from it run again. A run that was over is open again.
    StepsReset {
        /// The step it begins with.
        from: StepId,
        /// All steps that are pending again.
        steps: Vec<StepId>,
        /// Who.
        by: Person,
        /// When the run as a whole gives up now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline: Option<Timestamp>,
        /// Why, in their words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        comment: Option<String>,
    },
    /// The step will never run. Accepted by pending steps.
    StepSkipped {
        /// The step.
        step: StepId,
        /// Why.
        reason: SkipReason,
    },
    /// The step was given up because the run was. Accepted by every step that has not ended.
    StepCancelled {
        /// The step.
        step: StepId,
    },
    /// Somebody, or the run's own deadline, ended the run early.
    CancelRequested {
        /// Who.
        by: Person,
        /// Why, in their words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// Whether it was the run's deadline.
        #[serde(default)]
        timed_out: bool,
    },
    /// The run ends badly, and what its steps did is undone first, newest first. What the end will be is decided.
    CompensationStarted {
        /// How the run ends when that is done.
        status: RunStatus,
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        problem: Option<crate::Problem>,
    },
    /// The run is over: the last record, unless a person has steps run again.
    RunEnded {
        /// How.
        status: RunStatus,
        /// The workflow's outputs; `null` for those the taken path does not give.
        #[serde(default)]
        outputs: Value,
        /// The step to blame, for a run that failed or stopped.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        problem: Option<crate::Problem>,
    },
}

/// What brought a step to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResolvedBy {
    /// Its own work.
    Execution,
    /// A look-up that found the effect of an attempt whose answer was lost.
    Reconcile,
    /// A webhook or another event.
    Event(EventId),
    /// The step's own slow poll: nobody told us.
    Poll,
    /// People.
    Decision,
    /// The clock.
    Timer,
    /// A person, who says how it ended instead of the step itself.
    Person {
        /// Who.
        by: Person,
        /// Why, in their words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        comment: Option<String>,
    },
}

/// Why a step never ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// What it needs can no longer come: the need as the file writes it.
    NeedsUnmet(String),
    /// Its `if` was false.
    ConditionFalse,
    /// The run was cancelled first.
    RunCancelled,
}

impl Event {
    /// The step the fact is about; none for facts about the whole run.
    pub fn step(&self) -> Option<&StepId> {
        match self {
            Self::RunStarted { .. }
            | Self::RunAdmitted
            | Self::CancelRequested { .. }
            | Self::CompensationStarted { .. }
            | Self::RunEnded { .. } => None,
            Self::StepsReset { from, .. } => Some(from),
            Self::StepScheduled { step, .. }
            | Self::StepFannedOut { step, .. }
            | Self::EffectIntended { step, .. }
            | Self::AttemptFailed { step, .. }
            | Self::StepRetried { step, .. }
            | Self::StepRecovered { step }
            | Self::StepParked { step, .. }
            | Self::EventReceived { step, .. }
            | Self::PollDue { step }
            | Self::DeadlineReached { step }
            | Self::StepChecked { step, .. }
            | Self::DecisionRecorded { step, .. }
            | Self::ReminderDue { step, .. }
            | Self::Escalated { step, .. }
            | Self::Delegated { step, .. }
            | Self::ApprovalReset { step, .. }
            | Self::StepCompleted { step, .. }
            | Self::StepInDoubt { step, .. }
            | Self::IncidentRaised { step, .. }
            | Self::StepResumed { step, .. }
            | Self::StepSkipped { step, .. }
            | Self::StepCancelled { step } => Some(step),
        }
    }
}

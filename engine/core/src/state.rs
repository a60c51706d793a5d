//! Where a run stands: the fold of its journal. Changed only by `apply`.

use crate::{
    Asked, Decision, EventId, IdempotencyKey, OutcomeName, Person, PlanDigest, RecordHash, RunId, SkipReason,
    StepError, StepId, Timestamp, Wait,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Where a run stands.
#[derive(Clone, Debug, PartialEq)]
pub struct RunState {
    /// Its id.
    pub run: RunId,
    /// The plan it keeps.
    pub plan: PlanDigest,
    /// The workflow's name.
    pub workflow: String,
    /// Its title.
    pub title: String,
    /// The key a second start attaches by.
    pub key: Option<String>,
    /// Its inputs.
    pub inputs: Arc<Value>,
    /// Who asked for it.
    pub requester: Person,
    /// The step of another run that started it.
    pub parent: Option<Parent>,
    /// The group of runs of which only some may be at work at once.
    pub group: Option<Group>,
    /// Whether it still waits for its turn.
    pub queued: bool,
    /// When it was started.
    pub started_at: Timestamp,
    /// When it gives up as a whole.
    pub deadline: Option<Timestamp>,
    /// When its last record was decided.
    pub updated_at: Timestamp,
    /// The number of its last record.
    pub seq: u64,
    /// The hash of its last record.
    pub hash: RecordHash,
    /// How it stands as a whole.
    pub status: RunStatus,
    /// Who ended it early, if anybody did.
    pub cancel: Option<Cancellation>,
    /// How it will end, while what its steps did is undone.
    pub ending: Option<Ending>,
    /// Its steps; one that is not here is pending.
    pub steps: BTreeMap<StepId, StepState>,
    /// For what each step is done that is done for each item of a list, in order.
    pub items: BTreeMap<StepId, Arc<Vec<Item>>>,
    /// What is over of a step and still counts.
    pub past: BTreeMap<StepId, Past>,
    /// Events that ended a step of the run; another step that one can end takes another.
    pub consumed: BTreeSet<EventId>,
    /// The workflow's outputs, when it has ended.
    pub outputs: Value,
    /// What is to blame, when it failed or stopped.
    pub problem: Option<Problem>,
}

/// The step of a run that started another run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    /// The run.
    pub run: RunId,
    /// The step.
    pub step: StepId,
}

/// The runs of one workflow of which only some may be at work at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// How many may be at work.
    pub limit: u32,
}

/// One item of a list for each of which a step is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// What tells it from the others.
    pub key: String,
    /// The item.
    pub value: Value,
}

/// What is over of a step and still counts: numbers of attempts and looks are never used twice in a run, so that an answer
/// that comes very late is not taken for another's; and what it did is not forgotten when it is run again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// How often a person had the step run again.
    pub epoch: u32,
    /// The last round in which people were asked; each park and each reset of an approval is one.
    pub rounds: u32,
    /// The last attempt of the epochs before.
    pub attempts: u32,
    /// The last look of the waits before.
    pub looks: u32,
    /// The run that it has waited for since it was last run again.
    pub child: Option<Child>,
    /// Whether it ended, before a person had it run again, with something done that nothing has undone.
    pub done: bool,
    /// Whether an effect from before a person had it run again may have happened, and nobody has confirmed it.
    pub maybe_done: bool,
}

/// A run that a step of another one waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Child {
    /// Which.
    pub run: RunId,
    /// Whether the step started it, and so ends it when it is given up itself.
    pub owned: bool,
}

/// How a run will end that undoes what its steps did.
#[derive(Clone, Debug, PartialEq)]
pub struct Ending {
    /// Its status then.
    pub status: RunStatus,
    /// Why.
    pub problem: Option<Problem>,
}

/// Who ended a run early.
#[derive(Clone, Debug, PartialEq)]
pub struct Cancellation {
    /// Who.
    pub by: Person,
    /// Why.
    pub reason: Option<String>,
    /// Whether it was the run's own deadline.
    pub timed_out: bool,
}

/// How a run stands as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Something runs, waits or may still start.
    Running,
    /// Given up; what is under way is waited for, nothing new starts.
    Cancelling,
    /// It ends badly, and what its steps did is undone first.
    Compensating,
    /// Over, and nothing went another way than hoped for.
    Succeeded,
    /// Over by a regular end that stops the business: an approval was rejected, a signature was declined or never came.
    Stopped,
    /// Over because a step failed and nobody handled that, or the run's deadline came.
    Failed,
    /// Over because somebody said so.
    Cancelled,
}

impl RunStatus {
    /// Whether nothing more will happen.
    pub fn is_over(self) -> bool {
        match self {
            Self::Running | Self::Cancelling | Self::Compensating => false,
            Self::Succeeded | Self::Stopped | Self::Failed | Self::Cancelled => true,
        }
    }

    /// The word that people and programs see.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Cancelling => "cancelling",
            Self::Compensating => "compensating",
            Self::Succeeded => "succeeded",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The step to blame for a run that failed or stopped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    /// Which step; none when it is the run's own deadline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepId>,
    /// How that step ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<OutcomeName>,
    /// In words.
    pub message: String,
}

/// Where a step stands.
#[derive(Clone, Debug, PartialEq)]
pub enum StepState {
    /// An attempt is owed or under way.
    Running {
        /// From 1.
        attempt: u32,
        /// What the step gets, the same for all attempts.
        input: Arc<Value>,
        /// Whether this attempt's intent is journaled: its request may have left.
        intended: bool,
        /// Whether the effect of an earlier attempt may have happened.
        maybe_done: bool,
        /// When its effect was meant to leave, if it ever was.
        intents: Option<Intents>,
        /// Why the attempt before this one failed.
        last_error: Option<StepError>,
        /// The attempts that are not counted any more: those from before a person had it tried again.
        forgiven: u32,
        /// When the step was scheduled.
        since: Timestamp,
        /// When it gives up in all.
        deadline: Option<Timestamp>,
    },
    /// An attempt failed; the next is due later.
    BackingOff {
        /// The attempt that failed.
        attempt: u32,
        /// What the step gets.
        input: Arc<Value>,
        /// Why it failed.
        error: StepError,
        /// Whether the effect may have happened all the same.
        maybe_done: bool,
        /// When its effect was meant to leave, if it ever was.
        intents: Option<Intents>,
        /// When the next attempt is due.
        retry_at: Timestamp,
        /// The attempts that are not counted any more.
        forgiven: u32,
        /// When the step was scheduled.
        since: Timestamp,
        /// When it gives up in all.
        deadline: Option<Timestamp>,
    },
    /// Parked: it waits for the world.
    Waiting {
        /// What the step gets.
        input: Arc<Value>,
        /// For what it waits.
        wait: Wait,
        /// Looks asked for so far.
        wakes: u32,
        /// The last look that came back.
        checked: u32,
        /// The event that asked for the latest look; none when it was the clock or the start.
        woken_by: Option<EventId>,
        /// The next look by itself.
        next_poll: Option<Timestamp>,
        /// Why the last look failed.
        error: Option<StepError>,
        /// Once its deadline has come, it is over after one more look that sees; how many last looks failed.
        closing: Option<u32>,
        /// What people decided so far.
        decisions: Vec<Decision>,
        /// What has happened to the question besides, where it is one.
        asked: Asked,
        /// Since when.
        since: Timestamp,
    },
    /// It is done once for each item of a list ([`RunState::items`]); each has a state of its own once it has begun.
    FannedOut {
        /// Since when.
        since: Timestamp,
    },
    /// An effect may have happened and nothing can tell.
    InDoubt {
        /// The attempt whose answer is missing.
        attempt: u32,
        /// What the step got.
        input: Arc<Value>,
        /// What is known.
        error: StepError,
        /// When its effect was meant to leave.
        intents: Option<Intents>,
        /// Since when.
        since: Timestamp,
    },
    /// It cannot go on by itself: a person has to mend what is wrong and have it tried again, say how it ended, or give the
    /// run up.
    Incident {
        /// The last attempt; the one before the first when its inputs could not be computed.
        attempt: u32,
        /// What the step got; none when it could not be computed.
        input: Option<Arc<Value>>,
        /// What is wrong.
        error: StepError,
        /// Whether the effect may have happened all the same; repeating it under its key does no harm then.
        maybe_done: bool,
        /// When its effect was meant to leave, if it ever was.
        intents: Option<Intents>,
        /// Since when.
        since: Timestamp,
    },
    /// It ended with an outcome.
    Completed {
        /// Which.
        outcome: OutcomeName,
        /// With what.
        outputs: Arc<Value>,
        /// Why, when it failed.
        error: Option<StepError>,
        /// When.
        at: Timestamp,
        /// The number of the record that says so: what ended later has a higher one, whatever the clock said.
        seq: u64,
    },
    /// It never ran and never will.
    Skipped {
        /// Why.
        reason: SkipReason,
        /// Since when.
        at: Timestamp,
    },
    /// It was given up with the run.
    Cancelled {
        /// Whether its effect may have happened all the same.
        maybe_done: bool,
        /// When.
        at: Timestamp,
    },
}

/// When a step's effect was meant to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intents {
    /// For the first time: nothing of it can have happened before.
    pub first: Timestamp,
    /// For the last time.
    pub last: Timestamp,
    /// When its sender had certainly let go of it: until some time after that, the effect may still be on its way. While the
    /// sender is at it, when it was meant to leave.
    pub let_go: Timestamp,
}

impl Intents {
    /// The same, once the sender has given up or is gone: its request may have left as late as now.
    #[must_use]
    pub(crate) fn let_go(self, at: Timestamp) -> Self {
        Self { let_go: at, ..self }
    }
}

impl StepState {
    /// Whether an effect of it may have happened that nobody has confirmed.
    pub fn maybe_done(&self) -> bool {
        match self {
            Self::Running { intended, maybe_done, .. } => *intended || *maybe_done,
            Self::BackingOff { maybe_done, .. }
            | Self::Incident { maybe_done, .. }
            | Self::Cancelled { maybe_done, .. } => *maybe_done,
            Self::InDoubt { .. } => true,
            Self::Waiting { .. } | Self::FannedOut { .. } | Self::Completed { .. } | Self::Skipped { .. } => false,
        }
    }

    /// Whether nothing more will happen to it.
    pub fn is_over(&self) -> bool {
        match self {
            Self::Running { .. }
            | Self::BackingOff { .. }
            | Self::Waiting { .. }
            | Self::FannedOut { .. }
            | Self::InDoubt { .. }
            | Self::Incident { .. } => false,
            Self::Completed { .. } | Self::Skipped { .. } | Self::Cancelled { .. } => true,
        }
    }

    /// The outcome it ended with.
    pub fn outcome(&self) -> Option<&OutcomeName> {
        match self {
            Self::Completed { outcome, .. } => Some(outcome),
            _ => None,
        }
    }

    /// The word that people and programs see.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Running { .. } => "running",
            Self::BackingOff { .. } => "backing_off",
            Self::Waiting { .. } => "waiting",
            Self::FannedOut { .. } => "fanned_out",
            Self::InDoubt { .. } => "in_doubt",
            Self::Incident { .. } => "incident",
            Self::Completed { .. } => "completed",
            Self::Skipped { .. } => "skipped",
            Self::Cancelled { .. } => "cancelled",
        }
    }
}

/// What a run is doing in one word, finer than its status: what lists show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Summary {
    /// A step needs a person to say whether its effect happened.
    InDoubt,
    /// A step cannot go on by itself and needs a person.
    Incident,
    /// At least one step is under way.
    Working,
    /// Every step that has begun waits for the world.
    Waiting,
    /// Other runs of its group are at work, and it waits for its turn.
    Queued,
    /// Over, or nothing has begun.
    Idle,
}

impl RunState {
    /// Under this name a run has rows of its own among those of its steps. No step is called so.
    pub const ITSELF: &str = "";

    /// The key of a step's effect, as of now.
    pub fn idempotency_key(&self, step: &StepId) -> IdempotencyKey {
        IdempotencyKey::of(&self.run, step, self.past.get(step).map_or(0, |past| past.epoch))
    }

    /// The run that a step started and ends when it is given up, whether or not that run is over.
    pub fn owned_child(&self, step: &StepId) -> Option<&RunId> {
        let child = self.past.get(step)?.child.as_ref()?;
        child.owned.then_some(&child.run)
    }

    /// The round in which an approval asks, from 1: no two questions of a step have the same, however often it is reset or run
    /// again.
    pub fn round(&self, step: &StepId) -> u32 {
        self.past.get(step).map_or(1, |past| past.rounds.max(1))
    }

    /// Whether a step is pending: it has not begun and may.
    pub fn is_pending(&self, step: &StepId) -> bool {
        !self.steps.contains_key(step)
    }

    /// The steps that have begun and not ended.
    pub fn active(&self) -> impl Iterator<Item = (&StepId, &StepState)> {
        self.steps.iter().filter(|(_, state)| !state.is_over())
    }

    /// What the run is doing in one word.
    pub fn summary(&self) -> Summary {
        // One that is given up while it waits for its turn may still have to undo what it did before it was run again.
        if self.queued && self.cancel.is_none() {
            return Summary::Queued;
        }
        let mut summary = Summary::Idle;
        for (_, state) in self.active() {
            match state {
                StepState::InDoubt { .. } => return Summary::InDoubt,
                StepState::Incident { .. } => summary = Summary::Incident,
                _ if summary == Summary::Incident => {}
                StepState::Running { .. } | StepState::BackingOff { .. } => summary = Summary::Working,
                StepState::Waiting { wakes, checked, .. } if wakes > checked => summary = Summary::Working,
                // Of a run that is given up, only another run is still waited for, which is to be ended.
                StepState::Waiting { .. } if self.cancel.is_some() => summary = Summary::Working,
                StepState::Waiting { .. } if summary == Summary::Idle => summary = Summary::Waiting,
                StepState::Waiting { .. }
                | StepState::FannedOut { .. }
                | StepState::Completed { .. }
                | StepState::Skipped { .. }
                | StepState::Cancelled { .. } => {}
            }
        }
        summary
    }
}

//! Orders for the shell. Carried out only after the events of the same turn are durable.

use crate::{Person, RunId, StepId, Subscription, Timestamp};
use serde::{Deserialize, Serialize};

/// An order for the shell. A set of them is what a run owes the world at a moment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Command {
    /// Execute this attempt of a step. Its input and mode are in the run's state.
    RunStep {
        /// The step.
        step: StepId,
        /// The attempt.
        attempt: u32,
    },
    /// Let a waiting step look.
    CheckStep {
        /// The step.
        step: StepId,
        /// Which look it is.
        check: u32,
    },
    /// Wake the run at a time.
    ArmTimer {
        /// Which timer.
        timer: TimerId,
        /// When.
        at: Timestamp,
    },
    /// End a run that a step of this one waits for.
    CancelRun {
        /// Which.
        run: RunId,
        /// Who ended this one.
        by: Person,
        /// Why.
        reason: Option<String>,
    },
    /// Bring matching events to a waiting step, those included that came before.
    Subscribe {
        /// The step.
        step: StepId,
        /// To what.
        subscription: Subscription,
    },
}

/// A timer of a run; there is at most one of each kind for a step.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TimerId {
    /// Whose; none for the whole run.
    pub step: Option<StepId>,
    /// What for.
    pub kind: TimerKind,
}

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimerKind {
    /// The end of a pause between attempts.
    Retry,
    /// A waiting step's next look.
    Poll,
    /// The end of a wait, or of the whole run.
    Deadline,
    /// The next reminder of an approval.
    Remind,
    /// The next escalation of an approval.
    Escalate,
}

//! Every fault the world knows, by name, and how often each was injected.

use crate::limits::{FAULT_OCCURS_MIN, FAULTS_SEEDS, FAULTS_SEEDS_MIN};
use std::fmt;

macro_rules! faults {
    ($($name:ident => $text:literal),+ $(,)?) => {
        /// One kind of fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "the name printed beside each is its description")]
        pub enum Fault { $($name),+ }

        impl Fault {
            /// All of them, in the order of the summary.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The name that the summary prints.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }
    };
}

faults! {
    ConnectRefused => "provider: connection refused",
    RefusedForGood => "provider: 4xx for good",
    RateLimited => "provider: 429 with Retry-After",
    RateLimitedAbsurd => "provider: 429 with Retry-After of ten years",
    ServerErrorBefore => "provider: 5xx before the effect",
    ServerErrorAfter => "provider: 5xx after the effect",
    AnswerDropped => "provider: effect done, answer dropped",
    AnswerLate => "provider: answer after our timeout",
    ActsLate => "provider: acts late, up to settle",
    ActsAfterTimeout => "provider: effect done after our timeout, later than settle after it was sent",
    ActsAfterKill => "provider: effect done after its sender was killed, later than settle after it was sent",
    Hangs => "provider: hangs",
    KeyRefusedLook => "provider: a look is refused (401)",
    LookFails => "provider: a look fails (5xx)",
    ObjectHidden => "provider: a new object is not found yet",
    WebhookTwice => "webhook: delivered twice",
    WebhookStorm => "webhook: delivered a hundred times",
    WebhookOutOfOrder => "webhook: out of order",
    WebhookEarly => "webhook: before the step that waits for it",
    WebhookLate => "webhook: after the end",
    WebhookUnknownObject => "webhook: for an object nobody knows",
    WebhookLost => "webhook: lost for good",
    AnswerToSenderLost => "caller: our 2xx was lost",
    CallerMetNobody => "caller: nobody answered",
    DecisionTwice => "people: decided twice",
    DecisionUnauthorised => "people: not asked, or the requester",
    DecisionAtDeadline => "people: at the deadline",
    CancelledRun => "people: cancelled a run",
    TriedAgainByHand => "people: had a step tried again",
    SaidNotDone => "people: said that an effect did not happen",
    SaidHowItEnded => "people: said how a step ended",
    RunAgain => "people: had steps run again",
    StartTwice => "people: started twice under one key",
    ClockForward => "time: the clock jumps an hour forward",
    ClockBackward => "time: the clock jumps an hour back",
    Suspended => "time: the machine sleeps for eight hours",
    CrashBeforeWrite => "disk: crash before a durable write",
    CrashAfterWrite => "disk: crash after a durable write",
    WriteFails => "disk: a write fails, and the process ends",
    WriteFailedButDone => "disk: a write fails although it was done",
    BatchTorn => "disk: crash inside a batch of several writes",
    SlowDisk => "disk: slow for two seconds",
    Crash => "process: killed at any event",
    CrashLoop => "process: killed again while it starts",
    Stopped => "process: stopped in good order",
    StopCutShort => "process: stopped, and did not wait for all answers",
    SecondProcess => "process: a second one was refused",
}

/// How often each fault was injected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts(Vec<u64>);

impl Default for Counts {
    fn default() -> Self {
        Self(vec![0; Fault::ALL.len()])
    }
}

impl Counts {
    /// One more.
    pub fn add(&mut self, fault: Fault) {
        if let Some(count) = self.0.get_mut(fault as usize) {
            *count += 1;
        }
    }

    /// How often.
    pub fn of(&self, fault: Fault) -> u64 {
        self.0.get(fault as usize).copied().unwrap_or(0)
    }

    /// Adds another's.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine += theirs;
        }
    }

    /// The faults that occurred too seldom for so many seeds: a simulation without them proves less than it says.
    pub fn too_rare(&self, seeds: u64) -> Vec<Fault> {
        Fault::ALL.iter().copied().filter(|fault| self.of(*fault) < owed(seeds)).collect()
    }
}

/// How often each fault has to occur in so many seeds.
pub fn owed(seeds: u64) -> u64 {
    if seeds < FAULTS_SEEDS_MIN { 0 } else { FAULT_OCCURS_MIN * seeds.min(FAULTS_SEEDS) / FAULTS_SEEDS }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fault in Fault::ALL {
            writeln!(f, "{:>12}  {}", self.of(*fault), fault.as_str())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_that_is_too_rare_is_named() {
        for (seeds, occurs, expected) in [
            (10_000, 100, false),
            (10_000, 99, true),
            (100_000, 100, false),
            (100_000, 99, true),
            (1_500, 15, false),
            (1_500, 14, true),
            (1_000, 10, false),
            (1_000, 9, true),
            (999, 0, false),
        ] {
            let rare = Fault::ActsAfterTimeout;
            let mut counts = Counts::default();
            for fault in Fault::ALL {
                (0..if *fault == rare { occurs } else { 100 }).for_each(|_| counts.add(*fault));
            }
            let found = counts.too_rare(seeds);
            assert_eq!(found, if expected { vec![rare] } else { vec![] }, "{occurs} in {seeds} seeds");
        }
    }
}

//! What the core may not have: the time, new ids, and randomness. Traits, so that a simulator can bring its own.

use crate::limits::CLOCK_BACK_MS_SAID;
use engross_core::{RunId, Timestamp};
use engross_store::limits::CLOCK_BACK_MS_MAX;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use uuid::Uuid;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Now, by the wall.
    fn now(&self) -> Timestamp;
}

/// Makes up ids and numbers.
pub trait Ids: Send + Sync {
    /// An id that no run has had; later ids sort after earlier ones.
    fn run(&self, now: Timestamp) -> RunId;

    /// Uniform over all of `u32`.
    fn random(&self) -> u32;

    /// 128 bits nobody can guess, in hex.
    fn token(&self) -> String;
}

/// The machine's clock, as it stands. It may be set back; an engine makes up for that.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// A clock that does not go back, not across a restart either: an event that comes after a run has begun must not seem to have
/// come before it.
///
/// When the clock below is set back, time stands still until it has caught up: what is due comes late, and nothing comes
/// early. A clock that is set back by more than [`CLOCK_BACK_MS_MAX`] was wrong before, and is believed at once: nothing may
/// stand still for that long.
pub(crate) struct Forward {
    wall: Arc<dyn Clock>,
    /// The latest time that was told.
    latest: AtomicI64,
    /// Whether it was said that time stands still.
    said: AtomicBool,
}

impl Forward {
    /// A clock that goes on from the newest time that is kept.
    pub(crate) fn new(wall: Arc<dyn Clock>, kept: Option<Timestamp>) -> Self {
        let latest = kept.map_or(i64::MIN, Timestamp::as_millis);
        Self { wall, latest: AtomicI64::new(latest), said: AtomicBool::new(false) }
    }

    /// What people's clocks say now: for what is meant by the hour, and must not wait for a clock to catch up.
    pub(crate) fn wall(&self) -> Timestamp {
        self.wall.now()
    }

    /// Now, and never before what was said to be now.
    pub(crate) fn now(&self) -> Timestamp {
        let wall = self.wall.now();
        let latest = Timestamp::from_millis(self.latest.fetch_max(wall.as_millis(), Ordering::SeqCst));
        let behind_ms = latest.ms_since(wall);
        if behind_ms > CLOCK_BACK_MS_MAX {
            let (from, to) = (latest.as_millis(), wall.as_millis());
            if self.latest.compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
                tracing::error!(%latest, now = %wall, behind_s = behind_ms / 1000, "{CLOCK_WAS_WRONG}");
            }
            return wall;
        }
        if behind_ms > CLOCK_BACK_MS_SAID {
            if !self.said.swap(true, Ordering::SeqCst) {
                tracing::warn!(%latest, now = %wall, behind_s = behind_ms / 1000, "{CLOCK_IS_BEHIND}");
            }
        } else if behind_ms == 0 && self.said.swap(false, Ordering::SeqCst) {
            tracing::info!(now = %wall, "the system clock has caught up, and time goes on");
        }
        latest.max(wall)
    }
}

const CLOCK_IS_BEHIND: &str = "the system clock is behind the newest time that is kept, because it was fast before or is slow \
    now: for runs, time stands still until it has caught up, and timers come late by as much; schedules go by the system clock";

const CLOCK_WAS_WRONG: &str = "the system clock is far behind the newest time that is kept, and is believed: it was wrong before. \
    Runs that were started meanwhile have a start in the future, and do not see events that come before it: look through \
    `engross runs list --open`, give those up and start them again; if it is wrong now, stop the engine and set it right";

/// Ids from the operating system's randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemIds;

impl Ids for SystemIds {
    fn run(&self, _now: Timestamp) -> RunId {
        RunId::new(Uuid::now_v7().to_string())
    }

    fn random(&self) -> u32 {
        // The last four bytes of a version 4 UUID are random.
        let bytes = Uuid::new_v4().into_bytes();
        u32::from_be_bytes([bytes[12], bytes[13], bytes[14], bytes[15]])
    }

    fn token(&self) -> String {
        // A version 4 UUID has 122 random bits; two of them are more than 128.
        let (a, b) = (Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes());
        hex::encode([a, b].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Set(AtomicI64);

    impl Clock for Set {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0.load(Ordering::SeqCst))
        }
    }

    #[test]
    fn time_stands_still_for_a_while_and_never_for_long() {
        const DAY: i64 = 24 * 3600 * 1000;
        let check = |kept: Option<i64>, steps: &[(i64, i64)]| {
            let wall = Arc::new(Set(AtomicI64::new(0)));
            let clock = Forward::new(wall.clone(), kept.map(Timestamp::from_millis));
            for (set, expected) in steps {
                wall.0.store(*set, Ordering::SeqCst);
                assert_eq!(clock.now().as_millis(), *expected, "{kept:?} {steps:?}");
                assert_eq!(clock.wall().as_millis(), *set);
            }
        };
        check(None, &[(5, 5), (3, 5), (6, 6)]);
        check(Some(9), &[(5, 9), (9, 9), (10, 10)]);
        check(Some(9), &[(400 * DAY, 400 * DAY)]);
        check(Some(DAY), &[(0, DAY), (-1, -1), (5, 5)]);
        check(Some(400 * DAY), &[(5, 5), (6, 6), (4, 6)]);
        check(None, &[(5, 5), (400 * DAY, 400 * DAY), (6, 6), (7, 7)]);
    }
}

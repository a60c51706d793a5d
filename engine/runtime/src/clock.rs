//! What the core may not have: the time, new ids, and randomness. Traits, so that a simulator can bring its own.

use engross_core::{RunId, Timestamp};
use std::sync::atomic::{AtomicI64, Ordering};
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

/// The machine's clock, which never goes back in one process: an event that comes after another must not seem to come before it.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

/// The latest time that this process has been told.
static LATEST: AtomicI64 = AtomicI64::new(i64::MIN);

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millis(LATEST.fetch_max(now, Ordering::Relaxed).max(now))
    }
}

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

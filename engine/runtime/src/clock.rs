//! What the core may not have: the time, new ids, and randomness. Traits, so that a simulator can bring its own.

use engross_core::{RunId, Timestamp};
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

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
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
        // The last 62 bits of a version 7 UUID are random.
        let bytes = Uuid::now_v7().into_bytes();
        u32::from_be_bytes([bytes[12], bytes[13], bytes[14], bytes[15]])
    }

    fn token(&self) -> String {
        // Version 7 has 74 random bits; two of them are more than 128.
        let (a, b) = (Uuid::now_v7().into_bytes(), Uuid::now_v7().into_bytes());
        hex::encode([&a[8..], &b[8..]].concat())
    }
}

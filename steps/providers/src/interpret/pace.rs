//! Not asking more often than a provider allows: one token bucket for each connection and each limit.
//!
//! The buckets live in this process; several processes on one connection share the provider's limit without knowing of
//! each other, and then its 429 is what slows them.

use crate::limits::PACE_WAIT_MAX;
use crate::manifest::Pace;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The buckets of one provider.
#[derive(Debug, Default)]
pub(super) struct Pacer {
    buckets: Mutex<BTreeMap<(String, String), Bucket>>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// Below zero, it is owed.
    tokens: f64,
    at: Instant,
}

impl Pacer {
    /// Waits for a turn.
    ///
    /// # Errors
    /// The turn would come too late: after how long it does.
    pub(super) async fn turn(&self, connection: &str, limit: &str, pace: Pace) -> Result<(), Duration> {
        let wait = self.reserve(connection, limit, pace, Instant::now())?;
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        Ok(())
    }

    /// How long to wait for the turn that is taken; one that comes too late is not taken.
    fn reserve(&self, connection: &str, limit: &str, pace: Pace, now: Instant) -> Result<Duration, Duration> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let full = Bucket { tokens: pace.burst, at: now };
        let bucket = buckets.entry((connection.to_string(), limit.to_string())).or_insert(full);
        let passed = now.saturating_duration_since(bucket.at).as_secs_f64();
        let tokens = (bucket.tokens + passed * pace.per_second).min(pace.burst) - 1.0;
        let wait = Duration::try_from_secs_f64((-tokens / pace.per_second).max(0.0)).unwrap_or(Duration::MAX);
        if wait > PACE_WAIT_MAX {
            return Err(wait);
        }
        *bucket = Bucket { tokens, at: now };
        Ok(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_free_and_then_turns_come_one_by_one() {
        let (pacer, pace, start) = (Pacer::default(), Pace { per_second: 2.0, burst: 3.0 }, Instant::now());
        let at = |ms: u64| pacer.reserve("c", "all", pace, start + Duration::from_millis(ms));
        for _ in 0..3 {
            assert_eq!(at(0), Ok(Duration::ZERO));
        }
        assert_eq!(at(0), Ok(Duration::from_millis(500)));
        assert_eq!(at(0), Ok(Duration::from_millis(1000)));
        assert_eq!(at(2000), Ok(Duration::ZERO));
        // Another connection has a bucket of its own.
        assert_eq!(pacer.reserve("d", "all", pace, start), Ok(Duration::ZERO));
    }

    #[test]
    fn a_turn_that_comes_too_late_is_not_taken() {
        let (pacer, pace, start) = (Pacer::default(), Pace { per_second: 0.01, burst: 1.0 }, Instant::now());
        let at = |s: u64| pacer.reserve("c", "all", pace, start + Duration::from_secs(s));
        assert_eq!(at(0), Ok(Duration::ZERO));
        assert_eq!(at(0), Err(Duration::from_secs(100)));
        assert_eq!(at(0), Err(Duration::from_secs(100)));
        assert_eq!(at(100), Ok(Duration::ZERO));
    }
}

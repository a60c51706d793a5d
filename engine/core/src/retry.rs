//! When a failed attempt is tried again.

use crate::StepError;
use crate::limits::RETRY_AFTER_MS_MAX;
use serde::{Deserialize, Serialize};

/// How often and how soon a step is tried again. Applies to retryable error classes only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// Attempts in all, the first included.
    pub attempts: u32,
    /// The pause after the first failure.
    pub initial_ms: u64,
    /// What each pause is multiplied by to give the next.
    pub factor: f64,
    /// The longest pause.
    pub max_ms: u64,
    /// How the pause is spread, so that many runs do not knock at once.
    pub jitter: Jitter,
}

/// How a pause is spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Jitter {
    /// Not at all.
    None,
    /// Anywhere between nothing and the whole pause.
    Full,
}

impl Default for RetryPolicy {
    /// Six attempts over about a minute and a half.
    fn default() -> Self {
        Self { attempts: 6, initial_ms: 2_000, factor: 2.0, max_ms: 300_000, jitter: Jitter::Full }
    }
}

impl RetryPolicy {
    /// The pause after failed attempt number `attempt` (from 1), in milliseconds. `random` is uniform over all of `u32`.
    ///
    /// A provider's wish wins over the policy: it is the least we wait, up to a bound.
    pub fn pause_ms(&self, attempt: u32, error: &StepError, random: u32) -> u64 {
        let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
        let ceiling = (self.initial_ms as f64 * self.factor.powi(exponent)).min(self.max_ms as f64);
        let spread = match self.jitter {
            Jitter::None => ceiling,
            Jitter::Full => ceiling * (f64::from(random) / f64::from(u32::MAX)),
        };
        // The cast saturates, and `ceiling` is bounded by `max_ms`.
        let wish = error.retry_after_ms.unwrap_or(0).min(RETRY_AFTER_MS_MAX);
        (spread as u64).max(wish)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorClass;

    fn check(attempt: u32, random: u32, retry_after_ms: Option<u64>, expected: u64) {
        let error = StepError::new(ErrorClass::Transient, "x", "x").retry_after_ms(retry_after_ms);
        assert_eq!(RetryPolicy::default().pause_ms(attempt, &error, random), expected);
    }

    #[test]
    fn pauses_grow_to_the_maximum_and_a_providers_wish_wins() {
        check(1, u32::MAX, None, 2_000);
        check(2, u32::MAX, None, 4_000);
        check(50, u32::MAX, None, 300_000);
        check(3, 0, None, 0);
        check(1, u32::MAX, Some(9_000), 9_000);
        check(1, u32::MAX, Some(u64::MAX), RETRY_AFTER_MS_MAX);
    }
}

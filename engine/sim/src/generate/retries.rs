//! How failed attempts are tried again.

use crate::dice::Dice;
use crate::limits::{MINUTE_MS, SECOND_MS};
use engross_core::{Jitter, PlanStep, RetryPolicy};

pub(super) fn add(dice: &mut Dice, step: &mut PlanStep) {
    step.retry = RetryPolicy {
        attempts: u32::try_from(dice.range(1, 6)).unwrap_or(1),
        initial_ms: dice.range(SECOND_MS, MINUTE_MS),
        factor: if dice.percent(50) { 2.0 } else { 1.0 },
        max_ms: dice.range(5, 30) * MINUTE_MS,
        jitter: if dice.percent(50) { Jitter::Full } else { Jitter::None },
    };
}

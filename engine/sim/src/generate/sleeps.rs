//! Sleeps: waits that the clock alone ends.

use super::{Draft, bare, uses};
use crate::dice::Dice;
use crate::limits::{DAY_MS, MINUTE_MS};
use engross_core::{EffectClass, Expr, OutcomeKind, OutcomeSpec, PlanStep, StepId, StepKind};
use serde_json::json;

pub(super) fn step(dice: &mut Dice, _draft: &Draft, id: StepId) -> PlanStep {
    let outcomes =
        vec![OutcomeSpec::new("succeeded", OutcomeKind::Good), OutcomeSpec::new("failed", OutcomeKind::Failure)];
    let mut step = bare(id, uses::SLEEP, StepKind::Wait, EffectClass::Read, outcomes);
    step.with = Expr::Literal(json!({ "for_ms": dice.range(MINUTE_MS, DAY_MS) }));
    step
}

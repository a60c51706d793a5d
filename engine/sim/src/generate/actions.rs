//! Steps that act at the provider, of every effect class.

use super::{Draft, bare, uses};
use crate::dice::Dice;
use crate::evaluate::template;
use crate::limits::{HOUR_MS, MINUTE_MS};
use engross_core::{EffectClass, Expr, OutcomeKind, OutcomeSpec, PlanStep, StepId, StepKind};
use std::collections::BTreeMap;

pub(super) fn step(dice: &mut Dice, draft: &Draft, id: StepId) -> PlanStep {
    let effect = match dice.below(10) {
        0..=1 => EffectClass::Read,
        2..=4 => EffectClass::Idempotent,
        5..=7 => EffectClass::Reconcilable,
        _ if draft.shape.unsafe_steps => EffectClass::Unsafe,
        _ => EffectClass::Reconcilable,
    };
    let outcomes =
        vec![OutcomeSpec::new("succeeded", OutcomeKind::Good), OutcomeSpec::new("failed", OutcomeKind::Failure)];
    let mut step = bare(id, uses::ACT, StepKind::Action, effect, outcomes);
    step.with = Expr::Map(BTreeMap::from([("order".to_string(), Expr::Template(template("inputs.order")))]));
    if draft.shape.races && dice.percent(15) {
        step.timeout_ms = Some(dice.range(20 * MINUTE_MS, 6 * HOUR_MS));
    }
    step
}

//! What undoes a step that acts, or each item of it.

use super::{Shape, bare, retries, uses};
use crate::dice::Dice;
use crate::evaluate::template;
use engross_core::{EffectClass, Expr, OnError, OutcomeKind, OutcomeSpec, PlanStep, StepKind};
use std::collections::BTreeMap;

pub(super) fn add(dice: &mut Dice, shape: Shape, step: &mut PlanStep) {
    let id = step.id.clone();
    let undone = match &mut step.foreach {
        Some(foreach) => &mut foreach.each,
        None => step,
    };
    if undone.uses != uses::ACT || undone.effect == EffectClass::Read || !dice.percent(40) {
        return;
    }
    let effect = match dice.below(4) {
        0 | 1 => EffectClass::Idempotent,
        2 if shape.unsafe_steps => EffectClass::Unsafe,
        _ => EffectClass::Reconcilable,
    };
    let outcomes =
        vec![OutcomeSpec::new("succeeded", OutcomeKind::Good), OutcomeSpec::new("failed", OutcomeKind::Failure)];
    let mut undoing = bare(PlanStep::undoing(&id), uses::ACT, StepKind::Action, effect, outcomes);
    let object = Expr::Template(template(&format!("steps.{id}.outputs.object")));
    undoing.with = Expr::Map(BTreeMap::from([("object".to_string(), object)]));
    retries::add(dice, &mut undoing);
    undoing.on_error = if dice.percent(70) { OnError::Incident } else { OnError::Continue };
    undone.compensate = Some(Box::new(undoing));
}

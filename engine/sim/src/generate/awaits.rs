//! Waits for an object of an earlier step to be signed: a webhook wakes them, a look decides, a poll is the net.

use super::{Draft, bare, uses};
use crate::dice::Dice;
use crate::evaluate::template;
use crate::limits::{DAY_MS, HOUR_MS};
use engross_core::{EffectClass, Expr, OutcomeKind, OutcomeSpec, PlanStep, StepId, StepKind};
use serde_json::json;
use std::collections::BTreeMap;

pub(super) fn step(dice: &mut Dice, draft: &Draft, id: StepId) -> PlanStep {
    let objects: Vec<&PlanStep> =
        draft.steps.iter().filter(|s| s.uses == uses::ACT && s.effect != EffectClass::Read).collect();
    let Some(object) = dice.pick(&objects) else { return super::actions::step(dice, draft, id) };
    let late = if dice.percent(50) { OutcomeKind::Bad } else { OutcomeKind::Neutral };
    let outcomes = vec![
        OutcomeSpec::new("signed", OutcomeKind::Good),
        OutcomeSpec::new("declined", OutcomeKind::Bad),
        OutcomeSpec::new("timed_out", late),
        OutcomeSpec::new("failed", OutcomeKind::Failure),
    ];
    let mut step = bare(id, uses::AWAIT, StepKind::Wait, EffectClass::Read, outcomes);
    let poll_ms = dice.range(2 * HOUR_MS, 12 * HOUR_MS);
    step.with = Expr::Map(BTreeMap::from([
        ("object".to_string(), Expr::Template(template(&format!("steps.{}.outputs.object", object.id)))),
        ("poll_ms".to_string(), Expr::Literal(json!(poll_ms))),
    ]));
    // A reference to outputs is a need.
    step.needs.push(super::joins::good(object));
    if draft.shape.races && dice.percent(60) {
        step.timeout_ms = Some(dice.range(HOUR_MS, 5 * DAY_MS));
    }
    step
}

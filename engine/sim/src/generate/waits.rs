//! Waits for a named event, which is itself the answer.

use super::{Draft, bare, uses};
use crate::dice::Dice;
use crate::evaluate::template;
use crate::limits::{DAY_MS, HOUR_MS};
use engross_core::{EffectClass, Expr, OutcomeKind, OutcomeSpec, PlanStep, StepId, StepKind};
use serde_json::json;
use std::collections::BTreeMap;

pub(super) fn step(dice: &mut Dice, draft: &Draft, id: StepId) -> PlanStep {
    let outcomes = vec![
        OutcomeSpec::new("received", OutcomeKind::Good),
        OutcomeSpec::new("timed_out", OutcomeKind::Neutral),
        OutcomeSpec::new("failed", OutcomeKind::Failure),
    ];
    // Two steps of a run may wait for events of one kind; each takes another one. Which, is a race.
    let kind = if draft.shape.shared_events { format!("sim/k{}", dice.below(2)) } else { format!("sim/{id}") };
    let mut step = bare(id, uses::EVENT, StepKind::Wait, EffectClass::Read, outcomes);
    step.with = Expr::Map(BTreeMap::from([
        ("order".to_string(), Expr::Template(template("inputs.order"))),
        ("type".to_string(), Expr::Literal(json!(kind))),
    ]));
    if draft.shape.races && dice.percent(60) {
        step.timeout_ms = Some(dice.range(HOUR_MS, 4 * DAY_MS));
    }
    step
}

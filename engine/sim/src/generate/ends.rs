//! What ends a run and what it leaves: `on_error`, outputs, the run's own timeout.

use super::{Draft, Shape, uses};
use crate::dice::Dice;
use crate::evaluate::template;
use crate::limits::{DAY_MS, HOUR_MS};
use engross_core::{Expr, OnError, PlanStep};
use std::collections::BTreeMap;

pub(super) fn on_error(dice: &mut Dice, step: &mut PlanStep) {
    step.on_error = match dice.below(100) {
        0..=19 => OnError::Continue,
        20..=59 => OnError::Fail,
        _ => OnError::Incident,
    };
}

/// Outputs name what is the same however often a process died: objects and outcomes, no times.
pub(super) fn outputs(dice: &mut Dice, draft: &Draft) -> BTreeMap<String, Expr> {
    let mut outputs = BTreeMap::new();
    for step in &draft.steps {
        if dice.percent(40) {
            let expression = match (step.uses.as_str(), dice.below(2)) {
                (uses::FOREACH, 0) => format!("steps.{}.outputs.total", step.id),
                (uses::ACT | uses::AWAIT, 0) => format!("steps.{}.outputs.object", step.id),
                _ => format!("steps.{}.outcome", step.id),
            };
            outputs.insert(step.id.to_string(), Expr::Template(template(&expression)));
        }
    }
    outputs
}

pub(super) fn timeout(dice: &mut Dice, shape: Shape) -> Option<u64> {
    (shape.races && dice.percent(20)).then(|| dice.range(12 * HOUR_MS, 6 * DAY_MS))
}

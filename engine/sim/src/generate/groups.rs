//! Groups of runs of which only some may be at work at once: all runs of a workflow, or those of one order.

use crate::dice::Dice;
use crate::evaluate::template;
use engross_core::{Concurrency, Expr};
use serde_json::json;

pub(super) fn group(dice: &mut Dice) -> Option<Concurrency> {
    if !dice.percent(25) {
        return None;
    }
    let group = if dice.percent(80) { Expr::Literal(json!("all")) } else { Expr::Template(template("inputs.order")) };
    Some(Concurrency { group, limit: u32::try_from(dice.range(1, 3)).unwrap_or(1) })
}

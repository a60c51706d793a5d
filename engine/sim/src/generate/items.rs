//! Steps that are done once for each item of a list: one that is written out, or one that an earlier step leaves; now and then
//! one that is none.

use super::fates::list;
use super::{Draft, actions, approvals, awaits, bare, children, ends, joins, retries, sleeps, uses, waits};
use crate::dice::Dice;
use crate::evaluate::template;
use crate::limits::CHILD_LEVELS_MAX;
use engross_core::{EffectClass, Expr, Foreach, OutcomeKind, OutcomeSpec, PlanStep, StepId, StepKind, Tolerance};
use serde_json::json;

pub(super) fn step(dice: &mut Dice, draft: &Draft, id: StepId) -> PlanStep {
    let mut each = each(dice, draft, &id);
    let mut outcomes = vec![OutcomeSpec::new("succeeded", OutcomeKind::Good)];
    if dice.percent(50) {
        outcomes.push(OutcomeSpec { outputs: true, ..OutcomeSpec::new("stopped", OutcomeKind::Bad) });
    }
    outcomes.push(OutcomeSpec { outputs: true, ..OutcomeSpec::new("failed", OutcomeKind::Failure) });
    let mut step = bare(id, uses::FOREACH, StepKind::Action, EffectClass::Read, outcomes);
    step.needs.append(&mut each.needs);
    let items = items(dice, draft, &mut step);
    let key = dice.percent(80).then(|| Expr::Template(template("item.id")));
    let tolerate = match dice.below(4) {
        0 | 1 => Tolerance::Count(0),
        2 => Tolerance::Count(u32::try_from(dice.range(1, 2)).unwrap_or(1)),
        _ => Tolerance::Percent(u32::try_from(dice.range(20, 60)).unwrap_or(20)),
    };
    // Which items begin after a failure depends on which others ended before it, unless there is one at a time or no end to it.
    let tolerate = if draft.shape.races || dice.percent(50) { tolerate } else { Tolerance::Percent(100) };
    let in_any_order = draft.shape.races || tolerate == Tolerance::Percent(100);
    let max_parallel = if in_any_order { u32::try_from(dice.range(1, 3)).unwrap_or(1) } else { 1 };
    step.foreach = Some(Box::new(Foreach { items, key, max_parallel, tolerate, each }));
    step
}

fn each(dice: &mut Dice, draft: &Draft, id: &StepId) -> PlanStep {
    let mut each = match dice.below(10) {
        0..=5 => actions::step(dice, draft, id.clone()),
        6 => approvals::step(dice, draft, id.clone()),
        7 => waits::step(dice, draft, id.clone()),
        8 => awaits::step(dice, draft, id.clone()),
        _ if draft.level < CHILD_LEVELS_MAX => children::step(dice, draft, id.clone()),
        _ => sleeps::step(dice, draft, id.clone()),
    };
    each.id = PlanStep::item(id, "");
    if let (uses::ACT | uses::EVENT, Expr::Map(with)) = (each.uses.as_str(), &mut each.with) {
        with.insert("item".to_string(), Expr::Template(template("item.id")));
    }
    retries::add(dice, &mut each);
    ends::on_error(dice, &mut each);
    each
}

fn items(dice: &mut Dice, draft: &Draft, step: &mut PlanStep) -> Expr {
    let lists: Vec<&PlanStep> = draft.steps.iter().filter(|s| s.uses == uses::ACT).collect();
    match (dice.below(25), dice.pick(&lists)) {
        (0, _) => Expr::Literal(json!([{ "id": "a" }, { "id": "a" }])),
        (1..=10, Some(of)) => {
            let need = joins::good(of);
            if !step.needs.contains(&need) {
                step.needs.push(need);
            }
            Expr::Template(template(&format!("steps.{}.outputs.list", of.id)))
        }
        _ => Expr::Literal(list(dice)),
    }
}

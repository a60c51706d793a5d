//! `if`: on the run's inputs, on how another step ended, and now and then on something that is not there.

use super::Draft;
use crate::dice::Dice;
use crate::evaluate::template;
use engross_core::PlanStep;

pub(super) fn add(dice: &mut Dice, draft: &Draft, step: &mut PlanStep) {
    if !dice.percent(20) {
        return;
    }
    let needed: Vec<_> = step.needs.iter().flat_map(|need| need.refs()).map(|r| r.step.clone()).collect();
    let on_step = dice.pick(&needed).and_then(|id| draft.steps.iter().find(|s| s.id == *id));
    let expression = match (dice.below(10), on_step) {
        (0..=4, _) | (_, None) => format!("inputs.flag{}", dice.below(3)),
        (5..=8, Some(of)) => {
            let outcome = dice.pick(&of.outcomes).map_or_else(String::new, |o| o.name.to_string());
            format!("steps.{}.outcome == {outcome}", of.id)
        }
        // With an `any` join the step it asks about may not have run: that fails, and must fail the same way every time.
        (_, Some(of)) => format!("steps.{}.outputs.none == 1", of.id),
    };
    step.condition = Some(template(&expression));
}

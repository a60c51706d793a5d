//! `if`: on the run's inputs, on how another step ended, and now and then on something that is not there.

use super::Draft;
use crate::dice::Dice;
use crate::evaluate::template;
use engross_core::{Need, PlanStep};

pub(super) fn add(dice: &mut Dice, draft: &Draft, step: &mut PlanStep) {
    if !dice.percent(20) {
        return;
    }
    // How a step of an `any` join ended may be known or not when the join is met by another: that is a race.
    let certain = |need: &&Need| draft.shape.races || matches!(need, Need::One(_));
    let needed: Vec<_> = step.needs.iter().filter(certain).flat_map(Need::refs).map(|one| one.step.clone()).collect();
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

//! Edges: a step's good outcome, a named one, any of several, or whichever comes.

use super::Draft;
use crate::dice::Dice;
use engross_core::{Need, NeedRef, On, OutcomeName, PlanStep};

/// The need of a step's good outcome.
pub(super) fn good(step: &PlanStep) -> Need {
    let outcome = step.outcomes.first().map_or_else(|| OutcomeName::new("succeeded"), |o| o.name.clone());
    Need::One(NeedRef { step: step.id.clone(), on: On::Outcome(outcome) })
}

/// Adds up to three edges to steps before this one.
pub(super) fn add(dice: &mut Dice, draft: &Draft, step: &mut PlanStep) {
    if draft.steps.is_empty() {
        return;
    }
    let count = match dice.below(10) {
        0 => 0,
        1..=6 => 1,
        7..=8 => 2,
        _ => 3,
    };
    for _ in 0..count {
        let need = match dice.below(10) {
            0..=5 => dice.pick(&draft.steps).map(good),
            6 => edge(dice, draft).map(Need::One),
            7 => dice.pick(&draft.steps).map(|s| Need::One(NeedRef { step: s.id.clone(), on: On::Done })),
            _ => {
                let refs: Vec<NeedRef> = (0..dice.range(2, 3)).filter_map(|_| edge(dice, draft)).collect();
                (!refs.is_empty()).then_some(Need::Any(refs))
            }
        };
        step.needs.extend(need.filter(|need| !step.needs.contains(need)));
    }
}

fn edge(dice: &mut Dice, draft: &Draft) -> Option<NeedRef> {
    let of = dice.pick(&draft.steps)?;
    let outcome = dice.pick(&of.outcomes)?.name.clone();
    let on = if dice.percent(15) { On::Done } else { On::Outcome(outcome) };
    Some(NeedRef { step: of.id.clone(), on })
}

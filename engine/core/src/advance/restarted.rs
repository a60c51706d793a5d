//! A run comes into new hands: what was on its way when the old ones let go is decided by its effect class.

use super::{Work, attempt};
use crate::{EffectClass, ErrorClass, Event, StepError, StepId, StepState};

pub(super) fn restarted(work: &mut Work<'_>) {
    let on_their_way: Vec<(StepId, u32)> = work
        .state
        .active()
        .filter_map(|(id, state)| match state {
            StepState::Running { attempt, intended: true, .. } => Some((id.clone(), *attempt)),
            _ => None,
        })
        .collect();
    for (step, number) in on_their_way {
        let Some(effect) = work.context.plan.step(&step).map(|s| s.effect) else { continue };
        match effect {
            EffectClass::Read | EffectClass::Idempotent | EffectClass::Reconcilable => {
                work.emit(Event::StepRecovered { step });
            }
            EffectClass::Unsafe => {
                let error = StepError::new(
                    ErrorClass::Ambiguous,
                    "interrupted",
                    "the engine stopped after the request was meant to leave and before its answer was kept",
                )
                .maybe_done()
                .hint(attempt::DOUBT_HINT);
                work.emit(Event::StepInDoubt { step, attempt: number, error });
            }
        }
    }
}

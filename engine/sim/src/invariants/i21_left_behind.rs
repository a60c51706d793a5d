//! I21: what stands at the provider when a run has failed or was given up is no secret: a step tells of it, it was undone, or the
//! run's problem names it.

use super::{Held, Violation};
use crate::world::World;
use engross_core::{PlanStep, RunId, RunStatus, StepId, StepState};

impl World {
    /// At rest: every effect of every run that did not end well.
    pub(super) fn nothing_is_left_behind_in_silence(&self) -> Held {
        for (run, step, epoch) in self.provider.effects.keys() {
            let Some(watched) = self.oracle.runs.get(run) else { continue };
            let state = &watched.state;
            let ended_badly = matches!(state.status, RunStatus::Failed | RunStatus::Cancelled);
            if !ended_badly || PlanStep::undone_by(step).is_some() {
                continue;
            }
            let told = match state.past.get(step).map_or(0, |past| past.epoch) {
                now if now == *epoch => {
                    let ends = state.steps.get(step).and_then(StepState::outcome);
                    ends.is_some_and(|outcome| outcome.as_str() != "failed")
                }
                // What was done before a re-run is to be undone by the words of the file, too.
                _ => watched.plan.step(step).is_none_or(|spec| spec.compensate.is_none()) || self.was_undone(run, step),
            };
            let named = state.problem.as_ref().is_some_and(|problem| {
                problem.step.as_ref() == Some(step) || problem.message.contains(&format!("`{step}`"))
            });
            if !told && !named {
                let why = format!("{run} {step}: it stands at the provider, and the run ends with {:?}", state.problem);
                return Err(Violation::new("I21", why));
            }
        }
        Ok(())
    }

    fn was_undone(&self, run: &RunId, step: &StepId) -> bool {
        let undoing = PlanStep::undoing(step);
        self.provider.effects.keys().any(|(of, step, _)| of == run && *step == undoing)
    }
}

//! I2: no effect happens twice, and none leaves without a durable intent.

use super::{Held, Oracle, Violation};
use crate::world::Effect;
use engross_core::{EffectClass, RunId, StepId, StepState};
use std::collections::BTreeSet;

impl Oracle {
    /// A request for an effect leaves the node.
    pub(crate) fn effect_leaves(
        &self,
        run: &RunId,
        step: &StepId,
        key: &str,
        attempt: u32,
        class: EffectClass,
    ) -> Held {
        let bad = |why: String| Err(Violation::new("I2", format!("{run} {step} attempt {attempt}: {why}")));
        let Some(watched) = self.runs.get(run) else { return bad("an effect of a run that is not durable".into()) };
        if class == EffectClass::Read {
            return Ok(());
        }
        match watched.state.steps.get(step) {
            Some(StepState::Running { attempt: now, intended: true, .. }) if *now == attempt => {}
            Some(StepState::Running { .. }) => return bad("the effect leaves before its intent is durable".into()),
            other => {
                let state = other.map_or("pending", StepState::as_str);
                return Err(Violation::new(
                    "I7",
                    format!("{run} {step}: an effect starts although the step is {state}"),
                ));
            }
        }
        match watched.keys.get(step) {
            Some(known) if known == key => Ok(()),
            known => {
                Err(Violation::new("I3", format!("{run} {step}: the key that leaves is {key}, journaled is {known:?}")))
            }
        }
    }

    /// The provider acted. `effects` is all that it ever did for the step.
    pub(crate) fn effect_happened(&self, run: &RunId, step: &StepId, class: EffectClass, effects: &[Effect]) -> Held {
        let keys: BTreeSet<&str> = effects.iter().map(|effect| effect.key.as_str()).collect();
        if keys.len() > 1 {
            return Err(Violation::new(
                "I3",
                format!("{run} {step}: the provider saw two keys for one effect: {keys:?}"),
            ));
        }
        if effects.len() > 1 {
            let objects: Vec<&str> = effects.iter().map(|effect| effect.object.as_str()).collect();
            let text = format!("{run} {step} ({class:?}): the effect happened {} times: {objects:?}", effects.len());
            return Err(Violation::new("I2", text));
        }
        Ok(())
    }
}

//! I7: no step runs before its needs are met and its condition is true; what was skipped never runs; after the end nothing
//! happens; a run that is given up starts nothing; no answer ends a step that was run again since it was asked for.

use super::{Held, Violation, Watched};
use crate::evaluate::Lookup;
use crate::reference::rules;
use engross_core::{EffectClass, Evaluate, Event, PlanStep, Record, RunId, SkipReason, StepId, StepState};
use serde_json::Value;

/// What became of an answer about a step that was run again since it was asked for.
pub(crate) fn refused_as_too_late(run: &RunId, step: &StepId, refused: bool) -> Held {
    if refused {
        return Ok(());
    }
    Err(Violation::new("I7", format!("{run}: {step} was run again, and takes an answer from before")))
}

pub(super) fn check(watched: &Watched, record: &Record) -> Held {
    let state = &watched.state;
    let bad = |why: String| Err(Violation::new("I7", format!("{}: {why}", state.run)));
    if state.status.is_over() && !matches!(record.event, Event::StepsReset { .. }) {
        return bad(format!("it is {}, and then {:?}", state.status.as_str(), record.event));
    }
    let Some(step) = record.event.step() else { return Ok(()) };
    let Some(spec) = watched.plan.step(step) else { return bad(format!("there is no step {step}")) };
    match &record.event {
        Event::StepScheduled { .. } | Event::StepFannedOut { .. } => {
            if let Some(known) = state.steps.get(step) {
                return bad(format!("{step} is {}, and starts", known.as_str()));
            }
            if PlanStep::undone_by(step).is_some() {
                return Ok(());
            }
            if state.cancel.is_some() {
                return bad(format!("{step} starts, and the run is given up"));
            }
            if state.queued {
                return bad(format!("{step} starts, and the run waits for its turn"));
            }
            if is_item(step) { Ok(()) } else { may_start(watched, spec) }
        }
        Event::StepSkipped { reason: SkipReason::NeedsUnmet(_), .. } => match rules::needs_met(spec, &watched.ends()) {
            Some(false) => Ok(()),
            other => bad(format!("{step} is skipped for its needs, which are {other:?}")),
        },
        Event::EffectIntended { .. } if state.cancel.is_some() && PlanStep::undone_by(step).is_none() => {
            let repeats = matches!(state.steps.get(step), Some(StepState::Running { maybe_done: true, .. }));
            if repeats && spec.effect == EffectClass::Idempotent {
                return Ok(());
            }
            bad(format!("{step}: a new effect of a run that is given up"))
        }
        _ => Ok(()),
    }
}

fn is_item(step: &StepId) -> bool {
    PlanStep::item_of(step).is_some()
}

fn may_start(watched: &Watched, spec: &PlanStep) -> Held {
    let (run, ends) = (&watched.state.run, watched.ends());
    if rules::needs_met(spec, &ends) != Some(true) {
        return Err(Violation::new("I7", format!("{run}: {} starts before its needs are met", spec.id)));
    }
    let Some(condition) = &spec.condition else { return Ok(()) };
    let scope = rules::scope(&watched.plan, &ends, &watched.state.inputs);
    match Lookup.evaluate(condition, &scope) {
        Ok(Value::Bool(true)) => Ok(()),
        other => Err(Violation::new("I7", format!("{run}: {} starts although its condition is {other:?}", spec.id))),
    }
}

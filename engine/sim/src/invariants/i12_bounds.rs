//! I12: attempts, journals and what is in memory stay within their bounds.

use super::{Held, Violation, Watched};
use crate::limits::{JOURNAL_MAX, SLOTS_MAX};
use crate::node::{Node, is_at_work};
use engross_core::limits::LOOK_ATTEMPTS_MAX;
use engross_core::{Event, Record, StepState};

pub(super) fn attempts(watched: &Watched, record: &Record) -> Held {
    let (step, attempt) = match &record.event {
        Event::EffectIntended { step, attempt, .. } => (step, *attempt),
        Event::StepRetried { step, attempt } => (step, *attempt),
        _ => return Ok(()),
    };
    let allowed = watched.plan.step(step).map_or(0, |spec| spec.retry.attempts);
    let (run, acts) = (&watched.state.run, matches!(record.event, Event::EffectIntended { .. }));
    let most = if acts { allowed } else { allowed + LOOK_ATTEMPTS_MAX };
    // Those from before a person had the step tried again are not counted.
    let forgiven = match watched.state.steps.get(step) {
        Some(StepState::Running { forgiven, .. } | StepState::BackingOff { forgiven, .. }) => *forgiven,
        _ => 0,
    };
    if attempt.saturating_sub(forgiven) > most {
        return Err(Violation::new("I12", format!("{run} {step}: attempt {attempt} of {allowed} allowed ones")));
    }
    Ok(())
}

pub(super) fn journal(watched: &Watched) -> Held {
    let state = &watched.state;
    if state.seq > JOURNAL_MAX {
        return Err(Violation::new("I12", format!("{}: its journal has {} records", state.run, state.seq)));
    }
    Ok(())
}

/// Runs that nothing happens to are not in memory.
pub(crate) fn memory_is_bounded(node: &Node) -> Held {
    if node.slots.len() <= SLOTS_MAX {
        return Ok(());
    }
    let idle = node.slots.values().filter(|s| s.loaded.as_ref().is_some_and(|l| !is_at_work(&l.state))).count();
    if idle > SLOTS_MAX {
        return Err(Violation::new("I12", format!("{idle} runs are in memory, and nothing happens to them")));
    }
    Ok(())
}

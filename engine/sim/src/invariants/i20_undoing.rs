//! I20: what a run did is undone when it fails or is cancelled, and never otherwise: each effect at most once, one after the other,
//! the newest first, and all of them before the end.

use super::{Held, Violation, Watched};
use engross_core::{Event, OutcomeKind, PlanStep, Record, RunStatus, StepId, StepState};

/// What can be undone and has not begun to be: each step and which record ended it.
fn left(watched: &Watched) -> Vec<(StepId, u64)> {
    let steps = watched.state.steps.iter().filter(|(id, _)| PlanStep::undone_by(id).is_none());
    let undoable = steps.filter_map(|(id, state)| {
        let StepState::Completed { outcome, seq, .. } = state else { return None };
        let spec = watched.plan.step(id).filter(|spec| spec.compensate.is_some())?;
        let kind = spec.outcomes.iter().find(|known| known.name == *outcome)?.kind;
        let begun = watched.state.steps.contains_key(&PlanStep::undoing(id));
        (kind != OutcomeKind::Failure && !begun).then(|| (id.clone(), *seq))
    });
    undoable.collect()
}

pub(super) fn check(watched: &Watched, record: &Record) -> Held {
    let state = &watched.state;
    let bad = |why: String| Err(Violation::new("I20", format!("{}: {why}", state.run)));
    match &record.event {
        Event::StepScheduled { step, .. } => {
            let Some(of) = PlanStep::undone_by(step) else { return Ok(()) };
            if state.ending.is_none() {
                return bad(format!("{of} is undone, and the run does not end"));
            }
            if let Some((other, _)) = state.active().next() {
                return bad(format!("{of} is undone, and {other} is under way"));
            }
            let left = left(watched);
            let Some((_, seq)) = left.iter().find(|(id, _)| *id == of) else {
                return bad(format!("{of} is undone, and there is nothing to undo"));
            };
            match left.iter().find(|(_, other)| other > seq) {
                Some((newer, _)) => bad(format!("{of} is undone before {newer}, which is newer")),
                None => Ok(()),
            }
        }
        Event::RunEnded { status: RunStatus::Failed | RunStatus::Cancelled, .. } => match left(watched).first() {
            Some((id, _)) => bad(format!("it ends, and {id} is not undone")),
            None => Ok(()),
        },
        Event::RunEnded { .. } => match state.steps.keys().find_map(PlanStep::undone_by) {
            Some(of) => bad(format!("it ends well, and {of} is undone")),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

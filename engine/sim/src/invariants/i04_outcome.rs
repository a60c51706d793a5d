//! I4: the end of a run follows from its plan and from what its steps met, by the language's rules; and it is the same whatever
//! crashes there were on the way.

use super::{Held, Oracle, Violation, Watched};
use crate::evaluate::Lookup;
use crate::reference::rules;
use engross_core::{RunId, RunStatus, StepState};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A run's number, and how it and each of its steps ended.
pub(super) fn words(run: &RunId, watched: &Watched) -> (String, String) {
    let base = crate::world::World::base(run).to_string();
    let steps: BTreeMap<&str, &str> = watched
        .state
        .steps
        .iter()
        .map(|(id, state)| (id.as_str(), state.outcome().map_or(state.as_str(), |outcome| outcome.as_str())))
        .collect();
    // The run's id is in the names of objects, and is made anew when somebody has to ask twice.
    let outputs = watched.state.outputs.to_string().replace(run.as_str(), &base);
    let text = format!("{} {steps:?} {outputs}", watched.state.status.as_str());
    (base, text)
}

impl Oracle {
    /// At rest: every run that is over ended as the rules say.
    pub(super) fn ends_follow_the_rules(&self) -> Held {
        self.runs.values().filter(|watched| watched.state.status.is_over()).try_for_each(follows)
    }
}

fn follows(watched: &Watched) -> Held {
    let (state, ends) = (&watched.state, watched.ends());
    let bad = |why: String| Err(Violation::new("I4", format!("{}: {why}", state.run)));
    let expected = match &state.cancel {
        Some(cancel) if cancel.timed_out => Some(RunStatus::Failed),
        Some(_) => Some(RunStatus::Cancelled),
        None => rules::verdict(&watched.plan, &ends),
    };
    if expected != Some(state.status) {
        return bad(format!("it is {}, and by the rules {expected:?}: {ends:?}", state.status.as_str()));
    }
    for step in watched.plan.ordered() {
        let skipped = matches!(state.steps.get(&step.id), Some(StepState::Skipped { .. }));
        let met = rules::needs_met(step, &ends);
        if state.cancel.is_none() && met == Some(false) && !skipped {
            return bad(format!("{} ran, and its needs can never be met", step.id));
        }
    }
    let scope = rules::scope(&watched.plan, &ends, &state.inputs);
    let outputs: Map<String, Value> = watched
        .plan
        .definition()
        .outputs
        .iter()
        .map(|(name, expr)| (name.clone(), expr.value(&Lookup, &scope).unwrap_or(Value::Null)))
        .collect();
    if state.outputs != Value::Object(outputs.clone()) {
        return bad(format!("its outputs are {}, and by the rules {}", state.outputs, Value::Object(outputs)));
    }
    Ok(())
}

/// Compares a week with the same one without crashes. Runs that are over in both: what a crash delayed beyond the week is not
/// lost, and the invariant of liveness looks after it.
pub(crate) fn same_as_without_crashes(with: &BTreeMap<String, String>, without: &BTreeMap<String, String>) -> Held {
    for (run, end) in without {
        // A run that a step starts may not have begun yet when a crash has delayed that step.
        if run.contains('~') && !with.contains_key(run) {
            continue;
        }
        if with.get(run).is_some_and(|other| is_over(other) && is_over(end) && other != end) || !with.contains_key(run)
        {
            let other = with.get(run).map_or("not there", String::as_str);
            let text = format!("{run} ends otherwise after crashes:\n  with:    {other}\n  without: {end}");
            return Err(Violation::new("I4", text));
        }
    }
    Ok(())
}

fn is_over(words: &str) -> bool {
    let open = [RunStatus::Running, RunStatus::Cancelling, RunStatus::Compensating];
    !open.iter().any(|status| words.starts_with(status.as_str()))
}

//! What a run that fails or is cancelled undoes: one effect after the other, that of the step that ended last first.

use super::interpret::{Course, Interpreter};
use super::rules::{self, End};
use crate::generate::fates::KEYS;
use engross_core::{OnError, OutcomeKind, PlanStep};
use serde_json::{Value, json};
use std::collections::BTreeMap;

impl Interpreter<'_> {
    /// Undoes everything, from a time on. Whether that comes to its end.
    pub(super) fn undo(&mut self, from: u64) -> bool {
        let mut now = from;
        while let Some((id, undoing)) = self.newest() {
            let course = self.undone(&id, undoing, now);
            let (ends, at) = (course.end != End::Open, course.at);
            self.courses.insert(PlanStep::undoing(&id.as_str().into()).to_string(), course);
            if !ends {
                return false;
            }
            now = at;
        }
        true
    }

    fn undone(&self, id: &str, undoing: &PlanStep, now: u64) -> Course {
        // Nobody gives up what takes something back.
        let free = Interpreter { plan: self.plan, script: self.script, cut: None, courses: BTreeMap::new() };
        let mut scope = rules::scope(self.plan, &self.ends(), &self.script.inputs);
        let own = self.courses.get(id).map(|course| course.end.clone());
        if let (Some((of, _)), Some(End::Outcome(outcome, outputs))) = (PlanStep::item_of(&id.into()), own) {
            scope["steps"][of.as_str()] = json!({ "outcome": outcome, "outputs": outputs });
        }
        let name = PlanStep::undoing(&id.into());
        let course = free.done(undoing, name.as_str(), &scope, now);
        match &course.end {
            End::Outcome(outcome, Value::Null) if outcome == "failed" && undoing.on_error == OnError::Incident => {
                Course { end: End::Open, ..course }
            }
            _ => course,
        }
    }

    /// Of what ended well, can be undone and is not yet, the last.
    fn newest(&self) -> Option<(String, &'_ PlanStep)> {
        let mut found: Vec<(u64, usize, String, &PlanStep)> = Vec::new();
        for (position, step) in self.plan.ordered().enumerate() {
            let mut acting = vec![(step.id.to_string(), step)];
            if let Some(foreach) = &step.foreach {
                let keys = KEYS.iter().map(ToString::to_string).chain((0..KEYS.len()).map(|index| index.to_string()));
                acting.extend(keys.map(|key| (PlanStep::item(&step.id, &key).to_string(), &foreach.each)));
            }
            for (id, step) in acting {
                let (Some(undoing), Some(course)) = (step.compensate.as_deref(), self.courses.get(&id)) else {
                    continue;
                };
                let End::Outcome(outcome, _) = &course.end else { continue };
                let kind = step.outcomes.iter().find(|known| known.name.as_str() == outcome).map(|known| known.kind);
                let done = self.courses.contains_key(PlanStep::undoing(&id.as_str().into()).as_str());
                if kind != Some(OutcomeKind::Failure) && !done {
                    found.push((course.at, position, id, undoing));
                }
            }
        }
        found.sort_by(|a, b| (a.0, a.1, &a.2).cmp(&(b.0, b.1, &b.2)));
        found.pop().map(|(_, _, id, undoing)| (id, undoing))
    }
}

//! People who help runs that cannot go on by themselves: they have a step tried again, say how it ended, or have it run again.
//!
//! They say the truth: whoever is asked about a doubt has looked at the provider, and long after the request was sent.

use super::{Caller, Happening, Wish, World};
use crate::dice::Dice;
use crate::faults::Fault;
use crate::limits::{DAY_MS, HOUR_MS, MINUTE_MS, SETTLE_MS};
use crate::node::{Op, Then};
use engross_core::{Answer, Completion, Input, Person, RunId, StepId, StepState};
use std::collections::BTreeSet;

impl World {
    /// Somebody sees a step that needs a person.
    pub(super) fn somebody_will_help(&mut self, run: &RunId, step: &StepId) {
        let mut dice = Dice::of(self.options.seed, &["help", Self::base(run).as_str(), step.as_str()]);
        if !dice.percent(80) {
            return;
        }
        let after = dice.range(10 * MINUTE_MS, 6 * HOUR_MS);
        let wish = Wish::Help { run: run.clone(), step: step.clone() };
        self.plan_in(after, Happening::Call(Caller::new(wish)));
    }

    /// What a person does about the step as it stands when they look.
    pub(super) fn help(&mut self, caller: u64, run: &RunId, step: &StepId) {
        let Some(input) = self.what_helps(run, step) else {
            self.callers.remove(&caller);
            return;
        };
        self.give(run, Op::Turn { input: Box::new(input), quiet: false }, Then::Reply(caller));
    }

    fn what_helps(&mut self, run: &RunId, step: &StepId) -> Option<Input> {
        let watched = self.oracle.runs.get(run)?;
        let state = watched.state.steps.get(step)?;
        let epoch = watched.state.past.get(step).map_or(0, |past| past.epoch);
        let good = watched.plan.step(step)?.outcomes.first()?.name.clone();
        let made = self.provider.effects.get(&(run.clone(), step.clone(), epoch)).and_then(|made| made.first());
        let object = made.map_or_else(|| format!("{run}.{step}"), |made| made.object.clone());
        let outputs = self.fates.outputs(&Self::base(run), step, &object);
        let (happened, ended) = (made.is_some(), Answer::Ended(Completion::new(good.as_str(), outputs)));
        let failed = Answer::Ended(Completion::new("failed", serde_json::Value::Null));
        let in_doubt = match state {
            // The request may still be on its way: the shell refuses a word about it so soon.
            StepState::InDoubt { since, .. } if self.wall().ms_since(*since) < 2 * SETTLE_MS => return None,
            StepState::InDoubt { .. } => true,
            StepState::Incident { .. } => false,
            _ => return None,
        };
        let attempt = match state {
            StepState::InDoubt { attempt, .. } | StepState::Incident { attempt, .. } => Some(*attempt),
            _ => None,
        };
        let (step, by, comment) = (step.clone(), Person::new("rita@sales.example"), None);
        // Without races, nothing is left to chance: the step is passed over.
        if !in_doubt && self.fates.shape.races && self.dice.percent(60) {
            self.hit(Fault::TriedAgainByHand);
            return Some(Input::Retry { step, attempt, by, comment });
        }
        if in_doubt && !happened && self.dice.percent(70) {
            self.hit(Fault::SaidNotDone);
            return Some(Input::Answer { step, attempt, by, answer: Answer::NotDone, comment });
        }
        self.hit(Fault::SaidHowItEnded);
        let answer = if in_doubt && !happened { failed } else { ended };
        Some(Input::Answer { step, attempt, by, answer, comment })
    }

    /// Somebody has a run go on from one of its steps once more: the one that was asked for, or one that it started.
    pub(super) fn rerun(&mut self, caller: u64, number: usize) {
        let base = format!("r{number:03}x");
        let all = self.oracle.runs.iter().filter(|(run, _)| run.as_str().starts_with(&base));
        let family: Vec<_> = all.collect();
        let found = if self.fates.shape.rich { self.dice.pick(&family) } else { family.first() };
        let from = found.copied().and_then(|(run, watched)| {
            let steps: Vec<&StepId> = watched.state.steps.keys().collect();
            Some((run.clone(), (*self.dice.pick(&steps)?).clone()))
        });
        let Some((run, from)) = from else {
            self.callers.remove(&caller);
            return;
        };
        self.hit(Fault::RunAgain);
        let by = Person::new("rita@sales.example");
        let effects_again = self.dice.percent(80);
        let going_on = self.going_on(&run);
        let input = Input::Rerun { from, by, effects_again, going_on, comment: None };
        self.give(&run, Op::Turn { input: Box::new(input), quiet: false }, Then::Reply(caller));
    }

    /// What the shell sees before a re-run: those of the runs that a run has started which are not over.
    fn going_on(&self, run: &RunId) -> BTreeSet<RunId> {
        let Some(state) = self.oracle.runs.get(run).map(|watched| &watched.state) else { return BTreeSet::new() };
        let children = state.steps.keys().filter_map(|step| state.owned_child(step));
        let open = |child: &&RunId| self.oracle.runs.get(*child).is_some_and(|child| !child.state.status.is_over());
        children.filter(open).cloned().collect()
    }

    pub(super) fn plan_reruns(&mut self, most: u64) {
        let mut dice = Dice::of(self.options.seed, &["reruns"]);
        for _ in 0..dice.below(most + 1) {
            let number = usize::try_from(dice.below(crate::limits::RUNS.1)).unwrap_or(0);
            let at = dice.range(DAY_MS, 6 * DAY_MS);
            self.plan_in(at, Happening::Call(Caller::new(Wish::Rerun { number })));
        }
    }
}

//! What the world holds for each step of each run: how people decide, when an object is signed, what a provider refuses for good.
//!
//! A fate is a function of the seed, the run and the step. It does not depend on what happened, so that the same week with other
//! crashes has the same fates.

use super::Shape;
use crate::dice::Dice;
use crate::limits::{DAY_MS, HOUR_MS, MINUTE_MS};
use engross_core::{Person, RunId, StepId, Verdict};
use serde_json::{Value, json};

/// The people who are asked.
pub const PEOPLE: [&str; 3] = ["ada@legal.example", "lena@legal.example", "omar@legal.example"];

/// Somebody who is never asked, and tries.
pub const STRANGER: &str = "eve@other.example";

/// Others, who are asked in some stages and when a stage takes long.
pub const LEADS: [&str; 2] = ["max@leads.example", "zoe@leads.example"];

/// The keys of the items of generated lists.
pub const KEYS: [&str; 5] = ["a", "b", "c", "d", "e"];

/// The fates of one seed.
#[derive(Clone, Copy, Debug)]
pub struct Fates {
    /// The seed.
    pub seed: u64,
    /// What kind of plans there are.
    pub shape: Shape,
}

/// How an object ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectFate {
    /// How long after it was made, in milliseconds.
    pub after_ms: u64,
    /// `signed` or `declined`.
    pub state: &'static str,
}

/// A person who answers an approval.
#[derive(Clone, Debug)]
pub struct Answer {
    /// How long after the question, in milliseconds.
    pub after_ms: u64,
    /// Who.
    pub by: Person,
    /// What.
    pub verdict: Verdict,
}

/// Something that people do about an approval that takes long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doing {
    /// Somebody decides, maybe about what they were shown, maybe about a round.
    Decide(Person, Verdict, Option<String>, Option<u32>),
    /// Somebody has another decide.
    HandOn(Person, Person),
    /// Somebody says that what is approved was changed to this.
    Change(Person, String),
}

/// What people do about an approval that takes long, and how long after the question.
pub fn doings(dice: &mut Dice) -> Vec<(u64, Doing)> {
    let everybody: Vec<&str> = PEOPLE.iter().chain(&LEADS).chain([&STRANGER]).copied().collect();
    let somebody = |dice: &mut Dice| Person::new(dice.pick(&everybody).copied().unwrap_or(STRANGER));
    let mut doings: Vec<(u64, Doing)> = (0..dice.range(2, 12))
        .map(|_| {
            let doing = match dice.below(10) {
                0 => {
                    let by = if dice.percent(40) { Person::new("rita@sales.example") } else { somebody(dice) };
                    Doing::Change(by, dice.below(3).to_string())
                }
                1 | 2 => Doing::HandOn(somebody(dice), somebody(dice)),
                _ => {
                    let verdict = if dice.percent(93) { Verdict::Approve } else { Verdict::Reject };
                    let shown = dice.percent(20).then(|| dice.below(3).to_string());
                    let round = dice.percent(50).then(|| u32::try_from(dice.range(1, 3)).unwrap_or(1));
                    Doing::Decide(somebody(dice), verdict, shown, round)
                }
            };
            (dice.range(MINUTE_MS, 3 * DAY_MS), doing)
        })
        .collect();
    doings.sort_by_key(|(after_ms, _)| *after_ms);
    doings
}

/// A list of different items.
pub fn list(dice: &mut Dice) -> Value {
    let chosen: Vec<&str> = KEYS.iter().copied().filter(|_| dice.percent(60)).collect();
    chosen.into_iter().map(|key| json!({ "id": key })).collect()
}

impl Fates {
    /// What a step that acts leaves.
    pub fn outputs(&self, run: &RunId, step: &StepId, object: &str) -> Value {
        if !self.shape.rich {
            return json!({ "object": object });
        }
        json!({ "object": object, "list": list(&mut self.dice("list", run, step)) })
    }

    /// What people do about an approval that takes long.
    pub fn doings(&self, run: &RunId, step: &StepId) -> Vec<(u64, Doing)> {
        doings(&mut self.dice("doings", run, step))
    }

    fn dice(&self, what: &str, run: &RunId, step: &StepId) -> Dice {
        Dice::of(self.seed, &[what, run.as_str(), step.as_str()])
    }

    /// A run's inputs.
    pub fn inputs(&self, number: usize) -> Value {
        let mut dice = Dice::of(self.seed, &["inputs", &number.to_string()]);
        // Some orders are shared, so that events find more than one run.
        let order = if self.shape.races && dice.percent(20) { dice.below(4) } else { 1_000 + number as u64 };
        json!({ "order": order, "flag0": true, "flag1": dice.percent(50), "flag2": dice.percent(80) })
    }

    /// Who asks for a run.
    pub fn requester(&self, number: usize) -> Person {
        let mut dice = Dice::of(self.seed, &["requester", &number.to_string()]);
        let asks = if dice.percent(50) { dice.pick(&PEOPLE).copied() } else { None };
        Person::new(asks.unwrap_or("rita@sales.example"))
    }

    /// Whether the provider refuses this for good.
    pub fn refused(&self, run: &RunId, step: &StepId) -> bool {
        self.dice("refused", run, step).percent(7)
    }

    /// How the object of a step ends; none when nobody ever signs.
    pub fn object(&self, run: &RunId, step: &StepId) -> Option<ObjectFate> {
        let mut dice = self.dice("object", run, step);
        let state = match dice.below(10) {
            0..=6 => "signed",
            7..=8 => "declined",
            _ => return None,
        };
        let after_ms = if dice.percent(30) { dice.below(MINUTE_MS) } else { dice.range(MINUTE_MS, 2 * DAY_MS) };
        Some(ObjectFate { after_ms, state })
    }

    /// How long after the start of the run the event for a waiting step is sent; none when it never is.
    pub fn event(&self, run: &RunId, step: &StepId) -> Option<u64> {
        let mut dice = self.dice("event", run, step);
        match dice.below(10) {
            0..=4 => Some(dice.below(MINUTE_MS)),
            5..=8 => Some(dice.range(MINUTE_MS, 3 * DAY_MS)),
            _ => None,
        }
    }

    /// Who answers an approval, and how. Without races the answers are hours apart, so that no crash changes their order.
    pub fn answers(&self, run: &RunId, step: &StepId, expires_ms: Option<u64>) -> Vec<Answer> {
        let mut dice = self.dice("answers", run, step);
        let mut answers = Vec::new();
        let mut at = dice.range(MINUTE_MS, 4 * HOUR_MS);
        let first = dice.below(3);
        for turn in 0..dice.below(4) {
            let who = usize::try_from((first + turn) % 3).unwrap_or(0);
            let verdict = if dice.percent(85) { Verdict::Approve } else { Verdict::Reject };
            let by = Person::new(PEOPLE.get(who).copied().unwrap_or(STRANGER));
            answers.push(Answer { after_ms: at, by: by.clone(), verdict });
            if self.shape.races && dice.percent(20) {
                // The same person changes their mind, or clicks twice.
                answers.push(Answer { after_ms: at + dice.below(MINUTE_MS), by, verdict: Verdict::Reject });
            }
            if self.shape.races && dice.percent(10) {
                answers.push(Answer { after_ms: at / 2, by: Person::new(STRANGER), verdict: Verdict::Approve });
            }
            at += dice.range(7 * HOUR_MS, DAY_MS);
        }
        if let Some(expires_ms) = expires_ms
            && dice.percent(15)
        {
            let near = expires_ms.saturating_sub(2) + dice.below(5);
            answers.push(Answer { after_ms: near, by: Person::new(PEOPLE[1]), verdict: Verdict::Approve });
        }
        answers
    }
}

//! What a run's steps will meet: the script that the core and the reference interpreter are both given.

use crate::dice::Dice;
use crate::generate::fates::{Doing, KEYS, PEOPLE, STRANGER, doings, list};
use crate::generate::uses;
use crate::limits::{ATTEMPT_MS_MAX, DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};
use engross_core::{EffectState, ErrorClass, Person, PlanStep, StepError, Verdict};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The script of one run. Times are in milliseconds since its start.
#[derive(Clone, Debug)]
pub struct Script {
    /// The run's inputs.
    pub inputs: Value,
    /// Who asked for it.
    pub requester: Person,
    /// When somebody gives it up.
    pub cancel_at: Option<u64>,
    /// What each step meets.
    pub steps: BTreeMap<String, StepScript>,
}

/// What one step meets.
#[derive(Clone, Debug)]
pub struct StepScript {
    /// How long its attempt takes to park it, for a wait.
    pub parks_after: u64,
    /// Its attempts; the last goes on for ever.
    pub attempts: Vec<Attempt>,
    /// Its look-ups; the last goes on for ever.
    pub looks: Vec<LookUp>,
    /// Who answers it, and how long after it asked.
    pub answers: Vec<(u64, Person, Verdict)>,
    /// When what it waits for happens.
    pub happens_at: Option<u64>,
    /// How that ends it, for an await.
    pub state: &'static str,
    /// Whether a webhook tells.
    pub told: bool,
    /// What people do about it besides, and how long after it asked, for an approval that takes long.
    pub doings: Vec<(u64, Doing)>,
    /// The list that it leaves.
    pub list: Value,
    /// How the run ends that it starts.
    pub run_ends: &'static str,
    /// How long that run takes to end when it is given up.
    pub given_up_in: u64,
}

/// One attempt to act.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// How long it takes.
    pub takes: u64,
    /// Whether the provider acts.
    pub acts: bool,
    /// Why it fails; none when it does not.
    pub error: Option<StepError>,
}

/// One look for an earlier effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookUp {
    /// It tells the truth.
    Truth,
    /// It fails and may work the next time.
    Fails,
    /// It finds more than one.
    Ambiguous,
}

impl StepScript {
    /// What its effect leaves.
    pub fn outputs(&self) -> Value {
        json!({ "object": "o", "list": self.list })
    }

    /// Attempt number `n`, from 1.
    pub fn attempt(&self, n: u32) -> &Attempt {
        let at = (n as usize).saturating_sub(1).min(self.attempts.len().saturating_sub(1));
        self.attempts.get(at).unwrap_or(&WELL)
    }

    /// Look-up number `n`, from 1.
    pub fn look(&self, n: usize) -> LookUp {
        let at = n.saturating_sub(1).min(self.looks.len().saturating_sub(1));
        self.looks.get(at).copied().unwrap_or(LookUp::Truth)
    }
}

static WELL: Attempt = Attempt { takes: 17, acts: true, error: None };

/// A random script for these steps.
pub fn script(dice: &mut Dice, steps: &[PlanStep]) -> Script {
    Script {
        inputs: json!({ "order": 7, "flag0": true, "flag1": dice.percent(50), "flag2": dice.percent(80) }),
        requester: Person::new(if dice.percent(50) { PEOPLE[0] } else { "rita@sales.example" }),
        cancel_at: dice.percent(25).then(|| dice.range(SECOND_MS, 3 * DAY_MS)),
        steps: steps.iter().flat_map(|step| of_all(dice, step)).collect(),
    }
}

/// Of a step of the file: of itself, of what undoes it, and the same for each item that it may be done for.
fn of_all(dice: &mut Dice, step: &PlanStep) -> Vec<(String, StepScript)> {
    let mut acting = vec![(step.id.clone(), step)];
    if let Some(foreach) = &step.foreach {
        let keys = KEYS.iter().map(ToString::to_string).chain((0..KEYS.len()).map(|index| index.to_string()));
        acting.extend(keys.map(|key| (PlanStep::item(&step.id, &key), &foreach.each)));
    }
    let mut undone = Vec::new();
    for (id, step) in &acting {
        undone.extend(step.compensate.as_deref().map(|undoing| (PlanStep::undoing(id), undoing)));
    }
    acting.extend(undone);
    acting.into_iter().map(|(id, step)| (id.to_string(), of_step(dice, step))).collect()
}

fn of_step(dice: &mut Dice, step: &PlanStep) -> StepScript {
    let acts = step.uses == uses::ACT;
    let attempts = (0..dice.range(1, 5)).map(|_| attempt(dice)).collect();
    let look = |dice: &mut Dice| match dice.below(10) {
        0..=6 => LookUp::Truth,
        7..=8 => LookUp::Fails,
        _ => LookUp::Ambiguous,
    };
    let (first, people) = (dice.below(3), dice.below(4));
    let mut answers = Vec::new();
    for turn in 0..people {
        let who = usize::try_from((first + turn / 2) % 3).unwrap_or(0);
        let by = if dice.percent(10) { STRANGER } else { PEOPLE.get(who).copied().unwrap_or(STRANGER) };
        let verdict = if dice.percent(80) { Verdict::Approve } else { Verdict::Reject };
        answers.push((dice.range(SECOND_MS, 2 * DAY_MS), Person::new(by), verdict));
    }
    answers.sort_by_key(|(after, _, _)| *after);
    StepScript {
        parks_after: dice.range(1, 5 * SECOND_MS),
        attempts: if acts { attempts } else { Vec::new() },
        looks: if acts { (0..dice.range(1, 4)).map(|_| look(dice)).collect() } else { Vec::new() },
        answers,
        happens_at: dice.percent(80).then(|| dice.range(1, 3 * DAY_MS)),
        state: if dice.percent(80) { "signed" } else { "declined" },
        told: dice.percent(60),
        doings: doings(dice),
        list: list(dice),
        run_ends: ["succeeded", "succeeded", "stopped", "failed"][usize::try_from(dice.below(4)).unwrap_or(0)],
        given_up_in: dice.range(1, HOUR_MS),
    }
}

fn attempt(dice: &mut Dice) -> Attempt {
    let takes = match dice.below(20) {
        0 => ATTEMPT_MS_MAX + dice.range(1, HOUR_MS),
        1..=3 => dice.range(SECOND_MS, 9 * MINUTE_MS),
        _ => dice.range(1, 5 * SECOND_MS),
    };
    let error = |class, code: &str| Some(StepError::new(class, code, code));
    let (acts, error) = match dice.below(20) {
        0..=8 => (true, None),
        9..=11 => (false, error(ErrorClass::Transient, "refused")),
        12 => {
            let wish = Some(dice.range(SECOND_MS, 20 * MINUTE_MS));
            (false, error(ErrorClass::RateLimited, "slow_down").map(|e| e.retry_after_ms(wish)))
        }
        13..=14 => (true, error(ErrorClass::Transient, "lost").map(StepError::maybe_done)),
        15..=16 => (false, error(ErrorClass::Transient, "broken").map(StepError::maybe_done)),
        17 => (false, error(ErrorClass::State, "state")),
        18 => (false, error(ErrorClass::Invalid, "invalid")),
        _ => (dice.percent(50), error(ErrorClass::Unknown, "garbage").map(StepError::maybe_done)),
    };
    debug_assert!(!acts || error.as_ref().is_none_or(|e| e.effect == EffectState::Unknown));
    Attempt { takes, acts, error }
}

//! Approvals, with a quorum, with the requester forbidden, and with an end of their time; those that take long have stages,
//! reminders, escalations, and something that may change while people look at it.

use super::fates::{LEADS, PEOPLE};
use super::{Draft, bare, uses};
use crate::dice::Dice;
use crate::limits::{DAY_MS, HOUR_MS};
use engross_core::{EffectClass, Expr, OutcomeKind, OutcomeSpec, PlanStep, StepId, StepKind};
use serde_json::{Value, json};

pub(super) fn step(dice: &mut Dice, draft: &Draft, id: StepId) -> PlanStep {
    let outcomes = vec![
        OutcomeSpec::new("approved", OutcomeKind::Good),
        OutcomeSpec { outputs: true, ..OutcomeSpec::new("rejected", OutcomeKind::Bad) },
        OutcomeSpec { outputs: true, ..OutcomeSpec::new("expired", OutcomeKind::Bad) },
        OutcomeSpec::new("failed", OutcomeKind::Failure),
    ];
    let mut step = bare(id, uses::APPROVAL, StepKind::Wait, EffectClass::Read, outcomes);
    let expires_ms = (draft.shape.races && dice.percent(50)).then(|| dice.range(HOUR_MS, 3 * DAY_MS));
    let mut with = json!({
        "quorum": dice.range(1, 2),
        "forbid": dice.percent(50),
        "expires_ms": expires_ms,
    });
    if draft.shape.rich && draft.shape.races && dice.percent(60) {
        with["long"] = long(dice);
    }
    step.with = Expr::Literal(with);
    step
}

/// What makes an approval take long. Whoever is asked is written down, as it is when a step is parked.
fn long(dice: &mut Dice) -> Value {
    let stages: Vec<Value> = (0..dice.range(1, 3))
        .map(|_| {
            let people: Vec<&str> = PEOPLE.iter().chain(&LEADS).copied().filter(|_| dice.percent(60)).collect();
            let quorum = dice.range(1, (people.len() as u64).clamp(1, 2));
            json!({ "people": people, "quorum": quorum })
        })
        .collect();
    let mut after_ms = 0;
    let escalate: Vec<Value> = (0..dice.below(3))
        .map(|_| {
            after_ms += dice.range(HOUR_MS, DAY_MS);
            let who = dice.pick(&LEADS).copied().unwrap_or(LEADS[0]);
            json!({ "after_ms": after_ms, "people": [who] })
        })
        .collect();
    let remind = dice.percent(60).then(|| json!({ "every_ms": dice.range(HOUR_MS, DAY_MS), "max": dice.range(1, 3) }));
    json!({ "stages": stages, "escalate": escalate, "remind": remind, "subject": "0" })
}

//! Approvals, with a quorum, with the requester forbidden, and with an end of their time.

use super::{Draft, bare, uses};
use crate::dice::Dice;
use crate::limits::{DAY_MS, HOUR_MS};
use engross_core::{EffectClass, Expr, OutcomeKind, OutcomeSpec, PlanStep, StepId, StepKind};
use serde_json::json;

pub(super) fn step(dice: &mut Dice, draft: &Draft, id: StepId) -> PlanStep {
    let outcomes = vec![
        OutcomeSpec::new("approved", OutcomeKind::Good),
        OutcomeSpec { outputs: true, ..OutcomeSpec::new("rejected", OutcomeKind::Bad) },
        OutcomeSpec { outputs: true, ..OutcomeSpec::new("expired", OutcomeKind::Bad) },
        OutcomeSpec::new("failed", OutcomeKind::Failure),
    ];
    let mut step = bare(id, uses::APPROVAL, StepKind::Wait, EffectClass::Read, outcomes);
    let expires_ms = (draft.shape.races && dice.percent(50)).then(|| dice.range(HOUR_MS, 3 * DAY_MS));
    step.with = Expr::Literal(json!({
        "quorum": dice.range(1, 2),
        "forbid": dice.percent(50),
        "expires_ms": expires_ms,
    }));
    step
}

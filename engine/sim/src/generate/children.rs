//! Steps that start a run of another workflow and wait for its end; some attach to a run that holds a key.

use super::{Draft, bare, definition, uses};
use crate::dice::Dice;
use crate::evaluate::template;
use engross_core::{EffectClass, Expr, OutcomeKind, OutcomeSpec, PlanStep, StepId, StepKind};
use serde_json::json;
use std::collections::BTreeMap;

pub(super) fn step(dice: &mut Dice, draft: &Draft, id: StepId) -> PlanStep {
    let name = format!("{}_{id}", draft.name);
    let child = definition(dice, &name, draft.shape, draft.level + 1);
    let outcomes = vec![
        OutcomeSpec::new("succeeded", OutcomeKind::Good),
        OutcomeSpec::new("stopped", OutcomeKind::Bad),
        OutcomeSpec::new("failed", OutcomeKind::Failure),
    ];
    let mut step = bare(id, uses::RUN, StepKind::Wait, EffectClass::Idempotent, outcomes);
    let order = || Expr::Template(template("inputs.order"));
    let mut inputs =
        BTreeMap::from([("order".to_string(), order()), ("flag0".to_string(), Expr::Literal(json!(true)))]);
    let shared = draft.shape.races && dice.percent(15);
    for flag in ["flag1", "flag2"] {
        // Whoever attaches to a run must ask for the same.
        let value =
            if shared { Expr::Literal(json!(true)) } else { Expr::Template(template(&format!("inputs.{flag}"))) };
        inputs.insert(flag.to_string(), value);
    }
    let mut with = BTreeMap::from([("inputs".to_string(), Expr::Map(inputs))]);
    if shared {
        with.insert("key".to_string(), order());
    }
    step.with = Expr::Map(with);
    step.child = Some(Box::new(child));
    step
}

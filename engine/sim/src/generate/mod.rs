//! Random plans. One file per construct; a plan is put together from them here.
//!
//! What a plan's steps meet in the world (who signs, when, whether a provider refuses) is in [`fates`]; plans know nothing of it.

mod actions;
mod approvals;
mod awaits;
mod children;
mod conditions;
mod ends;
pub mod fates;
mod groups;
mod items;
mod joins;
mod retries;
mod sleeps;
mod undo;
mod waits;

use crate::dice::Dice;
use crate::limits::{CHILD_LEVELS_MAX, CHILD_STEPS_MAX};
use engross_core::{
    EffectClass, Expr, OnError, OutcomeSpec, Plan, PlanDefinition, PlanError, PlanStep, RetryPolicy, StepId, StepKind,
};
use serde_json::json;
use std::collections::BTreeMap;

/// What kind of plans a world has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Steps of one plan at most.
    pub steps_max: u64,
    /// Whether steps may be of the class `unsafe`, whose interruption is a doubt.
    pub unsafe_steps: bool,
    /// Whether deadlines and run timeouts are there: what makes an end depend on the very second.
    pub races: bool,
    /// Whether steps may compete for one event.
    pub shared_events: bool,
    /// Whether plans have what the first generators did not know: lists, runs that steps start, groups, undoing, approvals that
    /// take long. Without it, a seed means the plans that it meant to generator 2.
    pub rich: bool,
}

/// A plan in the making.
pub struct Draft {
    name: String,
    shape: Shape,
    /// How many workflows are around it, each of which starts the next.
    level: u8,
    steps: Vec<PlanStep>,
}

/// The operations of simulated steps, as plans name them.
pub mod uses {
    /// An effect at the provider.
    pub const ACT: &str = "sim/act";
    /// A wait for an object of the provider to be signed.
    pub const AWAIT: &str = "sim/await";
    /// An approval.
    pub const APPROVAL: &str = "approval";
    /// A wait for a named event.
    pub const EVENT: &str = "wait_for_event";
    /// A sleep.
    pub const SLEEP: &str = "sleep";
    /// A run of another workflow.
    pub const RUN: &str = "workflow";
    /// What holds the items of a list together.
    pub const FOREACH: &str = "foreach";
}

/// A random plan.
///
/// # Errors
/// None that a generated plan should meet; what the core's own check says.
pub fn plan(dice: &mut Dice, name: &str, shape: Shape) -> Result<Plan, PlanError> {
    Plan::build(definition(dice, name, shape, 0))
}

fn definition(dice: &mut Dice, name: &str, shape: Shape, level: u8) -> PlanDefinition {
    let mut draft = Draft { name: name.to_string(), shape, level, steps: Vec::new() };
    let count = dice.range(1, if level == 0 { shape.steps_max } else { CHILD_STEPS_MAX });
    for at in 0..count {
        let id = StepId::new(format!("s{at}"));
        let mut step = step(dice, &draft, id);
        joins::add(dice, &draft, &mut step);
        conditions::add(dice, &draft, &mut step);
        retries::add(dice, &mut step);
        ends::on_error(dice, &mut step);
        if shape.rich {
            undo::add(dice, shape, &mut step);
        }
        draft.steps.push(step);
    }
    let outputs = ends::outputs(dice, &draft);
    let timeout_ms = ends::timeout(dice, shape);
    let concurrency = if shape.rich { groups::group(dice) } else { None };
    PlanDefinition {
        v: 1,
        name: name.to_string(),
        title: None,
        source_sha256: String::new(),
        inputs: json!({}),
        steps: draft.steps,
        outputs,
        key: None,
        timeout_ms,
        concurrency,
    }
}

fn step(dice: &mut Dice, draft: &Draft, id: StepId) -> PlanStep {
    if draft.shape.rich && dice.percent(20) {
        return items::step(dice, draft, id);
    }
    if draft.shape.rich && draft.level < CHILD_LEVELS_MAX && dice.percent(12) {
        return children::step(dice, draft, id);
    }
    match dice.below(100) {
        0..=54 => actions::step(dice, draft, id),
        55..=68 => awaits::step(dice, draft, id),
        69..=80 => approvals::step(dice, draft, id),
        81..=91 => waits::step(dice, draft, id),
        _ => sleeps::step(dice, draft, id),
    }
}

/// A step without needs.
fn bare(id: StepId, uses: &str, kind: StepKind, effect: EffectClass, outcomes: Vec<OutcomeSpec>) -> PlanStep {
    PlanStep {
        id,
        uses: uses.to_string(),
        connection: None,
        with: Expr::Map(BTreeMap::new()),
        needs: Vec::new(),
        condition: None,
        effect,
        kind,
        outcomes,
        retry: RetryPolicy::default(),
        timeout_ms: None,
        on_error: OnError::Fail,
        compensate: None,
        foreach: None,
        child: None,
        policy: None,
    }
}

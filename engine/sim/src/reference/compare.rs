//! Random cases for the core and the reference, and a failing one made small enough to read.

use super::script::{Script, script};
use super::{Told, driver, interpret};
use crate::dice::Dice;
use crate::generate::{self, Shape};
use engross_core::{Need, Plan, PlanDefinition, PlanStep, StepId};
use std::fmt::Write;

/// A plan and what it meets.
#[derive(Clone)]
struct Case {
    definition: PlanDefinition,
    script: Script,
}

/// What the comparison of many cases came to.
#[derive(Clone, Debug, Default)]
pub struct Compared {
    /// Cases in which both agree.
    pub agreed: u64,
    /// Those of them whose run is over.
    pub over: u64,
    /// Those of them in which something was done for an item of a list, something was undone, and a run was started.
    pub lists: u64,
    /// See `lists`.
    pub undone: u64,
    /// See `lists`.
    pub children: u64,
    /// The first case in which they do not, made small, in words.
    pub differs: Option<String>,
}

/// Runs `count` random cases from a seed on through the core and through the reference, until one differs.
pub fn check_reference(from: u64, count: u64) -> Compared {
    let mut compared = Compared::default();
    for seed in from..from.saturating_add(count) {
        let Some(case) = case(seed) else { continue };
        match differs(&case) {
            None => {
                compared.agreed += 1;
                let Ok(plan) = Plan::build(case.definition) else { continue };
                let told = interpret::interpret(&plan, &case.script);
                let begun = || told.steps.keys().map(StepId::new);
                let starts = |id: StepId| plan.step(&id).is_some_and(|spec| spec.child.is_some());
                compared.over += u64::from(told.status != "open");
                compared.lists += u64::from(begun().any(|id| PlanStep::item_of(&id).is_some()));
                compared.undone += u64::from(begun().any(|id| PlanStep::undone_by(&id).is_some()));
                compared.children += u64::from(begun().any(starts));
            }
            Some(_) => {
                compared.differs = Some(words(seed, &shrink(case)));
                return compared;
            }
        }
    }
    compared
}

fn case(seed: u64) -> Option<Case> {
    let mut dice = Dice::of(seed, &["reference"]);
    let shape = Shape { steps_max: 20, unsafe_steps: true, races: true, shared_events: false, rich: true };
    let definition = generate::plan(&mut dice, "reference", shape).ok()?.definition().clone();
    let script = script(&mut dice, &definition.steps);
    Some(Case { definition, script })
}

/// What the two say, when they do not say the same.
fn differs(case: &Case) -> Option<(Result<Told, String>, Told)> {
    let plan = Plan::build(case.definition.clone()).ok()?;
    let (core, reference) = (driver::drive(&plan, &case.script), interpret::interpret(&plan, &case.script));
    (core.as_ref() != Ok(&reference)).then_some((core, reference))
}

/// Leaves out what the difference does not need: the cancellation, steps, needs, conditions, attempts.
fn shrink(mut case: Case) -> Case {
    loop {
        let smaller = simpler(&case).into_iter().find(|smaller| differs(smaller).is_some());
        match smaller {
            Some(smaller) => case = smaller,
            None => return case,
        }
    }
}

fn simpler(case: &Case) -> Vec<Case> {
    let mut found = Vec::new();
    let mut with = |change: &dyn Fn(&mut Case)| {
        let mut smaller = case.clone();
        change(&mut smaller);
        found.push(smaller);
    };
    for at in (0..case.definition.steps.len()).rev() {
        with(&|smaller| leave_out(smaller, at));
    }
    if case.script.cancel_at.is_some() {
        with(&|smaller| smaller.script.cancel_at = None);
    }
    if case.definition.timeout_ms.is_some() {
        with(&|smaller| smaller.definition.timeout_ms = None);
    }
    for name in case.definition.outputs.keys() {
        with(&|smaller| {
            smaller.definition.outputs.remove(name);
        });
    }
    for (at, step) in case.definition.steps.iter().enumerate() {
        for need in 0..step.needs.len() {
            with(&|smaller| {
                smaller.definition.steps.get_mut(at).map(|step| step.needs.remove(need));
            });
        }
        if step.condition.is_some() || step.timeout_ms.is_some() {
            with(&|smaller| {
                if let Some(step) = smaller.definition.steps.get_mut(at) {
                    (step.condition, step.timeout_ms) = (None, None);
                }
            });
        }
        if let Some(of) = case.script.steps.get(step.id.as_str())
            && (of.attempts.len() > 1 || of.answers.len() > 1)
        {
            with(&|smaller| {
                if let Some(of) = smaller.script.steps.get_mut(step.id.as_str()) {
                    of.attempts.pop();
                    of.answers.pop();
                }
            });
        }
    }
    found
}

fn leave_out(case: &mut Case, at: usize) {
    let gone = case.definition.steps.remove(at).id;
    case.script.steps.remove(gone.as_str());
    for step in &mut case.definition.steps {
        for need in &mut step.needs {
            if let Need::Any(refs) = need {
                refs.retain(|one| one.step != gone);
            }
        }
        step.needs.retain(|need| match need {
            Need::One(one) => one.step != gone,
            Need::Any(refs) => !refs.is_empty(),
        });
    }
}

fn words(seed: u64, case: &Case) -> String {
    let mut text = format!("case {seed} differs; made small:\n");
    for step in &case.definition.steps {
        let needs: Vec<String> = step.needs.iter().map(ToString::to_string).collect();
        let _ = writeln!(
            text,
            "  {} {} {:?} needs=[{}] if={:?} timeout={:?} on_error={:?} retry={:?} with={:?}\n    {:?}",
            step.id,
            step.uses,
            step.effect,
            needs.join("; "),
            step.condition.as_ref().map(|c| &c.source),
            step.timeout_ms,
            step.on_error,
            step.retry,
            step.with,
            case.script.steps.get(step.id.as_str())
        );
    }
    let _ = writeln!(
        text,
        "  cancel_at={:?} timeout={:?} requester={} inputs={}",
        case.script.cancel_at, case.definition.timeout_ms, case.script.requester, case.script.inputs
    );
    if let Some((core, reference)) = differs(case) {
        let _ = writeln!(text, "  core:      {core:?}\n  reference: {reference:?}");
    }
    text
}

//! Runs of a plan by the core itself: every template is computed in the scope that a run would give it, on whatever path that
//! takes, and what came of it is written down. Steps end at random as their operations promise.

use super::Dice;
use super::values::{at, value};
use engross_compiler::{Catalog, TeraEvaluator};
use engross_core::{
    Completion, Context, EvalError, Evaluate, Input, Person, Plan, PlanDefinition, PlanStep, RunId, RunState,
    RunStatus, StartRequest, StepId, StepResult, StepState, Template, Timestamp, advance,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

/// What came of one template in all runs so far.
#[derive(Default)]
pub(super) struct Seen {
    /// How often it was computed.
    pub(super) computed: usize,
    /// The first time that it could not be, although every part of an answer that it refers to was there: why, and the scope.
    pub(super) failed: Option<(String, Value)>,
    /// How often it could not be because an answer lacks a part that the operation does not promise.
    pub(super) lacking: usize,
}

/// Tera, with a record of what it was asked.
pub(super) struct Recorder {
    tera: TeraEvaluator,
    seen: Mutex<BTreeMap<String, Seen>>,
    /// Templates whose failure the run is to see. Any other gives null then, so that those beside it are computed too.
    pub(super) strict: BTreeSet<String>,
    /// Templates that must come out as true or false.
    pub(super) conditions: BTreeSet<String>,
}

impl Recorder {
    pub(super) fn new() -> Self {
        Self {
            tera: TeraEvaluator::new(),
            seen: Mutex::default(),
            strict: BTreeSet::new(),
            conditions: BTreeSet::new(),
        }
    }

    pub(super) fn has_failed(&self, source: &str) -> bool {
        let all = self.seen.lock().expect("nobody panicked");
        all.get(source).is_some_and(|seen| seen.failed.is_some() || seen.lacking > 0)
    }

    pub(super) fn seen(self) -> BTreeMap<String, Seen> {
        self.seen.into_inner().expect("nobody panicked")
    }
}

impl Evaluate for Recorder {
    fn evaluate(&self, template: &Template, scope: &Value) -> Result<Value, EvalError> {
        let found = self.tera.evaluate(template, scope);
        let mut all = self.seen.lock().expect("nobody panicked");
        let seen = all.entry(template.source.clone()).or_default();
        seen.computed += 1;
        let why = match &found {
            Err(error) => Some(error.message.clone()),
            Ok(value) if self.conditions.contains(&template.source) && !value.is_boolean() => {
                Some(format!("`if` is {value}"))
            }
            Ok(_) => None,
        };
        if let Some(why) = why {
            if template.references.iter().any(|path| is_lacking(scope, path)) {
                seen.lacking += 1;
            } else if seen.failed.is_none() {
                seen.failed = Some((why, scope.clone()));
            }
        }
        if found.is_err() && !self.strict.contains(&template.source) { Ok(Value::Null) } else { found }
    }
}

/// Whether the path leads into what a step has left, and to nothing there.
fn is_lacking(scope: &Value, path: &str) -> bool {
    let outputs: Vec<&str> = path.split('.').take(3).collect();
    let left = match outputs.as_slice() {
        ["steps", _, "outputs"] => at(scope, &outputs.join(".")),
        ["item", ..] => Some(&scope["item"]),
        _ => None,
    };
    // A step that is done for each item leaves null where not even the list could be made.
    left.is_some_and(Value::is_null) || left.is_some() && at(scope, path).is_none()
}

/// One run to wherever it comes by itself, with inputs that its schema allows.
pub(super) fn drive(
    plan: &Plan,
    catalog: &dyn Catalog,
    evaluator: &dyn Evaluate,
    dice: &mut Dice,
    full: bool,
) -> RunState {
    let context = Context { plan, evaluator, now: Timestamp::from_millis(0) };
    let schema = &plan.definition().inputs;
    let request = StartRequest {
        run: RunId::new("r1"),
        inputs: value(dice, schema, schema, full),
        requester: Person::new("lena@legal.example"),
        key: None,
        parent: None,
    };
    let mut state = advance(context, None, Input::Start(request)).expect("a run starts").state;
    loop {
        let running: Vec<(StepId, u32, Value)> = state
            .active()
            .filter_map(|(id, step)| match step {
                StepState::Running { attempt, input, .. } => Some((id.clone(), *attempt, Value::clone(input))),
                _ => None,
            })
            .collect();
        if running.is_empty() {
            return state;
        }
        let (step, attempt, input) = running[dice.roll(running.len())].clone();
        let spec = plan.step(&step).expect("it is in the plan");
        let done = end(spec, &input, catalog, dice, full);
        let result = Ok(StepResult::Done(done));
        let turn = advance(context, Some(&state), Input::StepFinished { step, attempt, result, random: 0 });
        state = turn.expect("a step ends").state;
    }
}

/// How a step ends that was given this: well in most cases, in one of its other ways in some.
fn end(step: &PlanStep, input: &Value, catalog: &dyn Catalog, dice: &mut Dice, full: bool) -> Completion {
    if let Some(child) = &step.child {
        let plan = Plan::build(PlanDefinition::clone(child)).expect("a plan");
        let state = drive(&plan, catalog, &TeraEvaluator::new(), dice, full);
        // A run may also be given up by somebody, wherever it is.
        return match state.status {
            _ if dice.roll(8) == 0 => Completion::new("failed", Value::Null),
            RunStatus::Succeeded => Completion::new("succeeded", state.outputs),
            RunStatus::Stopped => Completion::new("stopped", Value::Null),
            _ => Completion::new("failed", Value::Null),
        };
    }
    let outcome = &step.outcomes[if dice.roll(4) == 0 { dice.roll(step.outcomes.len()) } else { 0 }];
    let outputs = if !outcome.outputs {
        Value::Null
    } else if step.uses == "set" {
        input.clone()
    } else {
        let mut left = catalog.spec(&step.uses).expect("it is in the catalog").output.clone();
        if let (Some(form), Some(filled)) = (input["form"].as_object(), left.pointer_mut("/properties/form")) {
            *filled = json!({ "type": "object", "properties": form });
        }
        value(dice, &left, &left, full)
    };
    Completion::new(outcome.name.as_str(), outputs)
}

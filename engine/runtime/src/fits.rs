//! Whether what a step gets fits its operation's schema: right before an attempt, and, as far as the inputs of the run alone
//! decide it, before the run starts. It says all that is wrong, never a value.

use crate::engine::{Engine, lock};
use engross_core::{
    ErrorClass, Expr, Need, NeedRef, On, OutcomeKind, Person, Plan, PlanStep, RunId, StepError, StepId, Template,
    Timestamp,
};
use engross_step_api::Step;
use jsonschema::Validator;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Problems of one value that are named.
const PROBLEMS_MAX: usize = 8;

/// Checks computed inputs against the operation's schema.
pub(crate) fn check(engine: &Engine, plugin: &dyn Step, input: &Value) -> Result<(), StepError> {
    let spec = plugin.spec();
    let problems = problems(engine, &spec.uses, &spec.input, input).map_err(|error| {
        let message = format!("the input schema of `{}` cannot be used: {error}", spec.uses);
        StepError::new(ErrorClass::Internal, "schema", message)
    })?;
    if problems.is_empty() {
        return Ok(());
    }
    let problems: Vec<String> = problems.iter().map(|problem| format!("`with{}`: {}", problem.0, problem.1)).collect();
    Err(StepError::new(ErrorClass::Invalid, "schema", problems.join("; "))
        .hint("the computed inputs are in `runs show`"))
}

/// Places (`.signers.0`) with what is wrong there.
fn problems(engine: &Engine, name: &str, schema: &Value, value: &Value) -> Result<Vec<(String, String)>, String> {
    let known = lock(&engine.inner.validators).get(name).cloned();
    let validator: Arc<Validator> = match known {
        Some(validator) => validator,
        None => {
            let built = jsonschema::options().should_validate_formats(true).build(schema);
            let built = Arc::new(built.map_err(|error| error.to_string())?);
            lock(&engine.inner.validators).insert(name.to_string(), built.clone());
            built
        }
    };
    let place = |path: &str| path.replace('/', ".");
    let found = validator.iter_errors(value).take(PROBLEMS_MAX);
    Ok(found.map(|error| (place(error.instance_path().as_str()), error.masked().to_string())).collect())
}

/// What a run is asked to start with.
pub(crate) struct Start<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) run: &'a RunId,
    pub(crate) inputs: &'a Value,
    pub(crate) requester: &'a Person,
    pub(crate) now: Timestamp,
}

/// Everything that the inputs alone make wrong in a step that certainly comes if all before it goes well: what would fail
/// later, perhaps when a contract is out, is refused before anything happens.
pub(crate) fn ahead(engine: &Engine, start: &Start<'_>) -> Vec<String> {
    let scope = json!({
        "inputs": start.inputs,
        "steps": {},
        "run": {
            "id": start.run.as_str(),
            "started_at": start.now.to_string(),
            "requester": start.requester.as_str(),
        },
    });
    let mut uncertain: BTreeSet<StepId> = BTreeSet::new();
    let mut found = Vec::new();
    for step in start.plan.ordered() {
        if !comes(engine, start.plan, step, &uncertain, &scope) {
            uncertain.insert(step.id.clone());
            continue;
        }
        // What is done for each item of a list depends on the item.
        if step.foreach.is_none() {
            found.extend(of_step(engine, step, &scope).into_iter().map(|why| format!("step `{}`: {why}", step.id)));
        }
    }
    found
}

/// Whether a step runs when everything before it ends well, as far as that is known now.
fn comes(engine: &Engine, plan: &Plan, step: &PlanStep, uncertain: &BTreeSet<StepId>, scope: &Value) -> bool {
    let hoped_for = |need: &Need| match need {
        Need::One(one) => !uncertain.contains(&one.step) && is_hoped_for(plan, one),
        Need::Any(_) => false,
    };
    let condition = match &step.condition {
        None => true,
        Some(condition) if is_known(condition) => {
            matches!(engine.inner.evaluator.evaluate(condition, scope), Ok(Value::Bool(true)))
        }
        Some(_) => false,
    };
    condition && step.needs.iter().all(hoped_for)
}

/// Whether this is the end that the step is there for.
fn is_hoped_for(plan: &Plan, need: &NeedRef) -> bool {
    let good = plan.step(&need.step).into_iter().flat_map(|step| &step.outcomes).find(|o| o.kind == OutcomeKind::Good);
    match &need.on {
        On::Outcome(name) => good.is_some_and(|outcome| outcome.name == *name),
        On::Done => true,
    }
}

fn is_known(template: &Template) -> bool {
    let root = |path: &String| path.split('.').next().unwrap_or_default().to_string();
    template.references.iter().all(|path| root(path) == "inputs")
}

fn of_step(engine: &Engine, step: &PlanStep, scope: &Value) -> Vec<String> {
    let Some(plugin) = engine.inner.registry.step(&step.uses) else { return Vec::new() };
    let schema = &plugin.spec().input;
    let mut found = Vec::new();
    let mut judge = |name: &str, schema: &Value, value: &Value, under: &str| {
        // A schema that cannot be used is found when the step is to run, and is not the inputs' fault.
        let problems = problems(engine, name, schema, value).unwrap_or_default();
        found.extend(problems.into_iter().map(|(place, why)| format!("`with{under}{place}`: {why}")));
    };
    let Expr::Map(entries) = &step.with else { return found };
    let mut values = Map::new();
    let mut unknown = false;
    for (key, expr) in entries {
        if !expr.templates().into_iter().all(is_known) {
            unknown = true;
            continue;
        }
        match expr.value(&*engine.inner.evaluator, scope) {
            Ok(value) => {
                values.insert(key.clone(), value);
            }
            Err(error) => return vec![format!("`with.{key}`: {error}")],
        }
    }
    if !unknown {
        judge(&step.uses, schema, &Value::Object(values), "");
        return found;
    }
    for (key, value) in &values {
        let Some(Value::Object(property)) = schema.get("properties").and_then(|all| all.get(key)) else { continue };
        let mut alone = property.clone();
        for shared in ["$schema", "$defs", "definitions"] {
            if let Some(definitions) = schema.get(shared) {
                alone.insert(shared.to_string(), definitions.clone());
            }
        }
        judge(&format!("{}#{key}", step.uses), &Value::Object(alone), value, &format!(".{key}"));
    }
    found
}

//! A step that is done once for each item of a list: the items begin as many at a time as the file says, and when the last has
//! ended, so does the whole.
//!
//! An item is what its key says, not its place: when the list is made again, what has ended for a key stays as it is.

use super::{Work, attempt, incident, settle};
use crate::limits::{INPUT_BYTES_MAX, ITEM_KEY_BYTES_MAX, ITEMS_MAX, OUTPUT_BYTES_MAX};
use crate::scope::with_item;
use crate::{
    ErrorClass, Event, Foreach, Item, OutcomeKind, OutcomeName, PlanStep, ResolvedBy, StepError, StepId, StepState,
    check_size, scope,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Failed items whose keys are named in words.
const NAMED: usize = 5;

/// Computes the list, and with it what is to be done.
pub(super) fn begin(work: &mut Work<'_>, step: &StepId, foreach: &Foreach, scope: &Value) {
    match listed(work, foreach, scope) {
        Ok(items) if items.is_empty() && foreach.each.asks_people() => {
            attempt::fail(work, step, nobody_asked(), ResolvedBy::Execution);
        }
        Ok(items) => {
            work.emit(Event::StepFannedOut { step: step.clone(), items });
            if let Some(spec) = work.context.plan.step(step) {
                go_on(work, spec);
            }
        }
        Err(error) => attempt::fail(work, step, error, ResolvedBy::Execution),
    }
}

/// Of an empty list of approvals, each was given; that is true, and nobody's yes.
fn nobody_asked() -> StepError {
    let message = "the list is empty, so that nobody was asked: that is no approval";
    StepError::new(ErrorClass::Invalid, "nobody_asked", message).hint(
        "where an empty list may come, test it with `if`, and let what follows in that case not need this step; cancel this \
         run, or run again what made the list",
    )
}

fn listed(work: &Work<'_>, foreach: &Foreach, scope: &Value) -> Result<Vec<Item>, StepError> {
    let evaluator = work.context.evaluator;
    let invalid = |message: String| StepError::new(ErrorClass::Invalid, "foreach_items", message);
    let list = match foreach.items.value(evaluator, scope).map_err(|error| settle::evaluation_error(&error))? {
        Value::Array(list) => list,
        other => return Err(invalid(format!("`foreach.items` must be a list, and is {}", kind_of(&other)))),
    };
    if list.len() > ITEMS_MAX {
        return Err(invalid(format!("`foreach.items` has {} items, more than {ITEMS_MAX}", list.len())));
    }
    let mut seen = BTreeSet::new();
    let mut items = Vec::with_capacity(list.len());
    let mut names = scope.clone();
    for (index, value) in list.into_iter().enumerate() {
        let key = match (&foreach.key, names.as_object_mut()) {
            (Some(key), Some(open)) => {
                open.insert("item".into(), value.clone());
                open.insert("index".into(), Value::from(index));
                key_of(&key.value(evaluator, &names).map_err(|error| settle::evaluation_error(&error))?, index)?
            }
            _ => index.to_string(),
        };
        if !seen.insert(key.clone()) {
            return Err(invalid(format!("two items have the key `{key}`")).hint("a key tells an item from all others"));
        }
        items.push(Item { key, value });
    }
    if let Err(oversize) = check_size(&serde_json::to_value(&items).unwrap_or_default(), INPUT_BYTES_MAX) {
        return Err(invalid(format!("the items have {oversize}")));
    }
    Ok(items)
}

fn key_of(value: &Value, index: usize) -> Result<String, StepError> {
    let key = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        other => {
            let message = format!("the key of item {index} must be a text or a number, and is {}", kind_of(other));
            return Err(StepError::new(ErrorClass::Invalid, "foreach_key", message));
        }
    };
    if key.is_empty() || key.len() > ITEM_KEY_BYTES_MAX || key.chars().any(char::is_control) {
        let message =
            format!("the key of item {index} must have 1 to {ITEM_KEY_BYTES_MAX} bytes and no control characters");
        return Err(StepError::new(ErrorClass::Invalid, "foreach_key", message));
    }
    Ok(key)
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// What goes on with a step that is done for each item: more of them begin, or the whole ends.
pub(super) fn go_on(work: &mut Work<'_>, step: &PlanStep) {
    let Some(foreach) = step.foreach.as_deref() else { return };
    if !matches!(work.state.steps.get(&step.id), Some(StepState::FannedOut { .. })) {
        return;
    }
    let items = items(work, &step.id);
    let mut tally = Tally::of(work, &step.id, foreach, &items);
    if work.state.cancel.is_some() {
        if tally.active == 0 {
            work.emit(Event::StepCancelled { step: step.id.clone() });
        }
        return;
    }
    let most = usize::try_from(foreach.max_parallel).unwrap_or(usize::MAX);
    let mut names = None;
    for (index, item) in items.iter().enumerate() {
        if tally.active >= most || tally.bad > tally.allowed {
            break;
        }
        let id = PlanStep::item(&step.id, &item.key);
        if work.state.steps.contains_key(&id) {
            continue;
        }
        let names = names.get_or_insert_with(|| scope(work.context.plan, &work.state));
        let of_item = with_item(names.clone(), work.context.plan, &work.state, &step.id, index, item);
        settle::schedule(work, &id, &foreach.each, &of_item);
        tally = Tally::of(work, &step.id, foreach, &items);
    }
    if tally.active == 0 && (tally.pending == 0 || tally.bad > tally.allowed) {
        end(work, step, foreach, &items, &tally);
    }
}

/// How the items stand.
struct Tally {
    pending: usize,
    active: usize,
    bad: usize,
    /// Whether an item failed, rather than that its business stopped.
    failed: bool,
    allowed: usize,
}

impl Tally {
    fn of(work: &Work<'_>, step: &StepId, foreach: &Foreach, items: &[Item]) -> Self {
        let mut tally = Self { pending: 0, active: 0, bad: 0, failed: false, allowed: foreach.allowed(items.len()) };
        for item in items {
            match work.state.steps.get(&PlanStep::item(step, &item.key)) {
                None => tally.pending += 1,
                Some(StepState::Completed { outcome, .. }) => match ended(foreach, outcome) {
                    OutcomeKind::Good | OutcomeKind::Neutral => {}
                    OutcomeKind::Bad => tally.bad += 1,
                    OutcomeKind::Failure => (tally.bad, tally.failed) = (tally.bad + 1, true),
                },
                Some(state) if state.is_over() => tally.bad += 1,
                Some(_) => tally.active += 1,
            }
        }
        tally
    }
}

fn ended(foreach: &Foreach, outcome: &OutcomeName) -> OutcomeKind {
    foreach.each.outcomes.iter().find(|o| o.name == *outcome).map_or(OutcomeKind::Failure, |o| o.kind)
}

/// For what a step is done, in order.
fn items(work: &Work<'_>, step: &StepId) -> Arc<Vec<Item>> {
    work.state.items.get(step).cloned().unwrap_or_default()
}

/// The item with this key, and its place.
pub(super) fn item(work: &Work<'_>, step: &StepId, key: &str) -> Option<(usize, Item)> {
    items(work, step).iter().enumerate().find(|(_, item)| item.key == key).map(|(index, item)| (index, item.clone()))
}

/// Whether a failure of this item is one of those that the file puts up with.
pub(super) fn tolerates_one_more(work: &Work<'_>, step: &StepId) -> bool {
    let Some((of, _)) = PlanStep::item_of(step) else { return false };
    let Some(foreach) = work.context.plan.step(&of).and_then(|spec| spec.foreach.as_deref()) else { return false };
    let tally = Tally::of(work, &of, foreach, &items(work, &of));
    tally.bad < tally.allowed
}

/// Whether it was done for at least one item, and for each of them it ended well: nothing is left of it but to sum that up.
pub(super) fn all_ended_well(work: &Work<'_>, step: &StepId) -> bool {
    let Some(foreach) = work.context.plan.step(step).and_then(|spec| spec.foreach.as_deref()) else { return false };
    let items = items(work, step);
    let tally = Tally::of(work, step, foreach, &items);
    !items.is_empty() && tally.pending == 0 && tally.active == 0 && tally.bad == 0
}

fn end(work: &mut Work<'_>, step: &PlanStep, foreach: &Foreach, items: &[Item], tally: &Tally) {
    let (outputs, bad) = outputs(work, step, foreach, items);
    if let Err(oversize) = check_size(&outputs, OUTPUT_BYTES_MAX) {
        let message = format!("what came of all items has {oversize}, which is more than a step may leave");
        let error = StepError::new(ErrorClass::Invalid, "outputs_too_large", message)
            .hint("all items have ended: say how the step ended, with the outputs that the rest of the workflow needs");
        incident::raise_or_fail(work, &step.id, error, ResolvedBy::Execution);
        return;
    }
    let has_outcome = |name: &str| step.outcomes.iter().any(|outcome| outcome.name.as_str() == name);
    let outcome = match (tally.bad > tally.allowed, tally.failed) {
        (false, _) => "succeeded",
        (true, false) if has_outcome("stopped") => "stopped",
        (true, _) => "failed",
    };
    let error = (outcome == "failed").then(|| {
        let shown = bad.iter().take(NAMED).map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
        let more = if bad.len() > NAMED { ", …" } else { "" };
        let message = format!("{} of {} items did not end well: {shown}{more}", bad.len(), items.len());
        StepError::new(ErrorClass::Unknown, "items_failed", message)
    });
    let (step, outcome) = (step.id.clone(), OutcomeName::new(outcome));
    work.emit(Event::StepCompleted { step, outcome, outputs, error, resolved_by: ResolvedBy::Execution });
}

/// What came of the items, and the keys of those that did not end well.
fn outputs(work: &Work<'_>, step: &PlanStep, foreach: &Foreach, items: &[Item]) -> (Value, Vec<String>) {
    let (mut results, mut failed, mut bad) = (Vec::new(), Vec::new(), Vec::new());
    for item in items {
        let Some(StepState::Completed { outcome, outputs, error, .. }) =
            work.state.steps.get(&PlanStep::item(&step.id, &item.key))
        else {
            continue;
        };
        let well = matches!(ended(foreach, outcome), OutcomeKind::Good | OutcomeKind::Neutral);
        if well {
            results.push(json!({ "key": item.key, "outcome": outcome, "outputs": &**outputs }));
        } else {
            let message =
                error.as_ref().map_or_else(|| format!("it ended as {outcome}"), |error| error.message.clone());
            failed.push(json!({ "key": item.key, "outcome": outcome, "message": message }));
            bad.push(item.key.clone());
        }
    }
    (json!({ "total": items.len(), "results": results, "failed": failed }), bad)
}

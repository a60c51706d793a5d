//! The start of a run: its title and key are computed once and journaled.

use super::{Context, Rejection, Work};
use crate::apply::begin;
use crate::limits::GROUP_NAME_BYTES_MAX;
use crate::{Concurrency, EvalError, Event, Group, StartRequest, Template};
use serde_json::{Value, json};

pub(super) fn start(context: Context<'_>, request: StartRequest) -> Result<Work<'_>, Rejection> {
    let definition = context.plan.definition();
    let scope = json!({
        "inputs": request.inputs,
        "steps": {},
        "run": {
            "id": request.run.as_str(),
            "started_at": context.now.to_string(),
            "requester": request.requester.as_str(),
        },
    });
    let title = match &definition.title {
        Some(title) => text(&title.value(context.evaluator, &scope)?),
        None => definition.name.clone(),
    };
    let key = match (request.key, &definition.key) {
        (Some(key), _) => Some(key),
        (None, Some(template)) => Some(key(template, &context.evaluator.evaluate(template, &scope)?)?),
        (None, None) => None,
    };
    let group = match &definition.concurrency {
        Some(concurrency) => Some(group(concurrency, &concurrency.group.value(context.evaluator, &scope)?)?),
        None => None,
    };
    let event = Event::RunStarted {
        run: request.run,
        plan: context.plan.digest().clone(),
        workflow: definition.name.clone(),
        title,
        key,
        inputs: request.inputs,
        requester: request.requester,
        deadline: definition.timeout_ms.map(|ms| context.now.plus_ms(ms)),
        parent: request.parent,
        group,
    };
    let state = begin(context.now, &event).ok_or(Rejection::NotStarted)?;
    let mut work = Work { context, state, records: Vec::new() };
    work.keep(event);
    Ok(work)
}

/// A key that says nothing would attach runs to each other that have nothing to do with each other.
fn group(concurrency: &Concurrency, value: &Value) -> Result<Group, Rejection> {
    let name = text(value);
    if matches!(value, Value::String(_) | Value::Number(_)) && (1..=GROUP_NAME_BYTES_MAX).contains(&name.trim().len()) {
        return Ok(Group { name, limit: concurrency.limit });
    }
    let template = concurrency.group.templates().first().map_or_else(String::new, |template| template.source.clone());
    let message = format!("the run's group must be a text of 1 to {GROUP_NAME_BYTES_MAX} bytes, or a number");
    Err(Rejection::Template(EvalError { template, message }))
}

fn key(template: &Template, value: &Value) -> Result<String, Rejection> {
    let key = match value {
        Value::String(text) if !text.trim().is_empty() => text.clone(),
        Value::Number(number) => number.to_string(),
        other => {
            let message = format!("the run's key must be a text or a number, and is {other}");
            return Err(Rejection::Template(EvalError { template: template.source.clone(), message }));
        }
    };
    Ok(key)
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

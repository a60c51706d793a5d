//! Names that people give, resolved to the provider's ids.
//!
//! A name that is not found is an error that names the nearest one, and all such errors of a step are told at once.
//! Nothing has been sent by then but reads.

use super::question::leads_to_something;
use super::session::{Session, bad_input};
use crate::manifest::{Given, Lookup, Operation};
use crate::template::{Scope, Template, is_placeholder, text_of};
use engross_source::nearest;
use engross_step_api::{ErrorClass, StepError};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// How many names are told where none is near.
const NAMES_TOLD_MAX: usize = 20;

/// Everything an operation looks up, by name. `scope` has the inputs, `reads` what has been read already.
pub(super) async fn resolve(
    session: &Session<'_>,
    operation: &Operation,
    scope: &Scope<'_>,
    mut reads: Map<String, Value>,
) -> Result<Map<String, Value>, StepError> {
    let mut found = Map::new();
    let mut problems = Vec::new();
    let mut hint = None;
    for (name, lookup) in &operation.lookups {
        if is_wanted(lookup, scope).map_err(|problem| bad_input(operation, &problem))? {
            read_for(session, operation, lookup, scope, &mut reads).await?;
        }
        let names = names(&reads, &found);
        match choose(lookup, &scope.with(&names)) {
            Ok(value) => found.extend(value.map(|value| (name.clone(), value))),
            Err(told) => {
                problems.extend(told);
                hint = hint.or_else(|| lookup.hint.clone());
            }
        }
    }
    if problems.is_empty() {
        return Ok(found);
    }
    let message = format!("`{}`: {}", operation.name, problems.join("; "));
    let mut error = StepError::new(ErrorClass::Invalid, "lookup", message);
    error.hint = hint;
    Err(error)
}

/// Reads what a look-up draws from, unless it was read before: of several lists the first that can be read.
async fn read_for(
    session: &Session<'_>,
    operation: &Operation,
    lookup: &Lookup,
    scope: &Scope<'_>,
    reads: &mut Map<String, Value>,
) -> Result<(), StepError> {
    for template in &lookup.candidates {
        let Some(read) = read_of(template) else { return Ok(()) };
        if reads.contains_key(read) {
            return Ok(());
        }
        let Some(call) = operation.reads.get(read) else { continue };
        if let Some(reply) = session.made_if_possible(call, scope).await? {
            reads.insert(read.to_string(), reply.document);
            return Ok(());
        }
    }
    Ok(())
}

/// What an operation would look up, in words.
pub(super) fn preview(operation: &Operation, scope: &Scope<'_>) -> Result<Map<String, Value>, String> {
    let mut found = Map::new();
    for (name, lookup) in &operation.lookups {
        let names = names(&Map::new(), &found);
        let value = choose(lookup, &scope.with(&names)).map_err(|problems| problems.join("; "))?;
        found.extend(value.map(|value| (name.clone(), value)));
    }
    Ok(found)
}

fn names(reads: &Map<String, Value>, found: &Map<String, Value>) -> Map<String, Value> {
    Map::from_iter([
        ("reads".to_string(), Value::Object(reads.clone())),
        ("lookups".to_string(), Value::Object(found.clone())),
    ])
}

/// The call whose reply a list is taken from.
fn read_of(template: &Template) -> Option<&str> {
    template.exprs().find_map(|expr| match expr.path.as_slice() {
        [root, read, ..] if root == "reads" => Some(read.as_str()),
        _ => None,
    })
}

/// Whether there is anything to look up.
fn is_wanted(lookup: &Lookup, scope: &Scope<'_>) -> Result<bool, String> {
    let given = match &lookup.given {
        Given::One(template) | Given::Map(template) | Given::List { items: template, .. } => template.eval(scope)?,
    };
    Ok(match given {
        None => matches!(lookup.given, Given::One(_)) && lookup.only.is_some(),
        Some(Value::Object(map)) => !map.is_empty(),
        Some(Value::Array(list)) => !list.is_empty(),
        Some(_) => true,
    })
}

/// What a look-up makes of the names that are given; nothing where none is.
fn choose(lookup: &Lookup, scope: &Scope<'_>) -> Result<Option<Value>, Vec<String>> {
    let one = |problem: String| vec![problem];
    let mut candidates = Vec::new();
    for template in &lookup.candidates {
        if let Some(Value::Array(items)) = template.eval(scope).map_err(one)? {
            candidates = items;
            break;
        }
    }
    match &lookup.given {
        Given::One(template) => match template.eval(scope).map_err(one)? {
            None if lookup.only.is_none() => Ok(None),
            name => {
                let value = name.clone().unwrap_or(Value::Null);
                shaped(lookup, scope, &candidates, name.as_ref(), &value).map(|(_, value)| value)
            }
        },
        Given::Map(template) => match template.eval(scope).map_err(one)? {
            None => Ok(None),
            Some(Value::Object(map)) => {
                let named = map.iter().map(|(name, value)| (Some(Value::from(name.as_str())), value));
                each(lookup, scope, &candidates, named).map(Some)
            }
            Some(later) if scope.is_preview() && is_placeholder(&later) => Ok(Some(later)),
            Some(other) => Err(vec![format!("`{}` is no mapping of {}s to values", text_of(&other), lookup.noun)]),
        },
        Given::List { items, key } => match items.eval(scope).map_err(one)? {
            None => Ok(None),
            Some(Value::Array(list)) => {
                let named = list.iter().map(|value| (value.get(key).filter(|name| !name.is_null()).cloned(), value));
                each(lookup, scope, &candidates, named).map(Some)
            }
            Some(later) if scope.is_preview() && is_placeholder(&later) => Ok(Some(later)),
            Some(other) => Err(vec![format!("`{}` is no list of {}s", text_of(&other), lookup.noun)]),
        },
    }
}

/// The list of what is made of each name. Two names for one thing are refused: one of the values would be lost.
fn each<'v>(
    lookup: &Lookup,
    scope: &Scope<'_>,
    candidates: &[Value],
    given: impl Iterator<Item = (Option<Value>, &'v Value)>,
) -> Result<Value, Vec<String>> {
    let mut list = Vec::new();
    let mut problems = Vec::new();
    let mut chosen = BTreeSet::new();
    for (name, value) in given {
        match shaped(lookup, scope, candidates, name.as_ref(), value) {
            Ok((id, made)) => {
                if !chosen.insert(id.clone()) {
                    problems.push(format!("the {} `{id}` is given twice, by its name and by its id", lookup.noun));
                }
                list.extend(made);
            }
            Err(told) => problems.extend(told),
        }
    }
    if problems.is_empty() { Ok(Value::Array(list)) } else { Err(problems) }
}

/// The id of the candidate that is meant, and what is made of it.
fn shaped(
    lookup: &Lookup,
    scope: &Scope<'_>,
    candidates: &[Value],
    name: Option<&Value>,
    value: &Value,
) -> Result<(String, Option<Value>), Vec<String>> {
    let (id, candidate) = if scope.is_preview() {
        later(lookup, name)
    } else {
        let name = name.map(text_of);
        pick(lookup, candidates, name.as_deref()).map_err(|problem| vec![problem])?
    };
    let names = Map::from_iter([
        ("id".to_string(), Value::String(id.clone())),
        ("value".to_string(), value.clone()),
        ("candidate".to_string(), candidate),
    ]);
    let scope = scope.with(&names);
    let mut inner = Map::new();
    let mut problems = Vec::new();
    for (name, lookup) in &lookup.inner {
        match choose(lookup, &scope) {
            Ok(value) => inner.extend(value.map(|value| (name.clone(), value))),
            Err(told) => problems.extend(told),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let names = Map::from_iter([("inner".to_string(), Value::Object(inner))]);
    let made = lookup.shape.eval(&scope.with(&names)).map_err(|problem| vec![problem])?;
    Ok((id, made))
}

/// What stands in a preview for an id and a candidate.
fn later(lookup: &Lookup, name: Option<&Value>) -> (String, Value) {
    let meant = match (name, &lookup.only) {
        (Some(name), _) if is_placeholder(name) => text_of(name).replace(['<', '>'], ""),
        (Some(name), _) => format!("\"{}\"", text_of(name)),
        (None, Some(only)) => only.what.clone(),
        (None, None) => format!("a {}", lookup.noun),
    };
    let id = format!("<{} of {meant}, looked up when it runs>", lookup.id.leaf());
    let candidate = format!("<{} {meant}, looked up when it runs>", lookup.noun);
    (id, Value::String(candidate))
}

/// The candidate with this id or else this name; without a name, the only one that fits.
fn pick(lookup: &Lookup, candidates: &[Value], name: Option<&str>) -> Result<(String, Value), String> {
    let id_of = |candidate: &Value| lookup.id.first(candidate).map(text_of).unwrap_or_default();
    let names_of = |candidate: &Value| lookup.name.as_ref().and_then(|name| name.text(candidate));
    let noun = &lookup.noun;
    let Some(name) = name else {
        return only(lookup, candidates).map(|candidate| (id_of(candidate), candidate.clone()));
    };
    if let Some(candidate) = candidates.iter().find(|candidate| id_of(candidate) == name) {
        return Ok((name.to_string(), candidate.clone()));
    }
    let named: Vec<&Value> = candidates.iter().filter(|c| names_of(c).as_deref() == Some(name)).collect();
    match named.as_slice() {
        [candidate] => Ok((id_of(candidate), (*candidate).clone())),
        [] => Err(not_found(noun, name, candidates.iter().flat_map(|c| names_of(c).into_iter().chain([id_of(c)])))),
        several => {
            let ids: Vec<String> = several.iter().map(|candidate| id_of(candidate)).collect();
            let leaf = lookup.id.leaf();
            Err(format!("{} {noun}s are called `{name}`: give the {leaf} of one, {}", ids.len(), ids.join(" or ")))
        }
    }
}

fn only<'v>(lookup: &Lookup, candidates: &'v [Value]) -> Result<&'v Value, String> {
    let noun = &lookup.noun;
    let Some(only) = &lookup.only else { return Err(format!("a {noun} must be named")) };
    let fits = |candidate: &&Value| only.without.as_ref().is_none_or(|without| !leads_to_something(without, candidate));
    let fitting: Vec<&Value> = candidates.iter().filter(fits).collect();
    if let [candidate] = fitting.as_slice() {
        return Ok(candidate);
    }
    let name = |candidate: &Value| {
        let name = lookup.name.as_ref().and_then(|name| name.text(candidate));
        name.unwrap_or_else(|| lookup.id.first(candidate).map(text_of).unwrap_or_default())
    };
    let names: Vec<String> = candidates.iter().map(|candidate| format!("`{}`", name(candidate))).collect();
    let there_are =
        if names.is_empty() { "there is none".to_string() } else { format!("there are {}", names.join(", ")) };
    Err(format!("no {noun} is named, and {} cannot be told: {} fit; {there_are}", only.what, fitting.len()))
}

fn not_found(noun: &str, name: &str, known: impl Iterator<Item = String>) -> String {
    let known: Vec<String> = known.filter(|name| !name.is_empty()).collect();
    let advice = match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "there is none".to_string(),
        None => {
            let told: Vec<String> = known.iter().take(NAMES_TOLD_MAX).map(|name| format!("`{name}`")).collect();
            format!("there are {}", told.join(", "))
        }
    };
    format!("there is no {noun} `{name}`: {advice}")
}

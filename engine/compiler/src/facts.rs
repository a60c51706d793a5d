//! What a workflow is to one that starts it: what a run of it leaves, whether it may stop, and how large it is.

use crate::expr::{Reference, Segment};
use crate::family::Facts;
use crate::limits::SCHEMA_PARTS_MAX;
use crate::model;
use crate::rules::{absent, needs, reach, values, waits};
use crate::templates::Place;
use crate::typing::or_null;
use crate::unit::{Edge, Unit};
use engross_core::{NeedRef, On, OnError, OutcomeKind};
use engross_source::yaml::Entry;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// What the workflow is to one that starts it.
pub(crate) fn facts(unit: &Unit<'_>, edges: &[Vec<Edge>]) -> Facts {
    let skipped = maybe_skipped(unit, edges);
    let mut maybe_null: BTreeSet<&str> = BTreeSet::new();
    for site in &unit.templates.sites {
        let (Place::Output, Some(Segment::Key(name))) = (site.place, site.path.first()) else { continue };
        let mut references = site.text.expressions.iter().flat_map(|expression| &expression.references);
        if references.any(|reference| is_of(unit, reference, &skipped) || absent::may_lack(unit, reference)) {
            maybe_null.insert(name);
        }
    }
    let mut parts = SCHEMA_PARTS_MAX;
    let output = |entry: &Entry| {
        let schema = values::schema_of_node(unit, &entry.value, &mut parts);
        let name = entry.key.text.clone();
        let schema = if maybe_null.contains(name.as_str()) { or_null(&schema) } else { schema };
        (name, schema)
    };
    let properties: Map<String, Value> = unit.workflow.outputs.iter().map(output).collect();
    let required: Vec<&String> = properties.keys().collect();
    let may_stop = |(index, step): (usize, &model::Step<'_>)| {
        let never = waits::impossible(unit, index);
        let mut outcomes = unit.ends(index).into_iter().flat_map(|spec| &spec.outcomes);
        step.on_error != OnError::Continue
            && outcomes.any(|o| o.kind == OutcomeKind::Bad && !never.contains(&o.name.as_str()))
    };
    let children = || unit.children.values().map(|child| &child.facts);
    Facts {
        outputs: json!({
            "type": "object", "required": required, "properties": properties, "additionalProperties": false
        }),
        can_stop: unit.workflow.steps.iter().enumerate().any(may_stop),
        levels: children().map(|facts| facts.levels).max().unwrap_or_default() + 1,
        steps: children().map(|facts| facts.steps).fold(unit.workflow.steps.len(), usize::saturating_add),
    }
}

/// Whether a reference is to one of these steps.
fn is_of(unit: &Unit<'_>, reference: &Reference, steps: &BTreeSet<usize>) -> bool {
    match reference.path().as_slice() {
        [Segment::Key(root), Segment::Key(id), ..] if root == "steps" => {
            unit.positions.get(id.as_str()).is_none_or(|step| steps.contains(step))
        }
        _ => false,
    }
}

/// The steps that a run may end well without: those with an `if`, those on one of several ways, and what needs them. That any
/// other step may end badly is not counted, since then the run does too.
fn maybe_skipped(unit: &Unit<'_>, edges: &[Vec<Edge>]) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    for index in reach::order(edges).unwrap_or_default() {
        let aside = |need: &NeedRef, target: usize| {
            found.contains(&target) || matches!(&need.on, On::Outcome(name) if *name != needs::good(unit, target))
        };
        let missed = |edge: &Edge| {
            let mut named = edge.need.refs().iter().zip(&edge.targets);
            // Of several ways, one is enough.
            named.all(|(need, (target, _))| aside(need, *target))
        };
        let step = unit.workflow.steps.get(index);
        let by_itself = step.is_some_and(|step| step.condition.is_some() || step.on_error == OnError::Continue);
        if by_itself || edges.get(index).is_some_and(|own| own.iter().any(missed)) {
            found.insert(index);
        }
    }
    found
}

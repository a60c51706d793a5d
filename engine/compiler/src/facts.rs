//! What a workflow is to one that starts it: what a run of it leaves, whether it may stop, and how large it is.

use crate::expr::Segment;
use crate::family::Facts;
use crate::model;
use crate::rules::{needs, values, waits};
use crate::templates::Place;
use crate::typing::or_null;
use crate::unit::{Edge, Unit};
use engross_core::{Need, On, OnError, OutcomeKind};
use engross_source::yaml::Entry;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What the workflow is to one that starts it.
pub(crate) fn facts(unit: &Unit<'_>, edges: &[Vec<Edge>]) -> Facts {
    let maybe_skipped = maybe_skipped(unit, edges);
    let output = |entry: &Entry| {
        let schema = values::schema_of_node(unit, Place::Output, &entry.value);
        let mut sites = unit.templates.sites.iter().filter(|site| {
            site.place == Place::Output
                && matches!(site.path.first(), Some(Segment::Key(name)) if *name == entry.key.text)
        });
        let of_skipped = sites.any(|site| {
            let references = site.text.expressions.iter().flat_map(|expression| &expression.references);
            references.into_iter().any(|reference| match reference.path().as_slice() {
                [Segment::Key(root), Segment::Key(id), ..] if root == "steps" => {
                    let step = unit.positions.get(id.as_str());
                    step.is_none_or(|step| maybe_skipped.contains(step))
                }
                _ => false,
            })
        });
        (entry.key.text.clone(), if of_skipped { or_null(&schema) } else { schema })
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

/// The steps that a run may end well without: those with an `if` and those on one of several ways. That every other step may fail
/// too is not counted, since a run does not end well then.
fn maybe_skipped(unit: &Unit<'_>, edges: &[Vec<Edge>]) -> BTreeSet<usize> {
    let aside = |index: usize, step: &model::Step<'_>| {
        let own = edges.get(index).into_iter().flatten();
        let plain = |edge: &Edge| match (&edge.need, edge.targets.as_slice()) {
            (Need::One(need), [(target, _)]) => need.on == On::Outcome(needs::good(unit, *target)),
            _ => false,
        };
        step.condition.is_some() || step.on_error == OnError::Continue || !own.into_iter().all(plain)
    };
    let mut found: BTreeSet<usize> =
        unit.workflow.steps.iter().enumerate().filter(|(index, step)| aside(*index, step)).map(|(at, _)| at).collect();
    let mut open: Vec<usize> = found.iter().copied().collect();
    let mut needed_by: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (step, own) in edges.iter().enumerate() {
        for (target, _) in own.iter().flat_map(|edge| &edge.targets) {
            needed_by.entry(*target).or_default().push(step);
        }
    }
    while let Some(step) = open.pop() {
        open.extend(needed_by.get(&step).into_iter().flatten().copied().filter(|next| found.insert(*next)));
    }
    found
}

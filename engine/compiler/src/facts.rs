//! What a workflow is to one that starts it: what a run of it leaves, whether it may stop, and how large it is.

use crate::expr::{Reference, Segment};
use crate::family::Facts;
use crate::limits::SCHEMA_PARTS_MAX;
use crate::model;
use crate::rules::{absent, reach, values, waits};
use crate::templates::Place;
use crate::typing::or_null;
use crate::unit::{Edge, Unit};
use engross_core::{NeedRef, On, OnError, OutcomeKind, OutcomeName, OutcomeSpec};
use engross_source::yaml::Entry;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// What the workflow is to one that starts it.
pub(crate) fn facts(unit: &Unit<'_>, edges: &[Vec<Edge>]) -> Facts {
    let without = maybe_without(unit, edges);
    let mut maybe_null: BTreeSet<&str> = BTreeSet::new();
    for site in &unit.templates.sites {
        let (Place::Output, Some(Segment::Key(name))) = (site.place, site.path.first()) else { continue };
        let mut references = site.text.expressions.iter().flat_map(|expression| &expression.references);
        if references.any(|reference| is_of(unit, reference, &without) || absent::may_lack(unit, reference)) {
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

/// The steps whose outputs may be absent although the run ends well: those that may be skipped in it, and those that may end in it
/// without any.
fn maybe_without(unit: &Unit<'_>, edges: &[Vec<Edge>]) -> BTreeSet<usize> {
    let ends = Ends::new(unit, edges);
    let mut skipped: Vec<Skipped<'_>> = vec![Skipped::Never; edges.len()];
    for index in reach::order(edges).unwrap_or_default() {
        let has_condition = unit.workflow.steps.get(index).is_some_and(|step| step.condition.is_some());
        let own = edges.get(index).into_iter().flatten();
        let found = own.fold(if has_condition { Skipped::Sometimes } else { Skipped::Never }, |found, edge| {
            let named = edge.need.refs().iter().zip(&edge.targets);
            let ways = named.map(|(need, (target, _))| ends.missed(need, *target, &skipped));
            ends.both(found, ways.reduce(|one, other| ends.either(one, other)).unwrap_or(Skipped::Never))
        });
        if let Some(slot) = skipped.get_mut(index) {
            *slot = found;
        }
    }
    let is_without = |index: &usize| {
        skipped.get(*index).is_some_and(|found| *found != Skipped::Never) || ends.may(*index, |end| !end.outputs)
    };
    (0..edges.len()).filter(is_without).collect()
}

/// When a step is skipped in a run that ends well.
#[derive(Clone, PartialEq, Eq)]
enum Skipped<'c> {
    Never,
    /// When this step ends in none of these outcomes. Several ways that go out from one step and come together again are what
    /// this is for.
    Unless(usize, BTreeSet<&'c OutcomeName>),
    Sometimes,
}

/// How steps may end in a run that ends well.
struct Ends<'c, 'a> {
    unit: &'c Unit<'a>,
    /// Steps and outcomes that a need names.
    named: BTreeSet<(usize, &'c OutcomeName)>,
}

impl<'c, 'a> Ends<'c, 'a> {
    fn new(unit: &'c Unit<'a>, edges: &'c [Vec<Edge>]) -> Self {
        let refs = edges.iter().flatten().flat_map(|edge| edge.need.refs().iter().zip(&edge.targets));
        let named = refs.filter_map(|(need, (target, _))| match &need.on {
            On::Outcome(name) => Some((*target, name)),
            On::Done => None,
        });
        Self { unit, named: named.collect() }
    }

    /// When a need of a step is not met.
    fn missed(&self, need: &'c NeedRef, target: usize, skipped: &[Skipped<'c>]) -> Skipped<'c> {
        let before = skipped.get(target).cloned().unwrap_or(Skipped::Sometimes);
        match (&need.on, before) {
            (On::Done, before) => before,
            (On::Outcome(name), Skipped::Never) => self.unless(target, BTreeSet::from([name])),
            (On::Outcome(name), before) if !self.may(target, |outcome| outcome.name != *name) => before,
            (On::Outcome(_), _) => Skipped::Sometimes,
        }
    }

    fn unless(&self, target: usize, outcomes: BTreeSet<&'c OutcomeName>) -> Skipped<'c> {
        let otherwise = self.may(target, |outcome| !outcomes.contains(&outcome.name));
        if otherwise { Skipped::Unless(target, outcomes) } else { Skipped::Never }
    }

    /// Of two ways, one is enough.
    fn either(&self, one: Skipped<'c>, other: Skipped<'c>) -> Skipped<'c> {
        match (one, other) {
            (Skipped::Never, _) | (_, Skipped::Never) => Skipped::Never,
            (Skipped::Unless(target, one), Skipped::Unless(same, other)) if target == same => {
                self.unless(target, one.union(&other).copied().collect())
            }
            _ => Skipped::Sometimes,
        }
    }

    /// Of two needs, both are to be met.
    fn both(&self, one: Skipped<'c>, other: Skipped<'c>) -> Skipped<'c> {
        match (one, other) {
            (Skipped::Never, found) | (found, Skipped::Never) => found,
            (Skipped::Unless(target, one), Skipped::Unless(same, other)) if target == same => {
                self.unless(target, one.intersection(&other).copied().collect())
            }
            _ => Skipped::Sometimes,
        }
    }

    /// Whether a step may end in such an outcome, and the run well.
    fn may(&self, step: usize, is_such: impl Fn(&OutcomeSpec) -> bool) -> bool {
        let never = waits::impossible(self.unit, step);
        let goes_on = self.unit.workflow.steps.get(step).is_some_and(|step| step.on_error == OnError::Continue);
        let ends_well = |outcome: &OutcomeSpec| match outcome.kind {
            OutcomeKind::Good | OutcomeKind::Neutral => true,
            OutcomeKind::Failure => goes_on || self.named.contains(&(step, &outcome.name)),
            OutcomeKind::Bad => goes_on,
        };
        let mut outcomes = self.unit.ends(step).into_iter().flat_map(|spec| &spec.outcomes);
        outcomes.any(|outcome| ends_well(outcome) && !never.contains(&outcome.name.as_str()) && is_such(outcome))
    }
}

//! A value that may be absent on some path has a default.
//!
//! Warnings, not errors: whether a path can be taken is more than the compiler can know.

use super::input_schemas::OPTIONAL;
use super::reach;
use super::tested::Tested;
use crate::codes;
use crate::expr::tree::tree;
use crate::expr::{Expression, Reference, Segment, path_text};
use crate::findings::{Findings, listed};
use crate::limits::NEEDS_FOLLOWED_MAX;
use crate::templates::{Place, Site};
use crate::typing::{Assured, Found, References, Type, Typer, follow, has_parts, promised};
use crate::unit::{Edge, Unit, Use};
use engross_core::{NeedRef, On, StepSpec};
use serde_json::Value;
use std::collections::BTreeMap;

/// Checks references to inputs and to other steps' outputs.
pub(crate) fn check(unit: &Unit<'_>, uses: &[Use], edges: &[Vec<Edge>], findings: &mut Findings<'_>) {
    let tested = Tested::new(unit);
    let mut sure = Sure::new(unit, edges);
    for used in uses.iter().filter(|used| !used.guarded) {
        let Some(site) = unit.site(used.site) else { continue };
        let is_tested = reference_at(site, used).is_some_and(|(expression, position, reference)| {
            let path = reference.path();
            let assured = assured_in(site, expression).remove(&position).unwrap_or_default();
            tested.assures(site, reference, false) || assured.iter().any(|(other, _)| other.starts_with(&path))
        });
        if is_tested {
            continue;
        }
        left(unit, used, &mut sure, findings);
    }
    for site in &unit.templates.sites {
        // An output of the run whose value is absent is null, by the core's rule.
        if site.place == Place::Output {
            continue;
        }
        for expression in &site.text.expressions {
            let assured = assured_in(site, expression);
            for (position, reference) in expression.references.iter().enumerate() {
                if !reference.guarded {
                    let mut there = tested.there(site);
                    there.extend(first_item(unit, site));
                    there.extend(assured.get(&position).into_iter().flatten().cloned());
                    part(unit, site, reference, &there, findings);
                }
            }
        }
    }
}

/// A path that is there, and whether its value is not null either.
type There<'s> = (Vec<&'s Segment>, bool);

/// The first item of the list for whose items the site is computed: where that has none, nothing is.
fn first_item<'u>(unit: &'u Unit<'_>, site: &Site<'_>) -> Option<There<'u>> {
    let foreach = unit.workflow.steps.get(unit.item_step(site)?)?.foreach.as_ref()?;
    let [expression] = unit.templates.site_of(foreach.items?)?.text.expressions.as_slice() else { return None };
    let mut path = expression.plain()?.path();
    path.push(&Segment::Index(0));
    Some((path, false))
}

/// For each reference of an expression the paths that are there wherever it is computed.
fn assured_in<'s>(site: &Site<'_>, expression: &'s Expression) -> BTreeMap<usize, Vec<There<'s>>> {
    let mut found = BTreeMap::new();
    if expression.references.len() < 2 {
        return found;
    }
    let Some(tree) = tree(site.node.as_str().unwrap_or_default(), expression) else { return found };
    let mut typer = Typer::new(&Untyped);
    typer.infer(&tree);
    for (reference, there) in typer.uses {
        let path = |other: &Assured| Some((expression.references.get(other.reference)?.path(), other.not_null));
        found.insert(reference, there.iter().filter_map(path).collect());
    }
    found
}

/// References of which only their places matter.
struct Untyped;

impl References for Untyped {
    fn reference(&self, _position: usize) -> Type {
        Type::UNKNOWN
    }

    fn same(&self, one: usize, other: usize) -> bool {
        one == other
    }
}

/// The reference that is such a use, with its expression and its position there.
fn reference_at<'s>(site: &'s Site<'_>, used: &Use) -> Option<(&'s Expression, usize, &'s Reference)> {
    site.text.expressions.iter().find_map(|expression| {
        let mut references = expression.references.iter().enumerate();
        let (position, reference) = references.find(|(_, reference)| reference.static_range() == used.range)?;
        Some((expression, position, reference))
    })
}

/// Reports a reference to a part of an input that its schema does not promise. What an operation's answer lacks is left to the
/// run: the step that needs it fails before it has done anything, which is what its author would have it do.
fn part(unit: &Unit<'_>, site: &Site<'_>, reference: &Reference, there: &[There<'_>], findings: &mut Findings<'_>) {
    let (root, item) = match (reference.segments.first(), unit.item(site)) {
        (Some((Segment::Key(name), _)), _) if name == "inputs" => (&unit.inputs, None),
        (Some((Segment::Key(name), _)), Some(item)) if name == "item" && !item.of_answer => (&item.schema, Some(item)),
        _ => return,
    };
    let mut schema = root;
    for (index, (segment, range)) in reference.segments.iter().enumerate().skip(1) {
        // Of what cannot be there at all the rule of references has spoken.
        let next = match follow(root, schema, segment) {
            Found::Nothing(_) | Found::NoParts(_) => return,
            Found::Schema(next) => Some(next),
            Found::Anything => None,
        };
        let so_far = reference.path().into_iter().take(index + 1).collect::<Vec<_>>();
        let (_, owner) = so_far.split_last().unzip();
        let owner: &[&Segment] = owner.unwrap_or_default();
        let not_null = there.iter().any(|(path, not_null)| *not_null && path == owner);
        let is_owner = has_parts(root, schema, segment, not_null);
        let tested = there.iter().any(|(path, _)| path.starts_with(&so_far));
        let is_there = tested || is_owner && promised(root, schema, segment);
        if !is_there {
            let path = path_text(reference.segments.iter().take(index + 1).map(|(segment, _)| segment));
            let then = match site.place {
                Place::Title
                | Place::RunKey
                | Place::Group
                | Place::TriggerInputs(_)
                | Place::TriggerId(_)
                | Place::TriggerCondition(_) => "the run cannot start",
                Place::With(_) | Place::Condition(_) | Place::Items(_) | Place::ItemKey(_) | Place::Output => {
                    "this step fails"
                }
            };
            let place = match segment {
                _ if item.is_some_and(|item| item.written) => "give it to every item of the list".to_owned(),
                _ if !is_owner => format!("test `{}` with `if`", path_text(owner.iter().copied())),
                _ if index == 1 && item.is_none() => format!("give the input a `default` instead of `{OPTIONAL}`"),
                Segment::Key(_) => "list it under `required` in the input's schema".to_owned(),
                Segment::Index(_) => "say `minItems` in the input's schema".to_owned(),
            };
            let hint = format!("write `| default(value=…)` behind it, or {place}");
            let message = format!("`{path}` may be absent, and then {then}");
            let finding = findings.warning(codes::MAYBE_ABSENT, site.span(findings, range), message);
            return findings.push(finding.hint(hint));
        }
        let Some(next) = next else { return };
        schema = next;
    }
}

/// Whether a reference without a default leads to what its schema does not promise, in the inputs or in what a step left.
pub(crate) fn may_lack(unit: &Unit<'_>, reference: &Reference) -> bool {
    let path = reference.path();
    let (root, rest): (&Value, &[&Segment]) = match path.as_slice() {
        [Segment::Key(name), rest @ ..] if name == "inputs" => (&unit.inputs, rest),
        [Segment::Key(name), Segment::Key(id), Segment::Key(what), rest @ ..]
            if name == "steps" && what == "outputs" =>
        {
            let target = unit.positions.get(id.as_str()).copied();
            let Some(outputs) = target.and_then(|target| unit.outputs_for(None, target)) else { return false };
            (outputs, rest)
        }
        _ => return false,
    };
    let mut schema = root;
    for segment in rest {
        if !(has_parts(root, schema, segment, false) && promised(root, schema, segment)) {
            return !reference.guarded;
        }
        let Found::Schema(next) = follow(root, schema, segment) else { return false };
        schema = next;
    }
    false
}

/// Reports a use of outputs, or of an outcome, that the step's own needs do not promise.
fn left(unit: &Unit<'_>, used: &Use, sure: &mut Sure<'_, '_>, findings: &mut Findings<'_>) {
    let Some(site) = unit.site(used.site) else { return };
    let (Some(step), Some(spec)) = (site.place.step(), unit.ends_for(site.place.step(), used.target)) else { return };
    let names = |edge: &Edge| edge.targets.iter().any(|(target, _)| *target == used.target);
    if !sure.edges.get(step).is_some_and(|own| own.iter().any(names)) {
        return;
    }
    // Of a step that leaves no outputs at all the rule of references has spoken.
    let leaves_none = used.outputs && !spec.outcomes.iter().any(|outcome| outcome.outputs);
    if leaves_none || sure.when_started(step, used, spec) {
        return;
    }
    let id = unit.id(used.target);
    let what = if used.outputs { "outputs" } else { "outcome" };
    let message = format!("the {what} of `{id}` may be absent when `{}` starts", unit.id(step));
    let hint = if used.outputs {
        let with: Vec<String> =
            spec.outcomes.iter().filter(|o| o.outputs).map(|outcome| format!("{id}.{}", outcome.name)).collect();
        format!("write `| default(value=…)` behind it; outputs are there after {}", listed(&with))
    } else {
        format!("write `| default(value=…)` behind it; the outcome is there once `{id}` has ended")
    };
    let finding = findings.warning(codes::MAYBE_ABSENT, site.span(findings, &used.range), message);
    findings.push(finding.hint(hint));
}

/// What is sure of a step that others use whenever one of them starts: what is needed has started before, and its own needs were
/// met then.
struct Sure<'c, 'a> {
    unit: &'c Unit<'a>,
    edges: &'c [Vec<Edge>],
    /// Every step after those it needs; none where they go round in circles.
    order: Vec<usize>,
    /// For a step, and for its outputs or its outcome alone: whether they are there when each other step starts.
    known: BTreeMap<(usize, bool), Vec<bool>>,
    followed: usize,
}

impl<'c, 'a> Sure<'c, 'a> {
    fn new(unit: &'c Unit<'a>, edges: &'c [Vec<Edge>]) -> Self {
        Self { unit, edges, order: reach::order(edges).unwrap_or_default(), known: BTreeMap::new(), followed: 0 }
    }

    /// Whether what is used is there whenever the step starts.
    fn when_started(&mut self, step: usize, used: &Use, spec: &StepSpec) -> bool {
        let promises = |edge: &Edge| {
            let mut refs = edge.need.refs().iter().zip(&edge.targets);
            refs.all(|(need, (target, _))| self.is_promised(need, *target, used, spec))
        };
        if self.edges.get(step).is_some_and(|own| own.iter().any(promises)) {
            return true;
        }
        let key = (used.target, used.outputs);
        if !self.known.contains_key(&key) {
            let found = self.everywhere(used, spec);
            self.known.insert(key, found);
        }
        self.known.get(&key).and_then(|known| known.get(step)).is_some_and(|found| *found)
    }

    /// For each step whether what is used is there when it starts; for none when too much was followed already.
    fn everywhere(&mut self, used: &Use, spec: &StepSpec) -> Vec<bool> {
        let mut found = vec![false; self.edges.len()];
        for step in &self.order {
            let own = self.edges.get(*step).map(Vec::as_slice).unwrap_or_default();
            self.followed += own.len();
            if self.followed > NEEDS_FOLLOWED_MAX {
                break;
            }
            let met = |edge: &Edge| {
                let mut refs = edge.need.refs().iter().zip(&edge.targets);
                refs.all(|(need, (target, _))| {
                    self.is_promised(need, *target, used, spec) || found.get(*target).is_some_and(|found| *found)
                })
            };
            let is_sure = own.iter().any(met);
            if let Some(slot) = found.get_mut(*step) {
                *slot = is_sure;
            }
        }
        found
    }

    /// Whether a need is met only when the step that is used has ended, with outputs where those are used.
    fn is_promised(&self, need: &NeedRef, target: usize, used: &Use, spec: &StepSpec) -> bool {
        target == used.target
            && need.step.as_str() == self.unit.id(target)
            && match &need.on {
                _ if !used.outputs => true,
                On::Done => spec.outcomes.iter().all(|outcome| outcome.outputs),
                On::Outcome(name) => spec.outcomes.iter().any(|outcome| outcome.name == *name && outcome.outputs),
            }
    }
}

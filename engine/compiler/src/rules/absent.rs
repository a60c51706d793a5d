//! A value that may be absent on some path has a default.
//!
//! Warnings, not errors: whether a path can be taken is more than the compiler can know.

use super::input_schemas::OPTIONAL;
use super::tested::Tested;
use crate::codes;
use crate::expr::tree::tree;
use crate::expr::{Expression, Reference, Segment, path_text};
use crate::findings::{Findings, listed};
use crate::templates::{Place, Site};
use crate::typing::{Found, References, Type, Typer, follow, promised};
use crate::unit::{Edge, Unit, Use};
use engross_core::{Need, NeedRef, On, StepSpec};
use std::collections::BTreeMap;

/// Checks references to inputs and to other steps' outputs.
pub(crate) fn check(unit: &Unit<'_>, uses: &[Use], edges: &[Vec<Edge>], findings: &mut Findings<'_>) {
    let tested = Tested::new(unit);
    for used in uses.iter().filter(|used| used.outputs && !used.guarded) {
        let path = unit.site(used.site).and_then(|site| Some((site, reference_at(site, used)?)));
        if path.is_some_and(|(site, reference)| tested.assures(site, reference, false)) {
            continue;
        }
        output(unit, used, edges, findings);
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
                    there.extend(assured.get(&position).into_iter().flatten().cloned());
                    part(unit, site, reference, &there, findings);
                }
            }
        }
    }
}

/// For each reference of an expression the paths that are there wherever it is computed.
fn assured_in<'s>(site: &Site<'_>, expression: &'s Expression) -> BTreeMap<usize, Vec<Vec<&'s Segment>>> {
    let mut found = BTreeMap::new();
    if expression.references.len() < 2 {
        return found;
    }
    let Some(tree) = tree(site.node.as_str().unwrap_or_default(), expression) else { return found };
    let mut typer = Typer::new(&Untyped);
    typer.infer(&tree);
    for (reference, there) in typer.uses {
        let paths = there.iter().filter_map(|other| expression.references.get(*other).map(Reference::path)).collect();
        found.insert(reference, paths);
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

fn reference_at<'s>(site: &'s Site<'_>, used: &Use) -> Option<&'s Reference> {
    let references = site.text.expressions.iter().flat_map(|expression| &expression.references);
    references.into_iter().find(|reference| reference.static_range() == used.range)
}

/// Reports a reference to a part of an input that its schema does not promise. What an operation's answer lacks is left to the
/// run: the step that needs it fails before it has done anything, which is what its author would have it do.
fn part(unit: &Unit<'_>, site: &Site<'_>, reference: &Reference, there: &[Vec<&Segment>], findings: &mut Findings<'_>) {
    let (root, item) = match (reference.segments.first(), unit.item(site)) {
        (Some((Segment::Key(name), _)), _) if name == "inputs" => (&unit.inputs, None),
        (Some((Segment::Key(name), _)), Some(item)) if name == "item" && !item.of_answer => (&item.schema, Some(item)),
        _ => return,
    };
    let mut schema = root;
    for (index, (segment, range)) in reference.segments.iter().enumerate().skip(1) {
        let so_far = reference.path().into_iter().take(index + 1).collect::<Vec<_>>();
        if !promised(root, schema, segment) && !there.iter().any(|path| path.starts_with(&so_far)) {
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
                _ if index == 1 && item.is_none() => format!("give the input a `default` instead of `{OPTIONAL}`"),
                Segment::Key(_) => "list it under `required` in the input's schema".to_owned(),
                Segment::Index(_) => "say `minItems` in the input's schema".to_owned(),
            };
            let hint = format!("write `| default(value=…)` behind it, or {place}");
            let message = format!("`{path}` may be absent, and then {then}");
            let finding = findings.warning(codes::MAYBE_ABSENT, site.span(findings, range), message);
            return findings.push(finding.hint(hint));
        }
        let Found::Schema(next) = follow(root, schema, segment) else { return };
        schema = next;
    }
}

/// Reports a use of outputs that the step's own needs do not promise.
fn output(unit: &Unit<'_>, used: &Use, edges: &[Vec<Edge>], findings: &mut Findings<'_>) {
    let Some(site) = unit.site(used.site) else { return };
    let (Some(step), Some(spec)) = (site.place.step(), unit.ends_for(site.place.step(), used.target)) else { return };
    let own = edges.get(step).into_iter().flatten();
    let mut naming = own.filter(|edge| edge.targets.iter().any(|(target, _)| *target == used.target)).peekable();
    if naming.peek().is_none() || naming.any(|edge| promises(unit, edge, used.target, spec)) {
        return;
    }
    let id = unit.id(used.target);
    let message = format!("the outputs of `{id}` may be absent when `{}` starts", unit.id(step));
    let with: Vec<String> =
        spec.outcomes.iter().filter(|o| o.outputs).map(|outcome| format!("{id}.{}", outcome.name)).collect();
    let hint = format!("write `| default(value=…)` behind it; outputs are there after {}", listed(&with));
    let finding = findings.warning(codes::MAYBE_ABSENT, site.span(findings, &used.range), message);
    findings.push(finding.hint(hint));
}

/// Whether a need is met only when `target` has ended with outputs.
fn promises(unit: &Unit<'_>, edge: &Edge, target: usize, spec: &StepSpec) -> bool {
    let with_outputs = |need: &NeedRef| {
        need.step.as_str() == unit.id(target)
            && match &need.on {
                On::Done => spec.outcomes.iter().all(|outcome| outcome.outputs),
                On::Outcome(name) => spec.outcomes.iter().any(|outcome| outcome.name == *name && outcome.outputs),
            }
    };
    match &edge.need {
        Need::One(one) => with_outputs(one),
        Need::Any(any) => any.iter().all(with_outputs),
    }
}

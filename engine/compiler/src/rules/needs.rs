//! Every entry of `needs` names a step and one of its outcomes, and all of them together can be met.

use crate::codes;
use crate::findings::Findings;
use crate::model::{NeedItem, NeedName, Step};
use crate::unit::{Edge, Spot, Unit};
use engross_core::{Need, NeedRef, On, OutcomeName, StepId};
use engross_source::Span;
use engross_source::diagnostic::quoted;
use std::collections::BTreeMap;

/// The edges that the author wrote, for each step.
pub(crate) fn resolve(unit: &Unit<'_>, findings: &mut Findings<'_>) -> Vec<Vec<Edge>> {
    let ids = unit.ids();
    let steps = unit.workflow.steps.iter().enumerate();
    steps
        .map(|(step, written)| {
            let edges: Vec<Edge> =
                written.needs.iter().flat_map(|item| edges(unit, &ids, step, item, findings)).collect();
            together(unit, &edges, findings);
            let undone = written.undoes.as_ref().and_then(|undone| undone_step(unit, written, undone));
            edges.into_iter().chain(undone).collect()
        })
        .collect()
}

/// What undoes a step comes after it, and may use what it left.
fn undone_step(unit: &Unit<'_>, undoing: &Step<'_>, undone: &StepId) -> Option<Edge> {
    let target = unit.positions.get(undone.as_str()).copied()?;
    let need = Need::One(NeedRef { step: undone.clone(), on: On::Outcome(good(unit, target)) });
    Some(Edge { need, targets: vec![(target, Spot::At(undoing.key.span))], written: false })
}

fn edges(unit: &Unit<'_>, ids: &[&str], step: usize, item: &NeedItem<'_>, findings: &mut Findings<'_>) -> Vec<Edge> {
    let done = matches!(item, NeedItem::Done(_));
    let found: Vec<(NeedRef, usize, Span)> =
        item.names().iter().filter_map(|name| one(unit, ids, step, name, done, findings)).collect();
    if matches!(item, NeedItem::Any(_)) && found.len() > 1 {
        let targets = found.iter().map(|(_, target, span)| (*target, Spot::At(*span))).collect();
        let need = Need::Any(found.into_iter().map(|(need, _, _)| need).collect());
        return vec![Edge { need, targets, written: true }];
    }
    let single =
        |(need, target, span)| Edge { need: Need::One(need), targets: vec![(target, Spot::At(span))], written: true };
    found.into_iter().map(single).collect()
}

fn one(
    unit: &Unit<'_>,
    ids: &[&str],
    step: usize,
    name: &NeedName<'_>,
    done: bool,
    findings: &mut Findings<'_>,
) -> Option<(NeedRef, usize, Span)> {
    let Some(target) = unit.positions.get(name.step).copied() else {
        let hint = findings.names_hint(name.step, ids, "steps");
        findings.report(codes::UNKNOWN_STEP, name.step_span, format!("there is no step {}", quoted(name.step)), hint);
        return None;
    };
    if target == step {
        let message = format!("the step `{}` needs itself", name.step);
        findings.report(codes::NEEDS_ITSELF, name.span, message, Some("remove this need".to_owned()));
        return None;
    }
    let on = if done {
        On::Done
    } else {
        On::Outcome(match name.outcome {
            None => good(unit, target),
            Some((outcome, span)) => {
                known_outcome(unit, target, outcome, span, findings)?;
                OutcomeName::new(outcome)
            }
        })
    };
    Some((NeedRef { step: StepId::new(name.step), on }, target, name.span))
}

/// The outcome that naming the step alone means.
pub(crate) fn good(unit: &Unit<'_>, step: usize) -> OutcomeName {
    let outcome = unit.ends(step).and_then(|spec| spec.good().or(spec.outcomes.first()));
    outcome.map_or_else(|| OutcomeName::new("succeeded"), |outcome| outcome.name.clone())
}

fn known_outcome(unit: &Unit<'_>, target: usize, outcome: &str, span: Span, findings: &mut Findings<'_>) -> Option<()> {
    // Nothing is said about a step whose operation is not known: that is reported already.
    let Some(spec) = unit.ends(target) else { return Some(()) };
    let names: Vec<&str> = spec.outcomes.iter().map(|outcome| outcome.name.as_str()).collect();
    if names.contains(&outcome) {
        return Some(());
    }
    let message = format!("`{}` (`{}`) never ends as {}", unit.id(target), spec.uses, quoted(outcome));
    let of_item = unit.spec(target).is_some_and(|spec| spec.outcomes.iter().any(|o| o.name.as_str() == outcome));
    let hint = match findings.nearest(outcome, &names) {
        _ if of_item => {
            format!("that is how one item ends; with all of them it ends as {}", crate::findings::listed(&names))
        }
        Some(near) => format!("did you mean `{}.{near}`?", unit.id(target)),
        None => format!("it ends as {}", crate::findings::listed(&names)),
    };
    findings.report(codes::UNKNOWN_OUTCOME, span, message, Some(hint));
    None
}

/// Needs of one step that say the same, or that cannot both be met.
fn together(unit: &Unit<'_>, edges: &[Edge], findings: &mut Findings<'_>) {
    let mut seen: BTreeMap<usize, (&On, &Spot)> = BTreeMap::new();
    for edge in edges {
        let (Need::One(NeedRef { on, .. }), [(target, spot)]) = (&edge.need, edge.targets.as_slice()) else { continue };
        let Some((first, first_spot)) = seen.get(target).copied() else {
            seen.insert(*target, (on, spot));
            continue;
        };
        let (span, first_span) = (spot.span(unit, findings), first_spot.span(unit, findings));
        let id = unit.id(*target);
        match (first, on) {
            (On::Outcome(one), On::Outcome(other)) if one != other => {
                let message = format!("`{id}` ends as `{one}` or as `{other}`, never as both");
                let finding =
                    findings.error(codes::NEEDS_CONTRADICT, span, message).secondary(first_span, "needed here");
                findings
                    .push(finding.hint(format!("for either of them write `{{ any: [{id}.{one}, {id}.{other}] }}`")));
            }
            (one, other) if one == other => {
                let finding = findings.warning(codes::NEEDED_TWICE, span, format!("`{id}` is needed twice"));
                findings.push(finding.secondary(first_span, "needed here").hint("remove one of the two"));
            }
            _ => {}
        }
    }
}

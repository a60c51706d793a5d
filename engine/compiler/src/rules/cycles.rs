//! No step waits for itself, by whatever detour.

use crate::codes;
use crate::findings::Findings;
use crate::unit::{Edge, Unit};
use engross_core::{Cycle, Need, StepId, find_cycles};
use engross_source::Span;

/// Steps of one cycle that are named in the message; the places of as many edges are shown.
const SHOWN_MAX: usize = 12;

/// Reports every cycle once, at an edge that points forward in the file if there is one.
pub(crate) fn check(unit: &Unit<'_>, edges: &[Vec<Edge>], findings: &mut Findings<'_>) {
    let steps: Vec<(StepId, Vec<Need>)> = edges
        .iter()
        .enumerate()
        .map(|(step, edges)| (StepId::new(unit.id(step)), edges.iter().map(|edge| edge.need.clone()).collect()))
        .collect();
    for cycle in find_cycles(&steps) {
        report(unit, edges, &cycle, findings);
    }
}

fn report(unit: &Unit<'_>, edges: &[Vec<Edge>], cycle: &Cycle, findings: &mut Findings<'_>) {
    let positions: Vec<usize> = cycle.0.iter().filter_map(|id| unit.positions.get(id.as_str()).copied()).collect();
    let before = positions.iter().cycle().skip(positions.len().saturating_sub(1));
    let mut places: Vec<(bool, Span, String)> = Vec::new();
    for (step, needed) in positions.iter().zip(before).take(SHOWN_MAX) {
        let Some((edge, spot)) = edge_to(edges, *step, *needed) else { continue };
        let verb = if edge.written { "needs" } else { "refers to" };
        let label = format!("`{}` {verb} `{}`", unit.id(*step), unit.id(*needed));
        places.push((needed > step, spot.span(unit, findings), label));
    }
    let primary = places.iter().position(|(forward, _, _)| *forward).unwrap_or(0);
    if places.is_empty() {
        return;
    }
    let (_, span, label) = places.remove(primary);
    let mut finding =
        findings.error(codes::CYCLE, span, format!("the steps go round in circles: {}", shown(cycle))).label(label);
    for (_, span, label) in places {
        finding = finding.secondary(span, label);
    }
    findings.push(finding.hint("a step sees only what came before it: take one of these away"));
}

fn edge_to(edges: &[Vec<Edge>], step: usize, needed: usize) -> Option<(&Edge, &crate::unit::Spot)> {
    let own = edges.get(step)?;
    own.iter().find_map(|edge| edge.targets.iter().find(|(target, _)| *target == needed).map(|(_, spot)| (edge, spot)))
}

fn shown(cycle: &Cycle) -> String {
    if cycle.0.len() <= SHOWN_MAX {
        return cycle.to_string();
    }
    let first: Vec<&str> = cycle.0.iter().take(SHOWN_MAX).map(StepId::as_str).collect();
    format!("{} -> … ({} steps)", first.join(" -> "), cycle.0.len())
}

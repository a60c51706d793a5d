//! A reference to a step is a need of it, unless the author has said what is needed.

use super::needs::good;
use crate::unit::{Edge, Spot, Unit, Use};
use engross_core::{Need, NeedRef, On, StepId};
use std::collections::{BTreeMap, BTreeSet};

/// Adds the edges that references imply to those that are written: a step whose outputs are used must have ended well, one
/// whose outcome alone is used must have ended.
pub(crate) fn add_implied(unit: &Unit<'_>, uses: &[Use], edges: &mut [Vec<Edge>]) {
    let mut of_step: BTreeMap<usize, Vec<&Use>> = BTreeMap::new();
    for used in uses {
        if let Some(step) = unit.site(used.site).and_then(|site| site.place.step()) {
            of_step.entry(step).or_default().push(used);
        }
    }
    for (step, uses) in of_step {
        let Some(edges) = edges.get_mut(step) else { continue };
        let named: BTreeSet<usize> = edges.iter().flat_map(|edge| &edge.targets).map(|(target, _)| *target).collect();
        let with_outputs: BTreeSet<usize> = uses.iter().filter(|used| used.outputs).map(|used| used.target).collect();
        let mut added = BTreeSet::new();
        for used in uses {
            if named.contains(&used.target) || !added.insert(used.target) {
                continue;
            }
            let on = if with_outputs.contains(&used.target) { On::Outcome(good(unit, used.target)) } else { On::Done };
            let need = Need::One(NeedRef { step: StepId::new(unit.id(used.target)), on });
            edges.push(Edge {
                need,
                targets: vec![(used.target, Spot::In(used.site, used.range.clone()))],
                written: false,
            });
        }
    }
}

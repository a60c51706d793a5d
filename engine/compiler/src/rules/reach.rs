//! Every step can start, and no need says what another one implies.
//!
//! Needs are all met or the step is skipped, so what a step needs holds for whatever needs that step. Two outcomes of one step
//! can never hold together.

use crate::codes;
use crate::findings::Findings;
use crate::limits::FACTS_MAX;
use crate::rules::waits::impossible;
use crate::unit::{Edge, Unit};
use engross_core::{Need, NeedRef, On};
use std::collections::BTreeMap;

/// What certainly holds when a step starts: the outcome of other steps; an empty one means that it has some outcome.
type Facts<'u> = BTreeMap<usize, &'u str>;

/// Checks the steps of a workflow whose graph has no cycle.
pub(crate) fn check(unit: &Unit<'_>, edges: &[Vec<Edge>], findings: &mut Findings<'_>) {
    let Some(order) = order(edges) else { return };
    let mut reach = Reach { unit, facts: vec![None; edges.len()], kept: 0 };
    for step in order {
        let own = edges.get(step).map(Vec::as_slice).unwrap_or_default();
        reach.implied(own, findings);
        let found = reach.step(step, own, findings);
        reach.kept += found.as_ref().map_or(0, BTreeMap::len);
        if reach.kept > FACTS_MAX {
            return;
        }
        if let Some(slot) = reach.facts.get_mut(step) {
            *slot = found;
        }
    }
}

/// Every step after those it needs; nothing when they go round in circles.
pub(crate) fn order(edges: &[Vec<Edge>]) -> Option<Vec<usize>> {
    let mut open: Vec<usize> = vec![0; edges.len()];
    let mut needed_by: Vec<Vec<usize>> = vec![Vec::new(); edges.len()];
    for (step, own) in edges.iter().enumerate() {
        for (target, _) in own.iter().flat_map(|edge| &edge.targets) {
            *open.get_mut(step)? += 1;
            needed_by.get_mut(*target)?.push(step);
        }
    }
    let mut order: Vec<usize> = (0..edges.len()).filter(|step| open.get(*step) == Some(&0)).collect();
    let mut at = 0;
    while let Some(step) = order.get(at).copied() {
        at += 1;
        for next in needed_by.get(step)? {
            let left = open.get_mut(*next)?;
            *left -= 1;
            if *left == 0 {
                order.push(*next);
            }
        }
    }
    (order.len() == edges.len()).then_some(order)
}

struct Reach<'c, 'a> {
    unit: &'c Unit<'a>,
    /// What holds when a step starts; nothing for a step that can never start.
    facts: Vec<Option<Facts<'c>>>,
    kept: usize,
}

impl<'c> Reach<'c, '_> {
    /// What holds when this need is met; nothing when it never is, and the reason with it.
    fn need(&self, target: usize, need: &'c NeedRef) -> Result<Facts<'c>, String> {
        let id = self.unit.id(target);
        let outcome = match &need.on {
            On::Done => "",
            On::Outcome(name) => name.as_str(),
        };
        if impossible(self.unit, target).contains(&outcome) {
            return Err(format!("`{id}` never ends as `{outcome}`"));
        }
        let Some(Some(before)) = self.facts.get(target) else { return Err(format!("`{id}` never starts")) };
        let mut facts = before.clone();
        facts.insert(target, outcome);
        Ok(facts)
    }

    fn step(&self, step: usize, own: &'c [Edge], findings: &mut Findings<'_>) -> Option<Facts<'c>> {
        if contradicts(own) {
            return None;
        }
        let mut facts = Facts::new();
        for edge in own {
            match self.edge(edge).and_then(|more| merge(self.unit, &mut facts, &more)) {
                Ok(()) => {}
                Err(reason) => {
                    // A step behind one that never starts is no mistake of its own.
                    if !reason.ends_with("never starts") {
                        let span = edge.targets.first().map_or(
                            self.unit.workflow.steps.get(step).map(|step| step.key.span).unwrap_or_default(),
                            |(_, spot)| spot.span(self.unit, findings),
                        );
                        let message = format!("`{}` can never start: {reason}", self.unit.id(step));
                        let finding = findings.warning(codes::NEVER_STARTS, span, message);
                        findings.push(finding.hint("for either of several write `{ any: […] }`; or remove the step"));
                    }
                    return None;
                }
            }
        }
        Some(facts)
    }

    fn edge(&self, edge: &'c Edge) -> Result<Facts<'c>, String> {
        let refs: &[NeedRef] = match &edge.need {
            Need::One(one) => std::slice::from_ref(one),
            Need::Any(any) => any,
        };
        let mut common: Option<Facts<'c>> = None;
        let mut reason = String::new();
        for (need, (target, _)) in refs.iter().zip(&edge.targets) {
            match self.need(*target, need) {
                Ok(facts) => {
                    common = Some(match common {
                        None => facts,
                        Some(mut all) => {
                            all.retain(|step, outcome| facts.get(step) == Some(outcome));
                            all
                        }
                    });
                }
                Err(why) => reason = why,
            }
        }
        common.ok_or(reason)
    }

    /// Reports needs that hold already when another need of the step is met.
    fn implied(&self, own: &'c [Edge], findings: &mut Findings<'_>) {
        for edge in own.iter().filter(|edge| edge.written) {
            let (Need::One(need), [(target, spot)]) = (&edge.need, edge.targets.as_slice()) else { continue };
            let wanted = match &need.on {
                On::Done => "",
                On::Outcome(name) => name.as_str(),
            };
            let by = own.iter().filter(|other| !std::ptr::eq(*other, edge)).find_map(|other| {
                let [(through, _)] = other.targets.as_slice() else { return None };
                let held = self.facts.get(*through)?.as_ref()?.get(target)?;
                (*held == wanted || wanted.is_empty()).then_some(*through)
            });
            let Some(through) = by else { continue };
            let message = format!("`{}` needs this already", self.unit.id(through));
            let finding = findings.warning(codes::NEED_IMPLIED, spot.span(self.unit, findings), message);
            findings.push(finding.hint(format!("remove it: `{}` comes later anyway", self.unit.id(through))));
        }
    }
}

/// Whether two needs that stand side by side exclude each other, which another rule has said.
fn contradicts(own: &[Edge]) -> bool {
    let mut seen: BTreeMap<&str, &On> = BTreeMap::new();
    own.iter().any(|edge| match &edge.need {
        Need::One(NeedRef { step, on: on @ On::Outcome(_) }) => *seen.entry(step.as_str()).or_insert(on) != on,
        _ => false,
    })
}

/// Adds what holds as well; the reason when both cannot hold.
fn merge<'u>(unit: &Unit<'_>, facts: &mut Facts<'u>, more: &Facts<'u>) -> Result<(), String> {
    for (step, outcome) in more {
        let held = facts.entry(*step).or_insert(outcome);
        if held.is_empty() {
            *held = outcome;
        } else if !outcome.is_empty() && held != outcome {
            return Err(format!("it needs `{}` to end both as `{held}` and as `{outcome}`", unit.id(*step)));
        }
    }
    Ok(())
}

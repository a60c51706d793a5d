//! Approvals of which a no would be tolerated: `tolerate` makes a list end well although somebody said no to an item of it, and
//! what needs the list would go on as if everybody had said yes.
//!
//! An approval that is done for each item takes no `tolerate` at all. Workflows that are started and ask people may each end as
//! they do; only a step that needs all of them to have ended well may not begin after a no.

use super::approvals::APPROVAL;
use crate::codes;
use crate::findings::Findings;
use crate::unit::{Edge, Unit};
use engross_core::{On, PlanStep};
use engross_source::Span;
use engross_source::diagnostic::quoted;

/// Checks every `tolerate`.
pub(crate) fn check(unit: &Unit<'_>, edges: &[Vec<Edge>], findings: &mut Findings<'_>) {
    for (index, step) in unit.workflow.steps.iter().enumerate() {
        let Some(span) = step.foreach.as_ref().and_then(|foreach| foreach.tolerates) else { continue };
        if unit.spec(index).is_some_and(|spec| spec.uses == APPROVAL) {
            let message =
                "a no to one of these approvals would be tolerated, and the step would end as if all were given";
            let hint = "remove `tolerate`; where each item is a business of its own, put the approval and what it guards into a \
                        workflow of its own, and start that for each item";
            findings.report(codes::NO_TOLERATED, span, message, Some(hint.to_owned()));
            continue;
        }
        let child = unit.children.get(&index);
        if !child.is_some_and(|child| child.definition.steps.iter().any(PlanStep::asks_people)) {
            continue;
        }
        for (by, at) in needed_by(unit, index, edges, findings) {
            let message = format!(
                "{} would begin although somebody said no in a workflow that {} starts",
                quoted(unit.id(by)),
                quoted(step.id())
            );
            let hint = format!(
                "remove `tolerate`; or put what needs the approval into that workflow, and write `needs: [{{ done: [{}] }}]` for \
                 what is done whatever people said",
                step.id()
            );
            let finding = findings.error(codes::NO_TOLERATED, at, message);
            findings.push(finding.secondary(span, "a no is tolerated here").hint(hint));
        }
    }
}

/// The steps that begin only when the list has ended well, and where each says so.
fn needed_by(unit: &Unit<'_>, list: usize, edges: &[Vec<Edge>], findings: &Findings<'_>) -> Vec<(usize, Span)> {
    let Some(good) = unit.ends(list).and_then(|spec| spec.good()).map(|good| good.name.clone()) else {
        return Vec::new();
    };
    let needs_it = |edge: &Edge| {
        let mut refs = edge.need.refs().iter();
        refs.any(|one| one.step.as_str() == unit.id(list) && one.on == On::Outcome(good.clone()))
    };
    let mut found = Vec::new();
    for (by, own) in edges.iter().enumerate() {
        let spot = own.iter().find(|edge| needs_it(edge)).and_then(|edge| {
            let (_, spot) = edge.targets.iter().find(|(target, _)| *target == list)?;
            Some(spot.span(unit, findings))
        });
        found.extend(spot.map(|at| (by, at)));
    }
    found
}

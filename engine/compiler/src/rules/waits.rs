//! Every wait ends, and somebody handles each way it may end. Silence is never a yes.

use crate::codes;
use crate::findings::{Findings, listed};
use crate::model::Step;
use crate::unit::{Edge, Unit, Use};
use engross_core::{Need, On, OutcomeKind, StepKind, StepSpec};
use serde_json::Value;
use std::collections::BTreeSet;

/// The outcome that a step's `timeout` leads to.
const TIMED_OUT: &str = "timed_out";
/// The outcome and the input of waits that bring their own end.
const EXPIRED: &str = "expired";
const EXPIRES_IN: &str = "expires_in";

/// Checks every step that waits.
pub(crate) fn check(unit: &Unit<'_>, uses: &[Use], edges: &[Vec<Edge>], findings: &mut Findings<'_>) {
    let handled = Handled::new(unit, uses, edges);
    for (index, (step, spec)) in unit.workflow.steps.iter().zip(&unit.specs).enumerate() {
        let Some(spec) = spec.filter(|spec| spec.kind == StepKind::Wait) else { continue };
        useless_timeout(step, spec, findings);
        // A wait with one outcome is a wait for time, which always passes.
        if spec.outcomes.len() > 1 {
            for_ever(unit, step, spec, findings);
            unhandled(index, step, spec, &handled, findings);
        }
    }
}

fn has_outcome(spec: &StepSpec, name: &str) -> bool {
    spec.outcomes.iter().any(|outcome| outcome.name.as_str() == name)
}

fn expires(step: &Step<'_>) -> bool {
    step.with.is_some_and(|with| with.get(EXPIRES_IN).is_some())
}

fn takes_expiry(spec: &StepSpec) -> bool {
    spec.input.get("properties").and_then(|properties| properties.get(EXPIRES_IN)).is_some_and(Value::is_object)
}

fn useless_timeout(step: &Step<'_>, spec: &StepSpec, findings: &mut Findings<'_>) {
    let Some((_, span)) = step.timeout.filter(|_| !has_outcome(spec, TIMED_OUT)) else { return };
    let message = format!("`{}` has no outcome `{TIMED_OUT}`, so that a timeout could not end it", spec.uses);
    let hint = if takes_expiry(spec) {
        format!("write `{EXPIRES_IN}` under `with` instead")
    } else {
        "remove `timeout`".to_owned()
    };
    findings.report(codes::TIMEOUT, span, message, Some(hint));
}

fn for_ever(unit: &Unit<'_>, step: &Step<'_>, spec: &StepSpec, findings: &mut Findings<'_>) {
    if step.timeout.is_some() || expires(step) || unit.workflow.timeout_ms.is_some() {
        return;
    }
    let hint = if takes_expiry(spec) {
        format!("add `{EXPIRES_IN}: 7d` under `with`")
    } else {
        "add `timeout: 30d` to the step".to_owned()
    };
    let finding = findings.warning(codes::WAITS_FOR_EVER, step.key.span, format!("`{}` may wait for ever", step.id()));
    findings.push(finding.hint(hint));
}

/// Which outcomes of which steps somebody handles.
struct Handled<'e> {
    outcomes: BTreeSet<(usize, &'e str)>,
    /// Steps that somebody needs to be done, or whose outcome somebody reads.
    all: BTreeSet<usize>,
}

impl<'e> Handled<'e> {
    fn new(unit: &Unit<'_>, uses: &[Use], edges: &'e [Vec<Edge>]) -> Self {
        let mut handled = Self { outcomes: BTreeSet::new(), all: BTreeSet::new() };
        for need in edges.iter().flatten().map(|edge| &edge.need).flat_map(Need::refs) {
            let Some(target) = unit.positions.get(need.step.as_str()).copied() else { continue };
            match &need.on {
                On::Done => {
                    handled.all.insert(target);
                }
                On::Outcome(name) => {
                    handled.outcomes.insert((target, name.as_str()));
                }
            }
        }
        handled.all.extend(uses.iter().filter(|used| !used.outputs).map(|used| used.target));
        handled
    }
}

fn unhandled(index: usize, step: &Step<'_>, spec: &StepSpec, handled: &Handled<'_>, findings: &mut Findings<'_>) {
    if handled.all.contains(&index) {
        return;
    }
    let open: Vec<&str> = spec
        .outcomes
        .iter()
        .filter(|outcome| matches!(outcome.kind, OutcomeKind::Bad | OutcomeKind::Neutral))
        .map(|outcome| outcome.name.as_str())
        .filter(|name| !handled.outcomes.contains(&(index, *name)))
        .filter(|name| *name != TIMED_OUT || step.timeout.is_some())
        .filter(|name| *name != EXPIRED || !takes_expiry(spec) || expires(step))
        .collect();
    if open.is_empty() {
        return;
    }
    let id = step.id();
    let message = format!(
        "nobody handles it when `{id}` ends as {}",
        open.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ")
    );
    let names: Vec<String> = open.iter().map(|name| format!("{id}.{name}")).collect();
    let needs = match names.as_slice() {
        [one] => format!("needs: [{one}]"),
        several => format!("needs: [{{ any: [{}] }}]", several.join(", ")),
    };
    let finding = findings.warning(codes::UNHANDLED_OUTCOME, step.key.span, message);
    findings.push(finding.hint(format!("silence is never a yes: add a step with {}", listed(&[needs]))));
}

//! Every wait ends, and somebody handles each way it may end. Silence is never a yes.

use crate::codes;
use crate::findings::{Findings, listed};
use crate::model::Step;
use crate::rules::children::WORKFLOW;
use crate::unit::{Edge, Unit, Use};
use engross_core::{Need, On, OutcomeKind, OutcomeSpec, StepKind, StepSpec};
use serde_json::Value;
use std::collections::BTreeSet;

/// The outcome that a step's `timeout` leads to.
const TIMED_OUT: &str = "timed_out";
/// The outcome of a run, or of a whole, of which a part came to a bad end.
const STOPPED: &str = "stopped";
/// The outcome and the input of waits that bring their own end.
const EXPIRED: &str = "expired";
const EXPIRES_IN: &str = "expires_in";

/// Checks every step that waits.
pub(crate) fn check(unit: &Unit<'_>, uses: &[Use], edges: &[Vec<Edge>], findings: &mut Findings<'_>) {
    let handled = Handled::new(unit, uses, edges);
    // A need that is wrong may have been meant for the outcome that nobody seems to handle.
    let needs_are_wrong = findings.has(&[codes::UNKNOWN_STEP, codes::UNKNOWN_OUTCOME, codes::NEED_FORM]);
    for (index, step) in unit.workflow.steps.iter().enumerate() {
        let Some(spec) = unit.spec(index).filter(|spec| spec.kind == StepKind::Wait) else { continue };
        if step.undoes.is_some() {
            let span = step.uses.map_or(step.key.span, |(_, span)| span);
            let message = format!("`{}` waits, and what undoes a step has to act", spec.uses);
            let hint = "use an operation that takes the effect back, such as one that deletes".to_owned();
            findings.report(codes::UNDONE_BY_WAIT, span, message, Some(hint));
            continue;
        }
        useless_timeout(step, spec, findings);
        // A wait with one outcome is a wait for time, which always passes.
        if spec.outcomes.len() > 1 {
            for_ever(unit, step, spec, findings);
            if !needs_are_wrong {
                unhandled(unit, index, step, &handled, findings);
            }
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
    if step.timeout.is_some() || expires(step) || unit.workflow.run.timeout_ms.is_some() {
        return;
    }
    // What is waited for without an end of its own ends by itself, or its own file is where that is said.
    if !has_outcome(spec, TIMED_OUT) && !takes_expiry(spec) {
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

/// The outcomes that a wait cannot reach as it is written: the end of a timeout that it does not have, and what it does not ask
/// for. An input that is a list of outcomes chooses among them.
pub(crate) fn impossible<'s>(unit: &'s Unit<'_>, index: usize) -> Vec<&'s str> {
    let (Some(step), Some(spec)) = (unit.workflow.steps.get(index), unit.spec(index)) else { return Vec::new() };
    let mut never = impossible_for_one(step, spec);
    if unit.children.get(&index).is_some_and(|child| !child.facts.can_stop) {
        never.push(STOPPED);
    }
    if !unit.wholes.contains_key(&index) {
        return never;
    }
    let bad = |outcome: &&OutcomeSpec| outcome.kind == OutcomeKind::Bad;
    let can_stop = spec.outcomes.iter().filter(bad).any(|outcome| !never.contains(&outcome.name.as_str()));
    if can_stop { Vec::new() } else { vec![STOPPED] }
}

fn impossible_for_one<'s>(step: &Step<'_>, spec: &'s StepSpec) -> Vec<&'s str> {
    if spec.kind != StepKind::Wait {
        return Vec::new();
    }
    let chosen = chosen(step, spec);
    let never = |name: &str| {
        (name == TIMED_OUT && step.timeout.is_none())
            || (name == EXPIRED && takes_expiry(spec) && !expires(step))
            || chosen.as_ref().is_some_and(|(all, these)| all.contains(&name) && !these.contains(&name))
    };
    spec.outcomes.iter().map(|outcome| outcome.name.as_str()).filter(|name| never(name)).collect()
}

/// The outcomes that an input of the step chooses among, and those it chooses.
fn chosen<'s>(step: &'s Step<'_>, spec: &'s StepSpec) -> Option<(Vec<&'s str>, Vec<&'s str>)> {
    let properties = spec.input.get("properties")?.as_object()?;
    properties.iter().find_map(|(name, schema)| {
        let all: Vec<&str> = schema.pointer("/items/enum")?.as_array()?.iter().filter_map(Value::as_str).collect();
        let given = step.with?.get(name)?.as_sequence()?;
        let these: Vec<&str> = given.iter().filter_map(|item| item.as_str()).collect();
        let plain = these.len() == given.len() && these.iter().all(|one| all.contains(one));
        (plain && all.iter().all(|one| has_outcome(spec, one))).then_some((all, these))
    })
}

fn unhandled(unit: &Unit<'_>, index: usize, step: &Step<'_>, handled: &Handled<'_>, findings: &mut Findings<'_>) {
    // How a workflow may end that cannot be had is not known.
    let unknown = step.uses.is_some_and(|(uses, _)| uses == WORKFLOW) && !unit.children.contains_key(&index);
    if unknown || handled.all.contains(&index) {
        return;
    }
    let never = impossible(unit, index);
    let open: Vec<&str> = unit
        .ends(index)
        .into_iter()
        .flat_map(|spec| &spec.outcomes)
        .filter(|outcome| matches!(outcome.kind, OutcomeKind::Bad | OutcomeKind::Neutral))
        .map(|outcome| outcome.name.as_str())
        .filter(|name| !handled.outcomes.contains(&(index, *name)) && !never.contains(name))
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

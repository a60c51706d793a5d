//! A value that may be absent on some path has a default.
//!
//! Warnings, not errors: whether a path can be taken is more than the compiler can know.

use super::input_schemas::OPTIONAL;
use super::references::is_tested;
use crate::codes;
use crate::expr::{Reference, Segment, path_text};
use crate::findings::{Findings, listed};
use crate::templates::Place;
use crate::unit::{Edge, Unit, Use};
use engross_core::{Need, NeedRef, On, StepSpec};
use serde_json::Value;

/// Checks references to inputs and to other steps' outputs.
pub(crate) fn check(unit: &Unit<'_>, uses: &[Use], edges: &[Vec<Edge>], findings: &mut Findings<'_>) {
    for used in uses.iter().filter(|used| used.outputs && !used.guarded) {
        output(unit, used, edges, findings);
    }
    for site in &unit.templates.sites {
        for reference in site.text.expressions.iter().flat_map(|expression| &expression.references) {
            if reference.guarded || is_tested(site, reference) {
                continue;
            }
            if let Some((index, whole_input)) = optional_part(&unit.inputs, reference) {
                let path = path_text(reference.segments.iter().take(index + 1).map(|(segment, _)| segment));
                let range =
                    reference.segments.get(index).map_or_else(|| reference.static_range(), |(_, range)| range.clone());
                let then = match site.place {
                    Place::Title | Place::RunKey => "the run cannot start",
                    Place::With(_) | Place::Condition(_) => "this step fails",
                    // An output whose value is absent is null, by the core's rule.
                    Place::Output => continue,
                };
                let message = format!("`{path}` may be absent, and then {then}");
                let place = if whole_input {
                    format!("give the input a `default` instead of `{OPTIONAL}`")
                } else {
                    "list it under `required` in the input's schema".to_owned()
                };
                let hint = format!("write `| default(value=…)` behind it, or {place}");
                let finding = findings.warning(codes::MAYBE_ABSENT, site.span(findings, &range), message);
                findings.push(finding.hint(hint));
            }
        }
    }
}

/// The first segment of a reference to an input that the input's schema does not promise, and whether it is the input itself.
fn optional_part(inputs: &Value, reference: &Reference) -> Option<(usize, bool)> {
    let [(Segment::Key(root), _), rest @ ..] = reference.segments.as_slice() else { return None };
    if root != "inputs" {
        return None;
    }
    let mut schema = inputs;
    for (index, (segment, _)) in rest.iter().enumerate() {
        let Segment::Key(key) = segment else { return None };
        let property = schema.get("properties")?.get(key)?;
        let required = schema.get("required").and_then(Value::as_array);
        let promised =
            required.is_some_and(|names| names.iter().any(|name| name == key)) || property.get("default").is_some();
        if !promised {
            return Some((index + 1, index == 0));
        }
        schema = property;
    }
    None
}

/// Reports a use of outputs that the step's own needs do not promise.
fn output(unit: &Unit<'_>, used: &Use, edges: &[Vec<Edge>], findings: &mut Findings<'_>) {
    let Some(site) = unit.site(used.site) else { return };
    let (Some(step), Some(spec)) = (site.place.step(), unit.spec(used.target)) else { return };
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

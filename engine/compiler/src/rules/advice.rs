//! What an operation advises against, where the file says it literally. The operations know what; this finds its place.

use crate::codes;
use crate::findings::Findings;
use crate::limits::FINDINGS_PER_STEP_MAX;
use crate::templates::Place;
use crate::unit::Unit;
use engross_source::Node;

/// Asks the operation of every step about its `with`.
pub(crate) fn check(unit: &Unit<'_>, findings: &mut Findings<'_>) {
    let mut templates: Vec<Vec<String>> = vec![Vec::new(); unit.workflow.steps.len()];
    for site in &unit.templates.sites {
        if let Place::With(step) = site.place
            && let Some(pointers) = templates.get_mut(step)
        {
            pointers.push(site.pointer());
        }
    }
    for ((step, spec), templates) in unit.workflow.steps.iter().zip(&unit.specs).zip(&templates) {
        let Some(spec) = spec.filter(|_| !step.with_misspelt) else { continue };
        let with = step.with.map_or_else(|| serde_json::json!({}), Node::to_json);
        let advice = unit.catalog.advice(&spec.uses, &with, templates);
        for (pointer, text) in advice.into_iter().take(FINDINGS_PER_STEP_MAX) {
            let key = step.with.and_then(|with| with.key_span_at_pointer(&pointer)).unwrap_or(step.with_span);
            let value = step.with.filter(|_| !pointer.is_empty()).and_then(|with| with.at_pointer(&pointer));
            // A place of several lines is told by its key.
            let literal = value.filter(|node| node.as_str().is_some()).map(|node| node.span);
            let span = literal.filter(|span| !span.is_empty()).unwrap_or(key);
            findings.push(findings.warning(codes::ADVISED_AGAINST, span, format!("`{}`: {text}", spec.uses)));
        }
    }
}

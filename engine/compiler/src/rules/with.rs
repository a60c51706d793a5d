//! What a step is given fits the schema of its operation.

use crate::codes;
use crate::findings::Findings;
use crate::limits::FINDINGS_PER_STEP_MAX;
use crate::model::Step;
use crate::templates::Place;
use crate::typing::{Mistake, MistakeKind, mistakes, validator};
use crate::unit::Unit;
use engross_core::StepSpec;
use engross_source::{Node, Span};
use jsonschema::{ValidationError, Validator};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Checks every step's `with`.
pub(crate) fn check(unit: &Unit<'_>, findings: &mut Findings<'_>) {
    let mut templates: Vec<BTreeSet<String>> = vec![BTreeSet::new(); unit.workflow.steps.len()];
    for site in &unit.templates.sites {
        if let Place::With(step) = site.place
            && let Some(pointers) = templates.get_mut(step)
        {
            pointers.insert(site.pointer());
        }
    }
    // Building a validator takes far longer than using one, and many steps use the same operation.
    let mut validators: BTreeMap<(&str, &str), Option<Arc<Validator>>> = BTreeMap::new();
    for (index, (step, templates)) in unit.workflow.steps.iter().zip(&templates).enumerate() {
        let Some(spec) = unit.spec(index).filter(|_| !step.with_misspelt) else { continue };
        // What starts a workflow takes what that one takes, and what asks a policy what that one does.
        let child = unit.children.get(&index).map(|child| child.definition.name.as_str());
        let of = child.or_else(|| unit.policies.get(&index).map(|table| table.name.as_str())).unwrap_or_default();
        let validator = validators.entry((&spec.uses, of)).or_insert_with(|| match built(unit, index, spec) {
            Ok(validator) => Some(validator),
            Err(error) => {
                let span = step.uses.map_or(step.key.span, |(_, span)| span);
                let message = format!("the input schema of `{}` is broken: {}", spec.uses, error.masked());
                let hint = Some("this is a mistake in the provider or plugin, not in the workflow".to_owned());
                findings.report(codes::BROKEN_SPEC, span, message, hint);
                None
            }
        });
        let Some(validator) = validator else { continue };
        let instance = step.with.map_or_else(|| serde_json::json!({}), Node::to_json);
        let found = mistakes(validator, &spec.input, &instance, templates);
        let misspelt = misspelt(&found);
        for mistake in found.into_iter().filter(|one| !misspelt.contains(one)).take(FINDINGS_PER_STEP_MAX) {
            report(step, &spec.uses, &mistake, &spec.input, findings);
        }
    }
}

/// The validator of what a step takes; the catalog's, where that is what every step of the operation takes.
fn built(unit: &Unit<'_>, step: usize, spec: &StepSpec) -> Result<Arc<Validator>, ValidationError<'static>> {
    match unit.catalog.validators().filter(|_| !unit.promises.contains_key(&step)) {
        Some(shared) => shared.of(&spec.uses, &spec.input),
        None => validator(&spec.input).map(Arc::new),
    }
}

/// What is missing only because its key is misspelt: the finding about the key says so already.
fn misspelt(found: &[Mistake]) -> Vec<Mistake> {
    let unknown = |at: &Mistake, name: &str| {
        let hint = format!("did you mean `{name}`?");
        found.iter().any(|other| {
            matches!(other.kind, MistakeKind::Unknown(_))
                && other.pointer == at.pointer
                && other.hint.as_ref() == Some(&hint)
        })
    };
    let is_misspelt = |one: &&Mistake| matches!(&one.kind, MistakeKind::Missing(name) if unknown(one, name));
    found.iter().filter(is_misspelt).cloned().collect()
}

fn report(step: &Step<'_>, uses: &str, mistake: &Mistake, schema: &Value, findings: &mut Findings<'_>) {
    let name = shown(&mistake.pointer);
    match &mistake.kind {
        MistakeKind::Missing(key) => {
            let (owner, span) = if mistake.pointer.is_empty() {
                (format!("`{uses}`"), step.with_span)
            } else {
                (name, key_place(step, &mistake.pointer))
            };
            let title = schema.pointer(&format!("/properties/{key}/description")).and_then(Value::as_str);
            let hint = match title.and_then(|words| words.lines().next()) {
                Some(words) => format!("add `{key}: …` under `with`: {words}"),
                None => format!("add `{key}: …`{}", if mistake.pointer.is_empty() { " under `with`" } else { "" }),
            };
            findings.report(codes::WITH_MISSING, span, format!("{owner} needs `{key}`"), Some(hint));
        }
        MistakeKind::Unknown(key) => {
            let span = key_place(step, &format!("{}/{}", mistake.pointer, key.replace('~', "~0").replace('/', "~1")));
            let owner = if mistake.pointer.is_empty() { format!("`{uses}`") } else { name };
            findings.report(codes::WITH_UNKNOWN, span, format!("{owner} {}", mistake.message), mistake.hint.clone());
        }
        MistakeKind::Type | MistakeKind::Value => {
            let value = step.with.and_then(|with| with.at_pointer(&mistake.pointer)).map(|node| node.span);
            let at_root = mistake.pointer.is_empty();
            let span =
                value.filter(|span| !span.is_empty() && !at_root).unwrap_or_else(|| key_place(step, &mistake.pointer));
            findings.report(codes::WITH_VALUE, span, format!("{name} {}", mistake.message), mistake.hint.clone());
        }
    }
}

/// The place of the key a pointer ends with; that of `with` for the whole.
fn key_place(step: &Step<'_>, pointer: &str) -> Span {
    step.with.and_then(|with| with.key_span_at_pointer(pointer)).unwrap_or(step.with_span)
}

/// A pointer inside `with` as people write it: `with.stages[0].quorum`.
fn shown(pointer: &str) -> String {
    let mut name = String::from("`with");
    for token in pointer.split('/').skip(1) {
        let token = token.replace("~1", "/").replace("~0", "~");
        if token.bytes().all(|b| b.is_ascii_digit()) {
            name.push_str(&format!("[{token}]"));
        } else {
            name.push('.');
            name.push_str(&engross_source::diagnostic::escaped(&token));
        }
    }
    name.push('`');
    name
}

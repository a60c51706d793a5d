//! Approvals whose stages a policy says, and what their forms leave: both are written beside the step, so that what the policy is
//! given and what others read of the form is checked like any other value.

use crate::catalog::Catalog;
use crate::codes;
use crate::expr::has_marker;
use crate::findings::Findings;
use crate::model::{Step, Workflow};
use engross_core::StepSpec;
use engross_policy::{Policy, PolicyTable};
use engross_source::diagnostic::{escaped, quoted};
use engross_source::{Node, Span, Value as Yaml};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The operation that asks people.
pub(crate) const APPROVAL: &str = "approval";

/// The table of each approval that asks one, as far as it can be had.
pub(crate) fn policies(
    workflow: &Workflow<'_>,
    specs: &[Option<&StepSpec>],
    catalog: &dyn Catalog,
    findings: &mut Findings<'_>,
) -> BTreeMap<usize, PolicyTable> {
    let mut tables = BTreeMap::new();
    for (index, step) in approvals(workflow, specs) {
        let Some((name, span)) = name(step, findings) else { continue };
        let Some(file) = catalog.policy(findings.file.path(), name) else {
            let known = catalog.policies(findings.file.path());
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let hint = findings.names_hint(name, &known, "policies").unwrap_or_else(|| {
                "its file must lie in `policies/` beside the folder of the workflows, or beside this file".to_owned()
            });
            findings.report(codes::UNKNOWN_POLICY, span, format!("there is no policy {}", quoted(name)), Some(hint));
            continue;
        };
        match Policy::load(&file) {
            Ok(policy) => {
                tables.insert(index, policy.into_table());
            }
            Err(_) => {
                let message = format!("the policy {} has mistakes of its own", quoted(name));
                let hint = format!("run `engross validate {}`", escaped(file.path()));
                findings.report(codes::POLICY_BROKEN, span, message, Some(hint));
            }
        }
    }
    tables
}

fn approvals<'w, 'a>(
    workflow: &'w Workflow<'a>,
    specs: &'w [Option<&StepSpec>],
) -> impl Iterator<Item = (usize, &'w Step<'a>)> {
    let is_one = |spec: &Option<&StepSpec>| spec.is_some_and(|spec| spec.uses == APPROVAL);
    workflow.steps.iter().zip(specs).enumerate().filter(move |(_, (_, spec))| is_one(spec)).map(|(i, (s, _))| (i, s))
}

/// What the step calls its policy, where that is written out.
fn name<'a>(step: &Step<'a>, findings: &mut Findings<'_>) -> Option<(&'a str, Span)> {
    let node = step.with?.get("stages")?.get("policy")?;
    let name = node.as_str()?;
    if has_marker(name) {
        let message = "the name of a policy must be written out, because the plan keeps its table";
        let hint = "for a choice among several write one step for each, with an `if`".to_owned();
        findings.report(codes::TEMPLATE_PLACE, node.span, message, Some(hint));
        return None;
    }
    Some((name, node.span))
}

/// The promises of approvals that say more than the operation's own: what their policies take, and what their forms leave.
pub(crate) fn promises(
    workflow: &Workflow<'_>,
    specs: &[Option<&StepSpec>],
    tables: &BTreeMap<usize, PolicyTable>,
) -> BTreeMap<usize, StepSpec> {
    let mut found = BTreeMap::new();
    for (index, step) in approvals(workflow, specs) {
        let form = step.with.and_then(|with| with.get("form")).and_then(form);
        let table = tables.get(&index);
        let Some(spec) = specs.get(index).copied().flatten().filter(|_| form.is_some() || table.is_some()) else {
            continue;
        };
        let mut promise = spec.clone();
        if let (Some(table), Some(given)) = (table, promise.input.pointer_mut("/properties/stages/properties/given")) {
            *given = table.given_schema();
        }
        if let (Some(form), Some(left)) = (form, promise.output.pointer_mut("/properties/form")) {
            *left = form;
        }
        found.insert(index, promise);
    }
    found
}

/// The schema of what is filled in, where the form is written out. Nobody fills in anything before an approval expires, so
/// that no field is promised.
fn form(node: &Node) -> Option<Value> {
    let fields = node.as_mapping()?;
    if !is_written_out(node) {
        return None;
    }
    let properties: serde_json::Map<String, Value> =
        fields.iter().map(|field| (field.key.text.clone(), field.value.to_json())).collect();
    Some(json!({ "type": "object", "properties": properties, "additionalProperties": false }))
}

/// Whether no template is in it. The tree is as deep as its file, which the loader bounds.
fn is_written_out(node: &Node) -> bool {
    match &node.value {
        Yaml::Mapping(mapping) => mapping.iter().all(|entry| is_written_out(&entry.value)),
        Yaml::Sequence(items) => items.iter().all(is_written_out),
        _ => !node.as_str().is_some_and(has_marker),
    }
}

//! The workflows that steps start: each is there, is right, and does not lead back to where it was started from.

use crate::codes;
use crate::family::{Child, Family, Trouble};
use crate::findings::{Findings, listed};
use crate::limits::CHILDREN_BYTES_MAX;
use crate::model::{Step, Workflow};
use engross_core::StepSpec;
use engross_core::limits::{CHILD_LEVELS_MAX, STEPS_MAX};
use engross_source::Span;
use engross_source::diagnostic::quoted;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::rc::Rc;

/// The operation that starts a workflow.
pub(crate) const WORKFLOW: &str = "workflow";

/// The workflow of each step that starts one, as far as it can be had.
pub(crate) fn resolve(
    workflow: &Workflow<'_>,
    specs: &[Option<&StepSpec>],
    family: &Family<'_>,
    findings: &mut Findings<'_>,
) -> BTreeMap<usize, Rc<Child>> {
    let mut children = BTreeMap::new();
    let (mut steps, mut bytes) = (workflow.steps.len(), 0_usize);
    for (index, (step, spec)) in workflow.steps.iter().zip(specs).enumerate() {
        let is_one = spec.is_some_and(|spec| spec.uses == WORKFLOW);
        let Some((name, span)) = is_one.then(|| name(step, findings)).flatten() else { continue };
        match family.find(findings.file.path(), name) {
            Ok(child) => {
                let fitted = steps <= STEPS_MAX && bytes <= CHILDREN_BYTES_MAX;
                steps = steps.saturating_add(child.facts.steps);
                bytes = bytes.saturating_add(child.bytes);
                if steps <= STEPS_MAX && bytes <= CHILDREN_BYTES_MAX {
                    children.insert(index, child);
                } else if fitted {
                    let more = if steps > STEPS_MAX {
                        format!("{STEPS_MAX} steps")
                    } else {
                        format!("{CHILDREN_BYTES_MAX} bytes")
                    };
                    let message = format!("with all that it starts, the workflow has more than {more}");
                    let hint = "start fewer workflows from one, or the same one with `foreach`".to_owned();
                    findings.report(codes::TOO_MANY_STEPS, span, message, Some(hint));
                }
            }
            Err(trouble) => report(workflow.name, name, span, trouble, findings),
        }
    }
    children
}

/// What the step calls the workflow, where that is written out. Whether it is there at all is for the operation's schema to say.
fn name<'a>(step: &Step<'a>, findings: &mut Findings<'_>) -> Option<(&'a str, Span)> {
    let node = step.with?.get("name")?;
    let name = node.as_str()?;
    if crate::expr::has_marker(name) {
        let message = "the name of a workflow must be written out, because the plan depends on it";
        let hint = "for a choice among several write one step for each, with an `if`".to_owned();
        findings.report(codes::TEMPLATE_PLACE, node.span, message, Some(hint));
        return None;
    }
    Some((name, node.span))
}

fn report(own: &str, name: &str, span: Span, trouble: Trouble, findings: &mut Findings<'_>) {
    let chain = |names: &[String]| {
        let all: Vec<&str> = std::iter::once(own).chain(names.iter().map(String::as_str)).collect();
        all.join(" -> ")
    };
    let (code, message, hint) = match trouble {
        Trouble::Left => return,
        Trouble::Unknown(known) => {
            let known: Vec<&str> = known.iter().map(String::as_str).filter(|known| *known != own).collect();
            let hint = findings.names_hint(name, &known, "workflows beside this one").unwrap_or_else(|| {
                "its file must lie beside this one, or in the folder that `workflows` names in engross.yaml".to_owned()
            });
            (codes::UNKNOWN_WORKFLOW, format!("there is no workflow {}", quoted(name)), hint)
        }
        Trouble::Broken(path) => {
            let path = engross_source::diagnostic::escaped(&path);
            let message = format!("{} has mistakes of its own", quoted(name));
            (codes::CHILD_BROKEN, message, format!("run `engross validate {path}`"))
        }
        Trouble::Circle(names) => {
            let message = format!("the workflow starts itself: {}", chain(&names));
            (codes::STARTS_ITSELF, message, "a run would start runs without end: take one of these away".to_owned())
        }
        Trouble::TooDeep(names) => {
            let message =
                format!("workflows start each other over more than {CHILD_LEVELS_MAX} levels: {}", chain(&names));
            (codes::TOO_MANY_LEVELS, message, "put the steps of some of them into one".to_owned())
        }
    };
    findings.report(code, span, message, Some(hint));
}

/// The operation's promise as it is for this workflow: its inputs are what `inputs` must fit, its outputs what the step leaves.
pub(crate) fn promise(spec: &StepSpec, child: &Child) -> StepSpec {
    let mut promise = spec.clone();
    let inputs = &child.definition.inputs;
    let names = |key: &str| -> Vec<String> {
        match inputs.get(key) {
            Some(Value::Object(properties)) => properties.keys().cloned().collect(),
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        }
    };
    let mut wanted = inputs.clone();
    if let Some(wanted) = wanted.as_object_mut() {
        wanted.insert("description".to_owned(), json!(described(&child.definition.name, &names("properties"))));
    }
    if let Some(properties) = promise.input.get_mut("properties").and_then(Value::as_object_mut) {
        properties.insert("inputs".to_owned(), wanted);
    }
    if !names("required").is_empty()
        && let Some(required) = promise.input.get_mut("required").and_then(Value::as_array_mut)
    {
        required.push(json!("inputs"));
    }
    promise.output = child.facts.outputs.clone();
    promise
}

fn described(name: &str, inputs: &[String]) -> String {
    match inputs {
        [] => format!("`{name}` has no inputs"),
        inputs => format!("those of `{name}` are {}", listed(inputs)),
    }
}

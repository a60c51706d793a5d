//! `compensate` of a step, made a step of its own behind those of the file, so that every rule checks it like one.
//!
//! It is called after the step that it undoes, needs that step's good outcome, and has the places that it has in the file.
//! The plan puts it back where it came from.

use engross_core::{PlanStep, StepId};
use engross_source::yaml::{Entry, Key};
use engross_source::{Node, Value};

/// The key under which a step says how it is undone.
pub(crate) const COMPENSATE: &str = "compensate";

/// The tree with every `compensate` that is a mapping as one more step.
pub(crate) fn lift(root: Node) -> Node {
    let Some(steps) = root.get("steps").and_then(Node::as_mapping) else { return root };
    let lifted: Vec<Entry> = steps
        .iter()
        .filter_map(|step| {
            let entry = step.value.as_mapping()?.entry(COMPENSATE)?;
            entry.value.as_mapping()?;
            let text = PlanStep::undoing(&StepId::new(&step.key.text)).to_string();
            // A step of the file with this name is refused for its name.
            let key = Key { text, span: entry.key.span };
            (!steps.keys().any(|name| name == key.text)).then(|| Entry { key, value: entry.value.clone() })
        })
        .collect();
    if lifted.is_empty() {
        return root;
    }
    let mut root = root;
    if let Value::Mapping(top) = &mut root.value {
        top.change("steps", |node| {
            if let Value::Mapping(steps) = &node.value {
                node.value = Value::Mapping(steps.extended(lifted));
            }
        });
    }
    root
}

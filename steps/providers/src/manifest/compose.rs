//! `compose:`, a sequence of operations as one step. Each part must be one that can be repeated or looked up, so that
//! the whole can: an effect that nobody can find again has no place in a sequence.

use super::calls::property_names;
use super::load::Shared;
use super::operation::{example, input, outputs};
use super::reader::Reader;
use super::{Call, Operation, Source, lookup};
use crate::codes;
use crate::condition::Condition;
use crate::limits::{PARTS_MAX, UNTIL_S_MAX};
use engross_source::Node;
use engross_source::yaml::Entry;
use engross_step_api::EffectClass;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// A sequence of operations as one step.
#[derive(Debug)]
pub(crate) struct Composed {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) note: Option<String>,
    pub(crate) capability: Option<String>,
    pub(crate) example: Option<Value>,
    pub(crate) effect: EffectClass,
    pub(crate) input: Value,
    pub(crate) output: Value,
    pub(crate) outputs: Vec<(String, Source)>,
    pub(crate) parts: Vec<Part>,
}

/// One operation of a sequence.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// What its outputs are called in what follows: `parts.NAME`.
    pub(crate) name: String,
    pub(crate) call: Call,
    /// For a read: it is repeated until this holds of its outputs, named `parts.NAME`.
    pub(crate) until: Option<Until>,
}

/// How long a part waits for a state.
#[derive(Clone, Debug)]
pub(crate) struct Until {
    pub(crate) holds: Condition,
    pub(crate) every: Duration,
    pub(crate) at_most: Duration,
}

/// One entry of `compose:`.
pub(super) fn composed<'n>(
    reader: &mut Reader<'_>,
    entry: &'n Entry,
    shared: &Shared<'n>,
    operations: &BTreeMap<String, Arc<Operation>>,
) -> Option<Composed> {
    let name = entry.key.text.as_str();
    reader.name(name, entry.key.span);
    if shared.operations.contains(&name) {
        reader.error(codes::WRONG_VALUE, entry.key.span, format!("`{name}` is the name of an operation already"));
    }
    let keys = ["title", "note", "abstract", "example", "input", "parts", "output"];
    let fields = reader.fields(&entry.value, "a composed operation", &keys)?;
    let title = reader.need_text(&fields, "title").unwrap_or_default().to_string();
    let input = input(reader, fields.get("input"), shared);
    let names = shared.names().with_only("input", property_names(&input)).without_settings(&shared.secrets);
    let node = reader.need(&fields, "parts")?;
    let nodes = reader.list(node, "`parts`");
    if nodes.is_empty() || nodes.len() > PARTS_MAX {
        reader.error(codes::WRONG_VALUE, node.span, format!("a composed operation has 1 to {PARTS_MAX} parts"));
    }
    let (mut parts, mut known, mut effect) = (Vec::new(), Vec::<String>::new(), EffectClass::Read);
    for node in nodes {
        let Some(fields) = reader.fields(node, "a part", &["name", "operation", "input", "until"]) else { continue };
        let own = reader.need(&fields, "name").and_then(|node| Some((reader.text(node, "`name`")?.to_string(), node)));
        let before = names.clone().with_only("parts", known.clone());
        let call = lookup::call_of(reader, &fields, shared, &before);
        if let Some(site) = reader.calls.last_mut().filter(|_| call.is_some()) {
            site.acts = true;
        }
        let Some((own, own_node)) = own else { continue };
        if known.contains(&own) {
            reader.error(codes::WRONG_VALUE, own_node.span, format!("there are two parts `{own}`"));
        }
        known.push(own.clone());
        let seen = names.clone().with_only("parts", known.clone());
        let until = fields.get("until").and_then(|node| until(reader, node, &seen));
        let Some(call) = call else { continue };
        let Some(operation) = operations.get(&call.operation) else { continue };
        effect = joined(reader, node, operation, effect);
        if until.is_some() && operation.effect != EffectClass::Read {
            reader.error(codes::EFFECT, node.span, "only what reads can be repeated until something holds");
        }
        parts.push(Part { name: own, call, until });
    }
    let (output, outputs) = outputs(reader, fields.get("output"), shared, &names.with_only("parts", known));
    Some(Composed {
        name: name.to_string(),
        title,
        note: reader.maybe_text(&fields, "note"),
        capability: reader.maybe_text(&fields, "abstract"),
        example: example(reader, &fields, &input),
        effect,
        input,
        output,
        outputs,
        parts,
    })
}

/// The effect of a sequence with one part more: the weakest promise of all.
fn joined(reader: &mut Reader<'_>, node: &Node, operation: &Operation, effect: EffectClass) -> EffectClass {
    match operation.effect {
        EffectClass::Unsafe => {
            let message = format!("`{}` can neither be repeated nor looked up, so it cannot be a part", operation.name);
            reader.error(codes::EFFECT, node.span, message);
            effect
        }
        _ if operation.browser => {
            let message = format!("`{}` is sent by a person's browser, so it cannot be a part", operation.name);
            reader.error(codes::EFFECT, node.span, message);
            effect
        }
        EffectClass::Reconcilable => EffectClass::Reconcilable,
        EffectClass::Idempotent if effect == EffectClass::Read => EffectClass::Idempotent,
        EffectClass::Idempotent | EffectClass::Read => effect,
    }
}

fn until(reader: &mut Reader<'_>, node: &Node, names: &super::names::Names) -> Option<Until> {
    let fields = reader.fields(node, "`until`", &["if", "every_s", "at_most_s"])?;
    let holds = reader.need(&fields, "if").and_then(|node| reader.condition(node, "`if`", names));
    let mut seconds = |key: &str| {
        let node = reader.need(&fields, key)?;
        let seconds = node.as_f64().filter(|seconds| *seconds > 0.0 && *seconds <= UNTIL_S_MAX);
        if seconds.is_none() {
            let message = format!("`{key}` is a number of seconds above 0, up to {UNTIL_S_MAX}");
            reader.error(codes::WRONG_VALUE, node.span, message);
        }
        seconds.map(Duration::from_secs_f64)
    };
    let (every, at_most) = (seconds("every_s"), seconds("at_most_s"));
    Some(Until { holds: holds?, every: every?, at_most: at_most? })
}

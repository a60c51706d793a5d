//! Steps that are done once for each item of a list: what the whole promises, what an item is, and whether the list and the key
//! can be what they are to be.

use super::values::schema_of_node;
use crate::codes;
use crate::expr::{Segment, has_marker};
use crate::findings::Findings;
use crate::limits::SCHEMA_PARTS_MAX;
use crate::templates::Place;
use crate::typing::{Found, follow, or_null, standalone};
use crate::unit::{Item, Unit};
use engross_core::limits::{ITEM_KEY_BYTES_MAX, ITEMS_MAX};
use engross_core::{EffectClass, OutcomeKind, OutcomeSpec, StepKind, StepSpec};
use engross_source::{Node, Value as Yaml};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The promise of a step that is done for each item, from that of its operation and the schema of what that leaves.
pub(crate) fn whole(spec: &StepSpec, output: &Value) -> StepSpec {
    let well: Vec<&OutcomeSpec> =
        spec.outcomes.iter().filter(|o| matches!(o.kind, OutcomeKind::Good | OutcomeKind::Neutral)).collect();
    let names: Vec<&str> = well.iter().map(|outcome| outcome.name.as_str()).collect();
    let output = standalone(output, output, &mut { SCHEMA_PARTS_MAX });
    let left = match (well.iter().any(|o| o.outputs), well.iter().all(|o| o.outputs)) {
        (false, _) => json!({}),
        (true, true) => output,
        (true, false) => or_null(&output),
    };
    let mut outcomes = vec![OutcomeSpec::new("succeeded", OutcomeKind::Good)];
    if spec.outcomes.iter().any(|outcome| outcome.kind == OutcomeKind::Bad) {
        outcomes.push(OutcomeSpec::new("stopped", OutcomeKind::Bad));
    }
    outcomes.push(OutcomeSpec::new("failed", OutcomeKind::Failure));
    outcomes.iter_mut().for_each(|outcome| outcome.outputs = true);
    let list = |properties: Value| {
        let required: Vec<&String> = properties.as_object().into_iter().flat_map(|p| p.keys()).collect();
        let item =
            json!({ "type": "object", "required": required, "properties": properties, "additionalProperties": false });
        json!({ "type": "array", "items": item })
    };
    let properties = json!({
        "total": { "type": "integer" },
        "results": list(json!({ "key": { "type": "string" }, "outcome": { "enum": names }, "outputs": left })),
        "failed": list(json!({
            "key": { "type": "string" }, "outcome": { "type": "string" }, "message": { "type": "string" }
        })),
    });
    StepSpec {
        uses: spec.uses.clone(),
        title: spec.title.clone(),
        input: json!({}),
        output: json!({
            "type": "object", "required": ["total", "results", "failed"], "properties": properties,
            "additionalProperties": false
        }),
        outcomes,
        effect: EffectClass::Read,
        kind: StepKind::Wait,
        provider: None,
    }
}

/// What `item` is in each step that is done for one.
pub(crate) fn items(unit: &Unit<'_>) -> BTreeMap<usize, Item> {
    let mut of_answers = BTreeSet::new();
    for site in &unit.templates.sites {
        let Place::Items(step) = site.place else { continue };
        let mut references = site.text.expressions.iter().flat_map(|expression| &expression.references);
        if references.any(|r| matches!(r.path().first(), Some(Segment::Key(root)) if root != "inputs")) {
            of_answers.insert(step);
        }
    }
    let mut parts = SCHEMA_PARTS_MAX;
    let mut items = BTreeMap::new();
    for (index, step) in unit.workflow.steps.iter().enumerate() {
        let Some(foreach) = &step.foreach else { continue };
        let list = foreach.items.map_or_else(|| json!({}), |node| schema_of_node(unit, node, &mut parts));
        let schema = match follow(&list, &list, &Segment::Index(0)) {
            Found::Schema(schema) => schema.clone(),
            Found::Anything | Found::Nothing(_) | Found::NoParts(_) => json!({}),
        };
        let written = foreach.items.is_some_and(|items| items.as_sequence().is_some());
        items.insert(index, Item { schema, of_answer: of_answers.contains(&index), written });
    }
    items
}

/// Checks every `foreach`.
pub(crate) fn check(unit: &Unit<'_>, findings: &mut Findings<'_>) {
    for step in &unit.workflow.steps {
        let Some(foreach) = &step.foreach else { continue };
        let list = foreach.items.and_then(|items| list(items, findings));
        if let Some(key) = foreach.key {
            self::key(unit, key, list, findings);
        }
    }
}

/// The items, where they are written out.
fn list<'a>(node: &'a Node, findings: &mut Findings<'_>) -> Option<&'a [Node]> {
    const HINT: &str = "write a list, or refer to one: `items: \"{{ inputs.contracts }}\"`";
    match &node.value {
        Yaml::Sequence(items) => {
            if items.len() > ITEMS_MAX {
                let message = format!("`items` has {} items, more than {ITEMS_MAX}", items.len());
                let hint = "divide the list among several runs or steps".to_owned();
                findings.report(codes::FOREACH_ITEMS, node.span, message, Some(hint));
            }
            Some(items)
        }
        Yaml::String(text) if has_marker(text) => {
            let whole = crate::expr::scan(text).whole;
            if !whole {
                let message = "`items` is one expression and nothing else, because text around it makes a text of it";
                findings.report(codes::FOREACH_ITEMS, node.span, message, Some(HINT.to_owned()));
            }
            None
        }
        _ => {
            let message = format!("`items` is a list, and this is {}", node.kind_name());
            findings.report(codes::FOREACH_ITEMS, node.span, message, Some(HINT.to_owned()));
            None
        }
    }
}

fn key(unit: &Unit<'_>, node: &Node, items: Option<&[Node]>, findings: &mut Findings<'_>) {
    let hint = || Some("refer to what tells the items apart: `key: \"{{ item.id }}\"`".to_owned());
    if node.as_mapping().is_some() || node.as_sequence().is_some() || node.as_bool().is_some() || node.is_null() {
        let message = format!("the key of an item is a text or a number, and this is {}", node.kind_name());
        findings.report(codes::FOREACH_KEY, node.span, message, hint());
        return;
    }
    let site = unit.templates.site_of(node);
    let references = site.into_iter().flat_map(|site| &site.text.expressions).flat_map(|e| &e.references);
    let of_item = references
        .into_iter()
        .any(|r| matches!(r.path().first(), Some(Segment::Key(root)) if root == "item" || root == "index"));
    if !of_item {
        // A template that is broken has been reported, and has no references left.
        if node.as_str().is_none_or(|text| !has_marker(text))
            || site.is_some_and(|s| s.text.expressions.iter().any(|e| !e.references.is_empty()))
        {
            findings.report(codes::FOREACH_KEY, node.span, "the key is the same for every item", hint());
        }
        return;
    }
    let path = site.filter(|site| site.text.whole).and_then(|site| match site.text.expressions.as_slice() {
        [expression] => expression.plain().map(|reference| reference.path()),
        _ => None,
    });
    let (Some(items), Some([Segment::Key(root), path @ ..])) = (items, path.as_deref()) else { return };
    if root == "item" {
        written_keys(items, path, findings);
    }
}

/// Keys that can be read off the file.
fn written_keys(items: &[Node], path: &[&Segment], findings: &mut Findings<'_>) {
    let mut seen: BTreeMap<String, &Node> = BTreeMap::new();
    for item in items {
        let found = path.iter().try_fold(item, |node, segment| match segment {
            Segment::Key(key) => node.get(key),
            Segment::Index(at) => node.as_sequence()?.get(*at),
        });
        let Some(node) = found else { continue };
        let key = match node.to_json() {
            Value::String(text) if !has_marker(&text) => text,
            Value::Number(number) => number.to_string(),
            _ => continue,
        };
        if key.is_empty() || key.len() > ITEM_KEY_BYTES_MAX {
            let message = format!("the key of an item has 1 to {ITEM_KEY_BYTES_MAX} bytes, and this has {}", key.len());
            findings.report(codes::FOREACH_KEY, node.span, message, None);
            continue;
        }
        let shown = engross_source::diagnostic::quoted(&key);
        if let Some(first) = seen.insert(key, node) {
            let finding = findings.error(codes::FOREACH_KEY, node.span, format!("two items have the key {shown}"));
            let finding = finding.secondary(first.span, "the first stands here");
            findings.push(finding.hint("a key tells an item from all others"));
        }
    }
}

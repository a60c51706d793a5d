//! `sync:`, a list that is read as far as it has changed, and `requires:`, what must be so before an effect leaves.

use super::load::Shared;
use super::names::Names;
use super::reader::Reader;
use super::{Call, From, Paging, Source, lookup};
use crate::codes;
use crate::condition::Condition;
use crate::pointer::Pointer;
use crate::template::{Template, Tree};
use engross_source::Node;
use engross_step_api::ErrorClass;
use serde_json::{Value, json};

/// What must be so before an effect leaves.
#[derive(Clone, Debug)]
pub(crate) struct Requirement {
    /// The entry of `reads` that is read for it.
    pub(crate) read: String,
    /// What must not be false of it; what it does not say is left to the provider.
    pub(crate) holds: Condition,
    pub(crate) message: String,
    pub(crate) class: ErrorClass,
    pub(crate) hint: Option<String>,
}

/// A list that is read as far as it has changed.
#[derive(Clone, Debug)]
pub(crate) struct Sync {
    /// The input that says from when.
    pub(crate) since: String,
    pub(crate) compare: Compare,
    pub(crate) items: Pointer,
    /// When an item last changed.
    pub(crate) at: Pointer,
    /// How far the next reading goes back behind the latest change of this one.
    pub(crate) overlap_ms: u64,
    /// Reads an `item` by itself, where the workflow wants it.
    pub(crate) hydrate: Option<Call>,
}

/// Who leaves out what has not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compare {
    /// The provider: the request says from when.
    Provider,
    /// The engine: the provider lists everything.
    Engine,
}

/// The name of the input that says from when.
fn since_of(node: Option<&Node>) -> &str {
    let named = node.and_then(Node::as_mapping).and_then(|map| map.get("since")).and_then(Node::as_str);
    named.unwrap_or("since")
}

/// Adds the inputs that every synchronisation has.
pub(super) fn inputs(input: &mut Value, node: Option<&Node>) {
    if node.is_none() {
        return;
    }
    let hydrates = node.and_then(Node::as_mapping).is_some_and(|map| map.get("hydrate").is_some());
    let Some(properties) = input.get_mut("properties").and_then(Value::as_object_mut) else { return };
    properties.entry(since_of(node)).or_insert_with(|| {
        json!({
            "type": "string",
            "format": "date-time",
            "description": "Only what has changed since then: the `next_since` of the last time; everything where it is not said.",
        })
    });
    if hydrates {
        let about = "Whether each item is read by itself, which costs a request for each.";
        properties.insert("hydrate".to_string(), json!({"type": "boolean", "description": about}));
    }
}

/// Adds the outputs that every synchronisation has. What the manifest says of an `item` holds its marks, by which items are masked
/// wherever they are shown.
pub(super) fn outputs<'n>(
    reader: &mut Reader<'_>,
    node: &'n Node,
    shared: &Shared<'n>,
    (output, sources): (&mut Value, &mut Vec<(String, Source)>),
) {
    let mut items = json!({"type": "array", "description": "What has changed; an item may come again the next time."});
    let item = node.as_mapping().and_then(|map| map.get("item"));
    if let (Some(map), Some(item)) = (items.as_object_mut(), item) {
        map.insert("items".to_string(), shared.types.inline(reader, item, &[]));
    }
    let own = [
        ("items", items),
        (
            "next_since",
            json!({"type": "string", "description": "To be given as the next time's start: the latest change, less an overlap."}),
        ),
    ];
    let Some(map) = output.as_object_mut() else { return };
    for (name, schema) in own {
        if let Some(properties) = map.get_mut("properties").and_then(Value::as_object_mut) {
            properties.insert(name.to_string(), schema);
        }
        if let Some(required) = map.entry("required").or_insert_with(|| json!([])).as_array_mut() {
            required.push(Value::from(name));
        }
        let template = Template::parse(&format!("${{synced.{name}}}")).ok();
        let from = template.map(|template| From::Built(Tree::Text(template)));
        sources.extend(from.map(|from| (name.to_string(), Source { from, absent: None })));
    }
}

/// `sync:`.
pub(super) fn sync(
    reader: &mut Reader<'_>,
    node: &Node,
    shared: &Shared<'_>,
    names: &Names,
    paging: Option<&Paging>,
) -> Option<Sync> {
    let fields = reader.fields(node, "`sync`", &["since", "compare", "items", "item", "at", "overlap_s", "hydrate"])?;
    let compare = reader.need(&fields, "compare").and_then(|node| {
        reader.word(node, "who compares", &["engine", "provider"], |word| match word {
            "engine" => Some(Compare::Engine),
            "provider" => Some(Compare::Provider),
            _ => None,
        })
    });
    let items = match (fields.get("items"), paging) {
        (Some(node), _) => reader.pointer(node, "`items`"),
        (None, Some(paging)) => Some(paging.items.clone()),
        (None, None) => {
            reader.need(&fields, "items");
            None
        }
    };
    let at = reader.need(&fields, "at").and_then(|node| reader.pointer(node, "`at`"));
    let overlap = reader.integer(&fields, "overlap_s", 0, 31 * 24 * 3600).unwrap_or(300);
    let hydrate = fields.get("hydrate");
    let hydrate = hydrate.and_then(|node| lookup::call(reader, node, shared, &names.clone().with("item")));
    Some(Sync {
        since: since_of(Some(node)).to_string(),
        compare: compare?,
        items: items?,
        at: at?,
        overlap_ms: overlap.unsigned_abs().saturating_mul(1000),
        hydrate,
    })
}

/// `requires:`, one or more. `names` has the operation's `reads`.
pub(super) fn requires(reader: &mut Reader<'_>, node: &Node, names: &Names) -> Vec<Requirement> {
    let names = names.clone().with("status");
    let nodes = reader.one_or_more(node);
    nodes.into_iter().filter_map(|node| requirement(reader, node, &names)).collect()
}

fn requirement(reader: &mut Reader<'_>, node: &Node, names: &Names) -> Option<Requirement> {
    let fields = reader.fields(node, "a requirement", &["read", "if", "message", "class", "hint"])?;
    let read = reader.need(&fields, "read");
    let read = read.and_then(|node| {
        let name = reader.text(node, "`read`")?.to_string();
        let path = ["reads".to_string(), name.clone()];
        if let Err(problem) = names.check(&path) {
            reader.error_with(
                codes::UNKNOWN_REFERENCE,
                node.span,
                format!("`reads` has no `{name}`"),
                problem.hint.unwrap_or_default(),
            );
            return None;
        }
        Some(name)
    });
    let holds = reader.need(&fields, "if").and_then(|node| reader.condition(node, "`if`", names));
    let message = reader.need_text(&fields, "message").map(str::to_string);
    let class = fields.get("class").and_then(|node| {
        reader.word(node, "a class", &["conflict", "invalid", "state"], |word| match word {
            "conflict" => Some(ErrorClass::Conflict),
            "invalid" => Some(ErrorClass::Invalid),
            "state" => Some(ErrorClass::State),
            _ => None,
        })
    });
    let hint = reader.maybe_text(&fields, "hint");
    Some(Requirement { read: read?, holds: holds?, message: message?, class: class.unwrap_or(ErrorClass::State), hint })
}

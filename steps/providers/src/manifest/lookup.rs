//! Calls, look-ups, tests and the ways to reconcile: what an operation needs to know before or after its request.

use super::load::{Shared, known_status};
use super::names::Names;
use super::reader::{CallSite, Fields, Reader};
use super::{Call, Check, Given, Lookup, Only, Reconcile, Search, Test, Token, Verdict};
use crate::codes;
use crate::limits::{MARGIN_S_DEFAULT, MARGIN_S_MAX};
use crate::template::{Template, Tree};
use engross_source::Node;

const LOOKUP_KEYS: [&str; 12] =
    ["one", "map", "list", "key", "in", "id", "name", "noun", "only", "as", "inner", "hint"];

/// `{ operation: …, input: { … } }`.
pub(super) fn call(reader: &mut Reader<'_>, node: &Node, shared: &Shared<'_>, names: &Names) -> Option<Call> {
    let fields = reader.fields(node, "a call", &["operation", "input"])?;
    call_of(reader, &fields, shared, names)
}

/// The same, of a mapping that has other keys besides.
pub(super) fn call_of(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    shared: &Shared<'_>,
    names: &Names,
) -> Option<Call> {
    let operation = reader.need(fields, "operation").and_then(|node| {
        reader.word(node, "the operation to call", &shared.operations, |word| {
            shared.operations.contains(&word).then(|| word.to_string())
        })
    });
    let node = fields.get("input");
    let entries = node.map_or(&[][..], |node| reader.entries(node, "`input`"));
    let inputs = entries.iter().map(|entry| (entry.key.text.clone(), entry.key.span)).collect();
    let input = node.map_or(Some(Tree::Map(Vec::new())), |node| reader.tree(node, names))?;
    let operation = operation?;
    reader.calls.push(CallSite { operation: operation.clone(), span: fields.span, inputs, acts: false });
    Some(Call { operation, input })
}

/// All look-ups of an operation, with the names they are found under.
pub(super) fn lookups(
    reader: &mut Reader<'_>,
    node: Option<&Node>,
    names: &Names,
) -> (Vec<(String, Lookup)>, Vec<String>) {
    let mut lookups = Vec::new();
    let mut found: Vec<String> = Vec::new();
    for entry in node.map_or(&[][..], |node| reader.entries(node, "`lookups`")) {
        let names = names.clone().with_only("lookups", found.clone());
        lookups.extend(lookup(reader, &entry.value, &names).map(|lookup| (entry.key.text.clone(), lookup)));
        found.push(entry.key.text.clone());
    }
    (lookups, found)
}

fn lookup(reader: &mut Reader<'_>, node: &Node, names: &Names) -> Option<Lookup> {
    let fields = reader.fields(node, "a look-up", &LOOKUP_KEYS)?;
    let given = given(reader, &fields, names);
    let nodes = reader.need(&fields, "in").map(|node| reader.one_or_more(node)).unwrap_or_default();
    let candidates = nodes.into_iter().filter_map(|node| reader.template(node, "`in`", names)).collect();
    let id = reader.need(&fields, "id").and_then(|node| reader.pointer(node, "`id`"));
    let name = fields.get("name").map(|node| reader.pointers(node, "`name`"));
    let noun = reader.need_text(&fields, "noun").map(str::to_string);
    let only = fields.get("only").and_then(|node| only(reader, node));
    let hint = reader.maybe_text(&fields, "hint");
    // Reads are made for the outer look-up only.
    let none: [&str; 0] = [];
    let in_shape = names.clone().with_only("reads", none).with("id").with("value").with("candidate");
    let mut inner = Vec::new();
    let inner_nodes = fields.get("inner").map_or(&[][..], |node| reader.entries(node, "`inner`"));
    for entry in inner_nodes {
        inner.extend(lookup(reader, &entry.value, &in_shape).map(|lookup| (entry.key.text.clone(), lookup)));
    }
    let in_shape = in_shape.with_only("inner", inner_nodes.iter().map(|entry| entry.key.text.as_str()));
    let shape = match fields.get("as") {
        Some(node) => reader.tree(node, &in_shape),
        None => Template::parse("${id}").ok().map(Tree::Text),
    };
    Some(Lookup { given: given?, candidates, id: id?, name, noun: noun?, only, shape: shape?, inner, hint })
}

fn given(reader: &mut Reader<'_>, fields: &Fields<'_>, names: &Names) -> Option<Given> {
    match (fields.get("one"), fields.get("map"), fields.get("list")) {
        (Some(node), None, None) => reader.template(node, "`one`", names).map(Given::One),
        (None, Some(node), None) => reader.template(node, "`map`", names).map(Given::Map),
        (None, None, Some(node)) => {
            let items = reader.template(node, "`list`", names);
            let key = reader.need_text(fields, "key").map(str::to_string);
            items.zip(key).map(|(items, key)| Given::List { items, key })
        }
        _ => {
            let message = "a look-up has one of `one`, `map` and `list`: how its names are given";
            reader.error(codes::MISSING_KEY, fields.span, message);
            None
        }
    }
}

fn only(reader: &mut Reader<'_>, node: &Node) -> Option<Only> {
    let fields = reader.fields(node, "`only`", &["without", "what"])?;
    let without = fields.get("without").and_then(|node| reader.pointer(node, "`without`"));
    let what = reader.need_text(&fields, "what")?.to_string();
    Some(Only { without, what })
}

/// A list of tests that must all hold.
pub(super) fn tests(reader: &mut Reader<'_>, node: &Node, shared: &Shared<'_>, names: &Names) -> Vec<Test> {
    let nodes = reader.one_or_more(node);
    nodes.into_iter().filter_map(|node| test(reader, node, shared, names)).collect()
}

fn test(reader: &mut Reader<'_>, node: &Node, shared: &Shared<'_>, names: &Names) -> Option<Test> {
    let keys = ["status", "at", "without", "equals", "contains", "not_before", "margin_s", "count", "absent"];
    let fields = reader.fields(node, "a test", &keys)?;
    if let Some(node) = fields.get("status") {
        let nodes = reader.one_or_more(node);
        let statuses = nodes.into_iter().filter_map(|node| known_status(reader, node, shared));
        return Some(Test::Status(statuses.collect()));
    }
    let at = reader.need(&fields, "at").and_then(|node| reader.pointer(node, "`at`"));
    let without = fields.get("without").and_then(|node| reader.pointer(node, "`without`"));
    let absent = fields.get("absent").map(|_| reader.flag(&fields, "absent"));
    let asked = ["equals", "contains", "not_before", "count"].into_iter().filter(|key| fields.get(key).is_some());
    if let Some(node) = fields.get("margin_s").filter(|_| fields.get("not_before").is_none()) {
        reader.error(
            codes::WRONG_VALUE,
            node.span,
            "`margin_s` belongs to `not_before`: how much earlier is still in doubt",
        );
    }
    let is = match asked.collect::<Vec<_>>().as_slice() {
        ["equals"] => fields.get("equals").and_then(|node| reader.tree(node, names)).map(Check::Equals),
        ["contains"] => reader.maybe_text(&fields, "contains").map(|text| Check::Contains(text.to_lowercase())),
        ["not_before"] => {
            let margin = fields.get("margin_s").and_then(|_| reader.integer(&fields, "margin_s", 0, MARGIN_S_MAX));
            let margin_ms = margin.unwrap_or(MARGIN_S_DEFAULT).saturating_mul(1000);
            let from = fields.get("not_before").and_then(|node| reader.tree(node, names));
            from.map(|from| Check::NotBefore { from, margin_ms })
        }
        ["count"] => {
            let count = reader.integer(&fields, "count", 0, 1_000);
            count.and_then(|count| usize::try_from(count).ok()).map(Check::Count)
        }
        _ => {
            let message = "a test has one of `equals`, `contains`, `not_before` and `count`, or `status` alone";
            reader.error(codes::MISSING_KEY, fields.span, message);
            None
        }
    };
    Some(Test::At { at: at?, without, is: is?, absent })
}

/// `token:`, the state that a change is meant for.
pub(super) fn token(reader: &mut Reader<'_>, node: &Node, shared: &Shared<'_>, names: &Names) -> Option<Token> {
    let fields = reader.fields(node, "`token`", &["given", "read", "from", "stale_when", "hint"])?;
    let given = fields.get("given").and_then(|node| reader.template(node, "`given`", names));
    let read = reader.need(&fields, "read").and_then(|node| call(reader, node, shared, names));
    let from = reader.need(&fields, "from").map(|node| reader.pointers(node, "`from`"));
    let stale_when = reader.need(&fields, "stale_when").map(|node| reader.statuses(node));
    let hint = reader.maybe_text(&fields, "hint");
    Some(Token { given, read: read?, from: from?, stale_when: stale_when?, hint })
}

/// `{ search: … }` or `{ look: … }`.
pub(super) fn reconcile(reader: &mut Reader<'_>, node: &Node, shared: &Shared<'_>, names: &Names) -> Option<Reconcile> {
    let fields = reader.fields(node, "`reconcile`", &["search", "look"])?;
    match (fields.get("search"), fields.get("look")) {
        (Some(node), None) => search(reader, node, shared, names),
        (None, Some(node)) => look(reader, node, shared, names),
        _ => {
            reader.error(codes::MISSING_KEY, fields.span, "`reconcile` has either `search` or `look`");
            None
        }
    }
}

fn search(reader: &mut Reader<'_>, node: &Node, shared: &Shared<'_>, names: &Names) -> Option<Reconcile> {
    let keys = ["operation", "input", "items", "among", "each", "match", "unclear_when", "then", "one_is", "hint"];
    let fields = reader.fields(node, "`search`", &keys)?;
    let call = call_of(reader, &fields, shared, names);
    let items = reader.need(&fields, "items").and_then(|node| reader.pointer(node, "`items`"));
    let node = reader.need(&fields, "match")?;
    let matching = tests(reader, node, shared, names);
    let in_then = names.clone().with("item");
    let among = fields.get("among").map(|node| tests(reader, node, shared, names)).unwrap_or_default();
    let each = fields.get("each").and_then(|node| self::call(reader, node, shared, &in_then));
    // Where each item is read, what was read of the one that matched is the answer; where one is not enough, there is none.
    let has_answer = fields.get("each").is_some() || fields.get("one_is").and_then(Node::as_str) == Some("unclear");
    let then = if has_answer { fields.get("then") } else { reader.need(&fields, "then") };
    let then = then.and_then(|node| self::call(reader, node, shared, &in_then));
    let certain = fields.get("one_is").and_then(|node| {
        reader.word(node, "what one match is", &["done", "unclear"], |word| match word {
            "done" => Some(true),
            "unclear" => Some(false),
            _ => None,
        })
    });
    let hint = reader.maybe_text(&fields, "hint");
    let certain = certain.unwrap_or(true);
    let unclear = fields.get("unclear_when").map(|node| tests(reader, node, shared, names)).unwrap_or_default();
    let search = Search { call: call?, items: items?, among, each, matching, unclear, then, certain, hint };
    Some(Reconcile::Search(Box::new(search)))
}

fn look(reader: &mut Reader<'_>, node: &Node, shared: &Shared<'_>, names: &Names) -> Option<Reconcile> {
    let fields = reader.fields(node, "`look`", &["operation", "input", "verdicts", "hint"])?;
    let call = call_of(reader, &fields, shared, names);
    let mut verdicts = Vec::new();
    let node = reader.need(&fields, "verdicts")?;
    for item in reader.list(node, "`verdicts`") {
        let Some(fields) = reader.fields(item, "a verdict", &["when", "is"]) else { continue };
        let when = reader.need(&fields, "when").map(|node| tests(reader, node, shared, names));
        let done = reader.need(&fields, "is").and_then(|node| {
            reader.word(node, "a verdict", &["done", "not_done"], |word| match word {
                "done" => Some(true),
                "not_done" => Some(false),
                _ => None,
            })
        });
        verdicts.extend(when.zip(done).map(|(when, done)| Verdict { when, done }));
    }
    let hint = reader.maybe_text(&fields, "hint");
    Some(Reconcile::Look { call: call?, verdicts, hint })
}

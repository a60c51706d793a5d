//! Looking at keys and plain values: which are known, which are missing, which have the wrong kind.

use crate::codes;
use crate::expr::has_marker;
use crate::findings::Findings;
use engross_source::diagnostic::quoted;
use engross_source::yaml::Entry;
use engross_source::{Node, Span, Value};

/// Reports every key of `node` that is not part of the language.
pub(super) fn check_keys(findings: &mut Findings<'_>, node: &Node, what: &str, known: &[&str]) {
    for entry in node.as_mapping().into_iter().flatten() {
        let key = entry.key.text.as_str();
        if known.contains(&key) {
            continue;
        }
        let hint = findings.names_hint(key, known, "keys");
        findings.report(codes::UNKNOWN_KEY, entry.key.span, format!("{what} has no key {}", quoted(key)), hint);
    }
}

/// The value of a key that must be there. `place` is underlined when it is not.
pub(super) fn require<'a>(
    findings: &mut Findings<'_>,
    node: &'a Node,
    key: &str,
    what: &str,
    place: Span,
    example: &str,
) -> Option<&'a Node> {
    let found = node.get(key);
    if found.is_none() {
        findings.report(codes::MISSING_KEY, place, format!("{what} needs `{key}`"), Some(format!("add `{example}`")));
    }
    found
}

fn wrong_kind(findings: &mut Findings<'_>, node: &Node, what: &str, wanted: &str) {
    let message = format!("{what} must be {wanted}, and is {}", node.kind_name());
    findings.report(codes::WRONG_KIND, node.span, message, None);
}

/// The entries of what must be a mapping.
pub(super) fn entries<'a>(findings: &mut Findings<'_>, node: &'a Node, what: &str) -> &'a [Entry] {
    match &node.value {
        Value::Mapping(mapping) => mapping.entries(),
        _ => {
            wrong_kind(findings, node, what, "a mapping");
            &[]
        }
    }
}

/// The items of what must be a list.
pub(super) fn items<'a>(findings: &mut Findings<'_>, node: &'a Node, what: &str) -> &'a [Node] {
    node.as_sequence().unwrap_or_else(|| {
        wrong_kind(findings, node, what, "a list");
        &[]
    })
}

/// The text of what must be a string; templates are allowed in it.
pub(super) fn text<'a>(findings: &mut Findings<'_>, node: &'a Node, what: &str) -> Option<&'a str> {
    if node.as_str().is_none() {
        wrong_kind(findings, node, what, "a string");
    }
    node.as_str()
}

/// The text of what must be a string that is written out, without templates.
pub(super) fn scalar<'a>(findings: &mut Findings<'_>, node: &'a Node, what: &str) -> Option<&'a str> {
    let found = text(findings, node, what)?;
    if has_marker(found) {
        let message = format!("{what} must be written out: no template is computed here");
        let hint = "templates stand in `title`, `run.key`, `run.concurrency.group`, `if`, `foreach`, under `with` and under `outputs`".to_owned();
        findings.report(codes::TEMPLATE_PLACE, node.span, message, Some(hint));
        return None;
    }
    Some(found)
}

/// Whether a text has the form of a name: `[a-z][a-z0-9_]*`.
fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// Reports a name that does not have the form of one.
pub(super) fn check_name(findings: &mut Findings<'_>, name: &str, span: Span, what: &str) {
    if !is_name(name) {
        let message = format!("{what} starts with a small letter and goes on with small letters, digits and `_`");
        findings.report(codes::NAME, span, message, suggestion(name));
    }
}

/// The nearest text that is a name, where something of it is left.
fn suggestion(name: &str) -> Option<String> {
    let spelled: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' })
        .skip_while(|c| !c.is_ascii_lowercase())
        .collect();
    let spelled = spelled.trim_end_matches('_');
    (!spelled.is_empty() && spelled.len() <= 64).then(|| format!("write `{spelled}`"))
}

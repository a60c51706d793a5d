//! Findings as SARIF 2.1.0 (OASIS, Static Analysis Results Interchange Format), for code scanning and editors.
//!
//! The log is complete in itself: each rule brings its page, so that a reader needs no network. Text for people is in `text.rs`.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};

use super::place::{Places, Region};
use super::{Code, Diagnostic, escaped};
use crate::file::SourceFile;

/// What is said of a code wherever it occurs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// One line, no full stop.
    pub title: &'static str,
    /// All of it, in Markdown.
    pub text: &'static str,
}

/// One run of `engross` of this `version` with the findings in the given order. Rules are those that occur; `page` knows them.
/// Columns count Unicode code points, ends are exclusive.
pub fn render_sarif<'a>(
    diagnostics: impl IntoIterator<Item = &'a Diagnostic>,
    files: &[SourceFile],
    version: &str,
    page: impl Fn(Code) -> Option<Page>,
) -> Value {
    let places = Places::new(files);
    let diagnostics: Vec<&Diagnostic> = diagnostics.into_iter().collect();
    let mut indices: BTreeMap<Code, usize> = diagnostics.iter().map(|d| (d.code, 0)).collect();
    for (position, index) in indices.values_mut().enumerate() {
        *index = position;
    }
    let levels: BTreeMap<Code, &str> = diagnostics.iter().map(|d| (d.code, d.severity.as_str())).collect();
    let rules: Vec<Value> = levels.iter().map(|(code, level)| rule(*code, level, page(*code))).collect();
    let results: Vec<Value> =
        diagnostics.iter().map(|d| result(d, indices.get(&d.code).copied().unwrap_or_default(), &places)).collect();
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "engross", "version": version, "rules": rules}},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn rule(code: Code, level: &str, page: Option<Page>) -> Value {
    let mut rule = json!({"id": code.0, "defaultConfiguration": {"level": level}});
    if let (Some(page), Some(rule)) = (page, rule.as_object_mut()) {
        rule.insert("shortDescription".to_owned(), json!({"text": page.title}));
        rule.insert("help".to_owned(), json!({"text": page.text, "markdown": page.text}));
    }
    rule
}

fn result(diagnostic: &Diagnostic, rule: usize, places: &Places<'_>) -> Value {
    let mut text = escaped(&diagnostic.message).into_owned();
    if let Some(hint) = &diagnostic.hint {
        // Writing to a String cannot fail.
        let _ = write!(text, "\nhint: {}", escaped(hint));
    }
    let location = |span| json!({"artifactLocation": {"uri": uri(&diagnostic.path)}, "region": region(places.region(diagnostic, span))});
    let mut result = json!({
        "ruleId": diagnostic.code.0,
        "ruleIndex": rule,
        "level": diagnostic.severity.as_str(),
        "message": {"text": text},
        "locations": [{"physicalLocation": location(diagnostic.primary.span)}],
    });
    let related: Vec<Value> = diagnostic
        .secondary
        .iter()
        .enumerate()
        .map(|(id, label)| {
            json!({"id": id, "message": {"text": escaped(&label.text)}, "physicalLocation": location(label.span)})
        })
        .collect();
    if let Some(result) = result.as_object_mut().filter(|_| !related.is_empty()) {
        result.insert("relatedLocations".to_owned(), Value::Array(related));
    }
    result
}

fn region(region: Region) -> Value {
    json!({
        "startLine": region.line,
        "startColumn": region.column,
        "endLine": region.end_line,
        "endColumn": region.end_column,
    })
}

/// A path as a URI reference: relative as it is, absolute with `file://`.
fn uri(path: &str) -> String {
    let mut uri = if path.starts_with('/') { "file://".to_owned() } else { String::new() };
    // A relative reference whose first segment holds a colon would be read as a scheme; a colon is escaped like all the rest.
    for byte in path.strip_prefix("./").unwrap_or(path).bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

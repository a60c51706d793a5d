//! Findings as JSON, for editors and scripts.
//!
//! The field names are read by other programs and are only ever added to. Text for people is in `text.rs`.

use serde_json::{Value, json};

use super::{Diagnostic, Label, escaped};
use crate::file::{SourceFile, Span};

/// An array of `{code, severity, path, line, column, end_line, end_column, label, message, hint, related}` in the given order.
/// Lines and columns are 1-based, columns count characters, the end is exclusive; `hint` and `label` may be null;
/// `related` lists the secondary places. A finding about a file that is not among `files` has the place 1:1.
pub fn render_json<'a>(diagnostics: impl IntoIterator<Item = &'a Diagnostic>, files: &[SourceFile]) -> Value {
    diagnostics.into_iter().map(|diagnostic| one(diagnostic, files)).collect()
}

fn one(diagnostic: &Diagnostic, files: &[SourceFile]) -> Value {
    let file = files.iter().find(|file| file.path() == &*diagnostic.path);
    let mut object = place(file, diagnostic.primary.span);
    let related: Vec<Value> = diagnostic.secondary.iter().map(|label| related(file, label)).collect();
    let label = &diagnostic.primary.text;
    object["code"] = diagnostic.code.0.into();
    object["severity"] = diagnostic.severity.as_str().into();
    object["path"] = (*diagnostic.path).into();
    object["message"] = escaped(&diagnostic.message).into();
    object["label"] = if label.is_empty() { Value::Null } else { escaped(label).into() };
    object["hint"] = diagnostic.hint.as_deref().map_or(Value::Null, |hint| escaped(hint).into());
    object["related"] = related.into();
    object
}

fn related(file: Option<&SourceFile>, label: &Label) -> Value {
    let mut object = place(file, label.span);
    object["message"] = escaped(&label.text).into();
    object
}

fn place(file: Option<&SourceFile>, span: Span) -> Value {
    let at = |offset| file.map_or((1, 1), |file| file.line_col(offset));
    let ((line, column), (end_line, end_column)) = (at(span.start), at(span.end));
    json!({ "line": line, "column": column, "end_line": end_line, "end_column": end_column })
}

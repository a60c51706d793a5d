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
    let ((line, column), (end_line, end_column)) = place(file, diagnostic.primary.span);
    let label = &diagnostic.primary.text;
    json!({
        "code": diagnostic.code.0,
        "severity": diagnostic.severity.as_str(),
        "path": &*diagnostic.path,
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
        "label": (!label.is_empty()).then(|| escaped(label)),
        "message": escaped(&diagnostic.message),
        "hint": diagnostic.hint.as_deref().map(escaped),
        "related": diagnostic.secondary.iter().map(|label| related(file, label)).collect::<Vec<_>>(),
    })
}

fn related(file: Option<&SourceFile>, label: &Label) -> Value {
    let ((line, column), (end_line, end_column)) = place(file, label.span);
    json!({
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
        "message": escaped(&label.text),
    })
}

/// Line and column of the start and of the end.
type Place = ((usize, usize), (usize, usize));

fn place(file: Option<&SourceFile>, span: Span) -> Place {
    file.map_or(((1, 1), (1, 1)), |file| (file.line_col(span.start), file.line_col(span.end)))
}

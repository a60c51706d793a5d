//! Findings as the workflow commands of GitHub Actions, which shows them beside the changed lines.
//!
//! One line for each finding: `::error file=F,line=L,col=C,endColumn=E,title=E0312::message`. The runner reads every line of a
//! job's output, so that nothing of a file may open a command of its own: line breaks, `%` and the separators are escaped.

use std::fmt::Write;

use super::place::Places;
use super::{Diagnostic, escaped};
use crate::file::SourceFile;

/// One line for each finding, in the given order. Columns are given only where a place lies in one line, as GitHub demands.
pub fn render_github<'a>(diagnostics: impl IntoIterator<Item = &'a Diagnostic>, files: &[SourceFile]) -> String {
    let places = Places::new(files);
    let mut out = String::new();
    for diagnostic in diagnostics {
        let region = places.region(diagnostic, diagnostic.primary.span);
        let (word, path) = (diagnostic.severity.as_str(), property(&escaped(&diagnostic.path)));
        // Writing to a String cannot fail.
        let _ = write!(out, "::{word} file={path},line={}", region.line);
        let _ = if region.end_line == region.line {
            write!(out, ",col={},endColumn={}", region.column, region.end_column)
        } else {
            write!(out, ",endLine={}", region.end_line)
        };
        let _ = write!(out, ",title={}::{}", diagnostic.code, data(&escaped(&diagnostic.message)));
        if let Some(hint) = &diagnostic.hint {
            let _ = write!(out, "%0Ahint: {}", data(&escaped(hint)));
        }
        out.push('\n');
    }
    out
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

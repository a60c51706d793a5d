//! Lines and columns of findings in many files, for the renderers that programs read.

use std::collections::BTreeMap;

use super::Diagnostic;
use crate::file::{SourceFile, Span};

/// The files that findings may be about, by their path.
pub(super) struct Places<'a>(BTreeMap<&'a str, &'a SourceFile>);

/// A range of a file. Lines and columns are 1-based, columns count characters, the end is exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) end_line: usize,
    pub(super) end_column: usize,
}

impl<'a> Places<'a> {
    pub(super) fn new(files: &'a [SourceFile]) -> Self {
        Self(files.iter().map(|file| (file.path(), file)).collect())
    }

    /// The range of a span; 1:1 for a file that is not at hand.
    pub(super) fn region(&self, diagnostic: &Diagnostic, span: Span) -> Region {
        let place = |offset| self.0.get(&*diagnostic.path).map_or((1, 1), |file| file.line_col(offset));
        let ((line, column), (end_line, end_column)) = (place(span.start), place(span.end));
        Region { line, column, end_line, end_column }
    }
}

//! Findings about places in source files.
//!
//! A [`Diagnostic`] says what is wrong, where, and what to do next; [`Diagnostics`] keeps them in order. The renderers
//! turn them into text ([`render_text`]), JSON ([`render_json`]), SARIF ([`render_sarif`]) or the commands of GitHub Actions
//! ([`render_github`]) and print nothing themselves. What counts as wrong
//! is decided by whoever makes the finding: [`crate::yaml`] here, other crates for their own codes.

mod escape;
mod github;
mod json;
mod list;
mod place;
mod sarif;
mod text;

use std::fmt;
use std::sync::Arc;

pub(crate) use escape::is_hazard;
pub use escape::{escaped, quoted};
pub use github::render_github;
pub use json::render_json;
pub use list::Diagnostics;
pub use sarif::{Page, render_sarif};
pub use text::render_text;

use crate::file::Span;

/// The stable code of a kind of finding, such as `E0110`. Letters and digits only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub &'static str);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used, and probably does not say what its author meant.
    Warning,
}

impl Severity {
    /// The word shown to people and written to JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// A place in the file of the finding, with what is to be said about it there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// A few words shown beside the underline; may be empty.
    pub text: String,
}

/// One finding about one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What kind of finding it is.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, one line, no full stop.
    pub message: String,
    /// The path of the file, as its [`crate::SourceFile`] has it.
    pub path: Arc<str>,
    /// The place that the finding is about.
    pub primary: Label,
    /// Other places in the same file that explain it.
    pub secondary: Vec<Label>,
    /// What to do next.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// An error at `span` of the file called `path`.
    pub fn error(code: Code, path: impl Into<Arc<str>>, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, path.into(), span, message.into())
    }

    /// A warning at `span` of the file called `path`.
    pub fn warning(code: Code, path: impl Into<Arc<str>>, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, path.into(), span, message.into())
    }

    fn new(severity: Severity, code: Code, path: Arc<str>, span: Span, message: String) -> Self {
        let primary = Label { span, text: String::new() };
        Self { code, severity, message, path, primary, secondary: Vec::new(), hint: None }
    }

    /// Says `text` beside the primary place.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        self.primary.text = text.into();
        self
    }

    /// Adds another place in the same file that explains the finding.
    #[must_use]
    pub fn secondary(mut self, span: Span, text: impl Into<String>) -> Self {
        self.secondary.push(Label { span, text: text.into() });
        self
    }

    /// Says what to do next.
    #[must_use]
    pub fn hint(mut self, text: impl Into<String>) -> Self {
        self.hint = Some(text.into());
        self
    }
}

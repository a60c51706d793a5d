//! Whether Tera takes a template, and what it says when it does not.

use super::filters::tera;
use super::rewrite::rewrite;
use super::text::{Fault, Text};
use crate::codes;
use std::ops::Range;
use tera::{Error, ErrorKind, Tera};

/// A Tera that reads templates one after the other and keeps none.
pub(crate) struct SyntaxChecker {
    tera: Tera,
}

impl SyntaxChecker {
    pub(crate) fn new() -> Self {
        Self { tera: tera() }
    }

    /// What is wrong with a template that the scanner found no fault in.
    ///
    /// Each expression is read twice: as the author wrote it, because only that has the right places, and all of it as it will be
    /// rendered, because what is added to it counts towards Tera's bounds.
    pub(crate) fn check(&mut self, source: &str, found: &Text) -> Vec<Fault> {
        let mut faults = Vec::new();
        for expression in &found.expressions {
            let outer = expression.outer.clone();
            if expression.inner.is_empty() {
                faults.push(fault(outer, "there is nothing between `{{` and `}}`".to_owned()));
            } else if expression.plain().is_none()
                && let Err(error) = self.tera.add_raw_template("t", source.get(outer.clone()).unwrap_or_default())
            {
                let range = range_of(&error).map(|range| outer.start + range.start..outer.start + range.end);
                faults.push(fault(range.unwrap_or(outer), message_of(&error)));
            }
        }
        let computed = found.expressions.iter().find(|expression| expression.plain().is_none());
        if let (true, Some(first)) = (faults.is_empty(), computed)
            && let Err(error) = self.tera.add_raw_template("t", &rewrite(source, found))
        {
            faults.push(fault(first.outer.clone(), message_of(&error)));
        }
        faults
    }
}

fn fault(range: Range<usize>, message: String) -> Fault {
    Fault { code: codes::TEMPLATE_SYNTAX, range, message, hint: None }
}

fn range_of(error: &Error) -> Option<Range<usize>> {
    match error.kind() {
        ErrorKind::SyntaxError(report) | ErrorKind::RenderingError(report) => Some(report.span().range.clone()),
        _ => None,
    }
}

/// Tera's words as a fragment: one line, no capital, no full stop, and without the template around it.
pub(super) fn message_of(error: &Error) -> String {
    let full = match error.kind() {
        ErrorKind::SyntaxError(report) | ErrorKind::RenderingError(report) => report.message().to_owned(),
        other => other.to_string(),
    };
    let line = full.lines().next().unwrap_or_default().trim_end_matches('.');
    // Tera lists every token that a value may start with.
    let (line, missing) = match line.split_once(" but expected one of: integer") {
        Some((found, _)) => (found, " where a value should stand"),
        None => (line, ""),
    };
    let mut chars = line.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).chain(missing.chars()).collect(),
        None => "the template cannot be read".to_owned(),
    }
}

//! Everything that is found while one file is compiled.
//!
//! It collects and bounds; wording is the rules' work, order and drawing are `engross-source`'s.

use crate::codes;
use crate::limits::{COMPARISONS_MAX, FINDINGS_MAX, FINDINGS_PER_CODE_MAX, NAMES_LISTED_MAX};
use engross_source::{Code, Diagnostic, Diagnostics, Severity, SourceFile, Span, nearest};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The findings about one file.
pub(crate) struct Findings<'a> {
    pub(crate) file: &'a SourceFile,
    path: Arc<str>,
    list: Vec<Diagnostic>,
    compared: usize,
}

impl<'a> Findings<'a> {
    pub(crate) fn new(file: &'a SourceFile) -> Self {
        Self { file, path: Arc::from(file.path()), list: Vec::new(), compared: 0 }
    }

    /// An error that is yet to be completed and pushed.
    pub(crate) fn error(&self, code: Code, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(code, Arc::clone(&self.path), span, message)
    }

    /// A warning that is yet to be completed and pushed.
    pub(crate) fn warning(&self, code: Code, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic::warning(code, Arc::clone(&self.path), span, message)
    }

    pub(crate) fn push(&mut self, finding: Diagnostic) {
        self.list.push(finding);
    }

    /// Adds an error with a hint that may be missing.
    pub(crate) fn report(&mut self, code: Code, span: Span, message: impl Into<String>, hint: Option<String>) {
        let finding = self.error(code, span, message);
        self.push(match hint {
            Some(hint) => finding.hint(hint),
            None => finding,
        });
    }

    /// The nearest of `known` to `name`, as long as the file has not used up what may be compared for it.
    pub(crate) fn nearest<'n>(&mut self, name: &str, known: &[&'n str]) -> Option<&'n str> {
        self.compared = self.compared.saturating_add(known.len());
        if self.compared > COMPARISONS_MAX { None } else { nearest(name, known.iter().copied()) }
    }

    /// "did you mean", or the list of what there is when it is short. `what` names the things listed: "steps".
    pub(crate) fn names_hint(&mut self, name: &str, known: &[&str], what: &str) -> Option<String> {
        match self.nearest(name, known) {
            Some(near) => Some(format!("did you mean `{near}`?")),
            None if known.is_empty() || known.len() > NAMES_LISTED_MAX => None,
            None if known.len() == 1 => Some(format!("there is only {}", listed(known))),
            None => Some(format!("the {what} are {}", listed(known))),
        }
    }

    /// Whether a finding with one of these codes has been made.
    pub(crate) fn has(&self, codes: &[Code]) -> bool {
        self.list.iter().any(|finding| codes.contains(&finding.code))
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.list.iter().any(|finding| finding.severity == Severity::Error)
    }

    /// All of them, sorted, each once, and no more than fit.
    pub(crate) fn into_vec(self) -> Vec<Diagnostic> {
        let mut all: Vec<Diagnostic> = self.list.into_iter().collect::<Diagnostics>().into_vec();
        cap(&mut all);
        if all.len() > FINDINGS_MAX {
            let message = format!("there are {} more findings", all.len() - (FINDINGS_MAX - 1));
            all.truncate(FINDINGS_MAX - 1);
            let last = all.last().map_or(Span::at(0), |finding| finding.primary.span);
            let more = Diagnostic::error(codes::TOO_MANY_FINDINGS, Arc::clone(&self.path), last, message);
            all.push(more.hint("correct these first"));
        }
        all
    }
}

/// Keeps so many findings of each code, and lets the last of them say how many more there are.
pub(crate) fn cap(findings: &mut Vec<Diagnostic>) {
    let mut counts: BTreeMap<Code, usize> = BTreeMap::new();
    for finding in findings.iter() {
        *counts.entry(finding.code).or_default() += 1;
    }
    let mut kept: BTreeMap<Code, usize> = BTreeMap::new();
    findings.retain_mut(|finding| {
        let at = kept.entry(finding.code).or_default();
        *at += 1;
        let all = counts.get(&finding.code).copied().unwrap_or_default();
        if *at == FINDINGS_PER_CODE_MAX && all > FINDINGS_PER_CODE_MAX {
            let more = all - FINDINGS_PER_CODE_MAX;
            finding.message = format!("{} (and {more} more findings of {})", finding.message, finding.code);
        }
        *at <= FINDINGS_PER_CODE_MAX
    });
}

/// Names in backticks, separated by commas.
pub(crate) fn listed<T: AsRef<str>>(names: &[T]) -> String {
    names.iter().map(|name| format!("`{}`", name.as_ref())).collect::<Vec<_>>().join(", ")
}

//! What must hold for findings about any file.

use engross_source::{Diagnostic, SourceFile, diagnostic};

/// Findings say what to do, lie in the file between characters, and are drawn without anything that steers a terminal.
pub(crate) fn check(found: &[Diagnostic], file: &SourceFile) {
    for finding in found {
        let labels = std::iter::once(&finding.primary).chain(&finding.secondary);
        for label in labels {
            assert!(
                file.text().get(label.span.range()).is_some(),
                "{} at {:?} is not in the file",
                finding.code,
                label.span
            );
        }
        assert!(
            !finding.message.is_empty() && !finding.message.contains('\n'),
            "{:?} is not one line",
            finding.message
        );
    }
    let text = diagnostic::render_text(found, std::slice::from_ref(file), false);
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "control characters are shown: {text:?}");
    diagnostic::render_json(found, std::slice::from_ref(file));
}

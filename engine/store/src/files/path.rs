//! The paths a workflow may publish under. They are made of run inputs and providers' words, so they are hostile: what
//! could leave the folder, hide in it or mean something else on another system is refused, with every reason at once.

use crate::limits::{PATH_BYTES_MAX, PATH_COMPONENT_BYTES_MAX, PATH_COMPONENTS_MAX};
use engross_step_api::FilesError;

/// A path that has been checked: folders and a name, relative to where files are published.
#[derive(Debug)]
pub(super) struct PublishPath {
    text: String,
}

impl PublishPath {
    /// Checks a path.
    ///
    /// # Errors
    /// [`FilesError::Path`] with everything that is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, FilesError> {
        let problems = problems(text);
        if problems.is_empty() {
            return Ok(Self { text: text.to_owned() });
        }
        Err(refused(text, problems.join("; ")))
    }

    /// As it was written, with `/` between folders.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// The folders and the name.
    pub(super) fn components(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.text.split('/')
    }
}

/// The error for a path, with its reason.
pub(super) fn refused(path: &str, reason: impl Into<String>) -> FilesError {
    // The path may be what is wrong: it is shown so that a terminal survives it, and not at any length.
    let shown: String = path.escape_debug().take(PATH_BYTES_MAX).collect();
    FilesError::Path { path: shown, reason: reason.into() }
}

fn problems(text: &str) -> Vec<String> {
    if text.is_empty() {
        return vec!["it is empty".into()];
    }
    if text.len() > PATH_BYTES_MAX {
        return vec![format!("it has {} bytes, and {PATH_BYTES_MAX} are the most", text.len())];
    }
    let mut problems = Vec::new();
    let mut problem = |wrong: bool, words: &str| {
        if wrong {
            problems.push(words.to_owned());
        }
    };
    problem(text.starts_with('/'), "it is absolute; leave out the `/` in front");
    problem(text.contains('\\'), "it has a `\\`; use `/` between folders");
    problem(text.chars().any(char::is_control), "it has control characters");
    problem(text.chars().any(is_invisible), "it has characters that cannot be seen or turn the text round");
    let too_many = format!("it has more than {PATH_COMPONENTS_MAX} folders and names");
    problem(text.split('/').count() > PATH_COMPONENTS_MAX, &too_many);
    let relative = text.strip_prefix('/').unwrap_or(text);
    for component in relative.split('/') {
        if let Some(words) = component_problem(component) {
            problems.push(words);
        }
    }
    problems
}

fn component_problem(component: &str) -> Option<String> {
    let shown = component.escape_debug();
    let bytes = component.len();
    if component.is_empty() {
        Some("a folder or the file has no name".into())
    } else if component == ".." {
        Some("`..` would leave the folder".into())
    } else if component.starts_with('.') {
        Some(format!("`{shown}` begins with a dot, which hides it"))
    } else if component.ends_with(['.', ' ']) || component.starts_with(' ') {
        Some(format!("`{shown}` begins with a space or ends with a dot or a space, which some systems drop"))
    } else if bytes > PATH_COMPONENT_BYTES_MAX {
        Some(format!("a name in it has {bytes} bytes, and {PATH_COMPONENT_BYTES_MAX} are the most"))
    } else if is_reserved(component) {
        Some(format!("`{shown}` names a device on Windows"))
    } else {
        None
    }
}

/// Names that Windows keeps for devices, whatever follows a dot, and drive letters.
fn is_reserved(component: &str) -> bool {
    let stem = component.split('.').next().unwrap_or(component).trim_end().to_ascii_uppercase();
    let numbered = |prefix: &str| {
        stem.strip_prefix(prefix).is_some_and(|rest| {
            let mut digits = rest.chars();
            matches!(digits.next(), Some('0'..='9' | '¹' | '²' | '³')) && digits.next().is_none()
        })
    };
    let mut letters = component.chars();
    let is_drive = letters.next().is_some_and(|c| c.is_ascii_alphabetic()) && letters.next() == Some(':');
    is_drive
        || matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" | "CLOCK$")
        || numbered("COM")
        || numbered("LPT")
}

/// Characters of no width and those that change the direction of text (Unicode 16, general category Cf in common use).
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{AD}'
            | '\u{61C}'
            | '\u{180E}'
            | '\u{200B}'..='\u{200F}'
            | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{FEFF}'
            | '\u{FFF9}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E007F}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, expected: &[&str]) {
        assert_eq!(problems(path), expected, "{path:?}");
        assert_eq!(PublishPath::parse(path).is_ok(), expected.is_empty());
    }

    #[test]
    fn ordinary_paths_are_allowed() {
        for path in
            ["a", "nda/acme/0190.pdf", "Verträge/Müller & Söhne: NDA.pdf", "合同/一.pdf", "console/nul1/com10", "a..b"]
        {
            check(path, &[]);
        }
        check(&vec!["a"; PATH_COMPONENTS_MAX].join("/"), &[]);
        check(&"a".repeat(PATH_COMPONENT_BYTES_MAX), &[]);
    }

    #[test]
    fn paths_that_leave_or_hide_are_refused() {
        check("", &["it is empty"]);
        check("../a", &["`..` would leave the folder"]);
        check("a/../../b", &["`..` would leave the folder", "`..` would leave the folder"]);
        check("/etc/passwd", &["it is absolute; leave out the `/` in front"]);
        check("a//b", &["a folder or the file has no name"]);
        check("a/", &["a folder or the file has no name"]);
        check("./a", &["`.` begins with a dot, which hides it"]);
        check("a/.ssh", &["`.ssh` begins with a dot, which hides it"]);
        check("..\\a", &["it has a `\\`; use `/` between folders", "`..\\\\a` begins with a dot, which hides it"]);
    }

    #[test]
    fn paths_that_mean_something_else_elsewhere_are_refused() {
        check("a\0b", &["it has control characters"]);
        check("a\nb", &["it has control characters"]);
        check("a\u{202E}fdp.exe", &["it has characters that cannot be seen or turn the text round"]);
        check("C:a", &["`C:a` names a device on Windows"]);
        check("x/nul.txt", &["`nul.txt` names a device on Windows"]);
        check("COM1", &["`COM1` names a device on Windows"]);
        check(
            "a./b ",
            &[
                "`a.` begins with a space or ends with a dot or a space, which some systems drop",
                "`b ` begins with a space or ends with a dot or a space, which some systems drop",
            ],
        );
    }

    #[test]
    fn paths_over_the_bounds_are_refused() {
        check(&"a".repeat(PATH_COMPONENT_BYTES_MAX + 1), &["a name in it has 201 bytes, and 200 are the most"]);
        check(&"a/".repeat(600), &["it has 1200 bytes, and 1024 are the most"]);
        check(&vec!["a"; PATH_COMPONENTS_MAX + 1].join("/"), &["it has more than 16 folders and names"]);
    }
}

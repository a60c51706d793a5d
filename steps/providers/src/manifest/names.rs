//! Which names a template may use where it stands.

use crate::codes;
use engross_source::{Code, nearest};
use std::collections::{BTreeMap, BTreeSet};

/// The names of one place in a manifest.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    /// The first segment, with the second ones where they are known.
    roots: BTreeMap<String, Option<BTreeSet<String>>>,
    /// Settings that must not be used here.
    forbidden: BTreeSet<String>,
}

/// Why a name cannot be used.
pub(super) struct Problem {
    pub(super) code: Code,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl Names {
    /// The same names, and `root` with whatever is below it.
    #[must_use]
    pub(super) fn with(mut self, root: &str) -> Self {
        self.roots.insert(root.to_string(), None);
        self
    }

    /// The same names, and `root` with these below it.
    #[must_use]
    pub(super) fn with_only(mut self, root: &str, below: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.roots.insert(root.to_string(), Some(below.into_iter().map(Into::into).collect()));
        self
    }

    /// The same names, but these settings must not be used: the place is shown or logged.
    #[must_use]
    pub(super) fn without_settings(mut self, secret: &BTreeSet<String>) -> Self {
        self.forbidden.clone_from(secret);
        self.roots.remove("webhook");
        self.roots.remove("callback");
        self
    }

    /// Whether a template's path can be used here.
    pub(super) fn check(&self, path: &[String]) -> Result<(), Problem> {
        let (root, second) = match path {
            [] => return Ok(()),
            [root] => (root, None),
            [root, second, ..] => (root, Some(second)),
        };
        let Some(below) = self.roots.get(root) else {
            let known: Vec<&str> = self.roots.keys().map(String::as_str).collect();
            return Err(Self::unknown(format!("there is no `{root}` here"), root, &known));
        };
        let (Some(below), Some(second)) = (below, second) else { return Ok(()) };
        if !below.contains(second) {
            let known: Vec<&str> = below.iter().map(String::as_str).collect();
            return Err(Self::unknown(format!("there is no `{root}.{second}` here"), second, &known));
        }
        if root == "config" && self.forbidden.contains(second) {
            return Err(Problem {
                code: codes::SECRET_IN_URL,
                message: format!("the secret `{second}` must not stand here"),
                hint: Some("secrets go into headers and bodies only: addresses and outputs are logged".to_string()),
            });
        }
        Ok(())
    }

    fn unknown(message: String, name: &str, known: &[&str]) -> Problem {
        let hint = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => "nothing can be named here".to_string(),
            None => format!("one of {}", known.join(", ")),
        };
        Problem { code: codes::UNKNOWN_NAME, message, hint: Some(hint) }
    }
}

//! What a client's account calls its own: identifiers that are no secret, and names of parts that the documents leave open.
//!
//! A stand-in has one account with names of its own. Whoever leads a client to it that was set up for the real provider can tell
//! it the client's names, and it takes those as well. Keys and passwords are no matter of this module.

use std::collections::{BTreeMap, BTreeSet};

use crate::options::Emulated;

/// Values of a client's settings that count beside the sandbox's own.
#[derive(Default)]
pub(crate) struct Accounts {
    taken: BTreeMap<(Emulated, String), BTreeSet<String>>,
}

impl Accounts {
    pub(crate) fn take(&mut self, provider: Emulated, setting: &str, value: &str) {
        self.taken.entry((provider, setting.to_owned())).or_default().insert(value.to_owned());
    }

    /// Whether a client of this provider has this value.
    pub(crate) fn has(&self, provider: Emulated, setting: &str, value: &str) -> bool {
        self.values(provider, setting).any(|taken| taken == value)
    }

    /// Every value that clients of this provider have, in order.
    pub(crate) fn values(&self, provider: Emulated, setting: &str) -> impl Iterator<Item = &str> {
        self.taken.get(&(provider, setting.to_owned())).into_iter().flatten().map(String::as_str)
    }
}

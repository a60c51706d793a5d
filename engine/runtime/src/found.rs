//! Lists that go on beside what cannot be read: a damaged run hides no sound one, and is named.

use crate::Error;
use engross_core::RunId;
use engross_store::RunHead;
use engross_store::archive::Listed;
use serde::{Deserialize, Serialize};

/// A run that belongs in a list, or may, and could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreadable {
    /// The run.
    pub run: RunId,
    /// What is wrong, in words.
    pub why: String,
}

/// What was looked for, and the runs in which nobody could look.
#[derive(Clone, Debug)]
pub struct Found<T> {
    /// What was found.
    pub found: Vec<T>,
    /// The runs that could not be read, each once.
    pub unreadable: Vec<Unreadable>,
}

impl<T> Default for Found<T> {
    fn default() -> Self {
        Self { found: Vec::new(), unreadable: Vec::new() }
    }
}

impl<T> Found<T> {
    /// Takes what a run has, or notes that it cannot be read.
    ///
    /// # Errors
    /// The store itself failed, which is about all runs.
    pub(crate) fn take(
        &mut self,
        run: &RunId,
        of_run: Result<impl IntoIterator<Item = T>, Error>,
    ) -> Result<(), Error> {
        match of_run {
            Ok(found) => self.found.extend(found),
            Err(error @ Error::Store(_)) => return Err(error),
            Err(error) => {
                tracing::error!(%run, %error, "a run cannot be read");
                if self.unreadable.iter().all(|known| known.run != *run) {
                    self.unreadable.push(Unreadable { run: run.clone(), why: error.to_string() });
                }
            }
        }
        Ok(())
    }
}

impl From<Listed> for Found<RunHead> {
    fn from(listed: Listed) -> Self {
        let unreadable = listed.damaged.into_iter().map(|(run, why)| Unreadable { run, why }).collect();
        Self { found: listed.heads, unreadable }
    }
}

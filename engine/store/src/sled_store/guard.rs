//! The wall around sled: a panic in it, which is how it answers to damaged files, becomes an error. So does each of its own
//! errors. Nothing here tries again.

use crate::{Error, Result};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Calls into sled. `what` completes "… failed" for people.
pub(super) fn guarded<T>(what: &'static str, call: impl FnOnce() -> Result<T>) -> Result<T> {
    // What a panic may leave half-done is sled's memory of its file. A panic while writing stops all writing, and one while
    // reading changes nothing that is ours.
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(answer) => answer,
        Err(panic) => {
            let said = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("no reason was given");
            Err(Error::Damaged(format!("{what} failed inside the database ({said})")))
        }
    }
}

impl From<sled::Error> for Error {
    fn from(error: sled::Error) -> Self {
        match error {
            sled::Error::Corruption { at: Some(at), .. } => {
                Self::Damaged(format!("a part of the database's file is not what was written (at {at:?})"))
            }
            sled::Error::Corruption { at: None, .. } => {
                Self::Damaged("a part of the database's files is not what was written".into())
            }
            sled::Error::ReportableBug(_) => Self::Damaged(error.to_string()),
            // It says this of settings that it did not write so; we use nothing that it does not support.
            sled::Error::Unsupported(_) => Self::Damaged(error.to_string()),
            sled::Error::Io(_) | sled::Error::CollectionNotFound(_) => Self::Io(error.to_string()),
        }
    }
}

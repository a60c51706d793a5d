//! Where facts are kept.
//!
//! [`Store`] is the seam: all-or-nothing writes with an expected sequence number, and the few reads the runtime needs.
//! [`MemoryStore`] is the reference, [`SledStore`] the embedded default; both pass `conformance`. [`Committer`] is the one
//! thread that writes: it groups what is waiting into one batch, and answers only when the batch is durable. [`FileStore`]
//! keeps PDFs and other content under its digest, never in the store; `archive` keeps runs that are over and old beside them.
//! `backup` is a whole store as one file. What a run means is none of this crate's business.

pub mod archive;
pub mod backup;
mod committer;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod disk;
mod files;
pub mod limits;
mod lock;
mod measure;
mod memory;
mod sled_store;
mod store;

pub use committer::{CommitError, Committer};
pub use files::FileStore;
pub use lock::{Holder, Lock, holder};
pub use memory::MemoryStore;
pub use sled_store::{Compacted, Progress, SledStore};
pub use store::{
    Commit, Conflict, DueTimers, Error, InboxEntry, InboxQuery, InboxRow, Result, RunHead, RunQuery, Store, StoredPlan,
    Timer, WaitRow, Write,
};

//! Where facts are kept.
//!
//! [`Store`] is the seam: all-or-nothing writes with an expected sequence number, and the few reads the runtime needs.
//! `memory` is the reference, `sled` the embedded default; both pass `conformance`. [`Committer`] is the one thread that
//! writes: it groups what is waiting into one batch, and answers only when the batch is durable. `files` keeps PDFs and
//! other content under its digest, never in the store. What a run means is none of this crate's business.

mod store;

pub use store::{
    Commit, Conflict, DueTimers, Error, InboxEntry, InboxQuery, Result, RunHead, RunQuery, Store, StoredPlan, Timer,
    WaitRow, Write,
};

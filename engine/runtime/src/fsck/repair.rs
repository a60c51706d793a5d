//! Index rows put right, by the same kind of write that a turn makes: nothing is decided, and no journal is touched.

use super::Rows;
use crate::Error;
use engross_core::RunId;
use engross_store::{Commit, RunHead, Store, Write};

/// Sets what is missing and clears what is too much. Whether that could be done: rows of a run that is not there are cleared
/// together with a run that is, and there must be one.
pub(super) fn rows(
    store: &dyn Store,
    run: &RunId,
    head: Option<&RunHead>,
    missing: &Rows,
    extra: &Rows,
) -> Result<bool, Error> {
    let head = match head {
        Some(head) => head.clone(),
        None => match store.all_runs(None, 1)?.into_iter().next() {
            Some(carrier) => carrier,
            None => return Ok(false),
        },
    };
    let commit = Commit {
        run: head.run.clone(),
        expected_seq: head.seq,
        fence: 0,
        records: Vec::new(),
        head,
        plan: None,
        timers_set: missing.timers.iter().cloned().collect(),
        timers_cleared: extra.timers.iter().cloned().collect(),
        waits_set: missing.waits.iter().cloned().collect(),
        waits_cleared: extra.waits.iter().cloned().collect(),
        marks: Vec::new(),
    };
    match store.write(&[Write::Run(Box::new(commit))])?.into_iter().next() {
        Some(Ok(())) => Ok(true),
        Some(Err(conflict)) => Err(Error::Store(format!("the rows of run {run} could not be put right: {conflict}"))),
        None => Err(Error::Store("the store gave no answer".to_string())),
    }
}

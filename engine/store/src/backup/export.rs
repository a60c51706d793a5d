//! A store written as lines. It is only read, page by page, so that memory stays the same however much there is.
//!
//! While an engine writes to the store, what comes out is consistent run by run: each run as of one moment. Events go first,
//! because a run may take one while the export is under way: then the event is there as not settled, and an engine that
//! takes the copy over offers it once more to a run that has had it and says no.

use super::line::{Counts, ExportError, Line, LineWriter};
use crate::limits::{EXPORT_RECORDS_AT_ONCE, SCAN_ROWS_AT_ONCE};
use crate::{Error, RunHead, Store};
use engross_core::{PlanDigest, RunId};
use std::collections::BTreeSet;
use std::io::Write;

/// Marks of an import's own, which say nothing about another store.
pub(super) const IMPORT_MARKS: &str = "import/";

/// Writes a whole store. `product` is the program and its version, `at` the time as RFC 3339; `progress` is told now and then
/// what has been written so far.
///
/// # Errors
/// The store cannot be read, or where it goes did not take it. What has been written then has no last line and is refused by
/// every reader.
pub fn export<W: Write>(
    store: &dyn Store,
    to: W,
    product: &str,
    at: String,
    progress: &mut dyn FnMut(Counts),
) -> Result<(W, Counts), ExportError> {
    let mut lines = LineWriter::begin(to, product, at)?;
    let mut after = None;
    loop {
        let page = store.all_events(after.as_ref(), SCAN_ROWS_AT_ONCE)?;
        let Some(last) = page.last() else { break };
        after = Some(last.entry.event.id.clone());
        for row in page {
            lines.line(&Line::Event { entry: row.entry, settled: row.settled })?;
        }
        progress(lines.counts());
    }
    for (name, value) in store.marks("")? {
        if !name.starts_with(IMPORT_MARKS) {
            lines.line(&Line::Mark { name, value })?;
        }
    }
    let mut plans = BTreeSet::new();
    let mut after: Option<RunId> = None;
    loop {
        let page = store.all_runs(after.as_ref(), SCAN_ROWS_AT_ONCE)?;
        let Some(last) = page.last() else { break };
        after = Some(last.run.clone());
        for head in page {
            // A run may have been archived since the page was read; it may also have gone on.
            if let Some(head) = store.head(&head.run)? {
                write_run(store, &mut lines, head, &mut plans)?;
                progress(lines.counts());
            }
        }
    }
    Ok(lines.end()?)
}

/// Writes one run as an export of its own. None when there is no such run.
///
/// # Errors
/// As [`export`].
pub fn export_run<W: Write>(
    store: &dyn Store,
    run: &RunId,
    to: W,
    product: &str,
    at: String,
) -> Result<Option<(W, RunHead)>, ExportError> {
    let Some(head) = store.head(run)? else { return Ok(None) };
    let mut lines = LineWriter::begin(to, product, at)?;
    write_run(store, &mut lines, head.clone(), &mut BTreeSet::new())?;
    let (to, _) = lines.end()?;
    Ok(Some((to, head)))
}

fn write_run<W: Write>(
    store: &dyn Store,
    lines: &mut LineWriter<W>,
    head: RunHead,
    plans: &mut BTreeSet<PlanDigest>,
) -> Result<(), ExportError> {
    if plans.insert(head.plan.clone()) {
        let (digest, run) = (&head.plan, &head.run);
        let missing = || Error::Damaged(format!("plan {digest} of run {run} is not in the store"));
        let plan = store.plan(digest)?.ok_or_else(missing)?;
        lines.line(&Line::Plan(Box::new(plan)))?;
    }
    let (run, end) = (head.run.clone(), head.seq);
    let holds_key = match &head.key {
        Some(key) => store.run_by_key(&head.workflow, key)?.as_ref() == Some(&run),
        None => false,
    };
    lines.line(&Line::Run { head: Box::new(head), holds_key })?;
    let mut after = 0;
    while after < end {
        let page = store.journal(&run, after, EXPORT_RECORDS_AT_ONCE)?;
        if page.is_empty() {
            return Err(
                Error::Damaged(format!("the journal of run {run} ends at {after}, and its head is at {end}")).into()
            );
        }
        for record in page.into_iter().filter(|record| record.seq <= end) {
            after = record.seq;
            lines.line(&Line::Record(Box::new(record)))?;
        }
    }
    Ok(())
}

//! A store written as lines. It is only read, page by page, so that memory stays the same however much there is.
//!
//! While an engine writes to the store, what comes out is consistent run by run: each run as of one moment. Events go first,
//! because a run may take one while the export is under way: then the event is there as not settled, and an engine that
//! takes the copy over offers it once more to a run that has had it and says no.

use super::journal::JournalCheck;
use super::line::{Counts, ExportError, LeftOut, Line, LineWriter};
use crate::limits::{EXPORT_RECORDS_AT_ONCE, SCAN_ROWS_AT_ONCE};
use crate::{Error, RunHead, Store};
use engross_core::{Plan, PlanDigest, RunId};
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
    write_all(store, &mut lines, None, progress)?;
    Ok(lines.end()?)
}

/// Writes what is sound of a store: a run that cannot be read, or whose journal is not what was written, is left out, and the
/// file says so. What else is damaged, the list of the runs for example, ends it.
///
/// # Errors
/// As [`export`].
pub fn export_sound<W: Write>(
    store: &dyn Store,
    to: W,
    product: &str,
    at: String,
    progress: &mut dyn FnMut(Counts),
) -> Result<(W, Counts, Vec<LeftOut>), ExportError> {
    let mut lines = LineWriter::begin_in_part(to, product, at)?;
    let mut left_out = Vec::new();
    write_all(store, &mut lines, Some(&mut left_out), progress)?;
    let (to, counts) = lines.end()?;
    Ok((to, counts, left_out))
}

/// Writes all lines between the first and the last. With a place for what is left out, each run is read through before.
fn write_all<W: Write>(
    store: &dyn Store,
    lines: &mut LineWriter<W>,
    mut left_out: Option<&mut Vec<LeftOut>>,
    progress: &mut dyn FnMut(Counts),
) -> Result<(), ExportError> {
    write_events(store, lines, progress)?;
    for (name, value) in store.marks("")? {
        if !name.starts_with(IMPORT_MARKS) {
            lines.line(&Line::Mark { name, value })?;
        }
    }
    let mut plans = BTreeSet::new();
    let mut after: Option<RunId> = None;
    loop {
        let page = store.all_runs(after.as_ref(), SCAN_ROWS_AT_ONCE)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.run.clone());
        for head in page {
            // A run may have been archived since the page was read; it may also have gone on.
            let Some(head) = store.head(&head.run)? else { continue };
            if let Some(left_out) = &mut left_out
                && let Some(why) = unsound(store, &head)?
            {
                let left = LeftOut { run: head.run, why };
                lines.line(&Line::LeftOut(left.clone()))?;
                left_out.push(left);
                continue;
            }
            write_run(store, lines, head, &mut plans)?;
            progress(lines.counts());
        }
    }
}

fn write_events<W: Write>(
    store: &dyn Store,
    lines: &mut LineWriter<W>,
    progress: &mut dyn FnMut(Counts),
) -> Result<(), ExportError> {
    let mut after = None;
    loop {
        let page = store.all_events(after.as_ref(), SCAN_ROWS_AT_ONCE)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.entry.event.id.clone());
        for row in page {
            lines.line(&Line::Event { entry: row.entry, settled: row.settled })?;
        }
        progress(lines.counts());
    }
}

/// Why a run cannot be exported, when it cannot: its plan, its key or its journal is not what was written.
fn unsound(store: &dyn Store, head: &RunHead) -> crate::Result<Option<String>> {
    match read_through(store, head) {
        Ok(found) => Ok(found),
        Err(Error::Damaged(why)) => Ok(Some(why)),
        Err(error) => Err(error),
    }
}

fn read_through(store: &dyn Store, head: &RunHead) -> crate::Result<Option<String>> {
    match store.plan(&head.plan)?.map(|stored| Plan::build(stored.definition)) {
        Some(Ok(plan)) if *plan.digest() == head.plan => {}
        Some(Ok(_)) => return Ok(Some(format!("its plan {} is not what was written", head.plan))),
        Some(Err(error)) => return Ok(Some(format!("its plan {} cannot be used: {error}", head.plan))),
        None => return Ok(Some(format!("its plan {} is not in the store", head.plan))),
    }
    if let Some(key) = &head.key {
        store.run_by_key(&head.workflow, key)?;
    }
    let mut journal = JournalCheck::new(head.clone());
    while journal.last() < head.seq {
        let page = store.journal(&head.run, journal.last(), EXPORT_RECORDS_AT_ONCE)?;
        if page.is_empty() {
            break;
        }
        for record in page.iter().filter(|record| record.seq <= head.seq) {
            if let Err(why) = journal.record(record) {
                return Ok(Some(why));
            }
        }
    }
    Ok(journal.finish().1.into_iter().next())
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
    let of_run = |error: Error| match error {
        Error::Damaged(why) => Error::Damaged(format!("run {run}: {why}")),
        error => error,
    };
    let holds_key = match &head.key {
        Some(key) => store.run_by_key(&head.workflow, key).map_err(of_run)?.as_ref() == Some(&run),
        None => false,
    };
    lines.line(&Line::Run { head: Box::new(head), holds_key })?;
    let mut after = 0;
    while after < end {
        let page = store.journal(&run, after, EXPORT_RECORDS_AT_ONCE).map_err(of_run)?;
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

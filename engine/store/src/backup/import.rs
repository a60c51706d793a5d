//! An export into an empty store. The whole file is checked first; then it is read once more and written in durable batches.
//!
//! A mark says that an import is under way, so that one that was interrupted is neither taken for a store nor lost: the same
//! import goes on where it was.

use super::check::{Problem, check};
use super::journal::JournalCheck;
use super::line::{Counts, Line, LineReader};
use super::rows::owed_rows;
use crate::archive::mark_names;
use crate::limits::{BATCH_BYTES_MAX, BATCH_WRITES_MAX, EXPORT_RECORDS_AT_ONCE};
use crate::measure::measure;
use crate::{Commit, Conflict, Error, RunHead, Store, StoredPlan, Write};
use engross_core::{Record, RunId};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{self, BufRead};

const UNFINISHED: &str = "import/unfinished";

/// Marks that the archive leaves for runs whose key is held for ever; their value is the run's head.
pub const ARCHIVED_MARKS: &str = "archived/";

/// Why an import was not done.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The export is not sound; nothing was written.
    #[error("the export has {} problems, and nothing of it was taken", .0.len())]
    Refused(Vec<Problem>),
    /// The store has something in it; nothing was written.
    #[error("the store is not empty: it has {0}")]
    NotEmpty(String),
    /// The export cannot be opened or read.
    #[error("the export cannot be read: {0}")]
    Read(#[from] io::Error),
    /// What was read the second time is not what was checked the first time.
    #[error("the export changed while it was read (line {0}); do the import again")]
    Changed(u64),
    /// The store failed or refused.
    #[error(transparent)]
    Store(#[from] Error),
    /// The store has something that does not fit.
    #[error("run {run} could not be written: {conflict}")]
    Conflict {
        /// Which run.
        run: RunId,
        /// Why.
        conflict: Conflict,
    },
}

/// The digest of the export whose import into this store was begun and not finished.
///
/// # Errors
/// The store cannot be read.
pub fn unfinished_import(store: &dyn Store) -> crate::Result<Option<String>> {
    let mark = store.mark(UNFINISHED)?;
    Ok(mark.map(|value| value.as_str().unwrap_or_default().to_owned()))
}

/// Checks an export, and fills an empty store with it. `open` is called twice and reads from the beginning each time;
/// `progress` is told whether lines are being written or only checked, and how many of each there were.
///
/// # Errors
/// See [`ImportError`]. After [`ImportError::Store`] and the like the store holds a part of it; the same import goes on there.
pub fn import<R: BufRead>(
    store: &dyn Store,
    open: &mut dyn FnMut() -> io::Result<R>,
    progress: &mut dyn FnMut(bool, Counts),
) -> Result<Counts, ImportError> {
    let checked = check(open()?, &mut |counts| progress(false, counts)).map_err(ImportError::Refused)?;
    must_be_empty(store, &checked.sha256)?;
    let begun = Write::Mark { name: UNFINISHED.to_owned(), value: Some(Value::from(checked.sha256.clone())) };
    one(store, begun)?;
    let mut import = Import { store, batch: Vec::new(), bytes: 0, claimed: BTreeSet::new(), plan: None, open: None };
    let mut lines = LineReader::new(open()?);
    let mut counts = Counts::default();
    let mut ended = false;
    while let Some(line) = lines.next_line().map_err(|_| ImportError::Changed(lines.number()))? {
        counts.add(&line);
        if let Line::End { sha256, .. } = &line {
            if *sha256 != checked.sha256 || *sha256 != lines.digest() {
                return Err(ImportError::Changed(lines.number()));
            }
            ended = true;
        }
        if !import.line(line)? {
            return Err(ImportError::Changed(lines.number()));
        }
        progress(true, counts);
    }
    import.flush()?;
    if !ended {
        return Err(ImportError::Changed(lines.number()));
    }
    one(store, Write::Mark { name: UNFINISHED.to_owned(), value: None })?;
    Ok(counts)
}

fn one(store: &dyn Store, write: Write) -> Result<(), ImportError> {
    // A mark meets no conflict.
    store.write(&[write])?;
    Ok(())
}

fn must_be_empty(store: &dyn Store, sha256: &str) -> Result<(), ImportError> {
    match unfinished_import(store)? {
        Some(digest) if digest == sha256 => return Ok(()),
        Some(digest) => {
            let what = format!("a part of another export (SHA-256 {digest}), whose import was not finished");
            return Err(ImportError::NotEmpty(what));
        }
        None => {}
    }
    if let Some(head) = store.all_runs(None, 1)?.first() {
        return Err(ImportError::NotEmpty(format!("runs, such as {}", head.run)));
    }
    if let Some(row) = store.all_events(None, 1)?.first() {
        return Err(ImportError::NotEmpty(format!("events, such as {}", row.entry.event.id)));
    }
    if let Some((name, _)) = store.marks("")?.first() {
        return Err(ImportError::NotEmpty(format!("marks, such as `{name}`")));
    }
    Ok(())
}

struct Import<'a> {
    store: &'a dyn Store,
    batch: Vec<Write>,
    bytes: usize,
    /// Keys that the batch claims.
    claimed: BTreeSet<(String, String)>,
    plan: Option<Box<StoredPlan>>,
    open: Option<OpenRun>,
}

/// A run whose records are coming.
struct OpenRun {
    journal: JournalCheck,
    plan: Option<StoredPlan>,
    records: Vec<Record>,
    /// Up to where the store has the journal, once the batch is written.
    written: u64,
    /// What the head is called by until the run is all there: without its key when another run holds that.
    key: Option<String>,
}

impl Import<'_> {
    /// Whether the line is one that the check let through.
    fn line(&mut self, line: Line) -> Result<bool, ImportError> {
        if !matches!(line, Line::Record(_)) && !self.close_run()? {
            return Ok(false);
        }
        match line {
            Line::Header { .. } | Line::LeftOut(_) | Line::End { .. } => {}
            Line::Event { entry, settled } => {
                let id = entry.event.id.clone();
                self.push(Write::Inbox(entry))?;
                if settled {
                    self.push(Write::Matched(id))?;
                }
            }
            Line::Mark { name, value } => self.mark(name, value)?,
            Line::Plan(plan) => self.plan = Some(plan),
            Line::Run { head, holds_key } => self.run(*head, holds_key)?,
            Line::Record(record) => {
                let Some(open) = &mut self.open else { return Ok(false) };
                if open.journal.record(&record).is_err() {
                    return Ok(false);
                }
                if record.seq > open.written {
                    open.records.push(*record);
                }
                if open.records.len() >= EXPORT_RECORDS_AT_ONCE {
                    self.part_of_run()?;
                }
            }
        }
        Ok(true)
    }

    /// A run that is archived holds its key for ever: it is put there, and goes again, and its key stays.
    fn mark(&mut self, name: String, value: Value) -> Result<(), ImportError> {
        if name.starts_with(ARCHIVED_MARKS)
            && let Ok(head) = serde_json::from_value::<RunHead>(value.clone())
        {
            let run = head.run.clone();
            let head = RunHead { seq: 0, ..head };
            self.push(Write::Run(Box::new(commit(head, 0))))?;
            self.push(Write::Remove(run))?;
        }
        self.push(Write::Mark { name, value: Some(value) })
    }

    fn run(&mut self, head: RunHead, holds_key: bool) -> Result<(), ImportError> {
        self.unmark(&head.run)?;
        let held = self.store.head(&head.run)?;
        let key = match (&held, &head.key) {
            (Some(held), _) => held.key.clone(),
            (None, Some(key)) if holds_key && self.is_free(&head, key)? => {
                self.claimed.insert((head.workflow.clone(), key.clone()));
                Some(key.clone())
            }
            (None, _) => None,
        };
        let written = held.map_or(0, |held| held.seq);
        let plan = self.plan.take().map(|plan| *plan);
        self.open = Some(OpenRun { journal: JournalCheck::new(head), plan, records: Vec::new(), written, key });
        Ok(())
    }

    /// A run that the copy has is not only in the archive, whatever a mark of it says: a store of an earlier version may have
    /// had both.
    fn unmark(&mut self, run: &RunId) -> Result<(), ImportError> {
        let names = mark_names(run);
        let is_pending = |write: &Write| matches!(write, Write::Mark { name, .. } if names.contains(name));
        if self.batch.iter().any(is_pending) {
            self.flush()?;
        }
        for name in names {
            if self.store.mark(&name)?.is_some() {
                self.push(Write::Mark { name, value: None })?;
            }
        }
        Ok(())
    }

    /// Whether no other run of the copy holds the key. Two can seem to, when the export was made while an engine ran.
    fn is_free(&self, head: &RunHead, key: &str) -> Result<bool, ImportError> {
        if self.claimed.contains(&(head.workflow.clone(), key.to_owned())) {
            return Ok(false);
        }
        let Some(holder) = self.store.run_by_key(&head.workflow, key)? else { return Ok(true) };
        Ok(self.store.head(&holder)?.is_some_and(|held| !held.holds_its_key()))
    }

    /// Writes the records that have come of a run of which more are to come.
    fn part_of_run(&mut self) -> Result<(), ImportError> {
        let Some(open) = &mut self.open else { return Ok(()) };
        let seq = open.journal.last();
        let mut part = commit(RunHead { seq, key: open.key.clone(), ..open.journal.head().clone() }, open.written);
        part.records = std::mem::take(&mut open.records);
        part.plan = open.plan.take();
        open.written = seq;
        self.push(Write::Run(Box::new(part)))
    }

    /// Writes what is left of a run, with its rows and its true head.
    fn close_run(&mut self) -> Result<bool, ImportError> {
        let Some(open) = &self.open else { return Ok(true) };
        if !open.records.is_empty() {
            self.part_of_run()?;
        }
        let Some(open) = self.open.take() else { return Ok(true) };
        let head = open.journal.head().clone();
        let (Some(state), _) = open.journal.finish() else { return Ok(false) };
        let (timers, waits) = owed_rows(&state);
        let mut last = commit(head, open.written);
        last.timers_set = timers.into_iter().collect();
        last.waits_set = waits.into_iter().collect();
        self.push(Write::Run(Box::new(last)))?;
        Ok(true)
    }

    fn push(&mut self, write: Write) -> Result<(), ImportError> {
        self.bytes = self.bytes.saturating_add(measure(&write)?);
        self.batch.push(write);
        if self.batch.len() >= BATCH_WRITES_MAX || self.bytes >= BATCH_BYTES_MAX {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), ImportError> {
        let batch = std::mem::take(&mut self.batch);
        self.bytes = 0;
        self.claimed.clear();
        for (write, answer) in batch.iter().zip(self.store.write(&batch)?) {
            match (write, answer) {
                // An event that the interrupted import wrote.
                (_, Ok(())) | (Write::Inbox(_), Err(Conflict::Duplicate)) => {}
                // A key that the interrupted import has put there already.
                (Write::Run(commit), Err(Conflict::KeyTaken { .. } | Conflict::Archived)) if commit.head.seq == 0 => {}
                (Write::Run(commit), Err(conflict)) => {
                    return Err(ImportError::Conflict { run: commit.run.clone(), conflict });
                }
                (_, Err(conflict)) => return Err(Error::Io(format!("the store refused a write: {conflict}")).into()),
            }
        }
        Ok(())
    }
}

/// A commit of nothing but a head, after number `expected_seq`.
fn commit(head: RunHead, expected_seq: u64) -> Commit {
    Commit {
        run: head.run.clone(),
        expected_seq,
        fence: 0,
        records: Vec::new(),
        head,
        plan: None,
        timers_set: Vec::new(),
        timers_cleared: Vec::new(),
        waits_set: Vec::new(),
        waits_cleared: Vec::new(),
        marks: Vec::new(),
    }
}

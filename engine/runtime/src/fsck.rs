//! Whether every run that is open will go on: each journal folds to its stored head, and the timers and waits in the store are
//! exactly those that the runs owe. `verify` asks another question, whether everything that is kept is what was written.
//!
//! All of it reads a store and nothing else, so that it works with and without an engine. While one works on the store, rows
//! and journals are read at different moments; what seems wrong of a run is believed only when the run stood still meanwhile.
//! `repair` puts index rows right, never a journal, and only where no engine runs.

mod archive;
mod files;
mod repair;
mod run;
#[cfg(test)]
mod tests;
mod verify;

pub use archive::{not_found, verify_archive};
pub use verify::verify;

use crate::Error;
use crate::engine::Engine;
use crate::limits::{FSCK_FINDINGS_MAX, FSCK_PAGE, FSCK_RUNS_AT_ONCE, FSCK_TRIES_MAX};
use engross_core::{RunId, StepId};
use engross_store::{RunHead, Store, Timer, WaitRow};
use run::{Examined, Examiner};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Something that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// A short stable word for programs: `timer_missing`.
    pub code: String,
    /// Whose run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// Which step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepId>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: String,
    /// Whether it has been put right.
    #[serde(default)]
    pub repaired: bool,
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Runs that were looked at.
    pub runs: u64,
    /// Archived runs that were looked at.
    #[serde(default)]
    pub archived: u64,
    /// Records that were read.
    pub records: u64,
    /// Timers and waits that were read.
    pub rows: u64,
    /// Runs that never stood still long enough to be judged.
    pub busy: u64,
    /// What is wrong, at most [`FSCK_FINDINGS_MAX`] of it.
    pub findings: Vec<Finding>,
    /// How much more is wrong.
    pub more: u64,
}

impl Report {
    /// Whether nothing is wrong, or not any more.
    pub fn is_good(&self) -> bool {
        self.more == 0 && self.findings.iter().all(|finding| finding.repaired)
    }

    fn add(&mut self, findings: impl IntoIterator<Item = Finding>) {
        for finding in findings {
            if self.findings.len() < FSCK_FINDINGS_MAX {
                self.findings.push(finding);
            } else {
                self.more = self.more.saturating_add(1);
            }
        }
    }
}

/// How to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// An engine works on the store.
    Live,
    /// Nothing else has the store.
    Stopped,
    /// Nothing else has the store, and index rows are put right.
    Repair,
}

/// Tells whether the content of a digest is kept.
pub type HasFile<'a> = &'a dyn Fn(&str) -> Result<bool, String>;

/// Checks every run that is open, and every timer and wait. `has_file` is asked for each file that outputs name; `progress` is
/// told how many runs have been looked at.
///
/// # Errors
/// The store cannot be read, or not be repaired.
pub fn fsck(
    store: &dyn Store,
    mode: Mode,
    has_file: HasFile<'_>,
    progress: &mut dyn FnMut(u64),
) -> Result<Report, Error> {
    let mut examiner = Examiner::new(store, mode, has_file);
    let mut report = Report::default();
    let mut after: Option<RunId> = None;
    loop {
        let (portion, last) = portion(store, after.as_ref())?;
        let within = Range { after: after.clone(), last: last.clone() };
        examine(&mut examiner, portion, &within, &mut report, progress)?;
        match last {
            Some(last) => after = Some(last),
            None => break,
        }
    }
    // What was looked at again comes late; a reader looks for runs.
    report.findings.sort_by(|a, b| a.run.cmp(&b.run));
    Ok(report)
}

/// Ids after one and up to another; without the other, all that come after.
struct Range {
    after: Option<RunId>,
    last: Option<RunId>,
}

impl Range {
    fn has(&self, run: &RunId) -> bool {
        self.after.as_ref().is_none_or(|after| run > after) && self.last.as_ref().is_none_or(|last| run <= last)
    }
}

/// The next open runs with the numbers of their last records, and the run up to which these are all; none when there are no
/// more after them.
fn portion(store: &dyn Store, after: Option<&RunId>) -> Result<(BTreeMap<RunId, u64>, Option<RunId>), Error> {
    let mut open = BTreeMap::new();
    let mut after = after.cloned();
    loop {
        let page = store.all_runs(after.as_ref(), FSCK_PAGE)?;
        let Some(last) = page.last().map(|head| head.run.clone()) else { return Ok((open, None)) };
        open.extend(page.into_iter().filter(|h| !h.status.is_over()).map(|RunHead { run, seq, .. }| (run, seq)));
        if open.len() >= FSCK_RUNS_AT_ONCE {
            return Ok((open, Some(last)));
        }
        after = Some(last);
    }
}

/// The index rows of a run.
#[derive(Debug, Default)]
struct Rows {
    timers: BTreeSet<Timer>,
    waits: BTreeSet<WaitRow>,
}

/// The rows of some runs, and how many rows there are in all.
fn rows_of(store: &dyn Store, wanted: &dyn Fn(&RunId) -> bool) -> Result<(BTreeMap<RunId, Rows>, u64), Error> {
    let mut found: BTreeMap<RunId, Rows> = BTreeMap::new();
    let mut count = 0_u64;
    let mut after: Option<Timer> = None;
    loop {
        let page = store.all_timers(after.as_ref(), FSCK_PAGE)?;
        let Some(last) = page.last() else { break };
        after = Some(last.clone());
        count = count.saturating_add(page.len() as u64);
        for timer in page.into_iter().filter(|timer| wanted(&timer.run)) {
            found.entry(timer.run.clone()).or_default().timers.insert(timer);
        }
    }
    let mut after: Option<WaitRow> = None;
    loop {
        let page = store.all_waits(after.as_ref(), FSCK_PAGE)?;
        let Some(last) = page.last() else { break };
        after = Some(last.clone());
        count = count.saturating_add(page.len() as u64);
        for wait in page.into_iter().filter(|wait| wanted(&wait.run)) {
            found.entry(wait.run.clone()).or_default().waits.insert(wait);
        }
    }
    Ok((found, count))
}

/// Judges runs, and whoever else has rows in their range. What moved meanwhile is looked at again.
fn examine(
    examiner: &mut Examiner<'_>,
    runs: BTreeMap<RunId, u64>,
    within: &Range,
    report: &mut Report,
    progress: &mut dyn FnMut(u64),
) -> Result<(), Error> {
    // The number of the last record before the rows are read; none of a run that is not there.
    let mut open: BTreeMap<RunId, Option<u64>> = runs.into_iter().map(|(run, seq)| (run, Some(seq))).collect();
    for tries in 0..FSCK_TRIES_MAX {
        let (mut rows, count) = match tries {
            0 => rows_of(examiner.store, &|run| within.has(run))?,
            _ => rows_of(examiner.store, &|run| open.contains_key(run))?,
        };
        if tries == 0 {
            // Every portion reads all rows; they count once.
            report.rows = report.rows.max(count);
        }
        let mut again = BTreeMap::new();
        for run in rows.keys().filter(|run| !open.contains_key(*run)).cloned().collect::<Vec<_>>() {
            let seq = examiner.store.head(&run)?.map(|head| head.seq);
            match examiner.is_live() {
                // It may have begun after the runs were read.
                true => drop(again.insert(run, seq)),
                false => drop(open.insert(run, seq)),
            }
        }
        for (run, seq) in std::mem::take(&mut open) {
            match examiner.run(&run, seq, rows.remove(&run).unwrap_or_default())? {
                Examined::Judged { records, findings } => {
                    report.runs = report.runs.saturating_add(1);
                    report.records = report.records.saturating_add(records);
                    report.add(findings);
                    progress(report.runs);
                }
                Examined::Moved(seq) => drop(again.insert(run, seq)),
            }
        }
        open = again;
        if open.is_empty() {
            break;
        }
    }
    report.busy = report.busy.saturating_add(open.len() as u64);
    Ok(())
}

impl Engine {
    /// Checks the runs of this engine's store while it works.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn fsck(&self, mut progress: impl FnMut(u64) + Send + 'static) -> Result<Report, Error> {
        let (store, files) = (self.inner.store.clone(), self.inner.files.clone());
        let runtime = tokio::runtime::Handle::current();
        let check = move || {
            let has_file = |sha256: &str| runtime.block_on(files.has(sha256)).map_err(|error| error.to_string());
            fsck(&*store, Mode::Live, &has_file, &mut progress)
        };
        finished(tokio::task::spawn_blocking(check).await)
    }

    /// Checks everything that this engine's store and its archive keep, while it works.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn verify(&self, mut progress: impl FnMut(u64) + Send + 'static) -> Result<Report, Error> {
        let (store, archive) = (self.inner.store.clone(), self.archive().cloned());
        let runtime = tokio::runtime::Handle::current();
        let check = move || {
            let mut report = verify(&*store, Mode::Live, &mut progress)?;
            verify_archive(&*store, archive.as_ref(), &runtime, &mut report, &mut progress)?;
            Ok(report)
        };
        finished(tokio::task::spawn_blocking(check).await)
    }
}

fn finished(done: Result<Result<Report, Error>, tokio::task::JoinError>) -> Result<Report, Error> {
    done.unwrap_or_else(|error| Err(Error::Store(format!("the check did not come to its end: {error}"))))
}

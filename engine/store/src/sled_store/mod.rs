//! The embedded store: sled, used in the one way that was measured to keep its promises.
//!
//! One tree; one atomic batch for each call; `flush()`, which on Linux only hands the pages to the system; then our own
//! `sync_data()` of sled's file, which is what survives a power cut. There is no background flusher: nothing is pending
//! between two calls. Sled panics over damaged files, so that every call into it is guarded. `keys` knows how keys sort,
//! `rows` how values are framed and split, `write` and `read` what a commit means in rows. `generation` knows which of
//! several databases is the store, and `compact` moves it into a fresh one.

mod anchor;
mod compact;
mod durable;
mod generation;
mod guard;
mod keys;
mod migrate;
mod read;
mod rows;
#[cfg(test)]
mod tests;
mod write;

use crate::measure::encode;
use crate::store::newest;
use crate::{
    Conflict, DueTimers, Error, Holder, InboxEntry, InboxQuery, InboxRow, Lock, Result, RunHead, RunQuery, Store,
    StoredPlan, Timer, WaitRow, Write,
};
use anchor::Anchor;
pub use compact::{Compacted, Progress};
use engross_core::{EventId, PlanDigest, Record, RunId, Timestamp};
use generation::Generation;
use guard::guarded;
use keys::Key;
use rows::Staged;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// The version of keys and rows together. A store with an earlier one is moved to this one, one with a later is refused.
const FORMAT: u16 = 2;

/// A store in a directory of this machine, for one process at a time.
#[derive(Debug)]
pub struct SledStore {
    dir: PathBuf,
    /// The database, until `drop` takes it out. A value of many rows is read whole: readers hold this while they read, and
    /// stay out while a batch goes in. Only who holds `writer` puts another one in.
    current: RwLock<Option<Arc<Generation>>>,
    writer: Mutex<Writer>,
    /// As in the writer's counts, for those who do not want to wait for a writer.
    live_bytes: AtomicU64,
    fresh_bytes: AtomicU64,
    /// Held by the one compaction that is under way.
    compacting: Mutex<()>,
    // Last, so that the directory is let go of when nothing of sled is left.
    lock: Lock,
}

#[derive(Debug)]
struct Writer {
    /// Why nothing is written any more, once a write has failed: what the disk holds is not known after that.
    broken: Option<String>,
    /// As of the last durable batch.
    counts: Counts,
    anchor: Anchor,
    /// The keys that have changed since a compaction asked for them; none when nobody asks.
    changed: Option<BTreeSet<Key>>,
}

impl Writer {
    fn check(&self) -> Result<()> {
        match &self.broken {
            None => Ok(()),
            Some(reason) => {
                Err(Error::Io(format!("nothing is written after an earlier failure ({reason}); start again")))
            }
        }
    }
}

/// What every batch counts. An on-disk form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Counts {
    /// The number of the last batch.
    batches: u64,
    /// Bytes of all rows but this one.
    live_bytes: u64,
    /// What the database took on the disk when it was fresh from a compaction; 0 when it never was.
    fresh_bytes: u64,
    /// The newest time that was written. None where no version wrote that knows of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    latest: Option<Timestamp>,
}

impl Counts {
    /// Whether two databases end with the same batch and hold as much. What they took on the disk when they were fresh is
    /// not part of that: it is kept with the batch after a compaction, and there may be none before the next compaction.
    fn end_like(&self, other: &Self) -> bool {
        self.batches == other.batches && self.live_bytes == other.live_bytes
    }
}

fn counts_of(db: &sled::Db) -> Result<Counts> {
    Ok(rows::get_json(db, &keys::counts())?.unwrap_or_default())
}

/// The bytes of all rows but the counts.
fn live_rows(db: &sled::Db) -> Result<u64> {
    let mut bytes = 0_u64;
    for row in db.iter() {
        let (key, value) = row?;
        if *key != *keys::counts() {
            bytes = bytes.saturating_add(key.len() as u64).saturating_add(value.len() as u64);
        }
    }
    Ok(bytes)
}

impl SledStore {
    /// Opens the store in a directory, and makes both where they are not there.
    ///
    /// # Errors
    /// [`Error::Held`] with who holds the directory; [`Error::Damaged`] with what to do; [`Error::Io`].
    pub fn open(dir: &Path, holder: Holder) -> Result<Self> {
        let lock = Lock::acquire(dir, holder)?;
        let generation = Generation::open_current(dir).map_err(|e| in_words(dir, e))?;
        let anchor = Anchor::open(dir)
            .map_err(|e| Error::Io(format!("the anchor in {} cannot be opened: {e}", dir.display())))?;
        let writer = Writer { broken: None, counts: Counts::default(), anchor, changed: None };
        let store = Self {
            dir: dir.to_owned(),
            current: RwLock::new(Some(Arc::new(generation))),
            writer: Mutex::new(writer),
            live_bytes: AtomicU64::new(0),
            fresh_bytes: AtomicU64::new(0),
            compacting: Mutex::new(()),
            lock,
        };
        store.check_format()?;
        Ok(store)
    }

    /// Tells those who find the directory held where the API of this process is.
    ///
    /// # Errors
    /// [`Error::Io`] when that cannot be written down.
    pub fn announce_api(&self, url: &str) -> Result<()> {
        self.lock.announce_api(url)
    }

    fn generation(&self) -> Arc<Generation> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(current.as_ref().expect("the database is there until the store is dropped"))
    }

    fn check_format(&self) -> Result<()> {
        let found = self.read("reading its format", |db| rows::get_json::<u16>(db, &keys::format()))?;
        match found {
            // Not damage: the advice for that would be wrong here.
            Some(version) if version > FORMAT => Err(Error::Io(format!(
                "{} has format {version}, and this version of engross reads up to {FORMAT}; use a later version",
                self.dir.display()
            ))),
            Some(FORMAT) => self.check_batches(),
            Some(_) => {
                self.check_batches()?;
                self.migrate_from_1()
            }
            None => {
                self.check_batches()?;
                self.stage(|staged| staged.put(keys::format(), FORMAT.to_string().as_bytes()))
            }
        }
    }

    /// Whether everything that was promised is there.
    fn check_batches(&self) -> Result<()> {
        let counts = self.read("reading its last batch", |db| {
            let counts = counts_of(db)?;
            let before = rows::get_json::<u64>(db, &keys::batches_1())?.unwrap_or(0);
            Ok(Counts { batches: counts.batches.max(before), ..counts })
        })?;
        let mut writer = self.writer();
        let promised = writer.anchor.read().map_err(|e| Error::Io(format!("the anchor cannot be read: {e}")))?;
        let found = counts.batches;
        if promised > found {
            let what = format!("it ends at batch {found}, and batch {promised} was durable: the last ones are missing");
            return Err(in_words(&self.dir, Error::Damaged(what)));
        }
        self.count(&mut writer, counts);
        Ok(())
    }

    fn count(&self, writer: &mut Writer, counts: Counts) {
        writer.counts = counts;
        self.live_bytes.store(counts.live_bytes, Ordering::Relaxed);
        self.fresh_bytes.store(counts.fresh_bytes, Ordering::Relaxed);
    }

    /// How many changed keys wait for a compaction.
    fn changes(&self) -> usize {
        self.writer().changed.as_ref().map_or(0, BTreeSet::len)
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        // A panic under it is caught inside of it, so that it is never left half-changed.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T>(&self, what: &'static str, read: impl FnOnce(&sled::Db) -> Result<T>) -> Result<T> {
        let answer = guarded(what, || {
            let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
            read(&current.as_ref().expect("the database is there until the store is dropped").db)
        });
        answer.map_err(|e| in_words(&self.dir, e))
    }

    /// Stages changes and makes them durable, or changes nothing because staging failed, or nothing is known.
    fn stage<T>(&self, stage: impl FnOnce(&mut Staged<'_>) -> Result<T>) -> Result<T> {
        self.stage_dated(|staged, latest| Ok((stage(staged)?, latest)))
    }

    /// The same with the newest time that is written: what it was, and what it comes to be.
    fn stage_dated<T>(
        &self,
        stage: impl FnOnce(&mut Staged<'_>, Option<Timestamp>) -> Result<(T, Option<Timestamp>)>,
    ) -> Result<T> {
        let mut writer = self.writer();
        writer.check()?;
        let generation = self.generation();
        let answer = guarded("writing to it", || {
            let mut staged = Staged::over(&generation.db);
            let (answer, latest) = stage(&mut staged, writer.counts.latest)?;
            self.commit(staged, latest, &generation, &mut writer)?;
            Ok(answer)
        });
        answer.map_err(|error| {
            let error = in_words(&self.dir, error);
            if !error.is_refusal() {
                writer.broken = Some(error.to_string());
            }
            error
        })
    }

    fn commit(
        &self,
        mut staged: Staged<'_>,
        latest: Option<Timestamp>,
        generation: &Generation,
        writer: &mut Writer,
    ) -> Result<()> {
        if staged.is_empty() {
            return Ok(());
        }
        let Counts { batches, live_bytes, fresh_bytes, .. } = writer.counts;
        let live_bytes = staged.live_bytes(live_bytes);
        let counts = Counts { batches: batches.saturating_add(1), live_bytes, fresh_bytes, latest };
        staged.put(keys::counts(), &encode("the counts", &counts)?)?;
        if let Some(changed) = &mut writer.changed {
            changed.extend(staged.changed().cloned());
        }
        let batch = staged.into_batch();
        {
            let _gate = self.current.write().unwrap_or_else(PoisonError::into_inner);
            generation.db.apply_batch(batch)?;
        }
        generation.sync()?;
        self.count(writer, counts);
        writer.anchor.write(counts.batches).map_err(|e| Error::Io(format!("the disk did not keep a write: {e}")))
    }
}

impl Store for SledStore {
    fn write(&self, writes: &[Write]) -> Result<Vec<std::result::Result<(), Conflict>>> {
        self.stage_dated(|staged, latest| {
            let answers = writes.iter().map(|write| write::stage(staged, write)).collect::<Result<Vec<_>>>()?;
            let latest = newest(latest, writes.iter().zip(&answers));
            Ok((answers, latest))
        })
    }

    fn head(&self, run: &RunId) -> Result<Option<RunHead>> {
        self.read("reading a run", |db| read::head(db, run))
    }

    fn journal(&self, run: &RunId, after: u64, limit: usize) -> Result<Vec<Record>> {
        self.read("reading a journal", |db| read::journal(db, run, after, limit))
    }

    fn runs(&self, query: &RunQuery) -> Result<Vec<RunHead>> {
        self.read("listing runs", |db| read::runs(db, query))
    }

    fn run_by_key(&self, workflow: &str, key: &str) -> Result<Option<RunId>> {
        self.read("reading a key", |db| read::run_by_key(db, workflow, key))
    }

    fn plan(&self, digest: &PlanDigest) -> Result<Option<StoredPlan>> {
        self.read("reading a plan", |db| rows::get_json(db, &keys::plan(digest)))
    }

    fn due(&self, until: Timestamp, limit: usize) -> Result<DueTimers> {
        self.read("reading timers", |db| read::due(db, until, limit))
    }

    fn waits(&self, topic: &str) -> Result<Vec<WaitRow>> {
        self.read("reading waits", |db| read::waits(db, topic))
    }

    fn inbox(&self, query: &InboxQuery) -> Result<Vec<InboxEntry>> {
        self.read("reading the inbox", |db| match query {
            InboxQuery::Topic { topic, since } => read::topic(db, topic, *since),
            InboxQuery::Unmatched => read::unmatched(db),
        })
    }

    fn mark(&self, name: &str) -> Result<Option<Value>> {
        self.read("reading a mark", |db| read::mark(db, name))
    }

    fn marks(&self, prefix: &str) -> Result<Vec<(String, Value)>> {
        self.read("reading marks", |db| read::marks(db, prefix))
    }

    fn settled(&self, before: Timestamp, limit: usize) -> Result<Vec<EventId>> {
        self.read("reading settled events", |db| read::settled(db, before, limit))
    }

    fn all_runs(&self, after: Option<&RunId>, limit: usize) -> Result<Vec<RunHead>> {
        self.read("reading all runs", |db| read::page(db, &keys::heads(), after.map(keys::head), limit))
    }

    fn all_plans(&self, after: Option<&PlanDigest>, limit: usize) -> Result<Vec<StoredPlan>> {
        self.read("reading all plans", |db| read::page(db, &keys::plans(), after.map(keys::plan), limit))
    }

    fn all_timers(&self, after: Option<&Timer>, limit: usize) -> Result<Vec<Timer>> {
        self.read("reading all timers", |db| read::page(db, &keys::timers(), after.map(keys::timer), limit))
    }

    fn all_waits(&self, after: Option<&WaitRow>, limit: usize) -> Result<Vec<WaitRow>> {
        self.read("reading all waits", |db| read::page(db, &keys::all_waits(), after.map(keys::wait), limit))
    }

    fn all_events(&self, after: Option<&EventId>, limit: usize) -> Result<Vec<InboxRow>> {
        self.read("reading the whole inbox", |db| read::all_events(db, after, limit))
    }

    fn latest(&self) -> Result<Option<Timestamp>> {
        self.read("reading its newest time", |db| Ok(counts_of(db)?.latest))
    }

    fn check_counts(&self) -> Result<()> {
        self.read("counting its rows", |db| {
            let (counted, found) = (counts_of(db)?.live_bytes, live_rows(db)?);
            if counted == found {
                return Ok(());
            }
            Err(Error::Damaged(format!("its rows take {found} bytes, and those that were written take {counted}")))
        })
    }
}

impl Drop for SledStore {
    fn drop(&mut self) {
        let current = self.current.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        // Nobody else has it: whoever borrows the store is gone. Nothing is pending, so that nothing is lost when this fails.
        // Only when it is closed may the directory be let go of: whoever comes next finds nobody at sled's file.
        if let Some(generation) = current.and_then(Arc::into_inner)
            && let Err(error) = generation.close()
        {
            tracing::warn!(%error, "the store did not close cleanly");
        }
        self.writer().anchor.sync().ok();
    }
}

fn in_words(dir: &Path, error: Error) -> Error {
    let dir = dir.display();
    match error {
        Error::Damaged(what) => Error::Damaged(format!(
            "{what}. Stop what uses {dir}, move it aside for a closer look, and go on with the latest backup in its \
             place; where there is none, with an empty directory"
        )),
        other => other,
    }
}

//! The embedded store: sled, used in the one way that was measured to keep its promises.
//!
//! One tree; one atomic batch for each call; `flush()`, which on Linux only hands the pages to the system; then our own
//! `sync_data()` of sled's file, which is what survives a power cut. There is no background flusher: nothing is pending
//! between two calls. Sled panics over damaged files, so that every call into it is guarded. `keys` knows how keys sort,
//! `rows` how values are framed and split, `write` and `read` what a commit means in rows.

mod anchor;
mod guard;
mod keys;
mod read;
mod rows;
#[cfg(test)]
mod tests;
mod write;

use crate::disk::{create_private_dir, sync_dir};
use crate::limits::{SETTLE_PAUSE_MS, SETTLE_TRIES_MAX, SLED_CACHE_BYTES};
use crate::{
    Conflict, DueTimers, Error, Holder, InboxEntry, InboxQuery, InboxRow, Lock, Result, RunHead, RunQuery, Store,
    StoredPlan, Timer, WaitRow, Write,
};
use anchor::Anchor;
use engross_core::{EventId, PlanDigest, Record, RunId, Timestamp};
use guard::guarded;
use rows::Staged;
use serde_json::Value;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

/// Sled's own directory in the data directory: a name of its own, so that a compacted copy can take its place one day.
const SLED_DIR: &str = "sled";

/// The version of keys and rows together. A store with a later one is refused.
const FORMAT: u16 = 2;

/// A store in a directory of this machine, for one process at a time.
#[derive(Debug)]
pub struct SledStore {
    dir: PathBuf,
    // Some until `drop` takes it out.
    db: Option<sled::Db>,
    durable: Durable,
    writer: Mutex<Writer>,
    /// A value of many rows is read whole: readers stay out while a batch goes in.
    gate: RwLock<()>,
    // Last, so that the directory is let go of when nothing of sled is left.
    lock: Lock,
}

#[derive(Debug)]
struct Writer {
    /// Why nothing is written any more, once a write has failed: what the disk holds is not known after that.
    broken: Option<String>,
    /// The number of the last durable batch.
    batches: u64,
    anchor: Anchor,
}

impl SledStore {
    /// Opens the store in a directory, and makes both where they are not there.
    ///
    /// # Errors
    /// [`Error::Held`] with who holds the directory; [`Error::Damaged`] with what to do; [`Error::Io`].
    pub fn open(dir: &Path, holder: Holder) -> Result<Self> {
        let lock = Lock::acquire(dir, holder)?;
        let sled_dir = dir.join(SLED_DIR);
        let failed = |e: std::io::Error| Error::Io(format!("{} cannot be opened: {e}", sled_dir.display()));
        create_private_dir(&sled_dir).map_err(failed)?;
        wait_until_free(&sled_dir).map_err(failed)?;
        let config = sled::Config::new().path(&sled_dir).cache_capacity(SLED_CACHE_BYTES).flush_every_ms(None);
        let db = guarded("opening it", || config.open().map_err(Error::from)).map_err(|e| in_words(dir, e))?;
        let durable = Durable::open(&sled_dir).map_err(failed)?;
        let writer = Writer { broken: None, batches: 0, anchor: Anchor::open(dir).map_err(failed)? };
        let store = Self {
            dir: dir.to_owned(),
            db: Some(db),
            durable,
            writer: Mutex::new(writer),
            gate: RwLock::new(()),
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

    fn db(&self) -> &sled::Db {
        self.db.as_ref().expect("the database is there until the store is dropped")
    }

    fn check_format(&self) -> Result<()> {
        let found = self.read("reading its format", |db| rows::get_json::<u16>(db, &keys::format()))?;
        match found {
            // Not damage: the advice for that would be wrong here.
            Some(version) if version > FORMAT => Err(Error::Io(format!(
                "{} has format {version}, and this version of engross reads up to {FORMAT}; use a later version",
                self.dir.display()
            ))),
            Some(_) => self.check_batches(),
            None => {
                self.check_batches()?;
                self.stage(|staged| staged.put(keys::format(), FORMAT.to_string().as_bytes()))
            }
        }
    }

    /// Whether everything that was promised is there.
    fn check_batches(&self) -> Result<()> {
        let found = self.read("reading its last batch", |db| rows::get_json::<u64>(db, &keys::batches()))?.unwrap_or(0);
        let mut writer = self.writer();
        let promised = writer.anchor.read().map_err(|e| Error::Io(format!("the anchor cannot be read: {e}")))?;
        if promised > found {
            let what = format!("it ends at batch {found}, and batch {promised} was durable: the last ones are missing");
            return Err(in_words(&self.dir, Error::Damaged(what)));
        }
        writer.batches = found;
        Ok(())
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        // A panic under it is caught inside of it, so that it is never left half-changed.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T>(&self, what: &'static str, read: impl FnOnce(&sled::Db) -> Result<T>) -> Result<T> {
        let answer = guarded(what, || {
            let _gate = self.gate.read().unwrap_or_else(PoisonError::into_inner);
            read(self.db())
        });
        answer.map_err(|e| in_words(&self.dir, e))
    }

    /// Stages changes and makes them durable, or changes nothing because staging failed, or nothing is known.
    fn stage<T>(&self, stage: impl FnOnce(&mut Staged<'_>) -> Result<T>) -> Result<T> {
        let mut writer = self.writer();
        if let Some(reason) = &writer.broken {
            return Err(Error::Io(format!("nothing is written after an earlier failure ({reason}); start again")));
        }
        let answer = guarded("writing to it", || {
            let mut staged = Staged::over(self.db());
            let answer = stage(&mut staged)?;
            self.commit(staged, &mut writer)?;
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

    fn commit(&self, mut staged: Staged<'_>, writer: &mut Writer) -> Result<()> {
        if staged.is_empty() {
            return Ok(());
        }
        let number = writer.batches.saturating_add(1);
        staged.put(keys::batches(), number.to_string().as_bytes())?;
        let batch = staged.into_batch();
        {
            let _gate = self.gate.write().unwrap_or_else(PoisonError::into_inner);
            self.db().apply_batch(batch)?;
        }
        self.db().flush()?;
        let failed = |e: std::io::Error| Error::Io(format!("the disk did not keep a write: {e}"));
        self.durable.sync().map_err(failed)?;
        writer.batches = number;
        writer.anchor.write(number).map_err(failed)
    }
}

impl Store for SledStore {
    fn write(&self, writes: &[Write]) -> Result<Vec<std::result::Result<(), Conflict>>> {
        self.stage(|staged| writes.iter().map(|write| write::stage(staged, write)).collect())
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
}

impl Drop for SledStore {
    fn drop(&mut self) {
        let db = self.db.take();
        // Sled flushes once more when it goes, and may panic over that. Nothing is pending, so that nothing is lost.
        if let Err(error) = guarded("closing it", || {
            drop(db);
            Ok(())
        }) {
            tracing::warn!(%error, "the store did not close cleanly");
        }
        self.writer().anchor.sync().ok();
        // Only then may the directory be let go of: whoever comes next finds nobody at sled's file.
        if let Err(error) = wait_until_free(&self.durable.sled_dir) {
            tracing::warn!(%error, "the store did not close cleanly");
        }
    }
}

/// Waits until no thread of an earlier database of this process holds sled's file. Other processes never do, because sled's
/// directory is only entered under our own lock.
fn wait_until_free(sled_dir: &Path) -> std::io::Result<()> {
    let file = match File::open(sled_dir.join("db")) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(e),
    };
    for _ in 0..SETTLE_TRIES_MAX {
        match file.try_lock() {
            Ok(()) => return file.unlock(),
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(SETTLE_PAUSE_MS)),
            Err(TryLockError::Error(e)) => return Err(e),
        }
    }
    Err(std::io::Error::other(
        "the database was opened in this process before and is not closed; start the process again",
    ))
}

/// Our own way to make durable what sled has written.
#[derive(Debug)]
struct Durable {
    sled_dir: PathBuf,
    file: File,
    blobs: PathBuf,
}

impl Durable {
    /// Sled syncs neither its settings nor its directories, so that is done here once.
    fn open(sled_dir: &Path) -> std::io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(sled_dir.join("db"))?;
        OpenOptions::new().read(true).write(true).open(sled_dir.join("conf"))?.sync_all()?;
        file.sync_all()?;
        let blobs = sled_dir.join("blobs");
        sync_dir(&blobs)?;
        sync_dir(sled_dir)?;
        if let Some(dir) = sled_dir.parent() {
            sync_dir(dir)?;
        }
        Ok(Self { sled_dir: sled_dir.to_owned(), file, blobs })
    }

    fn sync(&self) -> std::io::Result<()> {
        // Rows are kept so small that sled makes no such files. Were there one all the same, it would be lost in a power
        // cut, because sled never syncs them.
        let mut any = false;
        for blob in fs::read_dir(&self.blobs)? {
            match File::open(blob?.path()) {
                Ok(file) => file.sync_all()?,
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                Err(e) => return Err(e),
            }
            any = true;
        }
        if any {
            sync_dir(&self.blobs)?;
        }
        self.file.sync_data()
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

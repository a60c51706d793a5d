//! Copy compaction: the store moves into a fresh database while it is in use, because sled never gives space back.
//!
//! 1. From now on the writer notes the keys that change. Everything is copied (`copy`), then what has changed meanwhile, in
//!    rounds, until little is left. Then both databases are compared, and what differs is copied once more.
//! 2. Under the writer's lock: the last changes, a sync of the copy, and the rename of one small file (`generation`), which
//!    makes the copy the store. Readers and writers find the new database from then on.
//! 3. The old database is closed and its directory removed.
//!
//! Until the rename the old generation is the truth and nothing of the copy counts; after it the new one is, and both hold
//! everything that was acknowledged. A failure before it leaves the store as it was. One after it, before the directory is
//! synced, leaves open which of both a power cut would leave, so that nothing is written any more.

mod copy;
#[cfg(test)]
mod tests;

use super::generation::{self, Generation};
use super::guard::guarded;
use super::{Counts, SledStore, in_words};
use crate::disk::sync_dir;
use crate::limits::{COMPACT_DISK_BYTES_MIN, COMPACT_DISK_FACTOR, COMPACT_FRESH_FACTOR};
use crate::{Error, Result};
use copy::Copy;
use std::collections::BTreeSet;
use std::io;
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, TryLockError};
use std::time::{Duration, Instant};

/// What a compaction did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compacted {
    /// Bytes of all rows, as [`SledStore::live_bytes`] counts them.
    pub live_bytes: u64,
    /// What the database took on the disk before.
    pub before_bytes: u64,
    /// What it takes now.
    pub after_bytes: u64,
    /// Rows that were copied, those that changed meanwhile counted once more.
    pub rows: u64,
    /// How long nothing could be written, in milliseconds, rounded up.
    pub pause_ms: u64,
}

/// How far a compaction has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Rows that have been copied.
    pub rows: u64,
    /// Their bytes, of about [`SledStore::live_bytes`].
    pub bytes: u64,
}

/// Moments of a compaction at which a crash would leave something else than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Point {
    /// The fresh database is there, and empty.
    Created,
    /// A part has been copied.
    Copied,
    /// The changes of a round have been copied.
    CaughtUp,
    /// The switch is written down beside the true one.
    Prepared,
    /// Under the lock: the last changes are in the copy, and not durable.
    Applied,
    /// Under the lock: they are.
    Synced,
    /// Under the lock: the copy is the store, but for a power cut.
    Renamed,
    /// Under the lock: whatever comes.
    Switched,
    /// Everybody uses the copy.
    Swapped,
    /// The old database is closed.
    Closed,
    /// Its directory is gone.
    Removed,
}

/// Who looks on: a person's progress bar, which may end the compaction, and a test that fails it.
struct Watch<'a> {
    progress: &'a mut dyn FnMut(Progress) -> ControlFlow<()>,
    at: &'a dyn Fn(Point) -> io::Result<()>,
}

impl Watch<'_> {
    fn at(&self, point: Point) -> Result<()> {
        (self.at)(point).map_err(|e| Error::Io(format!("the copy failed: {e}")))
    }

    fn progress(&mut self, progress: Progress) -> Result<()> {
        match (self.progress)(progress) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Error::NotNow("the compaction was stopped; the store is as it was")),
        }
    }
}

impl SledStore {
    /// Moves the store into a fresh database, so that it takes no more of the disk than it needs. It blocks its thread for as
    /// long as that takes; all others go on reading and writing but for a moment ([`Compacted::pause_ms`]). `progress` is
    /// called again and again, and ends it early with [`ControlFlow::Break`].
    ///
    /// # Errors
    /// [`Error::NotNow`] when it is under way already, or was ended early; the store is as it was. [`Error::Io`] and
    /// [`Error::Damaged`] when the copy failed, for want of room for example: the store is as it was, too, and well, unless a
    /// later write says otherwise.
    pub fn compact(&self, progress: &mut dyn FnMut(Progress) -> ControlFlow<()>) -> Result<Compacted> {
        self.compact_watched(Watch { progress, at: &|_| Ok(()) })
    }

    /// What the database takes on the disk, in bytes. A copy that is being made is not counted.
    ///
    /// # Errors
    /// [`Error::Io`] when its directory cannot be read.
    pub fn disk_bytes(&self) -> Result<u64> {
        let generation = self.generation();
        let failed = |e: io::Error| Error::Io(format!("{} cannot be measured: {e}", generation.dir.display()));
        generation.disk_bytes().map_err(failed)
    }

    /// Bytes of all rows that are there, keys and values as they are stored. It is counted with every batch and kept with
    /// the batch's number, which is the one row that is left out.
    pub fn live_bytes(&self) -> u64 {
        self.live_bytes.load(Ordering::Relaxed)
    }

    /// Whether a compaction would give back much: the database takes more than [`COMPACT_DISK_BYTES_MIN`], more than
    /// [`COMPACT_DISK_FACTOR`] times what is live, and more than [`COMPACT_FRESH_FACTOR`] times what it took after the last
    /// one. The last of these is for stores of many small rows, of which even a fresh copy takes much.
    pub fn wants_compaction(&self) -> bool {
        let fresh = self.fresh_bytes.load(Ordering::Relaxed).saturating_mul(COMPACT_FRESH_FACTOR);
        let live = self.live_bytes().saturating_mul(COMPACT_DISK_FACTOR);
        let enough = COMPACT_DISK_BYTES_MIN.max(live).max(fresh);
        // What cannot be measured is not worth a copy.
        self.disk_bytes().is_ok_and(|disk| disk > enough)
    }

    fn compact_watched(&self, mut watch: Watch<'_>) -> Result<Compacted> {
        let _only = match self.compacting.try_lock() {
            Ok(guard) => guard,
            // It guards nothing but its own being held.
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(Error::NotNow("the store is being compacted already")),
        };
        let old = self.generation();
        let before_bytes = self.disk_bytes()?;
        let copied = guarded("compacting it", || self.copy_and_switch(&old, &mut watch));
        self.writer().changed = None;
        let Moved { rows, pause } = match copied {
            Ok(moved) => moved,
            Err(error) => {
                self.remove_copy(&old);
                return Err(in_words(&self.dir, error));
            }
        };
        tracing::info!(generation = self.generation().number, rows, ?pause, "the store was compacted");
        if let Err(error) = self.remove_old(old, &watch) {
            tracing::warn!(%error, "the database before the compaction was not removed; the next start does it");
        }
        let pause_ms = u64::try_from(pause.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX);
        Ok(Compacted { live_bytes: self.live_bytes(), before_bytes, after_bytes: self.disk_bytes()?, rows, pause_ms })
    }

    fn copy_and_switch(&self, old: &Arc<Generation>, watch: &mut Watch<'_>) -> Result<Moved> {
        {
            let mut writer = self.writer();
            writer.check()?;
            writer.changed = Some(BTreeSet::new());
        }
        let new = Generation::create(&self.dir, old.number.saturating_add(1))?;
        watch.at(Point::Created)?;
        let mut copy = Copy::new(self, &old.db, new);
        copy.everything(watch)?;
        copy.catch_up(watch)?;
        let differing = copy.compare(watch)?;
        copy.mend(&differing, watch)?;
        let failed = |e: io::Error| Error::Io(format!("the switch cannot be prepared: {e}"));
        generation::prepare_switch(&self.dir, copy.new.number).map_err(failed)?;
        watch.at(Point::Prepared)?;
        self.switch(copy, watch)
    }

    /// The one part during which nobody writes.
    fn switch(&self, mut copy: Copy<'_>, watch: &Watch<'_>) -> Result<Moved> {
        let mut writer = self.writer();
        let begun = Instant::now();
        writer.check()?;
        copy.apply(&writer.changed.take().unwrap_or_default())?;
        watch.at(Point::Applied)?;
        copy.new.sync()?;
        watch.at(Point::Synced)?;
        if !copy.counts()?.end_like(&writer.counts) {
            return Err(Error::Damaged("the copy does not end where the store does".into()));
        }
        let rows = copy.rows;
        let fresh_bytes = copy.new.disk_bytes().unwrap_or(0);
        let new = Arc::new(copy.new);
        generation::switch(&self.dir).map_err(|e| Error::Io(format!("the switch failed: {e}")))?;
        let durable = watch.at(Point::Renamed).and_then(|()| {
            sync_dir(&self.dir).map_err(|e| Error::Io(format!("the disk did not keep the switch: {e}")))
        });
        if let Err(error) = &durable {
            // After a power cut either of both may be the store, so that neither may go on alone.
            writer.broken = Some(error.to_string());
        }
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(new);
        durable?;
        // Kept with the next batch; until then a start would only make it a little more eager.
        let counts = Counts { fresh_bytes, ..writer.counts };
        self.count(&mut writer, counts);
        watch.at(Point::Switched).ok();
        Ok(Moved { rows, pause: begun.elapsed() })
    }

    /// After a copy that failed; unless it had become the store by then.
    fn remove_copy(&self, old: &Generation) {
        if self.generation().number != old.number {
            return;
        }
        let number = old.number.saturating_add(1);
        let removed = generation::unprepare_switch(&self.dir).and_then(|()| generation::remove(&self.dir, number));
        if let Err(error) = removed {
            tracing::warn!(%error, "a copy that was not finished was not removed; the next start does it");
        }
    }

    fn remove_old(&self, old: Arc<Generation>, watch: &Watch<'_>) -> Result<()> {
        watch.at(Point::Swapped)?;
        let number = old.number;
        // A writer or somebody who measures may hold it for an instant more; whoever is last closes it.
        if let Some(old) = Arc::into_inner(old) {
            old.close()?;
        }
        watch.at(Point::Closed)?;
        generation::remove(&self.dir, number).map_err(|e| Error::Io(e.to_string()))?;
        watch.at(Point::Removed)
    }
}

/// How the store came into its copy.
struct Moved {
    rows: u64,
    pause: Duration,
}

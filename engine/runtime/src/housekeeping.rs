//! What keeps a store from growing for ever: runs that are over and old go to the archive, settled events go, and a database
//! that takes up much more than it holds is compacted. In small portions, beside the work and never before it.
//!
//! A run leaves the store only when its copy is durable and has been read back, and while nobody decides for it. What the
//! archive is made of is the store crate's, what compaction is, is known to whoever brings [`Maintenance`].

use crate::engine::Engine;
use crate::found::Found;
use crate::limits::{
    ARCHIVE_HEADS_AT_ONCE, FORGET_EVENTS_AT_ONCE, HOUSE_PAUSE_MS, HOUSE_PORTION_PAUSE_MS, MARKS_PAUSE_MS,
    RETAINED_EVENTS_MS, RETAINED_RUNS_MS, RUNS_PER_PAGE,
};
use crate::mask::Mask;
use crate::triggers::events;
use crate::turn::Loaded;
use crate::view::{self, RunView, TimelineEntry};
use crate::{Error, fsck};
use engross_core::{Event, Plan, Record, RunId, RunState, Timestamp, fold};
use engross_step_api::Registry;
use engross_store::archive::{ARCHIVED_MARKS, Archive, ArchiveError, ArchivedMark, ArchivedRun, IN_ARCHIVE_MARKS};
use engross_store::backup::{self, ExportError};
use engross_store::{RunHead, RunQuery, Store, Write};
use serde::{Deserialize, Serialize};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex as AsyncMutex;

/// What a store can do about the room it takes up. Both may block for long.
pub trait Maintenance: Send + Sync {
    /// Whether it takes up so much more than it holds that a compaction is worth its while.
    fn wants_compaction(&self) -> bool;

    /// Copies what it holds and goes on with the copy. Reads and writes go on meanwhile. `go_on` is told again and again how
    /// many rows have been copied, and says whether to go on.
    ///
    /// # Errors
    /// Why not, in words. The store is as it was then.
    fn compact(&self, go_on: &mut dyn FnMut(u64) -> bool) -> Result<Compacted, String>;
}

/// What a compaction did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compacted {
    /// Bytes of all that it holds.
    pub live_bytes: u64,
    /// Bytes on the disk before.
    pub before_bytes: u64,
    /// Bytes on the disk after.
    pub after_bytes: u64,
    /// Rows that were copied.
    pub rows: u64,
    /// How long nothing could be written, in milliseconds.
    pub pause_ms: u64,
}

/// How long things stay in the store, in milliseconds; none for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Runs, from their end.
    pub runs_ms: Option<u64>,
    /// Events that are settled, from their receipt; longer where an open run may still want them.
    pub events_ms: Option<u64>,
}

impl Default for Retention {
    fn default() -> Self {
        Self { runs_ms: Some(RETAINED_RUNS_MS), events_ms: Some(RETAINED_EVENTS_MS) }
    }
}

/// What housekeeping is done with.
pub struct Housekeeping {
    /// Where old runs go; without it they stay.
    pub archive: Option<Archive>,
    /// The store's own care; without it the store is never compacted.
    pub maintenance: Option<Arc<dyn Maintenance>>,
    /// How long things stay.
    pub retention: Retention,
    /// The program and its version, for those who find a file of it.
    pub product: String,
}

/// What an engine keeps house with, and the lock that keeps compactions apart.
pub(crate) struct House {
    options: Housekeeping,
    compacting: AsyncMutex<()>,
    /// When the marks of events that have started a run were last looked through.
    marks_seen: AsyncMutex<Option<Timestamp>>,
}

/// What a round did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tidied {
    /// Runs that went to the archive.
    pub runs: u64,
    /// Events that went.
    pub events: u64,
    /// Whether the store was compacted.
    pub compacted: bool,
}

impl Engine {
    /// Begins to keep house, until the engine stops. Once for an engine; a second time does nothing.
    pub fn keep_house(&self, options: Housekeeping) {
        let house = House { options, compacting: AsyncMutex::new(()), marks_seen: AsyncMutex::new(None) };
        if self.inner.house.set(house).is_ok() {
            tokio::spawn(keep(self.clone()));
        }
    }

    /// One round of housekeeping, from the oldest run on.
    ///
    /// # Errors
    /// The store or the archive. What was done until then is done.
    pub async fn tidy(&self) -> Result<Tidied, Error> {
        let Some(house) = self.inner.house.get() else { return Ok(Tidied::default()) };
        let mut tidied = Tidied::default();
        if let (Some(archive), Some(ms)) = (&house.options.archive, house.options.retention.runs_ms) {
            tidied.runs = self.archive_old(archive, &house.options.product, before(self.inner.clock.now(), ms)).await?;
        }
        if let Some(ms) = house.options.retention.events_ms {
            tidied.events = self.forget_old(before(self.inner.clock.now(), ms)).await?;
        }
        self.forget_ran(house).await?;
        if let Some(maintenance) = house.options.maintenance.clone()
            && !self.inner.is_stopping()
            && blocking(move || Ok(maintenance.wants_compaction())).await?
        {
            let Compacted { before_bytes, after_bytes, pause_ms, .. } = self.compact(|_| {}).await?;
            tracing::info!(before_bytes, after_bytes, pause_ms, "the store was compacted");
            tidied.compacted = true;
        }
        Ok(tidied)
    }

    /// Compacts the store now. `progress` is told how many rows have been copied.
    ///
    /// # Errors
    /// The store cannot, or it failed, or the engine stops.
    pub async fn compact(&self, mut progress: impl FnMut(u64) + Send + 'static) -> Result<Compacted, Error> {
        let Some((house, maintenance)) = self.inner.house.get().and_then(|h| Some((h, h.options.maintenance.clone()?)))
        else {
            return Err(Error::BadRequest("this engine's store is not one that is compacted".to_string()));
        };
        let _alone = house.compacting.lock().await;
        let inner = self.inner.clone();
        let mut go_on = move |rows| {
            progress(rows);
            !inner.is_stopping()
        };
        blocking(move || maintenance.compact(&mut go_on)).await
    }

    /// Writes the whole store to a file or a stream, while the engine works. `product` is the program and its version.
    ///
    /// # Errors
    /// The store cannot be read, or where it goes did not take it.
    pub async fn export<W: io::Write + Send + 'static>(&self, to: W, product: String) -> Result<W, ExportError> {
        let (store, at) = (self.inner.store.clone(), self.inner.clock.now().to_string());
        let export = move || backup::export(&*store, to, &product, at, &mut |_| {});
        match tokio::task::spawn_blocking(export).await {
            Ok(done) => done.map(|(to, _)| to),
            Err(error) => Err(ExportError::Write(io::Error::other(error))),
        }
    }

    /// The same of what is sound: a run that cannot be read is left out, and the copy says so.
    ///
    /// # Errors
    /// As `export`.
    pub async fn export_sound<W: io::Write + Send + 'static>(&self, to: W, product: String) -> Result<W, ExportError> {
        let (store, at) = (self.inner.store.clone(), self.inner.clock.now().to_string());
        let export = move || backup::export_sound(&*store, to, &product, at, &mut |_| {});
        match tokio::task::spawn_blocking(export).await {
            Ok(done) => done.map(|(to, ..)| to),
            Err(error) => Err(ExportError::Write(io::Error::other(error))),
        }
    }

    /// Archived runs, newest first: at most `limit` that are older than `before`, those that cannot be read among them.
    ///
    /// # Errors
    /// The archive cannot be listed.
    pub async fn archived_runs(&self, before: Option<RunId>, limit: usize) -> Result<Found<RunHead>, Error> {
        let Some(archive) = self.archive() else { return Ok(Found::default()) };
        archive.list(before.as_ref(), limit.clamp(1, RUNS_PER_PAGE)).await.map(Found::from).map_err(not_archived)
    }

    pub(crate) fn archive(&self) -> Option<&Archive> {
        self.inner.house.get().and_then(|house| house.options.archive.as_ref())
    }

    /// A run that is in the archive alone.
    async fn archived(&self, run: &RunId) -> Result<ArchivedRun, Error> {
        let found = match self.archive() {
            Some(archive) => archive.get(run).await.map_err(not_archived)?,
            None => None,
        };
        if let Some(found) = found {
            return Ok(found);
        }
        let asked = run.clone();
        Err(self.inner.read(move |store| fsck::not_found(store, &asked)).await?)
    }

    /// A run as it stands, or as it was archived.
    pub(crate) async fn known(&self, run: &RunId) -> Result<Loaded, Error> {
        match self.current(run).await {
            Err(Error::NoRun(_)) => {
                let found = self.archived(run).await?;
                let state = Arc::new(archived_state(&found)?);
                Ok(Loaded { plan: Arc::new(Plan::build(found.plan.definition)?), state })
            }
            current => current,
        }
    }

    /// The records after number `after` of a run that is in the store or in the archive; none where it is in neither.
    pub(crate) async fn known_records(&self, run: &RunId, after: u64) -> Result<Vec<Record>, Error> {
        let records = self.inner.journal(run, after).await?;
        let wanted = run.clone();
        if !records.is_empty() || self.archive().is_none() || self.inner.read(move |s| s.head(&wanted)).await?.is_some()
        {
            return Ok(records);
        }
        match self.archived(run).await {
            Ok(found) => Ok(found.records.into_iter().filter(|record| record.seq > after).collect()),
            Err(Error::NoRun(_)) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    async fn archive_old(&self, archive: &Archive, product: &str, before: Timestamp) -> Result<u64, Error> {
        let mut after: Option<RunId> = None;
        let mut archived = 0;
        while !self.inner.is_stopping() {
            let from = after.clone();
            let page = self.inner.read(move |store| store.all_runs(from.as_ref(), ARCHIVE_HEADS_AT_ONCE)).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.run.clone());
            // A run ends after it began, so that none of those behind this one is old enough.
            let all_young = page.iter().all(|head| head.started_at > before);
            for head in page.into_iter().filter(|head| head.status.is_over() && head.updated_at <= before) {
                archived += u64::from(self.archive_one(archive, product, &head.run).await?);
            }
            if all_young {
                break;
            }
            self.pause(Duration::from_millis(HOUSE_PORTION_PAUSE_MS)).await;
        }
        Ok(archived)
    }

    /// Moves a run to the archive. Whether it went: one that a person has just opened again stays, and so does one whose end
    /// an open run may ask for again.
    async fn archive_one(&self, archive: &Archive, product: &str, run: &RunId) -> Result<bool, Error> {
        let wanted = run.clone();
        if self.inner.read(move |store| is_wanted(store, wanted)).await? {
            return Ok(false);
        }
        let now = self.inner.clock.now();
        let kept = match archive.keep(self.inner.store.clone(), run, product, now).await {
            Ok(kept) => kept,
            // One run that cannot be read does not keep all others from the archive.
            Err(
                ArchiveError::Store(engross_store::Error::Damaged(why)) | ArchiveError::Damaged { detail: why, .. },
            ) => {
                tracing::error!(%run, %why, "a run cannot be archived, and stays; `engross store verify` tells more");
                return Ok(false);
            }
            Err(error @ ArchiveError::Another { .. }) => {
                tracing::error!(%run, %error, "a run cannot be archived, and stays");
                return Ok(false);
            }
            Err(error) => return Err(not_archived(error)),
        };
        let Some(kept) = kept else { return Ok(false) };
        self.while_nobody_decides(run, self.remove(kept)).await
    }

    /// Removes a run of which the archive has a copy as of this head.
    async fn remove(&self, kept: RunHead) -> Result<bool, Error> {
        let run = kept.run.clone();
        let wanted = run.clone();
        if self.inner.read(move |store| store.head(&wanted)).await?.as_ref() != Some(&kept) {
            return Ok(false);
        }
        // What stays lets a file that is gone be missed. The store keeps the key by itself; the head lets an export take it along.
        let (name, value) = if kept.key.is_some() && kept.holds_its_key() {
            (format!("{ARCHIVED_MARKS}{run}"), serde_json::to_value(&kept))
        } else {
            (format!("{IN_ARCHIVE_MARKS}{run}"), serde_json::to_value(ArchivedMark::of(&kept)))
        };
        let value = value.map_err(|e| Error::Store(e.to_string()))?;
        let writes = vec![Write::Mark { name, value: Some(value) }, Write::Remove(run)];
        let answers = self.inner.committer.write_all(writes).await.map_err(|e| Error::Store(e.to_string()))?;
        Ok(answers.iter().all(Result::is_ok))
    }

    /// Removes the marks of events that have started a run, once both the event and the run are old enough to go. Once a day:
    /// all of them are read.
    async fn forget_ran(&self, house: &House) -> Result<(), Error> {
        let Retention { runs_ms: Some(runs_ms), events_ms: Some(events_ms) } = house.options.retention else {
            return Ok(());
        };
        let now = self.inner.clock.now();
        let mut seen = house.marks_seen.lock().await;
        if seen.is_some_and(|at| now.ms_since(at) < MARKS_PAUSE_MS) {
            return Ok(());
        }
        let before = before(now, runs_ms.max(events_ms));
        for portion in events::RAN_PORTIONS {
            if self.inner.is_stopping() {
                return Ok(());
            }
            let old = self.inner.read(move |store| events::ran_before(store, portion, before)).await?;
            for names in old.chunks(FORGET_EVENTS_AT_ONCE) {
                let writes = names.iter().map(|name| Write::Mark { name: name.clone(), value: None }).collect();
                self.inner.committer.write_all(writes).await.map_err(|e| Error::Store(e.to_string()))?;
                self.pause(Duration::from_millis(HOUSE_PORTION_PAUSE_MS)).await;
            }
        }
        *seen = Some(now);
        Ok(())
    }

    async fn forget_old(&self, before: Timestamp) -> Result<u64, Error> {
        let before = self.inner.read(move |store| wanted_since(store, before)).await?;
        let mut forgotten = 0;
        while !self.inner.is_stopping() {
            let ids = self.inner.read(move |store| store.settled(before, FORGET_EVENTS_AT_ONCE)).await?;
            let last = ids.len() < FORGET_EVENTS_AT_ONCE;
            let writes: Vec<Write> = ids.into_iter().map(Write::Forget).collect();
            let answers = self.inner.committer.write_all(writes).await.map_err(|e| Error::Store(e.to_string()))?;
            let gone = answers.iter().filter(|answer| answer.is_ok()).count();
            forgotten += gone as u64;
            if last || gone == 0 {
                break;
            }
            self.pause(Duration::from_millis(HOUSE_PORTION_PAUSE_MS)).await;
        }
        Ok(forgotten)
    }
}

/// Whether one of those that a run was started for is open.
fn is_wanted(store: &dyn Store, run: RunId) -> engross_store::Result<bool> {
    let mut child = run;
    loop {
        let first = match store.journal(&child, 0, 1) {
            Ok(records) => records.into_iter().next().map(|record| record.event),
            // Whoever archives the run says so.
            Err(engross_store::Error::Damaged(_)) => None,
            Err(error) => return Err(error),
        };
        let Some(Event::RunStarted { parent: Some(parent), .. }) = first else { return Ok(false) };
        match store.head(&parent.run)? {
            Some(head) if !head.status.is_over() => return Ok(true),
            _ => child = parent.run,
        }
    }
}

/// A wait looks through what came since its run began, so that no event goes that is younger than the oldest open run. Ids
/// do not tell which that is: a run that another one starts, or a firing that waited, has the time of what it was made of.
fn wanted_since(store: &dyn Store, before: Timestamp) -> engross_store::Result<Timestamp> {
    let mut since = before;
    if store.settled(before, 1)?.is_empty() {
        return Ok(since);
    }
    let mut query = RunQuery { open: true, limit: RUNS_PER_PAGE, ..RunQuery::default() };
    loop {
        let page = store.runs(&query)?;
        since = page.iter().map(|head| head.started_at).fold(since, Timestamp::min);
        let Some(last) = page.last().filter(|_| page.len() == RUNS_PER_PAGE) else { return Ok(since) };
        query.before = Some(last.run.clone());
    }
}

async fn keep(engine: Engine) {
    while !engine.inner.is_stopping() {
        match engine.tidy().await {
            Ok(tidied) if tidied != Tidied::default() => {
                let Tidied { runs, events, .. } = tidied;
                tracing::info!(runs, events, "what was old went out of the store");
            }
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "housekeeping was not done; it is tried again later"),
        }
        engine.pause(Duration::from_millis(HOUSE_PAUSE_MS)).await;
    }
}

/// An archived run as people and programs may see it, and its timeline.
///
/// # Errors
/// It cannot be read as a run.
pub fn archived_view(found: ArchivedRun, registry: &Registry) -> Result<(RunView, Vec<TimelineEntry>), Error> {
    let state = archived_state(&found)?;
    let plan = Plan::build(found.plan.definition)?;
    let mask = Mask::of(&plan, &state, registry);
    Ok((mask.run(view::run(&plan, &state)), view::timeline(&mask.records(found.records))))
}

/// The state in which an archived run ended.
fn archived_state(found: &ArchivedRun) -> Result<RunState, Error> {
    let damaged = || Error::Damaged(format!("the journal of run {} does not begin with its start", found.head.run));
    fold(&found.records).ok_or_else(damaged)
}

fn not_archived(error: ArchiveError) -> Error {
    match error {
        ArchiveError::Store(error) => error.into(),
        error => Error::Damaged(error.to_string()),
    }
}

fn before(now: Timestamp, ms: u64) -> Timestamp {
    Timestamp::from_millis(now.as_millis().saturating_sub_unsigned(ms))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, String> + Send + 'static) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(Error::Store),
        Err(error) => Err(Error::Store(format!("the work on the store did not come to its end: {error}"))),
    }
}

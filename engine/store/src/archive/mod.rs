//! Runs that are over and old, one compressed object each, beside the files: `archive/2026/11/<run>.jsonl.gz`. Each is an
//! export of its one run (`backup`), so that what reads one reads the other.
//!
//! A run's place follows from its id alone, so that no index is needed to find it. An object is durable and has been read
//! back before anybody removes the run from the store; who does that, and when, is the runtime's business.

mod local;
#[cfg(test)]
mod tests;

pub use crate::backup::ARCHIVED_MARKS;

use crate::backup::{Checked, Line, LineReader, check, export_run};
use crate::limits::{ARCHIVED_BYTES_MAX, ARCHIVED_RECORDS_MAX, ARCHIVED_TEXT_BYTES_MAX};
use crate::{RunHead, Store, StoredPlan};
use bytes::Bytes;
use engross_core::{Record, RunId, Timestamp};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use local::LocalDir;
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt};
use serde::{Deserialize, Serialize};
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

/// The longest run id that is archived, in bytes.
const ID_BYTES_MAX: usize = 100;

/// What an archived run's object is called behind its id.
const SUFFIX: &str = ".jsonl.gz";

/// Where runs go that are not dated by their id.
const UNDATED: &str = "undated";

/// Marks that say of each other archived run that it must be in the archive; their value is an [`ArchivedMark`]. A run that
/// holds its key for ever has one under [`ARCHIVED_MARKS`] instead. Runs that were archived by versions before these marks and
/// hold no key have neither.
pub const IN_ARCHIVE_MARKS: &str = "in_archive/";

/// The marks of which an archived run has one.
pub(crate) fn mark_names(run: &RunId) -> [String; 2] {
    [format!("{ARCHIVED_MARKS}{run}"), format!("{IN_ARCHIVE_MARKS}{run}")]
}

/// Whether the store knows that a run went to the archive.
///
/// # Errors
/// The store cannot be read.
pub fn is_archived(store: &dyn Store, run: &RunId) -> crate::Result<bool> {
    for name in mark_names(run) {
        if store.mark(&name)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What the store keeps of a run that is in the archive, so that one whose file is gone is known. An on-disk form: fields are
/// only added, with defaults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchivedMark {
    /// The number of its last record.
    pub seq: u64,
    /// When that was decided.
    pub updated_at: Timestamp,
}

impl ArchivedMark {
    /// What is kept of a run with this head.
    pub fn of(head: &RunHead) -> Self {
        Self { seq: head.seq, updated_at: head.updated_at }
    }
}

/// Archived runs in a directory or in an object store.
#[derive(Clone, Debug)]
pub struct Archive {
    objects: Arc<dyn ObjectStore>,
    /// Where the disk is ours: who writes to it, in place of the object store.
    local: Option<Arc<LocalDir>>,
}

/// A run as it was archived.
#[derive(Clone, Debug, PartialEq)]
pub struct ArchivedRun {
    /// Its head.
    pub head: RunHead,
    /// The plan it kept.
    pub plan: StoredPlan,
    /// Its journal.
    pub records: Vec<Record>,
}

/// A list of archived runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listed {
    /// Heads, newest first.
    pub heads: Vec<RunHead>,
    /// Runs between these whose files are not what was written, newest first, each with what is wrong.
    pub damaged: Vec<(RunId, String)>,
}

impl Listed {
    fn len(&self) -> usize {
        self.heads.len().saturating_add(self.damaged.len())
    }
}

/// A folder of the archive: a month, or what is not dated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Month(ObjectPath);

/// Why the archive did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The disk or the object store refused; it may work later.
    #[error("the archive refused: {0}")]
    Unavailable(String),
    /// What is kept of a run is not what was written.
    #[error("the archived run {run} is damaged: {detail}; restore its file from a backup of the archive")]
    Damaged {
        /// The run.
        run: RunId,
        /// What is wrong.
        detail: String,
    },
    /// The archive has another history under the run's id. Neither is lost: that one stays there, and the run in the store.
    #[error(
        "the archive has another history of run {run}, and keeps it; look at both, and move the file aside to keep this one"
    )]
    Another {
        /// The run.
        run: RunId,
    },
    /// The store that the run comes from failed.
    #[error(transparent)]
    Store(#[from] crate::Error),
}

impl Archive {
    /// An archive in a directory of this machine, usually that of the files.
    ///
    /// # Errors
    /// The directory cannot be made or entered.
    pub fn local(dir: &Path) -> Result<Self, ArchiveError> {
        let local = LocalDir::open(dir)
            .map_err(|e| ArchiveError::Unavailable(format!("{} cannot be used as a directory: {e}", dir.display())))?;
        let objects = LocalFileSystem::new_with_prefix(local.root()).map_err(|e| refused(&e))?;
        Ok(Self { objects: Arc::new(objects), local: Some(Arc::new(local)) })
    }

    /// An archive in an object store that is durable when it answers, such as S3.
    pub fn remote(objects: Arc<dyn ObjectStore>) -> Self {
        Self { objects, local: None }
    }

    /// Copies a run from the store to the archive, and reads the copy back. What is there already stays, if it is this run as
    /// it is now; it is replaced when the run has gone on since, and when it cannot be read and is none that the store has let
    /// go of. The run's head, or none when the store has no such run or its id is none that can be archived.
    ///
    /// # Errors
    /// The store or the archive; the run is to stay in the store then.
    pub async fn keep(
        &self,
        store: Arc<dyn Store>,
        run: &RunId,
        product: &str,
        now: Timestamp,
    ) -> Result<Option<RunHead>, ArchiveError> {
        let Some(place) = place_of(run) else { return Ok(None) };
        let (id, product, from) = (run.clone(), product.to_owned(), store.clone());
        let packed = blocking(move || pack(&*from, &id, &product, now)).await?;
        let Some((content, head)) = packed else { return Ok(None) };
        let is_this = |found: &ArchivedRun| found.head == head;
        let found = self.get(run).await;
        if !matches!(&found, Ok(Some(found)) if is_this(found)) {
            let run = run.clone();
            let is_free = blocking(move || may_replace(&*store, &run, found)).await?;
            if !is_free {
                return Err(ArchiveError::Another { run: head.run });
            }
            self.put(&place, content).await?;
        }
        match self.get(run).await? {
            Some(found) if is_this(&found) => Ok(Some(head)),
            _ => Err(ArchiveError::Damaged { run: run.clone(), detail: "it was written and is not there".to_owned() }),
        }
    }

    /// An archived run, checked as a whole; none when there is no such one.
    ///
    /// # Errors
    /// The archive, or what is there is not what was written.
    pub async fn get(&self, run: &RunId) -> Result<Option<ArchivedRun>, ArchiveError> {
        let Some(place) = place_of(run) else { return Ok(None) };
        let Some(content) = self.read(run, &place).await? else { return Ok(None) };
        let run = run.clone();
        blocking(move || unpack(&run, &content)).await.map(Some)
    }

    /// Archived runs, newest first: at most `limit` that are older than `before`, those that cannot be read among them.
    ///
    /// # Errors
    /// The archive cannot be listed or reached.
    pub async fn list(&self, before: Option<&RunId>, limit: usize) -> Result<Listed, ArchiveError> {
        let mut listed = Listed::default();
        for month in self.months().await? {
            let runs = self.runs_of(&month).await?;
            for run in runs.into_iter().filter(|run| before.is_none_or(|before| run < before)) {
                if listed.len() >= limit {
                    return Ok(listed);
                }
                match self.head(&run).await {
                    Ok(head) => listed.heads.extend(head),
                    // One file that is damaged hides no other.
                    Err(ArchiveError::Damaged { run, detail }) => listed.damaged.push((run, detail)),
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(listed)
    }

    /// The runs that a folder has files of by their names, newest first.
    ///
    /// # Errors
    /// The archive cannot be listed.
    pub async fn runs_of(&self, month: &Month) -> Result<Vec<RunId>, ArchiveError> {
        let found = self.objects.list_with_delimiter(Some(&month.0)).await.map_err(|e| refused(&e))?;
        let names = found.objects.iter().filter_map(|object| object.location.filename()?.strip_suffix(SUFFIX));
        let mut runs: Vec<RunId> = names.map(RunId::new).collect();
        runs.sort_unstable_by(|a, b| b.cmp(a));
        Ok(runs)
    }

    /// Where the file of a run is or would be, under the archive's root; none for an id that is never archived.
    pub fn place(run: &RunId) -> Option<String> {
        place_of(run).map(|place| place.to_string())
    }

    async fn head(&self, run: &RunId) -> Result<Option<RunHead>, ArchiveError> {
        let Some(place) = place_of(run) else { return Ok(None) };
        let Some(content) = self.read(run, &place).await? else { return Ok(None) };
        let run = run.clone();
        blocking(move || head_of(&run, &content)).await.map(Some)
    }

    /// The folders of all months, newest first, and after them that of what is not dated.
    ///
    /// # Errors
    /// The archive cannot be listed.
    pub async fn months(&self) -> Result<Vec<Month>, ArchiveError> {
        let mut months = Vec::new();
        let mut undated = None;
        let years = self.objects.list_with_delimiter(Some(&ObjectPath::from("archive"))).await;
        for year in years.map_err(|e| refused(&e))?.common_prefixes {
            if year.filename() == Some(UNDATED) {
                undated = Some(year);
                continue;
            }
            let found = self.objects.list_with_delimiter(Some(&year)).await.map_err(|e| refused(&e))?;
            months.extend(found.common_prefixes);
        }
        months.sort_unstable_by(|a, b| b.cmp(a));
        months.extend(undated);
        Ok(months.into_iter().map(Month).collect())
    }

    async fn put(&self, place: &ObjectPath, content: Vec<u8>) -> Result<(), ArchiveError> {
        match &self.local {
            Some(local) => {
                let (local, place) = (Arc::clone(local), place.clone());
                blocking(move || {
                    let parts: Vec<String> = place.parts().map(|part| part.as_ref().to_owned()).collect();
                    local
                        .write(&parts, &content)
                        .map_err(|e| ArchiveError::Unavailable(format!("{place} cannot be written: {e}")))
                })
                .await
            }
            None => {
                self.objects.put(place, Bytes::from(content).into()).await.map_err(|e| refused(&e))?;
                Ok(())
            }
        }
    }

    async fn read(&self, run: &RunId, place: &ObjectPath) -> Result<Option<Bytes>, ArchiveError> {
        let found = match self.objects.get(place).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(e) => return Err(refused(&e)),
        };
        if found.meta.size > ARCHIVED_BYTES_MAX {
            let detail = format!("it has {} bytes, more than the {ARCHIVED_BYTES_MAX} of any", found.meta.size);
            return Err(ArchiveError::Damaged { run: run.clone(), detail });
        }
        found.bytes().await.map(Some).map_err(|e| refused(&e))
    }
}

/// Where a run is archived: under the month of its start, which its id tells. None for an id that names no object.
fn place_of(run: &RunId) -> Option<ObjectPath> {
    let id = run.as_str();
    let plain = id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if !plain || id.is_empty() || id.len() > ID_BYTES_MAX {
        return None;
    }
    let name = format!("{id}{SUFFIX}");
    Some(match month_of(id) {
        Some((year, month)) => ObjectPath::from_iter(["archive", &year, &month, &name]),
        None => ObjectPath::from_iter(["archive", UNDATED, &name]),
    })
}

/// The year and the month of a UUID that is made of the time.
fn month_of(id: &str) -> Option<(String, String)> {
    let uuid = uuid::Uuid::parse_str(id).ok().filter(|uuid| uuid.get_version_num() == 7)?;
    let (seconds, _) = uuid.get_timestamp()?.to_unix();
    let at = Timestamp::from_millis(i64::try_from(seconds).ok()?.checked_mul(1_000)?).to_string();
    let mut parts = at.split('-');
    let (year, month) = (parts.next()?, parts.next()?);
    (year.len() == 4 && month.len() == 2).then(|| (year.to_owned(), month.to_owned()))
}

fn pack(
    store: &dyn Store,
    run: &RunId,
    product: &str,
    now: Timestamp,
) -> Result<Option<(Vec<u8>, RunHead)>, ArchiveError> {
    let gzip = GzEncoder::new(Vec::new(), Compression::default());
    let exported = export_run(store, run, gzip, product, now.to_string()).map_err(|error| match error {
        crate::backup::ExportError::Store(error) => ArchiveError::Store(error),
        crate::backup::ExportError::Write(error) => ArchiveError::Unavailable(error.to_string()),
    })?;
    let Some((gzip, head)) = exported else { return Ok(None) };
    let content = gzip.finish().map_err(|e| ArchiveError::Unavailable(e.to_string()))?;
    Ok(Some((content, head)))
}

/// Whether a run of the store may take the place of what was found in the archive.
fn may_replace(
    store: &dyn Store,
    run: &RunId,
    found: Result<Option<ArchivedRun>, ArchiveError>,
) -> Result<bool, ArchiveError> {
    match found {
        Ok(None) => Ok(true),
        // Its last record is among those of the store, and the hash in it stands for all before it.
        Ok(Some(found)) => Ok(match found.records.last() {
            Some(last) => store.journal(run, last.seq.saturating_sub(1), 1)?.first() == Some(last),
            None => true,
        }),
        Err(ArchiveError::Damaged { .. }) => Ok(!is_archived(store, run)?),
        Err(error) => Err(error),
    }
}

fn unpacked(content: &[u8]) -> BufReader<impl Read> {
    BufReader::new(GzDecoder::new(content).take(ARCHIVED_TEXT_BYTES_MAX))
}

fn unpack(run: &RunId, content: &[u8]) -> Result<ArchivedRun, ArchiveError> {
    let damaged = |detail: String| ArchiveError::Damaged { run: run.clone(), detail };
    let checked = check(unpacked(content), &mut |_| {});
    let Checked { counts, .. } = checked.map_err(|problems| {
        damaged(problems.first().map(|p| format!("line {}: {}", p.line, p.message)).unwrap_or_default())
    })?;
    if counts.runs != 1 || counts.records > ARCHIVED_RECORDS_MAX as u64 {
        return Err(damaged(format!("it has {} runs and {} records", counts.runs, counts.records)));
    }
    let (mut head, mut plan, mut records) = (None, None, Vec::new());
    let mut lines = LineReader::new(unpacked(content));
    while let Some(line) = lines.next_line().map_err(|e| damaged(e.to_string()))? {
        match line {
            Line::Plan(found) => plan = Some(*found),
            Line::Run { head: found, .. } => head = Some(*found),
            Line::Record(record) => records.push(*record),
            Line::Header { .. } | Line::Event { .. } | Line::Mark { .. } | Line::LeftOut(_) | Line::End { .. } => {}
        }
    }
    match (head, plan) {
        (Some(head), Some(plan)) if head.run == *run => Ok(ArchivedRun { head, plan, records }),
        _ => Err(damaged("it is another run".to_owned())),
    }
}

/// The head alone, for lists: it stands near the beginning. The rest is unpacked all the same, so that the checksum of what
/// is compressed is seen.
fn head_of(run: &RunId, content: &[u8]) -> Result<RunHead, ArchiveError> {
    let damaged = |detail: String| ArchiveError::Damaged { run: run.clone(), detail };
    let mut lines = LineReader::new(unpacked(content));
    while let Some(line) = lines.next_line().map_err(|e| damaged(e.to_string()))? {
        if let Line::Run { head, .. } = line {
            io::copy(&mut lines.into_rest(), &mut io::sink())
                .map_err(|e| damaged(format!("it cannot be read: {e}")))?;
            return if head.run == *run { Ok(*head) } else { Err(damaged("it is another run".to_owned())) };
        }
    }
    Err(damaged("there is no run in it".to_owned()))
}

/// Disk and packing are off the threads that run the engine.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ArchiveError> + Send + 'static,
) -> Result<T, ArchiveError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(e) => Err(ArchiveError::Unavailable(format!("the work on it did not finish: {e}"))),
    }
}

fn refused(error: &object_store::Error) -> ArchiveError {
    ArchiveError::Unavailable(error.to_string())
}

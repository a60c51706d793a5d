//! Whether every archived run is what was written: each file of the archive is read whole, and each run that the store knows
//! to be there has one. Runs that are in the store are `verify`'s.

use super::run::of_run;
use super::{Finding, Report};
use crate::Error;
use engross_core::RunId;
use engross_store::archive::{ARCHIVED_MARKS, Archive, ArchiveError, ArchivedMark, IN_ARCHIVE_MARKS, is_archived};
use engross_store::{RunHead, Store};
use std::collections::BTreeMap;
use tokio::runtime::Handle;

const FROM_BACKUP: &str = "restore its file from a backup of the files' folder";

/// Reads every archived run, and adds what is wrong to the report. Blocks its thread; `runtime` is where the archive is
/// asked. `progress` is told how many runs have been looked at in all. Without an archive, every run that should be in one is
/// missing.
///
/// # Errors
/// The store cannot be read.
pub fn verify_archive(
    store: &dyn Store,
    archive: Option<&Archive>,
    runtime: &Handle,
    report: &mut Report,
    progress: &mut dyn FnMut(u64),
) -> Result<(), Error> {
    // Before the files: a run is in the archive before its mark is in the store.
    let mut known = known(store)?;
    if let Some(archive) = archive
        && let Err(error) = files(archive, runtime, &mut known, report, progress)
    {
        let message = format!("the archive cannot be read to its end: {error}");
        let of_nobody = of_run("archive", &RunId::new(""), message, "mend what it says, and look again");
        report.add([Finding { run: None, ..of_nobody }]);
        return Ok(());
    }
    for run in known.into_keys() {
        report.add([of_run("archive_missing", &run, missing(&run), FROM_BACKUP)]);
    }
    Ok(())
}

fn missing(run: &RunId) -> String {
    let place = Archive::place(run).unwrap_or_default();
    format!("it went to the archive, and its file {place} is not there")
}

/// A run that is in neither the store nor the archive: there is none, or its file is gone.
///
/// # Errors
/// The store cannot be read.
pub fn not_found(store: &dyn Store, run: &RunId) -> engross_store::Result<Error> {
    Ok(match is_archived(store, run)? {
        true => Error::Damaged(format!("{}; {FROM_BACKUP}", missing(run))),
        false => Error::NoRun(run.clone()),
    })
}

/// Every run that the store knows to be in the archive, and how it ended there.
fn known(store: &dyn Store) -> Result<BTreeMap<RunId, ArchivedMark>, Error> {
    let mut known = BTreeMap::new();
    for (name, value) in store.marks(ARCHIVED_MARKS)? {
        // What cannot be read as one is told by `verify`.
        if let (Some(run), Ok(head)) = (name.strip_prefix(ARCHIVED_MARKS), serde_json::from_value::<RunHead>(value)) {
            known.insert(RunId::new(run), ArchivedMark::of(&head));
        }
    }
    for (name, value) in store.marks(IN_ARCHIVE_MARKS)? {
        if let (Some(run), Ok(mark)) = (name.strip_prefix(IN_ARCHIVE_MARKS), serde_json::from_value(value)) {
            known.insert(RunId::new(run), mark);
        }
    }
    Ok(known)
}

/// Reads every file there is, and strikes its run off those that are known.
fn files(
    archive: &Archive,
    runtime: &Handle,
    known: &mut BTreeMap<RunId, ArchivedMark>,
    report: &mut Report,
    progress: &mut dyn FnMut(u64),
) -> Result<(), ArchiveError> {
    for month in runtime.block_on(archive.months())? {
        for run in runtime.block_on(archive.runs_of(&month))? {
            let mark = known.remove(&run);
            if let Some((code, message)) = wrong(runtime.block_on(archive.get(&run)), mark) {
                report.add([of_run(code, &run, message, FROM_BACKUP)]);
            }
            report.archived = report.archived.saturating_add(1);
            progress(report.runs.saturating_add(report.archived));
        }
    }
    Ok(())
}

type Found = Result<Option<engross_store::archive::ArchivedRun>, ArchiveError>;

/// What is wrong with an archived run, if anything is.
fn wrong(found: Found, mark: Option<ArchivedMark>) -> Option<(&'static str, String)> {
    match found {
        Ok(Some(found)) if mark.is_none_or(|mark| mark == ArchivedMark::of(&found.head)) => None,
        Ok(Some(_)) => {
            Some(("archive_damaged", "its archived file is of another moment than when it left".to_string()))
        }
        Ok(None) => Some(("archive_missing", "a file of its name is in the archive, and not in its place".to_string())),
        Err(ArchiveError::Damaged { detail, .. }) => Some(("archive_damaged", format!("its archived file: {detail}"))),
        Err(error) => Some(("archive_damaged", format!("its archived file cannot be read: {error}"))),
    }
}

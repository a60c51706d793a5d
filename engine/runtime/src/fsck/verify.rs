//! Whether everything that a store keeps is what was written: every row can be read, every journal is whole and folds to its
//! head, every plan has its digest, every key leads to its run. Runs that are over are looked at too.

use super::run::{Examiner, RESTORE, of_run};
use super::{Finding, Mode, Report};
use crate::Error;
use crate::limits::FSCK_PAGE;
use engross_core::{EventId, Plan, PlanDigest, RunId};
use engross_store::{InboxQuery, RunHead, Store, Timer, WaitRow};

/// Checks everything that is kept. `progress` is told how many runs have been looked at.
///
/// # Errors
/// The store cannot be read at all; what is damaged in it is a finding.
pub fn verify(store: &dyn Store, mode: Mode, progress: &mut dyn FnMut(u64)) -> Result<Report, Error> {
    let mut report = Report::default();
    plans(store, &mut report)?;
    runs(store, mode, &mut report, progress)?;
    rows(store, &mut report)?;
    inbox(store, mode, &mut report)?;
    if let Some(marks) = readable(store.marks(""), "the marks", &mut report)? {
        archived(store, marks, &mut report)?;
    }
    if mode != Mode::Live {
        readable(store.check_counts(), "the rows", &mut report)?;
    }
    Ok(report)
}

/// What was read; none when it is damaged, which is a finding then.
fn readable<T>(read: engross_store::Result<T>, what: &str, report: &mut Report) -> Result<Option<T>, Error> {
    match read {
        Ok(found) => Ok(Some(found)),
        Err(engross_store::Error::Damaged(why)) => {
            report.add([of_store("damaged", format!("{what} cannot be read to their end: {why}"))]);
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

fn of_store(code: &str, message: String) -> Finding {
    Finding { run: None, ..of_run(code, &RunId::new(""), message, RESTORE) }
}

fn plans(store: &dyn Store, report: &mut Report) -> Result<(), Error> {
    let mut after: Option<PlanDigest> = None;
    while let Some(page) = readable(store.all_plans(after.as_ref(), FSCK_PAGE), "the plans", report)? {
        let Some(last) = page.last() else { break };
        after = Some(last.digest.clone());
        for stored in page {
            let digest = stored.digest;
            let why = match Plan::build(stored.definition) {
                Ok(plan) if *plan.digest() == digest => continue,
                Ok(plan) => format!("plan {digest} is not what was written: its digest is {}", plan.digest()),
                Err(error) => format!("plan {digest} cannot be used: {error}"),
            };
            report.add([of_store("plan", why)]);
        }
    }
    Ok(())
}

fn runs(store: &dyn Store, mode: Mode, report: &mut Report, progress: &mut dyn FnMut(u64)) -> Result<(), Error> {
    let no_files = |_: &str| Ok(true);
    let mut examiner = Examiner::new(store, mode, &no_files);
    let mut after: Option<RunId> = None;
    while let Some(page) = readable(store.all_runs(after.as_ref(), FSCK_PAGE), "the runs", report)? {
        let Some(last) = page.last() else { break };
        after = Some(last.run.clone());
        for listed in page {
            let run = listed.run;
            match store.head(&run) {
                // Archived since the page was read.
                Ok(None) if mode == Mode::Live => continue,
                Ok(None) => report.add([of_run("head", &run, "it is listed, and has no head".to_string(), RESTORE)]),
                Ok(Some(head)) => {
                    let (_, records, findings) = examiner.fold(&head)?;
                    // An archived run leaves while its journal is read.
                    if mode == Mode::Live && !findings.is_empty() && store.head(&run)?.is_none() {
                        continue;
                    }
                    report.records = report.records.saturating_add(records);
                    report.add(findings);
                    report.add(key(store, &head, mode)?);
                }
                Err(engross_store::Error::Damaged(why)) => report.add([of_run("head", &run, why, RESTORE)]),
                Err(error) => return Err(error.into()),
            }
            report.runs = report.runs.saturating_add(1);
            progress(report.runs);
        }
    }
    Ok(())
}

/// A run that holds its key must be found by it.
fn key(store: &dyn Store, head: &RunHead, mode: Mode) -> Result<Option<Finding>, Error> {
    let Some(key) = head.key.as_ref().filter(|_| head.holds_its_key()) else { return Ok(None) };
    let holder = store.run_by_key(&head.workflow, key)?;
    if holder.as_ref() == Some(&head.run) {
        return Ok(None);
    }
    // It may have let go of it since.
    if mode == Mode::Live && store.head(&head.run)?.is_none_or(|now| !now.holds_its_key()) {
        return Ok(None);
    }
    let message = match holder {
        Some(other) => format!("a start with its key `{key}` would attach to run {other}"),
        None => format!("its key `{key}` is not held, so that a second start would not attach to it"),
    };
    Ok(Some(of_run("key", &head.run, message, RESTORE)))
}

/// That they can be read is all: whether they are the right ones is for `fsck` to say.
fn rows(store: &dyn Store, report: &mut Report) -> Result<(), Error> {
    let mut after: Option<Timer> = None;
    while let Some(page) = readable(store.all_timers(after.as_ref(), FSCK_PAGE), "the timers", report)? {
        report.rows = report.rows.saturating_add(page.len() as u64);
        let Some(last) = page.into_iter().next_back() else { break };
        after = Some(last);
    }
    let mut after: Option<WaitRow> = None;
    while let Some(page) = readable(store.all_waits(after.as_ref(), FSCK_PAGE), "the waits", report)? {
        report.rows = report.rows.saturating_add(page.len() as u64);
        let Some(last) = page.into_iter().next_back() else { break };
        after = Some(last);
    }
    Ok(())
}

fn inbox(store: &dyn Store, mode: Mode, report: &mut Report) -> Result<(), Error> {
    let mut after: Option<EventId> = None;
    let mut open = 0_usize;
    while let Some(page) = readable(store.all_events(after.as_ref(), FSCK_PAGE), "the events", report)? {
        open = open.saturating_add(page.iter().filter(|row| !row.settled).count());
        let Some(last) = page.into_iter().next_back() else { break };
        after = Some(last.entry.event.id);
    }
    if mode != Mode::Live
        && let Some(unmatched) = readable(store.inbox(&InboxQuery::Unmatched), "the open events", report)?
        && unmatched.len() != open
    {
        let listed = unmatched.len();
        let message = format!("{open} events are not settled, and {listed} are in the list of those");
        report.add([of_store("inbox", message)]);
    }
    Ok(())
}

/// An archived run that succeeded holds its key for ever.
fn archived(store: &dyn Store, marks: Vec<(String, serde_json::Value)>, report: &mut Report) -> Result<(), Error> {
    for (name, value) in marks {
        if !name.starts_with(engross_store::archive::ARCHIVED_MARKS) {
            continue;
        }
        let Ok(head) = serde_json::from_value::<RunHead>(value) else {
            report.add([of_store("mark", format!("mark `{name}` does not say which run it is about"))]);
            continue;
        };
        report.add(key(store, &head, Mode::Stopped)?);
    }
    Ok(())
}

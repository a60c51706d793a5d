//! What the runtime asks, answered from rows. What is missing or out of order is said to be damaged, never left out.

use super::keys::{self, Key};
use super::rows::{get, get_json, json_of, value_of};
use super::write::{Filed, Marked, run_id};
use crate::{DueTimers, Error, InboxEntry, InboxRow, Result, RunHead, RunQuery, Timer, WaitRow};
use engross_core::{EventId, Record, RunId, Timestamp};
use serde::de::DeserializeOwned;
use serde_json::Value;
use sled::Db;
use std::ops::{Bound, RangeBounds};

pub(super) fn head(db: &Db, run: &RunId) -> Result<Option<RunHead>> {
    get_json(db, &keys::head(run))
}

pub(super) fn journal(db: &Db, run: &RunId, after: u64, limit: usize) -> Result<Vec<Record>> {
    let Some(first) = after.checked_add(1) else {
        return Ok(Vec::new());
    };
    let mut records: Vec<Record> = Vec::new();
    for found in values::<Record>(db, keys::from(keys::record(run, first), &keys::journal(run))).take(limit) {
        let record = found?;
        let expected = records.last().map_or(first, |last| last.seq.saturating_add(1));
        if record.seq != expected {
            return Err(Error::Damaged(format!("record {expected} of run {run} is missing")));
        }
        records.push(record);
    }
    if records.len() < limit {
        let end = head(db, run)?.map_or(0, |head| head.seq);
        let last = records.last().map_or(after, |last| last.seq);
        if last < end {
            return Err(Error::Damaged(format!("the journal of run {run} ends at {last}, and its head is at {end}")));
        }
    }
    Ok(records)
}

pub(super) fn runs(db: &Db, query: &RunQuery) -> Result<Vec<RunHead>> {
    let by_work = query.working || query.attention;
    let (space, narrowed): (Key, fn(&RunId) -> Key) = match (by_work, query.open) {
        (true, _) => (keys::working_runs(), keys::working_run),
        (false, true) => (keys::open_runs(), keys::open_run),
        (false, false) => (keys::heads(), keys::head),
    };
    let mut range = keys::below(&space);
    if let Some(before) = &query.before {
        range.end = narrowed(before);
    }
    let mut heads = Vec::new();
    for found in db.range(range).rev() {
        if heads.len() >= query.limit {
            break;
        }
        let (key, row) = found?;
        let head: RunHead = if by_work || query.open {
            let run = run_id(&value_of(db, &key, &row)?)?;
            head(db, &run)?
                .ok_or_else(|| Error::Damaged(format!("a list names {}, which has no head", key.escape_ascii())))?
        } else {
            json_of(db, &key, &row)?
        };
        if query.accepts(&head) {
            heads.push(head);
        }
    }
    Ok(heads)
}

pub(super) fn run_by_key(db: &Db, workflow: &str, key: &str) -> Result<Option<RunId>> {
    get(db, &keys::run_key(workflow, key))?.map(|value| run_id(&value)).transpose()
}

pub(super) fn due(db: &Db, until: Timestamp, limit: usize) -> Result<DueTimers> {
    let mut due = DueTimers::default();
    for found in values::<Timer>(db, keys::below(&keys::timers())) {
        let timer = found?;
        if timer.at > until || due.timers.len() >= limit {
            due.next = Some(timer.at);
            break;
        }
        due.timers.push(timer);
    }
    // Keys sort like timers but for very long names.
    due.timers.sort();
    Ok(due)
}

pub(super) fn waits(db: &Db, topic: &str) -> Result<Vec<WaitRow>> {
    let mut waits = values(db, keys::below(&keys::waits(topic))).collect::<Result<Vec<WaitRow>>>()?;
    waits.sort();
    Ok(waits)
}

pub(super) fn topic(db: &Db, name: &str, since: Timestamp) -> Result<Vec<InboxEntry>> {
    let range = keys::from(keys::topic_since(name, since), &keys::topic(name));
    values(db, range).collect::<Result<_>>().map(in_order)
}

pub(super) fn unmatched(db: &Db) -> Result<Vec<InboxEntry>> {
    let entries = values::<Filed>(db, keys::below(&keys::unmatched())).map(|filed| filed_event(db, &filed?));
    entries.collect::<Result<_>>().map(in_order)
}

fn filed_event(db: &Db, filed: &Filed) -> Result<InboxEntry> {
    get_json(db, &keys::event(&filed.topic, filed.received_at, &filed.id))?
        .ok_or_else(|| Error::Damaged(format!("event {} is not in the inbox", filed.id)))
}

pub(super) fn settled(db: &Db, before: Timestamp, limit: usize) -> Result<Vec<EventId>> {
    let mut found = Vec::new();
    for filed in values::<Filed>(db, keys::below(&keys::settled())) {
        let filed = filed?;
        if filed.received_at >= before || found.len() >= limit {
            break;
        }
        found.push((filed.received_at, filed.id));
    }
    found.sort();
    Ok(found.into_iter().map(|(_, id)| id).collect())
}

pub(super) fn mark(db: &Db, name: &str) -> Result<Option<Value>> {
    Ok(get_json::<Marked>(db, &keys::mark(name))?.map(|mark| mark.value))
}

pub(super) fn marks(db: &Db, prefix: &str) -> Result<Vec<(String, Value)>> {
    let like = keys::marks_like(prefix);
    let mut marks = Vec::new();
    for found in db.range(keys::from(like.clone(), &keys::marks())) {
        let (key, row) = found?;
        if !key.starts_with(&like) {
            break;
        }
        let mark: Marked = json_of(db, &key, &row)?;
        if mark.name.starts_with(prefix) {
            marks.push((mark.name, mark.value));
        }
    }
    // By name they are already but for very long ones.
    marks.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(marks)
}

/// A page of everything in a space, after a key of it.
pub(super) fn page<T: DeserializeOwned>(db: &Db, space: &Key, after: Option<Key>, limit: usize) -> Result<Vec<T>> {
    values(db, after_key(space, after)).take(limit).collect()
}

pub(super) fn all_events(db: &Db, after: Option<&EventId>, limit: usize) -> Result<Vec<InboxRow>> {
    let filed: Vec<Filed> = page(db, &keys::event_ids(), after.map(keys::event_id), limit)?;
    let rows = filed.into_iter().map(|filed| {
        let unsettled = keys::unmatched_event(filed.received_at, &filed.id);
        Ok(InboxRow { entry: filed_event(db, &filed)?, settled: db.get(unsettled)?.is_none() })
    });
    rows.collect()
}

fn after_key(space: &Key, after: Option<Key>) -> (Bound<Key>, Bound<Key>) {
    let all = keys::below(space);
    (after.map_or(Bound::Included(all.start), Bound::Excluded), Bound::Excluded(all.end))
}

fn in_order(mut entries: Vec<InboxEntry>) -> Vec<InboxEntry> {
    entries.sort_by(|a, b| (a.event.received_at, &a.event.id).cmp(&(b.event.received_at, &b.event.id)));
    entries
}

fn values<T: DeserializeOwned>(db: &Db, range: impl RangeBounds<Key>) -> impl Iterator<Item = Result<T>> {
    db.range(range).map(|found| {
        let (key, row) = found?;
        json_of(db, &key, &row)
    })
}

//! What the runtime asks, answered from rows. What is missing or out of order is said to be damaged, never left out.

use super::keys::{self, Key};
use super::rows::{get, get_json, json_of, value_of};
use super::write::{Filed, run_id};
use crate::{DueTimers, Error, InboxEntry, Result, RunHead, RunQuery, Timer, WaitRow};
use engross_core::{Record, RunId, Timestamp};
use serde::de::DeserializeOwned;
use sled::Db;
use std::ops::Range;

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
    let (space, narrowed): (Key, fn(&RunId) -> Key) = match (query.working, query.open) {
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
        let head: RunHead = if query.working || query.open {
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
    let entries = values::<Filed>(db, keys::below(&keys::unmatched())).map(|filed| {
        let filed = filed?;
        get_json(db, &keys::event(&filed.topic, filed.received_at, &filed.id))?
            .ok_or_else(|| Error::Damaged(format!("event {} is not in the inbox", filed.id)))
    });
    entries.collect::<Result<_>>().map(in_order)
}

fn in_order(mut entries: Vec<InboxEntry>) -> Vec<InboxEntry> {
    entries.sort_by(|a, b| (a.event.received_at, &a.event.id).cmp(&(b.event.received_at, &b.event.id)));
    entries
}

fn values<T: DeserializeOwned>(db: &Db, range: Range<Key>) -> impl Iterator<Item = Result<T>> {
    db.range(range).map(|found| {
        let (key, row) = found?;
        json_of(db, &key, &row)
    })
}

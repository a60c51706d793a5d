//! What a write means in rows. Conflicts are found before the first row of a write is staged, so that a refused write leaves
//! nothing. Whether the rows become durable is decided by the caller.

use super::keys;
use super::rows::{Rows, Staged, get, get_json};
use crate::archive::mark_names;
use crate::measure::encode;
use crate::{Commit, Conflict, Error, InboxEntry, Result, RunHead, Write};
use engross_core::{EventId, RunId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where in the inbox an event is. An on-disk form.
#[derive(Serialize, Deserialize)]
pub(super) struct Filed {
    pub(super) id: EventId,
    pub(super) topic: String,
    pub(super) received_at: Timestamp,
}

/// A mark. An on-disk form.
#[derive(Serialize, Deserialize)]
pub(super) struct Marked {
    pub(super) name: String,
    pub(super) value: Value,
}

/// Stages one write after those that are staged already.
pub(super) fn stage(staged: &mut Staged<'_>, write: &Write) -> Result<std::result::Result<(), Conflict>> {
    match write {
        Write::Run(commit) => stage_commit(staged, commit),
        Write::Inbox(entry) => stage_event(staged, entry),
        Write::Matched(id) => {
            if let Some(filed) = get_json::<Filed>(staged, &keys::event_id(id))? {
                staged.remove(&keys::unmatched_event(filed.received_at, id))?;
                note_settled(staged, &filed)?;
            }
            Ok(Ok(()))
        }
        Write::Mark { name, value } => stage_mark(staged, name, value.as_ref()).map(Ok),
        Write::Remove(run) => stage_removal(staged, run),
        Write::Forget(id) => stage_forgetting(staged, id),
    }
}

/// Notes that an event is settled, when no wait may want it any more.
pub(super) fn note_settled(staged: &mut Staged<'_>, filed: &Filed) -> Result<()> {
    if staged.row(&keys::unmatched_event(filed.received_at, &filed.id))?.is_none() {
        let key = keys::settled_event(filed.received_at, &filed.id);
        staged.put(key, &encode("the event's place", filed)?)?;
    }
    Ok(())
}

fn stage_mark(staged: &mut Staged<'_>, name: &str, value: Option<&Value>) -> Result<()> {
    let key = keys::mark(name);
    match value {
        Some(value) => staged.put(key, &encode("a mark", &Marked { name: name.to_owned(), value: value.clone() })?),
        None => staged.remove(&key),
    }
}

fn stage_forgetting(staged: &mut Staged<'_>, id: &EventId) -> Result<std::result::Result<(), Conflict>> {
    let id_key = keys::event_id(id);
    let Some(filed) = get_json::<Filed>(staged, &id_key)? else {
        return Ok(Ok(()));
    };
    if staged.row(&keys::unmatched_event(filed.received_at, id))?.is_some() {
        return Ok(Err(Conflict::Open));
    }
    staged.remove(&keys::settled_event(filed.received_at, id))?;
    staged.remove(&keys::event(&filed.topic, filed.received_at, id))?;
    staged.remove(&id_key)?;
    Ok(Ok(()))
}

/// A run that is over is in no list, and has no timers and no waits.
fn stage_removal(staged: &mut Staged<'_>, run: &RunId) -> Result<std::result::Result<(), Conflict>> {
    let head_key = keys::head(run);
    let Some(head) = get_json::<RunHead>(staged, &head_key)? else {
        return Ok(Ok(()));
    };
    if !head.status.is_over() {
        return Ok(Err(Conflict::Open));
    }
    if !head.holds_its_key()
        && let Some(key) = &head.key
    {
        let key = keys::run_key(&head.workflow, key);
        if get(staged, &key)?.is_some_and(|holder| holder == run.as_str().as_bytes()) {
            staged.remove(&key)?;
        }
    }
    staged.remove(&head_key)?;
    for seq in 1..=head.seq {
        staged.remove(&keys::record(run, seq))?;
    }
    Ok(Ok(()))
}

fn stage_event(staged: &mut Staged<'_>, entry: &InboxEntry) -> Result<std::result::Result<(), Conflict>> {
    let event = &entry.event;
    let id_key = keys::event_id(&event.id);
    if staged.row(&id_key)?.is_some() {
        return Ok(Err(Conflict::Duplicate));
    }
    let filed = Filed { id: event.id.clone(), topic: entry.topic.clone(), received_at: event.received_at };
    let filed = encode("the event's place", &filed)?;
    let key = keys::event(&entry.topic, event.received_at, &event.id);
    staged.put(key, &encode("the event", entry)?)?;
    staged.put(keys::unmatched_event(event.received_at, &event.id), &filed)?;
    staged.put(id_key, &filed)?;
    Ok(Ok(()))
}

fn stage_commit(staged: &mut Staged<'_>, commit: &Commit) -> Result<std::result::Result<(), Conflict>> {
    let head_key = keys::head(&commit.run);
    let held: Option<RunHead> = get_json(staged, &head_key)?;
    if held.is_none() {
        for name in mark_names(&commit.run) {
            if staged.row(&keys::mark(&name))?.is_some() {
                return Ok(Err(Conflict::Archived));
            }
        }
    }
    if let Err(conflict) = commit.fits(held.as_ref().map_or(0, |head| head.seq)) {
        return Ok(Err(conflict));
    }
    if commit.claims_its_key(held.as_ref())
        && let Some(key) = &commit.head.key
    {
        let key = keys::run_key(&commit.head.workflow, key);
        if let Some(holder) = get(staged, &key)? {
            let holder = run_id(&holder)?;
            let head: Option<RunHead> = get_json(staged, &keys::head(&holder))?;
            if holder != commit.run && head.is_none_or(|head| head.holds_its_key()) {
                return Ok(Err(Conflict::KeyTaken { holder }));
            }
        }
        staged.put(key, commit.run.as_str().as_bytes())?;
    }
    staged.put(head_key, &encode("the run's head", &commit.head)?)?;
    stage_lists(staged, held.as_ref(), &commit.head)?;
    for record in &commit.records {
        staged.put(keys::record(&commit.run, record.seq), &encode("a journal record", record)?)?;
    }
    if let Some(plan) = &commit.plan {
        let key = keys::plan(&plan.digest);
        if staged.row(&key)?.is_none() {
            staged.put(key, &encode("the plan", plan)?)?;
        }
    }
    for timer in &commit.timers_cleared {
        staged.remove(&keys::timer(timer))?;
    }
    for timer in &commit.timers_set {
        staged.put(keys::timer(timer), &encode("a timer", timer)?)?;
    }
    for wait in &commit.waits_cleared {
        staged.remove(&keys::wait(wait))?;
    }
    for wait in &commit.waits_set {
        staged.put(keys::wait(wait), &encode("a wait", wait)?)?;
    }
    for (name, value) in &commit.marks {
        stage_mark(staged, name, value.as_ref())?;
    }
    Ok(Ok(()))
}

/// The rows that say which runs are not over and which may owe work; most commits change neither.
fn stage_lists(staged: &mut Staged<'_>, held: Option<&RunHead>, head: &RunHead) -> Result<()> {
    let lists = [
        (keys::open_run(&head.run), held.is_some_and(|held| !held.status.is_over()), !head.status.is_over()),
        (keys::working_run(&head.run), held.is_some_and(RunHead::owes_work), head.owes_work()),
    ];
    for (key, was, is) in lists {
        match (was, is) {
            (false, true) => staged.put(key, head.run.as_str().as_bytes())?,
            (true, false) => staged.remove(&key)?,
            (true, true) | (false, false) => {}
        }
    }
    Ok(())
}

/// A run's id as it is kept in index rows.
pub(super) fn run_id(value: &[u8]) -> Result<RunId> {
    match std::str::from_utf8(value) {
        Ok(text) => Ok(RunId::new(text)),
        Err(_) => Err(Error::Damaged("a run's id in an index is not text".into())),
    }
}

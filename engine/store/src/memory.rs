//! The reference: what a store must answer, written as plainly as it can be said. Nothing of it is durable.
//!
//! The conformance suite compares every other store with this one. It has no speed to defend: where a loop says what is
//! meant, there is no index.

use crate::archive::mark_names;
use crate::measure::measure;
use crate::store::newest;
use crate::{
    Commit, Conflict, DueTimers, InboxEntry, InboxQuery, InboxRow, Result, RunHead, RunQuery, Store, StoredPlan, Timer,
    WaitRow, Write,
};
use engross_core::{EventId, PlanDigest, Record, RunId, Timestamp};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A store in memory. Clones share what they hold.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    facts: Arc<Mutex<Facts>>,
}

#[derive(Debug, Default)]
struct Facts {
    heads: BTreeMap<RunId, RunHead>,
    journals: BTreeMap<RunId, Vec<Record>>,
    keys: BTreeMap<(String, String), RunId>,
    plans: BTreeMap<PlanDigest, StoredPlan>,
    timers: BTreeSet<Timer>,
    waits: BTreeSet<WaitRow>,
    inbox: BTreeMap<EventId, InboxEntry>,
    unmatched: BTreeSet<EventId>,
    marks: BTreeMap<String, Value>,
    latest: Option<Timestamp>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        // Nothing in this file panics half-way through a change.
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Facts {
    fn write(&mut self, write: &Write) -> std::result::Result<(), Conflict> {
        match write {
            Write::Run(commit) => self.commit(commit),
            Write::Inbox(entry) => {
                if self.inbox.contains_key(&entry.event.id) {
                    return Err(Conflict::Duplicate);
                }
                self.inbox.insert(entry.event.id.clone(), entry.clone());
                self.unmatched.insert(entry.event.id.clone());
                Ok(())
            }
            Write::Matched(id) => {
                self.unmatched.remove(id);
                Ok(())
            }
            Write::Mark { name, value } => {
                self.mark(name, value.as_ref());
                Ok(())
            }
            Write::Remove(run) => self.remove(run),
            Write::Forget(id) => {
                if self.unmatched.contains(id) {
                    return Err(Conflict::Open);
                }
                self.inbox.remove(id);
                Ok(())
            }
        }
    }

    fn mark(&mut self, name: &str, value: Option<&Value>) {
        match value {
            Some(value) => self.marks.insert(name.to_owned(), value.clone()),
            None => self.marks.remove(name),
        };
    }

    fn remove(&mut self, run: &RunId) -> std::result::Result<(), Conflict> {
        let Some(head) = self.heads.get(run) else {
            return Ok(());
        };
        if !head.status.is_over() {
            return Err(Conflict::Open);
        }
        if !head.holds_its_key()
            && let Some(key) = &head.key
        {
            let key = (head.workflow.clone(), key.clone());
            if self.keys.get(&key) == Some(run) {
                self.keys.remove(&key);
            }
        }
        self.heads.remove(run);
        self.journals.remove(run);
        Ok(())
    }

    fn commit(&mut self, commit: &Commit) -> std::result::Result<(), Conflict> {
        let held = self.heads.get(&commit.run);
        if held.is_none() && mark_names(&commit.run).iter().any(|name| self.marks.contains_key(name)) {
            return Err(Conflict::Archived);
        }
        commit.fits(held.map_or(0, |head| head.seq))?;
        if commit.claims_its_key(held)
            && let Some(key) = &commit.head.key
        {
            let key = (commit.head.workflow.clone(), key.clone());
            if let Some(holder) = self.keys.get(&key)
                && *holder != commit.run
                && self.heads.get(holder).is_none_or(RunHead::holds_its_key)
            {
                return Err(Conflict::KeyTaken { holder: holder.clone() });
            }
            self.keys.insert(key, commit.run.clone());
        }
        self.heads.insert(commit.run.clone(), commit.head.clone());
        self.journals.entry(commit.run.clone()).or_default().extend(commit.records.iter().cloned());
        if let Some(plan) = &commit.plan {
            self.plans.entry(plan.digest.clone()).or_insert_with(|| plan.clone());
        }
        for timer in &commit.timers_cleared {
            self.timers.remove(timer);
        }
        self.timers.extend(commit.timers_set.iter().cloned());
        for wait in &commit.waits_cleared {
            self.waits.remove(wait);
        }
        self.waits.extend(commit.waits_set.iter().cloned());
        for (name, value) in &commit.marks {
            self.mark(name, value.as_ref());
        }
        Ok(())
    }
}

impl Store for MemoryStore {
    fn write(&self, writes: &[Write]) -> Result<Vec<std::result::Result<(), Conflict>>> {
        for write in writes {
            measure(write)?;
        }
        let mut facts = self.facts();
        let answers: Vec<_> = writes.iter().map(|write| facts.write(write)).collect();
        facts.latest = newest(facts.latest, writes.iter().zip(&answers));
        Ok(answers)
    }

    fn head(&self, run: &RunId) -> Result<Option<RunHead>> {
        Ok(self.facts().heads.get(run).cloned())
    }

    fn journal(&self, run: &RunId, after: u64, limit: usize) -> Result<Vec<Record>> {
        let facts = self.facts();
        let records = facts.journals.get(run).into_iter().flatten();
        Ok(records.filter(|record| record.seq > after).take(limit).cloned().collect())
    }

    fn runs(&self, query: &RunQuery) -> Result<Vec<RunHead>> {
        let facts = self.facts();
        let newest_first = facts.heads.values().rev();
        Ok(newest_first.filter(|head| query.accepts(head)).take(query.limit).cloned().collect())
    }

    fn run_by_key(&self, workflow: &str, key: &str) -> Result<Option<RunId>> {
        Ok(self.facts().keys.get(&(workflow.to_owned(), key.to_owned())).cloned())
    }

    fn plan(&self, digest: &PlanDigest) -> Result<Option<StoredPlan>> {
        Ok(self.facts().plans.get(digest).cloned())
    }

    fn due(&self, until: Timestamp, limit: usize) -> Result<DueTimers> {
        let facts = self.facts();
        let timers: Vec<Timer> = facts.timers.iter().filter(|timer| timer.at <= until).take(limit).cloned().collect();
        let next = facts.timers.iter().nth(timers.len()).map(|timer| timer.at);
        Ok(DueTimers { timers, next })
    }

    fn waits(&self, topic: &str) -> Result<Vec<WaitRow>> {
        Ok(self.facts().waits.iter().filter(|wait| wait.subscription.topic == topic).cloned().collect())
    }

    fn inbox(&self, query: &InboxQuery) -> Result<Vec<InboxEntry>> {
        let facts = self.facts();
        let wanted = |entry: &&InboxEntry| match query {
            InboxQuery::Topic { topic, since } => entry.topic == *topic && entry.event.received_at >= *since,
            InboxQuery::Unmatched => facts.unmatched.contains(&entry.event.id),
        };
        let mut found: Vec<InboxEntry> = facts.inbox.values().filter(wanted).cloned().collect();
        // By id they are already, and this sort keeps that among events of one time.
        found.sort_by_key(|entry| entry.event.received_at);
        Ok(found)
    }

    fn mark(&self, name: &str) -> Result<Option<Value>> {
        Ok(self.facts().marks.get(name).cloned())
    }

    fn marks(&self, prefix: &str) -> Result<Vec<(String, Value)>> {
        let facts = self.facts();
        let found = facts.marks.iter().filter(|(name, _)| name.starts_with(prefix));
        Ok(found.map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    fn settled(&self, before: Timestamp, limit: usize) -> Result<Vec<EventId>> {
        let facts = self.facts();
        let settled = facts.inbox.values().map(|entry| &entry.event).filter(|event| event.received_at < before);
        let mut settled: Vec<_> = settled.filter(|event| !facts.unmatched.contains(&event.id)).collect();
        settled.sort_by_key(|event| event.received_at);
        Ok(settled.into_iter().take(limit).map(|event| event.id.clone()).collect())
    }

    fn all_runs(&self, after: Option<&RunId>, limit: usize) -> Result<Vec<RunHead>> {
        Ok(page(&self.facts().heads, after, limit).map(|(_, head)| head.clone()).collect())
    }

    fn all_plans(&self, after: Option<&PlanDigest>, limit: usize) -> Result<Vec<StoredPlan>> {
        Ok(page(&self.facts().plans, after, limit).map(|(_, plan)| plan.clone()).collect())
    }

    fn all_timers(&self, after: Option<&Timer>, limit: usize) -> Result<Vec<Timer>> {
        let facts = self.facts();
        let page = facts.timers.range((after.map_or(Unbounded, Excluded), Unbounded)).take(limit);
        Ok(page.cloned().collect())
    }

    fn all_waits(&self, after: Option<&WaitRow>, limit: usize) -> Result<Vec<WaitRow>> {
        let facts = self.facts();
        let page = facts.waits.range((after.map_or(Unbounded, Excluded), Unbounded)).take(limit);
        Ok(page.cloned().collect())
    }

    fn all_events(&self, after: Option<&EventId>, limit: usize) -> Result<Vec<InboxRow>> {
        let facts = self.facts();
        let row = |(id, entry): (&EventId, &InboxEntry)| InboxRow {
            entry: entry.clone(),
            settled: !facts.unmatched.contains(id),
        };
        Ok(page(&facts.inbox, after, limit).map(row).collect())
    }

    fn latest(&self) -> Result<Option<Timestamp>> {
        Ok(self.facts().latest)
    }
}

fn page<'a, K: Ord, V>(
    all: &'a BTreeMap<K, V>,
    after: Option<&K>,
    limit: usize,
) -> impl Iterator<Item = (&'a K, &'a V)> {
    all.range((after.map_or(Unbounded, Excluded), Unbounded)).take(limit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance;

    #[test]
    fn conforms() {
        conformance::check_all(&|| {
            let store = MemoryStore::new();
            Box::new(move || Box::new(store.clone()))
        });
    }
}

//! The way from an engine to its store: it can be told to fail, to keep writers waiting, or to end as a process does.

use crate::lab::PATIENCE;
use engross_core::{Event, EventId, PlanDigest, Record, RunId, Timestamp};
use engross_store::{
    Conflict, DueTimers, Error, InboxEntry, InboxQuery, InboxRow, MemoryStore, Result, RunHead, RunQuery, Store,
    StoredPlan, Timer, WaitRow, Write,
};
use serde_json::Value;
use std::sync::{Condvar, Mutex};
use tokio::sync::watch;

pub(crate) struct Rigged {
    inner: MemoryStore,
    mode: Mutex<Mode>,
    changed: Condvar,
    writer_waits: watch::Sender<bool>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Well,
    /// Writers wait.
    Held,
    /// It breaks when it is to keep the intent of an effect.
    RefusesIntents,
    /// Nothing is written any more: whoever wrote is no longer there.
    Cut,
}

impl Rigged {
    pub(crate) fn new(inner: MemoryStore) -> Self {
        Self { inner, mode: Mutex::new(Mode::Well), changed: Condvar::new(), writer_waits: watch::channel(false).0 }
    }

    pub(crate) fn refuse_intents(&self) {
        self.set(Mode::RefusesIntents);
    }

    /// From now on, nothing is written until [`Rigged::let_go`].
    pub(crate) fn hold(&self) {
        self.set(Mode::Held);
    }

    pub(crate) fn let_go(&self) {
        self.set(Mode::Well);
    }

    /// When this returns, nothing that comes this way is written any more.
    pub(crate) fn cut(&self) {
        self.set(Mode::Cut);
    }

    fn set(&self, mode: Mode) {
        *self.mode.lock().unwrap() = mode;
        self.changed.notify_all();
    }

    pub(crate) async fn until_a_writer_waits(&self) {
        let mut waits = self.writer_waits.subscribe();
        let waiting = waits.wait_for(|waits| *waits);
        assert!(tokio::time::timeout(PATIENCE, waiting).await.is_ok(), "nobody writes");
    }
}

fn is_intent(write: &Write) -> bool {
    match write {
        Write::Run(commit) => commit.records.iter().any(|r| matches!(r.event, Event::EffectIntended { .. })),
        Write::Inbox(_) | Write::Matched(_) | Write::Mark { .. } | Write::Remove(_) | Write::Forget(_) => false,
    }
}

impl Store for Rigged {
    fn write(&self, writes: &[Write]) -> Result<Vec<std::result::Result<(), Conflict>>> {
        let mut mode = self.mode.lock().unwrap();
        while *mode == Mode::Held {
            self.writer_waits.send_replace(true);
            mode = self.changed.wait(mode).unwrap();
        }
        self.writer_waits.send_replace(false);
        match *mode {
            Mode::Cut => Err(Error::Io("this process is gone".to_string())),
            Mode::RefusesIntents if writes.iter().any(is_intent) => Err(Error::Io("no space is left".to_string())),
            Mode::Well | Mode::Held | Mode::RefusesIntents => self.inner.write(writes),
        }
    }

    fn head(&self, run: &RunId) -> Result<Option<RunHead>> {
        self.inner.head(run)
    }

    fn journal(&self, run: &RunId, after: u64, limit: usize) -> Result<Vec<Record>> {
        self.inner.journal(run, after, limit)
    }

    fn runs(&self, query: &RunQuery) -> Result<Vec<RunHead>> {
        self.inner.runs(query)
    }

    fn run_by_key(&self, workflow: &str, key: &str) -> Result<Option<RunId>> {
        self.inner.run_by_key(workflow, key)
    }

    fn plan(&self, digest: &PlanDigest) -> Result<Option<StoredPlan>> {
        self.inner.plan(digest)
    }

    fn due(&self, until: Timestamp, limit: usize) -> Result<DueTimers> {
        self.inner.due(until, limit)
    }

    fn waits(&self, topic: &str) -> Result<Vec<WaitRow>> {
        self.inner.waits(topic)
    }

    fn inbox(&self, query: &InboxQuery) -> Result<Vec<InboxEntry>> {
        self.inner.inbox(query)
    }

    fn mark(&self, name: &str) -> Result<Option<Value>> {
        self.inner.mark(name)
    }

    fn marks(&self, prefix: &str) -> Result<Vec<(String, Value)>> {
        self.inner.marks(prefix)
    }

    fn settled(&self, before: Timestamp, limit: usize) -> Result<Vec<EventId>> {
        self.inner.settled(before, limit)
    }

    fn all_runs(&self, after: Option<&RunId>, limit: usize) -> Result<Vec<RunHead>> {
        self.inner.all_runs(after, limit)
    }

    fn all_plans(&self, after: Option<&PlanDigest>, limit: usize) -> Result<Vec<StoredPlan>> {
        self.inner.all_plans(after, limit)
    }

    fn all_timers(&self, after: Option<&Timer>, limit: usize) -> Result<Vec<Timer>> {
        self.inner.all_timers(after, limit)
    }

    fn all_waits(&self, after: Option<&WaitRow>, limit: usize) -> Result<Vec<WaitRow>> {
        self.inner.all_waits(after, limit)
    }

    fn all_events(&self, after: Option<&EventId>, limit: usize) -> Result<Vec<InboxRow>> {
        self.inner.all_events(after, limit)
    }

    fn latest(&self) -> Result<Option<Timestamp>> {
        self.inner.latest()
    }
}

//! The way from one process to the store, which ends at a chosen durable write, in a chosen manner.
//!
//! The number of a write goes on from process to process, so that a second crash can be asked for while the first is being
//! recovered from. Nothing here knows what a run is.

use engross_core::{EventId, PlanDigest, Record, RunId, Timestamp};
use engross_store::{
    Conflict, DueTimers, Error, InboxEntry, InboxQuery, InboxRow, MemoryStore, Result, RunHead, RunQuery, Store,
    StoredPlan, Timer, WaitRow, Write,
};
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// So long a write waits for the process to fall idle, which it does within microseconds.
const IDLE_WAIT: Duration = Duration::from_millis(20);

/// How a process ends at a durable write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Killed before it: nothing of it is there.
    Before,
    /// Killed after it: all of it is there, and nobody was told.
    After,
    /// The store says that it failed, and nothing of the write is there. The process ends by itself.
    ErrorLost,
    /// The store says that it failed, and all of the write is there all the same.
    ErrorKept,
    /// Killed when so many of the write's groups are there, as if the committer had taken fewer at once. Nothing is ever torn
    /// inside of a group: the contract of the store forbids that.
    Torn(usize),
    /// What no store may do: it says that all is written, nothing of it is, and the process is killed at the next write. The
    /// audit has to find that out.
    Forgotten,
}

/// The crashes that are still to come, and how many durable writes there were.
#[derive(Debug, Default)]
pub(crate) struct Points {
    writes: usize,
    to_come: VecDeque<(usize, Kind)>,
}

impl Points {
    pub(crate) fn new(crashes: &[(usize, Kind)]) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self { writes: 0, to_come: crashes.iter().copied().collect() }))
    }

    /// The durable writes so far, those included that ended a process.
    pub(crate) fn writes(&self) -> usize {
        self.writes
    }

    /// The crashes that did not come, because there were fewer writes.
    pub(crate) fn left(&self) -> usize {
        self.to_come.len()
    }

    fn next_is(&mut self, kind: Kind) {
        self.to_come.push_front((self.writes + 1, kind));
    }

    fn next(&mut self, groups: usize) -> Option<Kind> {
        self.writes += 1;
        let &(at, kind) = self.to_come.front()?;
        if at != self.writes || matches!(kind, Kind::Torn(kept) if kept >= groups) {
            return None;
        }
        self.to_come.pop_front();
        Some(kind)
    }
}

/// What happens in the process that a write waits for.
#[derive(Debug, Default)]
struct Process {
    /// Whether its thread has nothing to do: whatever wants to be written with the others is waiting by now.
    idle: bool,
    /// Whether it is gone.
    gone: bool,
}

/// One process's way to the store.
pub(crate) struct Line {
    inner: MemoryStore,
    points: Arc<Mutex<Points>>,
    process: Mutex<Process>,
    changed: Condvar,
    /// Whether its end has come; what is under way in it must not be waited for any more.
    dying: watch::Sender<Option<Kind>>,
    dead: AtomicBool,
    /// Told whenever something was written.
    pub(crate) progress: Arc<Notify>,
}

impl Line {
    pub(crate) fn new(inner: MemoryStore, points: Arc<Mutex<Points>>, progress: Arc<Notify>) -> Self {
        Self {
            inner,
            points,
            process: Mutex::default(),
            changed: Condvar::new(),
            dying: watch::channel(None).0,
            dead: AtomicBool::new(false),
            progress,
        }
    }

    /// The process's thread goes to sleep, or has been woken.
    pub(crate) fn idle(&self, idle: bool) {
        self.process.lock().unwrap().idle = idle;
        self.changed.notify_all();
    }

    /// Nothing of the process is left: its tasks are gone, and nobody hears an answer.
    pub(crate) fn gone(&self) {
        self.process.lock().unwrap().gone = true;
        self.changed.notify_all();
    }

    /// Whether the process's end has come.
    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }

    /// Resolves when the process's end has come.
    pub(crate) async fn dying(&self) -> Kind {
        let mut dying = self.dying.subscribe();
        let kind = dying.wait_for(Option::is_some).await.unwrap();
        kind.unwrap()
    }

    fn until_idle(&self) {
        let process = self.process.lock().unwrap();
        let _ = self.changed.wait_timeout_while(process, IDLE_WAIT, |p| !p.idle && !p.gone).unwrap();
    }

    fn until_gone(&self) {
        let process = self.process.lock().unwrap();
        drop(self.changed.wait_while(process, |p| !p.gone).unwrap());
    }

    /// Ends the process as `kind` says; the committer's thread hears what no process would hear, when there is none.
    fn end(&self, kind: Kind) -> Error {
        self.dead.store(true, Ordering::SeqCst);
        self.dying.send_replace(Some(kind));
        match kind {
            Kind::ErrorLost | Kind::ErrorKept => Error::Io("no space is left".to_string()),
            Kind::Before | Kind::After | Kind::Torn(_) | Kind::Forgotten => {
                self.until_gone();
                Error::Io("this process is gone".to_string())
            }
        }
    }
}

impl Store for Line {
    fn write(&self, writes: &[Write]) -> Result<Vec<std::result::Result<(), Conflict>>> {
        self.until_idle();
        if self.is_dead() || self.process.lock().unwrap().gone {
            return Err(Error::Io("this process is gone".to_string()));
        }
        let kind = self.points.lock().unwrap().next(writes.len());
        let written = match kind {
            None => {
                let written = self.inner.write(writes)?;
                self.progress.notify_one();
                return Ok(written);
            }
            Some(Kind::Forgotten) => {
                self.points.lock().unwrap().next_is(Kind::Before);
                self.progress.notify_one();
                return Ok(writes.iter().map(|_| Ok(())).collect());
            }
            Some(Kind::Before | Kind::ErrorLost) => 0,
            Some(Kind::After | Kind::ErrorKept) => writes.len(),
            Some(Kind::Torn(groups)) => groups,
        };
        self.inner.write(&writes[..written])?;
        Err(kind.map_or_else(|| Error::Io("nothing ends it".to_string()), |kind| self.end(kind)))
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

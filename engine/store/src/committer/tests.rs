//! The committer over stores that fail, panic, and stand still.

use super::*;
use crate::conformance::samples::{commit, event, event_with, run, write};
use crate::{
    DueTimers, InboxEntry, InboxQuery, InboxRow, MemoryStore, Result, RunHead, RunQuery, StoredPlan, Timer, WaitRow,
};
use engross_core::{EventId, PlanDigest, Record, RunId, Timestamp};
use serde_json::Value;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

/// A memory store whose writes wait until the test lets them go, and then do what the test says.
struct Staged {
    memory: MemoryStore,
    arrived: Sender<usize>,
    orders: Mutex<Receiver<Order>>,
}

enum Order {
    Write,
    Fail,
    Panic,
    Forget,
}

impl Store for Staged {
    fn write(&self, writes: &[Write]) -> Result<Answers> {
        self.arrived.send(writes.len()).unwrap();
        match self.orders.lock().unwrap().recv().unwrap() {
            Order::Write => self.memory.write(writes),
            Order::Fail => Err(Error::Io("the disk is full".into())),
            Order::Panic => panic!("on purpose"),
            Order::Forget => Ok(Vec::new()),
        }
    }
    fn head(&self, run: &RunId) -> Result<Option<RunHead>> {
        self.memory.head(run)
    }
    fn journal(&self, run: &RunId, after: u64, limit: usize) -> Result<Vec<Record>> {
        self.memory.journal(run, after, limit)
    }
    fn runs(&self, query: &RunQuery) -> Result<Vec<RunHead>> {
        self.memory.runs(query)
    }
    fn run_by_key(&self, workflow: &str, key: &str) -> Result<Option<RunId>> {
        self.memory.run_by_key(workflow, key)
    }
    fn plan(&self, digest: &PlanDigest) -> Result<Option<StoredPlan>> {
        self.memory.plan(digest)
    }
    fn due(&self, until: Timestamp, limit: usize) -> Result<DueTimers> {
        self.memory.due(until, limit)
    }
    fn waits(&self, topic: &str) -> Result<Vec<WaitRow>> {
        self.memory.waits(topic)
    }
    fn inbox(&self, query: &InboxQuery) -> Result<Vec<InboxEntry>> {
        self.memory.inbox(query)
    }
    fn mark(&self, name: &str) -> Result<Option<Value>> {
        self.memory.mark(name)
    }
    fn marks(&self, prefix: &str) -> Result<Vec<(String, Value)>> {
        self.memory.marks(prefix)
    }
    fn settled(&self, before: Timestamp, limit: usize) -> Result<Vec<EventId>> {
        self.memory.settled(before, limit)
    }
    fn all_runs(&self, after: Option<&RunId>, limit: usize) -> Result<Vec<RunHead>> {
        self.memory.all_runs(after, limit)
    }
    fn all_plans(&self, after: Option<&PlanDigest>, limit: usize) -> Result<Vec<StoredPlan>> {
        self.memory.all_plans(after, limit)
    }
    fn all_timers(&self, after: Option<&Timer>, limit: usize) -> Result<Vec<Timer>> {
        self.memory.all_timers(after, limit)
    }
    fn all_waits(&self, after: Option<&WaitRow>, limit: usize) -> Result<Vec<WaitRow>> {
        self.memory.all_waits(after, limit)
    }
    fn all_events(&self, after: Option<&EventId>, limit: usize) -> Result<Vec<InboxRow>> {
        self.memory.all_events(after, limit)
    }
    fn latest(&self) -> Result<Option<Timestamp>> {
        self.memory.latest()
    }
}

struct Stage {
    memory: MemoryStore,
    committer: Committer,
    arrived: Receiver<usize>,
    orders: Sender<Order>,
}

fn stage() -> Stage {
    let memory = MemoryStore::new();
    let (arrive, arrived) = channel();
    let (orders, waiting) = channel();
    let store = Staged { memory: memory.clone(), arrived: arrive, orders: Mutex::new(waiting) };
    Stage { memory, committer: Committer::start(Arc::new(store)), arrived, orders }
}

fn new_run(n: u64) -> Write {
    write(commit(&run(n), 0, 1))
}

/// Starts a write and returns when it is in the queue.
async fn begin(
    committer: &Committer,
    writes: Vec<Write>,
) -> tokio::task::JoinHandle<std::result::Result<Answers, CommitError>> {
    let before = committer.requests.capacity();
    let task = tokio::spawn({
        let committer = committer.clone();
        async move { committer.write_all(writes).await }
    });
    while committer.requests.capacity() == before {
        tokio::task::yield_now().await;
    }
    task
}

#[tokio::test]
async fn what_is_waiting_is_written_as_one_batch_and_each_gets_its_answers() {
    let stage = stage();
    let first = begin_alone(&stage, vec![new_run(1)]).await;
    let second = begin(&stage.committer, vec![new_run(2), new_run(1)]).await;
    let third = begin(&stage.committer, vec![new_run(2)]).await;
    stage.orders.send(Order::Write).unwrap();
    assert_eq!(first.await.unwrap(), Ok(vec![Ok(())]));
    assert_eq!(stage.arrived.recv(), Ok(3));
    stage.orders.send(Order::Write).unwrap();
    let stale = || Err(Conflict::Sequence { expected: 0, actual: 1 });
    assert_eq!(second.await.unwrap(), Ok(vec![Ok(()), stale()]));
    assert_eq!(third.await.unwrap(), Ok(vec![stale()]));
    stage.orders.send(Order::Write).unwrap();
    assert_eq!(stage.committer.write(new_run(2)).await, Err(CommitError::Conflict(stale().unwrap_err())));
    assert_eq!(stage.committer.write_all(Vec::new()).await, Ok(Vec::new()));
}

/// Starts a write and returns when the store has it, so that what comes next waits.
async fn begin_alone(
    stage: &Stage,
    writes: Vec<Write>,
) -> tokio::task::JoinHandle<std::result::Result<Answers, CommitError>> {
    let count = writes.len();
    let committer = stage.committer.clone();
    let task = tokio::spawn(async move { committer.write_all(writes).await });
    loop {
        match stage.arrived.try_recv() {
            Ok(arrived) => {
                assert_eq!(arrived, count);
                return task;
            }
            Err(_) => tokio::task::yield_now().await,
        }
    }
}

#[tokio::test]
async fn a_batch_has_bounds_and_keeps_the_order() {
    let stage = stage();
    let first = begin_alone(&stage, vec![new_run(0)]).await;
    let mut tasks = vec![first];
    let large = || "x".repeat(crate::limits::VALUE_BYTES_MAX / 2);
    for n in 0..20 {
        let entry = event_with(&n.to_string(), "t", n, serde_json::json!(large()));
        tasks.push(begin(&stage.committer, vec![Write::Inbox(entry)]).await);
    }
    let many = (0..300).map(|n| Write::Inbox(event(&format!("e{n}"), "t", 100))).collect();
    tasks.push(begin(&stage.committer, many).await);
    tasks.push(begin(&stage.committer, vec![Write::Inbox(event("last", "t", 101))]).await);
    for _ in 0..6 {
        stage.orders.send(Order::Write).unwrap();
    }
    for task in tasks {
        assert!(task.await.unwrap().unwrap().iter().all(std::result::Result::is_ok));
    }
    let batches: Vec<usize> = stage.arrived.try_iter().collect();
    assert_eq!(batches, [7, 7, 6, 300, 1]);
}

#[tokio::test]
async fn a_value_that_cannot_be_kept_harms_nobody() {
    let committer = Committer::start(Arc::new(MemoryStore::new()));
    let large = event_with("e", "t", 1, serde_json::json!("x".repeat(crate::limits::VALUE_BYTES_MAX)));
    let refused = committer.write_all(vec![new_run(1), Write::Inbox(large)]).await;
    assert!(matches!(&refused, Err(CommitError::Store(why)) if why.starts_with("the event has ")), "{refused:?}");
    assert_eq!(committer.write(new_run(1)).await, Ok(()));
}

async fn check_failure(order: Order, expected: &str) {
    let stage = stage();
    let failed = stage.committer.failed();
    let first = begin_alone(&stage, vec![new_run(1)]).await;
    let waiting = begin(&stage.committer, vec![new_run(2)]).await;
    stage.orders.send(order).unwrap();
    let stopped = || CommitError::Stopped(expected.to_owned());
    assert_eq!(first.await.unwrap(), Err(stopped()));
    assert_eq!(failed.await, expected);
    assert_eq!(waiting.await.unwrap(), Err(stopped()));
    assert_eq!(stage.committer.write(new_run(3)).await, Err(stopped()));
    assert_eq!(stage.committer.shutdown().await, Err(stopped()));
    assert_eq!(stage.committer.failed().await, expected);
    assert_eq!(stage.arrived.try_iter().count(), 0, "a store that failed is not asked again");
    assert_eq!(stage.memory.head(&run(1)).unwrap(), None);
}

#[tokio::test]
async fn the_first_failure_is_the_end() {
    check_failure(Order::Fail, "the store failed: the disk is full").await;
    check_failure(Order::Panic, "the store panicked").await;
    check_failure(Order::Forget, "the store gave 0 answers to 1 writes").await;
}

#[tokio::test]
async fn a_shutdown_writes_what_is_waiting_and_lets_go_of_the_store() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let committer = Committer::start(Arc::clone(&store));
    let mut tasks = Vec::new();
    for n in 0..50 {
        tasks.push(tokio::spawn({
            let committer = committer.clone();
            async move { committer.write(new_run(n)).await }
        }));
    }
    for task in tasks {
        assert_eq!(task.await.unwrap(), Ok(()));
    }
    assert_eq!(committer.shutdown().await, Ok(()));
    assert_eq!(committer.shutdown().await, Ok(()));
    assert_eq!(Arc::strong_count(&store), 1);
    let late = committer.write(new_run(99)).await;
    assert_eq!(late, Err(CommitError::Stopped("the engine is shutting down".into())));
    assert_eq!(store.runs(&RunQuery { limit: 99, ..RunQuery::default() }).unwrap().len(), 50);
}

#[tokio::test]
async fn what_waits_before_a_shutdown_is_written_and_what_comes_after_is_not() {
    let stage = stage();
    let first = begin_alone(&stage, vec![new_run(1)]).await;
    let second = begin(&stage.committer, vec![new_run(2)]).await;
    let before = stage.committer.requests.capacity();
    let shutdown = tokio::spawn({
        let committer = stage.committer.clone();
        async move { committer.shutdown().await }
    });
    while stage.committer.requests.capacity() == before {
        tokio::task::yield_now().await;
    }
    for _ in 0..2 {
        stage.orders.send(Order::Write).unwrap();
    }
    assert_eq!(first.await.unwrap(), Ok(vec![Ok(())]));
    assert_eq!(second.await.unwrap(), Ok(vec![Ok(())]));
    assert_eq!(shutdown.await.unwrap(), Ok(()));
    assert!(matches!(stage.committer.write(new_run(3)).await, Err(CommitError::Stopped(_))));
}

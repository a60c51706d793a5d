//! An engine with all it needs, and the ways to watch a run.

use crate::lab::{Lab, PATIENCE};
use crate::rigged::Rigged;
use async_trait::async_trait;
use bytes::Bytes;
use engross_compiler::{Compiled, TeraEvaluator};
use engross_core::{Approval, Deadline, OutcomeName, RunState, Stage, Subscription, Wait, WaitKind};
use engross_core::{Event, EventId, OnEvent, Person, ReceivedEvent, RunId, StepState, Timestamp, Verdict, fold};
use engross_runtime::{
    Clock, Engine, Error, Ids, Options, Published, RegistryCatalog, RunView, StartOptions, Started, TriggeredWorkflow,
};
use engross_source::SourceFile;
use engross_step_api::{Connection, FileRef, Files, FilesError, WebhookSettings};
use engross_store::{Committer, InboxEntry, MemoryStore, Store};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// The token of every connection's hook.
pub(crate) const TOKEN: &str = "t0ken";

/// Stands still until it is set.
pub(crate) struct TestClock(pub(crate) AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// Ids that count, and no randomness: every pause is the longest.
pub(crate) struct CountedIds(pub(crate) AtomicU64);

impl Ids for CountedIds {
    fn run(&self, _: Timestamp) -> RunId {
        RunId::new(format!("run-{:06}", self.0.fetch_add(1, Ordering::SeqCst)))
    }

    fn random(&self) -> u32 {
        u32::MAX
    }

    fn token(&self) -> String {
        format!("{:032x}", self.0.fetch_add(1, Ordering::SeqCst))
    }
}

pub(crate) struct NoFiles;

#[async_trait]
impl Files for NoFiles {
    async fn put(&self, _: Bytes, _: &str, _: Option<&str>) -> Result<FileRef, FilesError> {
        Err(FilesError::Unavailable("this world keeps no files".to_string()))
    }

    async fn get(&self, sha256: &str) -> Result<Bytes, FilesError> {
        Err(FilesError::NotFound(sha256.to_string()))
    }

    async fn publish(&self, file: &FileRef, _: &str) -> Result<String, FilesError> {
        Err(FilesError::NotFound(file.sha256.clone()))
    }
}

/// An engine, and what outlives it.
pub(crate) struct World {
    pub(crate) store: MemoryStore,
    /// The way from this engine to the store.
    pub(crate) line: Arc<Rigged>,
    pub(crate) lab: Arc<Lab>,
    pub(crate) engine: Engine,
    pub(crate) committer: Committer,
    clock: Arc<TestClock>,
    ids: Arc<CountedIds>,
}

impl World {
    pub(crate) async fn new() -> Self {
        let store = MemoryStore::new();
        let lab = Lab::new(store.clone());
        let clock = Arc::new(TestClock(AtomicI64::new(1_700_000_000_000)));
        let ids = Arc::new(CountedIds(AtomicU64::new(1)));
        Self::begin(store, lab, clock, ids, &["acme", "slow", "settling"], &[]).await
    }

    async fn begin(
        store: MemoryStore,
        lab: Arc<Lab>,
        clock: Arc<TestClock>,
        ids: Arc<CountedIds>,
        connections: &[&str],
        triggered: &[&str],
    ) -> Self {
        let line = Arc::new(Rigged::new(store.clone()));
        let committer = Committer::start(line.clone());
        let options = Options {
            store: line.clone(),
            committer: committer.clone(),
            files: Arc::new(NoFiles),
            registry: Arc::new(lab.registry()),
            connections: connections.iter().map(|name| connection(name)).collect(),
            directory: Arc::default(),
            evaluator: Arc::new(TeraEvaluator::new()),
            clock: clock.clone(),
            ids: ids.clone(),
        };
        let catalog = RegistryCatalog { registry: &options.registry, connections: None };
        let triggered = triggered.iter().map(|text| {
            let file = SourceFile::new("triggered.yaml", text);
            let compiled = engross_compiler::compile(&file, &catalog).unwrap_or_else(|found| panic!("{found:?}"));
            TriggeredWorkflow { file, compiled }
        });
        let triggered = triggered.collect();
        let engine = Engine::start_with(options, triggered).await.unwrap();
        Self { store, line, lab, engine, committer, clock, ids }
    }

    /// Ends the engine as a crash does: nothing that it is at is heard of again. Another starts on the store.
    pub(crate) async fn crash(self) -> Self {
        self.crash_into(&["acme", "slow", "settling"]).await
    }

    /// The same, with other connections configured.
    pub(crate) async fn crash_into(self, connections: &[&str]) -> Self {
        self.engine.stop();
        self.line.cut();
        Self::begin(self.store, self.lab, self.clock, self.ids, connections, &[]).await
    }

    /// The same, with workflows whose triggers the new engine keeps.
    pub(crate) async fn crash_with(self, triggered: &[&str]) -> Self {
        self.engine.stop();
        self.line.cut();
        Self::begin(self.store, self.lab, self.clock, self.ids, &["acme", "slow", "settling"], triggered).await
    }

    /// Sets the clock forward, and tells the engine.
    pub(crate) fn pass(&self, ms: i64) {
        self.clock.0.fetch_add(ms, Ordering::SeqCst);
        self.engine.clock_changed();
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn compile(&self, steps: &str) -> (Compiled, SourceFile) {
        // What fails ends there, so that tests see how; those about incidents say so themselves.
        let defaults = if steps.contains("defaults:") { "" } else { "defaults: { on_error: fail }\n" };
        let text = format!("schema: engross/v1\nname: test\n{defaults}{steps}");
        let file = SourceFile::new("test.yaml", &text);
        let compiled = self.engine.compile(&file).unwrap_or_else(|found| {
            let found: Vec<String> = found.iter().map(|d| format!("{d:?}")).collect();
            panic!("{text}\n{}", found.join("\n"))
        });
        (compiled, file)
    }

    pub(crate) async fn try_start(&self, workflow: &str, inputs: Value, key: Option<&str>) -> Result<Started, Error> {
        let (compiled, file) = self.compile(workflow);
        let how = StartOptions { requester: Person::new("ada@acme.example"), key: key.map(str::to_string) };
        self.engine.start_run(compiled, &file, inputs, how).await
    }

    pub(crate) async fn start(&self, workflow: &str) -> RunId {
        self.try_start(workflow, json!({}), None).await.unwrap().run
    }

    /// Waits until the run stands as `wanted` says.
    pub(crate) async fn until(&self, run: &RunId, wanted: impl Fn(&RunView) -> bool) -> RunView {
        // The watch begins before the look, so that nothing is missed between.
        let mut news = self.engine.watch();
        let waiting = async {
            loop {
                let view = self.engine.run(run).await.unwrap();
                if wanted(&view) {
                    return view;
                }
                while let Ok(Published { run: other, .. }) = news.recv().await
                    && other != *run
                {}
            }
        };
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(view) => view,
            Err(_) => panic!("it does not come to this: {:#?}", self.engine.run(run).await.unwrap()),
        }
    }

    pub(crate) async fn until_step(&self, run: &RunId, step: &str, state: &str) -> RunView {
        self.until(run, |view| state_of(view, step) == state).await
    }

    /// Waits until the step has been parked, whatever has become of it since.
    pub(crate) async fn until_parked(&self, run: &RunId, step: &str) {
        self.until(run, |_| self.facts(run, step).iter().any(|fact| fact == "step_parked")).await;
    }

    /// Waits for the run's end, and checks what holds of every run that has ended.
    pub(crate) async fn until_over(&self, run: &RunId) -> RunView {
        let view = self.until(run, |view| view.status.is_over()).await;
        let records = self.engine.journal(run, 0).await.unwrap();
        let numbers: Vec<u64> = records.iter().map(|r| r.seq).collect();
        let dense: Vec<u64> = (1..=records.len() as u64).collect();
        assert_eq!(numbers, dense, "the journal has no gaps");
        assert!(
            matches!(records.last().map(|r| &r.event), Some(Event::RunEnded { .. })),
            "nothing comes after the end"
        );
        assert_eq!(fold(&records).unwrap().seq, view.seq);
        assert_eq!(self.store.head(run).unwrap().unwrap().seq, view.seq);
        assert_eq!(self.lab.violations(), Vec::<String>::new());
        view
    }

    /// Waits until no run is in memory. The last turn of a run is public a moment before the run leaves.
    pub(crate) async fn until_memory_is_empty(&self) {
        let waiting = async {
            while self.engine.runs_in_memory() > 0 {
                tokio::task::yield_now().await;
            }
        };
        let left = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(left.is_ok(), "{} runs stay in memory", self.engine.runs_in_memory());
    }

    pub(crate) fn state(&self, run: &RunId) -> RunState {
        fold(&self.store.journal(run, 0, 10_000).unwrap()).unwrap()
    }

    /// The kinds of a run's facts about one step, in order.
    pub(crate) fn facts(&self, run: &RunId, step: &str) -> Vec<String> {
        let records = self.store.journal(run, 0, 10_000).unwrap();
        let of_step = records.iter().filter(|r| r.event.step().is_some_and(|s| s.as_str() == step));
        of_step.map(|r| serde_json::to_value(&r.event).unwrap()["type"].as_str().unwrap().to_string()).collect()
    }

    /// How the step's end came about, as the journal has it.
    pub(crate) fn resolved_by(&self, run: &RunId, step: &str) -> Value {
        let records = self.store.journal(run, 0, 10_000).unwrap();
        let end = records.iter().find_map(|r| match &r.event {
            Event::StepCompleted { step: of, resolved_by, .. } if of.as_str() == step => Some(resolved_by),
            _ => None,
        });
        serde_json::to_value(end.unwrap()).unwrap()
    }

    pub(crate) async fn decide(&self, run: &RunId, by: &str, verdict: Verdict) -> Result<String, Error> {
        let effect = self.engine.decide(run, &"ask".into(), Person::new(by), verdict, None).await?;
        Ok(serde_json::to_value(effect).unwrap().as_str().unwrap().to_string())
    }

    pub(crate) async fn hook(&self, body: Value) -> u16 {
        let headers = [("x-acme".to_string(), "yes".to_string())];
        let body = body.to_string();
        self.engine.receive_webhook("acme", TOKEN, &headers, body.as_bytes()).await.unwrap().status
    }

    /// What a crash leaves between acceptance and matching.
    pub(crate) fn leave_in_inbox(&self, id: &str, topic: &str, data: Value) {
        let event = ReceivedEvent { id: EventId::new(id), kind: "left".into(), data, received_at: self.now() };
        let entry = InboxEntry { event, topic: topic.to_string(), source: "acme".to_string() };
        self.store.write(&[engross_store::Write::Inbox(entry)]).unwrap().remove(0).unwrap();
    }
}

pub(crate) fn connection(name: &str) -> (String, Arc<Connection>) {
    let webhook = WebhookSettings { token: Some(TOKEN.into()), ..WebhookSettings::default() };
    let connection = Connection {
        name: name.to_string(),
        provider: "acme".to_string(),
        base_url: None,
        settings: BTreeMap::new(),
        webhook,
        concurrency: if name == "slow" { 3 } else { 100 },
        settle_ms: if name == "settling" { 1_020 } else { 0 },
    };
    (name.to_string(), Arc::new(connection))
}

pub(crate) fn state_of<'a>(view: &'a RunView, step: &str) -> &'a str {
    view.steps.iter().find(|s| s.id.as_str() == step).map_or("", |s| s.state.as_str())
}

pub(crate) fn outcome_of<'a>(view: &'a RunView, step: &str) -> &'a str {
    view.steps.iter().find(|s| s.id.as_str() == step).and_then(|s| s.outcome.as_deref()).unwrap_or("")
}

/// The code and the message of the error that a step shows.
pub(crate) fn error_of(view: &RunView, step: &str) -> (String, String) {
    let error = view.steps.iter().find(|s| s.id.as_str() == step).and_then(|s| s.error.clone()).unwrap();
    (error.code, error.message)
}

/// Whether a step's look is owed.
pub(crate) fn owes_a_look(state: &RunState, step: &str) -> bool {
    matches!(state.steps.get(step), Some(StepState::Waiting { wakes, checked, .. }) if wakes > checked)
}

/// A wait for webhooks about one object, which only wake the step.
pub(crate) fn looks(about: &str, poll_ms: Option<u64>, look_first: bool) -> Wait {
    let subscriptions = vec![Subscription::to_object("acme", about)];
    Wait { kind: WaitKind::Event { subscriptions, on_event: OnEvent::Check, poll_ms, look_first }, deadline: None }
}

/// A wait for a named event, which ends it.
pub(crate) fn named(kind: &str, matching: &[(&str, &str)]) -> Wait {
    let matching = matching.iter().map(|(k, v)| ((*k).to_string(), (*v).to_string())).collect();
    let kind = WaitKind::Event {
        subscriptions: vec![Subscription::to_event(kind, matching)],
        on_event: OnEvent::Finish(OutcomeName::new("received")),
        poll_ms: None,
        look_first: false,
    };
    Wait { kind, deadline: None }
}

/// A question to three people.
pub(crate) fn question(quorum: u32, expires_at: Option<Timestamp>) -> Wait {
    let approval = Approval {
        title: "Send it?".into(),
        stages: vec![Stage {
            from: vec!["legal".into()],
            people: ["lena", "omar", "zoe"].map(Person::new).to_vec(),
            quorum,
        }],
        forbid: vec![Person::new("zoe")],
        ..Approval::default()
    };
    let deadline = expires_at.map(|at| Deadline { at, outcome: OutcomeName::new("expired") });
    Wait { kind: WaitKind::Approval(approval), deadline }
}

//! One run of a case: processes on one store, one after the other, until nothing is left to be done.
//!
//! A process is a tokio runtime of its own on one thread. Its end drops every task at once, as `kill -9` does; what its thread
//! for writing then hears, nobody hears from it. The clock stands still, and is set to the next timer when nothing else can
//! happen.

use super::cases::Case;
use super::client::{self, Acknowledged, Answer};
use super::fault::{Kind, Line, Points};
use super::ledger::Ledger;
use crate::lab::PATIENCE;
use crate::world::{CountedIds, NoFiles, TestClock, connection};
use engross_compiler::TeraEvaluator;
use engross_core::{Person, RunId, RunStatus, Subscription, Timestamp, fold};
use engross_runtime::{Engine, Options};
use engross_step_api::{Directory, Registry};
use engross_store::{Committer, InboxQuery, MemoryStore, Store};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Turns that the other tasks get before the client looks again whether anything is left to do.
const TURNS_MAX: usize = 32;

/// What outlives every process.
pub(crate) struct Stage {
    pub(crate) store: MemoryStore,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) known: Acknowledged,
    points: Arc<Mutex<Points>>,
    clock: Arc<TestClock>,
    ids: Arc<CountedIds>,
    progress: Arc<Notify>,
    began: Instant,
}

impl Stage {
    /// Plays a case to its end, with these crashes.
    pub(crate) fn play(case: &Case, crashes: &[(usize, Kind)]) -> Self {
        let store = MemoryStore::new();
        let progress = Arc::new(Notify::new());
        let mut stage = Self {
            ledger: Ledger::new(store.clone(), &case.moods, progress.clone()),
            store,
            known: Acknowledged::default(),
            points: Points::new(crashes),
            clock: Arc::new(TestClock(AtomicI64::new(1_700_000_000_000))),
            ids: Arc::new(CountedIds(AtomicU64::new(1))),
            progress,
            began: Instant::now(),
        };
        while !stage.live(case) {}
        stage
    }

    /// The durable writes that were asked for.
    pub(crate) fn writes(&self) -> usize {
        self.points.lock().unwrap().writes()
    }

    /// Whether every crash came that was asked for.
    pub(crate) fn all_crashes_came(&self) -> bool {
        self.points.lock().unwrap().left() == 0
    }

    /// The life of one process. Whether it did all there was to do, and did not die.
    fn live(&mut self, case: &Case) -> bool {
        let line = Arc::new(Line::new(self.store.clone(), self.points.clone(), self.progress.clone()));
        let (parked, woken) = (line.clone(), line.clone());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .on_thread_park(move || parked.idle(true))
            .on_thread_unpark(move || woken.idle(false))
            .build()
            .unwrap();
        let done = runtime.block_on(async {
            let died = line.dying();
            let life = self.life(case, &line);
            tokio::select! {
                biased;
                // After an error of its store, a process does nothing any more, and is not through for that.
                () = life => !line.is_dead(),
                kind = died => {
                    if matches!(kind, Kind::ErrorLost | Kind::ErrorKept) {
                        // The process hears that the store failed, and lets go of what it is at before it ends.
                        for _ in 0..TURNS_MAX {
                            tokio::task::yield_now().await;
                        }
                    }
                    false
                }
            }
        });
        runtime.shutdown_background();
        line.gone();
        done
    }

    async fn life(&mut self, case: &Case, line: &Arc<Line>) {
        let Some(engine) = self.engine(line).await else { return forever().await };
        loop {
            assert!(self.began.elapsed() < PATIENCE, "{} does not come to an end: {:#?}", case.name, self.heads());
            if self.known.runs.len() < case.runs {
                let number = self.known.runs.len();
                let starts = (number..case.runs).map(|number| client::start(&engine, case, number));
                for run in futures_util::future::join_all(starts).await {
                    let Some(run) = run else { return forever().await };
                    self.known.runs.push(run);
                }
                continue;
            }
            let next = case.acts.get(self.known.acts);
            if let Some(act) = next
                && client::is_time(&self.store, &self.ledger, act, &self.known)
            {
                let run = self.known.runs[act.run].clone();
                self.known.asked = true;
                match client::act(&engine, &self.store, &self.ledger, act, &run).await {
                    Answer::Acknowledged => {
                        self.known.acts += 1;
                        self.known.asked = false;
                    }
                    Answer::Broken => return forever().await,
                }
                self.ledger.acted(self.known.acts);
                continue;
            }
            if !self.is_quiet(&engine) {
                self.wait().await;
                continue;
            }
            match self.decide_doubt(&engine).await {
                Some(Answer::Acknowledged) => continue,
                Some(Answer::Broken) => return forever().await,
                None => {}
            }
            let Some(next) = self.next_timer() else { return };
            self.clock.0.fetch_max(next.as_millis(), Ordering::SeqCst);
            engine.clock_changed();
        }
    }

    /// Somebody looks after the runs that are in doubt, once nothing else happens.
    async fn decide_doubt(&self, engine: &Engine) -> Option<Answer> {
        for run in &self.known.runs {
            let decided = client::decide_doubt(engine, &self.store, &self.ledger, run).await;
            if decided.is_some() {
                return decided;
            }
        }
        None
    }

    async fn engine(&self, line: &Arc<Line>) -> Option<Engine> {
        let mut registry = Registry::new();
        engross_builtin::register(&mut registry, &engross_builtin::HttpPolicy::default()).unwrap();
        registry.add_provider(self.ledger.provider()).unwrap();
        let group = |name: &str, people: &[&str]| (name.to_string(), people.iter().copied().map(Person::new).collect());
        let groups =
            [group("legal", &["lena@acme.example", "omar@acme.example"]), group("leads", &["max@acme.example"])];
        let options = Options {
            store: line.clone(),
            committer: Committer::start(line.clone()),
            files: Arc::new(NoFiles),
            registry: Arc::new(registry),
            connections: BTreeMap::from([connection("acme")]),
            directory: Arc::new(Directory::new(BTreeMap::from(groups))),
            evaluator: Arc::new(TeraEvaluator::new()),
            clock: self.clock.clone(),
            ids: self.ids.clone(),
        };
        Engine::start(options).await.ok()
    }

    /// Whether nothing happens until somebody acts or time passes.
    fn is_quiet(&self, engine: &Engine) -> bool {
        let now = Timestamp::from_millis(self.clock.0.load(Ordering::SeqCst));
        engine.runs_in_memory() == 0
            && !self.somebody_is_to_be_told()
            && self.store.inbox(&InboxQuery::Unmatched).unwrap().is_empty()
            && self.store.due(now, 1).unwrap().timers.is_empty()
    }

    /// Whether the end of a run is still to be told, a run to be given up with the one that started it, or a place to be taken.
    fn somebody_is_to_be_told(&self) -> bool {
        let status = |run: &RunId| self.store.head(run).unwrap().map(|head| head.status);
        let ends = self.store.waits(Subscription::RUNS).unwrap().into_iter().any(|wait| {
            let child = wait.subscription.matching.get("run").map(RunId::new).and_then(|run| status(&run));
            let given_up = status(&wait.run) == Some(RunStatus::Cancelling) && child == Some(RunStatus::Running);
            given_up || child.is_none_or(RunStatus::is_over)
        });
        let places = self.store.waits(Subscription::QUEUE).unwrap().into_iter().any(|wait| {
            let group = wait.subscription.matching.get("group").cloned().unwrap_or_default();
            let limit = fold(&self.store.journal(&wait.run, 0, usize::MAX).unwrap()).and_then(|state| state.group);
            let taken = self.store.waits(&Subscription::to_place(&group).topic).unwrap().len();
            limit.is_some_and(|group| taken < group.limit as usize)
        });
        ends || places
    }

    fn next_timer(&self) -> Option<Timestamp> {
        self.store.due(Timestamp::from_millis(i64::MAX), 1).unwrap().timers.first().map(|timer| timer.at)
    }

    /// Lets the others go on.
    async fn wait(&self) {
        for _ in 0..TURNS_MAX {
            tokio::task::yield_now().await;
        }
        let _ = tokio::time::timeout(Duration::from_millis(1), self.progress.notified()).await;
    }

    fn heads(&self) -> Vec<engross_store::RunHead> {
        let all = engross_store::RunQuery { limit: usize::MAX, ..engross_store::RunQuery::default() };
        self.store.runs(&all).unwrap()
    }
}

/// An answer that does not come any more.
async fn forever() {
    std::future::pending::<()>().await;
}

//! One scenario, played: the engine as it is, over a store in memory and a clock that stands still.
//!
//! A process is a tokio runtime of its own. When a fault ends it, all that it was at is gone, and another goes on with the store. As
//! long as anything happens, nothing is done; then the next entry of the timeline takes place, or else the clock is set to the next
//! timer. What happens is the engine's business; this only waits, acts and tells.

mod acting;
mod settled;
mod telling;

pub use telling::span_words;

use crate::scenarios::limits::{JUMPS_MAX, RUNS_MAX, VIRTUAL_MS_MAX, WALL_MAX};
use crate::scenarios::model::{Scenario, Suite};
use crate::scenarios::stand_in::{self, Ledger};
use crate::scenarios::world::{BEGINNING, CountedIds, FilesInMemory, VirtualClock};
use engross_compiler::{Compiled, TeraEvaluator};
use engross_core::{Person, Plan, RunState, Timestamp, fold};
use engross_runtime::{Clock, Engine, Options, StartOptions};
use engross_step_api::{Connection, Directory, Registry, WebhookSettings};
use engross_store::{Committer, MemoryStore, RunQuery, Store};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

/// How a run stands that does not begin.
pub const NOT_STARTED: &str = "not_started";

/// The token of every connection's hook.
const TOKEN: &str = "scenario";

/// How many of a stand-in's operations may be under way at once.
const CONCURRENCY: usize = 1_000;

/// People who are in a group that nothing says who is in.
const MADE_UP_PEOPLE: [&str; 3] = ["first@people.example", "second@people.example", "third@people.example"];

/// What scenarios are played on.
pub struct Stage<'a> {
    /// Every operation.
    pub registry: &'a Registry,
    /// The groups of the configuration; none where there is no configuration, and then whoever decides is in every group.
    pub people: Option<&'a BTreeMap<String, Vec<Person>>>,
}

/// What came of a scenario.
#[derive(Debug, Default)]
pub struct Played {
    /// How the run stands.
    pub status: String,
    /// Why, where it failed or stopped.
    pub problem: String,
    /// How each step ended, or stands.
    pub steps: BTreeMap<String, String>,
    /// More about steps that are not as one hopes.
    pub notes: BTreeMap<String, String>,
    /// How often each operation took effect.
    pub calls: BTreeMap<String, u64>,
    /// What the run left.
    pub outputs: Value,
    /// What could not take place as the scenario says.
    pub problems: Vec<String>,
    /// What happened, each with its time after the beginning in milliseconds.
    pub told: Vec<(u64, String)>,
    /// How much virtual time passed, in milliseconds.
    pub took_ms: u64,
}

/// How a process ended.
enum Life {
    /// There was nothing left to do.
    Over,
    /// It died.
    Died,
}

/// What outlives every process.
struct Play<'a> {
    suite: &'a Suite,
    scenario: &'a Scenario,
    stage: &'a Stage<'a>,
    store: MemoryStore,
    clock: Arc<VirtualClock>,
    ids: Arc<CountedIds>,
    files: Arc<FilesInMemory>,
    ledger: Arc<Ledger>,
    /// The entry that comes next.
    next: usize,
    /// When the one before it took place.
    base: Timestamp,
    started: bool,
    jumps: usize,
    began: Instant,
    problems: Vec<String>,
    /// What is no part of any journal, each with the number of the run's record that it came after.
    asides: Vec<(u64, Timestamp, String)>,
    /// Where webhooks have been waited for: connections and objects.
    topics: BTreeSet<(String, String)>,
}

/// Plays a scenario. To be called outside of any runtime, since every process of it has its own.
pub fn play(suite: &Suite, scenario: &Scenario, stage: &Stage<'_>) -> Played {
    let mut play = Play {
        suite,
        scenario,
        stage,
        store: MemoryStore::new(),
        clock: Arc::new(VirtualClock::new()),
        ids: Arc::default(),
        files: Arc::default(),
        ledger: Arc::new(Ledger::new(scenario.faults.clone(), scenario.outputs.clone())),
        next: 0,
        base: BEGINNING,
        started: false,
        jumps: 0,
        began: Instant::now(),
        problems: Vec::new(),
        asides: Vec::new(),
        topics: BTreeSet::new(),
    };
    // What an engine logs of its work is not what this command is asked for; what happened is told with the scenario.
    let _silent = tracing_subscriber::util::SubscriberInitExt::set_default(tracing_subscriber::registry());
    while let Life::Died = play.live() {
        if let Some(step) = play.ledger.dying() {
            play.aside(format!("the process dies at `{step}`, and another takes over"));
        }
        play.ledger.lives_again();
    }
    play.faults_that_never_came();
    play.played()
}

impl Play<'_> {
    /// The life of one process.
    fn live(&mut self) -> Life {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                self.problems.push(format!("no process can begin: {error}"));
                return Life::Over;
            }
        };
        let life = runtime.block_on(self.life());
        runtime.shutdown_background();
        life
    }

    async fn life(&mut self) -> Life {
        let store: Arc<dyn Store> = Arc::new(self.store.clone());
        let committer = Committer::start(store.clone());
        let life = match self.engine(store, committer.clone()).await {
            Ok(engine) => {
                let life = self.go_on(&engine).await;
                engine.stop();
                life
            }
            Err(error) => {
                self.problems.push(format!("the engine cannot start: {error:#}"));
                Life::Over
            }
        };
        // What was handed to the store before the end is written, and nothing after it.
        committer.shutdown().await.ok();
        life
    }

    async fn engine(&self, store: Arc<dyn Store>, committer: Committer) -> anyhow::Result<Engine> {
        let options = Options {
            store,
            committer,
            files: self.files.clone(),
            registry: Arc::new(stand_in::registry(self.stage.registry, &self.ledger)?),
            connections: self.connections(),
            directory: Arc::new(Directory::new(self.people())),
            evaluator: Arc::new(TeraEvaluator::default()),
            clock: self.clock.clone(),
            ids: self.ids.clone(),
        };
        Ok(Engine::start(options).await?)
    }

    fn connections(&self) -> BTreeMap<String, Arc<Connection>> {
        let made = |(name, provider): (&String, &String)| {
            let connection = Connection {
                name: name.clone(),
                provider: provider.clone(),
                base_url: None,
                settings: BTreeMap::new(),
                webhook: WebhookSettings { token: Some(TOKEN.into()), ..WebhookSettings::default() },
                concurrency: CONCURRENCY,
                settle_ms: 0,
            };
            (name.clone(), Arc::new(connection))
        };
        self.suite.known.connections.iter().map(made).collect()
    }

    /// The groups: those of the test file, then those of the configuration. Where there is no configuration, those that are in
    /// neither have whoever decides in the scenario, and some others.
    fn people(&self) -> BTreeMap<String, Vec<Person>> {
        let mut people = self.stage.people.cloned().unwrap_or_default();
        people.extend(self.suite.people.clone());
        if self.stage.people.is_none() {
            let mut everybody: Vec<Person> = Vec::new();
            for person in self.scenario.deciders().chain(MADE_UP_PEOPLE.map(Person::new)) {
                if !everybody.contains(&person) {
                    everybody.push(person);
                }
            }
            for group in &self.suite.known.groups {
                people.entry(group.clone()).or_insert_with(|| everybody.clone());
            }
        }
        people
    }

    /// Acts and sets the clock forward until nothing is left to do, or the process dies.
    async fn go_on(&mut self, engine: &Engine) -> Life {
        let mut news = engine.watch();
        if !self.started {
            self.started = true;
            if let Err(error) = self.start(engine).await {
                self.problems.push(format!("the run does not start: {error}"));
                return Life::Over;
            }
        }
        loop {
            if self.ledger.dying().is_some() {
                return Life::Died;
            }
            if self.began.elapsed() > WALL_MAX {
                self.problems.push(format!("it does not come to rest within {} s", WALL_MAX.as_secs()));
                return Life::Over;
            }
            let states = match settled::states(self, engine) {
                Some(states) => states,
                None => {
                    settled::let_others_go_on(&mut news).await;
                    continue;
                }
            };
            self.remember(&states);
            if self.takes_place(&states) {
                self.act(engine, &states).await;
                continue;
            }
            let Some(next) = self.next_time(&states) else {
                self.entries_that_never_came(&states);
                return Life::Over;
            };
            self.jumps += 1;
            self.clock.set(next);
            engine.clock_changed();
        }
    }

    async fn start(&self, engine: &Engine) -> anyhow::Result<()> {
        let compiled = Compiled {
            plan: Plan::build(self.suite.definition.clone())?,
            triggers: Vec::new(),
            warnings: Vec::new(),
            source: self.suite.source.clone(),
        };
        let how = StartOptions { requester: self.scenario.requester.clone(), key: None };
        engine.start_run(compiled, &self.suite.source, self.scenario.inputs.clone(), how).await?;
        Ok(())
    }

    /// When the clock is to be set to, now that nothing happens by itself; none when the scenario is over.
    fn next_time(&mut self, states: &[RunState]) -> Option<Timestamp> {
        let entry = self.time_of_entry(states);
        let timer = self.store.due(Timestamp::from_millis(i64::MAX), 1).ok();
        let timer = timer.and_then(|due| due.timers.first().map(|timer| timer.at).or(due.next));
        // At one and the same time, what is due by itself comes first.
        let next = entry.into_iter().chain(timer).min()?;
        let is_looked_at = self.scenario.until_ms.map(|ms| BEGINNING.plus_ms(ms));
        if let Some(end) = is_looked_at
            && next > end
        {
            self.clock.set(end);
            return None;
        }
        if next > BEGINNING.plus_ms(VIRTUAL_MS_MAX) || self.jumps >= JUMPS_MAX {
            self.problems.push("it goes on for longer than a scenario may; give it an `until`".to_string());
            return None;
        }
        // A timer that is due and was not taken must not be waited for again and again.
        Some(next.max(self.clock.now()))
    }

    /// Every run as its journal has it, the oldest first.
    fn runs(&self) -> Vec<RunState> {
        let heads = self.store.runs(&RunQuery { limit: RUNS_MAX, ..RunQuery::default() }).unwrap_or_default();
        let folded = heads.iter().filter_map(|head| fold(&self.store.journal(&head.run, 0, usize::MAX).ok()?));
        let mut runs: Vec<RunState> = folded.collect();
        runs.sort_by_key(|state| (state.parent.is_some(), state.started_at, state.run.clone()));
        runs
    }

    fn aside(&mut self, text: String) {
        let seq = self.runs().first().map_or(0, |state| state.seq);
        self.asides.push((seq, self.clock.now(), text));
    }
}

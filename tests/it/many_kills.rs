//! Six hundred times `kill -9` of an engine that has a dozen runs at once: whatever it has acknowledged is there, and every effect
//! has happened once.
//!
//! Runs are started, decided and told of webhooks all along, as their senders would do it: what got no answer is asked again. The
//! sandbox lives in this process, so that it counts across all kills.

use crate::lab::{Lab, PATIENCE, Running, pause, text};
use crate::webhooks::{SIGNATURE, TOKEN, delivery, signature};
use engross_core::{Subscription, Timestamp};
use engross_store::{Holder, InboxQuery, SledStore, Store};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// How many kills there are unless `ENGROSS_KILLS` says otherwise.
const KILLS: u64 = 600;

/// How many engines are killed side by side, each with its own data, users and provider.
const ENGINES: u64 = 3;

/// How many runs each engine has open at once.
const OPEN_RUNS: usize = 8;

/// When a process is killed, in milliseconds after its start, on a machine that does nothing else.
const LIFE_MS: Range<u64> = 50..400;

/// How many times longer a process may live on a machine that does other things as well.
const STRETCH_MAX: f64 = 4.0;

/// How long everything may take to end when nobody is killed any more.
const END: Duration = Duration::from_secs(120);

const BEFORE: &str = "before its first answer";

/// What the engine has acknowledged, and what its senders still have to ask.
#[derive(Default)]
struct Ledger {
    /// Starts by key; the run, once it is known.
    starts: BTreeMap<String, Option<String>>,
    /// Starts that got no answer yet.
    unanswered: BTreeSet<String>,
    /// Runs whose approval was acknowledged, and how often it was.
    decisions: BTreeMap<String, u64>,
    /// Contracts of runs.
    contracts: BTreeMap<String, String>,
    /// Webhooks that were acknowledged: contract and number.
    webhooks: BTreeSet<(String, u32)>,
    /// The last webhook of a contract, and whether it was acknowledged.
    sent: BTreeMap<String, (u32, bool)>,
}

/// The people and programs that use the engine.
pub(crate) struct World {
    lab: Lab,
    /// The folder in which the engine keeps its data and its files.
    home: PathBuf,
    ledger: Mutex<Ledger>,
    /// Whether new runs are begun.
    begins: AtomicBool,
    /// Requests that wait for an answer, by kind.
    starting: AtomicU64,
    deciding: AtomicU64,
    telling: AtomicU64,
    /// Answers of the process that lives now.
    answered: AtomicU64,
}

/// What came of killing an engine many times.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// How many kills met which moment, as those who use the engine see it.
    pub(crate) moments: BTreeMap<&'static str, u64>,
    /// How many kills fell between a step's effect and its outcome, by step.
    pub(crate) met: BTreeMap<String, u64>,
    /// How many runs, and how many acknowledged webhooks.
    pub(crate) runs: usize,
    pub(crate) webhooks: usize,
}

impl Outcome {
    fn add(&mut self, other: Self) {
        for (moment, times) in other.moments {
            *self.moments.entry(moment).or_default() += times;
        }
        for (step, times) in other.met {
            *self.met.entry(step).or_default() += times;
        }
        self.runs += other.runs;
        self.webhooks += other.webhooks;
    }
}

impl World {
    /// The users of an engine that keeps its data and files in this folder.
    pub(crate) async fn of(lab: Lab, home: PathBuf) -> Arc<Self> {
        // The provider takes its time to answer after it has acted, so that kills fall between effect and answer.
        lab.fault(json!([{ "on": "any", "times": 1_000_000, "do": { "slow": { "ms": 30 } } }])).await;
        let file = lab.nda();
        let quick = std::fs::read_to_string(&file).unwrap().replace("initial: 2s", "initial: 50ms");
        std::fs::write(&file, quick).unwrap();
        Arc::new(Self {
            lab,
            home,
            ledger: Mutex::default(),
            begins: AtomicBool::new(true),
            starting: AtomicU64::new(0),
            deciding: AtomicU64::new(0),
            telling: AtomicU64::new(0),
            answered: AtomicU64::new(0),
        })
    }

    /// Uses the engine while it is killed so many times after lives of so many milliseconds, each time followed by `afterwards`;
    /// lets everything end, and checks that nothing acknowledged is lost and no effect has happened twice.
    pub(crate) async fn survives(
        self: Arc<Self>,
        kills: u64,
        seed: u64,
        life: Range<u64>,
        afterwards: impl FnMut(),
    ) -> Outcome {
        let mut people = JoinSet::new();
        people.spawn(self.clone().decide_for_ever());
        people.spawn(self.clone().tell_for_ever());
        let world = self.clone();
        let starter = tokio::spawn(async move { world.start_runs().await });
        let moments = self.kill(kills, seed, life, afterwards).await;

        self.begins.store(false, Ordering::Relaxed);
        let mut serve = self.lab.serve();
        tokio::time::timeout(PATIENCE, starter).await.unwrap().unwrap();
        let runs = self.end().await;
        people.shutdown().await;
        let met = self.check_runs(&runs).await;
        let asked = Command::new("kill").args(["-TERM", &serve.0.id().to_string()]).status().unwrap();
        assert!(asked.success() && serve.0.wait().unwrap().success());
        Outcome { moments, met, runs: runs.len(), webhooks: self.check_inbox() }
    }

    /// Asks for something that changes something. Nothing where no answer came.
    async fn ask(&self, kind: &AtomicU64, request: reqwest::RequestBuilder) -> Option<(u16, Option<Value>)> {
        kind.fetch_add(1, Ordering::Relaxed);
        let response = request.send().await;
        kind.fetch_sub(1, Ordering::Relaxed);
        let response = response.ok()?;
        self.answered.fetch_add(1, Ordering::Relaxed);
        // The status is the acknowledgement: the rest of the answer may be lost with the process.
        Some((response.status().as_u16(), response.json().await.ok()))
    }

    /// Keeps so many runs open, and asks again for each start that got no answer.
    async fn start_runs(&self) {
        for n in 0_u64.. {
            let again = self.ledger.lock().unwrap().unanswered.first().cloned();
            let key = match again {
                Some(key) => key,
                None => {
                    let open = self.until_few_are_open().await;
                    if !open {
                        return;
                    }
                    format!("kills/{n}")
                }
            };
            self.start(&key).await;
        }
    }

    /// Waits until there is room for another run; whether there will be one.
    async fn until_few_are_open(&self) -> bool {
        while self.begins.load(Ordering::Relaxed) {
            let open = self.lab.get("/runs?open=true&limit=1000").await;
            if open.is_some_and(|open| open["runs"].as_array().unwrap().len() < OPEN_RUNS) {
                return true;
            }
            pause().await;
        }
        false
    }

    async fn start(&self, key: &str) {
        self.ledger.lock().unwrap().unanswered.insert(key.to_string());
        let inputs = self.lab.inputs(&format!("Acme {}", key.replace('/', " ")));
        let body = json!({ "workflow": "mutual_nda", "inputs": inputs, "key": key, "requester": "ada@example.org" });
        let request = self.lab.http.post(self.lab.api("/runs")).json(&body);
        let Some((status, answer)) = self.ask(&self.starting, request).await else { return pause().await };
        assert!([200, 201].contains(&status), "{key}: {status} {answer:?}");
        let mut ledger = self.ledger.lock().unwrap();
        let run = answer.and_then(|answer| Some(answer["run"].as_str()?.to_string()));
        let known = ledger.starts.entry(key.to_string()).or_default();
        assert!(known.is_none(), "{key} was answered before");
        if run.is_some() {
            *known = run;
            ledger.unanswered.remove(key);
        }
    }

    /// Says yes to whatever waits.
    async fn approve(&self) {
        let found = self.lab.get("/approvals").await;
        let waiting = found.and_then(|found| found["approvals"].as_array().cloned()).unwrap_or_default();
        for approval in waiting {
            let (run, step) = (approval["run"].as_str().unwrap(), approval["step"].as_str().unwrap());
            let body = json!({ "decision": "approve", "by": "lena@legal.example" });
            let path = self.lab.api(&format!("/runs/{run}/steps/{step}/decision"));
            let answer = self.ask(&self.deciding, self.lab.http.post(path).json(&body)).await;
            if answer.is_some_and(|(status, _)| (200..300).contains(&status)) {
                *self.ledger.lock().unwrap().decisions.entry(run.to_string()).or_default() += 1;
            }
        }
    }

    /// Tells of something that happened to the contract of a run, which nobody else tells of.
    async fn tell(&self, run: &str) {
        let known = self.ledger.lock().unwrap().contracts.get(run).cloned();
        let contract = match known {
            Some(contract) => contract,
            None => {
                let view = self.lab.get(&format!("/runs/{run}")).await.unwrap_or_default();
                let create = view["steps"].as_array().and_then(|steps| steps.iter().find(|s| s["id"] == "create"));
                let Some(contract) = create.and_then(|step| step["outputs"]["contract_id"].as_str()) else { return };
                self.ledger.lock().unwrap().contracts.insert(run.to_string(), contract.to_string());
                contract.to_string()
            }
        };
        let (last, taken) = self.ledger.lock().unwrap().sent.get(&contract).copied().unwrap_or((0, true));
        let n = if taken { last + 1 } else { last };
        let event = delivery("juro", "contract.viewed", &contract, n);
        let request = self.lab.http.post(format!("http://{}/hooks/juro/{TOKEN}", self.lab.listen));
        let request = request.header(SIGNATURE, signature(&event.body)).body(event.body);
        let answer = self.ask(&self.telling, request).await;
        let taken = answer.is_some_and(|(status, _)| status == 200);
        let mut ledger = self.ledger.lock().unwrap();
        ledger.sent.insert(contract.clone(), (n, taken));
        if taken {
            ledger.webhooks.insert((contract, n));
        }
    }

    /// Decides and tells for as long as it is let.
    async fn decide_for_ever(self: Arc<Self>) {
        loop {
            self.approve().await;
            pause().await;
        }
    }

    async fn tell_for_ever(self: Arc<Self>) {
        loop {
            let open = self.lab.get("/runs?open=true&limit=1000").await.unwrap_or_default();
            for run in open["runs"].as_array().into_iter().flatten() {
                self.tell(run["id"].as_str().unwrap()).await;
                pause().await;
            }
            pause().await;
        }
    }

    /// What the engine was doing for others when it was killed.
    fn moment(&self) -> &'static str {
        let under_way = |kind: &AtomicU64| kind.load(Ordering::Relaxed) > 0;
        match () {
            () if self.answered.load(Ordering::Relaxed) == 0 => BEFORE,
            () if under_way(&self.starting) => "during a start",
            () if under_way(&self.deciding) => "during a decision",
            () if under_way(&self.telling) => "during a webhook",
            () => "between requests",
        }
    }

    /// An engine of which nobody waits until it serves. What it complains about goes to a file.
    fn spawn(&self, log: &Path) -> Running {
        let log = File::options().create(true).append(true).open(log).unwrap();
        let mut command = self.lab.command(&["serve"]);
        Running(command.stdout(Stdio::null()).stderr(log).spawn().unwrap())
    }

    /// Kills so many processes; how many at which moment.
    async fn kill(
        &self,
        kills: u64,
        seed: u64,
        life: Range<u64>,
        mut afterwards: impl FnMut(),
    ) -> BTreeMap<&'static str, u64> {
        let log = self.lab.path("serve.log");
        let (mut random, mut moments, mut stretch) = (seed, BTreeMap::new(), 1.0_f64);
        for n in 0..kills {
            // A linear congruential generator, so that a seed gives the same moments everywhere.
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let life_ms = life.start + (random >> 33) % (life.end - life.start);
            self.answered.store(0, Ordering::Relaxed);
            let mut engine = self.spawn(&log);
            tokio::time::sleep(Duration::from_millis(life_ms).mul_f64(stretch)).await;
            let ended = engine.0.try_wait().unwrap();
            let moment = self.moment();
            engine.kill();
            assert!(ended.is_none(), "seed {seed}, process {n} ended by itself: {}", last_words(&log));
            *moments.entry(moment).or_default() += 1;
            // A start that takes longer because the machine is busy must not take up the whole of most lives.
            let faster = if moment == BEFORE { 1.06 } else { 0.96 };
            stretch = (stretch * faster).clamp(1.0, STRETCH_MAX);
            afterwards();
        }
        moments
    }

    /// Lets everything end that has begun.
    async fn end(&self) -> Vec<Value> {
        let began = Instant::now();
        loop {
            let runs = self.lab.get("/runs?limit=100000").await.unwrap_or_default();
            let runs = runs["runs"].as_array().cloned().unwrap_or_default();
            let open = runs
                .iter()
                .filter(|run| ["running", "cancelling", "compensating"].contains(&run["status"].as_str().unwrap()));
            let open: Vec<&Value> = open.collect();
            let unanswered = self.ledger.lock().unwrap().unanswered.len();
            if !runs.is_empty() && open.is_empty() && unanswered == 0 {
                return runs;
            }
            assert!(began.elapsed() < END, "{unanswered} starts are not answered, and these do not end: {open:#?}");
            pause().await;
        }
    }

    /// Checks every run and every effect. How often which step was met between its effect and its outcome.
    async fn check_runs(&self, runs: &[Value]) -> BTreeMap<String, u64> {
        let ledger = std::mem::take(&mut *self.ledger.lock().unwrap());
        let by_key: BTreeMap<&str, &Value> = runs.iter().map(|r| (r["key"].as_str().unwrap(), r)).collect();
        assert_eq!(by_key.len(), runs.len(), "a key has two runs");
        assert_eq!(ledger.starts.len(), runs.len(), "there are runs that nobody started, or that are lost");
        let (mut contracts, mut met) = (BTreeSet::new(), BTreeMap::new());
        for (key, run) in &ledger.starts {
            let head =
                by_key.get(key.as_str()).unwrap_or_else(|| panic!("the start of {key} was acknowledged and is lost"));
            assert_eq!(head["id"].as_str(), run.as_deref(), "{key}");
            let id = head["id"].as_str().unwrap();
            let view = self.lab.get(&format!("/runs/{id}")).await.unwrap();
            let journal = self.lab.get(&format!("/runs/{id}/journal")).await.unwrap();
            assert_eq!(view["status"], "succeeded", "{key}: {:#}", journal["timeline"]);
            assert!(contracts.insert(view["outputs"]["contract_id"].as_str().unwrap().to_string()), "{key}");
            let pdf = std::fs::read(self.published(&view)).unwrap();
            assert!(pdf.starts_with(b"%PDF"), "{key}");
            let facts: Vec<&Value> = journal["records"].as_array().unwrap().iter().map(|r| &r["event"]).collect();
            let decisions = facts.iter().filter(|fact| fact["type"] == "decision_recorded").count();
            assert_eq!(decisions, 1, "{key}: {:#}", journal["timeline"]);
            for fact in facts.iter().filter(|fact| fact["type"] == "step_recovered") {
                *met.entry(fact["step"].as_str().unwrap().to_string()).or_default() += 1;
            }
        }
        let counters = self.lab.sandbox.counters();
        let count = runs.len() as u64;
        assert_eq!(contracts.len() as u64, count);
        assert_eq!((counters.contracts_created, counters.signing_requests), (count, count), "contracts, sends");
        assert!(counters.pdf_downloads >= count);
        assert_eq!(walk(&self.home.join("files/published/nda")).len() as u64, count, "PDFs");
        for run in ledger.decisions.keys() {
            assert!(
                runs.iter().any(|r| r["id"] == run.as_str()),
                "a decision about {run} was acknowledged, and it is lost"
            );
        }
        *self.ledger.lock().unwrap() = ledger;
        met
    }

    fn published(&self, view: &Value) -> PathBuf {
        let path = view["outputs"]["pdf"]["path"].as_str().unwrap();
        let found = [path.to_string(), format!("files/{path}"), format!("files/published/{path}")];
        let found = found.iter().map(|path| self.home.join(path)).find(|path| path.is_file());
        found.unwrap_or_else(|| panic!("{path} is not there"))
    }

    /// Whether every acknowledged webhook is in the inbox, once. How many there are.
    fn check_inbox(&self) -> usize {
        let holder = Holder::this_process("engross tests", Timestamp::from_millis(0));
        let store = SledStore::open(&self.home.join("data"), holder).unwrap();
        let ledger = self.ledger.lock().unwrap();
        let mut viewed: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for contract in ledger.sent.keys() {
            let topic = Subscription::to_object("juro", contract).topic;
            let entries = store.inbox(&InboxQuery::Topic { topic, since: Timestamp::from_millis(0) }).unwrap();
            let ours = entries.iter().filter(|entry| entry.event.kind == "contract.viewed");
            let dates = ours.map(|entry| entry.event.data["contract"]["updatedDate"].as_str().unwrap().to_string());
            viewed.insert(contract, dates.collect());
        }
        for (contract, n) in &ledger.webhooks {
            let told: Value = serde_json::from_slice(&delivery("juro", "contract.viewed", contract, *n).body).unwrap();
            let date = told["contract"]["updatedDate"].as_str().unwrap();
            let times = viewed[contract.as_str()].iter().filter(|d| *d == date).count();
            assert_eq!(times, 1, "webhook {n} of {contract} was acknowledged");
        }
        assert_eq!(store.inbox(&InboxQuery::Unmatched).unwrap(), [], "events that nobody was told of");
        ledger.webhooks.len()
    }
}

/// The last line of a log.
fn last_words(log: &Path) -> String {
    text(&std::fs::read(log).unwrap()).lines().last().unwrap_or_default().to_string()
}

fn walk(dir: &Path) -> Vec<PathBuf> {
    let (mut found, mut open) = (Vec::new(), vec![dir.to_path_buf()]);
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { open.push(path) } else { found.push(path) }
        }
    }
    found
}

/// A figure that can be set from outside.
pub(crate) fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |text| text.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn six_hundred_kills_of_busy_engines_lose_nothing_and_repeat_nothing() {
    let (kills, seed) = (number("ENGROSS_KILLS", KILLS), number("ENGROSS_SEED", 20_261_123));
    let (began, mut engines) = (Instant::now(), JoinSet::new());
    for engine in 0..ENGINES {
        let share = kills / ENGINES + u64::from(engine < kills % ENGINES);
        engines.spawn(async move {
            let lab = Lab::new().await;
            let home = lab.dir.path().to_path_buf();
            World::of(lab, home).await.survives(share, seed + engine, LIFE_MS, || ()).await
        });
    }
    let mut all = Outcome::default();
    while let Some(outcome) = engines.join_next().await {
        all.add(outcome.unwrap());
    }
    let Outcome { moments, met, runs, webhooks } = all;
    println!(
        "seed {seed}: {kills} kills in {:?} {moments:?}; {runs} runs, {webhooks} webhooks; between effect and outcome: {met:?}",
        began.elapsed()
    );
    assert_eq!(moments.values().sum::<u64>(), kills);
    assert!(runs >= OPEN_RUNS && webhooks > 0);
    if kills >= KILLS {
        assert!(moments.len() >= 4, "the kills met too few different moments: {moments:?}");
        assert!(met.values().sum::<u64>() >= 50, "too few kills fell between effect and outcome: {met:?}");
    }
}

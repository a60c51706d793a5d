//! A hundred thousand parked runs: how long a start takes over them, and what they cost in memory.
//!
//! They are copies of one run that an engine really parked, written in large batches. A child process opens them, so that its
//! memory is its own.

use crate::report::Row;
use crate::world;
use engross_core::{Event, RunId};
use engross_store::{Commit, MemoryStore, RunQuery, Store, Timer, WaitRow, Write};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::broadcast;
use uuid::Uuid;

/// Parked runs.
const RUNS: usize = 100_000;

/// Starts that are timed.
const TRIES: usize = 5;

/// Runs in one batch of the store.
const BATCH: usize = 1_000;

pub(crate) async fn measure(dir: &Path) -> Vec<Row> {
    let commit = parked().await;
    build(dir, &commit);
    let began = Instant::now();
    let bytes = read_all(dir);
    let read_ms = began.elapsed().as_secs_f64() * 1e3;
    // The first one that opens them reads them into the system's cache, which is not what is measured.
    open("store", dir);
    let (store, engine) = (best("store", dir), best("engine", dir));
    let value = |of: &Value, name: &str| of[name].as_f64().unwrap();
    vec![
        Row::time("start over 100,000 parked runs", value(&engine, "ms"), value(&store, "ms"), read_ms),
        Row::size("memory with 100,000 parked runs", value(&engine, "mib"), value(&store, "mib"), bytes as f64 / MIB),
    ]
}

const MIB: f64 = 1024.0 * 1024.0;

/// What an engine wrote until a run was parked, as one commit.
async fn parked() -> Commit {
    let store = MemoryStore::new();
    let (engine, committer) = world::engine(Arc::new(store.clone()), broadcast::channel(1).0).await;
    let text = "schema: engross/v1\nname: parked\ninputs: { about: { type: string } }\nsteps:\n  \
                a: { uses: idle/put, with: {} }\n  w: { uses: idle/wait, with: { about: '{{ inputs.about }}' }, needs: [a], timeout: 30d }\n  \
                n: { uses: idle/read, with: {}, needs: [w] }\n";
    let file = engross_source::SourceFile::new("parked.yaml", text);
    let mut news = engine.watch();
    let run = world::start(&engine, &file, json!({ "about": "c0" })).await;
    while !matches!(news.recv().await.unwrap().record.event, Event::StepParked { .. }) {}
    world::end(engine, committer).await;
    let head = store.runs(&RunQuery { limit: 1, ..RunQuery::default() }).unwrap().remove(0);
    Commit {
        run: run.clone(),
        expected_seq: 0,
        fence: 0,
        records: store.journal(&run, 0, usize::MAX).unwrap(),
        plan: store.plan(&head.plan).unwrap(),
        head,
        timers_set: store.all_timers(None, usize::MAX).unwrap(),
        timers_cleared: Vec::new(),
        waits_set: store.all_waits(None, usize::MAX).unwrap(),
        waits_cleared: Vec::new(),
        marks: Vec::new(),
    }
}

fn build(dir: &Path, one: &Commit) {
    let store = world::sled(dir);
    let numbers: Vec<usize> = (0..RUNS).collect();
    for numbers in numbers.chunks(BATCH) {
        let writes: Vec<Write> = numbers.iter().map(|number| Write::Run(Box::new(copy(one, *number)))).collect();
        assert!(store.write(&writes).unwrap().iter().all(Result::is_ok));
    }
}

/// The same run under another id, waiting for another contract.
fn copy(one: &Commit, number: usize) -> Commit {
    let id = RunId::new(Uuid::now_v7().to_string());
    let mut copy = one.clone();
    copy.run = id.clone();
    copy.head.run = id.clone();
    for record in &mut copy.records {
        if let Event::RunStarted { run, .. } = &mut record.event {
            *run = id.clone();
        }
    }
    copy.timers_set = one.timers_set.iter().map(|timer| Timer { run: id.clone(), ..timer.clone() }).collect();
    copy.waits_set = one
        .waits_set
        .iter()
        .map(|wait| {
            let mut wait = WaitRow { run: id.clone(), ..wait.clone() };
            wait.subscription.topic = format!("idle:c{number}");
            wait
        })
        .collect();
    copy
}

/// The bytes of every file under a directory, all read.
fn read_all(dir: &Path) -> usize {
    let entries = std::fs::read_dir(dir).unwrap().map(Result::unwrap);
    entries
        .map(|entry| match entry.file_type().unwrap().is_dir() {
            true => read_all(&entry.path()),
            false => std::fs::read(entry.path()).unwrap().len(),
        })
        .sum()
}

fn open(what: &str, dir: &Path) -> Value {
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program).arg("--open").arg(what).arg(dir).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The quickest of a few, because whatever else the machine does only makes it slower.
fn best(what: &str, dir: &Path) -> Value {
    let ms = |of: &Value| of["ms"].as_f64().unwrap_or(f64::MAX);
    let opened = (0..TRIES).map(|_| open(what, dir));
    opened.min_by(|a, b| ms(a).total_cmp(&ms(b))).unwrap_or_default()
}

/// The child: opens the store, or an engine on it, and says how long that took and what it has in memory then.
pub(crate) fn child(what: &str, dir: &Path) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let began = Instant::now();
        let store = world::sled(dir);
        let engine = match what {
            "engine" => Some(world::engine(store.clone(), broadcast::channel(1).0).await),
            _ => None,
        };
        let ms = began.elapsed().as_secs_f64() * 1e3;
        crate::report::print(&json!({ "ms": ms, "mib": resident_mib() }).to_string());
        if let Some((engine, committer)) = engine {
            world::end(engine, committer).await;
        }
    });
}

/// The memory of this process that is resident.
fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    let kib: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib / 1024.0
}

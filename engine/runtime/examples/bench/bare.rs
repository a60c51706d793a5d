//! The store without an engine: the same commits, made by nobody.

use crate::raw::Times;
use crate::steps::{AT_ONCE, STEPS};
use crate::world;
use engross_core::{Record, RunId};
use engross_store::{Commit, Committer, MemoryStore, RunHead, RunQuery, Store, StoredPlan, Write};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::broadcast;
use uuid::Uuid;

/// What an engine wrote for a run of six steps.
#[derive(Clone)]
pub(crate) struct Sample {
    records: Vec<Record>,
    head: RunHead,
    plan: StoredPlan,
}

impl Sample {
    pub(crate) async fn new() -> Self {
        let store = MemoryStore::new();
        let (engine, committer) = world::engine(Arc::new(store.clone()), broadcast::channel(1).0).await;
        let mut news = engine.watch();
        let run = world::start(&engine, &world::six("read"), json!({})).await;
        while !matches!(news.recv().await.unwrap().record.event, engross_core::Event::RunEnded { .. }) {}
        world::end(engine, committer).await;
        let head = store.runs(&RunQuery { limit: 1, ..RunQuery::default() }).unwrap().remove(0);
        let plan = store.plan(&head.plan).unwrap().unwrap();
        Self { records: store.journal(&run, 0, usize::MAX).unwrap(), head, plan }
    }

    /// The commits of a run: two records each, the end of a step and the beginning of the next.
    fn commits(&self) -> Vec<Commit> {
        let run = RunId::new(Uuid::now_v7().to_string());
        self.records
            .chunks(2)
            .map(|records| {
                let seq = records.last().map_or(0, |record| record.seq);
                Commit {
                    run: run.clone(),
                    expected_seq: seq - records.len() as u64,
                    fence: 0,
                    records: records.to_vec(),
                    head: RunHead { run: run.clone(), seq, ..self.head.clone() },
                    plan: (seq == 2).then(|| self.plan.clone()),
                    timers_set: Vec::new(),
                    timers_cleared: Vec::new(),
                    waits_set: Vec::new(),
                    waits_cleared: Vec::new(),
                    marks: Vec::new(),
                }
            })
            .collect()
    }

    /// JSON of one commit, the plan apart.
    pub(crate) fn bytes_per_commit(&self) -> usize {
        let records = serde_json::to_vec(&self.records).unwrap().len();
        let head = serde_json::to_vec(&self.head).unwrap().len();
        records / self.commits().len() + head
    }

    /// Durable writes for each step.
    pub(crate) fn commits_per_step(&self) -> f64 {
        self.commits().len() as f64 / STEPS as f64
    }
}

/// Steps in a second, of 256 writers that each wait for their last commit before the next.
pub(crate) async fn many(dir: &Path, sample: &Sample, span: Duration) -> f64 {
    let committer = Committer::start(world::sled(dir));
    let began = Instant::now();
    let writers = (0..AT_ONCE).map(|_| {
        let (committer, sample) = (committer.clone(), sample.clone());
        tokio::spawn(async move {
            let mut runs = 0;
            while began.elapsed() < span {
                for commit in sample.commits() {
                    committer.write(Write::Run(Box::new(commit))).await.unwrap();
                }
                runs += 1;
            }
            runs
        })
    });
    let mut runs = 0;
    for writer in writers.collect::<Vec<_>>() {
        runs += writer.await.unwrap();
    }
    let rate = (runs * STEPS) as f64 / began.elapsed().as_secs_f64();
    committer.shutdown().await.unwrap();
    rate
}

/// The time of one durable write when there is no other.
pub(crate) async fn alone(dir: &Path, sample: &Sample, span: Duration) -> Times {
    let committer = Committer::start(world::sled(dir));
    let began = Instant::now();
    let mut times = Vec::new();
    while began.elapsed() < span {
        for commit in sample.commits() {
            let one = Instant::now();
            committer.write(Write::Run(Box::new(commit))).await.unwrap();
            times.push(one.elapsed());
        }
    }
    committer.shutdown().await.unwrap();
    Times::of(times)
}

//! Runs of steps that do nothing: what is measured is what the engine itself costs, its durability included.

use crate::world;
use engross_core::{Event, RunId};
use engross_runtime::{Engine, Published};
use engross_source::SourceFile;
use engross_store::RunQuery;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// Runs at once.
pub(crate) const AT_ONCE: usize = 256;

/// Steps of a run.
pub(crate) const STEPS: usize = 6;

/// Runs that are begun again and again, so that so many are always under way.
struct Load {
    engine: Engine,
    file: SourceFile,
    begun: Arc<AtomicUsize>,
}

impl Load {
    fn begin(&self) {
        let (engine, file, begun) = (self.engine.clone(), self.file.clone(), self.begun.clone());
        tokio::spawn(async move {
            // The last ones come when the engine stops, and are refused.
            if world::try_start(&engine, &file, serde_json::json!({})).await.is_ok() {
                begun.fetch_add(1, Ordering::SeqCst);
            }
        });
    }

    async fn open(&self) -> usize {
        let open = RunQuery { open: true, limit: AT_ONCE * 2, ..RunQuery::default() };
        self.engine.runs(open).await.unwrap().len()
    }

    async fn over(&self) -> usize {
        let open = self.open().await;
        self.begun.load(Ordering::SeqCst).saturating_sub(open)
    }

    async fn keep_up(&self, news: &mut broadcast::Receiver<Published>, span: Duration) {
        let began = Instant::now();
        while began.elapsed() < span {
            match news.recv().await {
                Ok(Published { record, .. }) if matches!(record.event, Event::RunEnded { .. }) => self.begin(),
                Ok(_) => {}
                // On a busy machine this task may fall behind: the store knows how many runs are missing.
                Err(RecvError::Lagged(_)) => (self.open().await..AT_ONCE).for_each(|_| self.begin()),
                Err(RecvError::Closed) => panic!("the engine is gone"),
            }
        }
    }
}

/// Steps in a second, of 256 runs at once: whenever one is over, the next begins.
pub(crate) async fn many(dir: &Path, span: Duration, operation: &str) -> f64 {
    let (engine, committer) = world::engine(world::sled(dir), broadcast::channel(1).0).await;
    let mut news = engine.watch();
    let load = Load { engine: engine.clone(), file: world::six(operation), begun: Arc::default() };
    (0..AT_ONCE).for_each(|_| load.begin());
    // The first ones end before it counts.
    load.keep_up(&mut news, span / 8).await;
    let (began, before) = (Instant::now(), load.over().await);
    load.keep_up(&mut news, span).await;
    let rate = ((load.over().await - before) * STEPS) as f64 / began.elapsed().as_secs_f64();
    drop(load);
    world::end(engine, committer).await;
    rate
}

/// Milliseconds per step of one run alone, its start included.
pub(crate) async fn alone(dir: &Path, span: Duration) -> f64 {
    let (engine, committer) = world::engine(world::sled(dir), broadcast::channel(1).0).await;
    let file = world::six("read");
    let mut news = engine.watch();
    let began = Instant::now();
    let mut runs = 0;
    while began.elapsed() < span {
        let run = world::start(&engine, &file, serde_json::json!({})).await;
        until_all_over(&mut news, BTreeSet::from([run])).await;
        runs += 1;
    }
    let per_step = began.elapsed().as_secs_f64() * 1e3 / (runs * STEPS) as f64;
    world::end(engine, committer).await;
    per_step
}

async fn until_all_over(news: &mut broadcast::Receiver<Published>, mut runs: BTreeSet<RunId>) {
    while !runs.is_empty() {
        let Published { run, record, .. } = news.recv().await.unwrap();
        if matches!(record.event, Event::RunEnded { .. }) {
            runs.remove(&run);
        }
    }
}

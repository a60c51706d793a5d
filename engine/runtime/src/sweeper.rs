//! The due index made into inputs. A timer is a row in the store and nothing else; this task sleeps until the first one.

use crate::Error;
use crate::engine::Engine;
use crate::limits::{SWEEP_MS_MAX, TIMER_TURNS_AT_ONCE, TIMERS_PER_SWEEP};
use engross_core::{Input, RunId};
use engross_store::{DueTimers, Timer};
use futures_util::stream::{self, StreamExt};
use std::collections::BTreeMap;
use std::time::Duration;

/// Sweeps until the engine stops.
pub(crate) async fn sweep(engine: Engine) {
    let mut stopping = engine.inner.stopping.subscribe();
    loop {
        if engine.inner.is_stopping() {
            return;
        }
        let now = engine.inner.clock.now();
        let due = match engine.inner.read(move |store| store.due(now, TIMERS_PER_SWEEP)).await {
            Ok(due) => due,
            Err(error) => {
                tracing::error!(%error, "the due index cannot be read");
                DueTimers::default()
            }
        };
        let found = due.timers.len();
        let told: usize = stream::iter(by_run(due.timers))
            .map(|timers| fire_all(&engine, timers))
            .buffer_unordered(TIMER_TURNS_AT_ONCE)
            .fold(0, |sum, told| std::future::ready(sum + told))
            .await;
        let pause = match due.next {
            // None of them could be told, and the next sweep would find the same ones.
            _ if found > 0 && told == 0 => SWEEP_MS_MAX,
            Some(next) if found < TIMERS_PER_SWEEP => next.ms_since(engine.inner.clock.now()).min(SWEEP_MS_MAX),
            Some(_) => 0,
            None => SWEEP_MS_MAX,
        };
        if pause == 0 {
            tokio::task::yield_now().await;
            continue;
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(pause)) => {}
            () = engine.inner.timers_changed.notified() => {}
            _ = stopping.changed() => {}
        }
    }
}

/// The timers of each run by themselves, in the order in which they are due: of two deadlines that passed while no engine
/// ran, the earlier one decides.
fn by_run(timers: Vec<Timer>) -> Vec<Vec<Timer>> {
    let mut runs: BTreeMap<RunId, Vec<Timer>> = BTreeMap::new();
    for timer in timers {
        runs.entry(timer.run.clone()).or_default().push(timer);
    }
    runs.into_values().collect()
}

/// How many of them their run took.
async fn fire_all(engine: &Engine, timers: Vec<Timer>) -> usize {
    let mut told = 0;
    for timer in timers {
        told += usize::from(fire(engine, timer).await);
    }
    told
}

/// Whether the run took the timer, so that its row is gone.
async fn fire(engine: &Engine, timer: Timer) -> bool {
    let Timer { run, timer: id, .. } = &timer;
    match engine.turn(run, Input::TimerFired(id.clone())).await {
        Ok(done) if done.events.is_empty() => {
            tracing::warn!(%run, timer = ?id, "a timer was due that nothing waits for");
            false
        }
        Ok(done) => {
            engine.tell(run, &done).await;
            true
        }
        Err(Error::Rejected(rejection)) => {
            tracing::debug!(%run, timer = ?id, %rejection, "a timer came too late to matter");
            false
        }
        Err(error) => {
            tracing::error!(%run, timer = ?id, %error, "a due timer could not be told");
            false
        }
    }
}

//! The due index made into inputs. A timer is a row in the store and nothing else; this task sleeps until the first one.

use crate::Error;
use crate::engine::Engine;
use crate::limits::{SWEEP_MS_MAX, TIMER_TURNS_AT_ONCE, TIMERS_PER_SWEEP};
use engross_core::Input;
use engross_store::{DueTimers, Timer};
use futures_util::stream::{self, StreamExt};
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
        stream::iter(due.timers).for_each_concurrent(TIMER_TURNS_AT_ONCE, |timer| fire(&engine, timer)).await;
        let pause = match due.next {
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

async fn fire(engine: &Engine, timer: Timer) {
    let Timer { run, timer: id, .. } = &timer;
    match engine.turn(run, Input::TimerFired(id.clone())).await {
        Ok(done) if done.events.is_empty() => {
            tracing::warn!(%run, timer = ?id, "a timer was due that nothing waits for")
        }
        Ok(_) => {}
        Err(Error::Rejected(rejection)) => {
            tracing::debug!(%run, timer = ?id, %rejection, "a timer came too late to matter")
        }
        Err(error) => tracing::error!(%run, timer = ?id, %error, "a due timer could not be told"),
    }
}

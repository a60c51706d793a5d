//! The due index made into inputs. A timer is a row in the store and nothing else; this task sleeps until the first one.

use crate::Error;
use crate::engine::Engine;
use crate::limits::{SWEEP_MS_MAX, TIMER_TURNS_AT_ONCE, TIMERS_PER_SWEEP};
use engross_core::{Input, RunId, Timestamp};
use engross_store::{DueTimers, Store, Timer};
use futures_util::stream::{self, StreamExt};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Timers that could not be told, until they are tried again.
#[derive(Default)]
struct Stuck {
    timers: BTreeSet<Timer>,
    again: Option<Instant>,
}

impl Stuck {
    /// Those of a page that are to be told.
    fn leave_out(&mut self, mut page: Vec<Timer>) -> Vec<Timer> {
        page.retain(|timer| !self.timers.contains(timer));
        page
    }

    fn add(&mut self, timers: Vec<Timer>) {
        if !timers.is_empty() {
            self.again.get_or_insert_with(|| Instant::now() + Duration::from_millis(SWEEP_MS_MAX));
            self.timers.extend(timers);
        }
    }

    /// Forgets them once it is time to try them again. How long that is.
    fn wait(&mut self) -> Option<u64> {
        let left = self.again?.saturating_duration_since(Instant::now());
        if left.is_zero() {
            *self = Self::default();
        }
        Some(u64::try_from(left.as_millis()).unwrap_or(u64::MAX))
    }
}

/// Sweeps until the engine stops.
pub(crate) async fn sweep(engine: Engine) {
    let mut stopping = engine.inner.stopping.subscribe();
    let mut stuck = Stuck::default();
    loop {
        if engine.inner.is_stopping() {
            return;
        }
        let next = match sweep_once(&engine, &mut stuck).await {
            Ok(next) => next,
            Err(error) => {
                tracing::error!(%error, "the due index cannot be read");
                None
            }
        };
        let pause = next.map_or(SWEEP_MS_MAX, |next| next.ms_since(engine.inner.clock.now()).min(SWEEP_MS_MAX));
        let pause = stuck.wait().map_or(pause, |again| pause.min(again));
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

/// Tells every timer that is due, page by page: those that cannot be told do not keep back what comes after them. When the
/// first one after those is due.
async fn sweep_once(engine: &Engine, stuck: &mut Stuck) -> Result<Option<Timestamp>, Error> {
    let mut after: Option<Timer> = None;
    while !engine.inner.is_stopping() {
        let (now, from) = (engine.inner.clock.now(), after.take());
        let due = engine.inner.read(move |store| due_after(store, from.as_ref(), now)).await?;
        let last = due.timers.last().cloned();
        let mut told = stream::iter(by_run(stuck.leave_out(due.timers)))
            .map(|timers| fire_all(engine, timers))
            .buffer_unordered(TIMER_TURNS_AT_ONCE);
        while let Some(not_told) = told.next().await {
            stuck.add(not_told);
        }
        match last {
            // There are more.
            Some(last) if due.next.is_some_and(|next| next <= now) => after = Some(last),
            _ => return Ok(due.next),
        }
    }
    Ok(None)
}

/// A page of what is due after a timer.
fn due_after(store: &dyn Store, after: Option<&Timer>, now: Timestamp) -> engross_store::Result<DueTimers> {
    let Some(after) = after else { return store.due(now, TIMERS_PER_SWEEP) };
    let mut timers = store.all_timers(Some(after), TIMERS_PER_SWEEP.saturating_add(1))?;
    let due = timers.iter().take(TIMERS_PER_SWEEP).take_while(|timer| timer.at <= now).count();
    let next = timers.get(due).map(|timer| timer.at);
    timers.truncate(due);
    Ok(DueTimers { timers, next })
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

/// Those of them that their run did not take.
async fn fire_all(engine: &Engine, timers: Vec<Timer>) -> Vec<Timer> {
    let mut not_told = Vec::new();
    for timer in timers {
        if !fire(engine, &timer).await {
            not_told.push(timer);
        }
    }
    not_told
}

/// Whether the run took the timer, so that its row is gone.
async fn fire(engine: &Engine, timer: &Timer) -> bool {
    let Timer { run, timer: id, .. } = timer;
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

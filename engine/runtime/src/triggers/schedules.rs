//! The clock made into runs. One task looks at all schedules; it sleeps until the first of them fires.
//!
//! A firing is queued in the schedule's mark first, which moves the cursor, then its run is started, then it leaves the queue.
//! A crash anywhere between is made good by the next look: a run that is there already is not started again.

use super::firing::{self, Fired};
use super::{Armed, Known, Progress, Registered, SCHEDULE_REQUESTER};
use crate::Error;
use crate::engine::Engine;
use crate::limits::{CLOCK_BACK_MS_SAID, QUEUED_FIRINGS_MAX, SWEEP_MS_MAX};
use engross_compiler::TriggerKind;
use engross_core::{Event, RunId, Timestamp};
use engross_schedule::{CatchUp, Overlap, Schedule};
use engross_store::Write;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;

/// What the next look waits for.
#[derive(Default)]
pub(super) struct Awaited {
    /// The next firing of all.
    next: Option<Timestamp>,
    /// Runs for whose end a queued firing waits.
    runs: BTreeSet<RunId>,
}

/// Looks at the schedules until the engine stops.
pub(crate) async fn keep(engine: Engine) {
    let mut stopping = engine.inner.stopping.subscribe();
    while !engine.inner.is_stopping() {
        // The watch begins before the look, so that no end is missed between.
        let mut news = engine.watch();
        let awaited = match tick(&engine).await {
            Ok(awaited) => awaited,
            Err(Error::Stopping) => return,
            Err(error) => {
                tracing::error!(%error, "the schedules could not be looked at; this is tried again");
                Awaited::default()
            }
        };
        let now = engine.inner.clock.wall();
        let pause = awaited.next.map_or(SWEEP_MS_MAX, |next| next.ms_since(now).min(SWEEP_MS_MAX));
        let ended = async {
            loop {
                match news.recv().await {
                    Ok(record) if !awaited.runs.contains(&record.run) => {}
                    Ok(record) if !matches!(record.record.event, Event::RunEnded { .. }) => {}
                    Err(RecvError::Closed) => std::future::pending().await,
                    Ok(_) | Err(RecvError::Lagged(_)) => return,
                }
            }
        };
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(pause)) => {}
            () = engine.inner.triggers.changed.notified() => {}
            () = ended, if !awaited.runs.is_empty() => {}
            _ = stopping.changed() => {}
        }
    }
}

/// Does what every schedule owes by now.
pub(super) async fn tick(engine: &Engine) -> Result<Awaited, Error> {
    let triggers = &engine.inner.triggers;
    let mut known = triggers.progress.lock().await;
    let registered = triggers.registered();
    if known.version != registered.version {
        forget_vanished(engine, &registered, &mut known).await?;
        known.version = registered.version;
    }
    let mut awaited = Awaited::default();
    for armed in &registered.armed {
        let TriggerKind::Schedule { schedule, overlap, catch_up } = &armed.trigger.kind else { continue };
        let mark = armed.mark();
        let progress = match known.progress.remove(&mark) {
            Some(progress) => progress,
            None => load(engine, armed, &mark, *overlap).await?,
        };
        let mut turn = Turn { engine, armed, schedule, overlap: *overlap, catch_up: *catch_up, mark: &mark, progress };
        match turn.run().await {
            Ok(()) => {}
            Err(error @ (Error::Store(_) | Error::Stopping)) => return Err(error),
            Err(error) => {
                // One schedule that cannot go on does not keep all others from it.
                tracing::error!(mark, %error, "a schedule could not be looked at; this is tried again");
                continue;
            }
        }
        let now = engine.inner.clock.wall();
        let next = turn.schedule.next_after(turn.progress.cursor.unwrap_or(now).max(now));
        awaited.next = [awaited.next, next].into_iter().flatten().min();
        if !turn.progress.queued.is_empty() {
            awaited.runs.extend(turn.progress.last_run.clone());
        }
        let progress = turn.progress;
        known.progress.insert(mark, progress);
    }
    Ok(awaited)
}

/// Removes the marks of triggers that their workflows have no more: when they come back, they are new. A workflow that is not
/// registered at all keeps its marks, because its file may only be unreadable for a while.
async fn forget_vanished(engine: &Engine, registered: &Registered, known: &mut Known) -> Result<(), Error> {
    let kept: BTreeSet<String> = registered.armed.iter().map(Armed::mark).collect();
    known.progress.retain(|mark, _| kept.contains(mark));
    for workflow in &registered.workflows {
        let prefix = format!("schedule/{workflow}/");
        let marks = engine.inner.read(move |store| store.marks(&prefix)).await?;
        for (name, _) in marks.into_iter().filter(|(name, _)| !kept.contains(name)) {
            write(engine, name, None).await?;
        }
    }
    Ok(())
}

/// What the mark says. A schedule without one begins now.
///
/// Firings that were queued when the last process ended are decided anew by how the schedule catches up, except where they
/// waited for a run's end: those keep their turn.
async fn load(engine: &Engine, armed: &Armed, mark: &str, overlap: Overlap) -> Result<Progress, Error> {
    let name = mark.to_string();
    let now = engine.inner.clock.wall();
    let kept = match engine.inner.read(move |store| store.mark(&name)).await?.map(serde_json::from_value::<Progress>) {
        Some(Ok(progress)) => Some(progress),
        Some(Err(error)) => {
            tracing::error!(mark, %error, "the mark of a schedule cannot be read; the schedule begins anew");
            None
        }
        None => None,
    };
    let Some(mut progress) = kept else {
        let progress = Progress { cursor: Some(now), ..Progress::default() };
        save(engine, mark, &progress).await?;
        return Ok(progress);
    };
    not_from_the_future(&mut progress, mark, now);
    if overlap == Overlap::Queue || progress.queued.is_empty() {
        return Ok(progress);
    }
    for at in std::mem::take(&mut progress.queued) {
        let run = run_of(armed, at);
        if firing::is_over(engine, &run).await?.is_some() {
            progress.last_run = Some(run);
            progress.last_at = Some(at);
        } else {
            let before = Timestamp::from_millis(at.as_millis().saturating_sub(1));
            progress.cursor = progress.cursor.map(|cursor| cursor.min(before));
        }
    }
    save(engine, mark, &progress).await?;
    Ok(progress)
}

/// Takes back how far a schedule has come, where the clock was fast when it came there: else nothing would fire until the
/// clock is there again. Whatever has its run by then is not started again, since the run's id is made of the firing.
fn not_from_the_future(progress: &mut Progress, mark: &str, now: Timestamp) {
    let ahead_ms = progress.cursor.map_or(0, |cursor| cursor.ms_since(now));
    if ahead_ms > CLOCK_BACK_MS_SAID {
        tracing::warn!(mark, ahead_s = ahead_ms / 1000, "the schedule was ahead of the clock, and goes on from now");
        progress.cursor = Some(now);
    }
}

fn run_of(armed: &Armed, at: Timestamp) -> RunId {
    firing::run_id(armed.workflow(), &armed.trigger.name, &at.as_millis().to_string(), at)
}

/// One look at one schedule. When it fails it is forgotten, and the next look begins with the mark.
struct Turn<'t> {
    engine: &'t Engine,
    armed: &'t Armed,
    schedule: &'t Schedule,
    overlap: Overlap,
    catch_up: CatchUp,
    mark: &'t str,
    progress: Progress,
}

impl Turn<'_> {
    async fn run(&mut self) -> Result<(), Error> {
        loop {
            let now = self.engine.inner.clock.wall();
            not_from_the_future(&mut self.progress, self.mark, now);
            let due = self.schedule.due(self.progress.cursor, now, self.catch_up);
            if let Some(newest) = due.last() {
                self.progress.cursor = Some(*newest);
                self.queue(&due);
                self.save().await?;
            } else if self.progress.cursor.is_none_or(|cursor| cursor < now) {
                // Nothing is lost when this is not written: nothing fired meanwhile.
                self.progress.cursor = Some(now);
            }
            self.start_queued().await?;
            if due.is_empty() {
                return Ok(());
            }
        }
    }

    fn queue(&mut self, due: &[Timestamp]) {
        let room = match self.overlap {
            Overlap::Queue => QUEUED_FIRINGS_MAX.saturating_sub(self.progress.queued.len()),
            Overlap::Skip | Overlap::Allow => due.len(),
        };
        self.progress.queued.extend(due.iter().take(room));
        if room < due.len() {
            self.say(&format!("{QUEUED_FIRINGS_MAX} firings wait already; {} more are left out", due.len() - room));
        }
    }

    /// Starts the runs of queued firings, as far as they may begin.
    async fn start_queued(&mut self) -> Result<(), Error> {
        while let Some(at) = self.progress.queued.first().copied() {
            let run = run_of(self.armed, at);
            let is_there = firing::is_over(self.engine, &run).await?.is_some();
            if !is_there && self.overlap != Overlap::Allow && self.is_busy().await? {
                if self.overlap == Overlap::Queue {
                    return Ok(());
                }
                self.say(&format!("the firing of {at} was left out: an earlier run is still open"));
            } else {
                self.start(run, at).await?;
            }
            self.progress.queued.remove(0);
            self.save().await?;
        }
        Ok(())
    }

    /// Whether the run of the last firing is still open.
    async fn is_busy(&self) -> Result<bool, Error> {
        match &self.progress.last_run {
            Some(run) => Ok(firing::is_over(self.engine, run).await? == Some(false)),
            None => Ok(false),
        }
    }

    async fn start(&mut self, run: RunId, at: Timestamp) -> Result<(), Error> {
        let previous = self.progress.last_at.map(|at| at.to_string());
        let scope = json!({ "trigger": { "scheduled_at": at.to_string(), "previous_at": previous } });
        match firing::begin(self.engine, self.armed, run, &scope, SCHEDULE_REQUESTER).await? {
            Fired::Run(run) => {
                self.progress.last_run = Some(run);
                self.progress.last_at = Some(at);
                self.progress.note = None;
            }
            Fired::Attached(holder) => {
                self.say(&format!("the firing of {at} started no run: run {holder} holds its key"));
                self.progress.last_run = Some(holder);
                self.progress.last_at = Some(at);
            }
            Fired::Refused(why) => self.say(&format!("the firing of {at} started no run: {why}")),
        }
        Ok(())
    }

    fn say(&mut self, what: &str) {
        tracing::warn!(workflow = self.armed.workflow(), trigger = %self.armed.trigger.name, "{what}");
        self.progress.note(what);
    }

    async fn save(&self) -> Result<(), Error> {
        save(self.engine, self.mark, &self.progress).await
    }
}

pub(super) async fn save(engine: &Engine, mark: &str, progress: &Progress) -> Result<(), Error> {
    let value = serde_json::to_value(progress).map_err(|error| Error::Damaged(error.to_string()))?;
    write(engine, mark.to_string(), Some(value)).await
}

pub(super) async fn write(engine: &Engine, name: String, value: Option<serde_json::Value>) -> Result<(), Error> {
    let written = engine.inner.committer.write(Write::Mark { name, value }).await;
    written.map_err(|error| Error::Store(error.to_string()))
}

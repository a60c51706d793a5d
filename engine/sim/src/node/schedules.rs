//! The clock made into runs, as the real shell does it; that one cannot be used here, since it needs a runtime.
//!
//! A firing is queued in the schedule's mark first, which moves the cursor, then its run is started, then it leaves the queue. Its
//! run's id is made of it, so that a run that is there is not started again. One schedule is looked at after the other.

use super::turn::After;
use super::{Answer, Refused, Task, Then};
use crate::Bug;
use crate::limits::QUEUED_FIRINGS_MAX;
use crate::world::World;
use engross_core::{Person, RunId, StartRequest, Timestamp};
use engross_schedule::{CatchUp, Overlap, Schedule};
use engross_store::{Store, Write};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A workflow that a schedule starts.
pub(crate) struct Trigger {
    /// Which of the world's plans.
    pub(crate) plan: usize,
    pub(crate) schedule: Schedule,
    pub(crate) overlap: Overlap,
    pub(crate) catch_up: CatchUp,
}

/// How far a schedule has come: the value of its mark.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress {
    /// The newest firing that is queued or dealt with, or when the schedule was registered.
    pub(crate) cursor: Option<Timestamp>,
    /// Firings whose runs are not started yet, oldest first.
    pub(crate) queued: Vec<Timestamp>,
    /// The run of the last firing.
    last_run: Option<RunId>,
}

/// What has become durable of a schedule's progress.
pub(crate) enum Tended {
    Loaded,
    Queued,
    Dequeued,
}

/// A look at the schedules under way.
pub(crate) struct Tending {
    which: usize,
    progress: Progress,
    /// Whether this look found something to do, so that another follows.
    found: bool,
    again: bool,
}

/// How the names of the marks of schedules begin.
pub(crate) const MARKS: &str = "schedule/";

/// The name of the mark of a trigger.
pub(crate) fn mark(which: usize) -> String {
    format!("{MARKS}{which}")
}

/// The run of a firing.
pub(crate) fn run_of(which: usize, at: Timestamp) -> RunId {
    RunId::new(format!("f{which}@{}", at.as_millis()))
}

fn write(progress: &Progress) -> Value {
    let queued: Vec<i64> = progress.queued.iter().map(|at| at.as_millis()).collect();
    json!({ "cursor": progress.cursor.map(Timestamp::as_millis), "queued": queued, "last_run": progress.last_run })
}

pub(crate) fn read(value: &Value) -> Progress {
    let time = |value: &Value| value.as_i64().map(Timestamp::from_millis);
    let queued = value.get("queued").and_then(Value::as_array);
    Progress {
        cursor: value.get("cursor").and_then(time),
        queued: queued.map(|all| all.iter().filter_map(time).collect()).unwrap_or_default(),
        last_run: value.get("last_run").and_then(Value::as_str).map(RunId::new),
    }
}

impl World {
    /// Sets the alarm of the schedules, unless it rings sooner.
    pub(crate) fn tend_in(&mut self, ms: u64) {
        if !self.node.up || !self.node.open || self.triggers.is_empty() {
            return;
        }
        if let Some(tending) = &mut self.node.tending {
            tending.again = true;
            return;
        }
        let at = self.now.saturating_add(ms);
        if self.node.schedule_alarm.1.is_some_and(|planned| planned <= at) {
            return;
        }
        self.node.schedule_alarm = (self.node.schedule_alarm.0 + 1, Some(at));
        let number = self.node.schedule_alarm.0;
        self.node_in(ms, Task::Tend(number));
    }

    pub(super) fn tend(&mut self, alarm: u64) {
        if alarm != self.node.schedule_alarm.0 || self.node.stopping || self.node.tending.is_some() {
            return;
        }
        self.node.schedule_alarm.1 = None;
        self.node.tending = Some(Tending { which: 0, progress: Progress::default(), found: false, again: false });
        self.load_schedule();
    }

    fn trigger(&self) -> Option<Arc<Trigger>> {
        self.triggers.get(self.node.tending.as_ref()?.which).cloned()
    }

    /// What is known of the next schedule. One without a mark begins now.
    fn load_schedule(&mut self) {
        let Some(trigger) = self.trigger() else { return self.all_tended() };
        let which = self.node.tending.as_ref().map_or(0, |tending| tending.which);
        let now = self.wall();
        let progress = match self.node.progress.remove(&which) {
            Some(progress) => progress,
            None => match self.disk.mark(&mark(which)).ok().flatten().map(|value| read(&value)) {
                None => {
                    return self.keep_progress(Progress { cursor: Some(now), ..Progress::default() }, Tended::Loaded);
                }
                Some(progress) if trigger.overlap == Overlap::Queue || progress.queued.is_empty() => progress,
                Some(progress) => {
                    let progress = self.decided_anew(which, progress);
                    return self.keep_progress(progress, Tended::Loaded);
                }
            },
        };
        self.set_progress(progress);
        self.look_at_the_clock();
    }

    /// Firings that were queued when the last process ended are decided anew by how the schedule catches up.
    fn decided_anew(&self, which: usize, mut progress: Progress) -> Progress {
        for at in std::mem::take(&mut progress.queued) {
            let run = self.run_of_firing(which, at);
            if self.is_over(&run).is_some() {
                progress.last_run = Some(run);
            } else {
                let before = Timestamp::from_millis(at.as_millis() - 1);
                progress.cursor = progress.cursor.map(|cursor| cursor.min(before));
            }
        }
        progress
    }

    fn run_of_firing(&self, which: usize, at: Timestamp) -> RunId {
        let run = run_of(which, at);
        if self.bug(Bug::FiringTwice) { RunId::new(format!("{run}x{}", self.node.incarnation)) } else { run }
    }

    /// Whether a run is there, and if so whether it is over.
    fn is_over(&self, run: &RunId) -> Option<bool> {
        self.disk.head(run).ok().flatten().map(|head| head.status.is_over())
    }

    fn set_progress(&mut self, progress: Progress) {
        if let Some(tending) = &mut self.node.tending {
            tending.progress = progress;
        }
    }

    fn keep_progress(&mut self, progress: Progress, then: Tended) {
        let Some(tending) = &mut self.node.tending else { return };
        let (name, value) = (mark(tending.which), Some(write(&progress)));
        tending.progress = progress;
        self.write(Write::Mark { name, value }, After::Tended(then));
    }

    pub(super) fn tended(&mut self, what: Tended) {
        match what {
            Tended::Loaded => self.look_at_the_clock(),
            Tended::Queued | Tended::Dequeued => self.start_queued(),
        }
    }

    fn look_at_the_clock(&mut self) {
        let (Some(trigger), now) = (self.trigger(), self.wall()) else { return };
        let Some(tending) = &mut self.node.tending else { return };
        let due = trigger.schedule.due(tending.progress.cursor, now, trigger.catch_up);
        tending.found = !due.is_empty();
        let mut progress = tending.progress.clone();
        let Some(newest) = due.last() else {
            if progress.cursor.is_none_or(|cursor| cursor < now) {
                progress.cursor = Some(now);
            }
            self.set_progress(progress);
            return self.start_queued();
        };
        progress.cursor = Some(*newest);
        let room = match trigger.overlap {
            Overlap::Queue => QUEUED_FIRINGS_MAX.saturating_sub(progress.queued.len()),
            Overlap::Skip | Overlap::Allow => due.len(),
        };
        progress.queued.extend(due.iter().take(room));
        self.keep_progress(progress, Tended::Queued);
    }

    /// Starts the runs of queued firings, as far as they may begin.
    fn start_queued(&mut self) {
        let (Some(trigger), Some(tending)) = (self.trigger(), &self.node.tending) else { return };
        let (which, progress) = (tending.which, tending.progress.clone());
        let Some(at) = progress.queued.first().copied() else { return self.schedule_tended() };
        let run = self.run_of_firing(which, at);
        let is_there = self.is_over(&run).is_some();
        let is_busy = progress.last_run.as_ref().and_then(|last| self.is_over(last)) == Some(false);
        if is_there || trigger.overlap == Overlap::Allow || !is_busy {
            return if is_there { self.dequeue(Some(run)) } else { self.begin_firing(which, trigger.plan, run, at) };
        }
        match trigger.overlap {
            Overlap::Queue => self.schedule_tended(),
            Overlap::Skip | Overlap::Allow => self.dequeue(None),
        }
    }

    fn begin_firing(&mut self, which: usize, plan: usize, run: RunId, at: Timestamp) {
        let Some(plan) = self.plans.get(plan).cloned() else { return self.dequeue(None) };
        // Nothing is fair about a stop that begins here: the firing is still to be dealt with.
        if self.node.stopping {
            self.node.tending = None;
            return;
        }
        let order = at.as_millis() / 60_000 * 10 + i64::try_from(which).unwrap_or(0);
        let inputs = json!({ "order": order, "flag0": true, "flag1": order % 3 == 0, "flag2": true });
        let requester = Person::new("schedule@engross.invalid");
        self.note(|| format!("schedule {which} fires: {run}"));
        self.first_turn(plan, StartRequest { run, inputs, requester, key: None, parent: None }, Then::FiringBegun);
    }

    pub(super) fn firing_begun(&mut self, answer: &Answer) {
        match answer {
            Ok(done) => self.dequeue(Some(done.state.run.clone())),
            Err(Refused::Rejected(_)) => self.dequeue(None),
            Err(Refused::Unavailable) => self.node.tending = None,
        }
    }

    fn dequeue(&mut self, started: Option<RunId>) {
        let Some(tending) = &self.node.tending else { return };
        let mut progress = tending.progress.clone();
        progress.queued.remove(0);
        progress.last_run = started.or(progress.last_run);
        self.keep_progress(progress, Tended::Dequeued);
    }

    fn schedule_tended(&mut self) {
        let Some(tending) = &mut self.node.tending else { return };
        if std::mem::take(&mut tending.found) {
            return self.look_at_the_clock();
        }
        let (which, progress) = (tending.which, std::mem::take(&mut tending.progress));
        tending.which += 1;
        self.node.progress.insert(which, progress);
        self.load_schedule();
    }

    fn all_tended(&mut self) {
        let again = self.node.tending.take().is_some_and(|tending| tending.again);
        let now = self.wall();
        let next = self.node.progress.iter().filter_map(|(which, progress)| {
            let trigger = self.triggers.get(*which)?;
            trigger.schedule.next_after(progress.cursor.unwrap_or(now).max(now))
        });
        let pause = if again { Some(0) } else { next.min().map(|next| self.until_wall(next)) };
        if let Some(pause) = pause {
            self.tend_in(pause);
        }
    }

    /// Whether a queued firing waits for the end of this run.
    pub(super) fn is_awaited_by_a_schedule(&self, run: &RunId) -> bool {
        let known: BTreeSet<&RunId> = self.node.progress.values().filter_map(|p| p.last_run.as_ref()).collect();
        self.node.tending.is_some() || known.contains(run)
    }
}

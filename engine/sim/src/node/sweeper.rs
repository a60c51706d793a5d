//! The due index made into inputs. A timer is a row in the store and nothing else.

use super::{Answer, Op, Task, Then};
use crate::limits::{SWEEP_MS_MAX, TIMERS_PER_SWEEP};
use crate::world::World;
use engross_core::{Input, RunId};
use engross_store::{Store, Timer};
use std::collections::{BTreeMap, VecDeque};

/// A sweep under way.
pub(crate) struct Sweeping {
    left: usize,
    told: usize,
}

impl World {
    /// Sets the sweeper's alarm, unless it rings sooner.
    pub(crate) fn sweep_in(&mut self, ms: u64) {
        if !self.node.up || !self.node.open || self.node.sweeping.is_some() {
            return;
        }
        let at = self.now.saturating_add(ms);
        if self.node.alarm.1.is_some_and(|planned| planned <= at) {
            return;
        }
        self.node.alarm = (self.node.alarm.0 + 1, Some(at));
        let number = self.node.alarm.0;
        self.node_in(ms, Task::Sweep(number));
    }

    pub(super) fn sweep(&mut self, alarm: u64) {
        if alarm != self.node.alarm.0 || self.node.stopping || self.node.sweeping.is_some() {
            return;
        }
        self.node.alarm.1 = None;
        let due = self.disk.due(self.wall(), TIMERS_PER_SWEEP).unwrap_or_default();
        if due.timers.is_empty() {
            if let Some(next) = due.next {
                let ms = self.until_wall(next);
                self.sweep_in(ms);
            }
            return;
        }
        let mut runs: BTreeMap<RunId, VecDeque<Timer>> = BTreeMap::new();
        for timer in due.timers {
            runs.entry(timer.run.clone()).or_default().push_back(timer);
        }
        self.node.sweeping = Some(Sweeping { left: runs.len(), told: 0 });
        for timers in runs.into_values() {
            self.fire(timers);
        }
    }

    fn fire(&mut self, mut timers: VecDeque<Timer>) {
        match timers.pop_front() {
            Some(Timer { run, timer, .. }) => {
                let input = Box::new(Input::TimerFired(timer));
                self.give(&run, Op::Turn { input, quiet: false }, Then::Fired(timers));
            }
            None => self.run_swept(),
        }
    }

    pub(super) fn fired(&mut self, _run: &RunId, rest: VecDeque<Timer>, answer: &Answer) {
        let took = answer.as_ref().is_ok_and(|done| !done.events.is_empty());
        if let Some(sweeping) = &mut self.node.sweeping {
            sweeping.told += usize::from(took);
        }
        self.fire(rest);
    }

    fn run_swept(&mut self) {
        let Some(sweeping) = &mut self.node.sweeping else { return };
        sweeping.left = sweeping.left.saturating_sub(1);
        if sweeping.left > 0 {
            return;
        }
        // None of them could be told, and the next sweep would find the same ones.
        let pause = if sweeping.told == 0 { SWEEP_MS_MAX } else { 0 };
        self.node.sweeping = None;
        self.sweep_in(pause);
    }
}

//! Runs of one group of which only some may be at work: who is admitted, and when. One look at a time; the first id comes first.

use super::{Answer, Op, Then};
use crate::Bug;
use crate::world::World;
use engross_core::{Input, RunId, RunState, Subscription};
use engross_store::{Store, WaitRow};
use std::collections::{BTreeSet, VecDeque};

/// A look at one group under way.
pub(crate) struct Admitting {
    at_work: usize,
    next: VecDeque<RunId>,
}

/// The name of a run's group among those of all workflows.
pub(crate) fn name(state: &RunState) -> Option<String> {
    state.group.as_ref().map(|group| format!("{}/{}", state.workflow, group.name))
}

fn of(wait: &WaitRow) -> Option<&String> {
    wait.subscription.matching.get("group")
}

impl World {
    /// Admits as many runs of a group as there is place for, after those that are looked at now.
    pub(super) fn admit(&mut self, group: String) {
        self.node.to_admit.push_back(group);
        if self.node.admitting.is_none() {
            self.look_at_next_group();
        }
    }

    /// At a start: what the last process did not come to admit.
    pub(super) fn admit_all(&mut self) {
        let queued = self.disk.waits(Subscription::QUEUE).unwrap_or_default();
        let groups: BTreeSet<String> = queued.iter().filter_map(of).cloned().collect();
        self.node.admits_all = true;
        if !self.bug(Bug::AdmissionForgotten) {
            self.node.to_admit.extend(groups);
        }
        if self.node.admitting.is_none() {
            self.look_at_next_group();
        }
    }

    fn look_at_next_group(&mut self) {
        let Some(group) = self.node.to_admit.pop_front() else {
            self.node.admitting = None;
            // At a start, this was the last thing before the events.
            if std::mem::take(&mut self.node.admits_all) {
                self.read_unmatched();
            }
            return;
        };
        let at_work = self.disk.waits(&Subscription::to_place(&group).topic).unwrap_or_default().len();
        let queued = self.disk.waits(Subscription::QUEUE).unwrap_or_default();
        let mut next: Vec<RunId> =
            queued.into_iter().filter(|wait| of(wait) == Some(&group)).map(|wait| wait.run).collect();
        next.sort();
        self.node.admitting = Some(Admitting { at_work, next: next.into() });
        self.look_at_next_in_queue();
    }

    fn look_at_next_in_queue(&mut self) {
        match self.node.admitting.as_mut().and_then(|admitting| admitting.next.pop_front()) {
            Some(run) => self.give(&run, Op::Current, Then::InQueue),
            None => self.look_at_next_group(),
        }
    }

    pub(super) fn in_queue(&mut self, run: &RunId, answer: &Answer) {
        let Ok(done) = answer else { return self.look_at_next_in_queue() };
        let limit = done.state.group.as_ref().map_or(0, |group| group.limit as usize);
        let limit = if self.bug(Bug::LimitIgnored) { limit + 1 } else { limit };
        if self.node.admitting.as_ref().is_some_and(|admitting| admitting.at_work >= limit) {
            return self.look_at_next_group();
        }
        let input = Box::new(Input::Admit);
        self.give(run, Op::Turn { input, quiet: false }, Then::Admitted);
    }

    pub(super) fn admitted(&mut self, answer: &Answer) {
        if let (Some(admitting), Ok(_)) = (&mut self.node.admitting, answer) {
            admitting.at_work += 1;
        }
        self.look_at_next_in_queue();
    }
}

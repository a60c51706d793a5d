//! I1: no acknowledged input is lost. Each start, decision, cancellation and event that was answered with yes is durable, and an
//! event reaches the step that waited for it.

use super::{Held, Oracle, Violation};
use crate::world::Wish;
use engross_core::{Event, EventId, OnEvent, Person, RunId, StepId, StepState, Timestamp, WaitKind};
use engross_store::{InboxEntry, InboxQuery, MemoryStore, Store};
use std::collections::{BTreeMap, BTreeSet};

/// What the node has said yes to.
#[derive(Default)]
pub(crate) struct Acknowledged {
    starts: BTreeSet<RunId>,
    cancels: BTreeSet<RunId>,
    decisions: BTreeSet<(RunId, StepId, Person)>,
    events: BTreeMap<EventId, InboxEntry>,
}

fn lost(text: impl Into<String>) -> Violation {
    Violation::new("I1", format!("an acknowledged input is lost: {}", text.into()))
}

impl Oracle {
    pub(crate) fn acknowledged(&mut self, wish: &Wish, run: &RunId, events: &[Event], _at: Timestamp) {
        match wish {
            Wish::Start { .. } => {
                self.acknowledged.starts.insert(run.clone());
            }
            Wish::CancelNumber { .. } => {
                self.acknowledged.cancels.insert(run.clone());
            }
            Wish::Decide { step, by, .. } if events.iter().any(|e| matches!(e, Event::DecisionRecorded { .. })) => {
                self.acknowledged.decisions.insert((run.clone(), step.clone(), by.clone()));
            }
            _ => {}
        }
    }

    pub(crate) fn event_acknowledged(&mut self, entry: &InboxEntry) {
        self.acknowledged.events.entry(entry.event.id.clone()).or_insert_with(|| entry.clone());
    }

    /// At rest: everything that was said yes to is there.
    pub(super) fn nothing_acknowledged_is_lost(&self, disk: &MemoryStore) -> Held {
        for run in self.acknowledged.starts.iter().chain(&self.acknowledged.cancels) {
            if !self.runs.contains_key(run) {
                return Err(lost(format!("the start of {run}")));
            }
            // A person may have opened the run again since.
            let journal = disk.journal(run, 0, usize::MAX).unwrap_or_default();
            let given_up = journal.iter().any(|record| matches!(record.event, Event::CancelRequested { .. }));
            if self.acknowledged.cancels.contains(run) && !given_up {
                return Err(lost(format!("the cancellation of {run}")));
            }
        }
        for (run, step, by) in &self.acknowledged.decisions {
            let journal = disk.journal(run, 0, usize::MAX).unwrap_or_default();
            let recorded = journal.iter().any(|record| {
                matches!(&record.event, Event::DecisionRecorded { step: s, decision } if s == step && decision.by == *by)
            });
            if !recorded {
                return Err(lost(format!("the decision of {by} about {run} {step}")));
            }
        }
        self.events_reached_their_waits(disk)
    }

    fn events_reached_their_waits(&self, disk: &MemoryStore) -> Held {
        let unmatched = disk.inbox(&InboxQuery::Unmatched).unwrap_or_default();
        if let Some(entry) = unmatched.first() {
            return Err(lost(format!("event {} is accepted and not matched", entry.event.id)));
        }
        // What counts is what is kept: a second delivery of an event is acknowledged, and is no younger than the first.
        let mut kept_events = Vec::new();
        for (id, entry) in &self.acknowledged.events {
            let query = InboxQuery::Topic { topic: entry.topic.clone(), since: Timestamp::from_millis(0) };
            match disk.inbox(&query).unwrap_or_default().into_iter().find(|kept| kept.event.id == *id) {
                Some(kept) => kept_events.push(kept),
                None => return Err(lost(format!("event {id} is not in the inbox"))),
            }
        }
        for watched in self.runs.values() {
            for (step, state) in watched.state.active() {
                let StepState::Waiting { wait, .. } = state else { continue };
                let WaitKind::Event { subscriptions, on_event: OnEvent::Finish(_), .. } = &wait.kind else { continue };
                let missed = kept_events.iter().find(|entry| {
                    entry.event.received_at >= watched.state.started_at
                        && !watched.state.consumed.contains(&entry.event.id)
                        && subscriptions.iter().any(|s| s.topic == entry.topic && s.accepts(&entry.event.data))
                });
                if let Some(missed) = missed {
                    let (run, event) = (&watched.state.run, &missed.event.id);
                    return Err(lost(format!("{run} {step} still waits for event {event}, which came")));
                }
            }
        }
        Ok(())
    }
}

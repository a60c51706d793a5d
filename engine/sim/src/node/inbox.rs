//! Events from outside: kept first, acknowledged then, matched last.

use super::turn::After;
use super::{Answer, Op, Refused, Then};
use crate::Bug;
use crate::world::World;
use engross_core::Input;
use engross_store::{InboxEntry, InboxQuery, Store, WaitRow, Write};
use std::collections::VecDeque;

/// An event that is brought to those who wait for it.
pub(crate) struct Matching {
    entry: InboxEntry,
    rest: VecDeque<WaitRow>,
    all_told: bool,
}

impl World {
    /// Takes an event; whoever brought it is told when it is durable.
    pub(crate) fn keep(&mut self, caller: u64, entry: InboxEntry) {
        if self.bug(Bug::AckBeforeDurable) {
            self.reply_kept(caller, &entry);
        }
        self.write(Write::Inbox(entry.clone()), After::Kept { entry, caller });
    }

    pub(super) fn kept(&mut self, entry: InboxEntry, caller: u64, new: bool) {
        self.reply_kept(caller, &entry);
        if new {
            self.match_entry(entry);
        }
    }

    fn match_entry(&mut self, entry: InboxEntry) {
        let waits = self.disk.waits(&entry.topic).unwrap_or_default();
        let rest = waits.into_iter().filter(|row| row.subscription.accepts(&entry.event.data)).collect();
        self.node.matchings_made += 1;
        let id = self.node.matchings_made;
        self.node.matchings.insert(id, Matching { entry, rest, all_told: true });
        self.tell_next(id);
    }

    fn tell_next(&mut self, id: u64) {
        let Some(matching) = self.node.matchings.get_mut(&id) else { return };
        if let Some(WaitRow { run, step, .. }) = matching.rest.pop_front() {
            let input = Box::new(Input::EventMatched { step, event: matching.entry.event.clone() });
            return self.give(&run, Op::Turn { input, quiet: false }, Then::Told(id));
        }
        let Some(matching) = self.node.matchings.remove(&id) else { return };
        if matching.all_told {
            self.write(Write::Matched(matching.entry.event.id), After::Settled);
        }
    }

    pub(super) fn told(&mut self, id: u64, answer: &Answer) {
        if let (Some(matching), Err(Refused::Unavailable)) = (self.node.matchings.get_mut(&id), answer) {
            matching.all_told = false;
        }
        self.tell_next(id);
    }

    /// The next of the events that the last process accepted and did not match.
    pub(super) fn match_unmatched(&mut self) {
        if self.bug(Bug::UnmatchedForgotten) {
            self.node.to_match.clear();
        }
        match self.node.to_match.pop_front() {
            Some(entry) => self.match_entry(entry),
            None => self.opened(),
        }
    }

    pub(super) fn read_unmatched(&mut self) {
        self.node.to_match = self.disk.inbox(&InboxQuery::Unmatched).unwrap_or_default().into();
        self.match_unmatched();
    }

    pub(super) fn settled(&mut self) {
        if self.node.up && !self.node.open {
            self.match_unmatched();
        }
    }
}

//! What will happen, in the order in which it will. Of two things at one time, the one that was planned first comes first.

use super::Happening;
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

struct Entry {
    at: u64,
    number: u64,
    what: Happening,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

/// The heap of a world.
#[derive(Default)]
pub(crate) struct Heap {
    entries: BinaryHeap<Reverse<Entry>>,
    number: u64,
}

impl Heap {
    /// Plans something for a time, in milliseconds since the week began.
    pub(crate) fn push(&mut self, at: u64, what: Happening) {
        self.number += 1;
        self.entries.push(Reverse(Entry { at, number: self.number, what }));
    }

    /// The next thing, unless it comes after `until`.
    pub(crate) fn pop(&mut self, until: u64) -> Option<(u64, Happening)> {
        if self.entries.peek()?.0.at > until {
            return None;
        }
        self.entries.pop().map(|Reverse(entry)| (entry.at, entry.what))
    }
}

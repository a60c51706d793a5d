//! The copy of one database that is in use into one that is not: everything once, then what has changed, then what differs.
//! Rows are taken as they are; each has its own digest, so that damage stays what it is and is told to whoever reads it.
//!
//! A row may change between the moment it is read and the moment its copy is written. Its key is noted then, and notes are
//! taken up only between two parts, so that the later value always comes later.

use super::{Point, Progress, Watch};
use crate::Result;
use crate::limits::{
    COMPACT_CHANGES_MAX, COMPACT_LAST_CHANGES, COMPACT_PART_BYTES, COMPACT_PART_ROWS, COMPACT_ROUNDS_MAX,
};
use crate::sled_store::generation::Generation;
use crate::sled_store::{Counts, SledStore, counts_of};
use sled::{Batch, Db, IVec};
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::mem;
use std::ops::Bound;

pub(super) struct Copy<'a> {
    store: &'a SledStore,
    old: &'a Db,
    pub(super) new: Generation,
    pub(super) rows: u64,
    bytes: u64,
}

impl<'a> Copy<'a> {
    pub(super) fn new(store: &'a SledStore, old: &'a Db, new: Generation) -> Self {
        Self { store, old, new, rows: 0, bytes: 0 }
    }

    /// Copies every row that is there all the time.
    pub(super) fn everything(&mut self, watch: &mut Watch<'_>) -> Result<()> {
        let mut after = Bound::Unbounded;
        loop {
            let mut part = Batch::default();
            let (mut rows, mut bytes) = (0_usize, 0_usize);
            let mut last = None;
            for row in self.old.range((after, Bound::Unbounded)) {
                let (key, value) = row?;
                rows += 1;
                bytes = bytes.saturating_add(key.len()).saturating_add(value.len());
                part.insert(&key, value);
                last = Some(key);
                if rows >= COMPACT_PART_ROWS || bytes >= COMPACT_PART_BYTES {
                    break;
                }
            }
            let Some(last) = last else { return Ok(()) };
            after = Bound::Excluded(last);
            self.keep(part, rows, bytes)?;
            // Of what is not synced now, the syncs of writers would have to wait for more at a time.
            self.new.sync()?;
            watch.at(Point::Copied)?;
            self.go_on(watch)?;
        }
    }

    /// Copies what has changed meanwhile, until so little changes during a round that the rest can be done under the lock.
    pub(super) fn catch_up(&mut self, watch: &mut Watch<'_>) -> Result<()> {
        for _ in 0..COMPACT_ROUNDS_MAX {
            if self.store.changes() <= COMPACT_LAST_CHANGES {
                break;
            }
            self.round(watch)?;
        }
        Ok(())
    }

    /// Copies these rows, and whatever changes while that is done.
    pub(super) fn mend(&mut self, differing: &BTreeSet<Vec<u8>>, watch: &mut Watch<'_>) -> Result<()> {
        if !differing.is_empty() {
            self.apply(differing)?;
            self.new.sync()?;
        }
        self.catch_up(watch)
    }

    fn round(&mut self, watch: &mut Watch<'_>) -> Result<()> {
        let changed = self.store.writer().changed.as_mut().map(mem::take).unwrap_or_default();
        self.apply(&changed)?;
        self.new.sync()?;
        watch.at(Point::CaughtUp)?;
        self.tell(watch)
    }

    /// Copies these rows as they are now, or removes them where they are not any more.
    pub(super) fn apply(&mut self, keys: &BTreeSet<Vec<u8>>) -> Result<()> {
        let mut part = Batch::default();
        let (mut rows, mut bytes) = (0_usize, 0_usize);
        for key in keys {
            match self.old.get(key)? {
                Some(value) => {
                    bytes = bytes.saturating_add(key.len()).saturating_add(value.len());
                    part.insert(key.as_slice(), value);
                }
                None => part.remove(key.as_slice()),
            }
            rows += 1;
            if rows >= COMPACT_PART_ROWS || bytes >= COMPACT_PART_BYTES {
                self.keep(mem::take(&mut part), rows, bytes)?;
                (rows, bytes) = (0, 0);
            }
        }
        self.keep(part, rows, bytes)
    }

    /// Unflushed work makes the flush after it slow, so that each part is flushed.
    fn keep(&mut self, part: Batch, rows: usize, bytes: usize) -> Result<()> {
        if rows > 0 {
            self.new.db.apply_batch(part)?;
            self.new.db.flush()?;
        }
        self.rows = self.rows.saturating_add(rows as u64);
        self.bytes = self.bytes.saturating_add(bytes as u64);
        Ok(())
    }

    /// After a part: what has changed does not wait until it is too much to remember.
    fn go_on(&mut self, watch: &mut Watch<'_>) -> Result<()> {
        if self.store.changes() > COMPACT_CHANGES_MAX {
            self.round(watch)?;
        }
        self.tell(watch)
    }

    fn tell(&self, watch: &mut Watch<'_>) -> Result<()> {
        watch.progress(Progress { rows: self.rows, bytes: self.bytes })
    }

    /// The keys that have another value in the copy, or are only in one of both. Most have changed just now and are noted
    /// anyway. This is for the others: a row that a scan of a database in use has missed would be lost for ever.
    pub(super) fn compare(&mut self, watch: &mut Watch<'_>) -> Result<BTreeSet<Vec<u8>>> {
        let mut differing = BTreeSet::new();
        let (mut olds, mut news) = (self.old.iter(), self.new.db.iter());
        let (mut old, mut new) = (next(&mut olds)?, next(&mut news)?);
        let mut steps = 0_usize;
        loop {
            let order = match (&old, &new) {
                (None, None) => return Ok(differing),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((a, _)), Some((b, _))) => a.cmp(b),
            };
            if order != Ordering::Equal || old != new {
                let key = if order == Ordering::Greater { &new } else { &old };
                differing.extend(key.iter().map(|(key, _)| key.to_vec()));
            }
            if order != Ordering::Greater {
                old = next(&mut olds)?;
            }
            if order != Ordering::Less {
                new = next(&mut news)?;
            }
            steps += 1;
            if steps.is_multiple_of(COMPACT_PART_ROWS) {
                self.go_on(watch)?;
            }
        }
    }

    /// The number of the copy's last batch, and what it counts as live.
    pub(super) fn counts(&self) -> Result<Counts> {
        counts_of(&self.new.db)
    }
}

fn next(rows: &mut sled::Iter) -> Result<Option<(IVec, IVec)>> {
    Ok(rows.next().transpose()?)
}

//! Values as rows: framed with a version and a digest, and split where they are long. What a value means is not known here.
//!
//! A value's row is `version, length (u32), digest (8 bytes), first piece`; the rows of its further pieces, if there are any,
//! are `version, piece`. The digest is of the key and the whole value, so that neither a changed bit nor a row in the wrong
//! place is ever taken for what was written.

use super::keys::{self, Key};
use crate::limits::{ROW_BYTES_MAX, VALUE_BYTES_MAX};
use crate::{Error, Result};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use sled::IVec;
use std::collections::BTreeMap;

const VERSION: u8 = 1;
const DIGEST_BYTES: usize = 8;
const FRAME_BYTES: usize = 1 + 4 + DIGEST_BYTES;
const PART_FRAME_BYTES: usize = 1;
/// What [`keys::part`] adds to a key.
const PART_KEY_BYTES: usize = 2 + 2;

/// Where rows are read.
pub(super) trait Rows {
    /// A row as it is kept.
    fn row(&self, key: &[u8]) -> Result<Option<IVec>>;
}

impl Rows for sled::Db {
    fn row(&self, key: &[u8]) -> Result<Option<IVec>> {
        Ok(self.get(key)?)
    }
}

/// A value by its key.
pub(super) fn get(rows: &impl Rows, key: &[u8]) -> Result<Option<Vec<u8>>> {
    match rows.row(key)? {
        Some(row) => value_of(rows, key, &row).map(Some),
        None => Ok(None),
    }
}

/// A value by its key, read as JSON.
pub(super) fn get_json<T: DeserializeOwned>(rows: &impl Rows, key: &[u8]) -> Result<Option<T>> {
    match get(rows, key)? {
        Some(value) => from_json(key, &value).map(Some),
        None => Ok(None),
    }
}

/// The value that begins in a row, read as JSON.
pub(super) fn json_of<T: DeserializeOwned>(rows: &impl Rows, key: &[u8], row: &[u8]) -> Result<T> {
    from_json(key, &value_of(rows, key, row)?)
}

fn from_json<T: DeserializeOwned>(key: &[u8], value: &[u8]) -> Result<T> {
    serde_json::from_slice(value)
        .map_err(|e| damaged(key, &format!("cannot be read ({e}): a later version of engross may have written it")))
}

/// The value that begins in a row.
pub(super) fn value_of(rows: &impl Rows, key: &[u8], row: &[u8]) -> Result<Vec<u8>> {
    let frame = Frame::read(key, row)?;
    let mut value = Vec::with_capacity(frame.length);
    value.extend_from_slice(frame.piece);
    for number in 1..=further_parts(frame.length) {
        let row = rows.row(&keys::part(key, number))?.ok_or_else(|| damaged(key, "lacks a part"))?;
        match row.split_first() {
            Some((&VERSION, piece)) => value.extend_from_slice(piece),
            _ => return Err(damaged(key, "has a part of an unknown version")),
        }
    }
    if value.len() != frame.length || digest(key, &value) != frame.digest {
        return Err(damaged(key, "is not what was written"));
    }
    Ok(value)
}

struct Frame<'a> {
    length: usize,
    digest: [u8; DIGEST_BYTES],
    piece: &'a [u8],
}

impl<'a> Frame<'a> {
    fn read(key: &[u8], row: &'a [u8]) -> Result<Self> {
        let short = || damaged(key, "is too short");
        let (version, rest) = row.split_first().ok_or_else(short)?;
        if *version != VERSION {
            return Err(damaged(key, "has an unknown version: a later version of engross may have written it"));
        }
        let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(short)?;
        let (digest, piece) = rest.split_first_chunk::<DIGEST_BYTES>().ok_or_else(short)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        if length > VALUE_BYTES_MAX {
            return Err(damaged(key, "claims to be longer than any value"));
        }
        Ok(Self { length, digest: *digest, piece })
    }
}

fn further_parts(length: usize) -> u16 {
    let parts = length.saturating_sub(1) / ROW_BYTES_MAX;
    u16::try_from(parts).expect("the longest value has far fewer parts than a u16 counts")
}

/// What a value takes, all its rows and their keys together.
fn footprint(key: &[u8], length: usize) -> u64 {
    let part = key.len() + PART_KEY_BYTES + PART_FRAME_BYTES;
    let bytes = key.len() + FRAME_BYTES + length + usize::from(further_parts(length)) * part;
    bytes as u64
}

fn digest(key: &[u8], value: &[u8]) -> [u8; DIGEST_BYTES] {
    let mut digest = Sha256::new();
    digest.update((key.len() as u64).to_be_bytes());
    digest.update(key);
    digest.update(value);
    let mut short = [0; DIGEST_BYTES];
    short.iter_mut().zip(digest.finalize()).for_each(|(to, from)| *to = from);
    short
}

fn damaged(key: &[u8], what: &str) -> Error {
    Error::Damaged(format!("the value under {} {what}", key.escape_ascii()))
}

/// Changes that are made together or not at all, and what the rows will be after them.
pub(super) struct Staged<'a> {
    db: &'a sled::Db,
    changes: BTreeMap<Key, Option<IVec>>,
    added: u64,
    taken: u64,
}

impl Rows for Staged<'_> {
    fn row(&self, key: &[u8]) -> Result<Option<IVec>> {
        match self.changes.get(key) {
            Some(change) => Ok(change.clone()),
            None => self.db.row(key),
        }
    }
}

impl<'a> Staged<'a> {
    /// No changes yet.
    pub(super) fn over(db: &'a sled::Db) -> Self {
        Self { db, changes: BTreeMap::new(), added: 0, taken: 0 }
    }

    /// Keeps a value, whatever was under the key before.
    pub(super) fn put(&mut self, key: Key, value: &[u8]) -> Result<()> {
        let length = u32::try_from(value.len()).ok().filter(|_| value.len() <= VALUE_BYTES_MAX);
        let length = length.ok_or(Error::TooLarge { what: "a value", bytes: value.len(), max: VALUE_BYTES_MAX })?;
        self.remove(&key)?;
        self.added = self.added.saturating_add(footprint(&key, value.len()));
        let (first, rest) = value.split_at(value.len().min(ROW_BYTES_MAX));
        for (number, piece) in (1..=u16::MAX).zip(rest.chunks(ROW_BYTES_MAX)) {
            let mut row = Vec::with_capacity(1 + piece.len());
            row.push(VERSION);
            row.extend_from_slice(piece);
            self.changes.insert(keys::part(&key, number), Some(row.into()));
        }
        let mut row = Vec::with_capacity(FRAME_BYTES + first.len());
        row.push(VERSION);
        row.extend_from_slice(&length.to_be_bytes());
        row.extend_from_slice(&digest(&key, value));
        row.extend_from_slice(first);
        self.changes.insert(key, Some(row.into()));
        Ok(())
    }

    /// Removes a value, if there is one.
    pub(super) fn remove(&mut self, key: &[u8]) -> Result<()> {
        if let Some(row) = self.row(key)? {
            let length = Frame::read(key, &row)?.length;
            self.taken = self.taken.saturating_add(footprint(key, length));
            for number in 1..=further_parts(length) {
                self.changes.insert(keys::part(key, number), None);
            }
            self.changes.insert(key.to_vec(), None);
        }
        Ok(())
    }

    /// Whether nothing would change.
    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The bytes of all rows, which were so many before these changes.
    pub(super) fn live_bytes(&self, before: u64) -> u64 {
        before.saturating_add(self.added).saturating_sub(self.taken)
    }

    /// The keys of the rows that change.
    pub(super) fn changed(&self) -> impl Iterator<Item = &Key> {
        self.changes.keys()
    }

    /// The changes for sled.
    pub(super) fn into_batch(self) -> sled::Batch {
        let mut batch = sled::Batch::default();
        for (key, change) in self.changes {
            match change {
                Some(row) => batch.insert(key, row),
                None => batch.remove(key),
            }
        }
        batch
    }
}

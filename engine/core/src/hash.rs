//! The chain of hashes through a run's journal: each record's hash covers the record and the hash before it, so that a
//! record that was changed, left out or put in is found by whoever reads on.
//!
//! What is hashed is the record as it is encoded here. An encoding never changes for a fact that exists: new fields are left
//! out where they have their default. Who keeps the last hash, and where, is not known here.

use crate::{Event, Record, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// SHA-256 of a record and of the hash before it; of nothing, before the first record.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordHash([u8; 32]);

impl RecordHash {
    /// The hash of the record that follows on this one.
    pub fn next(&self, v: u16, seq: u64, at: Timestamp, event: &Event) -> Self {
        let mut digest = Sha256::new();
        digest.update(self.0);
        let record = serde_json::to_vec(&(v, seq, at, event));
        digest.update(record.expect("a fact is JSON: all keys of its maps are text"));
        Self(digest.finalize().into())
    }

    /// Whether this record follows on this one.
    pub fn is_followed_by(&self, record: &Record) -> bool {
        self.next(record.v, record.seq, record.at, &record.event) == record.hash
    }
}

impl fmt::Display for RecordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for RecordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for RecordHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RecordHash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let mut bytes = [0; 32];
        hex::decode_to_slice(text.as_bytes(), &mut bytes)
            .map_err(|_| serde::de::Error::custom("a hash is 64 hexadecimal digits"))?;
        Ok(Self(bytes))
    }
}

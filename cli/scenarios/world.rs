//! What a scenario has instead of the outside world: a clock that is set, ids that count, and files in memory.

use async_trait::async_trait;
use bytes::Bytes;
use engross_core::{RunId, Timestamp};
use engross_runtime::{Clock, Ids};
use engross_step_api::{FileRef, Files, FilesError};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// When every scenario begins: Monday 5 January 2026, at nine in the morning UTC.
pub const BEGINNING: Timestamp = Timestamp::from_millis(1_767_603_600_000);

/// Stands still until it is set.
pub struct VirtualClock(AtomicI64);

impl VirtualClock {
    /// Stands at the beginning.
    pub fn new() -> Self {
        Self(AtomicI64::new(BEGINNING.as_millis()))
    }

    /// Sets it forward; it never goes back.
    pub fn set(&self, to: Timestamp) {
        self.0.fetch_max(to.as_millis(), Ordering::SeqCst);
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// Ids that count, and no randomness: every pause before a retry is the longest that it can be.
#[derive(Default)]
pub struct CountedIds(AtomicU64);

impl Ids for CountedIds {
    fn run(&self, _: Timestamp) -> RunId {
        RunId::new(format!("run-{:06}", 1 + self.0.fetch_add(1, Ordering::SeqCst)))
    }

    fn random(&self) -> u32 {
        u32::MAX
    }

    fn token(&self) -> String {
        format!("{:032x}", 1 + self.0.fetch_add(1, Ordering::SeqCst))
    }
}

/// Files that are gone with the scenario. What steps store lies under its path; what made-up outputs name is believed to be there.
#[derive(Default)]
pub struct FilesInMemory(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    content: BTreeMap<String, Bytes>,
    paths: BTreeMap<String, String>,
}

impl FilesInMemory {
    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Files for FilesInMemory {
    async fn put(&self, content: Bytes, media_type: &str, name: Option<&str>) -> Result<FileRef, FilesError> {
        let sha256: String = Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
        let size = u64::try_from(content.len()).unwrap_or(u64::MAX);
        self.kept().content.insert(sha256.clone(), content);
        Ok(FileRef { sha256, size, media_type: media_type.to_string(), name: name.map(str::to_string) })
    }

    async fn get(&self, sha256: &str) -> Result<Bytes, FilesError> {
        self.kept().content.get(sha256).cloned().ok_or_else(|| FilesError::NotFound(sha256.to_string()))
    }

    async fn publish(&self, file: &FileRef, path: &str) -> Result<String, FilesError> {
        let leaves = |part: &str| part.is_empty() || part == "." || part == "..";
        if path.starts_with('/') || path.split('/').any(leaves) {
            let reason = "it leaves the folder".to_string();
            return Err(FilesError::Path { path: path.to_string(), reason });
        }
        let mut kept = self.kept();
        match kept.paths.get(path) {
            Some(holds) if *holds != file.sha256 => {
                Err(FilesError::Taken { path: path.to_string(), holds: holds.clone() })
            }
            _ => {
                kept.paths.insert(path.to_string(), file.sha256.clone());
                Ok(path.to_string())
            }
        }
    }
}

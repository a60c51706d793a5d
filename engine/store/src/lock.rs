//! Who may use a data directory: one process at a time.
//!
//! `engross.lock` is an empty file that the holder keeps locked; the system lets go of it when the process ends, however it
//! ends. Who that is stands in `engross.holder.json` beside it, which is replaced as a whole, because some systems do not
//! let others read a locked file. What is kept in the directory is not this module's business.

use crate::disk::{create_private_dir, open_private_file};
use crate::limits::{HOLDER_BYTES_MAX, LOCK_PAUSE_MS, LOCK_TRIES_MAX};
use crate::{Error, Result};
use engross_core::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const LOCK_FILE: &str = "engross.lock";
const HOLDER_FILE: &str = "engross.holder.json";

/// Who holds a data directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The process; 0 where it is not known.
    pub pid: u32,
    /// What it is, as a person would type it: `engross serve`.
    pub program: String,
    /// Since when it holds the directory.
    pub started_at: Timestamp,
    /// Where its API listens: `http://127.0.0.1:7700`. None as long as it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<String>,
}

impl Holder {
    /// This process, as this program, from now on.
    pub fn this_process(program: impl Into<String>, now: Timestamp) -> Self {
        Self { pid: std::process::id(), program: program.into(), started_at: now, api: None }
    }

    fn unknown() -> Self {
        Self { pid: 0, program: String::new(), started_at: Timestamp::from_millis(0), api: None }
    }
}

impl fmt::Display for Holder {
    /// `process 1234 (engross serve), since 2026-03-01T08:00:00.000Z, API at http://127.0.0.1:7700`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pid == 0 {
            return f.write_str("another process that has not said who it is");
        }
        write!(f, "process {} ({}), since {}", self.pid, self.program, self.started_at)?;
        match &self.api {
            Some(url) => write!(f, ", API at {url}"),
            None => Ok(()),
        }
    }
}

/// A held data directory. Dropping it lets go.
#[derive(Debug)]
pub struct Lock {
    dir: PathBuf,
    // Held open for its lock alone.
    _file: File,
    holder: Mutex<Holder>,
}

impl Lock {
    /// Takes a directory for this process, and makes it where it is not there.
    ///
    /// # Errors
    /// [`Error::Held`] when another holds it; [`Error::Io`] when the directory cannot be made, written or locked.
    pub fn acquire(dir: &Path, holder: Holder) -> Result<Self> {
        let failed = |e: io::Error| Error::Io(format!("{} cannot be used as a data directory: {e}", dir.display()));
        create_private_dir(dir).map_err(failed)?;
        let file = open_private_file(&dir.join(LOCK_FILE)).map_err(failed)?;
        let mut tries = 1;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(e)) => return Err(failed(e)),
                Err(TryLockError::WouldBlock) if tries < LOCK_TRIES_MAX => {
                    tries += 1;
                    std::thread::sleep(Duration::from_millis(LOCK_PAUSE_MS));
                }
                Err(TryLockError::WouldBlock) => {
                    let holder = read_holder(dir).to_string();
                    return Err(Error::Held { directory: dir.display().to_string(), holder });
                }
            }
        }
        write_holder(dir, &holder).map_err(failed)?;
        Ok(Self { dir: dir.to_owned(), _file: file, holder: Mutex::new(holder) })
    }

    /// Tells those who find the directory held where the API of this process is.
    ///
    /// # Errors
    /// [`Error::Io`] when that cannot be written down.
    pub fn announce_api(&self, url: &str) -> Result<()> {
        let mut holder = self.holder.lock().unwrap_or_else(PoisonError::into_inner);
        let announced = Holder { api: Some(url.to_owned()), ..holder.clone() };
        write_holder(&self.dir, &announced)
            .map_err(|e| Error::Io(format!("{} cannot be written: {e}", self.dir.join(HOLDER_FILE).display())))?;
        *holder = announced;
        Ok(())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // What is left of it does no harm: nobody reads it while the directory is not held.
        fs::remove_file(self.dir.join(HOLDER_FILE)).ok();
    }
}

/// Who holds a data directory at this moment; none when nobody does, whatever an ended process left written there.
pub fn holder(dir: &Path) -> Option<Holder> {
    let file = File::open(dir.join(LOCK_FILE)).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Some(read_holder(dir)),
        Ok(()) | Err(TryLockError::Error(_)) => None,
    }
}

fn read_holder(dir: &Path) -> Holder {
    let mut text = Vec::new();
    let read = File::open(dir.join(HOLDER_FILE)).and_then(|file| file.take(HOLDER_BYTES_MAX).read_to_end(&mut text));
    match read {
        Ok(_) => serde_json::from_slice(&text).unwrap_or_else(|_| Holder::unknown()),
        Err(_) => Holder::unknown(),
    }
}

fn write_holder(dir: &Path, holder: &Holder) -> io::Result<()> {
    let new = dir.join(format!("{HOLDER_FILE}.new"));
    // Only the holder of the lock comes here, so that what stands there was left by a process that is gone.
    fs::remove_file(&new).or_else(|e| if e.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(e) })?;
    let mut file = crate::disk::create_private_file(&new)?;
    file.write_all(&serde_json::to_vec(holder)?)?;
    drop(file);
    fs::rename(&new, dir.join(HOLDER_FILE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn somebody() -> Holder {
        Holder { pid: 1234, program: "engross serve".into(), started_at: Timestamp::from_millis(0), api: None }
    }

    #[test]
    fn a_held_directory_names_its_holder() {
        let dir = tempfile::tempdir().unwrap();
        let lock = Lock::acquire(dir.path(), somebody()).unwrap();
        lock.announce_api("http://127.0.0.1:7700").unwrap();
        let expected =
            "process 1234 (engross serve), since 1970-01-01T00:00:00.000Z, API at http://127.0.0.1:7700".to_owned();
        match Lock::acquire(dir.path(), somebody()) {
            Err(Error::Held { holder, directory }) => {
                assert_eq!((holder, directory), (expected.clone(), dir.path().display().to_string()));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(holder(dir.path()).unwrap().to_string(), expected);
    }

    #[test]
    fn what_an_ended_process_left_written_holds_nothing() {
        let dir = tempfile::tempdir().unwrap();
        write_holder(dir.path(), &somebody()).unwrap();
        assert_eq!(holder(dir.path()), None);
        let lock = Lock::acquire(dir.path(), somebody()).unwrap();
        assert_eq!(holder(dir.path()), Some(somebody()));
        drop(lock);
        assert_eq!(holder(dir.path()), None);
        Lock::acquire(dir.path(), somebody()).unwrap();
    }

    #[test]
    fn a_holder_that_cannot_be_read_still_holds() {
        let dir = tempfile::tempdir().unwrap();
        let _lock = Lock::acquire(dir.path(), somebody()).unwrap();
        fs::write(dir.path().join(HOLDER_FILE), "{").unwrap();
        assert_eq!(holder(dir.path()), Some(Holder::unknown()));
        let refused = Lock::acquire(dir.path(), somebody()).unwrap_err().to_string();
        assert!(refused.ends_with("is held by another process that has not said who it is"), "{refused}");
    }
}

//! One sled database among those that a store has had. Sled never gives space back, so that a store moves into a fresh copy of
//! itself from time to time; each copy is a generation, in a directory with its number.
//!
//! Which one is the store stands in `engross.current`; without that file it is the first, in `sled`. Every other one is a
//! copy that was not finished or an old one that was not removed yet, and goes at the next opening. How a copy is made is
//! the business of `compact`; what rows mean is not known here.

use super::durable::Durable;
use super::guard::guarded;
use crate::disk::{create_private_dir, create_private_file, sync_dir};
use crate::limits::{CURRENT_BYTES_MAX, SETTLE_PAUSE_MS, SETTLE_TRIES_MAX, SLED_CACHE_BYTES};
use crate::{Error, Result};
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

const SLED_DIR: &str = "sled";
const CURRENT_FILE: &str = "engross.current";
const CURRENT_NEW: &str = "engross.current.new";

/// An open database.
#[derive(Debug)]
pub(super) struct Generation {
    pub(super) number: u64,
    pub(super) dir: PathBuf,
    pub(super) db: sled::Db,
    pub(super) durable: Durable,
}

/// Sled writes a snapshot of its index under another name first, and takes what an end of the process left half written
/// for a whole one at the next open (0.34.7 looks for a suffix that it does not use). The whole one before it is still there.
fn remove_half_snapshots(sled_dir: &Path) -> io::Result<()> {
    let mut any = false;
    for entry in fs::read_dir(sled_dir)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            fs::remove_file(&path)?;
            any = true;
        }
    }
    if any { sync_dir(sled_dir) } else { Ok(()) }
}

impl Generation {
    /// Opens the generation that is the store, and removes what is left of others.
    pub(super) fn open_current(dir: &Path) -> Result<Self> {
        let number = current(dir)?;
        let failed = |e: io::Error| Error::Io(format!("{} cannot be tidied up: {e}", dir.display()));
        remove_others(dir, number).map_err(failed)?;
        Self::open(dir, number)
    }

    /// Makes an empty generation. What stands in its place was left by a copy that was not finished.
    pub(super) fn create(dir: &Path, number: u64) -> Result<Self> {
        remove_dir(&dir.join(name(number)))
            .map_err(|e| Error::Io(format!("what is left of an earlier copy cannot be removed: {e}")))?;
        Self::open(dir, number)
    }

    fn open(dir: &Path, number: u64) -> Result<Self> {
        let sled_dir = dir.join(name(number));
        let failed = |e: io::Error| Error::Io(format!("{} cannot be opened: {e}", sled_dir.display()));
        create_private_dir(&sled_dir).map_err(failed)?;
        wait_until_free(&sled_dir).map_err(failed)?;
        remove_half_snapshots(&sled_dir).map_err(failed)?;
        let config = sled::Config::new().path(&sled_dir).cache_capacity(SLED_CACHE_BYTES).flush_every_ms(None);
        let db = guarded("opening it", || config.open().map_err(Error::from))?;
        let durable = Durable::open(&sled_dir).map_err(failed)?;
        Ok(Self { number, dir: sled_dir, db, durable })
    }

    /// Makes durable what has been written.
    pub(super) fn sync(&self) -> Result<()> {
        self.db.flush()?;
        self.durable.sync().map_err(|e| Error::Io(format!("the disk did not keep a write: {e}")))
    }

    /// What its files take.
    pub(super) fn disk_bytes(&self) -> io::Result<u64> {
        dir_bytes(&self.dir)
    }

    /// Closes it, and waits until nothing of it is left. Sled flushes once more when it goes, and may panic over that; all
    /// that counts is durable by then.
    pub(super) fn close(self) -> Result<()> {
        let Self { dir, db, durable, .. } = self;
        drop(durable);
        guarded("closing it", || {
            drop(db);
            Ok(())
        })?;
        wait_until_free(&dir).map_err(|e| Error::Io(e.to_string()))
    }
}

/// The number of the generation that is the store.
fn current(dir: &Path) -> Result<u64> {
    let path = dir.join(CURRENT_FILE);
    let mut text = String::new();
    match File::open(&path).and_then(|file| file.take(CURRENT_BYTES_MAX).read_to_string(&mut text)) {
        Ok(_) => {}
        Err(e) if e.kind() == ErrorKind::NotFound => return first(dir),
        Err(e) if e.kind() == ErrorKind::InvalidData => text.clear(),
        Err(e) => return Err(Error::Io(format!("{} cannot be read: {e}", path.display()))),
    }
    let number = text.strip_suffix('\n').and_then(number_of);
    let number = number.ok_or_else(|| Error::Damaged(format!("{} does not name a database", path.display())))?;
    // A fresh database in its place would look like a store that has nothing.
    if dir.join(name(number)).join("db").is_file() {
        Ok(number)
    } else {
        Err(Error::Damaged(format!("{} names {}, which is not there", path.display(), name(number))))
    }
}

/// The first generation, which needs no file to be named. It goes only when another one is.
fn first(dir: &Path) -> Result<u64> {
    let failed = |e: io::Error| Error::Io(format!("{} cannot be read: {e}", dir.display()));
    let has_others = generations(dir).map_err(failed)?.into_iter().any(|(number, _)| number != 0);
    if has_others && !dir.join(SLED_DIR).join("db").is_file() {
        let path = dir.join(CURRENT_FILE);
        return Err(Error::Damaged(format!("{}, which names the database, is missing", path.display())));
    }
    Ok(0)
}

/// Every generation in the directory, with its path.
fn generations(dir: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if let Some(number) = entry.file_name().to_str().and_then(number_of) {
            found.push((number, entry.path()));
        }
    }
    Ok(found)
}

/// Writes down, beside the true one, which generation is to be the store; nothing follows from that before [`switch`].
pub(super) fn prepare_switch(dir: &Path, number: u64) -> io::Result<()> {
    let path = dir.join(CURRENT_NEW);
    remove_file(&path)?;
    let mut file = create_private_file(&path)?;
    writeln!(file, "{}", name(number))?;
    file.sync_all()
}

/// Makes the prepared generation the store. When this fails, the old one still is; when it does not, the new one is, and
/// will be after a power cut as soon as the directory is synced.
pub(super) fn switch(dir: &Path) -> io::Result<()> {
    fs::rename(dir.join(CURRENT_NEW), dir.join(CURRENT_FILE))
}

/// Removes a generation that is not the store, and what was prepared for it.
pub(super) fn remove(dir: &Path, number: u64) -> io::Result<()> {
    let sled_dir = dir.join(name(number));
    // Threads of sled may still be at work there after it has failed.
    wait_until_free(&sled_dir)?;
    remove_dir(&sled_dir)?;
    sync_dir(dir)
}

/// Forgets a switch that was prepared.
pub(super) fn unprepare_switch(dir: &Path) -> io::Result<()> {
    remove_file(&dir.join(CURRENT_NEW))
}

fn remove_others(dir: &Path, keep: u64) -> io::Result<()> {
    unprepare_switch(dir)?;
    for (number, path) in generations(dir)? {
        if number != keep {
            remove_dir(&path)?;
        }
    }
    Ok(())
}

fn name(number: u64) -> String {
    if number == 0 { SLED_DIR.to_owned() } else { format!("{SLED_DIR}.{number}") }
}

/// Only what [`name`] gives: nothing else in the directory is ours to remove.
fn number_of(text: &str) -> Option<u64> {
    let number = match text.strip_prefix(SLED_DIR)? {
        "" => 0,
        rest => rest.strip_prefix('.')?.parse().ok()?,
    };
    (name(number) == text).then_some(number)
}

fn remove_dir(dir: &Path) -> io::Result<()> {
    fs::remove_dir_all(dir).or_else(unless_absent)
}

fn remove_file(path: &Path) -> io::Result<()> {
    fs::remove_file(path).or_else(unless_absent)
}

fn unless_absent(error: io::Error) -> io::Result<()> {
    if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

fn dir_bytes(dir: &Path) -> io::Result<u64> {
    let mut bytes = 0_u64;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let size = match entry.metadata() {
            Ok(meta) if meta.is_dir() => dir_bytes(&entry.path())?,
            Ok(meta) => meta.len(),
            // Sled replaces its snapshots while it works.
            Err(e) if e.kind() == ErrorKind::NotFound => 0,
            Err(e) => return Err(e),
        };
        bytes = bytes.saturating_add(size);
    }
    Ok(bytes)
}

/// Waits until no thread of an earlier database of this process holds sled's file. Other processes never do, because sled's
/// directory is only entered under our own lock.
fn wait_until_free(sled_dir: &Path) -> io::Result<()> {
    let file = match File::open(sled_dir.join("db")) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(e),
    };
    for _ in 0..SETTLE_TRIES_MAX {
        match file.try_lock() {
            Ok(()) => return file.unlock(),
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(SETTLE_PAUSE_MS)),
            Err(TryLockError::Error(e)) => return Err(e),
        }
    }
    Err(io::Error::other("the database was opened in this process before and is not closed; start the process again"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(dir: &Path) -> String {
        current(dir).unwrap_err().to_string()
    }

    #[test]
    fn only_our_own_names_are_generations() {
        for (text, expected) in [("sled", Some(0)), ("sled.1", Some(1)), ("sled.18446744073709551615", Some(u64::MAX))]
        {
            assert_eq!(number_of(text), expected, "{text}");
        }
        for text in
            ["", "sled.", "sled.0", "sled.01", "sled.+1", "sled.1.bak", "sled1", "sled.18446744073709551616", "Sled"]
        {
            assert_eq!(number_of(text), None, "{text}");
        }
    }

    #[test]
    fn a_store_is_never_taken_for_an_empty_one() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(current(dir.path()).unwrap(), 0);
        prepare_switch(dir.path(), 3).unwrap();
        assert_eq!(current(dir.path()).unwrap(), 0);
        switch(dir.path()).unwrap();
        assert!(told(dir.path()).contains("engross.current names sled.3, which is not there"), "{}", told(dir.path()));
        Generation::create(dir.path(), 3).unwrap().close().unwrap();
        assert_eq!(current(dir.path()).unwrap(), 3);
        for text in [&b""[..], b"sled.3", b"sled.3\nx", b"../sled.3\n", b"\xFF\n", &[b'1'; 5_000]] {
            fs::write(dir.path().join(CURRENT_FILE), text).unwrap();
            assert!(told(dir.path()).contains("does not name a database"), "{}", told(dir.path()));
        }
    }

    #[test]
    fn a_store_that_lost_its_name_is_not_removed() {
        let dir = tempfile::tempdir().unwrap();
        Generation::create(dir.path(), 3).unwrap().close().unwrap();
        let told = Generation::open_current(dir.path()).unwrap_err().to_string();
        assert!(told.contains("engross.current, which names the database, is missing"), "{told}");
        assert!(dir.path().join("sled.3/db").is_file());
    }

    #[test]
    fn a_snapshot_that_was_not_finished_goes_before_it_is_taken_for_one() {
        let dir = tempfile::tempdir().unwrap();
        let fresh = Generation::open_current(dir.path()).unwrap();
        for n in 0..1_000_u32 {
            fresh.db.insert(n.to_be_bytes(), vec![1; 100]).unwrap();
        }
        fresh.sync().unwrap();
        fresh.close().unwrap();
        // The name says that it reaches further than every whole one.
        let half = dir.path().join("sled/snap.FFFFFFFF00000000.generating");
        fs::write(&half, [0; 4]).unwrap();
        let again = Generation::open_current(dir.path()).unwrap();
        assert!(!half.exists());
        assert_eq!(again.db.iter().map(|row| row.unwrap().1.len()).collect::<Vec<_>>(), [100; 1_000]);
        again.close().unwrap();
    }

    #[test]
    fn an_opening_removes_other_generations_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["sled", "sled.1", "sled.2", "sled.9", "sled.bak", "files"] {
            fs::create_dir_all(dir.path().join(name).join("x")).unwrap();
        }
        Generation::create(dir.path(), 2).unwrap().close().unwrap();
        prepare_switch(dir.path(), 2).unwrap();
        switch(dir.path()).unwrap();
        prepare_switch(dir.path(), 9).unwrap();
        Generation::open_current(dir.path()).unwrap().close().unwrap();
        let mut left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["engross.current", "files", "sled.2", "sled.bak"]);
    }
}

//! Our own way to make durable what sled has written: on Linux, its `flush()` only hands the pages to the system.
//!
//! A sync that failed is never tried again, because the second one may claim success for what the first has lost. Who holds
//! this decides that; here each call is one try.

use crate::disk::sync_dir;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// How a file is synced; tests have one that fails.
pub(super) type SyncFile = Box<dyn Fn(&File) -> io::Result<()> + Send + Sync>;

/// Sled's file, held open to be synced.
pub(super) struct Durable {
    file: File,
    blobs: PathBuf,
    sync_file: SyncFile,
}

impl Durable {
    /// Sled syncs neither its settings nor its directories, so that is done here once.
    pub(super) fn open(sled_dir: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(sled_dir.join("db"))?;
        OpenOptions::new().read(true).write(true).open(sled_dir.join("conf"))?.sync_all()?;
        file.sync_all()?;
        let blobs = sled_dir.join("blobs");
        sync_dir(&blobs)?;
        sync_dir(sled_dir)?;
        if let Some(dir) = sled_dir.parent() {
            sync_dir(dir)?;
        }
        Ok(Self { file, blobs, sync_file: Box::new(File::sync_data) })
    }

    /// Makes durable what was flushed.
    pub(super) fn sync(&self) -> io::Result<()> {
        // Rows are kept so small that sled makes no such files. Were there one all the same, it would be lost in a power
        // cut, because sled never syncs them.
        let mut any = false;
        for blob in fs::read_dir(&self.blobs)? {
            match File::open(blob?.path()) {
                Ok(file) => file.sync_all()?,
                Err(e) if e.kind() == ErrorKind::NotFound => {}
                Err(e) => return Err(e),
            }
            any = true;
        }
        if any {
            sync_dir(&self.blobs)?;
        }
        (self.sync_file)(&self.file)
    }

    /// Replaces the way the file is synced.
    #[cfg(test)]
    pub(super) fn sync_with(&mut self, sync_file: SyncFile) {
        self.sync_file = sync_file;
    }
}

impl fmt::Debug for Durable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Durable").field("file", &self.file).finish_non_exhaustive()
    }
}

//! Archived runs on a local disk, written so that they survive a power cut: a new file of our own, fsync, rename into place,
//! fsync of the directory.

use crate::disk::{create_private_dir, create_private_file, sync_dir};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Shared with the files: what is left here by a process that is gone is removed when they are opened.
const TEMP: &str = "tmp";

/// A directory with archived runs.
#[derive(Debug)]
pub(super) struct LocalDir {
    root: PathBuf,
}

impl LocalDir {
    /// Opens a directory, and makes it where it is not there.
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        create_private_dir(dir)?;
        let root = fs::canonicalize(dir)?;
        create_private_dir(&root.join(TEMP))?;
        Ok(Self { root })
    }

    /// The directory, without links.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Writes content under folders and a name, in place of what is there.
    pub(super) fn write(&self, parts: &[String], content: &[u8]) -> io::Result<()> {
        let place = self.root.join(parts.iter().collect::<PathBuf>());
        let dir = place.parent().unwrap_or(&self.root);
        create_private_dir(dir)?;
        let temp = self.root.join(TEMP).join(format!("{}-archive-{}", std::process::id(), uuid::Uuid::now_v7()));
        let mut file = create_private_file(&temp)?;
        let written = file.write_all(content).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&temp, &place));
        written.inspect_err(|_| {
            // A temporary file that stays costs space until it is stale, and nothing else.
            fs::remove_file(&temp).ok();
        })?;
        sync_dir(dir)
    }
}

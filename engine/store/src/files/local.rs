//! Files on a local disk, written so that they survive a power cut: a new file of our own, fsync, rename or link into place,
//! fsync of the directory. Reading is in `objects`.
//!
//! A symbolic link on the way is refused, wherever it leads. The check and the use are two moments: it protects against what
//! others left there, not against somebody who may write to the directory while we do; it is closed to others when it is ours.

use super::path::{PublishPath, refused};
use crate::disk::{create_private_dir, create_private_file, sync_dir};
use crate::limits::STALE_TEMP_MS;
use engross_step_api::FilesError;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const TEMP: &str = "tmp";
const CONTENT: &str = "sha256";
const PUBLISHED: &str = "published";

/// A directory with files of ours.
#[derive(Debug)]
pub(super) struct LocalDir {
    root: PathBuf,
    temps: AtomicU64,
}

impl LocalDir {
    /// Opens a directory, and makes it where it is not there.
    pub(super) fn open(dir: &Path) -> Result<Self, FilesError> {
        let failed = |e: io::Error| {
            FilesError::Unavailable(format!("{} cannot be used as a directory for files: {e}", dir.display()))
        };
        create_private_dir(dir).map_err(failed)?;
        let root = fs::canonicalize(dir).map_err(failed)?;
        for name in [TEMP, CONTENT, PUBLISHED] {
            ensure_dir(&root.join(name)).map_err(failed)?;
        }
        sync_dir(&root).map_err(failed)?;
        remove_stale(&root.join(TEMP)).map_err(failed)?;
        Ok(Self { root, temps: AtomicU64::new(0) })
    }

    /// The directory, without links.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Keeps content under its digest. What is there already stays, unless it is damaged.
    pub(super) fn keep(&self, sha256: &str, content: &[u8]) -> Result<(), FilesError> {
        let (folder, name) = sha256.split_at_checked(2).unwrap_or((sha256, ""));
        let dir = self.root.join(CONTENT).join(folder);
        let place = dir.join(name);
        let keep = || {
            if ensure_dir(&dir)? {
                sync_dir(&self.root.join(CONTENT))?;
            }
            let intact = match fs::symlink_metadata(&place) {
                Ok(found) if found.is_file() && found.len() == content.len() as u64 => digest_of(&place)? == sha256,
                Ok(found) if found.is_dir() => return Err(io::Error::other("a directory is in its place")),
                Ok(_) => false,
                Err(e) if e.kind() == ErrorKind::NotFound => false,
                Err(e) => return Err(e),
            };
            if intact {
                // Whoever wrote it may have died before the next line.
                File::open(&place)?.sync_all()?;
            } else {
                let temp = self.write_temp(content)?;
                fs::rename(&temp, &place).inspect_err(|_| drop_temp(&temp))?;
            }
            sync_dir(&dir)
        };
        keep().map_err(|e| FilesError::Unavailable(format!("{} cannot be written: {e}", place.display())))
    }

    /// Puts a copy where people look for it, and says where that is.
    pub(super) fn publish(&self, sha256: &str, content: &[u8], path: &PublishPath) -> Result<String, FilesError> {
        let failed = |e: io::Error| FilesError::Unavailable(format!("{} cannot be published: {e}", path.as_str()));
        let mut components: Vec<&str> = path.components().collect();
        let name = components.pop().unwrap_or_default();
        let mut dir = self.root.join(PUBLISHED);
        ensure_dir(&dir).map_err(failed)?;
        for component in components {
            let above = dir.clone();
            dir.push(component);
            match ensure_dir(&dir) {
                Ok(true) => sync_dir(&above).map_err(failed)?,
                Ok(false) => {}
                Err(e) if e.kind() == ErrorKind::NotADirectory => {
                    return Err(refused(path.as_str(), format!("`{component}` is there and is not a folder")));
                }
                Err(e) => return Err(failed(e)),
            }
        }
        let place = dir.join(name);
        if !self.is_published(sha256, &place, path)? {
            let temp = self.write_temp(content).map_err(failed)?;
            // A link and not a rename, because it never replaces what somebody else has put there in the meantime.
            let linked = fs::hard_link(&temp, &place);
            drop_temp(&temp);
            match linked {
                Ok(()) => {}
                Err(e) if e.kind() == ErrorKind::AlreadyExists => {
                    self.is_published(sha256, &place, path)?;
                }
                Err(e) => return Err(failed(e)),
            }
        }
        sync_dir(&dir).map_err(failed)?;
        Ok(place.display().to_string())
    }

    /// Whether this very content is in its place. Anything else that is there is an error.
    fn is_published(&self, sha256: &str, place: &Path, path: &PublishPath) -> Result<bool, FilesError> {
        let failed = |e: io::Error| FilesError::Unavailable(format!("{} cannot be read: {e}", place.display()));
        match fs::symlink_metadata(place) {
            Ok(found) if found.is_file() => {
                let holds = digest_of(place).map_err(failed)?;
                if holds != sha256 {
                    return Err(FilesError::Taken { path: path.as_str().to_owned(), holds });
                }
                File::open(place).and_then(|file| file.sync_all()).map_err(failed)?;
                Ok(true)
            }
            Ok(found) if found.is_dir() => Err(refused(path.as_str(), "a folder is there")),
            Ok(_) => Err(refused(path.as_str(), "a link or a device is there")),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
            Err(e) => Err(failed(e)),
        }
    }

    fn write_temp(&self, content: &[u8]) -> io::Result<PathBuf> {
        let number = self.temps.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{number}-{}", std::process::id(), uuid::Uuid::now_v7());
        let temp = self.root.join(TEMP).join(name);
        let mut file = create_private_file(&temp)?;
        let written = file.write_all(content).and_then(|()| file.sync_all());
        written.inspect_err(|_| drop_temp(&temp))?;
        Ok(temp)
    }
}

/// Makes a directory; true when it was not there. Anything else in its place, a link to a directory included, is an error.
fn ensure_dir(dir: &Path) -> io::Result<bool> {
    let is_new = match fs::symlink_metadata(dir) {
        Err(e) if e.kind() == ErrorKind::NotFound => {
            let mut builder = fs::DirBuilder::new();
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            match builder.create(dir) {
                Ok(()) => true,
                Err(e) if e.kind() == ErrorKind::AlreadyExists => false,
                Err(e) => return Err(e),
            }
        }
        Ok(_) => false,
        Err(e) => return Err(e),
    };
    if fs::symlink_metadata(dir)?.is_dir() { Ok(is_new) } else { Err(ErrorKind::NotADirectory.into()) }
}

/// What a process that is gone left half-written. The content was never promised to anybody.
fn remove_stale(temps: &Path) -> io::Result<()> {
    let stale = Duration::from_millis(STALE_TEMP_MS);
    for entry in fs::read_dir(temps)? {
        let entry = entry?;
        let age = entry.metadata().and_then(|data| data.modified()).ok().and_then(|at| at.elapsed().ok());
        if age.is_some_and(|age| age > stale) {
            drop_temp(&entry.path());
        }
    }
    Ok(())
}

/// A temporary file that stays costs space until it is stale, and nothing else.
fn drop_temp(temp: &Path) {
    fs::remove_file(temp).ok();
}

fn digest_of(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex::encode(digest.finalize())),
            n => digest.update(buffer.get(..n).unwrap_or_default()),
        }
    }
}

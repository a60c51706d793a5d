//! Files by their content: PDFs and whatever else steps bring and take. A file's name here is its SHA-256, so that the same
//! content is kept once and nothing that a provider calls it ever becomes a path.
//!
//! `objects` keeps them through `object_store`, as in a bucket. On a local disk `local` does the writing, because durable
//! there means fsync, rename and fsync of the directory. `path` says which paths a workflow may publish under. The store
//! knows nothing of files but the digests in its journals.

mod local;
mod objects;
mod path;
#[cfg(test)]
mod tests;

use crate::limits::FILE_BYTES_MAX;
use async_trait::async_trait;
use bytes::Bytes;
use engross_step_api::{FileRef, Files, FilesError};
use local::LocalDir;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use objects::read;
use path::PublishPath;
use sha2::{Digest, Sha256};
use std::path::Path;
use std::sync::Arc;

/// Files in a directory or in an object store, under their digests.
///
/// Content is under `sha256/ab/cdef…`, published files under `published/…`. A published file is a copy of its own, so that
/// a person who edits it does not change the content that journals speak of.
#[derive(Clone, Debug)]
pub struct FileStore {
    objects: Arc<dyn ObjectStore>,
    /// Where the disk is ours: who writes to it, in place of the object store.
    local: Option<Arc<LocalDir>>,
}

impl FileStore {
    /// Files in a directory of this machine, which is made where it is not there.
    ///
    /// # Errors
    /// The directory cannot be made or entered.
    pub fn local(dir: &Path) -> Result<Self, FilesError> {
        let local = LocalDir::open(dir)?;
        let objects = LocalFileSystem::new_with_prefix(local.root()).map_err(|e| objects::refused(&e))?;
        Ok(Self { objects: Arc::new(objects), local: Some(Arc::new(local)) })
    }

    /// Files in an object store that is durable when it answers, such as S3.
    pub fn remote(objects: Arc<dyn ObjectStore>) -> Self {
        Self { objects, local: None }
    }
}

#[async_trait]
impl Files for FileStore {
    async fn put(&self, content: Bytes, media_type: &str, name: Option<&str>) -> Result<FileRef, FilesError> {
        let size = content.len() as u64;
        if size > FILE_BYTES_MAX {
            return Err(FilesError::TooLarge { bytes: size, max: FILE_BYTES_MAX });
        }
        let hashed = content.clone();
        let sha256 = blocking(move || Ok(hex_digest(&hashed))).await?;
        match &self.local {
            Some(local) => {
                let (local, sha256) = (Arc::clone(local), sha256.clone());
                blocking(move || local.keep(&sha256, &content)).await?;
            }
            None => objects::keep(&*self.objects, &object_path(&sha256), content).await?,
        }
        Ok(FileRef { sha256, size, media_type: media_type.to_owned(), name: name.map(str::to_owned) })
    }

    async fn get(&self, sha256: &str) -> Result<Bytes, FilesError> {
        if !is_digest(sha256) {
            return Err(FilesError::NotFound(sha256.to_owned()));
        }
        let content = read(&*self.objects, &object_path(sha256), sha256).await?;
        let (hashed, expected) = (content.clone(), sha256.to_owned());
        blocking(move || {
            let found = hex_digest(&hashed);
            if found == expected {
                return Ok(());
            }
            Err(FilesError::Damaged { sha256: expected, detail: format!("its content has the digest {found}") })
        })
        .await?;
        Ok(content)
    }

    async fn publish(&self, file: &FileRef, path: &str) -> Result<String, FilesError> {
        let path = PublishPath::parse(path)?;
        let content = self.get(&file.sha256).await?;
        match &self.local {
            Some(local) => {
                let (local, sha256) = (Arc::clone(local), file.sha256.clone());
                blocking(move || local.publish(&sha256, &content, &path)).await
            }
            None => objects::publish(&*self.objects, &file.sha256, content, &path).await,
        }
    }

    async fn has(&self, sha256: &str) -> Result<bool, FilesError> {
        if !is_digest(sha256) {
            return Ok(false);
        }
        objects::is_there(&*self.objects, &object_path(sha256)).await
    }
}

/// Disk and hashing are off the threads that run the engine.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, FilesError> + Send + 'static,
) -> Result<T, FilesError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(e) => Err(FilesError::Unavailable(format!("the work on a file did not finish: {e}"))),
    }
}

fn hex_digest(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// `sha256/ab/cdef…`, from a digest that has been checked or made here.
fn object_path(sha256: &str) -> ObjectPath {
    let (folder, name) = sha256.split_at_checked(2).unwrap_or((sha256, ""));
    ObjectPath::from_iter(["sha256", folder, name])
}

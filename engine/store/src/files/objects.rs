//! Files through `object_store`: how every kind is read, and how those are written whose store is durable by itself.

use super::path::{PublishPath, refused as path_refused};
use super::{hex_digest, is_digest};
use crate::limits::FILE_BYTES_MAX;
use bytes::Bytes;
use engross_step_api::FilesError;
use object_store::path::Path as ObjectPath;
use object_store::{Error, GetResult, ObjectStore, ObjectStoreExt, PutMode, PutOptions};

/// Content as it is, not yet checked against its digest.
pub(super) async fn read(objects: &dyn ObjectStore, at: &ObjectPath, sha256: &str) -> Result<Bytes, FilesError> {
    let found = match objects.get(at).await {
        Ok(found) => found,
        Err(Error::NotFound { .. }) => return Err(FilesError::NotFound(sha256.to_owned())),
        Err(e) => return Err(refused(&e)),
    };
    if found.meta.size > FILE_BYTES_MAX {
        let detail = format!("it has {} bytes, more than the {FILE_BYTES_MAX} of any file", found.meta.size);
        return Err(FilesError::Damaged { sha256: sha256.to_owned(), detail });
    }
    bytes_of(found).await
}

/// Whether something is kept there.
pub(super) async fn is_there(objects: &dyn ObjectStore, at: &ObjectPath) -> Result<bool, FilesError> {
    match objects.head(at).await {
        Ok(_) => Ok(true),
        Err(Error::NotFound { .. }) => Ok(false),
        Err(e) => Err(refused(&e)),
    }
}

/// Keeps content under its digest. What is there already stays.
pub(super) async fn keep(objects: &dyn ObjectStore, at: &ObjectPath, content: Bytes) -> Result<(), FilesError> {
    match objects.put_opts(at, content.into(), PutOptions::from(PutMode::Create)).await {
        Ok(_) | Err(Error::AlreadyExists { .. }) => Ok(()),
        Err(e) => Err(refused(&e)),
    }
}

/// Puts a copy where people look for it.
pub(super) async fn publish(
    objects: &dyn ObjectStore,
    sha256: &str,
    content: Bytes,
    path: &PublishPath,
) -> Result<String, FilesError> {
    debug_assert!(is_digest(sha256));
    let at = ObjectPath::from_iter(std::iter::once("published").chain(path.components()));
    match objects.put_opts(&at, content.into(), PutOptions::from(PutMode::Create)).await {
        Ok(_) => return Ok(at.to_string()),
        Err(Error::AlreadyExists { .. }) => {}
        Err(e) => return Err(refused(&e)),
    }
    let found = objects.get(&at).await.map_err(|e| refused(&e))?;
    if found.meta.size > FILE_BYTES_MAX {
        return Err(path_refused(path.as_str(), "something larger than any of our files is there"));
    }
    let holds = hex_digest(&bytes_of(found).await?);
    if holds == sha256 { Ok(at.to_string()) } else { Err(FilesError::Taken { path: path.as_str().to_owned(), holds }) }
}

async fn bytes_of(found: GetResult) -> Result<Bytes, FilesError> {
    found.bytes().await.map_err(|e| refused(&e))
}

/// An answer of the object store for which there are no better words than its own.
pub(super) fn refused(error: &Error) -> FilesError {
    FilesError::Unavailable(error.to_string())
}

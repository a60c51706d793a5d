//! Files as steps see them: content under its own digest. Implementations are in the store.

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// A file, by what is in it. This is what stands in step outputs and the journal; the bytes are elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRef {
    /// SHA-256 of the content, in hex.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
    /// `application/pdf`.
    pub media_type: String,
    /// What it was called where it came from; never used as a path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Where files are kept. Durable when it answers.
#[async_trait]
pub trait Files: Send + Sync {
    /// Keeps content; the same content twice is kept once.
    ///
    /// # Errors
    /// The disk or the object store refused.
    async fn put(&self, content: Bytes, media_type: &str, name: Option<&str>) -> Result<FileRef, FilesError>;

    /// The content, checked against its digest.
    ///
    /// # Errors
    /// It is not there, or it is not what it was.
    async fn get(&self, sha256: &str) -> Result<Bytes, FilesError>;

    /// Makes a kept file visible under a path of its own, and tells where that is for people (a path or URL). The same file
    /// under the same path twice is once; another file under a taken path is refused.
    ///
    /// # Errors
    /// A path that leaves the store or is taken, or a file that is not there.
    async fn publish(&self, file: &FileRef, path: &str) -> Result<String, FilesError>;

    /// Whether this content is there. A store that can tell without reading it all says so in its own way, and does not look
    /// into it then.
    ///
    /// # Errors
    /// The disk or the object store refused, or what is there is seen to be something else.
    async fn has(&self, sha256: &str) -> Result<bool, FilesError> {
        match self.get(sha256).await {
            Ok(_) => Ok(true),
            Err(FilesError::NotFound(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Why files refused.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// No such file.
    #[error("there is no file {0}")]
    NotFound(String),
    /// The content is not what it was.
    #[error("file {sha256} is damaged: {detail}")]
    Damaged {
        /// The digest it should have.
        sha256: String,
        /// What is wrong.
        detail: String,
    },
    /// A path that is not allowed.
    #[error("`{path}` is not allowed as a path: {reason}")]
    Path {
        /// The path.
        path: String,
        /// Why.
        reason: String,
    },
    /// The path has another file.
    #[error("`{path}` holds another file already (sha256 {holds})")]
    Taken {
        /// The path.
        path: String,
        /// The digest of what it holds.
        holds: String,
    },
    /// More bytes than are kept.
    #[error("the file has {bytes} bytes, more than the {max} that are kept")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The bound.
        max: u64,
    },
    /// The disk or the object store refused; it may work later.
    #[error("the file store refused: {0}")]
    Unavailable(String),
}

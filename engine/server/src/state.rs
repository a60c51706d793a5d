//! The server as one thing: its options, what its routes share, and its start.

use crate::{accept, routes};
use engross_runtime::Engine;
use engross_source::SourceFile;
use secrecy::SecretString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What a server is made of.
pub struct Options {
    /// Where it listens.
    pub listen: SocketAddr,
    /// What API requests must carry as `Authorization: Bearer …`. Needed when `listen` is not loopback.
    pub token: Option<SecretString>,
    /// The workflows that can be started by name.
    pub library: Library,
}

/// A folder of workflow files, one `NAME.yaml` a workflow.
#[derive(Clone, Debug)]
pub struct Library {
    /// The folder.
    pub folder: PathBuf,
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An open door without a lock.
    #[error("{0} can be reached from other machines, and no token is set")]
    NoToken(SocketAddr),
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

/// A running server.
pub struct Server {
    address: SocketAddr,
    task: JoinHandle<()>,
}

/// What routes share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub engine: Engine,
    pub token: Option<Arc<SecretString>>,
    pub library: Library,
    pub loopback: bool,
}

impl Server {
    /// Binds the address before anything else happens, so that a taken one is known at once.
    ///
    /// # Errors
    /// The address is taken, or would be open to others without a token.
    pub async fn bind(options: &Options) -> Result<TcpListener, StartError> {
        if !options.listen.ip().is_loopback() && options.token.is_none() {
            return Err(StartError::NoToken(options.listen));
        }
        TcpListener::bind(options.listen).await.map_err(|source| StartError::Listen { address: options.listen, source })
    }

    /// Serves an engine on a bound address.
    ///
    /// # Errors
    /// The listener has no address any more.
    pub fn start(listener: TcpListener, options: Options, engine: Engine) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        let shared = Shared {
            engine,
            token: options.token.map(Arc::new),
            library: options.library,
            loopback: address.ip().is_loopback(),
        };
        let task = tokio::spawn(accept::serve(listener, routes::router(shared)));
        Ok(Self { address, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its base URL for clients on this machine.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Takes no more connections. Requests on connections that are open already are still answered, until their clients or the
    /// process end.
    pub fn stop(self) {
        self.task.abort();
    }
}

impl Library {
    /// The file of a workflow. Names are names, never paths.
    pub(crate) async fn find(&self, name: &str) -> Option<SourceFile> {
        let plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') && !name.is_empty();
        if !plain {
            return None;
        }
        let path = self.folder.join(format!("{name}.yaml"));
        let shown = path.display().to_string();
        let bytes = tokio::task::spawn_blocking(move || std::fs::read(path)).await.ok()?.ok()?;
        SourceFile::from_bytes(shown, &bytes).ok()
    }
}

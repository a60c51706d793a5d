//! The server as one thing: its options, what its routes share, and its start.

use crate::limits::TOKEN_CHARS_MIN;
use crate::{accept, routes};
use engross_runtime::Engine;
use engross_source::SourceFile;
use secrecy::{ExposeSecret, SecretString};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What a server is made of.
pub struct Options {
    /// Where it listens.
    pub listen: SocketAddr,
    /// What API requests must carry as `Authorization: Bearer …`. Needed when `listen` is not loopback, and then at least
    /// [`TOKEN_CHARS_MIN`] characters long.
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

const HOW_TO_SET: &str = "\n  hint: set ENGROSS_TOKEN or `server.token` in engross.yaml to something long and random, as \
                          `openssl rand -hex 32` makes it; or listen on 127.0.0.1";

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An open door without a lock.
    #[error("{0} can be reached from other machines, and no token is set{HOW_TO_SET}")]
    NoToken(SocketAddr),
    /// A lock that opens by trying.
    #[error(
        "{0} can be reached from other machines, and the token is shorter than {TOKEN_CHARS_MIN} characters{HOW_TO_SET}"
    )]
    WeakToken(SocketAddr),
    /// The address is taken or not ours.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why; whoever prints the error prints its causes as well.
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
    /// The address is taken, or would be open to others without a token or with one that can be guessed.
    pub async fn bind(options: &Options) -> Result<TcpListener, StartError> {
        if !options.listen.ip().is_loopback() {
            let token = options.token.as_ref().ok_or(StartError::NoToken(options.listen))?;
            if token.expose_secret().trim().chars().count() < TOKEN_CHARS_MIN {
                return Err(StartError::WeakToken(options.listen));
            }
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

#[cfg(test)]
mod tests {
    use super::{Library, Options, Server, StartError};
    use std::error::Error;

    async fn bind(listen: &str, token: Option<&str>) -> Result<String, StartError> {
        let token = token.map(|token| token.to_string().into());
        let options = Options { listen: listen.parse().unwrap(), token, library: Library { folder: "none".into() } };
        Server::bind(&options).await.map(|listener| listener.local_addr().unwrap().to_string())
    }

    #[tokio::test]
    async fn an_address_that_others_reach_needs_a_token_that_cannot_be_guessed() {
        for (listen, token, expected) in [
            ("127.0.0.1:0", None, ""),
            ("127.0.0.1:0", Some("open-sesame"), ""),
            ("0.0.0.0:0", Some("0123456789abcdef"), ""),
            ("0.0.0.0:0", None, "no token is set"),
            ("0.0.0.0:0", Some(""), "shorter than 16 characters"),
            ("0.0.0.0:0", Some("0123456789abcde"), "shorter than 16 characters"),
            ("0.0.0.0:0", Some("      x         "), "shorter than 16 characters"),
            ("[::]:0", Some("open-sesame"), "shorter than 16 characters"),
        ] {
            let said = bind(listen, token).await.err().map(|error| error.to_string()).unwrap_or_default();
            assert!(said.contains(expected) && said.is_empty() == expected.is_empty(), "{listen} {token:?}: {said}");
            if !expected.is_empty() {
                assert!(said.contains("hint: set ENGROSS_TOKEN or `server.token`"), "{said}");
            }
        }
    }

    #[tokio::test]
    async fn a_taken_address_is_told_once_with_its_cause_behind_it() {
        let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let error = bind(&address, None).await.unwrap_err();
        assert_eq!(error.to_string(), format!("cannot listen on {address}"));
        assert!(error.source().is_some());
    }
}

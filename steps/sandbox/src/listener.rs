//! A TCP listener whose connections can be severed from inside a handler.
//!
//! A lost answer is the failure that matters most to a client: the effect happened and nobody says so. HTTP libraries have
//! no way to answer nothing, so the connection itself refuses to write once its [`Line`] is cut, and hyper closes it. This
//! module only moves bytes; who cuts a line, and when, is decided in `gate`.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use crate::limits::ACCEPT_PAUSE;

/// The server's end of one connection, as handlers see it.
#[derive(Clone)]
pub(crate) struct Line {
    severed: Arc<AtomicBool>,
    /// The address at the other end.
    pub(crate) peer: IpAddr,
}

impl Line {
    /// From now on nothing more is written to this connection.
    pub(crate) fn cut(&self) {
        self.severed.store(true, Ordering::Release);
    }
}

impl Connected<IncomingStream<'_, Severable>> for Line {
    fn connect_info(stream: IncomingStream<'_, Severable>) -> Self {
        stream.io().line.clone()
    }
}

/// The listener.
pub(crate) struct Severable(pub(crate) TcpListener);

impl Listener for Severable {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        loop {
            match self.0.accept().await {
                Ok((stream, peer)) => {
                    // Answers are small and written at once; waiting to fill a packet would only slow a test down.
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%error, "could not switch Nagle's algorithm off");
                    }
                    let line = Line { severed: Arc::default(), peer: peer.ip() };
                    return (Connection { stream, line }, peer);
                }
                Err(error) => {
                    tracing::warn!(%error, "could not accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// One connection.
pub(crate) struct Connection {
    stream: TcpStream,
    line: Line,
}

impl Connection {
    fn severed(&self) -> Option<io::Error> {
        self.line.severed.load(Ordering::Acquire).then(|| io::Error::from(io::ErrorKind::ConnectionAborted))
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.severed() {
            Some(error) => Poll::Ready(Err(error)),
            None => Pin::new(&mut self.stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

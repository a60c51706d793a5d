//! `engross serve`: the engine and its API until stopped.

use crate::config::{Config, DEFAULT_LISTEN};
use crate::exit::{self, Exit};
use crate::{host, ui};
use anyhow::{Context, Result, bail};
use clap::Args;
use std::net::SocketAddr;
use tokio::signal::unix::{SignalKind, signal};

/// Run the engine and its API until stopped.
///
/// Goes on with every run that was not over. Listens on loopback unless told otherwise, and asks for a bearer token
/// (`server.token` in engross.yaml, or ENGROSS_TOKEN) whenever it does not.
#[derive(Debug, Args)]
pub struct Serve {
    /// Where the API listens [default: 127.0.0.1:7878]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
}

/// Carries it out.
///
/// # Errors
/// The engine cannot start, or its store fails.
pub async fn run(args: Serve, config: &Config) -> Result<Exit> {
    let listen = args.listen.or(config.listen).unwrap_or(DEFAULT_LISTEN);
    let mut terminated = signal(SignalKind::terminate()).context("cannot listen for signals")?;
    let host = host::start(config, listen, "engross serve").await?;
    ui::note(&format!("engine on {}, data in {}", host.server.url(), config.data.display()));
    for connection in host.engine.connections().values() {
        if let Some(url) = host.hook_url(connection) {
            ui::note(&format!("webhooks of {}: {url}", connection.name));
        }
    }
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated.recv() => {}
        reason = host.failed() => bail!("the store has failed, and nothing more can be kept: {reason}"),
    }
    ui::note("stopping; what is on its way is taken up by the next start");
    host.stop();
    Ok(exit::OK)
}

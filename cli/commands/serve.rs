//! `engross serve`: the engine and its API until stopped.

use crate::args::SandboxArg;
use crate::config::{Config, DEFAULT_LISTEN};
use crate::exit::{self, Exit};
use crate::{host, ui};
use anyhow::{Result, bail};
use clap::Args;
use std::net::SocketAddr;

/// Run the engine and its API until stopped.
///
/// Goes on with every run that was not over. Listens on loopback unless told otherwise, and asks for a bearer token
/// (`server.token` in engross.yaml, or ENGROSS_TOKEN) whenever it does not.
#[derive(Debug, Args)]
pub struct Serve {
    /// Where the API listens [default: 127.0.0.1:7878]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,

    #[command(flatten)]
    pub sandbox: SandboxArg,
}

/// Carries it out.
///
/// # Errors
/// The engine cannot start, or its store fails.
pub async fn run(args: Serve, config: &Config) -> Result<Exit> {
    let listen = args.listen.or(config.listen).unwrap_or(DEFAULT_LISTEN);
    let mut config = config.clone();
    let sandbox = args.sandbox.start(&mut config).await?;
    let host = host::start(&config, listen, &args.sandbox.program("engross serve")).await?;
    if let Some(sandbox) = &sandbox {
        sandbox.connect(&host, &config).await?;
    }
    ui::note(&format!("engine on {}, data in {}", host.server.url(), config.data.display()));
    // Nobody has to tell the stand-ins where they deliver to.
    let connections = host.engine.connections().values().filter(|_| sandbox.is_none());
    for connection in connections {
        // Logs are kept and shipped, and the URL lets in whoever knows it: only a person at a terminal sees it whole.
        let (url, more) = if ui::is_live() {
            (host.hook_url(connection), "")
        } else {
            (host.masked_hook_url(connection), " (`engross hooks` shows it whole)")
        };
        if let Some(url) = url {
            ui::note(&format!("webhooks of {}: {url}{more}", connection.name));
        }
    }
    tokio::select! {
        () = host::interrupted() => {}
        reason = host.failed() => bail!("the store has failed, and nothing more can be kept: {reason}"),
    }
    ui::note("stopping; `engross serve` goes on with every run that is not over");
    host.stop().await;
    if let Some(sandbox) = sandbox {
        sandbox.stop(&config).await;
    }
    Ok(exit::OK)
}

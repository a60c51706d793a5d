//! Which engine a command talks to: the one that was named, the one that holds the data directory, or none. Without one,
//! what can be read is read from the store itself; nothing is ever written so.

use crate::args::ServerArg;
use crate::client::Client;
use crate::config::Config;
use anyhow::{Result, bail};
use engross_core::RunId;
use engross_runtime::{Clock, RunView, SystemClock, TimelineEntry};
use engross_server::wire;
use engross_store::{Holder, RunQuery, Store};
use secrecy::ExposeSecret;

/// A client of the engine that is meant, if one runs.
///
/// # Errors
/// No HTTP client can be made.
pub fn running(config: &Config, server: &ServerArg) -> Result<Option<Client>> {
    let url = match &server.server {
        Some(url) => Some(url.clone()),
        None => engross_store::holder(&config.data).and_then(|holder| holder.api),
    };
    let Some(url) = url else { return Ok(None) };
    let token = config.api_token()?.map(|token| token.expose_secret().to_string());
    Ok(Some(Client::new(&url)?.with_token(token)))
}

/// The same for commands that only a running engine can carry out.
///
/// # Errors
/// None runs.
pub fn must_run(config: &Config, server: &ServerArg) -> Result<Client> {
    match running(config, server)? {
        Some(client) => Ok(client),
        None => bail!(
            "no engine runs on {}\n  hint: start one with `engross serve`, or name one with --server URL",
            config.data.display()
        ),
    }
}

/// A store that no process holds, opened to look at it.
fn look(config: &Config) -> Result<engross_store::SledStore> {
    if !config.data.exists() {
        bail!("there is no data in {}\n  hint: `engross run` or `engross serve` makes it", config.data.display());
    }
    Ok(engross_store::SledStore::open(&config.data, Holder::this_process("engross", SystemClock.now()))?)
}

/// Lists runs of a store that no process holds.
///
/// # Errors
/// The store cannot be read; so for all of these.
pub async fn list(config: &Config, open: bool, workflow: Option<String>, limit: usize) -> Result<wire::Runs> {
    let config = config.clone();
    let read = move || -> Result<wire::Runs> {
        let query = RunQuery { open, workflow, limit, ..RunQuery::default() };
        let runs = look(&config)?.runs(&query)?.into_iter().map(wire::RunRow::from).collect();
        Ok(wire::Runs { runs })
    };
    tokio::task::spawn_blocking(read).await?
}

/// Shows a run of a store that no process holds.
///
/// # Errors
/// As `list`.
pub async fn show(config: &Config, run: &RunId) -> Result<(RunView, Vec<TimelineEntry>)> {
    let (config, run) = (config.clone(), run.clone());
    tokio::task::spawn_blocking(move || Ok(engross_runtime::look::run(&look(&config)?, &run)?)).await?
}

/// Lists what waits for a decision in a store that no process holds.
///
/// # Errors
/// As `list`.
pub async fn approvals(config: &Config) -> Result<wire::Approvals> {
    let config = config.clone();
    let read = move || Ok(wire::Approvals { approvals: engross_runtime::look::approvals(&look(&config)?)? });
    tokio::task::spawn_blocking(read).await?
}

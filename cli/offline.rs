//! Which engine a command talks to: the one that was named, the one that holds the data directory, or none. Without one,
//! what can be read is read from the store itself; nothing is ever written so.

use crate::args::ServerArg;
use crate::client::Client;
use crate::config::Config;
use crate::ui;
use anyhow::{Result, bail};
use engross_core::RunId;
use engross_runtime::{Clock, RunView, SystemClock, TimelineEntry};
use engross_server::wire;
use engross_store::{Holder, RunQuery, SledStore, Store};
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

/// A store that no process holds, opened to look at it; none where nothing has been kept yet.
fn look(config: &Config) -> Result<Option<SledStore>> {
    if !config.data.exists() {
        ui::note(&format!(
            "nothing has been kept in {} yet; `engross run` or `engross serve` begins",
            config.data.display()
        ));
        return Ok(None);
    }
    let store = SledStore::open(&config.data, Holder::this_process("engross", SystemClock.now()))?;
    Ok(Some(store))
}

/// Lists runs of a store that no process holds.
///
/// # Errors
/// The store cannot be read; so for all of these.
pub async fn list(config: &Config, open: bool, workflow: Option<String>, limit: usize) -> Result<wire::Runs> {
    let config = config.clone();
    let read = move || -> Result<wire::Runs> {
        let query = RunQuery { open, workflow, limit, ..RunQuery::default() };
        let heads = look(&config)?.map(|store| store.runs(&query)).transpose()?.unwrap_or_default();
        Ok(wire::Runs { runs: heads.into_iter().map(wire::RunRow::from).collect() })
    };
    tokio::task::spawn_blocking(read).await?
}

/// Shows a run of a store that no process holds.
///
/// # Errors
/// As `list`.
pub async fn show(config: &Config, run: &RunId) -> Result<(RunView, Vec<TimelineEntry>)> {
    let (config, run) = (config.clone(), run.clone());
    let read = move || match look(&config)? {
        Some(store) => Ok(engross_runtime::look::run(&store, &run)?),
        None => Err(engross_runtime::Error::NoRun(run).into()),
    };
    tokio::task::spawn_blocking(read).await?
}

/// Lists what waits for a decision in a store that no process holds.
///
/// # Errors
/// As `list`.
pub async fn approvals(config: &Config) -> Result<wire::Approvals> {
    let config = config.clone();
    let read = move || -> Result<wire::Approvals> {
        let found = look(&config)?.map(|store| engross_runtime::look::approvals(&store)).transpose()?;
        Ok(wire::Approvals { approvals: found.unwrap_or_default() })
    };
    tokio::task::spawn_blocking(read).await?
}

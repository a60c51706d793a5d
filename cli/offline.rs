//! Which engine a command talks to: the one that was named, the one that holds the data directory, or none. Without one,
//! what can be read is read from the store itself; nothing is ever written so.

use crate::args::ServerArg;
use crate::client::Client;
use crate::config::Config;
use crate::exit::{self, Exit};
use crate::{host, ui};
use anyhow::{Result, bail};
use engross_core::RunId;
use engross_runtime::{Clock, Found, RunView, SystemClock, TimelineEntry, Unreadable};
use engross_server::wire;
use engross_store::archive::Archive;
use engross_store::{Holder, RunQuery, SledStore, Store};
use secrecy::ExposeSecret;

/// Says on stderr which runs a list could not read, and gives the exit code of such a list.
pub fn unread(unreadable: &[Unreadable]) -> Exit {
    if unreadable.is_empty() {
        return exit::OK;
    }
    for Unreadable { run, why } in unreadable {
        ui::note(&format!("warning: run {}: {}", ui::escaped(run.as_str()), ui::escaped(why)));
    }
    let count = match unreadable.len() {
        1 => "1 run".to_string(),
        more => format!("{more} runs"),
    };
    ui::note(&format!("{count} could not be read: this list is not whole\n  hint: `engross store verify` tells more"));
    exit::NOT_GOOD
}

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

/// Whether anything has ever been kept.
pub fn is_there(config: &Config) -> bool {
    config.data.exists()
}

/// A store that no process holds, opened to look at it; none where nothing has been kept yet.
fn look(config: &Config) -> Result<Option<SledStore>> {
    if !is_there(config) {
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
        Ok(wire::Runs { runs: heads.into_iter().map(wire::RunRow::from).collect(), unreadable: Vec::new() })
    };
    tokio::task::spawn_blocking(read).await?
}

/// Lists archived runs where no engine runs.
///
/// # Errors
/// The archive cannot be read.
pub async fn list_archived(config: &Config, limit: usize) -> Result<wire::Runs> {
    let Found { found, unreadable } = match archive(config)? {
        Some(archive) => archive.list(None, limit).await?.into(),
        None => Found::default(),
    };
    Ok(wire::Runs { runs: found.into_iter().map(wire::RunRow::from).collect(), unreadable })
}

/// The archive; none where there is none, since a look makes no folder.
///
/// # Errors
/// Its folder cannot be used.
pub fn archive(config: &Config) -> Result<Option<Archive>> {
    Ok(config.files.is_dir().then(|| Archive::local(&config.files)).transpose()?)
}

/// Shows a run of a store that no process holds, or of its archive.
///
/// # Errors
/// As `list`.
pub async fn show(config: &Config, run: &RunId) -> Result<(RunView, Vec<TimelineEntry>)> {
    use engross_runtime::Error::NoRun;
    let (looked, id) = (config.clone(), run.clone());
    let read = move || -> Result<_> {
        let registry = host::registry(&looked)?;
        let Some(store) = look(&looked)? else { return Ok(Err(NoRun(id))) };
        match engross_runtime::look::run(&store, &id, &registry) {
            Err(NoRun(_)) => Ok(Err(engross_runtime::fsck::not_found(&store, &id)?)),
            found => Ok(Ok(found?)),
        }
    };
    let not_found = match tokio::task::spawn_blocking(read).await?? {
        Ok(found) => return Ok(found),
        Err(error) => error,
    };
    let archived = match archive(config)? {
        Some(archive) => archive.get(run).await?,
        None => None,
    };
    match archived {
        Some(found) => Ok(engross_runtime::housekeeping::archived_view(found, &host::registry(config)?)?),
        None => Err(not_found.into()),
    }
}

/// Lists what waits for a decision in a store that no process holds.
///
/// # Errors
/// As `list`.
pub async fn approvals(config: &Config) -> Result<wire::Approvals> {
    let config = config.clone();
    let read = move || -> Result<wire::Approvals> {
        let registry = host::registry(&config)?;
        let found = look(&config)?.map(|store| engross_runtime::look::approvals(&store, &registry)).transpose()?;
        let Found { found: approvals, unreadable } = found.unwrap_or_default();
        Ok(wire::Approvals { approvals, unreadable })
    };
    tokio::task::spawn_blocking(read).await?
}

/// Lists what needs a person in a store that no process holds.
///
/// # Errors
/// As `list`.
pub async fn incidents(config: &Config) -> Result<wire::Incidents> {
    let config = config.clone();
    let read = move || -> Result<wire::Incidents> {
        let registry = host::registry(&config)?;
        let found = look(&config)?.map(|store| engross_runtime::look::incidents(&store, &registry)).transpose()?;
        let Found { found: incidents, unreadable } = found.unwrap_or_default();
        Ok(wire::Incidents { incidents, unreadable })
    };
    tokio::task::spawn_blocking(read).await?
}

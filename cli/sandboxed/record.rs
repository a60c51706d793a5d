//! What other processes have to know of an engine that runs with stand-ins: its connections, and what was created there.
//!
//! It stands beside the store and counts only while the process that wrote it holds the data directory; there is no secret in it.

use super::{FLAG, LeftOut, named};
use crate::commands::hooks::Created;
use crate::config::{Config, Text};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Bytes of a record that are read.
const RECORD_BYTES_MAX: u64 = 1024 * 1024;

/// A sandbox as other processes see it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Record {
    /// The process with the engine.
    pid: u32,
    /// Its connections, by name.
    connections: BTreeMap<String, Led>,
    /// What it has left out.
    pub left_out: LeftOut,
    /// What its connections have created.
    pub created: BTreeMap<String, Created>,
}

/// A connection that leads to a stand-in.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Led {
    provider: String,
    base_url: Option<String>,
    settings: BTreeMap<String, String>,
}

/// What is known of the sandbox of the engine that holds the data directory; none where it runs without one, or none runs.
pub fn running(config: &Config) -> Option<Record> {
    let holder = engross_store::holder(&config.data)?;
    let meta = std::fs::metadata(file(config)).ok()?;
    if !holder.program.ends_with(FLAG) || meta.len() > RECORD_BYTES_MAX {
        return None;
    }
    let record: Record = serde_json::from_slice(&std::fs::read(file(config)).ok()?).ok()?;
    (record.pid == holder.pid).then_some(record)
}

/// Removes the record of a sandbox that ends; one that stays behind is not believed.
pub(super) fn remove(config: &Config) {
    std::fs::remove_file(file(config)).ok();
}

fn file(config: &Config) -> PathBuf {
    config.data.join("sandbox.json")
}

impl Record {
    /// The record of this process, whose connections are led already.
    pub(super) fn of(config: &Config, left_out: &LeftOut, created: BTreeMap<String, Created>) -> Self {
        let plain = |text: &Text| match text {
            Text::Plain(text) => Some(text.clone()),
            Text::Env(_) | Text::File(_) => None,
        };
        let connections = config.connections.iter().map(|(name, connection)| {
            let settings = connection.settings.iter().filter_map(|(name, text)| Some((name.clone(), plain(text)?)));
            let led = Led {
                provider: connection.provider.clone(),
                base_url: connection.base_url.as_ref().map(url::Url::to_string),
                settings: settings.collect(),
            };
            (name.clone(), led)
        });
        Self { pid: std::process::id(), connections: connections.collect(), left_out: left_out.clone(), created }
    }

    /// Written beside and renamed, so that nobody reads half of it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, config: &Config) -> Result<()> {
        let (file, beside) = (file(config), file(config).with_extension("json.new"));
        let write = || -> Result<()> {
            std::fs::write(&beside, serde_json::to_vec_pretty(self)?)?;
            Ok(std::fs::rename(&beside, &file)?)
        };
        write().with_context(|| format!("cannot write {}", file.display()))
    }

    /// A configuration whose connections are those of the sandbox.
    pub fn lead(&self, config: &Config) -> Config {
        let connections = self.connections.iter().map(|(name, led)| {
            let mut connection = named(&led.provider);
            connection.base_url = led.base_url.as_deref().and_then(|url| url.parse().ok());
            connection.settings =
                led.settings.iter().map(|(name, value)| (name.clone(), Text::Plain(value.clone()))).collect();
            (name.clone(), connection)
        });
        Config { connections: connections.collect(), public_url: None, is_file: true, ..config.clone() }
    }
}

//! Secrets, read when an engine starts: from the environment, or from files that nobody else can read.

use super::{Config, ConnectionConfig, Text};
use anyhow::{Context, Result, bail};
use engross_step_api::{Connection, Setting, WebhookSettings};
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Bytes of a secret's file.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

impl Config {
    /// The connections with their secrets. `made_up` gives a webhook token to connections that name none.
    ///
    /// # Errors
    /// Every secret that is not where the configuration says.
    pub fn connections(&self, made_up: impl Fn(&str) -> String) -> Result<BTreeMap<String, Arc<Connection>>> {
        let mut connections = BTreeMap::new();
        let mut problems = Vec::new();
        for (name, config) in &self.connections {
            match config.connect(name, &made_up) {
                Ok(connection) => {
                    connections.insert(name.clone(), Arc::new(connection));
                }
                Err(error) => problems.push(format!("connection `{name}`: {error:#}")),
            }
        }
        if problems.is_empty() { Ok(connections) } else { bail!("{}", problems.join("\n       ")) }
    }

    /// The API's token, from the configuration or the environment.
    ///
    /// # Errors
    /// It is not where the configuration says.
    pub fn api_token(&self) -> Result<Option<SecretString>> {
        match &self.token {
            Some(text) => Ok(Some(text.read().context("`server.token`")?.into())),
            None => Ok(std::env::var("ENGROSS_TOKEN").ok().filter(|t| !t.is_empty()).map(SecretString::from)),
        }
    }
}

impl ConnectionConfig {
    /// The token of the connection's webhooks, if the configuration names one.
    ///
    /// # Errors
    /// It is not where the configuration says.
    pub fn hook_token(&self) -> Result<Option<SecretString>> {
        let token = self.webhook.get("token").map(Text::read).transpose().context("`webhook.token`")?;
        Ok(token.map(SecretString::from))
    }

    fn connect(&self, name: &str, made_up: impl Fn(&str) -> String) -> Result<Connection> {
        let mut settings = BTreeMap::new();
        let mut problems = Vec::new();
        for (key, text) in &self.settings {
            match (text.read(), text) {
                (Ok(value), Text::Plain(_)) => {
                    settings.insert(key.clone(), Setting::Plain(value));
                }
                (Ok(value), Text::Env(_) | Text::File(_)) => {
                    settings.insert(key.clone(), Setting::Secret(value.into()));
                }
                (Err(error), _) => problems.push(format!("`{key}`: {error:#}")),
            }
        }
        let mut option = |key: &str| match self.webhook.get(key).map(Text::read) {
            Some(Ok(value)) => Some(value),
            Some(Err(error)) => {
                problems.push(format!("`webhook.{key}`: {error:#}"));
                None
            }
            None => None,
        };
        let webhook = WebhookSettings {
            token: Some(option("token").unwrap_or_else(|| made_up(name)).into()),
            url: None,
            secret: option("secret").map(SecretString::from),
            header: option("header"),
            scheme: option("scheme"),
        };
        if !problems.is_empty() {
            bail!("{}", problems.join("; "));
        }
        Ok(Connection {
            name: name.to_string(),
            provider: self.provider.clone(),
            base_url: self.base_url.clone(),
            settings,
            webhook,
            concurrency: self.concurrency,
            settle_ms: self.settle_ms,
        })
    }
}

impl Text {
    /// The value, from wherever it is.
    ///
    /// # Errors
    /// It is not where the configuration says.
    pub fn read(&self) -> Result<String> {
        match self {
            Self::Plain(text) => Ok(text.clone()),
            Self::Env(name) => match std::env::var(name) {
                Ok(value) if !value.is_empty() => Ok(value),
                _ => bail!("the environment variable {name} is not set"),
            },
            Self::File(path) => secret_file(path),
        }
    }
}

fn secret_file(path: &Path) -> Result<String> {
    let shown = path.display();
    let meta = std::fs::metadata(path).with_context(|| format!("cannot read {shown}"))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if meta.permissions().mode() & 0o077 != 0 {
            bail!("{shown} can be read by others; run `chmod 600 {shown}`");
        }
    }
    if meta.len() > SECRET_BYTES_MAX {
        bail!("{shown} is too large for a secret");
    }
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))?;
    let text = text.trim_end_matches(['\r', '\n']).to_string();
    if text.is_empty() { bail!("{shown} is empty") } else { Ok(text) }
}

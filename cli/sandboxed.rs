//! `--sandbox`: every connection leads to stand-ins in this process, so that a workflow can be tried without an account.
//!
//! The connections keep their names, so workflows run unchanged; addresses, keys and webhooks are the sandbox's. Nothing real is
//! reached, and what the sandbox knows is gone with the process.

use crate::config::{Config, ConnectionConfig, DEFAULT_CONCURRENCY, Text};
use crate::host::{self, Host};
use crate::ui;
use anyhow::{Context, Result, bail};
use engross_sandbox::{AutoSign, DOCJURIS_ACCOUNT_ID, Emulated, Generation, Options, Sandbox, WebhookTarget};
use engross_source::Span;
use engross_step_api::Connection;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

/// A running sandbox that a configuration leads to.
pub struct Sandboxed {
    sandbox: Sandbox,
}

/// The providers that the sandbox stands in for.
const STAND_INS: [(&str, Emulated); 5] = [
    ("juro", Emulated::JuroV3),
    ("juro_v2", Emulated::JuroV2),
    ("paperlex", Emulated::Paperlex),
    ("contract_signatures", Emulated::ContractSignatures),
    ("docjuris", Emulated::DocJuris),
];

/// Starts a sandbox and leads every connection to it; a connection for each provider where none is configured.
///
/// # Errors
/// The sandbox cannot start, or a connection is to a provider that it does not stand in for.
pub async fn start(config: &mut Config, listen: SocketAddr, auto_sign: Option<u64>) -> Result<Sandboxed> {
    let auto_sign = match auto_sign {
        Some(ms) => AutoSign::AfterSend { delay: Duration::from_millis(ms) },
        None => AutoSign::Never,
    };
    let sandbox =
        Sandbox::start(Options { auto_sign, ..Options::default() }).await.context("the sandbox cannot start")?;
    if config.connections.is_empty() {
        config.connections = STAND_INS.iter().map(|(name, _)| ((*name).to_string(), named(name))).collect();
    }
    config.is_file = true;
    let names: Vec<String> = config.connections.keys().cloned().collect();
    for name in names {
        let hook = host::hook_url_of(config, listen, &name)?;
        let Some(connection) = config.connections.get_mut(&name) else { continue };
        let Some((_, emulated)) = STAND_INS.iter().find(|(provider, _)| *provider == connection.provider) else {
            bail!("the sandbox has no stand-in for `{}` (connection `{name}`)", connection.provider);
        };
        let url = sandbox.base_url(*emulated);
        connection.base_url = Some(url::Url::parse(&url).context("the sandbox has no URL")?);
        connection.settings = settings(*emulated, &hook);
        connection.webhook.clear();
    }
    ui::note(&format!("sandbox on http://{}; signing links: http://{0}/_sandbox/contracts", sandbox.addr()));
    Ok(Sandboxed { sandbox })
}

fn named(provider: &str) -> ConnectionConfig {
    ConnectionConfig {
        span: Span::at(0),
        provider: provider.to_string(),
        base_url: None,
        concurrency: DEFAULT_CONCURRENCY,
        settle_ms: Connection::SETTLE_MS,
        settings: BTreeMap::new(),
        webhook: BTreeMap::new(),
    }
}

/// What each stand-in wants to be sent. None of it is a secret.
fn settings(emulated: Emulated, hook: &str) -> BTreeMap<String, Text> {
    let key = Options::default().api_key;
    let pairs: Vec<(&str, &str)> = match emulated {
        Emulated::JuroV2 | Emulated::JuroV3 | Emulated::ContractSignatures => vec![("api_key", &key)],
        Emulated::DocJuris => vec![("account_id", DOCJURIS_ACCOUNT_ID), ("api_key", &key)],
        Emulated::Paperlex => vec![("token", &key), ("callback_url", hook)],
    };
    pairs.into_iter().map(|(name, value)| (name.to_string(), Text::Plain(value.to_string()))).collect()
}

impl Sandboxed {
    /// Tells the stand-ins where the engine takes their webhooks, as an administrator would.
    ///
    /// # Errors
    /// A stand-in refuses the address.
    pub fn connect_webhooks(&self, host: &Host) -> Result<()> {
        for connection in host.engine.connections().values() {
            let Some(url) = host.hook_url(connection) else { continue };
            let target = |generation| WebhookTarget { url: url.clone(), secret: None, generation };
            let told = match connection.provider.as_str() {
                "juro" => self.sandbox.add_webhook(&target(Generation::V3)),
                "juro_v2" => self.sandbox.add_webhook(&target(Generation::V2)),
                "contract_signatures" => self.sandbox.add_contract_signatures_webhook(&url),
                _ => Ok(()),
            };
            told.with_context(|| format!("the sandbox does not take the webhooks of `{}`", connection.name))?;
        }
        Ok(())
    }

    /// Stops it.
    pub async fn stop(self) {
        self.sandbox.shutdown().await;
    }
}

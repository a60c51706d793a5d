//! `--sandbox`: every connection leads to stand-ins in this process, so that a workflow can be tried without an account.
//!
//! The connections keep their names and every setting that is neither a credential nor an address, so workflows run unchanged;
//! addresses, keys and webhooks are the sandbox's. Nothing real is reached, and what the sandbox knows is gone with the process.
//! What other processes have to know of it stands beside the store, in [`record`].

mod record;

pub use record::{Record, running};

use crate::commands::hooks::{Created, remember};
use crate::config::{Config, ConnectionConfig, DEFAULT_CONCURRENCY, Text};
use crate::host::{self, Host};
use crate::ui;
use anyhow::{Context, Result, anyhow};
use engross_core::{PlanDefinition, PlanStep};
use engross_providers::SettingDescription;
use engross_sandbox::{AutoSign, Emulated, Options, Sandbox};
use engross_source::Span;
use engross_step_api::{Connection, ProvisionAct};
use std::collections::BTreeMap;
use std::time::Duration;

/// How an engine with stand-ins is called to others: its program ends so.
pub const FLAG: &str = "--sandbox";

/// A running sandbox that a configuration leads to.
pub struct Sandboxed {
    sandbox: Sandbox,
    left_out: LeftOut,
}

/// Connections that lead nowhere in a sandbox, each with its provider.
pub type LeftOut = BTreeMap<String, String>;

/// The providers that the sandbox stands in for.
const STAND_INS: [(&str, Emulated); 5] = [
    ("juro", Emulated::JuroV3),
    ("juro_v2", Emulated::JuroV2),
    ("paperlex", Emulated::Paperlex),
    ("contract_signatures", Emulated::ContractSignatures),
    ("docjuris", Emulated::DocJuris),
];

/// The setting that chooses where a provider is reached: an address, which the sandbox's own replaces.
const ENVIRONMENT: &str = "environment";

fn stand_in(provider: &str) -> Option<Emulated> {
    STAND_INS.iter().find(|(name, _)| *name == provider).map(|(_, emulated)| *emulated)
}

/// Leaves a configuration with the connections that can lead to stand-ins: those that it has, and for each provider that no
/// connection leads to, one of the provider's name. Gives those that have no stand-in.
pub fn lead(config: &mut Config) -> LeftOut {
    let left_out: LeftOut = config
        .connections
        .iter()
        .filter(|(_, connection)| stand_in(&connection.provider).is_none())
        .map(|(name, connection)| (name.clone(), connection.provider.clone()))
        .collect();
    config.connections.retain(|name, _| !left_out.contains_key(name));
    for (provider, _) in STAND_INS {
        let is_led_to = config.connections.values().any(|connection| connection.provider == provider);
        if !is_led_to {
            config.connections.entry(provider.to_string()).or_insert_with(|| named(provider));
        }
    }
    config.is_file = true;
    // Deliveries stay on this machine, wherever the real ones would come from.
    config.public_url = None;
    left_out
}

/// Every step of a workflow that goes through a connection that is left out, in words.
pub fn refusals(workflow: &PlanDefinition, left_out: &LeftOut) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Vec<&PlanStep> = workflow.steps.iter().collect();
    while let Some(step) = open.pop() {
        let left = step.connection.as_ref().and_then(|name| left_out.get_key_value(name));
        let provider_of = |uses: &str| uses.split('/').next().unwrap_or_default().to_string();
        // A stand-in may have the name of what was left out.
        if let Some((name, provider)) = left.filter(|(_, provider)| provider_of(&step.uses) == **provider) {
            found.push(format!("step `{}` goes through {}", PlanStep::written(&step.id), absent(name, provider)));
        }
        open.extend(step.compensate.as_deref());
        open.extend(step.foreach.as_deref().map(|foreach| &foreach.each));
        open.extend(step.child.iter().flat_map(|child| &child.steps));
    }
    found.sort();
    found
}

fn absent(name: &str, provider: &str) -> String {
    format!("the connection `{name}`, which is left out: the sandbox has no stand-in for `{provider}`")
}

/// Starts a sandbox and leads every connection to it.
///
/// # Errors
/// The sandbox cannot start.
pub async fn start(config: &mut Config, auto_sign: Option<u64>) -> Result<Sandboxed> {
    let auto_sign = match auto_sign {
        Some(ms) => AutoSign::AfterSend { delay: Duration::from_millis(ms) },
        None => AutoSign::Never,
    };
    let sandbox =
        Sandbox::start(Options { auto_sign, ..Options::default() }).await.context("the sandbox cannot start")?;
    let left_out = lead(config);
    let described = engross_providers::describe_builtin();
    for connection in config.connections.values_mut() {
        let Some(emulated) = stand_in(&connection.provider) else { continue };
        let declared = described.iter().find(|provider| provider.name == connection.provider);
        let kept = kept(connection, declared.map(|provider| &provider.settings));
        for (setting, value) in &kept {
            sandbox.take_setting(emulated, setting, value);
        }
        connection.settings = settings(emulated, kept, declared.map(|provider| &provider.settings));
        let url = sandbox.base_url(emulated);
        connection.base_url = Some(url::Url::parse(&url).context("the sandbox has no URL")?);
        connection.webhook.clear();
    }
    ui::note(&format!("sandbox on http://{}; signing links: http://{0}/_sandbox/contracts", sandbox.addr()));
    for (name, provider) in &left_out {
        ui::note(&format!("without {}; a workflow that uses it is refused", absent(name, provider)));
    }
    Ok(Sandboxed { sandbox, left_out })
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

type Declared = BTreeMap<String, SettingDescription>;

/// What stays of a connection's settings: all but its credentials and where it leads. One that is not where the configuration
/// says is let go, since nothing real is needed here.
fn kept(connection: &ConnectionConfig, declared: Option<&Declared>) -> BTreeMap<String, String> {
    let is_credential = |name: &str| {
        let declared = declared.and_then(|declared| declared.get(name));
        declared.is_some_and(|setting| setting.secret || setting.required)
    };
    let settings = connection.settings.iter();
    let settings = settings.filter(|(name, _)| *name != ENVIRONMENT && !is_credential(name));
    settings.filter_map(|(name, text)| Some((name.clone(), text.read().ok()?))).collect()
}

/// What a connection to a stand-in is set up with: what was kept, and of what the manifest declares, what the stand-in's account
/// has. None of it is a secret.
fn settings(emulated: Emulated, kept: BTreeMap<String, String>, declared: Option<&Declared>) -> BTreeMap<String, Text> {
    let key = Options::default().api_key;
    let mut settings = kept;
    let account: BTreeMap<&str, String> = emulated.account(&key).into_iter().collect();
    for (name, setting) in declared.into_iter().flatten() {
        let has = account.get(name.as_str()).cloned();
        if let Some(value) = has.or_else(|| setting.required.then(|| key.clone())) {
            settings.entry(name.clone()).or_insert(value);
        }
    }
    settings.into_iter().map(|(name, value)| (name, Text::Plain(value))).collect()
}

impl Sandboxed {
    /// Sees to it that the stand-ins deliver their webhooks to the engine: by the providers' own operations, and where a provider
    /// leaves that to an administrator, as one would do it. Then tells other processes of this machine what is here.
    ///
    /// # Errors
    /// A stand-in refuses an address, or the record cannot be written.
    pub async fn connect(&self, host: &Host, config: &Config) -> Result<()> {
        let mut created = BTreeMap::new();
        for connection in host.engine.connections().values() {
            let done = self.set_up(connection, host, config).await;
            let ids = done.with_context(|| {
                format!("the sandbox does not take the address of the webhooks of `{}`", connection.name)
            })?;
            created.insert(connection.name.clone(), ids);
        }
        Record::of(config, &self.left_out, created).write(config)
    }

    async fn set_up(&self, connection: &std::sync::Arc<Connection>, host: &Host, config: &Config) -> Result<Created> {
        let Some(provider) = host.engine.registry().provider(&connection.provider) else { return Ok(Created::new()) };
        let context = host::context_of(connection.clone(), config)?;
        let act = ProvisionAct::Ensure { unlisted: true };
        let done = provider.provision(&context, act, &Created::new()).await;
        let done = done.map_err(|error| anyhow!("{}", ui::escaped(&error.message)))?;
        let (url, emulated) = (host.hook_url(connection), stand_in(&connection.provider));
        if let (true, Some(url), Some(emulated)) = (done.per == host::BY_HAND, url, emulated) {
            self.sandbox.administer_webhooks(emulated, &url)?;
        }
        let mut created = Created::new();
        remember(&mut created, &done);
        Ok(created)
    }

    /// Stops it.
    pub async fn stop(self, config: &Config) {
        record::remove(config);
        self.sandbox.shutdown().await;
    }
}

#[cfg(test)]
mod tests {
    use super::{Declared, kept, lead, named, settings};
    use crate::config::{Config, Text};
    use engross_sandbox::Emulated;
    use std::collections::BTreeMap;

    fn declared(provider: &str) -> Declared {
        let described = engross_providers::describe_builtin();
        described.into_iter().find(|described| described.name == provider).unwrap().settings
    }

    fn check(provider: &str, emulated: Emulated, given: &[(&str, Text)], expected: &[(&str, &str)]) {
        let mut connection = named(provider);
        connection.settings = given.iter().map(|(name, text)| ((*name).to_string(), text.clone())).collect();
        let declared = declared(provider);
        let made = settings(emulated, kept(&connection, Some(&declared)), Some(&declared));
        let expected: BTreeMap<String, Text> =
            expected.iter().map(|(name, value)| ((*name).to_string(), Text::Plain((*value).to_string()))).collect();
        assert_eq!(made, expected);
    }

    #[test]
    fn what_is_no_credential_and_no_address_stays() {
        let plain = |text: &str| Text::Plain(text.to_string());
        let absent = || Text::Env("A_VARIABLE_THAT_NOBODY_SETS".to_string());
        check(
            "paperlex",
            Emulated::Paperlex,
            &[],
            &[("public_token", "sandbox-public-token"), ("token", "sandbox-key")],
        );
        check(
            "paperlex",
            Emulated::Paperlex,
            &[
                ("token", absent()),
                ("public_token", plain("pk-acme")),
                ("callback_url", plain("https://acme.example/")),
                ("environment", plain("live")),
            ],
            &[("public_token", "pk-acme"), ("token", "sandbox-key")],
        );
        check(
            "juro",
            Emulated::JuroV3,
            &[("api_key", absent()), ("team_id", absent()), ("upload_file_part", plain("document"))],
            &[("api_key", "sandbox-key"), ("team_id", "sandbox-team"), ("upload_file_part", "document")],
        );
        check(
            "docjuris",
            Emulated::DocJuris,
            &[("account_id", plain("4711")), ("counterparty_part", plain("party"))],
            &[("account_id", "sandbox-account"), ("api_key", "sandbox-key"), ("counterparty_part", "party")],
        );
    }

    #[test]
    fn every_provider_that_is_stood_in_for_has_a_connection_and_no_other() {
        let all = ["contract_signatures", "docjuris", "juro", "juro_v2", "paperlex"];
        let check = |given: &[(&str, &str)], names: &[&str], left_out: &[&str]| {
            let connections = given.iter().map(|(name, provider)| ((*name).to_string(), named(provider))).collect();
            let mut config = Config { connections, ..Config::default() };
            let left = lead(&mut config);
            assert_eq!(config.connections.keys().collect::<Vec<_>>(), names);
            assert_eq!(left.keys().collect::<Vec<_>>(), left_out);
        };
        check(&[], &all, &[]);
        check(
            &[("eu", "juro"), ("ds", "docuseal")],
            &["contract_signatures", "docjuris", "eu", "juro_v2", "paperlex"],
            &["ds"],
        );
        check(&[("juro", "docuseal")], &all, &["juro"]);
    }
}

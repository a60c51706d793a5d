//! `engross hooks`: where providers deliver their webhooks, and seeing to it that they do.
//!
//! Some providers do not say where their subscriptions lead, so those that are created here are remembered beside the store, by
//! the digest of their address: a token that has changed since is told, and what others have subscribed is let be. What an
//! engine with stand-ins has created is in its own record.

mod created;

pub use created::{Created, remember};

use crate::args::FormatArg;
use crate::config::{Config, ConnectionConfig, DEFAULT_LISTEN};
use crate::exit::{self, Exit};
use crate::sandboxed::{self, Record};
use crate::{host, ui};
use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, Subcommand};
use created::{leads_to, recognise};
use engross_step_api::{Connection, HookStanding, Provider, ProvisionAct, Provisioned, ProvisionedHook};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How a provider says that a connection lacks a setting that the set-up needs.
const LACKS_A_SETTING: &str = "setting";

/// Show where providers deliver their webhooks.
///
/// The URLs hold each connection's token, which lets in whoever knows it: give them to the provider and to nobody else. They
/// begin with `server.public_url` of engross.yaml; without one, with the address of the engine that runs, or where it would
/// listen.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Hooks {
    /// What to do; without it, the URLs are shown.
    #[command(subcommand)]
    pub act: Option<Act>,

    #[command(flatten)]
    pub format: FormatArg,
}

/// What to do about webhooks at the providers.
#[derive(Debug, Subcommand)]
pub enum Act {
    /// See to it that providers deliver here: list what is there, create what is missing
    ///
    /// What people have to do at the provider is said, and is no failure. Exit codes: 0 nothing failed; 1 with --dry-run,
    /// something is missing; 2 it could not be done.
    Ensure(Ensure),
    /// Take away what leads to a connection's address
    Remove(Remove),
}

/// What to ensure.
#[derive(Debug, Args)]
pub struct Ensure {
    /// The connection [default: all]
    pub connection: Option<String>,

    /// Look, and change nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Create also where the provider cannot say what is there; look there by hand before
    #[arg(long)]
    pub unlisted: bool,

    #[command(flatten)]
    pub format: FormatArg,
}

/// What to remove.
#[derive(Debug, Args)]
pub struct Remove {
    /// The connection
    pub connection: String,

    #[command(flatten)]
    pub format: FormatArg,
}

#[derive(Debug, Serialize)]
struct Hook<'a> {
    connection: &'a str,
    provider: &'a str,
    /// None while no token has been made up.
    url: Option<String>,
}

/// Carries it out.
///
/// # Errors
/// A token that is not where the configuration says, every one of them told; a provider that refuses or cannot be reached.
pub async fn run(args: &Hooks, config: &Config) -> Result<Exit> {
    let sandbox = sandboxed::running(config);
    let led = sandbox.as_ref().map(|sandbox| sandbox.lead(config));
    let config = led.as_ref().unwrap_or(config);
    if sandbox.is_some() {
        ui::note("the engine that runs has stand-ins for its connections, and has set their webhooks up by itself");
    }
    match &args.act {
        None => show(args, config),
        Some(Act::Ensure(args)) => {
            let act = match args.dry_run {
                true => ProvisionAct::Look,
                false => ProvisionAct::Ensure { unlisted: args.unlisted },
            };
            provision(args.connection.as_deref(), act, args.format, config, sandbox).await
        }
        Some(Act::Remove(args)) => {
            provision(Some(&args.connection), ProvisionAct::Remove, args.format, config, sandbox).await
        }
    }
}

fn show(args: &Hooks, config: &Config) -> Result<Exit> {
    let base = base(config);
    let made_up = host::read_tokens(config)?;
    let (mut hooks, mut problems) = (Vec::new(), Vec::new());
    for (name, connection) in &config.connections {
        match token(name, connection, &made_up) {
            Ok(token) => {
                let url = token.map(|token| host::hook_url(&base, name, &token));
                hooks.push(Hook { connection: name, provider: &connection.provider, url });
            }
            Err(error) => problems.push(format!("connection `{name}`: {error:#}")),
        }
    }
    if !problems.is_empty() {
        bail!("{}", problems.join("\n       "));
    }
    ui::print(args.format.format, &json!({ "hooks": hooks }), || {
        let cell = |hook: &Hook<'_>| hook.url.clone().unwrap_or_else(|| "-".to_string());
        let rows: Vec<Vec<String>> =
            hooks.iter().map(|h| vec![h.connection.to_string(), h.provider.to_string(), cell(h)]).collect();
        ui::table(&["CONNECTION", "PROVIDER", "URL"], &rows)
    });
    let without: Vec<&str> = hooks.iter().filter(|hook| hook.url.is_none()).map(|hook| hook.connection).collect();
    if without.is_empty() {
        return Ok(exit::OK);
    }
    ui::note(&format!("no token yet for {}: the first `engross serve` makes it up", without.join(", ")));
    Ok(exit::NOT_GOOD)
}

fn token(name: &str, connection: &ConnectionConfig, made_up: &BTreeMap<String, String>) -> Result<Option<String>> {
    let named = connection.hook_token().context("its webhooks have no URL")?;
    Ok(named.map(|token| token.expose_secret().to_string()).or_else(|| made_up.get(name).cloned()))
}

fn base(config: &Config) -> String {
    config.public_url.clone().unwrap_or_else(|| {
        let running = engross_store::holder(&config.data).and_then(|holder| holder.api);
        running.unwrap_or_else(|| format!("http://{}", config.listen.unwrap_or(DEFAULT_LISTEN)))
    })
}

/// What became of one connection.
#[derive(Debug, Serialize)]
struct Done<'a> {
    connection: &'a str,
    provider: &'a str,
    #[serde(flatten)]
    provisioned: Provisioned,
}

async fn provision(
    only: Option<&str>,
    act: ProvisionAct,
    format: FormatArg,
    config: &Config,
    sandbox: Option<Record>,
) -> Result<Exit> {
    if let Some(name) = only.filter(|name| !config.connections.contains_key(*name)) {
        let known: Vec<&str> = config.connections.keys().map(String::as_str).collect();
        bail!("there is no connection `{name}`; there are {}", known.join(", "));
    }
    let registry = host::registry(config)?;
    let wanted = |name: &str| only.is_none_or(|only| only == name);
    for name in config.connections.keys().filter(|name| wanted(name)) {
        // A token that is not there yet is made up now, as the first `engross serve` would.
        host::hook_url_of(config, config.listen.unwrap_or(DEFAULT_LISTEN), name)?;
    }
    let made_up = host::read_tokens(config)?;
    let connections = config.connections(|name| made_up.get(name).cloned().unwrap_or_default())?;
    let is_sandbox = sandbox.is_some();
    let mut memory = Memory::of(config, sandbox)?;
    let (mut done, mut problems) = (Vec::new(), Vec::new());
    for (name, mut connection) in connections.into_iter().filter(|(name, _)| wanted(name)) {
        host::address(&mut connection, &base(config), config.public_url.is_some());
        let Some(provider) = registry.provider(&connection.provider) else {
            problems.push(format!("connection `{name}`: there is no provider `{}`", connection.provider));
            continue;
        };
        let wrong = provider.check_connection(&connection);
        if !wrong.is_empty() {
            problems.extend(wrong.into_iter().map(|problem| format!("connection `{name}`: {problem}")));
            continue;
        }
        match set_up(provider.as_ref(), &connection, act, memory.created(&name), config).await? {
            Ok(mut provisioned) => {
                remember(memory.created(&name), &provisioned);
                memory.write(config)?;
                if is_sandbox {
                    // Who would have to do something by hand is a stand-in, which has.
                    provisioned.instructions = None;
                }
                done.push((connection, provisioned));
            }
            Err(problem) => problems.push(format!("connection `{name}`: {problem}")),
        }
    }
    tell(&done, format, is_sandbox);
    if !problems.is_empty() {
        bail!("{}", problems.join("\n       "));
    }
    // All else is there, was done just now, is somebody else's, or is for people to do, who have been told.
    let is_lacking = |hook: &ProvisionedHook| act == ProvisionAct::Look && hook.standing == HookStanding::Missing;
    let lacks = done.iter().flat_map(|(_, provisioned)| &provisioned.hooks).any(is_lacking);
    Ok(if lacks { exit::NOT_GOOD } else { exit::OK })
}

/// Has a provider set a connection's webhooks up. The inner error says in words why it could not.
async fn set_up(
    provider: &dyn Provider,
    connection: &Arc<Connection>,
    act: ProvisionAct,
    ours: &Created,
    config: &Config,
) -> Result<Result<Provisioned, String>> {
    let leads_here = connection.webhook.url.as_ref().is_some_and(|url| leads_to(ours, url.expose_secret()));
    let act = match act {
        // What was created here leads here, also where the provider cannot say so: another one would deliver everything twice.
        ProvisionAct::Ensure { .. } if leads_here => ProvisionAct::Ensure { unlisted: false },
        act => act,
    };
    match provider.provision(&host::context_of(connection.clone(), config)?, act, ours).await {
        Ok(mut provisioned) => {
            if leads_here {
                recognise(ours, &mut provisioned);
            }
            Ok(Ok(provisioned))
        }
        // Without the setting no program can do it, and people can.
        Err(error) if error.code == LACKS_A_SETTING => Ok(Ok(Provisioned {
            per: host::BY_HAND.to_string(),
            instructions: Some(format!(
                "{}; {}, or set the address in the provider's own pages",
                ui::escaped(&error.message),
                error.hint.as_deref().map(ui::escaped).unwrap_or_default()
            )),
            hooks: Vec::new(),
        })),
        Err(error) => {
            let hint = error.hint.as_ref().map(|hint| format!("\n         hint: {hint}")).unwrap_or_default();
            Ok(Err(format!("{}{hint}", ui::escaped(&error.message))))
        }
    }
}

fn tell(done: &[(Arc<Connection>, Provisioned)], format: FormatArg, is_sandbox: bool) {
    let data: Vec<Done<'_>> = done
        .iter()
        .map(|(connection, provisioned)| Done {
            connection: &connection.name,
            provider: &connection.provider,
            provisioned: provisioned.clone(),
        })
        .collect();
    ui::print(format.format, &json!({ "connections": data }), || {
        let mut rows = Vec::new();
        for (connection, provisioned) in done {
            for hook in &provisioned.hooks {
                let events =
                    if hook.events.len() > 3 { format!("{} kinds", hook.events.len()) } else { hook.events.join(", ") };
                let id = hook.id.clone().unwrap_or_else(|| "-".to_string());
                rows.push(vec![connection.name.clone(), events, id, standing(hook.standing).to_string()]);
            }
        }
        if rows.is_empty() { String::new() } else { ui::table(&["CONNECTION", "EVENTS", "ID", "STANDING"], &rows) }
    });
    for (connection, provisioned) in done {
        if let Some(instructions) = &provisioned.instructions {
            ui::note(&format!("{} (per {}): {instructions}", connection.name, provisioned.per));
        }
        let is_by_hand = provisioned.per == host::BY_HAND && !is_sandbox;
        if let Some(url) = connection.webhook.url.as_ref().filter(|_| is_by_hand) {
            ui::note(&format!("the address of {}: {}", connection.name, url.expose_secret()));
        }
    }
}

fn standing(standing: HookStanding) -> &'static str {
    match standing {
        HookStanding::Present => "there",
        HookStanding::AddressUntold => "there, not created here",
        HookStanding::Elsewhere => "leads to another address",
        HookStanding::Missing => "missing",
        HookStanding::Unlisted => "cannot be listed: look at the provider, then --unlisted",
        HookStanding::Created => "created",
        HookStanding::Removed => "removed",
    }
}

/// What was created here, kept beside the store; of a sandbox, in its record.
struct Memory {
    created: BTreeMap<String, Created>,
    sandbox: Option<Record>,
}

impl Memory {
    fn of(config: &Config, sandbox: Option<Record>) -> Result<Self> {
        let created = match &sandbox {
            Some(record) => record.created.clone(),
            None => Self::read(&Self::file(config))?,
        };
        Ok(Self { created, sandbox })
    }

    fn file(config: &Config) -> PathBuf {
        config.data.join("webhook-subscriptions.json")
    }

    fn read(file: &Path) -> Result<BTreeMap<String, Created>> {
        let shown = file.display();
        match std::fs::read(file) {
            Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| format!("{shown} is damaged")),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeMap::new()),
            Err(error) => Err(anyhow!(error)).with_context(|| format!("cannot read {shown}")),
        }
    }

    fn created(&mut self, connection: &str) -> &mut Created {
        self.created.entry(connection.to_string()).or_default()
    }

    /// Written beside and renamed, so that a crash leaves the old memory or the new one.
    fn write(&mut self, config: &Config) -> Result<()> {
        if let Some(record) = &mut self.sandbox {
            record.created = self.created.clone();
            return record.write(config);
        }
        let file = Self::file(config);
        let beside = file.with_extension("json.new");
        let write = || -> Result<()> {
            std::fs::write(&beside, serde_json::to_vec_pretty(&self.created)?)?;
            Ok(std::fs::rename(&beside, &file)?)
        };
        write().with_context(|| format!("cannot write {}", file.display()))
    }
}

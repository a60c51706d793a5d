//! `engross hooks`: where providers deliver their webhooks.

use crate::args::FormatArg;
use crate::config::{Config, ConnectionConfig, DEFAULT_LISTEN};
use crate::exit::{self, Exit};
use crate::{host, ui};
use anyhow::{Context, Result, bail};
use clap::Args;
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;

/// Show where providers deliver their webhooks.
///
/// The URLs hold each connection's token, which lets in whoever knows it: give them to the provider and to nobody else. They
/// begin with `server.public_url` of engross.yaml; without one, with the address of the engine that runs, or where it would
/// listen.
#[derive(Debug, Args)]
pub struct Hooks {
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
/// A token that is not where the configuration says, every one of them told.
pub fn run(args: &Hooks, config: &Config) -> Result<Exit> {
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

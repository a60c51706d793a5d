//! `engross sandbox`: the providers' stand-ins alone.

use crate::exit::{self, Exit};
use crate::ui;
use anyhow::{Context, Result};
use clap::Args;
use engross_sandbox::{
    AutoSign, DOCJURIS_ACCOUNT_ID, Emulated, Generation, Options, PAPERLEX_PUBLIC_TOKEN, Sandbox, WebhookTarget,
};
use std::net::SocketAddr;
use std::time::Duration;

/// Run the providers' stand-ins alone, until stopped.
///
/// They keep the documented lifecycles and errors in memory, serve PDFs and signing pages, and deliver webhooks. For each
/// provider, what a connection in engross.yaml needs is printed: its `base_url`, its settings, and ids to begin with.
#[derive(Debug, Args)]
pub struct SandboxArgs {
    /// Where it listens
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4010")]
    pub listen: SocketAddr,

    /// The API key that clients must send
    #[arg(long, value_name = "KEY", default_value = "sandbox-key")]
    pub api_key: String,

    /// Where Juro v3 webhooks are delivered; may be given several times
    #[arg(long, value_name = "URL")]
    pub webhook: Vec<String>,

    /// Where Juro v2 webhooks are delivered; may be given several times
    #[arg(long, value_name = "URL")]
    pub webhook_v2: Vec<String>,

    /// What signs the webhooks (HMAC-SHA256, header x-juro-signature)
    #[arg(long, value_name = "SECRET")]
    pub webhook_secret: Option<String>,

    /// Sign by itself so many milliseconds after a contract was sent [default: people sign on the signing page]
    #[arg(long, value_name = "MS")]
    pub auto_sign: Option<u64>,
}

/// Carries it out.
///
/// # Errors
/// The address is taken.
pub async fn run(args: SandboxArgs) -> Result<Exit> {
    let target =
        |url: &String, generation| WebhookTarget { url: url.clone(), secret: args.webhook_secret.clone(), generation };
    let mut webhooks: Vec<WebhookTarget> = args.webhook.iter().map(|url| target(url, Generation::V3)).collect();
    webhooks.extend(args.webhook_v2.iter().map(|url| target(url, Generation::V2)));
    let auto_sign = match args.auto_sign {
        Some(ms) => AutoSign::AfterSend { delay: Duration::from_millis(ms) },
        None => AutoSign::Never,
    };
    let key = args.api_key.clone();
    let options = Options { listen: args.listen, api_key: args.api_key, webhooks, auto_sign, ..Options::default() };
    let sandbox = Sandbox::start(options).await.with_context(|| format!("cannot listen on {}", args.listen))?;
    let mut text: String = Emulated::ALL.map(|provider| about(provider, &sandbox.base_url(provider), &key)).concat();
    text.push_str(&format!("control\n  url: http://{}/_sandbox\n", sandbox.addr()));
    ui::data(&text);
    tokio::signal::ctrl_c().await.context("cannot listen for signals")?;
    sandbox.shutdown().await;
    Ok(exit::OK)
}

/// The templates of both generations of Juro.
const JURO_TEMPLATES: &[&str] = &["mutual-nda", "order-form"];

/// The templates of Paperlex.
const PAPERLEX_SLAWS: &[&str] = &["23a15b9e18d09168", "5d21c0de4a7be901"];

/// The contract types of DocJuris.
const DOCJURIS_TYPES: &[&str] = &["NDA", "MSA", "SOW", "DPA", "Order Form"];

/// What a connection to a provider's stand-in needs, and what can be used there from the start.
fn about(provider: Emulated, base_url: &str, key: &str) -> String {
    let (name, settings, ids) = match provider {
        Emulated::JuroV2 => ("juro_v2", vec![("api_key", key)], ("template_id", JURO_TEMPLATES)),
        Emulated::JuroV3 => ("juro", vec![("api_key", key)], ("template_id", JURO_TEMPLATES)),
        Emulated::Paperlex => {
            ("paperlex", vec![("token", key), ("public_token", PAPERLEX_PUBLIC_TOKEN)], ("slaw_id", PAPERLEX_SLAWS))
        }
        Emulated::ContractSignatures => {
            ("contract_signatures", vec![("api_key", key)], ("template_id", &["any text"] as &[&str]))
        }
        Emulated::DocJuris => {
            ("docjuris", vec![("account_id", DOCJURIS_ACCOUNT_ID), ("api_key", key)], ("contract_type", DOCJURIS_TYPES))
        }
    };
    let mut text = format!("{name}\n  base_url: {base_url}\n");
    for (setting, value) in settings {
        text.push_str(&format!("  {setting}: {value}\n"));
    }
    let (what, ids) = ids;
    text.push_str(&format!("  {what} of a step: {}\n", ids.join(", ")));
    text
}

#[cfg(test)]
mod tests {
    use super::{DOCJURIS_TYPES, JURO_TEMPLATES, PAPERLEX_SLAWS, about};
    use engross_sandbox::{DOCJURIS_ACCOUNT_ID, Emulated, Options, Sandbox};

    #[tokio::test]
    async fn what_is_printed_is_what_is_there() {
        rustls::crypto::ring::default_provider().install_default().ok();
        let sandbox = Sandbox::start(Options::default()).await.unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        for (provider, path, ids) in [
            (Emulated::JuroV3, "/templates", JURO_TEMPLATES),
            (Emulated::JuroV2, "/templates", JURO_TEMPLATES),
            (Emulated::Paperlex, "/slaws.json?token=sandbox-key", PAPERLEX_SLAWS),
            (Emulated::DocJuris, "/contractTypes", DOCJURIS_TYPES),
        ] {
            let base_url = sandbox.base_url(provider);
            let request = http.get(format!("{base_url}{path}"));
            let request = match provider {
                Emulated::DocJuris => request.basic_auth(DOCJURIS_ACCOUNT_ID, Some("sandbox-key")),
                _ => request.header("x-api-key", "sandbox-key"),
            };
            let listed = request.send().await.unwrap().error_for_status().unwrap().text().await.unwrap();
            let printed = about(provider, &base_url, "sandbox-key");
            for id in ids {
                assert!(listed.contains(&format!("\"{id}\"")), "{provider:?} has no {id}: {listed}");
                assert!(printed.contains(id) && printed.contains(&base_url), "{printed}");
            }
        }
    }
}

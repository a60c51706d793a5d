//! `engross sandbox`: the providers' stand-ins alone.

use crate::exit::{self, Exit};
use crate::ui;
use anyhow::{Context, Result};
use clap::Args;
use engross_sandbox::{AutoSign, Generation, Options, Sandbox, WebhookTarget};
use std::net::SocketAddr;
use std::time::Duration;

/// Run the providers' stand-ins alone, until stopped.
///
/// They keep the documented lifecycles and errors in memory, serve PDFs and signing pages, and deliver webhooks. Point a
/// connection's `base_url` at the URLs that are printed.
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
    let options = Options { listen: args.listen, api_key: args.api_key, webhooks, auto_sign, ..Options::default() };
    let sandbox = Sandbox::start(options).await.with_context(|| format!("cannot listen on {}", args.listen))?;
    let base = format!("http://{}", sandbox.addr());
    ui::data(&format!("juro     {base}/juro/v3\njuro_v2  {base}/juro/v2\ncounters {base}/_sandbox/counters\n"));
    tokio::signal::ctrl_c().await.context("cannot listen for signals")?;
    sandbox.shutdown().await;
    Ok(exit::OK)
}

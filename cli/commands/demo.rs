//! `engross demo`: the main job from beginning to end, for real: over HTTP, on a durable store, against the Juro sandbox.
//!
//! It passes only if everything that it tells has happened, which it checks at the sandbox and on the disk.

use crate::client::Client;
use crate::config::{Config, ConnectionConfig, DEFAULT_CONCURRENCY, Text};
use crate::exit::{self, Exit};
use crate::host::{self, Host};
use crate::{follow, ui};
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use engross_core::{Event, Person, RunId, RunStatus, Verdict};
use engross_runtime::{Ids, RunView, SystemIds, timeline};
use engross_sandbox::{AutoSign, Generation, Options, Sandbox, WebhookTarget};
use engross_server::wire;
use engross_source::Span;
use engross_step_api::Connection;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The example that the demo runs: the same file that is in the repository.
const WORKFLOW: &str = include_str!("../../workflows/mutual_nda.yaml");
const WORKFLOW_PATH: &str = "workflows/mutual_nda.yaml";

/// The person who approves in the demo.
const APPROVER: &str = "lena@legal.example";

/// How long the sandbox's signer takes: long enough for the run to be parked when the webhook comes.
const SIGNER_DELAY: Duration = Duration::from_millis(700);

/// How long the demo may take; it takes about a second.
const DEMO_AT_MOST: Duration = Duration::from_secs(60);

/// How often the demo looks whether something waits for its decision.
const APPROVER_LOOKS_EVERY: Duration = Duration::from_millis(50);

/// Show the main job from beginning to end, with a sandbox: no keys, no network.
///
/// Starts the Juro sandbox and an engine on loopback ports, runs workflows/mutual_nda.yaml, approves it through the API, lets
/// the sandbox's signer sign, and checks the stored PDF.
#[derive(Debug, Args)]
pub struct Demo {
    /// Where data and files are kept; must be empty or not there [default: a new folder for temporary files]
    #[arg(long, value_name = "FOLDER")]
    pub dir: Option<PathBuf>,
}

/// Carries it out.
///
/// # Errors
/// Anything that did not happen as it should.
pub async fn run(args: Demo) -> Result<Exit> {
    let dir = folder(args.dir)?;
    let sandbox =
        Sandbox::start(Options { auto_sign: AutoSign::AfterSend { delay: SIGNER_DELAY }, ..Options::default() })
            .await
            .context("the sandbox cannot start")?;
    ui::note(&format!("Juro sandbox on http://{}", sandbox.addr()));
    let config = config(&dir, sandbox.addr())?;
    let host = host::start(&config, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), "engross demo").await?;
    ui::note(&format!("engine on {}, data in {}", host.server.url(), dir.display()));
    connect_webhooks(&sandbox, &host)?;

    let client = Client::new(&host.server.url())?;
    let started = client.start(&request()).await?;
    let follower = follow::to_the_end(&client, &started.run);
    let view = with_approver(follower, approve(&client, &started.run), DEMO_AT_MOST).await?;

    let journal = client.journal(&started.run, 0, 0).await?;
    let mut text = String::from("\ntimeline\n");
    for entry in timeline(&journal.records) {
        text.push_str(&format!("  {}\n", follow::line(&entry)));
    }
    ui::data(&text);
    let (path, digest) = check(&view, &journal, &sandbox)?;
    ui::data(&format!("\nsigned PDF  {path}\nsha256      {digest}\n"));
    host.stop().await;
    sandbox.shutdown().await;
    Ok(exit::OK)
}

fn folder(named: Option<PathBuf>) -> Result<PathBuf> {
    let dir = match named {
        Some(dir) => {
            let empty = std::fs::read_dir(&dir).map_or(true, |mut entries| entries.next().is_none());
            ensure!(empty, "{} is not empty; the demo needs a folder of its own", dir.display());
            dir
        }
        None => std::env::temp_dir().join(format!("engross-demo-{}", SystemIds.token().get(..12).unwrap_or("x"))),
    };
    std::fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    std::path::absolute(&dir).context("the folder has no absolute path")
}

fn config(dir: &Path, sandbox: SocketAddr) -> Result<Config> {
    let plain = |text: &str| Text::Plain(text.to_string());
    let juro = ConnectionConfig {
        span: Span::at(0),
        provider: "juro".to_string(),
        base_url: Some(url::Url::parse(&format!("http://{sandbox}/juro/v3")).context("the sandbox has no URL")?),
        concurrency: DEFAULT_CONCURRENCY,
        settle_ms: Connection::SETTLE_MS,
        settings: BTreeMap::from([("api_key".to_string(), plain(&Options::default().api_key))]),
        webhook: BTreeMap::from([("secret".to_string(), plain(&SystemIds.token()))]),
    };
    Ok(Config {
        is_file: true,
        connections: BTreeMap::from([("juro".to_string(), juro)]),
        people: BTreeMap::from([("legal".to_string(), vec![Person::new(APPROVER)])]),
        data: dir.join("data"),
        files: dir.join("files"),
        // Nothing of the folder that this is called in starts by itself.
        workflows: dir.join("workflows"),
        ..Config::default()
    })
}

/// Tells the sandbox where the engine takes Juro's webhooks, as an administrator would in Juro.
fn connect_webhooks(sandbox: &Sandbox, host: &Host) -> Result<()> {
    use secrecy::ExposeSecret;
    let connection = host.engine.connections().get("juro").context("the demo has no connection")?;
    let target = WebhookTarget {
        url: host.hook_url(connection).context("the connection has no webhook token")?,
        secret: connection.webhook.secret.as_ref().map(|s| s.expose_secret().to_string()),
        generation: Generation::V3,
    };
    sandbox.add_webhook(&target).context("the sandbox does not take the webhook")
}

fn request() -> wire::StartRun {
    wire::StartRun {
        workflow: None,
        source: Some(wire::Source { path: WORKFLOW_PATH.to_string(), text: WORKFLOW.to_string() }),
        beside: Vec::new(),
        inputs: json!({
            "template_id": "mutual-nda",
            "counterparty": { "name": "Acme Ltd", "email": "anna@acme.example" },
        }),
        key: None,
        requester: "demo@engross.example".to_string(),
    }
}

/// What the follower gives, unless the approver fails before or it all takes too long: a run that nobody approves has no end.
async fn with_approver<T>(
    follower: impl Future<Output = Result<T>>,
    approver: impl Future<Output = Result<()>>,
    at_most: Duration,
) -> Result<T> {
    let both = async {
        let mut follower = std::pin::pin!(follower);
        tokio::select! {
            followed = &mut follower => return followed,
            approved = approver => approved.context("the demo's approval could not be given")?,
        }
        follower.await
    };
    match tokio::time::timeout(at_most, both).await {
        Ok(followed) => followed,
        Err(_) => {
            bail!("the demo's run was not over after {} s; the lines above tell how far it came", at_most.as_secs())
        }
    }
}

/// Approves as a person would: sees what waits, and says yes.
async fn approve(client: &Client, run: &RunId) -> Result<()> {
    loop {
        let waiting = client.approvals().await?.approvals;
        if let Some(approval) = waiting.into_iter().find(|a| a.run == *run) {
            let decide = wire::Decide {
                decision: Verdict::Approve,
                by: APPROVER.to_string(),
                comment: Some("reviewed in the demo".to_string()),
                form: None,
                subject_sha256: approval.subject_sha256.clone(),
                round: Some(approval.round),
            };
            client.decide(run, &approval.step, &decide).await?;
            return Ok(());
        }
        tokio::time::sleep(APPROVER_LOOKS_EVERY).await;
    }
}

/// Whether everything has happened, once. The path of the PDF and its digest.
fn check(view: &RunView, journal: &wire::Journal, sandbox: &Sandbox) -> Result<(String, String)> {
    if view.status != RunStatus::Succeeded {
        let why = view.problem.as_ref().map_or("no reason is known", |p| p.message.as_str());
        bail!("the run {}: {why}", view.status.as_str());
    }
    let decided = journal.records.iter().any(|r| matches!(r.event, Event::DecisionRecorded { .. }));
    ensure!(decided, "no decision is in the journal");
    let webhook = journal.records.iter().any(
        |r| matches!(&r.event, Event::EventReceived { step, event } if step.as_str() == "signed" && event.kind == "contract.signed"),
    );
    ensure!(webhook, "the signature was found, but not by a webhook");
    let counters = sandbox.counters();
    for (what, count) in [
        ("contracts were created", counters.contracts_created),
        ("contracts were sent", counters.signing_requests),
        ("PDFs were downloaded", counters.pdf_downloads),
    ] {
        ensure!(count == 1, "{count} {what}, and it should be 1");
    }
    let pdf: &Value = &view.outputs["pdf"];
    let (path, digest) = (pdf["path"].as_str().unwrap_or(""), pdf["sha256"].as_str().unwrap_or(""));
    let content = std::fs::read(path).with_context(|| format!("the stored PDF `{path}` cannot be read"))?;
    ensure!(content.starts_with(b"%PDF-"), "{path} is no PDF");
    let found = hex(&Sha256::digest(&content));
    ensure!(found == digest, "{path} has the digest {found}, and the journal says {digest}");
    Ok((path.to_string(), found))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::with_approver;
    use anyhow::{Result, bail};
    use std::future::{pending, ready};
    use std::time::Duration;

    async fn check(
        follower: impl Future<Output = Result<u8>>,
        approver: impl Future<Output = Result<()>>,
        at_most: Duration,
        expected: &str,
    ) {
        let answer = match with_approver(follower, approver, at_most).await {
            Ok(followed) => format!("followed {followed}"),
            Err(error) => format!("{error:#}"),
        };
        assert_eq!(answer, expected);
    }

    #[tokio::test]
    async fn the_demo_ends_whatever_the_approver_does() {
        let long = Duration::from_secs(60);
        check(ready(Ok(7)), pending(), long, "followed 7").await;
        check(ready(Ok(7)), ready(Ok(())), long, "followed 7").await;
        let refused = async { bail!("lena@legal.example is not asked") };
        let expected = "the demo's approval could not be given: lena@legal.example is not asked";
        check(pending(), refused, long, expected).await;
        let expected = "the demo's run was not over after 0 s; the lines above tell how far it came";
        check(pending(), ready(Ok(())), Duration::ZERO, expected).await;
    }
}

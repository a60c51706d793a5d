//! Webhook delivery: one queue and one task per target, so that each target gets its events in order, whatever the others do.
//!
//! Bodies are rendered when the event happens, under the lock; this module signs, sends, retries and counts them. It follows
//! no redirect, uses no proxy and speaks `http://` only. Juro documents neither retries nor a timeout: three tries with a
//! doubling pause are the sandbox's choice.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use sha2::Sha256;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::faults::{Action, Faults};
use crate::limits::{
    NAME_CHARS_MAX, WEBHOOK_ANSWER_MAX, WEBHOOK_BACKOFF_FIRST, WEBHOOK_QUEUE_MAX, WEBHOOK_TARGETS_MAX,
    WEBHOOK_TRIES_MAX,
};
use crate::options::{Generation, WebhookTarget};
use crate::wire::{Problem, clip};

/// The header that carries the signature of the raw body.
const SIGNATURE_HEADER: &str = "x-juro-signature";

/// All targets and the tasks that serve them.
pub(crate) struct Courier {
    client: Client,
    targets: Vec<Target>,
    workers: JoinSet<()>,
    tally: Arc<Tally>,
}

/// A target, and which events it wants.
struct Target {
    generation: Generation,
    /// `None` wants them all.
    events: Option<BTreeSet<String>>,
    queue: mpsc::Sender<Parcel>,
}

struct Parcel {
    body: Bytes,
    delay: Duration,
}

#[derive(Default)]
struct Tally {
    sent: AtomicU64,
    failed: AtomicU64,
}

impl Courier {
    /// A courier without targets. Fails when no TLS provider is installed in the process: the HTTP client cannot be built
    /// without one, although nothing here speaks TLS.
    pub(crate) fn new() -> io::Result<Self> {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            return Err(io::Error::other(
                "no rustls crypto provider is installed: call rustls::crypto::ring::default_provider().install_default() first",
            ));
        }
        let client = Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .timeout(WEBHOOK_ANSWER_MAX)
            .build()
            .map_err(io::Error::other)?;
        Ok(Self { client, targets: Vec::new(), workers: JoinSet::new(), tally: Arc::default() })
    }

    /// Adds a target and starts its task. Must be called inside the runtime.
    pub(crate) fn register(&mut self, target: &WebhookTarget, events: Option<BTreeSet<String>>) -> Result<(), Problem> {
        let url = check_url(&target.url)?;
        if self.targets.len() >= WEBHOOK_TARGETS_MAX {
            return Err(Problem::bad(format!("at most {WEBHOOK_TARGETS_MAX} webhooks can be registered")));
        }
        let (queue, parcels) = mpsc::channel(WEBHOOK_QUEUE_MAX);
        let worker =
            Worker { client: self.client.clone(), url, secret: target.secret.clone(), tally: Arc::clone(&self.tally) };
        self.workers.spawn(worker.run(parcels));
        self.targets.push(Target { generation: target.generation, events, queue });
        Ok(())
    }

    /// Queues one event for every target that wants it, as the fault rules have it.
    pub(crate) fn publish(&self, faults: &mut Faults, event: &str, render: impl Fn(Generation) -> Bytes) {
        for target in &self.targets {
            if target.events.as_ref().is_some_and(|wanted| !wanted.contains(event)) {
                continue;
            }
            let action = faults.next_delivery();
            let copies = match action {
                Some(Action::Lose) => 0,
                Some(Action::Duplicate) => 2,
                _ => 1,
            };
            let delay = match action {
                Some(Action::Slow { ms }) => Duration::from_millis(ms),
                _ => Duration::ZERO,
            };
            for _ in 0..copies {
                let parcel = Parcel { body: render(target.generation), delay };
                if target.queue.try_send(parcel).is_err() {
                    tracing::warn!(event, "a webhook target's queue is full or closed");
                    self.tally.failed.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }

    /// Deliveries acknowledged, and deliveries given up.
    pub(crate) fn tally(&self) -> (u64, u64) {
        (self.tally.sent.load(Ordering::Relaxed), self.tally.failed.load(Ordering::Relaxed))
    }

    /// Stops every task; what is still queued is dropped.
    pub(crate) fn stop(&mut self) {
        self.targets.clear();
        self.workers.abort_all();
    }
}

fn check_url(text: &str) -> Result<Url, Problem> {
    if text.chars().count() > NAME_CHARS_MAX {
        return Err(Problem::bad(format!("url: at most {NAME_CHARS_MAX} characters")));
    }
    match Url::parse(text) {
        Ok(url) if url.scheme() == "http" => Ok(url),
        Ok(_) => Err(Problem::bad(format!("url: the sandbox delivers to http:// only, not to {}", clip(text)))),
        Err(error) => Err(Problem::bad(format!("url: {}: {error}", clip(text)))),
    }
}

/// The task of one target.
struct Worker {
    client: Client,
    url: Url,
    secret: Option<String>,
    tally: Arc<Tally>,
}

impl Worker {
    async fn run(self, mut parcels: mpsc::Receiver<Parcel>) {
        while let Some(parcel) = parcels.recv().await {
            tokio::time::sleep(parcel.delay).await;
            let counter = if self.deliver(&parcel.body).await { &self.tally.sent } else { &self.tally.failed };
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn deliver(&self, body: &Bytes) -> bool {
        let mut pause = WEBHOOK_BACKOFF_FIRST;
        for attempt in 1..=WEBHOOK_TRIES_MAX {
            if self.attempt(body.clone()).await {
                return true;
            }
            if attempt < WEBHOOK_TRIES_MAX {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
        }
        tracing::warn!(host = self.url.host_str(), "a webhook was given up");
        false
    }

    async fn attempt(&self, body: Bytes) -> bool {
        let mut request = self.client.post(self.url.clone()).header(CONTENT_TYPE, "application/json");
        if let Some(secret) = &self.secret {
            request = request.header(SIGNATURE_HEADER, signature(secret, &body));
        }
        match request.body(body).send().await {
            Ok(response) => response.status().is_success(),
            Err(error) => {
                tracing::debug!(error = %error.without_url(), "a webhook could not be delivered");
                false
            }
        }
    }
}

/// HMAC-SHA256 of the raw body, in lower-case hexadecimal digits.
fn signature(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

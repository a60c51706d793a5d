//! Webhook delivery: a queue and a task for each receiver, so that each gets its events in order, whatever the others do.
//!
//! Bodies are rendered when the event happens, under the lock; this module knows the receivers and what the fault rules do to
//! a delivery. Sending, retrying and counting is done by `postman`, in the manner of the provider. Juro's receivers are
//! registered here for the whole account; the other providers say with each delivery where it goes.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use sha2::Sha256;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::faults::{Action, Faults};
use crate::limits::{LANES_MAX, NAME_CHARS_MAX, WEBHOOK_ANSWER_MAX, WEBHOOK_QUEUE_MAX, WEBHOOK_TARGETS_MAX};
use crate::options::{Generation, WebhookTarget};
use crate::postman::{Manner, Outcomes, Parcel, Postman, Sender, pause_a_little};
use crate::wire::{Problem, clip};

/// The header that carries the signature of the raw body of Juro's webhooks.
const SIGNATURE_HEADER: &str = "x-juro-signature";

const JSON: &str = "application/json";

/// Juro documents neither retries nor a timeout: three tries with a doubling pause are the sandbox's choice.
static JURO: Manner = Manner {
    sender: Sender::Juro,
    acknowledged: |status| status.is_success(),
    answer_max: WEBHOOK_ANSWER_MAX,
    pause: pause_a_little,
    in_order: true,
};

/// All receivers and the tasks that serve them.
pub(crate) struct Courier {
    client: Client,
    runtime: Handle,
    targets: Vec<Target>,
    /// The queues of the other providers, by provider and host: their receivers' whole addresses may differ from contract
    /// to contract.
    lanes: BTreeMap<(Sender, String), mpsc::Sender<Parcel>>,
    workers: JoinSet<()>,
    outcomes: BTreeMap<Sender, Arc<Outcomes>>,
    speed: Arc<AtomicU32>,
}

/// A target of Juro's, and which events it wants.
struct Target {
    url: Url,
    secret: Option<String>,
    generation: Generation,
    /// `None` wants them all.
    events: Option<BTreeSet<String>>,
    queue: mpsc::Sender<Parcel>,
}

/// How many deliveries of a provider were acknowledged, how many tries were not, and how many deliveries were given up.
#[derive(Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) sent: u64,
    pub(crate) refused: u64,
    pub(crate) failed: u64,
}

/// What one provider wants delivered.
pub(crate) struct Letter {
    pub(crate) manner: &'static Manner,
    pub(crate) url: Url,
    pub(crate) media_type: &'static str,
    pub(crate) body: Bytes,
}

impl Letter {
    /// A JSON body.
    pub(crate) fn json(manner: &'static Manner, url: Url, body: &serde_json::Value) -> Self {
        Self { manner, url, media_type: JSON, body: body.to_string().into() }
    }
}

/// What the fault rules make of one delivery.
struct Fate {
    copies: usize,
    delay: Duration,
    overtaken: bool,
}

impl Fate {
    fn next(faults: &mut Faults) -> Self {
        let action = faults.next_delivery();
        Self {
            copies: match action {
                Some(Action::Lose) => 0,
                Some(Action::Duplicate) => 2,
                _ => 1,
            },
            delay: match action {
                Some(Action::Slow { ms }) => Duration::from_millis(ms),
                _ => Duration::ZERO,
            },
            overtaken: action == Some(Action::Reorder),
        }
    }
}

impl Courier {
    /// A courier without receivers; must be called inside the runtime. Fails when no TLS provider is installed in the
    /// process: the HTTP client cannot be built without one, although nothing here speaks TLS.
    pub(crate) fn new() -> io::Result<Self> {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            return Err(io::Error::other(
                "no rustls crypto provider is installed: call rustls::crypto::ring::default_provider().install_default() first",
            ));
        }
        let client = Client::builder().no_proxy().redirect(Policy::none()).build().map_err(io::Error::other)?;
        Ok(Self {
            client,
            runtime: Handle::current(),
            targets: Vec::new(),
            lanes: BTreeMap::new(),
            workers: JoinSet::new(),
            outcomes: BTreeMap::new(),
            speed: Arc::new(AtomicU32::new(1)),
        })
    }

    /// Lets the pauses between tries pass this many times faster than documented, from the next pause on.
    pub(crate) fn set_speed(&self, speed: u32) {
        self.speed.store(speed, Ordering::Relaxed);
    }

    /// Adds a target of Juro's and starts its task.
    pub(crate) fn register(&mut self, target: &WebhookTarget, events: Option<BTreeSet<String>>) -> Result<(), Problem> {
        let url = check_url(&target.url)?;
        if self.targets.len() >= WEBHOOK_TARGETS_MAX {
            return Err(Problem::bad(format!("at most {WEBHOOK_TARGETS_MAX} webhooks can be registered")));
        }
        let queue = self.hire(&JURO);
        let WebhookTarget { secret, generation, .. } = target.clone();
        self.targets.push(Target { url, secret, generation, events, queue });
        Ok(())
    }

    fn hire(&mut self, manner: &'static Manner) -> mpsc::Sender<Parcel> {
        let (queue, parcels) = mpsc::channel(WEBHOOK_QUEUE_MAX);
        let outcomes = Arc::clone(self.outcomes.entry(manner.sender).or_default());
        let postman = Postman { client: self.client.clone(), manner, outcomes, speed: Arc::clone(&self.speed) };
        self.workers.spawn_on(postman.run(parcels), &self.runtime);
        queue
    }

    /// Queues one event of Juro's for every target that wants it, as the fault rules have it.
    pub(crate) fn publish(&self, faults: &mut Faults, event: &str, render: impl Fn(Generation) -> Bytes) {
        for target in &self.targets {
            if target.events.as_ref().is_some_and(|wanted| !wanted.contains(event)) {
                continue;
            }
            let fate = Fate::next(faults);
            for _ in 0..fate.copies {
                let body = render(target.generation);
                let signature = target.secret.as_ref().map(|secret| (SIGNATURE_HEADER, signature(secret, &body)));
                let parcel = Parcel {
                    url: target.url.clone(),
                    media_type: JSON,
                    signature,
                    body,
                    delay: fate.delay,
                    overtaken: fate.overtaken,
                };
                self.queue(&target.queue, parcel, Sender::Juro);
            }
        }
    }

    /// Queues one delivery of another provider, as the fault rules have it.
    pub(crate) fn post(&mut self, faults: &mut Faults, letter: Letter) {
        let Letter { manner, url, media_type, body } = letter;
        let fate = Fate::next(faults);
        let lane = (manner.sender, url.authority().to_owned());
        if !self.lanes.contains_key(&lane) {
            if self.lanes.len() >= LANES_MAX {
                tracing::warn!("webhooks go to too many hosts");
                self.outcomes.entry(manner.sender).or_default().failed.fetch_add(1, Ordering::Relaxed);
                return;
            }
            let queue = self.hire(manner);
            self.lanes.insert(lane.clone(), queue);
        }
        let Some(queue) = self.lanes.get(&lane) else {
            return;
        };
        for _ in 0..fate.copies {
            let parcel = Parcel {
                url: url.clone(),
                media_type,
                signature: None,
                body: body.clone(),
                delay: fate.delay,
                overtaken: fate.overtaken,
            };
            self.queue(queue, parcel, manner.sender);
        }
    }

    fn queue(&self, queue: &mpsc::Sender<Parcel>, parcel: Parcel, sender: Sender) {
        if queue.try_send(parcel).is_err() {
            tracing::warn!("a webhook receiver's queue is full or closed");
            if let Some(outcomes) = self.outcomes.get(&sender) {
                outcomes.failed.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// One try at once, whose outcome is whether the receiver answered 200 in time.
    pub(crate) fn ping(
        &self,
        url: Url,
        media_type: &'static str,
        body: Bytes,
        timeout: Duration,
    ) -> impl Future<Output = bool> + Send + 'static {
        let request = self.client.post(url).header(CONTENT_TYPE, media_type).timeout(timeout).body(body);
        async move { request.send().await.is_ok_and(|response| response.status() == StatusCode::OK) }
    }

    /// What became of the deliveries of a provider so far.
    pub(crate) fn tally(&self, sender: Sender) -> Tally {
        let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
        self.outcomes.get(&sender).map_or_else(Tally::default, |outcomes| Tally {
            sent: count(&outcomes.sent),
            refused: count(&outcomes.refused),
            failed: count(&outcomes.failed),
        })
    }

    /// Stops every task; what is still queued is dropped.
    pub(crate) fn stop(&mut self) {
        self.targets.clear();
        self.lanes.clear();
        self.workers.abort_all();
    }
}

/// An address that the sandbox can deliver to.
pub(crate) fn check_url(text: &str) -> Result<Url, Problem> {
    if text.chars().count() > NAME_CHARS_MAX {
        return Err(Problem::bad(format!("url: at most {NAME_CHARS_MAX} characters")));
    }
    match Url::parse(text) {
        Ok(url) if url.scheme() == "http" => Ok(url),
        Ok(_) => Err(Problem::bad(format!("url: the sandbox delivers to http:// only, not to {}", clip(text)))),
        Err(error) => Err(Problem::bad(format!("url: {}: {error}", clip(text)))),
    }
}

/// HMAC-SHA256 of the raw body, in lower-case hexadecimal digits.
fn signature(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

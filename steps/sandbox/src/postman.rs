//! One receiver's queue of deliveries: sends, retries and counts them in the manner of the provider they come from.
//!
//! Follows no redirect, uses no proxy and speaks `http://` only. What is sent, and to whom, is decided in `delivery`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use bytes::Bytes;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Url};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::limits::{REORDER_HOLD, RETRIES_WAITING_MAX};

/// How a provider sends its webhooks.
pub(crate) struct Manner {
    /// Whose deliveries these are.
    pub(crate) sender: Sender,
    /// Which answers are an acknowledgement.
    pub(crate) acknowledged: fn(StatusCode) -> bool,
    /// How long one try may take.
    pub(crate) answer_max: Duration,
    /// The pause after that many failed tries, from 1; `None` when the delivery is given up.
    pub(crate) pause: fn(failures: u32) -> Option<Duration>,
    /// Whether later deliveries wait until this one has arrived or was given up.
    pub(crate) in_order: bool,
}

/// A provider that sends webhooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sender {
    Juro,
    Paperlex,
    ContractSignatures,
    DocJuris,
}

/// One delivery.
pub(crate) struct Parcel {
    pub(crate) url: Url,
    pub(crate) media_type: &'static str,
    /// One more header, with its value.
    pub(crate) signature: Option<(&'static str, String)>,
    pub(crate) body: Bytes,
    /// The time before the first try.
    pub(crate) delay: Duration,
    /// Whether the next delivery overtakes this one.
    pub(crate) overtaken: bool,
}

/// What became of the deliveries of one sender.
#[derive(Default)]
pub(crate) struct Outcomes {
    pub(crate) sent: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) failed: AtomicU64,
}

/// The task of one receiver.
#[derive(Clone)]
pub(crate) struct Postman {
    pub(crate) client: Client,
    pub(crate) manner: &'static Manner,
    pub(crate) outcomes: Arc<Outcomes>,
    /// How many times faster than documented the pauses pass.
    pub(crate) speed: Arc<AtomicU32>,
}

impl Postman {
    /// Delivers until the queue is closed.
    pub(crate) async fn run(self, mut parcels: mpsc::Receiver<Parcel>) {
        let mut retries = JoinSet::new();
        while let Some(parcel) = parcels.recv().await {
            if parcel.overtaken
                && let Ok(Some(faster)) = tokio::time::timeout(REORDER_HOLD, parcels.recv()).await
            {
                self.deliver(faster, &mut retries).await;
            }
            self.deliver(parcel, &mut retries).await;
            while retries.try_join_next().is_some() {}
        }
        while retries.join_next().await.is_some() {}
    }

    async fn deliver(&self, parcel: Parcel, retries: &mut JoinSet<()>) {
        tokio::time::sleep(parcel.delay).await;
        if self.attempt(&parcel).await {
            self.outcomes.sent.fetch_add(1, Ordering::Relaxed);
        } else if self.manner.in_order {
            self.persist(&parcel).await;
        } else if retries.len() < RETRIES_WAITING_MAX {
            let postman = self.clone();
            retries.spawn(async move { postman.persist(&parcel).await });
        } else {
            tracing::warn!(host = parcel.url.host_str(), "too many deliveries wait for their next try");
            self.outcomes.failed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Every try after a failed first one.
    async fn persist(&self, parcel: &Parcel) {
        let mut failures = 1;
        while let Some(pause) = (self.manner.pause)(failures) {
            tokio::time::sleep(pause / self.speed.load(Ordering::Relaxed).max(1)).await;
            if self.attempt(parcel).await {
                self.outcomes.sent.fetch_add(1, Ordering::Relaxed);
                return;
            }
            failures += 1;
        }
        tracing::warn!(host = parcel.url.host_str(), "a webhook was given up");
        self.outcomes.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// One try; whether it was acknowledged. One that was not is counted at once, whatever later tries bring.
    async fn attempt(&self, parcel: &Parcel) -> bool {
        let acknowledged = self.send(parcel).await;
        if !acknowledged {
            self.outcomes.refused.fetch_add(1, Ordering::Relaxed);
        }
        acknowledged
    }

    async fn send(&self, parcel: &Parcel) -> bool {
        let mut request = self.client.post(parcel.url.clone()).header(CONTENT_TYPE, parcel.media_type);
        if let Some((header, value)) = &parcel.signature {
            request = request.header(*header, value);
        }
        match request.timeout(self.manner.answer_max).body(parcel.body.clone()).send().await {
            Ok(response) => (self.manner.acknowledged)(response.status()),
            Err(error) => {
                tracing::debug!(error = %error.without_url(), "a webhook could not be delivered");
                false
            }
        }
    }
}

/// What the providers that document no retries do here: three tries, with a pause that doubles.
pub(crate) fn pause_a_little(failures: u32) -> Option<Duration> {
    use crate::limits::{WEBHOOK_BACKOFF_FIRST, WEBHOOK_TRIES_MAX};
    (failures < WEBHOOK_TRIES_MAX).then(|| WEBHOOK_BACKOFF_FIRST * 2_u32.pow(failures.saturating_sub(1)))
}

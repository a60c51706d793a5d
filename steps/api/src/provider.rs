//! A provider: a family of operations over one connection, and the reader of its webhooks.
//!
//! Besides its steps, a provider may count what a connection's month has left, set its webhooks up, and read again what it sent
//! while nobody listened. None of these decides anything about a run.

use crate::{Connection, Step, StepContext, StepError, Timestamp};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A family of operations over one kind of connection.
#[async_trait]
pub trait Provider: Send + Sync {
    /// As connections and `uses` name it: `juro`.
    fn name(&self) -> &str;

    /// All its operations.
    fn steps(&self) -> Vec<Arc<dyn Step>>;

    /// What is wrong with a connection's settings, all of it, in sentences; empty when it can be used.
    fn check_connection(&self, connection: &Connection) -> Vec<String>;

    /// Verifies the sender over the raw bytes, then reads what happened. Called before anything is kept or answered, so it
    /// must be quick and must do no IO.
    ///
    /// # Errors
    /// The sender is not who they should be, or the body is not the provider's.
    fn receive(&self, connection: &Connection, webhook: &RawWebhook<'_>) -> Result<Vec<IncomingEvent>, WebhookError>;

    /// How the provider wants to be answered when its events are kept.
    fn acknowledgement(&self) -> Acknowledgement;

    /// How many requests the connection has made in the month of `now`, and how many it has; None where nobody counts them.
    fn budget(&self, connection: &Connection, now: Timestamp) -> Option<Budget> {
        let _ = (connection, now);
        None
    }

    /// Adds what an earlier process has counted for a connection in a month.
    fn restore_budget(&self, connection: &Connection, month: &str, used: u64) {
        let _ = (connection, month, used);
    }

    /// How often what it sent is to be read again, in milliseconds; None where it cannot be.
    fn feed_every_ms(&self) -> Option<u64> {
        None
    }

    /// Reads what the provider has sent since a time, as far as it keeps that: the same events, with the same `dedupe`, that
    /// [`Provider::receive`] makes of deliveries. None as `since` means everything that may still matter.
    ///
    /// # Errors
    /// The provider could not be asked.
    async fn replay(&self, context: &StepContext, since: Option<Timestamp>) -> Result<Replayed, StepError> {
        let _ = (context, since);
        Ok(Replayed::default())
    }

    /// Sees to it that the provider delivers its webhooks to the connection's own address, or says how people do it. `known`
    /// is what the caller remembers of what it has created: ids, each with its [`ProvisionedHook::address`].
    ///
    /// # Errors
    /// The provider could not be asked, or refused; what was done before is told by the next look.
    async fn provision(
        &self,
        context: &StepContext,
        act: ProvisionAct,
        known: &BTreeMap<String, String>,
    ) -> Result<Provisioned, StepError> {
        let _ = (context, act, known);
        Ok(Provisioned::default())
    }
}

/// The requests of one connection in one month of UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// `2026-11`.
    pub month: String,
    /// Requests that have left this engine.
    pub used: u64,
    /// How many there are; None where no limit is known for the connection.
    pub limit: Option<u64>,
    /// When the count begins anew.
    pub resets_at: Timestamp,
    /// Waits that have looked by themselves of late.
    pub polling: u64,
    /// The shortest pause between two looks of one wait that the rest of the month has room for, in milliseconds.
    pub poll_pause_ms: u64,
}

/// What was read again.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Replayed {
    /// The events, in the order in which they were listed.
    pub events: Vec<IncomingEvent>,
    /// From when the next reading has to start; None where nothing has a time.
    pub next: Option<Timestamp>,
}

/// What is to be done about the places where webhooks are delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProvisionAct {
    /// Look, and change nothing.
    Look,
    /// Create what is missing. `unlisted`: also where the provider cannot say what is there.
    Ensure {
        /// Whether to create what cannot be looked up before.
        unlisted: bool,
    },
    /// Take away what leads to the connection's address.
    Remove,
}

/// How a connection's webhooks are set up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provisioned {
    /// What each set-up is for: `type`, `contract`, `team`, `account` or `manual`. Empty where there are no webhooks.
    pub per: String,
    /// What people have to do or to know.
    pub instructions: Option<String>,
    /// Each set-up that there is or should be.
    pub hooks: Vec<ProvisionedHook>,
}

/// One set-up of webhooks at a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProvisionedHook {
    /// The kinds of events that it is for.
    pub events: Vec<String>,
    /// The provider's id of it.
    pub id: Option<String>,
    /// How it stands.
    pub standing: HookStanding,
    /// The digest of the address that it was created with, to be remembered: some providers do not say where theirs lead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// How a set-up of webhooks stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HookStanding {
    /// It is there and leads to the connection's address.
    Present,
    /// It is there, the provider does not say where it leads, and it is none that was created here: somebody else's, perhaps.
    AddressUntold,
    /// It is there and leads somewhere else.
    Elsewhere,
    /// It is not there.
    Missing,
    /// The provider cannot say whether it is there.
    Unlisted,
    /// It has just been created.
    Created,
    /// It has just been taken away.
    Removed,
}

/// A webhook as it came.
#[derive(Clone, Copy, Debug)]
pub struct RawWebhook<'a> {
    /// Header names in lower case, with their values.
    pub headers: &'a [(String, String)],
    /// The body's bytes, unchanged.
    pub body: &'a [u8],
    /// When it came: what a signature that ages is measured by.
    pub received_at: Timestamp,
}

/// What a webhook says. It is a hint: unless its sender is verified and the manifest trusts it, it only wakes steps.
#[derive(Clone, Debug, PartialEq)]
pub struct IncomingEvent {
    /// The same for every delivery of it, within the connection.
    pub dedupe: String,
    /// What happened, in the provider's words: `contract.signed`.
    pub kind: String,
    /// What it is about: the id that awaits correlate by. Topics are made of the connection and this.
    pub correlation: String,
    /// The body as JSON.
    pub data: serde_json::Value,
}

/// How a provider wants to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    /// The HTTP status.
    pub status: u16,
}

/// Why a webhook is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// The sender is not verified: answered with 401, nothing kept.
    #[error("the sender cannot be verified: {0}")]
    Unverified(String),
    /// The body is not the provider's: answered with 400, nothing kept.
    #[error("this is no webhook of the provider: {0}")]
    Malformed(String),
}

//! A provider: a family of operations over one connection, and the reader of its webhooks.

use crate::{Connection, Step};
use std::sync::Arc;

/// A family of operations over one kind of connection.
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
}

/// A webhook as it came.
#[derive(Clone, Copy, Debug)]
pub struct RawWebhook<'a> {
    /// Header names in lower case, with their values.
    pub headers: &'a [(String, String)],
    /// The body's bytes, unchanged.
    pub body: &'a [u8],
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

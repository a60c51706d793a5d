//! A named connection: which provider, with which settings and secrets. Configuration, never part of a workflow.

use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;
use url::Url;

/// One entry of `connections:` in `engross.yaml`, its secrets read.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Its name; the provider's own name unless a team has several.
    pub name: String,
    /// The provider: a manifest's name.
    pub provider: String,
    /// Where requests go instead of where the manifest says: a sandbox, a self-hosted server.
    pub base_url: Option<Url>,
    /// Everything else under the entry: `api_key`, `account_id`.
    pub settings: BTreeMap<String, Setting>,
    /// How the provider's webhooks are received.
    pub webhook: WebhookSettings,
    /// How many requests may be under way at once.
    pub concurrency: usize,
    /// How long a request whose answer was lost may still be on its way, in milliseconds: only after that is a look that does
    /// not find its effect believed.
    pub settle_ms: u64,
}

impl Connection {
    /// The settle time of connections that do not say otherwise.
    pub const SETTLE_MS: u64 = 30_000;
}

impl Connection {
    /// A setting's text, secret or not.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings.get(name).map(Setting::expose)
    }
}

/// One setting of a connection.
#[derive(Clone, Debug)]
pub enum Setting {
    /// May be shown.
    Plain(String),
    /// Must never be shown; prints as `[REDACTED]`.
    Secret(SecretString),
}

impl Setting {
    /// The text itself. Callers send it where the manifest says, and nowhere else.
    pub fn expose(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Secret(secret) => secret.expose_secret(),
        }
    }

    /// Whether it must never be shown.
    pub fn is_secret(&self) -> bool {
        matches!(self, Self::Secret(_))
    }
}

/// How a connection's webhooks are received.
#[derive(Clone, Debug, Default)]
pub struct WebhookSettings {
    /// The unguessable part of the path, `/hooks/{connection}/{token}`. Made up and kept by the engine where it is not given.
    pub token: Option<SecretString>,
    /// The whole address that providers deliver to, its token included. Set by whoever knows where the engine can be reached;
    /// None where nobody does.
    pub url: Option<SecretString>,
    /// What signs or accompanies each delivery, when the provider is set up so.
    pub secret: Option<SecretString>,
    /// The header it comes in, where that differs from the manifest.
    pub header: Option<String>,
    /// How it is used: `hmac_sha256_hex`, `plain`, `ed25519_base64` and others that the provider knows; the manifest's own way
    /// where it is not given.
    pub scheme: Option<String>,
}

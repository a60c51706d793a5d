//! What a sandbox is started with. Plain data: nothing here opens a socket or checks more than its own shape.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::Deserialize;

use crate::faults::Faults;

/// The username of DocJuris, which its documents call the account id.
pub const DOCJURIS_ACCOUNT_ID: &str = "sandbox-account";

/// The public token of Paperlex's simple signatures. It is public by design, so it is the same in every sandbox.
pub const PAPERLEX_PUBLIC_TOKEN: &str = "sandbox-public-token";

/// The token of Paperlex's "remote signature program", which alone may place signatures through the API. An official client
/// knows the endpoint; the documents do not.
pub const PAPERLEX_SIGNATURE_TOKEN: &str = "sandbox-signature-token";

/// A provider that the sandbox emulates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Emulated {
    /// Juro, the generation with flat bodies and approvals.
    JuroV2,
    /// Juro, the generation with signing sides.
    JuroV3,
    /// Paperlex v1.
    Paperlex,
    /// Contract Signatures for Confluence and Jira.
    ContractSignatures,
    /// DocJuris v1.
    DocJuris,
}

impl Emulated {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::JuroV2, Self::JuroV3, Self::Paperlex, Self::ContractSignatures, Self::DocJuris];

    /// What a client is set up with, by the names that the documents use, where the sandbox has this key: credentials, and what
    /// the account has from the start.
    #[must_use]
    pub fn account(self, key: &str) -> Vec<(&'static str, String)> {
        let pairs: &[(&str, &str)] = match self {
            Self::JuroV2 | Self::ContractSignatures => &[("api_key", key)],
            Self::JuroV3 => &[("api_key", key), ("team_id", crate::juro::TEAM_ID)],
            Self::Paperlex => &[("token", key), ("public_token", PAPERLEX_PUBLIC_TOKEN)],
            Self::DocJuris => &[("account_id", DOCJURIS_ACCOUNT_ID), ("api_key", key)],
        };
        pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
    }

    /// The start of its paths, without a trailing slash.
    #[must_use]
    pub fn mount(self) -> &'static str {
        match self {
            Self::JuroV2 => crate::juro::v2::PROVIDER.mount,
            Self::JuroV3 => crate::juro::v3::PROVIDER.mount,
            Self::Paperlex => crate::paperlex::PROVIDER.mount,
            Self::ContractSignatures => crate::contract_signatures::PROVIDER.mount,
            Self::DocJuris => crate::docjuris::PROVIDER.mount,
        }
    }
}

/// How to start a sandbox. `Options::default()` listens on a free loopback port, with the key `sandbox-key`, no webhooks,
/// no automatic signer and no faults.
#[derive(Clone)]
pub struct Options {
    /// Where to listen; port 0 takes a free one, which [`crate::Sandbox::addr`] tells.
    pub listen: SocketAddr,
    /// The key, token or password of every provider's account, which each takes in a place of its own.
    pub api_key: String,
    /// Juro's targets that are registered from the start; more can be added over HTTP.
    pub webhooks: Vec<WebhookTarget>,
    /// Whether the sandbox signs by itself what was sent for signing.
    pub auto_sign: AutoSign,
    /// Scripted misbehaviour that is in force from the first request on.
    pub faults: Faults,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            api_key: "sandbox-key".to_owned(),
            webhooks: Vec::new(),
            auto_sign: AutoSign::Never,
            faults: Faults::default(),
        }
    }
}

/// One receiver of webhooks.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookTarget {
    /// An `http://` URL. The sandbox speaks no TLS as a client, so `https://` is refused.
    pub url: String,
    /// When present, each delivery carries the HMAC-SHA256 of its raw body under this secret, in lower-case hex, in the
    /// header `x-juro-signature`. Juro documents neither header nor algorithm; this is the sandbox's choice.
    #[serde(default)]
    pub secret: Option<String>,
    /// Which body shape the target gets; v3 when not said.
    #[serde(default)]
    pub generation: Generation,
}

/// Which of Juro's two incompatible API generations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Generation {
    /// `api.juro.io/v2`.
    V2,
    /// `api.juro.com/v3`.
    #[default]
    V3,
}

/// The sandbox's own signer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AutoSign {
    /// Nobody signs unless a test or a person does.
    #[default]
    Never,
    /// Every signature that is asked for and still open is signed this long after an accepted send.
    AfterSend {
        /// The time from the accepted send to the signatures.
        delay: Duration,
    },
}

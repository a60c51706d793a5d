//! What happened in the sandbox so far, as numbers that a test can compare exactly. Only counts; nothing decides by them.

use serde::{Deserialize, Serialize};

/// Totals since the sandbox started. What stands here directly is Juro's, of both generations; the other providers have
/// their own. A request's effect and its counts change under one lock, so a snapshot never shows one without the other; the
/// three counts of deliveries change when a try or a delivery ends, in the background.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Contracts created through an API.
    pub contracts_created: u64,
    /// Contracts deleted through an API.
    pub contracts_deleted: u64,
    /// Accepted changes of a contract's name, fields, parties or tables.
    pub updates: u64,
    /// Accepted sends for signing: one per accepted request, however many signatures it covers.
    pub signing_requests: u64,
    /// Signatures placed, by the API, the page, the automatic signer or a test.
    pub signatures: u64,
    /// PDFs served through an API (not through a public link).
    pub pdf_downloads: u64,
    /// Approval processes started.
    pub approvals_requested: u64,
    /// Deliveries that a webhook target acknowledged with a 2xx.
    pub webhooks_sent: u64,
    /// Tries of a delivery that were not acknowledged: refused, too slow, or nobody listened. Each is counted when it ends,
    /// also while more tries follow.
    #[serde(default)]
    pub webhooks_refused: u64,
    /// Deliveries given up after the last try, or because a target's queue was full.
    pub webhooks_failed: u64,
    /// Requests to the provider's mount, whatever the answer.
    pub requests: u64,
    /// Those of them that were answered with a status of 400 or more, scripted ones included.
    pub rejected: u64,
    /// What happened at Paperlex.
    #[serde(default)]
    pub paperlex: ProviderCounters,
    /// What happened at Contract Signatures.
    #[serde(default)]
    pub contract_signatures: ProviderCounters,
    /// What happened at DocJuris.
    #[serde(default)]
    pub docjuris: ProviderCounters,
}

/// Totals of one provider. A count that a provider has no operation for stays zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderCounters {
    /// Contracts created through the API.
    pub contracts_created: u64,
    /// Contracts deleted through the API.
    pub contracts_deleted: u64,
    /// Accepted changes of a contract's content, signers or responses, reverts and archivings.
    pub updates: u64,
    /// Accepted requests that put a contract before people: review sessions created (Paperlex), contracts created
    /// (Contract Signatures).
    pub sends: u64,
    /// Signatures placed, by whatever way.
    pub signatures: u64,
    /// Documents served through the API: rendered contracts (Paperlex), files of contracts and turns (DocJuris).
    pub downloads: u64,
    /// Turns added through the API after a contract's first (DocJuris).
    pub turns_added: u64,
    /// Documents staged for a person (DocJuris).
    pub imports: u64,
    /// Deliveries that a receiver acknowledged as the provider demands.
    pub webhooks_sent: u64,
    /// Tries of a delivery that were not acknowledged: refused, too slow, or nobody listened. Each is counted when it ends,
    /// also while more tries follow.
    #[serde(default)]
    pub webhooks_refused: u64,
    /// Deliveries given up after the last try, or because a queue was full.
    pub webhooks_failed: u64,
    /// Requests to the provider's mount, whatever the answer.
    pub requests: u64,
    /// Those of them that were answered with a status of 400 or more, scripted ones included.
    pub rejected: u64,
}

impl ProviderCounters {
    /// Counts one request.
    pub(crate) fn request(&mut self, rejected: bool) {
        self.requests += 1;
        self.rejected += u64::from(rejected);
    }
}

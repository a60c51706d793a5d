//! Everything the sandbox remembers, behind one lock, with the sources of time and names that make it reproducible.
//!
//! A handler gets the whole world mutably and returns without waiting for anything, so an effect, its counts and its
//! webhooks are one step to everybody else. Nothing in here may await.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use jiff::fmt::rfc2822::DateTimePrinter;
use jiff::{SignedDuration, Timestamp};
use sha2::Sha256;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

use crate::accounts::Accounts;
use crate::counters::{Counters, ProviderCounters};
use crate::delivery::Courier;
use crate::faults::Faults;
use crate::postman::Sender;
use crate::wire::Problem;
use crate::{contract_signatures, docjuris, juro, paperlex};

/// The one lock.
pub(crate) struct Shared {
    world: Mutex<World>,
}

impl Shared {
    pub(crate) fn new(world: World) -> Self {
        Self { world: Mutex::new(world) }
    }

    /// The world. A handler that panicked cannot have left more than its own contract half changed, and a test is better
    /// served by the other contracts than by a second panic.
    pub(crate) fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The state of every emulated provider and what they share.
pub(crate) struct World {
    /// `http://ADDR`, the start of every URL in a reply.
    pub(crate) origin: String,
    pub(crate) api_key: String,
    pub(crate) accounts: Accounts,
    pub(crate) counters: Counters,
    pub(crate) faults: Faults,
    pub(crate) clock: Clock,
    pub(crate) names: Names,
    pub(crate) courier: Courier,
    pub(crate) auto_signer: Option<AutoSigner>,
    pub(crate) juro: juro::Account,
    pub(crate) paperlex: paperlex::Account,
    pub(crate) docjuris: docjuris::Account,
    pub(crate) contract_signatures: contract_signatures::Account,
}

impl World {
    /// The counters, with what the background deliveries have added since.
    pub(crate) fn counters(&self) -> Counters {
        let tally = self.courier.tally(Sender::Juro);
        Counters {
            webhooks_sent: tally.sent,
            webhooks_refused: tally.refused,
            webhooks_failed: tally.failed,
            paperlex: self.delivered(self.counters.paperlex, Sender::Paperlex),
            contract_signatures: self.delivered(self.counters.contract_signatures, Sender::ContractSignatures),
            docjuris: self.delivered(self.counters.docjuris, Sender::DocJuris),
            ..self.counters
        }
    }

    fn delivered(&self, counters: ProviderCounters, sender: Sender) -> ProviderCounters {
        let tally = self.courier.tally(sender);
        ProviderCounters {
            webhooks_sent: tally.sent,
            webhooks_refused: tally.refused,
            webhooks_failed: tally.failed,
            ..counters
        }
    }

    /// Arms the automatic signer for a contract that was just sent, if there is one.
    pub(crate) fn sent_for_signing(&self, sign: SignOutstanding, contract_id: &str) {
        let due = |delay| Due { at: Instant::now() + delay, sign, contract_id: contract_id.to_owned() };
        if let Some(signer) = &self.auto_signer
            && signer.queue.send(due(signer.delay)).is_err()
        {
            tracing::debug!(contract_id, "the automatic signer has stopped");
        }
    }
}

/// The way to the task that signs by itself. The delay is the same for all, so the queue is in order of time.
pub(crate) struct AutoSigner {
    pub(crate) delay: Duration,
    pub(crate) queue: UnboundedSender<Due>,
}

/// Signs a contract for everyone who was asked and has not signed, and says how many that were.
pub(crate) type SignOutstanding = fn(&mut World, &str) -> Result<usize, Problem>;

/// A contract that the automatic signer shall sign.
pub(crate) struct Due {
    pub(crate) at: Instant,
    pub(crate) sign: SignOutstanding,
    pub(crate) contract_id: String,
}

/// Wall-clock time that never stands still: two changes never share a millisecond, because clients tell two events apart by
/// `updatedDate` alone (Juro sends no event id). It can be told to be wrong.
#[derive(Default)]
pub(crate) struct Clock {
    last_ms: i64,
    offset: SignedDuration,
    date_offset: SignedDuration,
}

impl Clock {
    /// The time of the next change.
    pub(crate) fn tick(&mut self) -> Timestamp {
        let now = Timestamp::now().saturating_add(self.offset).unwrap_or(Timestamp::MAX);
        self.last_ms = now.as_millisecond().max(self.last_ms.saturating_add(1));
        Timestamp::from_millisecond(self.last_ms).unwrap_or(Timestamp::MAX)
    }

    /// Lets the clock be so much fast, or slow where it is negative. `date` is the same of the clock that the header `Date` of
    /// replies is taken from, which with a real provider may be another machine's.
    pub(crate) fn set_wrong(&mut self, offset: SignedDuration, date: SignedDuration) {
        // What was made before keeps its times, and what is made next may be earlier.
        *self = Self { last_ms: 0, offset, date_offset: date };
    }

    /// What the header `Date` of a reply says now; nothing where it is right, as the server then says it by itself.
    pub(crate) fn date(&self) -> Option<String> {
        let now = (!self.date_offset.is_zero()).then(|| Timestamp::now().saturating_add(self.date_offset))?.ok()?;
        DateTimePrinter::new().timestamp_to_rfc9110_string(&now).ok()
    }
}

/// Names for new things: ids that count, and tokens that cannot be guessed.
pub(crate) struct Names {
    epoch: i64,
    ids: u64,
    secret: [u8; 32],
    tokens: u64,
}

impl Names {
    pub(crate) fn new() -> Self {
        let mut secret = [0_u8; 32];
        for part in secret.chunks_exact_mut(8) {
            // The standard library seeds each state from the system's randomness; it is the only source at hand, and the
            // tokens guard made-up contracts.
            part.copy_from_slice(&RandomState::new().build_hasher().finish().to_le_bytes());
        }
        Self { epoch: Timestamp::now().as_second(), ids: 0, secret, tokens: 0 }
    }

    /// 24 hexadecimal digits like Juro's: the second the sandbox started, then a counter. Ids sort in order of creation and
    /// do not come back after a restart.
    pub(crate) fn id(&mut self) -> String {
        self.ids += 1;
        format!("{:08x}{:016x}", self.epoch, self.ids)
    }

    /// 16 hexadecimal digits like Paperlex's, which sort and last as [`Names::id`] does.
    pub(crate) fn short_id(&mut self) -> String {
        self.ids += 1;
        format!("{:08x}{:08x}", self.epoch, self.ids)
    }

    /// A UUID of version 4 in form, which sorts and lasts as [`Names::id`] does.
    pub(crate) fn uuid(&mut self) -> String {
        self.ids += 1;
        format!("{:08x}-0000-4000-8000-{:012x}", self.epoch, self.ids)
    }

    /// 32 hexadecimal digits that cannot be guessed from others.
    pub(crate) fn token(&mut self) -> String {
        self.tokens += 1;
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).expect("HMAC takes a key of any length");
        mac.update(&self.tokens.to_le_bytes());
        let mut token = hex::encode(mac.finalize().into_bytes());
        token.truncate(32);
        token
    }
}

/// A time as Juro writes it: UTC, milliseconds, `Z`.
pub(crate) fn iso(time: Timestamp) -> String {
    format!("{time:.3}")
}

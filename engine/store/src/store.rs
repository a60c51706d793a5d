//! The contract between the runtime and whatever keeps its facts. Plain data in, plain data out.

use crate::limits::CLOCK_BACK_MS_MAX;
use engross_core::{
    EventId, PlanDefinition, PlanDigest, ReceivedEvent, Record, RunId, RunStatus, StepId, Subscription, Summary,
    TimerId, Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a store answers.
pub type Result<T> = std::result::Result<T, Error>;

/// Keeps facts. Every method may block on the disk or the network: callers are on threads made for that.
///
/// # The contract
/// - [`Store::write`] is atomic and durable: when it returns, every write it accepted survives a power cut, and none of the
///   refused ones has left a trace. Writes of one call are applied in order; a later one sees the earlier ones.
/// - A run's journal is dense from 1. A commit whose `expected_seq` is not the journal's last number is refused, and so is
///   one whose records do not follow on from it or whose head is not at its last record.
/// - A run's key is claimed by its first commit. It is held while the run is open, and for ever once it has succeeded: a second
///   start with it attaches to that run. After any other end ([`RunHead::holds_its_key`]) the next start with it claims it.
///   When such a run is opened again, its key is claimed anew.
/// - A run that has left for the archive, which a mark says ([`crate::archive::is_archived`]), never comes to be a second time:
///   every commit for it is refused as [`Conflict::Archived`] as long as the mark is there.
/// - Index rows of one commit: what is cleared goes first, so that what is set stays.
/// - In a store that several processes share, a commit whose `fence` is older than the run's lease is refused.
/// - Reads see everything that an earlier `write` accepted.
/// - An error means that nothing is known about the writes of that call, and the caller stops. The exceptions are the
///   refusals ([`Error::is_refusal`]): a value that is too large or too deep to be kept. They come before anything of the
///   call is written, and the store is well.
/// - What is read is what was written, to the last bit; what is not is [`Error::Damaged`].
pub trait Store: Send + Sync {
    /// Applies the writes that fit, as one atomic batch, and makes them durable. One answer per write, in order.
    ///
    /// # Errors
    /// The store is broken or out of reach.
    fn write(&self, writes: &[Write]) -> Result<Vec<std::result::Result<(), Conflict>>>;

    /// A run's head.
    ///
    /// # Errors
    /// The store is broken or out of reach; so for all reads.
    fn head(&self, run: &RunId) -> Result<Option<RunHead>>;

    /// Up to `limit` records of a run's journal after number `after`, in order.
    ///
    /// # Errors
    /// As `head`.
    fn journal(&self, run: &RunId, after: u64, limit: usize) -> Result<Vec<Record>>;

    /// Heads of runs, newest first.
    ///
    /// # Errors
    /// As `head`.
    fn runs(&self, query: &RunQuery) -> Result<Vec<RunHead>>;

    /// The run that holds a workflow's key.
    ///
    /// # Errors
    /// As `head`.
    fn run_by_key(&self, workflow: &str, key: &str) -> Result<Option<RunId>>;

    /// A plan by its digest.
    ///
    /// # Errors
    /// As `head`.
    fn plan(&self, digest: &PlanDigest) -> Result<Option<StoredPlan>>;

    /// Up to `limit` timers due at or before `until`, earliest first, and the time of the first one after those. Timers of
    /// one time come in the order of [`Timer`].
    ///
    /// # Errors
    /// As `head`.
    fn due(&self, until: Timestamp, limit: usize) -> Result<DueTimers>;

    /// Every wait for a topic, in the order of [`WaitRow`].
    ///
    /// # Errors
    /// As `head`.
    fn waits(&self, topic: &str) -> Result<Vec<WaitRow>>;

    /// Events of the inbox, in the order of their time of receipt, then of their ids.
    ///
    /// # Errors
    /// As `head`.
    fn inbox(&self, query: &InboxQuery) -> Result<Vec<InboxEntry>>;

    /// The value of a mark.
    ///
    /// # Errors
    /// As `head`.
    fn mark(&self, name: &str) -> Result<Option<Value>>;

    /// Every mark whose name begins like this, in the order of the names.
    ///
    /// # Errors
    /// As `head`.
    fn marks(&self, prefix: &str) -> Result<Vec<(String, Value)>>;

    /// Up to `limit` ids of settled events that were received before a time, oldest first: what [`Write::Forget`] may remove.
    ///
    /// # Errors
    /// As `head`.
    fn settled(&self, before: Timestamp, limit: usize) -> Result<Vec<EventId>>;

    /// Up to `limit` heads of all runs that come after this one, oldest first. This and the other whole scans are for checks
    /// and exports: each has an order that is always the same, so that a reader who asks for what comes after the last one
    /// misses nothing that was there all the time. Names longer than [`crate::limits::KEY_TEXT_BYTES_MAX`] may come in
    /// another order than that of their text.
    ///
    /// # Errors
    /// As `head`.
    fn all_runs(&self, after: Option<&RunId>, limit: usize) -> Result<Vec<RunHead>>;

    /// Up to `limit` plans after this one, in the order of their digests.
    ///
    /// # Errors
    /// As `head`.
    fn all_plans(&self, after: Option<&PlanDigest>, limit: usize) -> Result<Vec<StoredPlan>>;

    /// Up to `limit` timers after this one, in the order of [`Timer`].
    ///
    /// # Errors
    /// As `head`.
    fn all_timers(&self, after: Option<&Timer>, limit: usize) -> Result<Vec<Timer>>;

    /// Up to `limit` waits after this one, in an order of the store's own: one has them by run, another by topic.
    ///
    /// # Errors
    /// As `head`.
    fn all_waits(&self, after: Option<&WaitRow>, limit: usize) -> Result<Vec<WaitRow>>;

    /// Up to `limit` events of the inbox after this one, in the order of their ids.
    ///
    /// # Errors
    /// As `head`.
    fn all_events(&self, after: Option<&EventId>, limit: usize) -> Result<Vec<InboxRow>>;

    /// The time of the newest record and the newest event's receipt that was ever written, as far as the clock was believed:
    /// one that is more than [`crate::limits::CLOCK_BACK_MS_MAX`] earlier takes its place, because the clock was wrong before
    /// and has been set right. None when nothing that has a time was written.
    ///
    /// # Errors
    /// As `head`.
    fn latest(&self) -> Result<Option<Timestamp>>;

    /// Whether as much is there as was written, for stores that count it. Nothing may be written meanwhile.
    ///
    /// # Errors
    /// [`crate::Error::Damaged`] with what is missing; else as `head`.
    fn check_counts(&self) -> Result<()> {
        Ok(())
    }
}

/// What the newest time is after these writes, of which those count that were accepted.
pub(crate) fn newest<'w>(
    held: Option<Timestamp>,
    writes: impl IntoIterator<Item = (&'w Write, &'w std::result::Result<(), Conflict>)>,
) -> Option<Timestamp> {
    let times = writes.into_iter().filter(|(_, answer)| answer.is_ok()).filter_map(|(write, _)| write.at());
    times.fold(held, |held, at| match held {
        Some(held) if at < held && held.ms_since(at) <= CLOCK_BACK_MS_MAX => Some(held),
        _ => Some(at),
    })
}

/// One thing to be written.
#[derive(Clone, Debug)]
pub enum Write {
    /// A run's turn.
    Run(Box<Commit>),
    /// An event from outside. Refused as [`Conflict::Duplicate`] when its id is there already.
    Inbox(InboxEntry),
    /// Every wait that wanted this event has been told. Nothing happens when it is said twice or of an unknown event.
    Matched(EventId),
    /// A small value under a name of its own, where a feed or a schedule notes how far it has come and a connection counts.
    /// The last write wins.
    Mark {
        /// Its name: `feed/crm/cursor`.
        name: String,
        /// What stands there from now on; none removes it.
        value: Option<Value>,
    },
    /// A run that is over goes: its head, its journal, its place in lists. What it holds for ever, the key of a run that
    /// succeeded, stays. Refused as [`Conflict::Open`] when it is not over. Nothing happens when it is not there.
    Remove(RunId),
    /// An event goes from the inbox; the same event would be taken for a new one if it came again. Refused as
    /// [`Conflict::Open`] when it is not settled. Nothing happens when it is not there.
    Forget(EventId),
}

impl Write {
    /// When it was decided or received, for what has a time.
    fn at(&self) -> Option<Timestamp> {
        match self {
            Self::Run(commit) => commit.records.last().map(|record| record.at),
            Self::Inbox(entry) => Some(entry.event.received_at),
            Self::Matched(_) | Self::Mark { .. } | Self::Remove(_) | Self::Forget(_) => None,
        }
    }
}

/// A run's turn: its new facts, and the index rows that follow from its new state.
#[derive(Clone, Debug)]
pub struct Commit {
    /// The run.
    pub run: RunId,
    /// The number of the journal's last record before this; 0 for a new run.
    pub expected_seq: u64,
    /// The lease under which the writer holds the run; 0 where there are no leases.
    pub fence: u64,
    /// The new records, numbered from `expected_seq + 1`. May be empty only together with changed index rows.
    pub records: Vec<Record>,
    /// The head that lists show, as of the last record.
    pub head: RunHead,
    /// The plan, with a run's first commit. Kept once per digest.
    pub plan: Option<StoredPlan>,
    /// Timers that are armed now.
    pub timers_set: Vec<Timer>,
    /// Timers that were armed and are not any more.
    pub timers_cleared: Vec<Timer>,
    /// Waits that are held now.
    pub waits_set: Vec<WaitRow>,
    /// Waits that were held and are not any more.
    pub waits_cleared: Vec<WaitRow>,
    /// Marks that change together with the run, as in [`Write::Mark`].
    pub marks: Vec<(String, Option<Value>)>,
}

impl Commit {
    /// Whether this commit follows on from a journal that ends at `actual`.
    pub(crate) fn fits(&self, actual: u64) -> std::result::Result<(), Conflict> {
        if self.expected_seq != actual {
            return Err(Conflict::Sequence { expected: self.expected_seq, actual });
        }
        let mut last = actual;
        for record in &self.records {
            if last.checked_add(1) != Some(record.seq) {
                return Err(Conflict::Sequence { expected: record.seq.saturating_sub(1), actual: last });
            }
            last = record.seq;
        }
        if self.head.seq != last {
            return Err(Conflict::Sequence { expected: self.head.seq, actual: last });
        }
        Ok(())
    }

    /// Whether this commit asks for the run's key: the first one does, and one that opens a run again that had let go of it.
    pub(crate) fn claims_its_key(&self, held: Option<&RunHead>) -> bool {
        held.is_none_or(|held| !held.holds_its_key() && self.head.holds_its_key())
    }
}

/// Why a write was refused. Nothing of it was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// Somebody else has written to the run since it was read.
    #[error("the run's journal is at {actual}, not at {expected}")]
    Sequence {
        /// What the writer thought.
        expected: u64,
        /// What is.
        actual: u64,
    },
    /// Another run holds the key that this run asks for, because it is new or is to be opened again.
    #[error("run {holder} holds this key")]
    KeyTaken {
        /// The other run.
        holder: RunId,
    },
    /// The run has left for the archive, and nothing is added to it any more.
    #[error("the run is in the archive")]
    Archived,
    /// The event is in the inbox already.
    #[error("the event is there already")]
    Duplicate,
    /// The writer's lease on the run is over.
    #[error("another process has taken the run over")]
    Fenced,
    /// What is to be removed is still needed: the run is not over, or a wait may still want the event.
    #[error("it is still needed: only a run that is over and an event that is settled can be removed")]
    Open,
}

/// The store cannot do what it must.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The disk or the database refused.
    #[error("the store failed: {0}")]
    Io(String),
    /// What is stored is not what was written.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// Another process holds the directory.
    #[error("{directory} is held by {holder}")]
    Held {
        /// The data directory.
        directory: String,
        /// Who holds it, in words.
        holder: String,
    },
    /// What was asked for cannot be done at this moment. Nothing has changed.
    #[error("{0}")]
    NotNow(&'static str),
    /// A value larger than a store may hold. Nothing of the call was written.
    #[error("{what} has {bytes} bytes, more than the {max} that are kept")]
    TooLarge {
        /// What it is.
        what: &'static str,
        /// Its size.
        bytes: usize,
        /// The bound.
        max: usize,
    },
    /// A value nested so deeply that it could be written and never be read again. Nothing of the call was written.
    #[error("{what} is nested {levels} levels deep, more than the {max} that can be read back")]
    TooDeep {
        /// What it is.
        what: &'static str,
        /// How deep it is.
        levels: usize,
        /// The bound.
        max: usize,
    },
}

impl Error {
    /// Whether the store only refused this call, wrote nothing of it, and is well.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::NotNow(_) | Self::TooLarge { .. } | Self::TooDeep { .. } => true,
            Self::Io(_) | Self::Damaged(_) | Self::Held { .. } => false,
        }
    }
}

/// What lists show of a run. Derived from its journal; a store never computes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunHead {
    /// The run.
    pub run: RunId,
    /// The workflow's name.
    pub workflow: String,
    /// The run's title.
    pub title: String,
    /// The key it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Its plan.
    pub plan: PlanDigest,
    /// How it stands.
    pub status: RunStatus,
    /// What it is doing, finer than that.
    pub summary: Summary,
    /// When it was started.
    pub started_at: Timestamp,
    /// When its last record was decided.
    pub updated_at: Timestamp,
    /// The number of its last record.
    pub seq: u64,
    /// What is under way, for people: `approve waits for a decision`.
    #[serde(default)]
    pub doing: String,
}

impl RunHead {
    /// Whether a start with the run's key attaches to it. A run that came to nothing does not keep its contract from ever being
    /// made.
    pub fn holds_its_key(&self) -> bool {
        match self.status {
            RunStatus::Running | RunStatus::Cancelling | RunStatus::Compensating | RunStatus::Succeeded => true,
            RunStatus::Stopped | RunStatus::Failed | RunStatus::Cancelled => false,
        }
    }

    /// Whether the run may owe work now, which is what [`RunQuery::working`] asks. A run that only waits does not. One in
    /// doubt may have other steps under way that its summary does not show, and one that is open and idle has lost its
    /// way: recovery looks at both.
    pub fn owes_work(&self) -> bool {
        !self.status.is_over()
            && match self.summary {
                Summary::Working | Summary::InDoubt | Summary::Incident | Summary::Idle => true,
                Summary::Waiting | Summary::Queued => false,
            }
    }

    /// Whether the run stands still until a person decides, which is what [`RunQuery::attention`] asks. Every such run owes
    /// work, too, so that the list of those is where to look.
    pub fn needs_attention(&self) -> bool {
        self.owes_work()
            && match self.summary {
                Summary::InDoubt | Summary::Incident => true,
                Summary::Working | Summary::Waiting | Summary::Queued | Summary::Idle => false,
            }
    }
}

/// Which runs to list. Each condition narrows.
#[derive(Clone, Debug, Default)]
pub struct RunQuery {
    /// Only runs that are not over.
    pub open: bool,
    /// Only runs that may owe work now ([`RunHead::owes_work`]): a step is running, or a waiting one has to look. Recovery
    /// starts with these.
    pub working: bool,
    /// Only runs that stand still until a person decides ([`RunHead::needs_attention`]).
    pub attention: bool,
    /// Only runs of this workflow.
    pub workflow: Option<String>,
    /// Only runs older than this one: for the next page.
    pub before: Option<RunId>,
    /// At most so many.
    pub limit: usize,
}

impl RunQuery {
    /// Whether a run belongs into the list, were it long enough.
    pub(crate) fn accepts(&self, head: &RunHead) -> bool {
        (!self.open || !head.status.is_over())
            && (!self.working || head.owes_work())
            && (!self.attention || head.needs_attention())
            && self.workflow.as_ref().is_none_or(|workflow| head.workflow == *workflow)
            && self.before.as_ref().is_none_or(|before| head.run < *before)
    }
}

/// A plan as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredPlan {
    /// Its name.
    pub digest: PlanDigest,
    /// The plan.
    pub definition: PlanDefinition,
    /// The file it was compiled from, for people.
    pub source: String,
}

/// A timer row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Timer {
    /// When it is due.
    pub at: Timestamp,
    /// Whose run.
    pub run: RunId,
    /// Which timer of the run.
    pub timer: TimerId,
}

/// What is due.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DueTimers {
    /// Due now, earliest first.
    pub timers: Vec<Timer>,
    /// The time of the first timer that is not in `timers`.
    pub next: Option<Timestamp>,
}

/// A wait row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct WaitRow {
    /// Whose run.
    pub run: RunId,
    /// Whose step.
    pub step: StepId,
    /// For what.
    pub subscription: Subscription,
}

/// An event from outside, as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InboxEntry {
    /// The event; its id is unique in the inbox.
    pub event: ReceivedEvent,
    /// The topic it is filed under.
    pub topic: String,
    /// Who brought it: a connection's name, or `api`.
    pub source: String,
}

/// An event of the inbox and how it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct InboxRow {
    /// The event.
    pub entry: InboxEntry,
    /// Whether every wait that wanted it has been told.
    pub settled: bool,
}

/// Which events to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InboxQuery {
    /// All of a topic that were received at or after a time.
    Topic {
        /// The topic.
        topic: String,
        /// The time.
        since: Timestamp,
    },
    /// All that no [`Write::Matched`] has settled: what a crash left between acceptance and matching.
    Unmatched,
}

//! Values for the checks: small, all different, and with everything in them that a store keeps.

use crate::{Commit, InboxEntry, RunHead, StoredPlan, Timer, WaitRow, Write};
use engross_core::{
    Event, EventId, JOURNAL_VERSION, Person, PlanDefinition, PlanDigest, ReceivedEvent, Record, RecordHash, RunId,
    RunStatus, StepId, Subscription, Summary, TimerId, TimerKind, Timestamp,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(crate) const WORKFLOW: &str = "mutual_nda";

/// The `n`-th run; later ones are newer.
pub(crate) fn run(n: u64) -> RunId {
    RunId::new(format!("01900000-0000-7000-8000-{n:012}"))
}

pub(crate) fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

pub(crate) fn record(run: &RunId, seq: u64) -> Record {
    let event = if seq == 1 {
        Event::RunStarted {
            run: run.clone(),
            plan: PlanDigest::new("digest"),
            workflow: WORKFLOW.into(),
            title: "NDA with Acme".into(),
            key: None,
            inputs: json!({"counterparty": {"name": "Acme", "ü": [1, 2.5, null]}}),
            requester: Person::new("a@example.com"),
            deadline: None,
            parent: None,
            group: None,
        }
    } else {
        Event::PollDue { step: StepId::new(format!("step_{seq}")) }
    };
    let at = at(i64::try_from(seq).unwrap_or(0));
    // No store looks at the chain; it only has to give the hash back.
    let hash = RecordHash::default().next(JOURNAL_VERSION, seq, at, &event);
    Record { v: JOURNAL_VERSION, seq, at, event, hash }
}

/// A commit of `count` records after number `after`, of a run that is working.
pub(crate) fn commit(run: &RunId, after: u64, count: u64) -> Commit {
    let records: Vec<Record> = (1..=count).map(|n| record(run, after + n)).collect();
    Commit {
        run: run.clone(),
        expected_seq: after,
        fence: 0,
        head: head(run, after + count),
        records,
        plan: None,
        timers_set: Vec::new(),
        timers_cleared: Vec::new(),
        waits_set: Vec::new(),
        waits_cleared: Vec::new(),
        marks: Vec::new(),
    }
}

pub(crate) fn write(commit: Commit) -> Write {
    Write::Run(Box::new(commit))
}

pub(crate) fn head(run: &RunId, seq: u64) -> RunHead {
    RunHead {
        run: run.clone(),
        workflow: WORKFLOW.into(),
        title: format!("title {seq}"),
        key: None,
        plan: PlanDigest::new("digest"),
        status: RunStatus::Running,
        summary: Summary::Working,
        started_at: at(1),
        updated_at: at(i64::try_from(seq).unwrap_or(0)),
        seq,
        doing: "approve waits for a decision".into(),
    }
}

pub(crate) fn plan(digest: &str, source: &str) -> StoredPlan {
    let definition = PlanDefinition {
        v: 1,
        name: WORKFLOW.into(),
        title: None,
        source_sha256: "0".repeat(64),
        inputs: json!({"type": "object"}),
        steps: Vec::new(),
        outputs: BTreeMap::new(),
        key: None,
        timeout_ms: Some(1),
        concurrency: None,
    };
    StoredPlan { digest: PlanDigest::new(digest), definition, source: source.into() }
}

pub(crate) fn timer(run: &RunId, ms: i64, step: Option<&str>, kind: TimerKind) -> Timer {
    Timer { at: at(ms), run: run.clone(), timer: TimerId { step: step.map(StepId::new), kind } }
}

pub(crate) fn wait(run: &RunId, step: &str, topic: &str, matching: &[(&str, &str)]) -> WaitRow {
    let matching = matching.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    let subscription = Subscription { topic: topic.into(), matching };
    WaitRow { run: run.clone(), step: StepId::new(step), subscription }
}

pub(crate) fn event(id: &str, topic: &str, ms: i64) -> InboxEntry {
    event_with(id, topic, ms, json!({"contract": {"id": id}}))
}

pub(crate) fn event_with(id: &str, topic: &str, ms: i64, data: Value) -> InboxEntry {
    let event = ReceivedEvent { id: EventId::new(id), kind: "contract.signed".into(), data, received_at: at(ms) };
    InboxEntry { event, topic: topic.into(), source: "acme".into() }
}

/// Numbers that look random and are the same each time (SplitMix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound.max(1)
    }
}

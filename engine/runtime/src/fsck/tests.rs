//! A store in which all is well, and everything that can be wrong with it, planted one by one.

use super::*;
use crate::turn;
use engross_core::{
    Deadline, Event, EventId, JOURNAL_VERSION, OnEvent, OutcomeName, Person, Plan, PlanDefinition, ReceivedEvent,
    Record, RecordHash, ResolvedBy, RunStatus, Subscription, TimerId, TimerKind, Timestamp, Wait, WaitKind, fold,
};
use engross_store::backup::owed_rows;
use engross_store::{Commit, InboxEntry, InboxRow, MemoryStore, StoredPlan, Write};
use serde_json::{Value, json};

const FILE: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

fn plan() -> Plan {
    let definition =
        json!({ "v": 1, "name": "test", "source_sha256": "", "inputs": { "type": "object" }, "steps": [] });
    Plan::build(serde_json::from_value::<PlanDefinition>(definition).unwrap()).unwrap()
}

fn started(run: &str) -> Event {
    Event::RunStarted {
        run: RunId::new(run),
        plan: plan().digest().clone(),
        workflow: "test".into(),
        title: run.into(),
        key: Some(format!("key of {run}")),
        inputs: json!({}),
        requester: Person::new("ada@acme.example"),
        deadline: Some(Timestamp::from_millis(90_000)),
        parent: None,
        group: None,
    }
}

fn scheduled(step: &str) -> Event {
    Event::StepScheduled { step: step.into(), input: json!({}), deadline: None }
}

/// Waits for an event, and looks by itself, and gives up.
fn parked(step: &str) -> Event {
    let kind = WaitKind::Event {
        subscriptions: vec![Subscription::to_object("acme", "contract/1")],
        on_event: OnEvent::Check,
        poll_ms: Some(1_000),
        look_first: false,
    };
    let deadline = Deadline { at: Timestamp::from_millis(60_000), outcome: OutcomeName::new("timed_out") };
    Event::StepParked { step: step.into(), wait: Wait { kind, deadline: Some(deadline) } }
}

/// Has left a file.
fn completed(step: &str) -> Event {
    let file = json!({ "sha256": FILE, "size": 4, "media_type": "application/pdf" });
    Event::StepCompleted {
        step: step.into(),
        outcome: OutcomeName::new("succeeded"),
        outputs: json!({ "files": [{ "signed": file }] }),
        error: None,
        resolved_by: ResolvedBy::Execution,
    }
}

fn ended(status: RunStatus) -> Event {
    Event::RunEnded { status, outputs: Value::Null, problem: None }
}

fn chained(events: Vec<Event>) -> Vec<Record> {
    let at = Timestamp::from_millis(10);
    let mut hash = RecordHash::default();
    let numbered = events.into_iter().zip(1..).map(|(event, seq)| {
        hash = hash.next(JOURNAL_VERSION, seq, at, &event);
        Record { v: JOURNAL_VERSION, seq, at, event, hash }
    });
    numbered.collect()
}

/// The write of a whole run as its turns would have made it.
fn commit(events: Vec<Event>) -> Commit {
    let records = chained(events);
    let (plan, state) = (plan(), fold(&records).unwrap());
    let (timers, waits) = owed_rows(&state);
    let stored =
        StoredPlan { digest: plan.digest().clone(), definition: plan.definition().clone(), source: "x".into() };
    Commit {
        run: state.run.clone(),
        expected_seq: 0,
        fence: 0,
        records,
        head: turn::head(&plan, &state),
        plan: Some(stored),
        timers_set: timers.into_iter().collect(),
        timers_cleared: Vec::new(),
        waits_set: waits.into_iter().collect(),
        waits_cleared: Vec::new(),
        marks: Vec::new(),
    }
}

fn write(store: &MemoryStore, writes: Vec<Write>) {
    assert!(store.write(&writes).unwrap().iter().all(Result::is_ok));
}

/// Two runs that wait, one that is at work, and one that is over.
fn well() -> (MemoryStore, Vec<Commit>) {
    let runs = vec![
        commit(vec![started("run-1"), scheduled("sign"), parked("sign")]),
        commit(vec![started("run-2"), scheduled("make"), completed("make"), scheduled("sign"), parked("sign")]),
        commit(vec![started("run-3"), scheduled("make")]),
        commit(vec![started("run-4"), scheduled("make"), completed("make"), ended(RunStatus::Succeeded)]),
    ];
    let store = MemoryStore::new();
    write(&store, runs.iter().cloned().map(|commit| Write::Run(Box::new(commit))).collect());
    (store, runs)
}

/// Changes rows and nothing else.
fn touch(store: &MemoryStore, change: impl FnOnce(&mut Commit)) {
    let head = store.head(&RunId::new("run-1")).unwrap().unwrap();
    let mut commit = Commit { expected_seq: head.seq, head, ..commit(vec![started("run-1")]) };
    (commit.records, commit.timers_set, commit.plan) = (Vec::new(), Vec::new(), None);
    change(&mut commit);
    write(store, vec![Write::Run(Box::new(commit))]);
}

fn look(store: &dyn Store, mode: Mode, has: bool) -> Report {
    fsck(store, mode, &|sha256| Ok(has && sha256 == FILE), &mut |_| {}).unwrap()
}

fn brief(report: &Report) -> Vec<String> {
    let words = |f: &Finding| {
        let (run, step) = (f.run.as_ref().map_or("", RunId::as_str), f.step.as_ref().map_or("", StepId::as_str));
        format!("{} {run} {step}: {}", f.code, f.message)
    };
    report.findings.iter().map(words).collect()
}

#[test]
fn nothing_is_found_where_all_is_well() {
    let (store, _) = well();
    for mode in [Mode::Live, Mode::Stopped, Mode::Repair] {
        let report = look(&store, mode, true);
        assert_eq!(report, Report { runs: 3, records: 10, rows: 9, ..Report::default() });
        assert!(report.is_good());
        let report = verify(&store, mode, &mut |_| {}).unwrap();
        assert_eq!(report, Report { runs: 4, records: 14, rows: 9, ..Report::default() });
    }
    assert!(look(&MemoryStore::new(), Mode::Stopped, true).is_good());
}

#[test]
fn rows_that_are_missing_or_too_much_are_found_and_put_right() {
    let check = |plant: &dyn Fn(&mut Commit, &[Commit]), expected: &[&str]| {
        let (store, runs) = well();
        let before = (store.all_timers(None, 99).unwrap(), store.all_waits(None, 99).unwrap());
        touch(&store, |commit| plant(commit, &runs));
        let report = look(&store, Mode::Stopped, true);
        assert_eq!(brief(&report), expected);
        assert!(!report.is_good());
        assert_eq!(brief(&look(&store, Mode::Live, true)), expected, "and a live one does not change what it finds");
        let repaired = look(&store, Mode::Repair, true);
        assert_eq!(brief(&repaired), expected);
        assert!(repaired.is_good(), "{repaired:#?}");
        assert_eq!(look(&store, Mode::Stopped, true).findings, []);
        assert_eq!((store.all_timers(None, 99).unwrap(), store.all_waits(None, 99).unwrap()), before);
    };
    check(
        &|commit, runs| commit.waits_cleared = runs[1].waits_set.clone(),
        &["wait_missing run-2 sign: its wait for `acme:contract/1` is owed, and no event would reach it"],
    );
    check(
        &|commit, runs| commit.timers_cleared = runs[0].timers_set.clone(),
        &[
            "timer_missing run-1 sign: its poll timer for 1970-01-01T00:00:01.010Z is owed, and nothing would fire it",
            "timer_missing run-1 sign: its deadline timer for 1970-01-01T00:01:00.000Z is owed, and nothing would fire it",
            "timer_missing run-1 : its deadline timer for 1970-01-01T00:01:30.000Z is owed, and nothing would fire it",
        ],
    );
    let timer = |run: &str| Timer {
        at: Timestamp::from_millis(0),
        run: RunId::new(run),
        timer: TimerId { step: Some("make".into()), kind: TimerKind::Retry },
    };
    let wait =
        |run: &str| WaitRow { run: RunId::new(run), step: "ask".into(), subscription: Subscription::to_decisions() };
    check(
        &|commit, _| {
            commit.timers_set = vec![timer("run-3"), timer("run-4"), timer("run-0"), timer("run-9")];
            commit.waits_set = vec![wait("run-1"), wait("run-9")];
        },
        &[
            "timer_orphan run-0 make: its retry timer for 1970-01-01T00:00:00.000Z is armed, and there is no such run",
            "wait_orphan run-1 ask: its wait for `approvals` is held, and nothing waits for it",
            "timer_orphan run-3 make: its retry timer for 1970-01-01T00:00:00.000Z is armed, and nothing waits for it",
            "timer_orphan run-4 make: its retry timer for 1970-01-01T00:00:00.000Z is armed, and the run is over",
            "timer_orphan run-9 make: its retry timer for 1970-01-01T00:00:00.000Z is armed, and there is no such run",
            "wait_orphan run-9 ask: its wait for `approvals` is held, and there is no such run",
        ],
    );
}

#[test]
fn what_cannot_be_put_right_is_said_and_left() {
    let check = |events: Vec<Event>, change: &dyn Fn(&mut Commit), expected: &[&str]| {
        let (store, _) = well();
        let mut commit = commit(events);
        change(&mut commit);
        write(&store, vec![Write::Run(Box::new(commit))]);
        let before = store.all_runs(None, 99).unwrap();
        for mode in [Mode::Stopped, Mode::Repair] {
            let report = look(&store, mode, true);
            let found = brief(&report);
            assert_eq!(found.len(), expected.len(), "{found:#?}");
            for (found, expected) in found.iter().zip(expected) {
                assert!(found.contains(expected), "{found}");
            }
            assert!(report.findings.iter().all(|finding| !finding.repaired && !finding.hint.is_empty()));
        }
        assert_eq!(store.all_runs(None, 99).unwrap(), before);
    };
    let waiting = || vec![started("run-5"), scheduled("sign"), parked("sign")];
    check(
        waiting(),
        &|commit| commit.head.title = "another".into(),
        &["head run-5 : the head's `title` is not what the journal says"],
    );
    check(
        waiting(),
        &|commit| commit.head.status = RunStatus::Cancelling,
        &["head run-5 : the head's `status` is not what the journal says"],
    );
}

#[test]
fn a_head_of_another_time_and_a_plan_that_is_not_there_are_found() {
    let (store, _) = well();
    let mut commit = commit(vec![started("run-5"), scheduled("make")]);
    commit.head.plan = "none".into();
    write(&store, vec![Write::Run(Box::new(commit))]);
    let found = brief(&look(&store, Mode::Stopped, true));
    assert_eq!(
        found,
        [
            "head run-5 : the head's `plan` is not what the journal says",
            "plan run-5 : its plan none is not in the store"
        ]
    );
    assert_eq!(brief(&verify(&store, Mode::Stopped, &mut |_| {}).unwrap()), found);
}

#[test]
fn a_step_that_nothing_brings_on_is_found() {
    let (store, _) = well();
    let endless = Wait { kind: WaitKind::Timer, deadline: None };
    let parked = Event::StepParked { step: "wait".into(), wait: endless };
    write(&store, vec![Write::Run(Box::new(commit(vec![started("run-5"), scheduled("wait"), parked])))]);
    write(&store, vec![Write::Run(Box::new(commit(vec![started("run-6"), scheduled("make"), completed("make")])))]);
    assert_eq!(
        brief(&look(&store, Mode::Stopped, true)),
        [
            "no_way_on run-5 wait: it is waiting, and no timer, event, look or decision could bring it on",
            "idle run-6 : it is open, and no step of it is under way",
        ]
    );
}

#[test]
fn a_file_that_is_gone_is_found_where_its_run_is_open() {
    let (store, _) = well();
    assert_eq!(
        brief(&look(&store, Mode::Stopped, false)),
        [format!("file_missing run-2 make: file {FILE}, which its outputs name, is not kept")]
    );
}

#[test]
fn a_key_that_does_not_lead_to_its_run_is_found() {
    let (store, _) = well();
    let head =
        RunHead { key: Some("lost".into()), run: RunId::new("run-8"), ..store.all_runs(None, 9).unwrap().remove(3) };
    let mark = Write::Mark { name: "archived/run-8".into(), value: Some(serde_json::to_value(head).unwrap()) };
    let unknown = Write::Mark { name: "archived/run-7".into(), value: Some(json!(1)) };
    write(&store, vec![mark, unknown]);
    assert_eq!(
        brief(&verify(&store, Mode::Stopped, &mut |_| {}).unwrap()),
        [
            "mark  : mark `archived/run-7` does not say which run it is about",
            "key run-8 : its key `lost` is not held, so that a second start would not attach to it",
        ]
    );
}

/// A store in which runs go on between any two reads.
struct Moving {
    store: MemoryStore,
    /// Written before the waits are read, one at a time.
    meanwhile: std::sync::Mutex<Vec<Vec<Write>>>,
}

impl Moving {
    fn new(store: MemoryStore, meanwhile: Vec<Vec<Write>>) -> Self {
        Self { store, meanwhile: std::sync::Mutex::new(meanwhile) }
    }
}

macro_rules! forward {
    ($($name:ident($($arg:ident: $kind:ty),*) -> $answer:ty;)*) => {
        $(fn $name(&self, $($arg: $kind),*) -> engross_store::Result<$answer> { self.store.$name($($arg),*) })*
    };
}

impl Store for Moving {
    fn all_waits(&self, after: Option<&WaitRow>, limit: usize) -> engross_store::Result<Vec<WaitRow>> {
        if after.is_none()
            && let Some(writes) = self.meanwhile.lock().unwrap().pop()
        {
            write(&self.store, writes);
        }
        self.store.all_waits(after, limit)
    }

    fn check_counts(&self) -> engross_store::Result<()> {
        Err(engross_store::Error::Damaged("one is missing".into()))
    }

    forward! {
        write(writes: &[Write]) -> Vec<Result<(), engross_store::Conflict>>;
        head(run: &RunId) -> Option<RunHead>;
        journal(run: &RunId, after: u64, limit: usize) -> Vec<Record>;
        runs(query: &engross_store::RunQuery) -> Vec<RunHead>;
        run_by_key(workflow: &str, key: &str) -> Option<RunId>;
        plan(digest: &engross_core::PlanDigest) -> Option<StoredPlan>;
        due(until: Timestamp, limit: usize) -> engross_store::DueTimers;
        waits(topic: &str) -> Vec<WaitRow>;
        inbox(query: &engross_store::InboxQuery) -> Vec<InboxEntry>;
        mark(name: &str) -> Option<Value>;
        marks(prefix: &str) -> Vec<(String, Value)>;
        settled(before: Timestamp, limit: usize) -> Vec<EventId>;
        all_runs(after: Option<&RunId>, limit: usize) -> Vec<RunHead>;
        all_plans(after: Option<&engross_core::PlanDigest>, limit: usize) -> Vec<StoredPlan>;
        all_timers(after: Option<&Timer>, limit: usize) -> Vec<Timer>;
        all_events(after: Option<&EventId>, limit: usize) -> Vec<InboxRow>;
        latest() -> Option<Timestamp>;
    }
}

/// A run that begins, and one that goes on, between the reading of its timers and of its waits.
#[test]
fn a_run_that_moves_meanwhile_is_not_taken_for_a_wrong_one() {
    let (store, runs) = well();
    let Commit { run, head, .. } = &runs[0];
    let looked = Event::PollDue { step: "sign".into() };
    let mut events: Vec<Event> = runs[0].records.iter().map(|record| record.event.clone()).collect();
    events.push(looked);
    let after = commit(events);
    let on = Commit {
        run: run.clone(),
        expected_seq: head.seq,
        records: after.records[3..].to_vec(),
        timers_set: Vec::new(),
        timers_cleared: runs[0].timers_set.iter().filter(|t| !after.timers_set.contains(t)).cloned().collect(),
        waits_set: Vec::new(),
        ..after
    };
    assert_eq!(on.timers_cleared.len(), 1, "its poll is over");
    let begins = commit(vec![started("run-5"), scheduled("sign"), parked("sign")]);
    let meanwhile = vec![vec![Write::Run(Box::new(begins)), Write::Run(Box::new(on))]];
    let moving = Moving::new(store, meanwhile);
    let report = look(&moving, Mode::Live, true);
    assert_eq!((report.findings, report.busy), (vec![], 0));
    assert!(moving.meanwhile.lock().unwrap().is_empty(), "it did move");
}

#[test]
fn an_inbox_is_counted() {
    let (store, _) = well();
    let event =
        ReceivedEvent { id: "e".into(), kind: "k".into(), data: json!(1), received_at: Timestamp::from_millis(1) };
    write(&store, vec![Write::Inbox(InboxEntry { event, topic: "t".into(), source: "acme".into() })]);
    assert!(verify(&store, Mode::Stopped, &mut |_| {}).unwrap().is_good());
}

/// Rows that a database has lost leave no trace in the others. While an engine writes, nobody can count.
#[test]
fn rows_that_only_counting_misses_are_found() {
    let (store, _) = well();
    let short = Moving::new(store, Vec::new());
    let report = verify(&short, Mode::Stopped, &mut |_| {}).unwrap();
    assert_eq!(brief(&report), ["damaged  : the rows cannot be read to their end: one is missing"]);
    assert!(verify(&short, Mode::Live, &mut |_| {}).unwrap().is_good());
}

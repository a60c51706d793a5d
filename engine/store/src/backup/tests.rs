//! What goes out comes in again, what was tampered with does not, and an import that was interrupted goes on.

use super::*;
use crate::conformance::samples;
use crate::{Commit, Conflict, InboxQuery, MemoryStore, RunHead, RunQuery, Store, StoredPlan, Write};
use engross_core::{
    Deadline, Event, JOURNAL_VERSION, OutcomeName, Person, Plan, Record, RecordHash, RunId, RunStatus, StepId,
    TimerKind, Timestamp, Wait, WaitKind, fold,
};
use serde_json::{Value, json};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A run that waits for a timer; one that is over has been given up as well.
pub(crate) fn records(run: &RunId, plan: &StoredPlan, key: Option<&str>, over: Option<RunStatus>) -> Vec<Record> {
    let step = StepId::new("pause");
    let deadline = Deadline { at: samples::at(9_000), outcome: OutcomeName::new("succeeded") };
    let mut events = vec![
        Event::RunStarted {
            run: run.clone(),
            plan: plan.digest.clone(),
            workflow: samples::WORKFLOW.into(),
            title: format!("NDA {run}"),
            key: key.map(str::to_owned),
            inputs: json!({ "ü": [1, 2.5, null, u64::MAX] }),
            requester: Person::new("a@example.com"),
            deadline: None,
            parent: None,
            group: None,
        },
        Event::StepScheduled { step: step.clone(), input: json!({}), deadline: None },
        Event::StepParked { step: step.clone(), wait: Wait { kind: WaitKind::Timer, deadline: Some(deadline) } },
    ];
    if let Some(status) = over {
        events.push(Event::StepCancelled { step });
        events.push(Event::RunEnded { status, outputs: Value::Null, problem: None });
    }
    chained(events)
}

fn chained(events: Vec<Event>) -> Vec<Record> {
    let at = Timestamp::from_millis(5_000);
    let mut hash = RecordHash::default();
    let numbered = events.into_iter().zip(1..).map(|(event, seq)| {
        hash = hash.next(JOURNAL_VERSION, seq, at, &event);
        Record { v: JOURNAL_VERSION, seq, at, event, hash }
    });
    numbered.collect()
}

pub(crate) fn head_of(records: &[Record]) -> RunHead {
    let state = fold(records).unwrap();
    RunHead {
        run: state.run.clone(),
        workflow: state.workflow.clone(),
        title: state.title.clone(),
        key: state.key.clone(),
        plan: state.plan.clone(),
        status: state.status,
        summary: state.summary(),
        started_at: state.started_at,
        updated_at: state.updated_at,
        seq: state.seq,
        doing: "pause waits".into(),
    }
}

pub(crate) fn plan(n: u64) -> StoredPlan {
    let mut stored = samples::plan("", "name: x\n");
    stored.definition.timeout_ms = Some(n);
    stored.digest = Plan::build(stored.definition.clone()).unwrap().digest().clone();
    stored
}

pub(crate) fn put(store: &dyn Store, plan: &StoredPlan, records: Vec<Record>) -> RunHead {
    let head = head_of(&records);
    let (timers, waits) = owed_rows(&fold(&records).unwrap());
    let commit = Commit {
        plan: Some(plan.clone()),
        timers_set: timers.into_iter().collect(),
        waits_set: waits.into_iter().collect(),
        records,
        head: head.clone(),
        ..samples::commit(&head.run, 0, 0)
    };
    store.write(&[samples::write(commit)]).unwrap().remove(0).unwrap();
    head
}

/// Two runs of one key, of which the older came to nothing, one without a key, and some that are archived.
fn sample() -> MemoryStore {
    let store = MemoryStore::new();
    let (one, two) = (plan(1), plan(2));
    put(&store, &one, records(&samples::run(1), &one, Some("acme"), Some(RunStatus::Failed)));
    put(&store, &one, records(&samples::run(2), &one, Some("acme"), None));
    put(&store, &two, records(&samples::run(3), &two, None, None));
    let gone = put(&store, &two, records(&samples::run(4), &two, Some("gone"), Some(RunStatus::Succeeded)));
    let mark = |name: String, value| Write::Mark { name, value: Some(value) };
    let writes = [
        mark(format!("archived/{}", gone.run), serde_json::to_value(&gone).unwrap()),
        Write::Remove(gone.run),
        Write::Inbox(samples::event("e1", "t", 5)),
        Write::Matched("e1".into()),
        Write::Inbox(samples::event("e2", "t", 4)),
        mark("feed/crm".into(), json!(17)),
    ];
    assert!(store.write(&writes).unwrap().iter().all(Result::is_ok));
    store
}

fn exported(store: &dyn Store) -> Vec<u8> {
    export(store, Vec::new(), "engross test", "2026-11-23T00:00:00.000Z".into(), &mut |_| {}).unwrap().0
}

fn imported(store: &dyn Store, file: &[u8]) -> Result<Counts, ImportError> {
    import(store, &mut || Ok(file), &mut |_, _| {})
}

/// Everything that can be asked of a store.
fn facts(store: &dyn Store) -> String {
    let runs = store.all_runs(None, 100).unwrap();
    let journals: Vec<_> = runs.iter().map(|head| store.journal(&head.run, 0, 1_000).unwrap()).collect();
    let open = store.runs(&RunQuery { open: true, limit: 100, ..RunQuery::default() }).unwrap();
    let keys = ["acme", "gone", "none"].map(|key| store.run_by_key(samples::WORKFLOW, key).unwrap());
    let (timers, waits) = (store.all_timers(None, 100).unwrap(), store.all_waits(None, 100).unwrap());
    let events = (store.all_events(None, 100).unwrap(), store.inbox(&InboxQuery::Unmatched).unwrap());
    let (marks, plans) = (store.marks("").unwrap(), store.all_plans(None, 100).unwrap());
    format!("{runs:#?}{journals:#?}{open:#?}{keys:#?}{timers:#?}{waits:#?}{events:#?}{marks:#?}{plans:#?}")
}

#[test]
fn what_goes_out_comes_in_again() {
    let store = sample();
    assert_eq!(store.all_timers(None, 9).unwrap().len(), 2, "the sample has rows");
    let file = exported(&store);
    let copy = MemoryStore::new();
    let counts = imported(&copy, &file).unwrap();
    assert_eq!(counts, Counts { events: 2, marks: 2, plans: 2, runs: 3, records: 11 });
    assert_eq!(facts(&copy), facts(&store));
    assert_eq!(String::from_utf8(exported(&copy)).unwrap(), String::from_utf8(file).unwrap());
    // The key of the archived run is held, although the run is not there.
    let mut again = samples::commit(&samples::run(9), 0, 0);
    again.head.key = Some("gone".into());
    assert_eq!(copy.write(&[samples::write(again)]).unwrap(), [Err(Conflict::KeyTaken { holder: samples::run(4) })]);
}

/// A copy by way of a store on disk, with a journal that is longer than one page.
#[test]
fn a_store_on_disk_is_filled_too() {
    let store = sample();
    let one = plan(1);
    let mut events: Vec<Event> =
        records(&samples::run(5), &one, None, None).into_iter().map(|record| record.event).collect();
    events.extend((0..200).map(|_| Event::PollDue { step: StepId::new("other") }));
    put(&store, &one, chained(events));
    let dir = tempfile::tempdir().unwrap();
    let holder = crate::Holder::this_process("test", samples::at(1));
    let disk = crate::SledStore::open(dir.path(), holder).unwrap();
    let file = exported(&store);
    assert_eq!(imported(&disk, &file).unwrap().records, 214);
    assert_eq!(facts(&disk), facts(&store));
    assert_eq!(exported(&disk), file);
}

#[test]
fn only_an_empty_store_is_filled() {
    let file = exported(&sample());
    let check = |write: Write, expected: &str| {
        let store = MemoryStore::new();
        store.write(&[write]).unwrap().remove(0).unwrap();
        let before = facts(&store);
        assert_eq!(imported(&store, &file).unwrap_err().to_string(), expected);
        assert_eq!(facts(&store), before);
    };
    check(
        samples::write(samples::commit(&samples::run(7), 0, 1)),
        "the store is not empty: it has runs, such as 01900000-0000-7000-8000-000000000007",
    );
    check(Write::Inbox(samples::event("e", "t", 1)), "the store is not empty: it has events, such as e");
    let mark = Write::Mark { name: "feed/crm".into(), value: Some(json!(1)) };
    check(mark, "the store is not empty: it has marks, such as `feed/crm`");
}

/// The problems of an export after a change, one a line.
fn problems(change: impl FnOnce(&mut Vec<String>)) -> String {
    let text = String::from_utf8(exported(&sample())).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    change(&mut lines);
    let text = lines.join("\n") + "\n";
    let store = MemoryStore::new();
    let found = match imported(&store, text.as_bytes()) {
        Ok(_) => Vec::new(),
        Err(ImportError::Refused(found)) => found,
        Err(error) => panic!("{error}"),
    };
    assert!(found.is_empty() || store.all_runs(None, 1).unwrap().is_empty(), "nothing of it was taken");
    found.iter().map(|p| format!("{} {}: {}\n", p.line, p.code, p.message)).collect()
}

fn line_of(lines: &[String], begins: &str, nth: usize) -> usize {
    lines.iter().enumerate().filter(|(_, line)| line.starts_with(begins)).nth(nth).unwrap().0
}

#[test]
fn an_export_that_was_changed_is_refused_with_every_reason() {
    let check = |change: fn(&mut Vec<String>), expected: &[&str]| {
        let found = problems(change);
        let mut rest = found.as_str();
        for part in expected {
            let at = rest.find(part).unwrap_or_else(|| panic!("`{part}` is not said, or not here:\n{found}"));
            rest = &rest[at + part.len()..];
        }
        assert_eq!(found.is_empty(), expected.is_empty(), "{found}");
    };
    check(|_| {}, &[]);
    check(|lines| drop(lines.pop()), &["22 no_end: the last line is missing: the file was cut off"]);
    check(|lines| lines.truncate(0), &["line: it is no line", "no_end"]);
    check(|lines| lines.push(lines[3].clone()), &["23 after_the_end"]);
    check(|lines| drop(lines.remove(0)), &["1 no_header: ", "digest: "]);
    check(
        |lines| {
            let at = line_of(lines, "{\"record\"", 1);
            lines.remove(at);
        },
        &[
            "journal: record 2 is missing: 3 comes instead",
            "counts: 3 runs, 11 records",
            "and 3 runs, 10 records",
            "digest: ",
        ],
    );
    check(
        |lines| {
            let at = line_of(lines, "{\"record\"", 1);
            lines[at] = "{\"record\":{}}".into();
            let at = line_of(lines, "{\"record\"", 6);
            lines.swap(at, at + 1);
        },
        &[
            "line: it is no line of an export: missing field `v`",
            "journal: record 2 is missing: 3 comes instead",
            "digest: ",
        ],
    );
    check(
        |lines| {
            let at = line_of(lines, "{\"record\"", 1);
            lines[at] = lines[at].replace("\"at\":5000", "\"at\":5001");
        },
        &["journal: record 2 is not what was written: its hash does not follow from the record before it", "digest: "],
    );
    check(
        |lines| {
            let at = line_of(lines, "{\"run\"", 1);
            lines[at] = lines[at].replace("\"status\":\"running\"", "\"status\":\"succeeded\"");
        },
        &["head: the head's `status` is not what the journal says", "digest: "],
    );
    check(
        |lines| {
            let at = line_of(lines, "{\"plan\"", 0);
            lines[at] = lines[at].replace("\"timeout_ms\":1", "\"timeout_ms\":3");
        },
        &["plan: plan ", "is not what was written", "digest: "],
    );
    check(
        |lines| {
            let at = line_of(lines, "{\"plan\"", 1);
            lines.remove(at);
        },
        &["no_plan: its plan ", "does not stand before it"],
    );
    check(|lines| lines[0] = lines[0].replace("\"format\":1", "\"format\":9"), &["1 later_form: the file has form 9"]);
    check(|lines| lines[1] = lines[1].replace("\"settled\":true", "\"settled\":false"), &["22 digest: "]);
}

#[test]
fn a_run_that_is_not_sound_is_left_out_and_the_file_says_so() {
    let store = sample();
    let one = plan(1);
    let mut broken = records(&samples::run(5), &one, None, None);
    broken[2].at = samples::at(77);
    put(&store, &one, broken);
    let mut lost = samples::commit(&samples::run(6), 0, 1);
    lost.head.plan = plan(9).digest;
    lost.plan = None;
    store.write(&[samples::write(lost)]).unwrap().remove(0).unwrap();
    let at = || "2026-11-23T00:00:00.000Z".to_owned();
    let error = export(&store, Vec::new(), "engross test", at(), &mut |_| {}).unwrap_err().to_string();
    assert!(error.contains(samples::run(6).as_str()), "{error}");

    let (file, counts, left_out) = export_sound(&store, Vec::new(), "engross test", at(), &mut |_| {}).unwrap();
    let said: Vec<(&str, &str)> = left_out.iter().map(|left| (left.run.as_str(), left.why.as_str())).collect();
    assert_eq!(said[0].0, samples::run(5).as_str());
    assert!(said[0].1.starts_with("record 3 is not what was written"), "{said:?}");
    assert_eq!(said[1].0, samples::run(6).as_str());
    assert!(said[1].1.ends_with("is not in the store"), "{said:?}");
    assert_eq!((said.len(), counts.runs), (2, 3));
    assert_eq!(check(&file[..], &mut |_| {}).unwrap().left_out, left_out);
    let copy = MemoryStore::new();
    imported(&copy, &file).unwrap();
    assert_eq!(facts(&copy), facts(&sample()));
    // Readers before the second version of the form must not take it for a whole one, and take all others.
    assert!(
        file.starts_with(b"{\"header\":{\"format\":2,") && exported(&copy).starts_with(b"{\"header\":{\"format\":1,")
    );
}

#[test]
fn another_file_is_told_in_one_line() {
    let text = "# A readme\n\nwith a\nfew\nlines\n".repeat(200);
    let found = check(text.as_bytes(), &mut |_| {}).unwrap_err();
    let found: Vec<(u64, &str)> = found.iter().map(|problem| (problem.line, problem.code.as_str())).collect();
    assert_eq!(found, [(1, "no_export")]);
    // A header alone that is damaged does not hide the rest.
    let found = problems(|lines| lines[0].insert(3, '!'));
    assert!(found.starts_with("1 line: ") && found.contains("digest: "), "{found}");
}

#[test]
fn a_file_that_breaks_off_is_refused() {
    let file = exported(&sample());
    for end in [0, 1, file.len() / 2, file.len() - 1] {
        let refused = imported(&MemoryStore::new(), &file[..end]).unwrap_err();
        assert!(matches!(&refused, ImportError::Refused(found) if !found.is_empty()), "{end}: {refused}");
    }
    let long = vec![b'x'; crate::limits::EXPORT_LINE_BYTES_MAX + 10];
    let found = check(&long[..], &mut |_| {}).unwrap_err();
    assert_eq!(found.first().unwrap().message, "it is longer than any line of an export");
}

/// Fails from a certain write on.
struct Breaking {
    store: MemoryStore,
    writes_left: AtomicUsize,
}

macro_rules! forward {
    ($($name:ident($($arg:ident: $kind:ty),*) -> $answer:ty;)*) => {
        $(fn $name(&self, $($arg: $kind),*) -> crate::Result<$answer> { self.store.$name($($arg),*) })*
    };
}

impl Store for Breaking {
    fn write(&self, writes: &[Write]) -> crate::Result<Vec<Result<(), Conflict>>> {
        let left = self.writes_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        left.map_err(|_| crate::Error::Io("the disk is full".into()))?;
        // One at a time, as if every batch had been cut there.
        self.store.write(writes)
    }

    forward! {
        head(run: &RunId) -> Option<RunHead>;
        journal(run: &RunId, after: u64, limit: usize) -> Vec<Record>;
        runs(query: &RunQuery) -> Vec<RunHead>;
        run_by_key(workflow: &str, key: &str) -> Option<RunId>;
        plan(digest: &engross_core::PlanDigest) -> Option<StoredPlan>;
        due(until: Timestamp, limit: usize) -> crate::DueTimers;
        waits(topic: &str) -> Vec<crate::WaitRow>;
        inbox(query: &InboxQuery) -> Vec<crate::InboxEntry>;
        mark(name: &str) -> Option<Value>;
        marks(prefix: &str) -> Vec<(String, Value)>;
        settled(before: Timestamp, limit: usize) -> Vec<engross_core::EventId>;
        all_runs(after: Option<&RunId>, limit: usize) -> Vec<RunHead>;
        all_plans(after: Option<&engross_core::PlanDigest>, limit: usize) -> Vec<StoredPlan>;
        all_timers(after: Option<&crate::Timer>, limit: usize) -> Vec<crate::Timer>;
        all_waits(after: Option<&crate::WaitRow>, limit: usize) -> Vec<crate::WaitRow>;
        all_events(after: Option<&engross_core::EventId>, limit: usize) -> Vec<crate::InboxRow>;
        latest() -> Option<engross_core::Timestamp>;
    }
}

#[test]
fn an_import_that_was_interrupted_goes_on_and_another_does_not() {
    let source = sample();
    // More than one batch: each has 256 writes at most.
    let one = plan(1);
    for n in 100..400 {
        put(&source, &one, records(&samples::run(n), &one, Some(&format!("k{n}")), None));
    }
    let file = exported(&source);
    for writes in 0..4 {
        let broken = Breaking { store: MemoryStore::new(), writes_left: AtomicUsize::new(writes) };
        let error = imported(&broken, &file).unwrap_err();
        assert!(matches!(error, ImportError::Store(_)), "{writes}: {error}");
        let store = broken.store;
        assert_eq!(unfinished_import(&store).unwrap().is_some(), writes > 0);
        if writes > 0 {
            let other = imported(&store, &exported(&sample())).unwrap_err().to_string();
            assert!(other.contains("whose import was not finished"), "{other}");
        }
        imported(&store, &file).unwrap();
        assert_eq!(unfinished_import(&store).unwrap(), None);
        assert_eq!(facts(&store), facts(&source), "{writes}");
    }
}

#[test]
fn a_run_that_is_there_and_marked_as_archived_comes_back() {
    for prefix in ["archived/", "in_archive/"] {
        let (store, one) = (MemoryStore::new(), plan(1));
        let head = put(&store, &one, records(&samples::run(1), &one, Some("k"), Some(RunStatus::Succeeded)));
        let name = format!("{prefix}{}", head.run);
        let value = serde_json::to_value(&head).unwrap();
        store.write(&[Write::Mark { name: name.clone(), value: Some(value) }]).unwrap().remove(0).unwrap();
        let copy = MemoryStore::new();
        imported(&copy, &exported(&store)).unwrap();
        assert_eq!(copy.head(&head.run).unwrap().map(|head| head.seq), Some(head.seq));
        assert_eq!(copy.mark(&name).unwrap(), None);
    }
}

#[test]
fn a_file_that_changes_between_check_and_import_is_found_out() {
    let file = exported(&sample());
    let shorter = exported(&MemoryStore::new());
    let mut opened = 0;
    let mut open = || -> io::Result<&[u8]> {
        opened += 1;
        Ok(if opened == 1 { &file } else { &shorter })
    };
    let store = MemoryStore::new();
    let error = import(&store, &mut open, &mut |_, _| {}).unwrap_err();
    assert!(matches!(error, ImportError::Changed(_)), "{error}");
    assert!(unfinished_import(&store).unwrap().is_some(), "what is there is not taken for a store");
}

#[test]
fn a_timer_is_what_the_sample_waits_for() {
    let one = plan(1);
    let state = fold(&records(&samples::run(1), &one, None, None)).unwrap();
    let (timers, waits) = owed_rows(&state);
    let expected = samples::timer(&samples::run(1), 9_000, Some("pause"), TimerKind::Deadline);
    assert_eq!((timers.into_iter().collect::<Vec<_>>(), waits.len()), (vec![expected], 0));
}

#[test]
fn a_file_has_its_name_once_it_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let expected = exported(&sample());
    for name in ["a.jsonl", "a.jsonl.gz"] {
        let path = dir.path().join(name);
        let file = ExportFile::create(&path).unwrap();
        let (file, _) =
            export(&sample(), file, "engross test", "2026-11-23T00:00:00.000Z".into(), &mut |_| {}).unwrap();
        let finished = file.finish().unwrap();
        assert!(!path.exists());
        check(finished.read().unwrap(), &mut |_| {}).unwrap();
        finished.keep().unwrap();
        let mut text = Vec::new();
        let mut from = open(std::fs::File::open(&path).unwrap()).unwrap();
        io::Read::read_to_end(&mut from, &mut text).unwrap();
        assert_eq!(text, expected);
        assert_eq!(ExportFile::create(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }
    let (plain, gzip) = (dir.path().join("a.jsonl"), dir.path().join("a.jsonl.gz"));
    let size = |path: &std::path::Path| std::fs::metadata(path).unwrap().len();
    assert!(size(&gzip) < size(&plain) / 2);
    drop(ExportFile::create(&dir.path().join("b")).unwrap());
    discard_partial(&dir.path().join("b"));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "nothing half-written is left");
}

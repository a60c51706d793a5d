//! What keeps a store in order: marks, what is removed, what is opened again, and the scans that see everything.

use super::samples::{WORKFLOW, at, commit, event, plan, run, timer, wait, write};
use super::{Open, accept, write_one};
use crate::archive::{ARCHIVED_MARKS, IN_ARCHIVE_MARKS, is_archived};
use crate::limits::CLOCK_BACK_MS_MAX;
use crate::{Commit, Conflict, InboxQuery, InboxRow, RunQuery, Store, Write};
use engross_core::{EventId, RunId, RunStatus, Summary, TimerKind};
use serde_json::{Value, json};

fn mark(name: &str, value: Option<Value>) -> Write {
    Write::Mark { name: name.into(), value }
}

fn keyed(n: u64, after: u64, status: RunStatus) -> Commit {
    let mut next = commit(&run(n), after, 1);
    next.head.key = Some("k".into());
    next.head.status = status;
    next
}

fn listed(store: &dyn Store, query: RunQuery) -> Vec<RunId> {
    let heads = store.runs(&RunQuery { limit: 99, ..query }).expect("a store lists its runs");
    heads.into_iter().map(|head| head.run).collect()
}

pub(super) fn marks_are_kept_by_name(open: &Open) {
    let store = open();
    let long = |last: char| format!("feed/{}{last}", "x".repeat(300));
    let names = ["a", "feed", "feed/", "feed/a", "feed/a\0", "feed/b", &long('a'), &long('b'), "feed\0", "g", "ä"];
    for (n, name) in names.iter().rev().enumerate() {
        assert_eq!(store.mark(name).expect("it answers"), None);
        accept(&*store, mark(name, Some(json!({ "n": n }))));
        accept(&*store, mark(name, Some(json!([name, 0.1 + 0.2]))));
    }
    let found = |prefix: &str| -> Vec<String> {
        store.marks(prefix).expect("it answers").into_iter().map(|(name, _)| name).collect()
    };
    let mut sorted = names.map(str::to_owned);
    sorted.sort();
    assert_eq!(found(""), sorted);
    for prefix in ["f", "feed", "feed/", "feed\0", "feed/a", "feed/x", &long('a'), "feed/xxxxxxxxxy", "ä", "zz"] {
        let expected: Vec<String> = sorted.iter().filter(|name| name.starts_with(prefix)).cloned().collect();
        assert_eq!(found(prefix), expected, "{prefix:?}");
    }
    for name in names {
        let expected = json!([name, 0.1 + 0.2]);
        assert_eq!(store.mark(name).expect("it answers"), Some(expected.clone()));
        assert!(store.marks(name).expect("it answers").contains(&(name.to_owned(), expected)));
    }
    let calls =
        [mark("a", None), mark("a", None), mark("g", Some(json!(1))), mark("g", None), mark("g", Some(json!(null)))];
    assert_eq!(store.write(&calls).expect("it answers"), [Ok(()), Ok(()), Ok(()), Ok(()), Ok(())]);
    assert_eq!(store.mark("a").expect("it answers"), None);
    assert_eq!(store.marks("g").expect("it answers"), [("g".to_owned(), json!(null))]);
}

pub(super) fn marks_go_with_their_commit(open: &Open) {
    let store = open();
    accept(&*store, mark("quota", Some(json!(1))));
    accept(&*store, mark("gone", Some(json!(1))));
    let mut stale = commit(&run(1), 7, 1);
    stale.marks = vec![("quota".into(), Some(json!(9))), ("new".into(), Some(json!(9)))];
    assert!(write_one(&*store, write(stale)).is_err());
    assert_eq!(store.marks("").expect("it answers"), [("gone".into(), json!(1)), ("quota".into(), json!(1))]);
    let mut first = commit(&run(1), 0, 1);
    first.marks = vec![("quota".into(), Some(json!(2))), ("gone".into(), None), ("quota".into(), Some(json!(3)))];
    accept(&*store, write(first));
    assert_eq!(store.marks("").expect("it answers"), [("quota".into(), json!(3))]);
}

pub(super) fn a_run_that_is_opened_again_claims_its_key(open: &Open) {
    let store = open();
    let holder = || store.run_by_key(WORKFLOW, "k").expect("it answers");
    accept(&*store, write(keyed(1, 0, RunStatus::Running)));
    accept(&*store, write(keyed(1, 1, RunStatus::Failed)));
    accept(&*store, write(keyed(1, 2, RunStatus::Running)));
    assert_eq!(holder(), Some(run(1)));
    assert_eq!(listed(&*store, RunQuery { open: true, ..RunQuery::default() }), [run(1)]);
    assert_eq!(listed(&*store, RunQuery { working: true, ..RunQuery::default() }), [run(1)]);
    let taken = |n: u64| Err(Conflict::KeyTaken { holder: run(n) });
    assert_eq!(write_one(&*store, write(keyed(2, 0, RunStatus::Running))), taken(1));
    accept(&*store, write(keyed(1, 3, RunStatus::Cancelled)));
    accept(&*store, write(keyed(2, 0, RunStatus::Running)));
    assert_eq!(write_one(&*store, write(keyed(1, 4, RunStatus::Running))), taken(2));
    assert_eq!(listed(&*store, RunQuery { open: true, ..RunQuery::default() }), [run(2)]);
    // What does not ask for the key is none of the other run's business.
    accept(&*store, write(keyed(1, 4, RunStatus::Failed)));
    accept(&*store, write(keyed(2, 1, RunStatus::Stopped)));
    accept(&*store, write(keyed(1, 5, RunStatus::Running)));
    assert_eq!(holder(), Some(run(1)));
    assert_eq!(write_one(&*store, write(keyed(2, 2, RunStatus::Running))), taken(1));
    accept(&*store, write(keyed(1, 6, RunStatus::Succeeded)));
    assert_eq!(write_one(&*store, write(keyed(2, 2, RunStatus::Running))), taken(1));
    assert_eq!(listed(&*store, RunQuery { open: true, ..RunQuery::default() }), []);
}

pub(super) fn a_run_that_is_over_can_be_removed(open: &Open) {
    let store = open();
    let holder = || store.run_by_key(WORKFLOW, "k").expect("it answers");
    accept(&*store, Write::Remove(run(1)));
    accept(&*store, write(keyed(1, 0, RunStatus::Running)));
    for status in [RunStatus::Running, RunStatus::Cancelling] {
        let seq = store.head(&run(1)).expect("it answers").map_or(0, |head| head.seq);
        accept(&*store, write(keyed(1, seq, status)));
        assert_eq!(write_one(&*store, Write::Remove(run(1))), Err(Conflict::Open));
    }
    let mut long = keyed(1, 3, RunStatus::Failed);
    long.head.doing = "x".repeat(20_000);
    accept(&*store, write(long));
    accept(&*store, write(commit(&run(5), 0, 1)));
    let everything = RunQuery::default;
    assert_eq!(listed(&*store, everything()), [run(5), run(1)]);
    accept(&*store, Write::Remove(run(1)));
    assert_eq!(listed(&*store, everything()), [run(5)]);
    assert_eq!(store.head(&run(1)).expect("it answers"), None);
    assert_eq!(store.journal(&run(1), 0, 99).expect("it answers"), []);
    assert_eq!(holder(), None);
    // A key that somebody else holds by now stays theirs, and one that is held for ever outlives its run.
    accept(&*store, write(keyed(2, 0, RunStatus::Stopped)));
    accept(&*store, write(keyed(3, 0, RunStatus::Running)));
    accept(&*store, Write::Remove(run(2)));
    assert_eq!(holder(), Some(run(3)));
    accept(&*store, write(keyed(3, 1, RunStatus::Succeeded)));
    accept(&*store, Write::Remove(run(3)));
    assert_eq!(listed(&*store, everything()), [run(5)]);
    assert_eq!(holder(), Some(run(3)));
    assert_eq!(write_one(&*store, write(keyed(4, 0, RunStatus::Running))), Err(Conflict::KeyTaken { holder: run(3) }));
    // What an archive has kept can be brought back.
    accept(&*store, write(keyed(3, 0, RunStatus::Succeeded)));
    assert_eq!(listed(&*store, everything()), [run(5), run(3)]);
    let ended = [write(keyed(6, 0, RunStatus::Failed)), Write::Remove(run(6)), Write::Remove(run(6))];
    let answers = store.write(&ended).expect("it answers");
    assert_eq!(answers, [Err(Conflict::KeyTaken { holder: run(3) }), Ok(()), Ok(())]);
}

pub(super) fn an_archived_run_does_not_come_to_be_again(open: &Open) {
    let mut store = open();
    for (n, prefix) in [(1, ARCHIVED_MARKS), (2, IN_ARCHIVE_MARKS)] {
        let name = format!("{prefix}{}", run(n));
        let mut ended = commit(&run(n), 0, 2);
        ended.head.status = RunStatus::Failed;
        accept(&*store, write(ended));
        assert!(!is_archived(&*store, &run(n)).expect("it answers"));
        let gone = [mark(&name, Some(json!({ "seq": 2 }))), Write::Remove(run(n)), write(commit(&run(n), 0, 1))];
        assert_eq!(store.write(&gone).expect("it answers"), [Ok(()), Ok(()), Err(Conflict::Archived)]);
        drop(store);
        store = open();
        assert!(is_archived(&*store, &run(n)).expect("it answers"));
        let mut rows = commit(&run(n), 0, 1);
        rows.marks = vec![("left".into(), Some(json!(1)))];
        rows.timers_set = vec![timer(&run(n), 5, None, TimerKind::Deadline)];
        for again in [rows, commit(&run(n), 0, 0), commit(&run(n), 2, 1), keyed(n, 0, RunStatus::Failed)] {
            assert_eq!(write_one(&*store, write(again)), Err(Conflict::Archived));
        }
        assert_eq!(store.head(&run(n)).expect("it answers"), None);
        assert_eq!(store.mark("left").expect("it answers"), None);
        assert_eq!(store.all_timers(None, 9).expect("it answers"), []);
        assert_eq!(store.run_by_key(WORKFLOW, "k").expect("it answers"), None);
    }
    // A run that is in the store is not kept from going on by what a mark says, and one whose id only begins so is another.
    accept(&*store, write(commit(&run(3), 0, 1)));
    accept(&*store, mark(&format!("{IN_ARCHIVE_MARKS}{}", run(3)), Some(json!(1))));
    accept(&*store, write(commit(&run(3), 1, 1)));
    accept(&*store, write(commit(&RunId::new(format!("{}x", run(1))), 0, 1)));
    accept(&*store, mark(&format!("{ARCHIVED_MARKS}{}", run(1)), None));
    accept(&*store, write(commit(&run(1), 0, 1)));
}

pub(super) fn the_newest_time_is_known(open: &Open) {
    let mut store = open();
    assert_eq!(store.latest().expect("it answers"), None);
    accept(&*store, mark("a", Some(json!(1))));
    assert_eq!(store.latest().expect("it answers"), None);
    let back = i64::try_from(CLOCK_BACK_MS_MAX).unwrap_or(i64::MAX);
    let decided = |n: u64, ms: i64| {
        let mut first = commit(&run(n), 0, 1);
        first.records[0].at = at(ms);
        write(first)
    };
    let far = 10 * back;
    for (writes, expected) in [
        (vec![decided(1, 7)], 7),
        (vec![decided(2, 3)], 7),
        (vec![decided(2, far)], 7),
        (vec![Write::Inbox(event("e", "t", 30)), Write::Inbox(event("f", "t", 20))], 30),
        (vec![Write::Inbox(event("e", "t", far)), Write::Matched("e".into()), Write::Forget("e".into())], 30),
        (vec![decided(3, far)], far),
        (vec![decided(4, far - back)], far),
        // A clock that was a long time fast, and is right again.
        (vec![decided(5, far - back - 1)], far - back - 1),
        (vec![Write::Inbox(event("g", "t", 40))], 40),
    ] {
        store.write(&writes).expect("it answers");
        assert_eq!(store.latest().expect("it answers"), Some(at(expected)), "{writes:?}");
        drop(store);
        store = open();
        assert_eq!(store.latest().expect("it answers"), Some(at(expected)), "opened again");
    }
}

pub(super) fn settled_events_can_be_forgotten(open: &Open) {
    let store = open();
    let topic = || -> Vec<String> {
        let query = InboxQuery::Topic { topic: "t".into(), since: at(i64::MIN) };
        store.inbox(&query).expect("it answers").into_iter().map(|entry| entry.event.id.to_string()).collect()
    };
    let settled = |before: i64, limit: usize| -> Vec<String> {
        let ids = store.settled(at(before), limit).expect("it answers");
        ids.iter().map(EventId::to_string).collect()
    };
    for (id, ms) in [("c", 3), ("b", -1), ("a", 3), ("d", 300), ("open", 1)] {
        accept(&*store, Write::Inbox(event(id, "t", ms)));
        if id != "open" {
            accept(&*store, Write::Matched(id.into()));
            accept(&*store, Write::Matched(id.into()));
        }
    }
    assert_eq!(settled(i64::MAX, 99), ["b", "a", "c", "d"]);
    assert_eq!(settled(300, 99), ["b", "a", "c"]);
    assert_eq!(settled(300, 2), ["b", "a"]);
    assert_eq!(settled(-1, 99), Vec::<String>::new());
    assert_eq!(write_one(&*store, Write::Forget("open".into())), Err(Conflict::Open));
    let calls = ["a", "never came", "a", "b"].map(|id| Write::Forget(id.into()));
    assert_eq!(store.write(&calls).expect("it answers"), [Ok(()), Ok(()), Ok(()), Ok(())]);
    assert_eq!(topic(), ["open", "c", "d"]);
    assert_eq!(settled(i64::MAX, 99), ["c", "d"]);
    // Who is forgotten is new when it comes again, even within one call.
    let again = [Write::Forget("c".into()), Write::Inbox(event("c", "t", 5)), Write::Forget("c".into())];
    assert_eq!(store.write(&again).expect("it answers"), [Ok(()), Ok(()), Err(Conflict::Open)]);
    assert_eq!(topic(), ["open", "c", "d"]);
    assert_eq!(settled(i64::MAX, 99), ["d"]);
}

pub(super) fn runs_in_doubt_are_found(open: &Open) {
    let store = open();
    for (n, status, summary) in [
        (1, RunStatus::Running, Summary::InDoubt),
        (2, RunStatus::Running, Summary::Working),
        (3, RunStatus::Cancelling, Summary::InDoubt),
        (4, RunStatus::Running, Summary::Waiting),
        (5, RunStatus::Failed, Summary::InDoubt),
        (6, RunStatus::Running, Summary::Idle),
    ] {
        let mut first = commit(&run(n), 0, 1);
        (first.head.status, first.head.summary) = (status, summary);
        accept(&*store, write(first));
    }
    let attention = || RunQuery { attention: true, ..RunQuery::default() };
    assert_eq!(listed(&*store, attention()), [run(3), run(1)]);
    assert_eq!(listed(&*store, RunQuery { before: Some(run(3)), ..attention() }), [run(1)]);
    assert_eq!(listed(&*store, RunQuery { open: true, working: true, ..attention() }), [run(3), run(1)]);
    let mut decided = commit(&run(1), 1, 1);
    decided.head.summary = Summary::Working;
    accept(&*store, write(decided));
    assert_eq!(listed(&*store, attention()), [run(3)]);
}

/// Reads pages of two until there are no more, and says what came.
fn pages<T: Clone>(read: impl Fn(Option<&T>, usize) -> crate::Result<Vec<T>>) -> Vec<T> {
    let mut all: Vec<T> = Vec::new();
    loop {
        let page = read(all.last(), 2).expect("a store that is well answers");
        assert!(page.len() <= 2, "a page has its bound");
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

pub(super) fn scans_see_everything_once(open: &Open) {
    let store = open();
    let (mut timers, mut waits, mut events) = (Vec::new(), Vec::new(), Vec::new());
    for n in [4, 1, 3, 2] {
        let mut first = commit(&run(n), 0, n);
        first.plan = Some(plan(&format!("digest {}", n / 2), "source"));
        first.timers_set =
            vec![timer(&run(n), 5, None, TimerKind::Deadline), timer(&run(n), -5, Some("s"), TimerKind::Poll)];
        first.waits_set =
            vec![wait(&run(n), "s", "t", &[("id", "5")]), wait(&run(n), "s", "t", &[]), wait(&run(n), "s", "u", &[])];
        timers.extend(first.timers_set.clone());
        waits.extend(first.waits_set.clone());
        accept(&*store, write(first));
        let entry = event(&format!("event {n}"), "t", 9 - i64::try_from(n).unwrap_or(0));
        accept(&*store, Write::Inbox(entry.clone()));
        if n % 2 == 0 {
            accept(&*store, Write::Matched(entry.event.id.clone()));
        }
        events.push(InboxRow { entry, settled: n % 2 == 0 });
    }
    timers.sort();
    waits.sort();
    events.sort_by(|a, b| a.entry.event.id.cmp(&b.entry.event.id));
    assert_eq!(pages(|after, limit| store.all_timers(after, limit)), timers);
    let mut found = pages(|after, limit| store.all_waits(after, limit));
    found.sort();
    assert_eq!(found, waits);
    let found = pages(|after: Option<&InboxRow>, limit| store.all_events(after.map(|row| &row.entry.event.id), limit));
    assert_eq!(found, events);
    let runs = pages(|after, limit| {
        let heads = store.all_runs(after, limit)?;
        Ok(heads.into_iter().map(|head| head.run).collect())
    });
    assert_eq!(runs, [run(1), run(2), run(3), run(4)]);
    let plans =
        pages(|after: Option<&crate::StoredPlan>, limit| store.all_plans(after.map(|plan| &plan.digest), limit));
    let digests: Vec<_> = plans.iter().map(|plan| plan.digest.as_str()).collect();
    assert_eq!(digests, ["digest 0", "digest 1", "digest 2"]);
    assert_eq!(store.all_runs(None, 0).expect("it answers"), []);
    // What was there and is not any more still has a place to go on from.
    let gone = timer(&run(9), 0, None, TimerKind::Retry);
    let after: Vec<_> = timers.iter().filter(|timer| **timer > gone).cloned().collect();
    assert_eq!(store.all_timers(Some(&gone), 99).expect("it answers"), after);
}

//! Runs: journals, heads, keys, lists and plans.

use super::samples::{WORKFLOW, at, commit, event, head, plan, record, run, timer, wait, write};
use super::{Open, accept, view, write_one};
use crate::{Conflict, InboxQuery, RunQuery, Store, Write};
use engross_core::{PlanDigest, RunId, RunStatus, Summary, TimerKind};

fn seqs(store: &dyn Store, run: &RunId, after: u64, limit: usize) -> Vec<u64> {
    let records = store.journal(run, after, limit).expect("a store reads its journals");
    records.into_iter().map(|record| record.seq).collect()
}

fn listed(store: &dyn Store, query: &RunQuery) -> Vec<RunId> {
    store.runs(query).expect("a store lists its runs").into_iter().map(|head| head.run).collect()
}

pub(super) fn an_empty_store_has_nothing(open: &Open) {
    let store = open();
    assert_eq!(store.head(&run(1)).expect("it answers"), None);
    assert_eq!(seqs(&*store, &run(1), 0, 10), Vec::<u64>::new());
    assert_eq!(listed(&*store, &RunQuery { limit: 10, ..RunQuery::default() }), Vec::<RunId>::new());
    assert_eq!(store.run_by_key(WORKFLOW, "k").expect("it answers"), None);
    assert_eq!(store.plan(&PlanDigest::new("digest")).expect("it answers"), None);
    assert_eq!(store.due(at(i64::MAX), 10).expect("it answers"), crate::DueTimers::default());
    assert_eq!(store.waits("t").expect("it answers"), Vec::new());
    assert_eq!(store.inbox(&InboxQuery::Unmatched).expect("it answers"), Vec::new());
    assert_eq!(store.write(&[]).expect("it answers"), Vec::new());
}

pub(super) fn a_journal_is_dense_and_paged(open: &Open) {
    let store = open();
    accept(&*store, write(commit(&run(1), 0, 3)));
    accept(&*store, write(commit(&run(2), 0, 1)));
    accept(&*store, write(commit(&run(1), 3, 298)));
    assert_eq!(seqs(&*store, &run(1), 0, usize::MAX), (1..=301).collect::<Vec<u64>>());
    assert_eq!(seqs(&*store, &run(1), 0, 2), [1, 2]);
    assert_eq!(seqs(&*store, &run(1), 254, 4), [255, 256, 257, 258]);
    assert_eq!(seqs(&*store, &run(1), 300, 5), [301]);
    assert_eq!(seqs(&*store, &run(1), 301, 5), Vec::<u64>::new());
    assert_eq!(seqs(&*store, &run(1), u64::MAX, 5), Vec::<u64>::new());
    assert_eq!(seqs(&*store, &run(1), 0, 0), Vec::<u64>::new());
    assert_eq!(seqs(&*store, &run(2), 0, 5), [1]);
    let expected: Vec<_> = (2..=3).map(|seq| record(&run(1), seq)).collect();
    assert_eq!(store.journal(&run(1), 1, 2).expect("it answers"), expected);
    assert_eq!(store.head(&run(1)).expect("it answers"), Some(head(&run(1), 301)));
}

pub(super) fn a_stale_commit_leaves_no_trace(open: &Open) {
    let store = open();
    accept(&*store, write(commit(&run(1), 0, 2)));
    let before = view(&*store, &["t"]);
    for expected in [0, 1, 3, u64::MAX - 1] {
        let mut stale = commit(&run(1), expected, 1);
        stale.head.key = Some("k".into());
        stale.plan = Some(plan("digest", "source"));
        stale.timers_set = vec![timer(&run(1), 5, None, TimerKind::Deadline)];
        stale.waits_set = vec![wait(&run(1), "s", "t", &[])];
        assert_eq!(write_one(&*store, write(stale)), Err(Conflict::Sequence { expected, actual: 2 }));
        assert_eq!(view(&*store, &["t"]), before);
    }
    let unknown = write_one(&*store, write(commit(&run(2), 1, 1)));
    assert_eq!(unknown, Err(Conflict::Sequence { expected: 1, actual: 0 }));
    assert_eq!(view(&*store, &["t"]), before);
}

pub(super) fn misnumbered_records_are_refused(open: &Open) {
    let store = open();
    accept(&*store, write(commit(&run(1), 0, 1)));
    let before = view(&*store, &[]);
    let gap = commit(&run(1), 2, 2);
    let misnumbered = [
        crate::Commit { expected_seq: 1, ..gap.clone() },
        crate::Commit { records: Vec::new(), expected_seq: 1, ..gap.clone() },
        crate::Commit { head: head(&run(1), 7), ..commit(&run(1), 1, 2) },
        crate::Commit { records: vec![record(&run(1), 2), record(&run(1), 2)], ..commit(&run(1), 1, 2) },
    ];
    for wrong in misnumbered {
        let answer = write_one(&*store, write(wrong));
        assert!(matches!(answer, Err(Conflict::Sequence { .. })), "{answer:?}");
        assert_eq!(view(&*store, &[]), before);
    }
}

pub(super) fn a_key_is_held_until_its_run_comes_to_nothing(open: &Open) {
    let store = open();
    let keyed = |n: u64, workflow: &str, key: &str| {
        let mut first = commit(&run(n), 0, 1);
        first.head.workflow = workflow.into();
        first.head.key = Some(key.into());
        first
    };
    let holder = |workflow: &str, key: &str| store.run_by_key(workflow, key).expect("it answers");
    accept(&*store, write(keyed(1, WORKFLOW, "k")));
    let taken = Err(Conflict::KeyTaken { holder: run(1) });
    assert_eq!(write_one(&*store, write(keyed(2, WORKFLOW, "k"))), taken);
    assert_eq!(store.head(&run(2)).expect("it answers"), None);
    accept(&*store, write(keyed(3, "other", "k")));
    accept(&*store, write(keyed(4, WORKFLOW, "kk")));
    let mut over = commit(&run(1), 1, 1);
    over.head.key = Some("k".into());
    over.head.status = RunStatus::Succeeded;
    accept(&*store, write(over));
    assert_eq!(write_one(&*store, write(keyed(5, WORKFLOW, "k"))), taken);
    assert_eq!(holder(WORKFLOW, "k"), Some(run(1)));
    assert_eq!(holder("other", "k"), Some(run(3)));
    assert_eq!(holder(WORKFLOW, "kk"), Some(run(4)));
    assert_eq!(holder(WORKFLOW, ""), None);
    for (n, end) in [(11, RunStatus::Failed), (12, RunStatus::Stopped), (13, RunStatus::Cancelled)] {
        accept(&*store, write(keyed(n, "free", "k")));
        assert_eq!(holder("free", "k"), Some(run(n)));
        let mut over = commit(&run(n), 1, 1);
        over.head.workflow = "free".into();
        over.head.key = Some("k".into());
        over.head.status = end;
        accept(&*store, write(over));
    }
    let both = [write(keyed(6, WORKFLOW, "new")), write(keyed(7, WORKFLOW, "new"))];
    let answers = store.write(&both).expect("it answers");
    assert_eq!(answers, [Ok(()), Err(Conflict::KeyTaken { holder: run(6) })]);
}

pub(super) fn one_call_has_one_answer_for_each_write(open: &Open) {
    let store = open();
    accept(&*store, Write::Inbox(event("there", "t", 1)));
    let mut refused = commit(&run(2), 5, 1);
    refused.timers_set = vec![timer(&run(2), 5, Some("s"), TimerKind::Retry)];
    refused.waits_set = vec![wait(&run(2), "s", "t", &[])];
    refused.plan = Some(plan("digest", "source"));
    let writes = [
        write(commit(&run(1), 0, 2)),
        write(refused),
        Write::Inbox(event("there", "t", 2)),
        Write::Inbox(event("new", "t", 3)),
        write(commit(&run(3), 0, 1)),
    ];
    let answers = store.write(&writes).expect("it answers");
    let sequence = Err(Conflict::Sequence { expected: 5, actual: 0 });
    assert_eq!(answers, [Ok(()), sequence, Err(Conflict::Duplicate), Ok(()), Ok(())]);
    assert_eq!(listed(&*store, &RunQuery { limit: 9, ..RunQuery::default() }), [run(3), run(1)]);
    assert_eq!(store.due(at(i64::MAX), 9).expect("it answers").timers, []);
    assert_eq!(store.waits("t").expect("it answers"), []);
    assert_eq!(store.plan(&PlanDigest::new("digest")).expect("it answers"), None);
    let unmatched = store.inbox(&InboxQuery::Unmatched).expect("it answers");
    assert_eq!(unmatched, [event("there", "t", 1), event("new", "t", 3)]);
}

pub(super) fn later_writes_of_a_call_see_earlier_ones(open: &Open) {
    let store = open();
    let deadline = timer(&run(1), 5, None, TimerKind::Deadline);
    let mut first = commit(&run(1), 0, 2);
    first.timers_set = vec![deadline.clone()];
    first.waits_set = vec![wait(&run(1), "s", "t", &[])];
    let mut last = commit(&run(1), 3, 2);
    last.timers_cleared = vec![deadline];
    last.waits_cleared = first.waits_set.clone();
    last.head.status = RunStatus::Succeeded;
    let writes = [
        write(first),
        write(commit(&run(1), 2, 1)),
        write(commit(&run(1), 2, 1)),
        write(last),
        Write::Inbox(event("e", "t", 1)),
        Write::Inbox(event("e", "t", 1)),
        Write::Matched("e".into()),
    ];
    let answers = store.write(&writes).expect("it answers");
    let stale = Err(Conflict::Sequence { expected: 2, actual: 3 });
    assert_eq!(answers, [Ok(()), Ok(()), stale, Ok(()), Ok(()), Err(Conflict::Duplicate), Ok(())]);
    assert_eq!(seqs(&*store, &run(1), 0, 9), [1, 2, 3, 4, 5]);
    assert_eq!(listed(&*store, &RunQuery { open: true, limit: 9, ..RunQuery::default() }), []);
    assert_eq!(store.due(at(i64::MAX), 9).expect("it answers").timers, []);
    assert_eq!(store.waits("t").expect("it answers"), []);
    assert_eq!(store.inbox(&InboxQuery::Unmatched).expect("it answers"), []);
}

pub(super) fn runs_are_listed_newest_first(open: &Open) {
    let store = open();
    for n in [3, 1, 5, 2, 4] {
        let mut first = commit(&run(n), 0, 1);
        first.head.workflow = if n % 2 == 0 { "even" } else { "odd" }.into();
        first.head.status = if n > 3 { RunStatus::Succeeded } else { RunStatus::Running };
        first.head.summary = if n == 1 { Summary::Waiting } else { Summary::Working };
        accept(&*store, write(first));
    }
    let all = RunQuery { limit: 9, ..RunQuery::default() };
    let check = |query: RunQuery, expected: &[u64]| {
        assert_eq!(listed(&*store, &query), expected.iter().map(|n| run(*n)).collect::<Vec<_>>(), "{query:?}");
    };
    check(all.clone(), &[5, 4, 3, 2, 1]);
    check(RunQuery { limit: 2, ..all.clone() }, &[5, 4]);
    check(RunQuery { limit: 0, ..all.clone() }, &[]);
    check(RunQuery { before: Some(run(4)), limit: 2, ..all.clone() }, &[3, 2]);
    check(RunQuery { before: Some(run(1)), ..all.clone() }, &[]);
    check(RunQuery { before: Some(RunId::new("")), ..all.clone() }, &[]);
    check(RunQuery { before: Some(RunId::new("zzz")), limit: 1, ..all.clone() }, &[5]);
    check(RunQuery { open: true, ..all.clone() }, &[3, 2, 1]);
    check(RunQuery { working: true, ..all.clone() }, &[3, 2]);
    check(RunQuery { open: true, working: true, before: Some(run(3)), ..all.clone() }, &[2]);
    check(RunQuery { workflow: Some("odd".into()), limit: 2, ..all.clone() }, &[5, 3]);
    check(RunQuery { workflow: Some("even".into()), open: true, ..all.clone() }, &[2]);
    check(RunQuery { workflow: Some("od".into()), ..all }, &[]);
}

pub(super) fn lists_follow_the_head(open: &Open) {
    let store = open();
    let mut seq = 0;
    let mut check = |status: RunStatus, summary: Summary, is_open: bool, is_working: bool| {
        let mut next = commit(&run(1), seq, 1);
        next.head.status = status;
        next.head.summary = summary;
        accept(&*store, write(next));
        seq += 1;
        for (query, expected) in [
            (RunQuery { open: true, limit: 9, ..RunQuery::default() }, is_open),
            (RunQuery { working: true, limit: 9, ..RunQuery::default() }, is_working),
        ] {
            assert_eq!(listed(&*store, &query).len(), usize::from(expected), "{status:?} {summary:?} {query:?}");
        }
    };
    check(RunStatus::Running, Summary::Working, true, true);
    check(RunStatus::Running, Summary::Waiting, true, false);
    check(RunStatus::Running, Summary::Working, true, true);
    check(RunStatus::Running, Summary::InDoubt, true, true);
    check(RunStatus::Cancelling, Summary::Waiting, true, false);
    check(RunStatus::Cancelling, Summary::Idle, true, true);
    check(RunStatus::Cancelled, Summary::Idle, false, false);
}

pub(super) fn a_plan_is_kept_once(open: &Open) {
    let store = open();
    for (n, digest, source) in [(1, "a", "first"), (2, "a", "second"), (3, "b", "third")] {
        let mut first = commit(&run(n), 0, 1);
        first.plan = Some(plan(digest, source));
        accept(&*store, write(first));
    }
    assert_eq!(store.plan(&PlanDigest::new("a")).expect("it answers"), Some(plan("a", "first")));
    assert_eq!(store.plan(&PlanDigest::new("b")).expect("it answers"), Some(plan("b", "third")));
    assert_eq!(store.plan(&PlanDigest::new("c")).expect("it answers"), None);
}

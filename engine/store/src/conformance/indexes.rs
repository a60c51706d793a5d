//! Timers and waits: the rows that wake runs.

use super::samples::{at, commit, run, timer, wait, write};
use super::{Open, accept};
use crate::{DueTimers, Store, Timer, WaitRow};
use engross_core::TimerKind::{Deadline, Poll, Retry};
use engross_core::Timestamp;

fn set(store: &dyn Store, n: u64, timers: &[Timer], waits: &[WaitRow]) {
    let mut first = commit(&run(n), 0, 1);
    first.timers_set = timers.to_vec();
    first.waits_set = waits.to_vec();
    accept(store, write(first));
}

fn due(store: &dyn Store, until: i64, limit: usize) -> DueTimers {
    store.due(at(until), limit).expect("a store reads its timers")
}

pub(super) fn timers_come_in_order(open: &Open) {
    let store = open();
    let sorted = [
        timer(&run(1), i64::MIN, None, Deadline),
        timer(&run(1), -1, Some("a"), Retry),
        timer(&run(2), 0, Some("a"), Retry),
        timer(&run(1), 5, None, Deadline),
        timer(&run(1), 5, Some("a"), Retry),
        timer(&run(1), 5, Some("a"), Poll),
        timer(&run(1), 5, Some("a"), Deadline),
        timer(&run(1), 5, Some("ab"), Retry),
        timer(&run(2), 5, Some("a"), Retry),
        timer(&run(1), 300, Some("a"), Retry),
        timer(&run(2), i64::MAX, None, Deadline),
    ];
    for n in [2, 1] {
        let own: Vec<Timer> = sorted.iter().rev().filter(|timer| timer.run == run(n)).cloned().collect();
        set(&*store, n, &own, &[]);
    }
    let check = |until: i64, limit: usize, expected: usize, next: Option<i64>| {
        let expected = DueTimers { timers: sorted.iter().take(expected).cloned().collect(), next: next.map(at) };
        assert_eq!(due(&*store, until, limit), expected, "until {until}, at most {limit}");
    };
    check(i64::MIN, 99, 1, Some(-1));
    check(-2, 99, 1, Some(-1));
    check(0, 99, 3, Some(5));
    check(5, 99, 9, Some(300));
    check(5, 6, 6, Some(5));
    check(5, 0, 0, Some(i64::MIN));
    check(299, 99, 9, Some(300));
    check(i64::MAX - 1, 99, 10, Some(i64::MAX));
    check(i64::MAX, 10, 10, Some(i64::MAX));
    check(i64::MAX, 99, 11, None);
}

pub(super) fn timers_can_be_cleared_and_moved(open: &Open) {
    let store = open();
    let poll = |ms| timer(&run(1), ms, Some("s"), Poll);
    let other = timer(&run(2), 3, Some("s"), Poll);
    set(&*store, 1, &[poll(1), poll(2)], &[]);
    set(&*store, 2, std::slice::from_ref(&other), &[]);
    let mut moved = commit(&run(1), 1, 1);
    moved.timers_cleared = vec![poll(1), poll(2), timer(&run(1), 2, Some("never"), Poll)];
    moved.timers_set = vec![poll(4), poll(2)];
    accept(&*store, write(moved));
    assert_eq!(due(&*store, 9, 9).timers, [poll(2), other.clone(), poll(4)]);
    let mut cleared = commit(&run(1), 2, 1);
    cleared.timers_cleared = vec![poll(4), poll(2)];
    accept(&*store, write(cleared));
    assert_eq!(due(&*store, 9, 9), DueTimers { timers: vec![other], next: None });
    assert_eq!(due(&*store, 2, 9), DueTimers { timers: vec![], next: Some(Timestamp::from_millis(3)) });
}

pub(super) fn waits_are_found_by_topic(open: &Open) {
    let store = open();
    let found = |topic: &str| store.waits(topic).expect("a store reads its waits");
    let sorted = [
        wait(&run(1), "a", "t", &[]),
        wait(&run(1), "a", "t", &[("id", "5")]),
        wait(&run(1), "a", "t", &[("id", "6")]),
        wait(&run(1), "b", "t", &[]),
        wait(&run(2), "a", "t", &[]),
    ];
    let others = [wait(&run(2), "a", "t2", &[]), wait(&run(2), "a", "", &[])];
    set(&*store, 2, &[], &[others[0].clone(), sorted[4].clone(), others[1].clone()]);
    set(&*store, 1, &[], &[sorted[3].clone(), sorted[1].clone(), sorted[0].clone(), sorted[2].clone()]);
    assert_eq!(found("t"), sorted);
    assert_eq!(found("t2"), others[..1]);
    assert_eq!(found(""), others[1..]);
    assert_eq!(found("t3"), []);
    let mut next = commit(&run(1), 1, 1);
    next.waits_cleared = vec![sorted[1].clone(), sorted[3].clone()];
    next.waits_set = vec![sorted[3].clone()];
    accept(&*store, write(next));
    assert_eq!(found("t"), [sorted[0].clone(), sorted[2].clone(), sorted[3].clone(), sorted[4].clone()]);
}

pub(super) fn a_commit_without_records_changes_rows(open: &Open) {
    let store = open();
    set(&*store, 1, &[timer(&run(1), 1, None, Deadline)], &[]);
    let mut rows = commit(&run(1), 1, 0);
    rows.timers_cleared = vec![timer(&run(1), 1, None, Deadline)];
    rows.waits_set = vec![wait(&run(1), "a", "t", &[])];
    rows.head.doing = "something else".into();
    accept(&*store, write(rows.clone()));
    assert_eq!(due(&*store, 9, 9), DueTimers::default());
    assert_eq!(store.waits("t").expect("it answers"), rows.waits_set);
    assert_eq!(store.head(&run(1)).expect("it answers"), Some(rows.head));
    assert_eq!(store.journal(&run(1), 0, 9).expect("it answers").len(), 1);
}

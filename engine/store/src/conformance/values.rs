//! Values at the edges: large, exact, hostile, and after a reopening.

use super::samples::{at, commit, event, event_with, plan, run, timer, wait, write};
use super::{Open, accept, view};
use crate::limits::{VALUE_BYTES_MAX, VALUE_LEVELS_MAX};
use crate::{InboxQuery, Write};
use engross_core::{Event, Person, TimerKind};
use serde_json::{Value, json};

/// A commit whose last record holds a text.
fn with_text(after: u64, text: String) -> crate::Commit {
    let mut commit = commit(&run(1), after, 2);
    let last = commit.records.last_mut().expect("it has two records");
    last.event = Event::CancelRequested { by: Person::new("a@example.com"), reason: Some(text), timed_out: false };
    commit
}

pub(super) fn long_values_come_back_whole(open: &Open) {
    let mut store = open();
    let mut seq = 0;
    for bytes in [0, 100, 4_000, 4_095, 4_096, 4_097, 8_192, 61_440, 65_536, 200_000, 2_000_000] {
        let mut next = with_text(seq, "ß\"x\u{0}".repeat(bytes / 11));
        next.head.doing = "d".repeat(bytes);
        accept(&*store, write(next.clone()));
        for round in 0..2 {
            assert_eq!(store.journal(&run(1), seq, 9).expect("it answers"), next.records, "{bytes} bytes, {round}");
            assert_eq!(store.head(&run(1)).expect("it answers"), Some(next.head.clone()), "{bytes} bytes, {round}");
            drop(store);
            store = open();
        }
        seq += 2;
    }
    // A long value gives way to a short one, and to a longer one after that.
    for bytes in [3, 9_000, 5_000] {
        let mut next = commit(&run(1), seq, 1);
        next.head.doing = "e".repeat(bytes);
        accept(&*store, write(next.clone()));
        assert_eq!(store.head(&run(1)).expect("it answers"), Some(next.head));
        seq += 1;
    }
    let mut first = commit(&run(2), 0, 1);
    first.plan = Some(plan("digest", &"steps:\n".repeat(100_000)));
    accept(&*store, write(first.clone()));
    assert_eq!(store.plan(&"digest".into()).expect("it answers"), first.plan);
}

pub(super) fn numbers_come_back_to_the_last_bit(open: &Open) {
    let store = open();
    let numbers = json!([
        0.1 + 0.2,
        1.0 / 3.0,
        5e-324,
        f64::MAX,
        f64::MIN_POSITIVE,
        -0.0,
        1e21,
        1.0,
        u64::MAX,
        i64::MIN,
        9_007_199_254_740_993_u64,
        2.220_446_049_250_313e-16,
        1.797_693_134_862_315_7e308
    ]);
    let mut pseudo = super::samples::Dice(7);
    let random: Vec<Value> =
        (0..2_000).map(|_| f64::from_bits(pseudo.below(u64::MAX))).filter(|f| f.is_finite()).map(Value::from).collect();
    let entry = event_with("e", "t", 1, json!({"numbers": numbers, "random": random}));
    accept(&*store, Write::Inbox(entry.clone()));
    assert_eq!(store.inbox(&InboxQuery::Unmatched).expect("it answers"), [entry]);
}

pub(super) fn what_cannot_be_kept_is_refused_without_harm(open: &Open) {
    let store = open();
    accept(&*store, write(commit(&run(1), 0, 1)));
    let before = view(&*store, &["t"]);
    let deep = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!({ "a": inner }));
    let refused = [
        write(with_text(1, "x".repeat(VALUE_BYTES_MAX))),
        Write::Inbox(event_with("e", "t", 1, deep(VALUE_LEVELS_MAX))),
        Write::Inbox(event_with("e", "t", 1, json!("x".repeat(VALUE_BYTES_MAX)))),
    ];
    for one in refused {
        let call = [write(commit(&run(2), 0, 1)), one, Write::Inbox(event("f", "t", 1))];
        let error = store.write(&call).expect_err("a value that cannot be kept is refused");
        assert!(error.is_refusal(), "{error}");
        assert_eq!(view(&*store, &["t"]), before);
    }
    let kept = event_with("e", "t", 1, deep(VALUE_LEVELS_MAX - 2));
    accept(&*store, Write::Inbox(kept.clone()));
    assert_eq!(store.inbox(&InboxQuery::Unmatched).expect("it answers"), [kept]);
}

pub(super) fn strange_names_stay_apart(open: &Open) {
    let store = open();
    let long = |last: char| format!("{}{last}", "x".repeat(3_000));
    let names: Vec<String> = ["", "a", "a/", "a/b", "a\0", "a\0b", "a\u{1}", "ä", "\u{10FFFF}", "a\u{0}\u{1}"]
        .iter()
        .map(|name| (*name).to_owned())
        .chain([long('a'), long('b'), "x".repeat(96), "x".repeat(97), "x".repeat(64)])
        .collect();
    for (n, name) in (1..).zip(&names) {
        let mut first = commit(&run(n), 0, 1);
        first.head.workflow = name.clone();
        first.head.key = Some(name.clone());
        first.waits_set = vec![wait(&run(n), name, name, &[(name, name)])];
        first.timers_set = vec![timer(&run(n), 1, Some(name), TimerKind::Poll)];
        accept(&*store, write(first));
        accept(&*store, Write::Inbox(event(name, name, 1)));
    }
    for (n, name) in (1..).zip(&names) {
        assert_eq!(store.run_by_key(name, name).expect("it answers"), Some(run(n)), "{name:?}");
        assert_eq!(store.waits(name).expect("it answers"), [wait(&run(n), name, name, &[(name, name)])], "{name:?}");
        let query = InboxQuery::Topic { topic: name.clone(), since: at(0) };
        assert_eq!(store.inbox(&query).expect("it answers"), [event(name, name, 1)], "{name:?}");
        let mut next = commit(&run(n), 1, 1);
        next.timers_cleared = vec![timer(&run(n), 1, Some(name), TimerKind::Poll)];
        accept(&*store, write(next));
        accept(&*store, Write::Matched(name.as_str().into()));
    }
    assert_eq!(store.due(at(9), 99).expect("it answers").timers, []);
    assert_eq!(store.inbox(&InboxQuery::Unmatched).expect("it answers"), []);
    assert_eq!(store.run_by_key("a", "").expect("it answers"), None);
}

pub(super) fn a_reopened_store_has_everything(open: &Open) {
    let store = open();
    for n in 1..=20 {
        let mut first = commit(&run(n), 0, n);
        first.head.key = Some(format!("key {n}"));
        first.plan = Some(plan(&format!("digest {n}"), "source"));
        first.timers_set = vec![timer(&run(n), 5, Some("s"), TimerKind::Poll)];
        first.waits_set = vec![wait(&run(n), "s", "t", &[("id", &n.to_string())])];
        accept(&*store, write(first));
        accept(&*store, Write::Inbox(event(&n.to_string(), "t", 1)));
        if n % 3 == 0 {
            accept(&*store, Write::Matched(n.to_string().as_str().into()));
        }
    }
    let before = view(&*store, &["t"]);
    drop(store);
    let store = open();
    assert_eq!(view(&*store, &["t"]), before);
    accept(&*store, write(commit(&run(1), 1, 1)));
    accept(&*store, write(commit(&run(21), 0, 1)));
    assert_ne!(view(&*store, &["t"]), before);
}

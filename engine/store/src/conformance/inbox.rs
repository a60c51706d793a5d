//! Events from outside: kept once, found by topic, remembered until they are settled.

use super::samples::{at, event, event_with};
use super::{Open, accept, write_one};
use crate::{Conflict, InboxEntry, InboxQuery, Store, Write};
use serde_json::json;

fn topic(store: &dyn Store, topic: &str, since: i64) -> Vec<InboxEntry> {
    store.inbox(&InboxQuery::Topic { topic: topic.into(), since: at(since) }).expect("a store reads its inbox")
}

fn unmatched(store: &dyn Store) -> Vec<InboxEntry> {
    store.inbox(&InboxQuery::Unmatched).expect("a store reads its inbox")
}

pub(super) fn an_event_is_kept_once(open: &Open) {
    let store = open();
    let first = event("e", "t", 5);
    accept(&*store, Write::Inbox(first.clone()));
    for again in [first.clone(), event("e", "other", 5), event("e", "t", 6), event_with("e", "t", 5, json!(null))] {
        assert_eq!(write_one(&*store, Write::Inbox(again)), Err(Conflict::Duplicate));
    }
    accept(&*store, Write::Matched("e".into()));
    assert_eq!(write_one(&*store, Write::Inbox(first.clone())), Err(Conflict::Duplicate));
    assert_eq!(topic(&*store, "t", 0), [first]);
    assert_eq!(topic(&*store, "other", 0), []);
    assert_eq!(unmatched(&*store), []);
}

pub(super) fn events_come_in_order_from_a_time_on(open: &Open) {
    let store = open();
    let sorted = [event("z", "t", -7), event("a", "t", 1), event("b", "t", 1), event("0", "t", 300)];
    for at in [3, 1, 0, 2] {
        accept(&*store, Write::Inbox(sorted[at].clone()));
    }
    accept(&*store, Write::Inbox(event("other", "t2", 2)));
    assert_eq!(topic(&*store, "t", i64::MIN), sorted);
    assert_eq!(topic(&*store, "t", -6), sorted[1..]);
    assert_eq!(topic(&*store, "t", 1), sorted[1..]);
    assert_eq!(topic(&*store, "t", 2), sorted[3..]);
    assert_eq!(topic(&*store, "t", 301), []);
    assert_eq!(topic(&*store, "t2", 2), [event("other", "t2", 2)]);
}

pub(super) fn an_event_is_unmatched_until_it_is_settled(open: &Open) {
    let store = open();
    for (id, at) in [("c", 3), ("b", 1), ("a", 1)] {
        accept(&*store, Write::Inbox(event(id, "t", at)));
    }
    accept(&*store, Write::Inbox(event("d", "another topic", 2)));
    let ids = || unmatched(&*store).into_iter().map(|entry| entry.event.id.to_string()).collect::<Vec<_>>();
    assert_eq!(ids(), ["a", "b", "d", "c"]);
    accept(&*store, Write::Matched("b".into()));
    accept(&*store, Write::Matched("b".into()));
    accept(&*store, Write::Matched("never came".into()));
    assert_eq!(ids(), ["a", "d", "c"]);
    assert_eq!(topic(&*store, "t", 0).len(), 3);
    accept(&*store, Write::Inbox(event("never came", "t", 4)));
    assert_eq!(ids(), ["a", "d", "c", "never came"]);
}

//! What every store must do, as functions that each implementation calls from its tests.
//!
//! A check gets a way to open one place again and again: a second opening, after the first store is dropped, must find what
//! the first has kept. `runs`, `indexes`, `inbox`, `upkeep` and `values` say it case by case; `model` compares a store with the
//! reference over random histories. Checks fail by panicking, as tests do.

mod inbox;
mod indexes;
pub(crate) mod model;
mod runs;
pub(crate) mod samples;
mod upkeep;
mod values;

use crate::{Conflict, InboxEntry, InboxQuery, InboxRow, RunHead, RunQuery, Store, StoredPlan, Timer, WaitRow, Write};
use engross_core::{EventId, Record, RunId, Timestamp};
use serde_json::Value;

/// Opens one place. The store that an earlier call gave is dropped before the next call.
pub type Open = dyn Fn() -> Box<dyn Store>;

/// One thing that a store must do; panics when it does not.
pub type Check = fn(&Open);

/// Every check with its name.
pub const CHECKS: &[(&str, Check)] = &[
    ("an empty store has nothing", runs::an_empty_store_has_nothing),
    ("a journal is dense and paged", runs::a_journal_is_dense_and_paged),
    ("a stale commit leaves no trace", runs::a_stale_commit_leaves_no_trace),
    ("misnumbered records are refused", runs::misnumbered_records_are_refused),
    ("a key is claimed once and held for ever", runs::a_key_is_held_until_its_run_comes_to_nothing),
    ("one call has one answer for each write", runs::one_call_has_one_answer_for_each_write),
    ("later writes of a call see earlier ones", runs::later_writes_of_a_call_see_earlier_ones),
    ("runs are listed newest first", runs::runs_are_listed_newest_first),
    ("lists follow the head", runs::lists_follow_the_head),
    ("a plan is kept once", runs::a_plan_is_kept_once),
    ("timers come in order", indexes::timers_come_in_order),
    ("timers can be cleared and moved", indexes::timers_can_be_cleared_and_moved),
    ("waits are found by topic", indexes::waits_are_found_by_topic),
    ("a commit without records changes rows", indexes::a_commit_without_records_changes_rows),
    ("an event is kept once", inbox::an_event_is_kept_once),
    ("events come in order from a time on", inbox::events_come_in_order_from_a_time_on),
    ("an event is unmatched until it is settled", inbox::an_event_is_unmatched_until_it_is_settled),
    ("marks are kept by name", upkeep::marks_are_kept_by_name),
    ("marks go with their commit", upkeep::marks_go_with_their_commit),
    ("a run that is opened again claims its key", upkeep::a_run_that_is_opened_again_claims_its_key),
    ("a run that is over can be removed", upkeep::a_run_that_is_over_can_be_removed),
    ("an archived run does not come to be again", upkeep::an_archived_run_does_not_come_to_be_again),
    ("the newest time is known", upkeep::the_newest_time_is_known),
    ("settled events can be forgotten", upkeep::settled_events_can_be_forgotten),
    ("runs in doubt are found", upkeep::runs_in_doubt_are_found),
    ("scans see everything once", upkeep::scans_see_everything_once),
    ("long values come back whole", values::long_values_come_back_whole),
    ("numbers come back to the last bit", values::numbers_come_back_to_the_last_bit),
    ("what cannot be kept is refused without harm", values::what_cannot_be_kept_is_refused_without_harm),
    ("strange names stay apart", values::strange_names_stay_apart),
    ("a reopened store has everything", values::a_reopened_store_has_everything),
    ("random histories agree with the reference", model::random_histories_agree_with_the_reference),
];

/// Runs every check, each in a new place.
///
/// # Panics
/// When the store fails a check.
pub fn check_all(new_place: &dyn Fn() -> Box<Open>) {
    for (name, check) in CHECKS {
        tracing::info!(name, "checking");
        check(&*new_place());
    }
}

/// Everything that can be asked of a store.
#[derive(Debug, PartialEq)]
pub struct View {
    heads: Vec<RunHead>,
    open: Vec<RunId>,
    working: Vec<RunId>,
    journals: Vec<Vec<Record>>,
    key_holders: Vec<Option<RunId>>,
    plans: Vec<Option<StoredPlan>>,
    timers: Vec<Timer>,
    waits: Vec<Vec<WaitRow>>,
    topics: Vec<Vec<InboxEntry>>,
    unmatched: Vec<InboxEntry>,
    settled: Vec<EventId>,
    events: Vec<InboxRow>,
    all_plans: Vec<StoredPlan>,
    all_waits: Vec<WaitRow>,
    marks: Vec<(String, Value)>,
    latest: Option<Timestamp>,
}

/// Asks a store for everything it has, with the waits and events of these topics.
///
/// # Panics
/// When the store does not answer, or its answers do not fit together.
pub fn view(store: &dyn Store, topics: &[&str]) -> View {
    let list = |open, working| {
        let query = RunQuery { open, working, limit: usize::MAX, ..RunQuery::default() };
        store.runs(&query).expect("a store lists its runs")
    };
    let ids = |heads: Vec<RunHead>| heads.into_iter().map(|head| head.run).collect();
    let heads = list(false, false);
    for head in &heads {
        assert_eq!(store.head(&head.run).expect("a store has the heads it lists").as_ref(), Some(head));
    }
    let mut oldest_first = store.all_runs(None, usize::MAX).expect("a store scans its runs");
    oldest_first.reverse();
    assert_eq!(oldest_first, heads, "the scan of all runs and the list differ");
    let journals =
        heads.iter().map(|head| store.journal(&head.run, 0, usize::MAX).expect("a store reads its journals"));
    let key_holders = heads.iter().map(|head| {
        let key = head.key.as_deref().unwrap_or_default();
        store.run_by_key(&head.workflow, key).expect("a store reads its keys")
    });
    let plans = heads.iter().map(|head| store.plan(&head.plan).expect("a store reads its plans"));
    let waits = topics.iter().map(|topic| store.waits(topic).expect("a store reads its waits"));
    let entries = topics.iter().map(|topic| {
        let query = InboxQuery::Topic { topic: (*topic).to_owned(), since: Timestamp::from_millis(i64::MIN) };
        store.inbox(&query).expect("a store reads its inbox")
    });
    let due = store.due(Timestamp::from_millis(i64::MAX), usize::MAX).expect("a store reads its timers");
    assert_eq!(due.next, None, "a timer is left over although all were asked for");
    assert_eq!(store.all_timers(None, usize::MAX).expect("a store scans its timers"), due.timers);
    let mut all_waits = store.all_waits(None, usize::MAX).expect("a store scans its waits");
    all_waits.sort();
    View {
        open: ids(list(true, false)),
        working: ids(list(false, true)),
        journals: journals.collect(),
        key_holders: key_holders.collect(),
        plans: plans.collect(),
        timers: due.timers,
        waits: waits.collect(),
        topics: entries.collect(),
        unmatched: store.inbox(&InboxQuery::Unmatched).expect("a store reads its inbox"),
        settled: store.settled(Timestamp::from_millis(i64::MAX), usize::MAX).expect("a store reads its inbox"),
        events: store.all_events(None, usize::MAX).expect("a store scans its inbox"),
        all_plans: store.all_plans(None, usize::MAX).expect("a store scans its plans"),
        all_waits,
        marks: store.marks("").expect("a store reads its marks"),
        latest: store.latest().expect("a store knows its newest time"),
        heads,
    }
}

#[track_caller]
fn write_one(store: &dyn Store, write: Write) -> Result<(), Conflict> {
    let answers = store.write(&[write]).expect("a store that is well writes");
    assert_eq!(answers.len(), 1, "one write has one answer");
    answers.into_iter().next().unwrap_or(Ok(()))
}

#[track_caller]
fn accept(store: &dyn Store, write: Write) {
    assert_eq!(write_one(store, write), Ok(()));
}

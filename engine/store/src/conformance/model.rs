//! Random histories, the same each time, on a store and on the reference: every answer and everything that can be read must
//! be the same, after every call and after every reopening.

use super::samples::{Dice, at, commit, event, plan, run, timer, wait, write};
use super::{Open, view};
use crate::{InboxQuery, MemoryStore, RunQuery, Store, Write};
use engross_core::{RunId, RunStatus, Summary, TimerKind};

const SEEDS: u64 = 6;
const CALLS: u64 = 60;
const RUNS: u64 = 6;
/// Every topic of a random history.
pub(crate) const TOPICS: [&str; 3] = ["t", "t/u", "event:crm/won"];

pub(super) fn random_histories_agree_with_the_reference(open: &Open) {
    let reference = MemoryStore::new();
    let mut store = open();
    for seed in 0..SEEDS {
        let mut dice = Dice(seed);
        for call in 0..CALLS {
            let writes: Vec<Write> = (0..=dice.below(6)).map(|_| random_write(&mut dice, &reference)).collect();
            let expected = reference.write(&writes).expect("the reference answers");
            let answers = store.write(&writes).expect("a store that is well writes");
            assert_eq!(answers, expected, "seed {seed}, call {call}: {writes:#?}");
            compare_questions(&mut dice, &*store, &reference);
            if dice.below(20) == 0 {
                drop(store);
                store = open();
            }
            if dice.below(8) == 0 {
                assert_eq!(view(&*store, &TOPICS), view(&reference, &TOPICS), "seed {seed}, call {call}");
            }
        }
    }
    assert_eq!(view(&*store, &TOPICS), view(&reference, &TOPICS));
}

/// A write that may fit, may be refused, and may change nothing.
pub(crate) fn random_write(dice: &mut Dice, reference: &MemoryStore) -> Write {
    match dice.below(14) {
        10 => Write::Mark { name: random_topic(dice).into(), value: (dice.below(3) > 0).then(|| dice.below(9).into()) },
        11 => Write::Remove(random_run(dice)),
        12 | 13 => Write::Forget(random_event(dice).as_str().into()),
        0 | 1 => Write::Inbox(event(&random_event(dice), random_topic(dice), random_ms(dice))),
        2 => Write::Matched(random_event(dice).as_str().into()),
        _ => random_commit(dice, reference),
    }
}

fn random_commit(dice: &mut Dice, reference: &MemoryStore) -> Write {
    let run = random_run(dice);
    let actual = reference.head(&run).expect("the reference answers").map_or(0, |head| head.seq);
    // Some commits are stale, and those of one call follow on from each other only by chance.
    let after = if dice.below(6) == 0 { dice.below(actual + 2) } else { actual };
    let mut commit = commit(&run, after, dice.below(4));
    commit.head.key = (dice.below(2) == 0).then(|| format!("key {}", dice.below(4)));
    commit.head.status =
        [RunStatus::Running, RunStatus::Cancelling, RunStatus::Failed, RunStatus::Succeeded, RunStatus::Stopped]
            [usize::try_from(dice.below(5)).unwrap_or(0)];
    commit.head.summary = [Summary::Working, Summary::Waiting, Summary::Idle, Summary::InDoubt]
        [usize::try_from(dice.below(4)).unwrap_or(0)];
    commit.head.doing = "long ".repeat(usize::try_from(dice.below(2_000)).unwrap_or(0));
    commit.plan = (dice.below(3) == 0).then(|| plan("digest", &format!("source {}", dice.below(9))));
    let mut timers = || {
        let step = ["a", "b"].get(usize::try_from(dice.below(3)).unwrap_or(0)).copied();
        let kind = if dice.below(2) == 0 { TimerKind::Poll } else { TimerKind::Retry };
        timer(&run, random_ms(dice), step, kind)
    };
    commit.timers_set = vec![timers(), timers()];
    commit.timers_cleared = (0..4).map(|_| timers()).collect();
    let mut waits = || {
        let fields: &[(&str, &str)] = if dice.below(2) == 0 { &[] } else { &[("id", "5")] };
        wait(&run, if dice.below(2) == 0 { "a" } else { "b" }, random_topic(dice), fields)
    };
    commit.waits_set = vec![waits()];
    commit.waits_cleared = vec![waits(), waits()];
    if dice.below(4) == 0 {
        commit.marks = vec![(random_topic(dice).into(), Some(dice.below(9).into()))];
    }
    write(commit)
}

fn compare_questions(dice: &mut Dice, store: &dyn Store, reference: &MemoryStore) {
    let both: [&dyn Store; 2] = [store, reference];
    let limit = usize::try_from(dice.below(5)).unwrap_or(0);
    let (run, after, until) = (random_run(dice), dice.below(6), at(random_ms(dice)));
    let query = RunQuery {
        open: dice.below(2) == 0,
        working: dice.below(2) == 0,
        attention: dice.below(3) == 0,
        workflow: None,
        before: (dice.below(2) == 0).then(|| random_run(dice)),
        limit,
    };
    let since = InboxQuery::Topic { topic: random_topic(dice).into(), since: until };
    let [journal, expected] = both.map(|store| store.journal(&run, after, limit).expect("it answers"));
    assert_eq!(journal, expected);
    let [due, expected] = both.map(|store| store.due(until, limit).expect("it answers"));
    assert_eq!(due, expected);
    let [runs, expected] = both.map(|store| store.runs(&query).expect("it answers"));
    assert_eq!(runs, expected, "{query:?}");
    let [inbox, expected] = both.map(|store| store.inbox(&since).expect("it answers"));
    assert_eq!(inbox, expected, "{since:?}");
}

fn random_run(dice: &mut Dice) -> RunId {
    run(dice.below(RUNS))
}

fn random_topic(dice: &mut Dice) -> &'static str {
    TOPICS[usize::try_from(dice.below(3)).unwrap_or(0)]
}

fn random_event(dice: &mut Dice) -> String {
    format!("event {}", dice.below(40))
}

fn random_ms(dice: &mut Dice) -> i64 {
    i64::try_from(dice.below(12)).unwrap_or(0) - 4
}

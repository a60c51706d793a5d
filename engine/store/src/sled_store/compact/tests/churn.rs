//! What a long-running engine does to the database, and what a compaction makes of it.

use super::on;
use crate::conformance::samples::{Dice, at, commit, run, timer, write};
use crate::sled_store::tests::open;
use crate::{Compacted, SledStore, Store, Write};
use engross_core::{Event, RunStatus, StepId, TimerKind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How many transitions, where it is not said from outside: what a build without optimisation does in half a minute.
const TRANSITIONS: u64 = 40_000;
const FROM_OUTSIDE: &str = "ENGROSS_TEST_TRANSITIONS";

/// Each run has so many.
const OF_A_RUN: u64 = 20;

/// Runs that are open at a time, at least: of so few rows that they fit into a page or two, sled keeps the file short.
const SLOTS_MIN: u64 = 1_000;

/// Writes in one call, as the committer groups them.
const AT_ONCE: u64 = 64;

/// One in so many runs stays when it is over.
const KEPT: u64 = 20;

/// What sled takes beside that as long as the store is small. The whole million has to do without.
const BASE_BYTES: u64 = 8 * 1024 * 1024;

#[test]
fn after_churn_a_compaction_gives_the_space_back_and_reads_go_on_all_along() {
    let transitions = std::env::var(FROM_OUTSIDE).map_or(TRANSITIONS, |text| text.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    let done = AtomicU64::new(0);
    let ended = AtomicBool::new(false);
    let begun = Instant::now();
    let (writer, reader, during) = std::thread::scope(|scope| {
        let writer = scope.spawn(|| churn(&store, transitions, &done));
        let reader = scope.spawn(|| read_on(&store, &ended));
        while done.load(Ordering::Relaxed) < transitions / 3 {
            std::thread::yield_now();
        }
        let during = store.compact(&mut on).unwrap();
        let writer = writer.join().unwrap();
        ended.store(true, Ordering::Relaxed);
        (writer, reader.join().unwrap(), during)
    });
    let took = begun.elapsed();
    let last = store.compact(&mut on).unwrap();
    println!("{transitions} transitions in {took:?}, {} runs alive", writer.alive);
    println!("writes: {}; reads: {}", writer.times, reader);
    for compacted in [&during, &last] {
        println!("{compacted:?}: {:.2} times the live data", ratio(compacted));
    }
    let runs = store.all_runs(None, usize::MAX).unwrap();
    assert_eq!(runs.len() as u64, writer.alive);
    for head in runs {
        assert_eq!(store.journal(&head.run, 0, usize::MAX).unwrap().len() as u64, head.seq);
    }
    let bound = 3 * last.live_bytes + if transitions < 1_000_000 { BASE_BYTES } else { 0 };
    assert!(last.before_bytes > bound, "there was nothing to give back: {last:?}");
    assert!(last.after_bytes <= bound, "{last:?}");
    assert!(reader.count > writer.times.count, "{reader}");
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn ratio(compacted: &Compacted) -> f64 {
    compacted.after_bytes as f64 / compacted.live_bytes as f64
}

/// How long each of many things took.
#[derive(Default)]
struct Times {
    count: u64,
    longest: Duration,
    all: Vec<Duration>,
}

impl Times {
    fn time<T>(&mut self, action: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let answer = action();
        let took = begun.elapsed();
        self.count += 1;
        self.longest = self.longest.max(took);
        self.all.push(took);
        answer
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut sorted = self.all.clone();
        sorted.sort();
        let at = |share: usize| sorted.get(sorted.len() * share / 1_000).copied().unwrap_or_default();
        let (median, most) = (at(500), at(999));
        write!(f, "{} calls, half below {median:?}, 99.9 % below {most:?}, longest {:?}", self.count, self.longest)
    }
}

struct Churned {
    alive: u64,
    times: Times,
}

/// Writes transitions of a thousand runs or more in turn; whichever is over makes way for a new one.
fn churn(store: &SledStore, transitions: u64, done: &AtomicU64) -> Churned {
    let slots = (transitions / 500).max(SLOTS_MIN);
    let mut times = Times::default();
    let mut dice = Dice(5);
    let (mut kept, mut begun) = (0, slots);
    let mut runs: Vec<(u64, u64)> = (0..slots).map(|n| (n, dice.below(OF_A_RUN))).collect();
    // The first ones are at different places, as they would be later.
    let first: Vec<Write> = runs.iter().map(|(n, seq)| write(commit(&run(*n), 0, *seq))).collect();
    times.time(|| store.write(&first).unwrap());
    let mut writes = Vec::new();
    for number in 0..transitions {
        let slot = &mut runs[usize::try_from(number % slots).unwrap()];
        let (n, seq) = *slot;
        let over = seq + 1 >= OF_A_RUN;
        writes.push(transition(n, seq, over));
        *slot = (n, seq + 1);
        if over {
            if n % KEPT == 0 {
                kept += 1;
            } else {
                writes.push(Write::Remove(run(n)));
            }
            *slot = (begun, 0);
            begun += 1;
        }
        if writes.len() as u64 >= AT_ONCE || number + 1 == transitions {
            let answers = times.time(|| store.write(&writes).unwrap());
            assert!(answers.iter().all(Result::is_ok), "{answers:?}");
            writes.clear();
            done.store(number + 1, Ordering::Relaxed);
        }
    }
    let open = runs.iter().filter(|(_, seq)| *seq > 0).count() as u64;
    Churned { alive: kept + open, times }
}

/// A record of 300 bytes, a head of 500, and a timer that moves.
fn transition(n: u64, seq: u64, over: bool) -> Write {
    let mut next = commit(&run(n), seq, 1);
    if let Some(record) = next.records.last_mut().filter(|_| seq > 0) {
        record.event = Event::PollDue { step: StepId::new("s".repeat(200)) };
    }
    next.head.doing = "w".repeat(150);
    let due = |seq: u64| timer(&run(n), i64::try_from(seq * 1_000 + n).unwrap(), Some("s"), TimerKind::Poll);
    next.timers_cleared = vec![due(seq)];
    if over {
        next.head.status = RunStatus::Failed;
    } else {
        next.timers_set = vec![due(seq + 1)];
    }
    write(next)
}

/// Reads what an engine reads, until it is told to end.
fn read_on(store: &SledStore, ended: &AtomicBool) -> Times {
    let mut times = Times::default();
    while !ended.load(Ordering::Relaxed) {
        let due = times.time(|| store.due(at(i64::MAX), 20).unwrap());
        for timer in due.timers {
            times.time(|| store.head(&timer.run).unwrap());
            times.time(|| store.journal(&timer.run, 0, 99).unwrap());
        }
    }
    times
}

//! Every durable write of a reference set of workflows, and a crash at each of them, in every manner; then another process
//! goes on, and everything must end as if nothing had been.
//!
//! `cases`, `stuck` and `many` have the workflows, `client` whoever acts on them, `ledger` a provider that counts, `fault` the store that ends a
//! process, `process` a process's life, `audit` what must hold.

mod audit;
mod cases;
mod client;
mod fault;
mod kept;
mod ledger;
mod many;
mod process;
mod stuck;

use audit::{End, audit, end};
use cases::{AfterCrash, Case};
use engross_store::Store;
use fault::Kind;
use process::Stage;
use std::sync::Mutex;
use std::time::Instant;

/// Fewer plays with one crash than this would mean that the sweep does not meet every durable write in every manner.
const SINGLES_MIN: usize = 1_700;

/// The same of plays in which a second crash follows on the first.
const PAIRS_MIN: usize = 8_000;

/// How two crashes follow on each other.
const TWICE: [(Kind, Kind); 4] = [
    (Kind::After, Kind::After),
    (Kind::Before, Kind::ErrorKept),
    (Kind::ErrorKept, Kind::Before),
    (Kind::ErrorLost, Kind::After),
];

/// A play mostly waits for one of its threads to fall idle.
const THREADS_PER_CORE: usize = 4;

/// A second crash comes at most so many writes after the first.
const SECOND_MAX: usize = 8;

/// How it ends without faults, and after how many durable writes.
fn without_faults(case: &Case) -> (End, usize) {
    let stage = Stage::play(case, &[]);
    assert_eq!(audit(case, &stage), Vec::<String>::new(), "{} without any fault", case.name);
    if let Some(run) = stage.known.runs.first() {
        kept::keep(&stage.store, run, case.name);
    }
    let end = end(&stage);
    let asked_for = end.runs.iter().filter(|run| run.split(':').next().is_some_and(|number| !number.contains('.')));
    let statuses: Vec<&str> = asked_for.filter_map(|run| run.split(' ').nth(1)).collect();
    assert_eq!(statuses.join(" "), case.ends, "{}: {end:#?}", case.name);
    (end, stage.writes())
}

/// Plays a case with these crashes. Whether all of them came, and what does not hold then.
fn with_crashes(case: &Case, expected: &End, crashes: &[(usize, Kind)]) -> (bool, Vec<String>) {
    let stage = Stage::play(case, crashes);
    let mut found = audit(case, &stage);
    let actual = end(&stage);
    if !is_as_expected(case, expected, &actual) {
        found.push(format!("it ended as {actual:#?}, and without faults as {expected:#?}"));
    }
    let found = found.into_iter().map(|what| format!("{} with {crashes:?}: {what}", case.name)).collect();
    (stage.all_crashes_came(), found)
}

fn is_as_expected(case: &Case, expected: &End, actual: &End) -> bool {
    match case.after_crash {
        AfterCrash::Same => actual == expected,
        AfterCrash::OtherSteps => actual.runs == expected.runs,
    }
}

/// How many crashes were played, and what did not hold.
#[derive(Default)]
struct Sum {
    writes: usize,
    /// Plays in which the one crash came.
    singles: usize,
    /// Plays in which both came.
    pairs: usize,
    found: Vec<String>,
}

impl Sum {
    /// Whether the crashes came.
    fn play(&mut self, case: &Case, expected: &End, crashes: &[(usize, Kind)]) -> bool {
        let (came, found) = with_crashes(case, expected, crashes);
        match crashes.len() {
            1 => self.singles += usize::from(came),
            _ => self.pairs += usize::from(came),
        }
        self.found.extend(found);
        came
    }

    /// One crash at every durable write in every manner, and a second one shortly after.
    fn sweep(&mut self, case: &Case) {
        let (expected, writes) = without_faults(case);
        self.writes += writes;
        for kind in [Kind::Before, Kind::After, Kind::ErrorLost, Kind::ErrorKept] {
            // There may be more writes than without faults, when fewer of them share a batch.
            let mut at = 1;
            while self.play(case, &expected, &[(at, kind)]) {
                at += 1;
            }
        }
        for at in 1..=writes {
            let mut groups = 1;
            while self.play(case, &expected, &[(at, Kind::Torn(groups))]) {
                groups += 1;
            }
            for second in at + 1..=at + SECOND_MAX {
                for (kind, then) in TWICE {
                    self.play(case, &expected, &[(at, kind), (second, then)]);
                }
            }
        }
    }
}

#[test]
fn every_crash_point_of_the_reference_set_ends_as_if_nothing_had_been() {
    let began = Instant::now();
    let cases = cases::all();
    // The long ones are the last of the set, and go first.
    let (next, sums) = (Mutex::new(cases.iter().rev()), Mutex::new(Vec::new()));
    let threads = THREADS_PER_CORE * std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let Some(case) = next.lock().unwrap().next() else { return };
                    let mut sum = Sum::default();
                    sum.sweep(case);
                    sums.lock().unwrap().push((case.name, sum));
                }
            });
        }
    });
    let sums = sums.into_inner().unwrap();
    let (mut writes, mut singles, mut pairs, mut found) = (0, 0, 0, Vec::new());
    for (name, sum) in sums {
        let Sum { writes: of_case, singles: once, pairs: twice, found: wrong } = sum;
        tell(&format!("{name:24} {of_case:4} durable writes, {once:5} single crashes, {twice:5} pairs"));
        (writes, singles, pairs) = (writes + of_case, singles + once, pairs + twice);
        found.extend(wrong);
    }
    let seconds = began.elapsed().as_secs();
    tell(&format!(
        "{writes} durable writes of {} workflows, {singles} single crashes and {pairs} pairs in {seconds} s",
        cases.len()
    ));
    assert!(
        found.is_empty(),
        "{} things do not hold; the first:\n{}",
        found.len(),
        found[..found.len().min(10)].join("\n")
    );
    // Each write is met in four manners; batches of several writes are torn as well. How many writes share a batch differs a
    // little from play to play.
    assert!(singles >= SINGLES_MIN.max(7 * writes / 2), "only {singles} single crashes at {writes} durable writes");
    assert!(pairs >= PAIRS_MIN, "only {pairs} pairs of crashes");
}

/// The journals that a crash leaves have facts that no other has.
#[test]
fn a_crash_after_the_intent_leaves_a_recovery_or_a_doubt() {
    for (name, fact) in [("reconcilable", "step_recovered"), ("unsafe", "step_in_doubt")] {
        let case = cases::all().into_iter().find(|case| case.name == name).unwrap();
        // The first write is the start, the second the intent.
        let stage = Stage::play(&case, &[(2, Kind::After)]);
        let run = &stage.known.runs[0];
        let records = stage.store.journal(run, 0, usize::MAX).unwrap();
        let kinds: Vec<String> = records
            .iter()
            .map(|record| serde_json::to_value(&record.event).unwrap()["type"].as_str().unwrap().to_string())
            .collect();
        assert!(kinds.iter().any(|kind| kind == fact), "{name}: {kinds:?}");
        kept::keep(&stage.store, run, &format!("{name}_{fact}"));
    }
}

/// The sweep can find something: a store that loses a start, a decision or an event that it has acknowledged does not get
/// through. What it loses of a step's outcome is found at the provider again, and is no loss.
#[test]
fn a_store_that_forgets_what_it_acknowledged_is_found_out() {
    for (name, at_least) in [("reconcilable", 1), ("approved", 3)] {
        let case = cases::all().into_iter().find(|case| case.name == name).unwrap();
        let (expected, writes) = without_faults(&case);
        let forgets = |at: &usize| !with_crashes(&case, &expected, &[(*at, Kind::Forgotten)]).1.is_empty();
        let found: Vec<usize> = (1..writes).filter(forgets).collect();
        assert!(found.len() >= at_least && found[0] == 1, "{name}: of {writes} writes, losing {found:?} was noticed");
    }
}

#[expect(clippy::print_stdout, reason = "how much was tried is part of the result")]
fn tell(text: &str) {
    println!("{text}");
}

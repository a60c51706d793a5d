//! One seed from its beginning to its verdict, and the words for a failing one.

use crate::Bug;
use crate::faults::Counts;
use crate::invariants::{Violation, same_as_without_crashes};
use crate::limits::{GENERATOR_VERSION, TRACE_TAIL};
use crate::world::World;
use std::fmt::Write;

/// Every seed that ever failed, one on a line; what follows it on the line is why.
pub const CORPUS: &str = include_str!("../corpus.txt");

/// What a simulation is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// The seed.
    pub seed: u64,
    /// A planted bug.
    pub bug: Bug,
    /// Stop here, in milliseconds since the week began.
    pub until: Option<u64>,
    /// Keep a line for everything that happens.
    pub trace: bool,
    /// Leave every fault out.
    pub calm: bool,
}

/// What a seed came to.
#[derive(Clone, Debug)]
pub struct Week {
    /// The faults that were injected.
    pub faults: Counts,
    /// Runs that were started.
    pub runs: usize,
    /// Those of them that are over.
    pub over: usize,
    /// Things that happened.
    pub events: u64,
    /// What was traced.
    pub trace: Vec<String>,
    /// What must not be, if there was anything.
    pub failure: Option<Failure>,
}

/// A seed that failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Which seed.
    pub seed: u64,
    /// What was seen.
    pub violation: Violation,
    /// When, in milliseconds since the week began.
    pub at: u64,
}

/// Lets the week of a seed happen. A seed that has no faults but crashes is compared with the same week without them.
pub fn simulate(options: Options) -> Week {
    let mut world = World::new(options);
    let mut violation = world.run();
    if violation.is_none() && !options.calm && options.until.is_none() && World::crashes_only(options.seed) {
        let mut calm = World::new(Options { calm: true, bug: Bug::None, trace: false, ..options });
        violation = calm.run();
        violation = violation.or_else(|| same_as_without_crashes(&world.ends(), &calm.ends()).err());
    }
    Week {
        faults: world.counts.clone(),
        runs: world.oracle.runs.len(),
        over: world.oracle.runs.values().filter(|watched| watched.state.status.is_over()).count(),
        events: world.happened,
        failure: violation.map(|violation| Failure { seed: options.seed, violation, at: world.now }),
        trace: world.trace,
    }
}

/// The seeds of the corpus.
pub fn corpus() -> Vec<u64> {
    let seed = |line: &str| line.split_whitespace().next()?.parse().ok();
    CORPUS.lines().filter_map(seed).collect()
}

/// How a seed that failed is kept for ever; nothing of one that failed by a planted bug, which is no find.
pub fn how_to_keep(failure: &Failure, bug: Bug) -> String {
    let (seed, invariant) = (failure.seed, failure.violation.invariant);
    if bug != Bug::None {
        return String::new();
    }
    if corpus().contains(&seed) {
        return format!("seed {seed} is in engine/sim/corpus.txt already: what it stands for is broken again\n");
    }
    format!(
        "keep seed {seed}: add it to engine/sim/corpus.txt, as `{seed} generator {GENERATOR_VERSION}, {invariant}: what was wrong`\n"
    )
}

/// A failure for whoever has to find its cause: the seed, the invariant, how to see it again, how to keep it, and the last things
/// that happened.
pub fn explain(failure: &Failure, bug: Bug) -> String {
    let seed = failure.seed;
    let again = simulate(Options { seed, bug, trace: true, ..Options::default() });
    let planted = if bug == Bug::None { String::new() } else { format!(" --bug {bug:?}") };
    let mut text = format!(
        "seed {seed} (generator {GENERATOR_VERSION}) fails at {} ms: {}\nsee it again with: cargo xtask sim --seed {seed} --trace{planted}\n{}",
        failure.at,
        failure.violation,
        how_to_keep(failure, bug)
    );
    for line in again.trace.iter().skip(again.trace.len().saturating_sub(TRACE_TAIL)) {
        let _ = writeln!(text, "  {line}");
    }
    text
}

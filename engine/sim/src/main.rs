//! The command of the simulator: seeds over all cores, one seed again, or the comparison with the reference interpreter.
//!
//! It reads its arguments and prints; what it runs is in the library.

use engross_sim::limits::{GENERATOR_VERSION, WEEK_MS};
use engross_sim::{
    Bug, Compared, Counts, Failure, Fault, Options, check_reference, corpus, explain, how_to_keep, owed, simulate,
};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

const HELP: &str =
    "engross-sim [--seeds N] [--from SEED]   the corpus, then N seeds (default 1000) on all cores; from 1000 on, each
                                                 fault has to occur at least once in 100 seeds, up to 100 times
engross-sim --seed SEED [--trace] [--until MS]   one seed again; --trace prints everything, --until stops at a time
engross-sim --reference N [--from SEED]          N random plans, in the core and in the reference interpreter
engross-sim --bug NAME --seeds N [--from SEED]   weeks with a planted bug: which seeds find it
";

#[derive(Default)]
struct Arguments {
    seed: Option<u64>,
    seeds: Option<u64>,
    from: u64,
    until: Option<u64>,
    trace: bool,
    reference: Option<u64>,
    bug: Bug,
    help: bool,
}

fn arguments() -> Result<Arguments, String> {
    let mut found = Arguments::default();
    let mut given = std::env::args().skip(1);
    while let Some(name) = given.next() {
        if name == "--bug" {
            let wanted = given.next().unwrap_or_default();
            let known = Bug::ALL.iter().find(|bug| format!("{bug:?}") == wanted).copied();
            found.bug = known.ok_or_else(|| format!("there is no bug `{wanted}`; there are {:?}", Bug::ALL))?;
            continue;
        }
        let mut number = || {
            let value = given.next().ok_or_else(|| format!("{name} needs a number"))?;
            value.parse::<u64>().map_err(|_| format!("{name} needs a number, and `{value}` is none"))
        };
        match name.as_str() {
            "--seed" => found.seed = Some(number()?),
            "--seeds" => found.seeds = Some(number()?),
            "--from" => found.from = number()?,
            "--until" => found.until = Some(number()?),
            "--reference" => found.reference = Some(number()?),
            "--trace" => found.trace = true,
            "--help" | "-h" => found.help = true,
            other => return Err(format!("there is no `{other}`\n\n{HELP}")),
        }
    }
    Ok(found)
}

fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(why) => {
            print(&why);
            return ExitCode::FAILURE;
        }
    };
    let passed = if arguments.help {
        print(HELP);
        true
    } else if let Some(seed) = arguments.seed {
        one(seed, &arguments)
    } else if let Some(count) = arguments.reference {
        reference(arguments.from, count)
    } else {
        many(arguments.from, arguments.seeds.unwrap_or(1_000), arguments.bug)
    };
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[expect(clippy::print_stdout, reason = "this is a program for a terminal")]
fn print(text: &str) {
    println!("{text}");
}

fn one(seed: u64, arguments: &Arguments) -> bool {
    let (bug, trace, until) = (arguments.bug, arguments.trace, arguments.until);
    let week = simulate(Options { seed, bug, trace, until, calm: false });
    for line in &week.trace {
        print(line);
    }
    match &week.failure {
        Some(failure) => print(&explain(failure, bug)),
        None => {
            print(&format!("seed {seed}: {} runs, {} over, {} events; all holds", week.runs, week.over, week.events))
        }
    }
    week.failure.is_none()
}

#[derive(Default)]
struct Sum {
    passed: u64,
    runs: u64,
    over: u64,
    events: u64,
    faults: Counts,
    failed: Vec<Failure>,
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn many(from: u64, count: u64, bug: Bug) -> bool {
    let began = Instant::now();
    let seeds: Vec<u64> = corpus().into_iter().chain(from..from.saturating_add(count)).collect();
    let (next, sum) = (AtomicU64::new(0), Mutex::new(Sum::default()));
    std::thread::scope(|scope| {
        for _ in 0..cores() {
            scope.spawn(|| {
                loop {
                    let at = usize::try_from(next.fetch_add(1, Ordering::Relaxed)).unwrap_or(usize::MAX);
                    let Some(seed) = seeds.get(at) else { return };
                    let week = simulate(Options { seed: *seed, bug, ..Options::default() });
                    let Ok(mut sum) = sum.lock() else { return };
                    sum.runs += week.runs as u64;
                    sum.over += week.over as u64;
                    sum.events += week.events;
                    sum.faults.merge(&week.faults);
                    match week.failure {
                        Some(failure) => sum.failed.push(failure),
                        None => sum.passed += 1,
                    }
                }
            });
        }
    });
    let sum = sum.into_inner().unwrap_or_default();
    tell(&sum, began, bug);
    // A planted bug cuts weeks short: what did not occur in them says nothing.
    let rare = if bug == Bug::None { sum.faults.too_rare(count) } else { Vec::new() };
    tell_rare(&rare, &sum.faults, count);
    sum.failed.is_empty() && rare.is_empty()
}

fn tell_rare(rare: &[Fault], faults: &Counts, seeds: u64) {
    for fault in rare {
        print(&format!(
            "`{}` occurred {} times in {seeds} seeds, and should at least {} times: make it likelier in engine/sim/src/world",
            fault.as_str(),
            faults.of(*fault),
            owed(seeds)
        ));
    }
}

/// Failures that are told in full; of the others, the seed and the invariant.
const FAILURES_SHOWN: usize = 3;

fn tell(sum: &Sum, began: Instant, bug: Bug) {
    print(&sum.faults.to_string());
    for failure in sum.failed.iter().take(FAILURES_SHOWN) {
        print(&explain(failure, bug));
    }
    for failure in sum.failed.iter().skip(FAILURES_SHOWN) {
        let text: String = failure.violation.to_string().chars().take(200).collect();
        print(format!("seed {} {text}\n{}", failure.seed, how_to_keep(failure, bug)).trim_end());
    }
    let seconds = began.elapsed().as_secs_f64();
    let seeds = sum.passed + sum.failed.len() as u64;
    print(&format!(
        "{} passed, {} failed; generator {GENERATOR_VERSION}; {} runs, {} of them over; {} events",
        sum.passed,
        sum.failed.len(),
        sum.runs,
        sum.over,
        sum.events
    ));
    let days = seeds as f64 * (WEEK_MS / engross_sim::limits::DAY_MS) as f64;
    print(&format!(
        "{seconds:.1} s: {:.0} seeds and {:.0} simulated days a minute",
        seeds as f64 / seconds * 60.0,
        days / seconds * 60.0
    ));
}

fn reference(from: u64, count: u64) -> bool {
    let began = Instant::now();
    let share = count.div_ceil(cores() as u64);
    let parts: Vec<Compared> = std::thread::scope(|scope| {
        let part = |part: u64| scope.spawn(move || check_reference(from + part * share, share));
        let parts: Vec<_> = (0..cores() as u64).map(part).collect();
        parts.into_iter().filter_map(|part| part.join().ok()).collect()
    });
    for differs in parts.iter().filter_map(|part| part.differs.as_ref()) {
        print(differs);
    }
    let agreed: u64 = parts.iter().map(|part| part.agreed).sum();
    let over: u64 = parts.iter().map(|part| part.over).sum();
    let same = parts.len() == cores() && parts.iter().all(|part| part.differs.is_none());
    print(&format!(
        "{agreed} runs are the same in the core and in the reference, {over} of them over; {:.1} s",
        began.elapsed().as_secs_f64()
    ));
    same
}

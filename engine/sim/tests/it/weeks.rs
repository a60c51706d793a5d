//! Weeks without planted bugs: everything holds, every kind of fault comes, and a seed is the same week each time.

use engross_sim::limits::GENERATOR_VERSION;
use engross_sim::{Bug, Counts, Failure, Fault, Options, corpus, explain, how_to_keep, simulate};

#[test]
fn everything_holds_in_every_week() {
    let mut faults = Counts::default();
    for seed in corpus().into_iter().chain(0..150) {
        let week = simulate(Options { seed, ..Options::default() });
        if let Some(failure) = &week.failure {
            panic!("{}", explain(failure, Bug::None));
        }
        faults.merge(&week.faults);
    }
    let missing: Vec<&str> = Fault::ALL.iter().filter(|f| faults.of(**f) == 0).map(|f| f.as_str()).collect();
    assert!(missing.is_empty(), "these faults never came: {missing:?}");
}

#[test]
fn a_seed_is_the_same_week_each_time() {
    for seed in [3, 4] {
        let options = Options { seed, trace: true, ..Options::default() };
        let (one, other) = (simulate(options), simulate(options));
        assert_eq!(one.trace, other.trace);
        assert!(one.trace.len() > 100 && one.runs > 4, "the week of seed {seed} is empty");
    }
}

#[test]
fn a_seed_that_fails_says_how_it_is_kept() {
    let bug = Bug::SettleIgnored;
    let found = (0..150).find_map(|seed| simulate(Options { seed, bug, ..Options::default() }).failure);
    let Some(failure) = found else { panic!("{bug:?} was not found") };
    let seed = failure.seed;
    let line =
        format!("add it to engine/sim/corpus.txt, as `{seed} generator {GENERATOR_VERSION}, I2: what was wrong`");
    assert!(explain(&failure, Bug::None).contains(&line), "{}", explain(&failure, Bug::None));
    assert_eq!(how_to_keep(&failure, bug), "", "a planted bug's");
    let known = Failure { seed: corpus()[0], ..failure };
    assert!(how_to_keep(&known, Bug::None).contains("already"), "{}", how_to_keep(&known, Bug::None));
}

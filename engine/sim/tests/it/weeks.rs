//! Weeks without planted bugs: everything holds, every kind of fault comes, and a seed is the same week each time.

use engross_sim::{Bug, Counts, Fault, Options, corpus, explain, simulate};

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

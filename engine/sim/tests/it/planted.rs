//! Each planted bug is found within a few seeds, and by the invariant that is there for it.

use engross_sim::{Bug, Options, corpus, simulate};

/// Seeds within which every planted bug must show.
const SEEDS_MAX: u64 = 150;

fn check(bug: Bug, invariant: &str) {
    check_among(bug, invariant, 0..SEEDS_MAX);
}

fn check_among(bug: Bug, invariant: &str, seeds: impl Iterator<Item = u64>) {
    for (tried, seed) in seeds.enumerate() {
        let week = simulate(Options { seed, bug, ..Options::default() });
        if let Some(failure) = week.failure {
            let violation = &failure.violation;
            println!("{bug:?}: found by seed {seed} after {tried} others, named by {violation}");
            assert_eq!(violation.invariant, invariant, "{bug:?} was found by another invariant: {violation}");
            return;
        }
    }
    panic!("{bug:?} was not found");
}

#[test]
fn an_early_webhook_that_is_ignored_is_a_lost_input() {
    check(Bug::EarlyWebhookIgnored, "I1");
}

#[test]
fn an_attempt_in_the_key_is_another_key() {
    check(Bug::AttemptInKey, "I3");
}

#[test]
fn a_back_off_that_is_forgotten_on_recovery_is_an_early_timer() {
    check(Bug::BackOffForgotten, "I9");
}

#[test]
fn an_acknowledgement_before_the_write_is_a_lost_input() {
    check(Bug::AckBeforeDurable, "I1");
}

#[test]
fn a_timer_that_fires_twice_is_seen() {
    check(Bug::TimerFiredTwice, "I9");
}

#[test]
fn an_unsafe_effect_that_recovery_repeats_happens_twice() {
    check(Bug::UnsafeRepeated, "I2");
}

#[test]
fn a_subscription_without_its_row_is_seen() {
    check(Bug::SubscriptionLost, "I15");
}

#[test]
fn an_effect_before_its_intent_is_seen() {
    check(Bug::EffectBeforeIntent, "I2");
}

#[test]
fn a_look_that_is_believed_too_soon_lets_an_effect_happen_twice() {
    check(Bug::SettleIgnored, "I2");
}

#[test]
fn a_look_that_is_dated_by_its_answer_lets_an_effect_happen_twice() {
    check_among(Bug::LookDatedByAnswer, "I2", corpus().into_iter());
}

#[test]
fn an_event_that_no_start_matches_is_a_lost_input() {
    check(Bug::UnmatchedForgotten, "I1");
}

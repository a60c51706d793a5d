//! Each planted bug is found within a few seeds, and by the invariant that is there for it.

use engross_sim::{Bug, Options, simulate};

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
fn a_look_that_is_believed_since_the_request_was_meant_to_leave_lets_an_effect_happen_twice() {
    check(Bug::SettleSinceIntent, "I2");
}

#[test]
fn a_look_that_is_dated_by_its_answer_lets_an_effect_happen_twice() {
    check_among(Bug::LookDatedByAnswer, "I2", 440..470);
}

#[test]
fn an_event_that_no_start_matches_is_a_lost_input() {
    check(Bug::UnmatchedForgotten, "I1");
}

#[test]
fn an_item_whose_key_forgets_the_item_is_seen() {
    check(Bug::ItemKeyForgotten, "I3");
}

#[test]
fn one_item_more_than_may_be_under_way_is_seen() {
    check(Bug::OneItemTooMany, "I16");
}

#[test]
fn one_run_more_than_may_be_at_work_is_seen() {
    check(Bug::LimitIgnored, "I17");
}

#[test]
fn a_place_that_nobody_is_told_of_after_a_start_is_seen() {
    check(Bug::AdmissionForgotten, "I17");
}

#[test]
fn the_end_of_a_run_that_no_start_tells_of_is_seen() {
    check(Bug::EndUntold, "I18");
}

#[test]
fn a_run_that_goes_on_when_the_one_that_started_it_is_given_up_is_seen() {
    check(Bug::EndNotPassedOn, "I18");
}

#[test]
fn a_step_that_ends_better_than_the_run_that_it_started_is_seen() {
    check(Bug::StoppedIsSuccess, "I18");
}

#[test]
fn a_firing_that_starts_two_runs_is_seen() {
    check(Bug::FiringTwice, "I19");
}

#[test]
fn decisions_that_outlive_a_reset_are_seen() {
    check(Bug::ResetForgotten, "I10");
}

#[test]
fn what_is_left_behind_in_silence_is_seen() {
    check(Bug::LeftUnnamed, "I21");
}

#[test]
fn undoing_in_the_order_of_the_file_is_seen() {
    check(Bug::UndoneInFileOrder, "I20");
}

//! Effects: intent before act, retries, and what a crash or a lost answer means for each class.

use crate::world::{World, plan, step};
use engross_core::{EffectClass, ErrorClass, Input, StepError, TimerKind};
use insta::assert_snapshot;

fn world(effect: EffectClass) -> World {
    World::start(plan(vec![step("send", "", effect)]))
}

fn lost() -> StepError {
    StepError::new(ErrorClass::Transient, "lost", "the answer was lost").maybe_done()
}

fn refused() -> StepError {
    StepError::new(ErrorClass::Transient, "refused", "nobody listens")
}

#[test]
fn an_effect_is_intended_then_done() {
    let mut w = world(EffectClass::Idempotent);
    w.intend("send", 1).done("send", 1);
    assert_snapshot!(w.trace);
}

#[test]
fn a_refused_attempt_backs_off_and_comes_again() {
    let mut w = world(EffectClass::Unsafe);
    w.intend("send", 1).fails("send", 1, refused());
    w.at(99).timer("send", TimerKind::Retry);
    w.at(100).timer("send", TimerKind::Retry).intend("send", 2).done("send", 2);
    assert_snapshot!(w.trace);
}

#[test]
fn a_lost_answer_of_an_unsafe_step_is_a_doubt_and_never_a_second_try() {
    let mut w = world(EffectClass::Unsafe);
    w.intend("send", 1).fails("send", 1, lost());
    assert_snapshot!(w.trace);
}

#[test]
fn a_lost_answer_of_a_reconcilable_step_is_looked_up_on_the_next_attempt() {
    let mut w = world(EffectClass::Reconcilable);
    w.intend("send", 1).fails("send", 1, lost());
    w.at(100).timer("send", TimerKind::Retry);
    let done = engross_core::Completion::new("succeeded", serde_json::json!({}));
    w.answer("send", 2, Ok(engross_core::StepResult::Reconciled(done)));
    assert_snapshot!(w.trace);
}

#[test]
fn an_object_that_refuses_a_repetition_may_have_had_the_first() {
    let mut w = world(EffectClass::Reconcilable);
    w.intend("send", 1).fails("send", 1, lost());
    w.at(100).timer("send", TimerKind::Retry).intend("send", 2);
    w.fails("send", 2, StepError::new(ErrorClass::State, "http_412", "sent already"));
    w.at(300).timer("send", TimerKind::Retry);
    let done = engross_core::Completion::new("succeeded", serde_json::json!({}));
    w.answer("send", 3, Ok(engross_core::StepResult::Reconciled(done)));
    assert_snapshot!(w.trace);
}

#[test]
fn a_cancelled_run_looks_whether_its_doubtful_effect_happened() {
    let mut w = world(EffectClass::Reconcilable);
    w.intend("send", 1).fails("send", 1, lost()).cancel();
    w.at(100).timer("send", TimerKind::Retry).intend("send", 2);
    assert_snapshot!(w.trace);
}

#[test]
fn a_doubt_that_no_attempt_settles_stays_a_doubt() {
    let mut w = world(EffectClass::Reconcilable);
    w.intend("send", 1).fails("send", 1, lost());
    w.at(100).timer("send", TimerKind::Retry).fails("send", 2, lost());
    w.at(300).timer("send", TimerKind::Retry).fails("send", 3, lost());
    for attempt in 4..=9 {
        w.at(i64::from(attempt) * 10_000).timer("send", TimerKind::Retry).fails("send", attempt, lost());
    }
    assert_snapshot!(w.trace);
}

#[test]
fn a_crash_between_intent_and_answer_is_decided_by_the_effect() {
    for effect in [EffectClass::Read, EffectClass::Idempotent, EffectClass::Reconcilable, EffectClass::Unsafe] {
        let mut w = world(effect);
        if effect != EffectClass::Read {
            w.intend("send", 1);
        }
        w.give(Input::Restarted).give(Input::Restarted);
        assert_snapshot!(format!("crash_{effect:?}"), w.trace);
    }
}

#[test]
fn nothing_leaves_without_an_accepted_intent() {
    let mut w = world(EffectClass::Idempotent);
    w.intend("send", 2).intend("send", 1).intend("send", 1).cancel().intend("send", 1);
    assert_snapshot!(w.trace);
}

#[test]
fn a_cancelled_run_lets_no_waiting_attempt_out() {
    let mut w = world(EffectClass::Idempotent);
    w.cancel().intend("send", 1);
    assert_snapshot!(w.trace);
}

#[test]
fn a_crash_in_a_run_that_is_being_given_up_leaves_no_step_behind() {
    for effect in [EffectClass::Idempotent, EffectClass::Reconcilable, EffectClass::Unsafe] {
        let mut w = world(effect);
        w.intend("send", 1).cancel().give(Input::Restarted);
        if effect != EffectClass::Unsafe {
            w.intend("send", 1);
        }
        if effect == EffectClass::Idempotent {
            w.done("send", 1);
        }
        assert_snapshot!(format!("given_up_{effect:?}"), w.trace);
    }
}

#[test]
fn inputs_that_no_journal_may_hold_fail_the_step_and_not_the_store() {
    let large = "x".repeat(engross_core::limits::INPUT_BYTES_MAX);
    let mut w = World::start(plan(vec![
        step("create", "", EffectClass::Read),
        step("send", "create", EffectClass::Unsafe).with(|s| s.with = engross_core::Expr::Literal(large.into())),
    ]));
    w.done("create", 1);
    assert_snapshot!(w.trace);
}

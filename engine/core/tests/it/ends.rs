//! How runs end: outcomes on edges, skips, failures that somebody handles, cancellation and the run's own deadline.

use crate::world::{World, plan, plan_with, step, template, wait};
use engross_core::{EffectClass, ErrorClass, Expr, Input, OnError, RunStatus, StepError, TimerId, TimerKind};
use insta::assert_snapshot;

fn broken() -> StepError {
    StepError::new(ErrorClass::Invalid, "http_400", "no")
}

#[test]
fn steps_run_in_the_order_of_their_needs_and_outputs_are_kept() {
    let mut w = World::start(plan_with(
        vec![
            step("last", "a b", EffectClass::Read).with(|s| {
                s.with = Expr::Map([("x".to_string(), Expr::Template(template("steps.a.outputs.id")))].into())
            }),
            step("a", "", EffectClass::Read),
            step("b", "", EffectClass::Read),
        ],
        |p| {
            p.outputs.insert("id".into(), Expr::Template(template("steps.last.outputs.id")));
            p.outputs.insert("missing".into(), Expr::Template(template("steps.a.outputs.nothing")));
        },
    ));
    w.done("b", 1).done("a", 1).done("last", 1);
    assert_snapshot!(w.trace);
}

#[test]
fn a_failure_that_nobody_handles_fails_the_run_and_skips_what_needs_it() {
    let mut w = World::start(plan(vec![
        step("a", "", EffectClass::Read),
        step("b", "a", EffectClass::Read),
        step("other", "", EffectClass::Read),
    ]));
    w.fails("a", 1, broken()).done("other", 1);
    assert_snapshot!(w.trace);
}

#[test]
fn a_failure_that_a_step_needs_or_the_file_forgives_does_not() {
    let mut w = World::start(plan(vec![
        step("a", "", EffectClass::Read),
        step("fallback", "a.failed", EffectClass::Read),
        step("always", "a!", EffectClass::Read),
        step("b", "", EffectClass::Read).with(|s| s.on_error = OnError::Continue),
    ]));
    w.fails("a", 1, broken()).fails("b", 1, broken()).done("fallback", 1).done("always", 1);
    assert_eq!(w.status(), RunStatus::Succeeded);
    assert_snapshot!(w.trace);
}

#[test]
fn a_failure_whose_handler_never_ran_is_not_handled() {
    let mut w = World::start(plan(vec![
        step("send", "", EffectClass::Read),
        step("other", "", EffectClass::Read),
        step("cleanup", "send.failed other.failed", EffectClass::Read),
    ]));
    w.fails("send", 1, broken()).done("other", 1);
    assert_eq!(w.status(), RunStatus::Failed, "{}", w.trace);
}

#[test]
fn a_false_condition_skips_and_a_broken_one_fails() {
    let mut w = World::start(plan(vec![
        step("off", "", EffectClass::Read).with(|s| s.condition = Some(template("false"))),
        step("odd", "", EffectClass::Read).with(|s| s.condition = Some(template("inputs.n"))),
        step("gone", "", EffectClass::Read).with(|s| s.condition = Some(template("inputs.nothing"))),
        step("after", "off", EffectClass::Read),
    ]));
    assert_snapshot!(std::mem::take(&mut w.trace));
}

#[test]
fn a_cancelled_run_waits_for_what_has_left_and_starts_nothing() {
    let mut w = World::start(plan(vec![
        step("left", "", EffectClass::Idempotent),
        step("queued", "", EffectClass::Idempotent),
        wait("approve", ""),
        step("later", "left", EffectClass::Read),
    ]));
    w.intend("left", 1).cancel().cancel().done("left", 1);
    assert_eq!(w.status(), RunStatus::Cancelled);
    assert_snapshot!(w.trace);
}

#[test]
fn a_run_that_takes_too_long_fails() {
    let mut w = World::start(plan_with(vec![step("slow", "", EffectClass::Read)], |p| p.timeout_ms = Some(60_000)));
    let deadline = || Input::TimerFired(TimerId { step: None, kind: TimerKind::Deadline });
    w.at(59_999).give(deadline());
    w.at(60_000).give(deadline()).done("slow", 1);
    assert_snapshot!(w.trace);
}

#[test]
fn a_key_that_says_nothing_is_refused() {
    for (path, accepted) in [("inputs.n", true), ("run.requester", true), ("inputs", false), ("false", false)] {
        let plan = plan_with(vec![step("a", "", EffectClass::Read)], |p| p.key = Some(template(path)));
        let world = World::start(plan);
        assert_eq!(world.state.is_some(), accepted, "{path}: {}", world.trace);
    }
}

#[test]
fn a_wait_that_may_end_badly_does_not_stop_a_run_that_goes_on_another_way() {
    for (on_error, expected) in [(OnError::Fail, RunStatus::Stopped), (OnError::Continue, RunStatus::Succeeded)] {
        let mut w = World::start(plan(vec![
            wait("first", "").with(|s| s.on_error = on_error),
            step("second", "first.rejected", EffectClass::Read),
        ]));
        let rejected = engross_core::Completion::new("rejected", serde_json::json!({}));
        w.answer("first", 1, Ok(engross_core::StepResult::Done(rejected))).done("second", 1);
        assert_eq!(w.status(), expected, "{}", w.trace);
    }
}

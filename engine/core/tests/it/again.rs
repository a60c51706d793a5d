//! Steps that are run again and runs that are given up: what may stand in the outside world is not forgotten on the way.

use crate::world::{StepBuilder, World, plan, plan_with, step, template, wait};
use engross_core::limits::LEFT_NAMED_MAX;
use engross_core::{
    Answer, Command, Completion, EffectClass, ErrorClass, Expr, Foreach, Input, NOT_STARTED, OnError, OnEvent,
    OutcomeKind, OutcomeSpec, Person, PlanStep, RunId, RunStatus, StepError, StepId, StepResult, Subscription,
    TimerKind, Tolerance, Wait, WaitKind, outstanding,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn lost() -> StepError {
    StepError::new(ErrorClass::Transient, "http_500", "no").maybe_done()
}

fn refused() -> StepError {
    StepError::new(ErrorClass::Invalid, "http_422", "no")
}

fn rerun(from: &str, effects_again: bool) -> Input {
    Input::Rerun {
        from: StepId::new(from),
        by: Person::new("lena"),
        effects_again,
        going_on: BTreeSet::new(),
        comment: None,
    }
}

/// A step that has another that undoes it.
fn undone(built: StepBuilder) -> StepBuilder {
    built.with(|s| {
        let mut undoing = step(s.id.as_str(), "", EffectClass::Idempotent).0;
        undoing.id = PlanStep::undoing(&s.id);
        undoing.on_error = OnError::Incident;
        s.compensate = Some(Box::new(undoing));
    })
}

/// A step for each of these items, each of which can be undone.
fn each(id: &str, needs: &str, items: Value, tolerate: u32) -> StepBuilder {
    step(id, needs, EffectClass::Read).with(|s| {
        let mut each = undone(step(id, "", EffectClass::Idempotent)).0;
        if let Some(undoing) = &mut each.compensate {
            undoing.with = Expr::Template(template("item.id"));
        }
        each.id = PlanStep::item(&s.id, "");
        let key = Some(Expr::Template(template("item.id")));
        let tolerate = Tolerance::Count(tolerate);
        s.foreach = Some(Box::new(Foreach { items: Expr::Literal(items), key, max_parallel: 2, tolerate, each }));
    })
}

fn starts_a_run(on_error: OnError) -> StepBuilder {
    step("sub", "", EffectClass::Idempotent).with(|s| {
        s.on_error = on_error;
        s.outcomes.push(OutcomeSpec::new("stopped", OutcomeKind::Bad));
        s.child = Some(Box::new(plan(vec![step("act", "", EffectClass::Read)]).definition().clone()));
    })
}

fn child() -> Wait {
    Wait { kind: WaitKind::Run { run: RunId::new("r2"), owned: true }, deadline: None }
}

/// A run whose child has failed.
fn with_a_failed_child(on_error: OnError) -> World {
    let mut w = World::start(plan(vec![starts_a_run(on_error)]));
    w.intend("sub", 1).park("sub", child());
    w.look("sub", 1, Ok(Some(Completion::new("failed", json!({ "message": "run r2 is failed" })))));
    w
}

fn problem(w: &World) -> String {
    w.state.as_ref().unwrap().problem.as_ref().map(|problem| problem.message.clone()).unwrap_or_default()
}

fn stands(w: &World, step: &str) -> &'static str {
    w.state.as_ref().unwrap().steps.get(&StepId::new(step)).map_or("pending", engross_core::StepState::as_str)
}

fn gives_its_child_up(w: &World) -> bool {
    let owed = outstanding(w.state.as_ref().unwrap());
    owed.iter().any(|command| matches!(command, Command::CancelRun { run, .. } if run.as_str() == "r2"))
}

#[test]
fn the_look_of_a_wait_does_not_end_the_one_that_was_run_again() {
    let kind = WaitKind::Event {
        subscriptions: vec![Subscription::to_object("juro", "c1")],
        on_event: OnEvent::Check,
        poll_ms: Some(1_000),
        look_first: true,
    };
    let parked = || Ok(StepResult::Parked(Wait { kind: kind.clone(), deadline: None }));
    let signed = || Ok(Some(Completion::new("approved", Value::Null)));
    let mut w = World::start(plan(vec![step("create", "", EffectClass::Idempotent), wait("signed", "create")]));
    w.intend("create", 1).done("create", 1).answer("signed", 1, parked());
    w.give(rerun("create", true)).intend("create", 2).done("create", 2).answer("signed", 2, parked());
    w.look("signed", 1, signed());
    assert_eq!(stands(&w, "signed"), "waiting", "{}", w.trace);
    w.look("signed", 2, signed());
    assert_eq!(w.status(), RunStatus::Succeeded, "{}", w.trace);
}

#[test]
fn a_step_that_started_a_run_is_not_run_again_unasked() {
    for on_error in [OnError::Incident, OnError::Fail] {
        let mut w = with_a_failed_child(on_error);
        w.give(rerun("sub", false));
        let refused = "refused: this would do again what sub did or may have done";
        assert!(w.trace.contains(refused), "{on_error:?}: {}", w.trace);
        w.give(rerun("sub", true));
        assert_eq!(stands(&w, "sub"), "running", "{on_error:?}: {}", w.trace);
    }
    let mut never_started = World::start(plan(vec![starts_a_run(OnError::Incident)]));
    never_started.intend("sub", 1).fails("sub", 1, refused()).give(rerun("sub", false));
    assert_eq!(stands(&never_started, "sub"), "running", "{}", never_started.trace);
}

#[test]
fn what_an_earlier_attempt_may_have_done_is_not_forgotten_when_a_later_one_is_refused() {
    for on_error in [OnError::Fail, OnError::Incident] {
        let put = step("put", "", EffectClass::Idempotent).with(|s| s.on_error = on_error);
        let mut w = World::start(plan(vec![put]));
        w.intend("put", 1).fails("put", 1, lost()).at(100).timer("put", TimerKind::Retry);
        w.intend("put", 2).fails("put", 2, refused());
        if on_error == OnError::Incident {
            w.give(rerun("put", false));
            assert!(w.trace.contains("refused: this would do again what put did"), "{}", w.trace);
            // How it ended is said, and not that nothing came of it.
            let answer = Answer::Ended(Completion::new("failed", Value::Null));
            let by = Person::new("lena");
            w.give(Input::Answer { step: StepId::new("put"), attempt: None, by, answer, comment: None });
        }
        assert_eq!(w.status(), RunStatus::Failed, "{}", w.trace);
        assert!(problem(&w).ends_with("it may have happened all the same"), "{}", problem(&w));
        let before = w.journal.len();
        w.give(rerun("put", false));
        assert_eq!(w.journal.len(), before, "{}", w.trace);
    }
}

#[test]
fn a_cancelled_run_names_what_may_have_happened_since() {
    let mut w = World::start(plan(vec![step("put", "", EffectClass::Idempotent)]));
    w.intend("put", 1).cancel().fails("put", 1, lost());
    assert_eq!(w.status(), RunStatus::Cancelled, "{}", w.trace);
    assert_eq!(problem(&w), "cancelled by ada; `put` may have happened all the same: look at the provider");
}

#[test]
fn what_may_have_happened_in_a_cancelled_run_is_repeated_under_its_key_to_be_undone() {
    let begun = || World::start(plan(vec![undone(step("put", "", EffectClass::Idempotent))]));
    let (mut before, mut since) = (begun(), begun());
    before.intend("put", 1).fails("put", 1, lost()).cancel();
    since.intend("put", 1).cancel().fails("put", 1, lost());
    for mut w in [before, since] {
        assert_eq!(w.status(), RunStatus::Cancelling, "{}", w.trace);
        w.at(100).timer("put", TimerKind::Retry).intend("put", 2).done("put", 2);
        w.intend("put.compensate", 1).done("put.compensate", 1);
        assert_eq!((w.status(), problem(&w).as_str()), (RunStatus::Cancelled, "cancelled by ada"), "{}", w.trace);
    }
    let mut w = begun();
    w.intend("put", 1).cancel().fails("put", 1, lost()).at(100).timer("put", TimerKind::Retry).intend("put", 2);
    // The last refusal says nothing of the first, which cannot be undone without its answer.
    w.fails("put", 2, refused());
    assert_eq!(w.status(), RunStatus::Cancelled, "{}", w.trace);
    assert_eq!(problem(&w), "cancelled by ada; `put` may have happened all the same: look at the provider");
}

#[test]
fn of_very_many_steps_that_may_have_happened_the_first_are_named() {
    let steps = (0..LEFT_NAMED_MAX + 2).map(|n| step(&format!("s{n:03}"), "", EffectClass::Idempotent)).collect();
    let mut w = World::start(plan(steps));
    for n in 0..LEFT_NAMED_MAX + 2 {
        w.intend(&format!("s{n:03}"), 1);
    }
    w.cancel();
    for n in 0..LEFT_NAMED_MAX + 2 {
        w.fails(&format!("s{n:03}"), 1, lost());
    }
    assert!(
        problem(&w).ends_with("`s049` and 2 more may have happened all the same: look at the provider"),
        "{}",
        problem(&w)
    );
}

#[test]
fn a_cancelled_run_names_what_a_step_did_before_it_was_run_again() {
    let mut w = World::start(plan(vec![
        undone(step("create", "", EffectClass::Idempotent)),
        step("put", "create", EffectClass::Idempotent).with(|s| s.on_error = OnError::Incident),
    ]));
    w.intend("create", 1).done("create", 1).intend("put", 1).fails(
        "put",
        1,
        StepError { class: ErrorClass::Invalid, ..lost() },
    );
    w.give(rerun("create", true)).intend("create", 2).done("create", 2).intend("put", 2).fails("put", 2, refused());
    // The doubt about the first is as open as before.
    w.give(rerun("put", false));
    assert!(w.trace.contains("refused: this would do again what put did"), "{}", w.trace);
    w.cancel().intend("create.compensate", 1).done("create.compensate", 1);
    assert_eq!(w.status(), RunStatus::Cancelled, "{}", w.trace);
    assert_eq!(
        problem(&w),
        "cancelled by ada; `put` may have happened all the same: look at the provider; what `create` did before it was run \
         again is not undone: look at the provider"
    );
}

#[test]
fn what_a_run_did_is_undone_in_the_order_of_its_journal_whatever_the_clock_says() {
    let mut w = World::start(plan(vec![
        undone(step("a", "", EffectClass::Idempotent)),
        undone(step("b", "a", EffectClass::Idempotent)),
        step("c", "b", EffectClass::Read),
    ]));
    w.at(7_200_000).intend("a", 1).done("a", 1).at(1_000).intend("b", 1).done("b", 1).cancel();
    assert_eq!(stands(&w, "b.compensate"), "running", "{}", w.trace);
    assert_eq!(stands(&w, "a.compensate"), "pending", "{}", w.trace);
}

#[test]
fn a_run_that_goes_on_again_is_given_up_with_the_one_that_started_it() {
    let failed = || Ok(Some(Completion::new("failed", json!({ "message": "run r2 is cancelled" }))));
    let mut w = with_a_failed_child(OnError::Incident);
    w.cancel();
    assert!(gives_its_child_up(&w), "{}", w.trace);
    assert_eq!(w.status(), RunStatus::Cancelling);
    w.look("sub", 2, failed());
    assert_eq!(w.status(), RunStatus::Cancelled, "{}", w.trace);

    let retry = Input::Retry { step: StepId::new("sub"), attempt: None, by: Person::new("lena"), comment: None };
    let mut tried_again = with_a_failed_child(OnError::Incident);
    tried_again.give(retry.clone()).cancel().intend("sub", 2);
    assert!(gives_its_child_up(&tried_again), "{}", tried_again.trace);

    let mut lost_again = with_a_failed_child(OnError::Incident);
    lost_again.give(retry).intend("sub", 2).cancel().fails("sub", 2, refused());
    assert!(gives_its_child_up(&lost_again), "{}", lost_again.trace);
}

#[test]
fn a_step_is_not_run_again_while_the_run_that_it_started_goes_on_again() {
    for on_error in [OnError::Incident, OnError::Fail] {
        let mut w = with_a_failed_child(on_error);
        let again = |going_on: BTreeSet<RunId>| Input::Rerun {
            from: StepId::new("sub"),
            by: Person::new("lena"),
            effects_again: true,
            going_on,
            comment: None,
        };
        w.give(again(BTreeSet::from([RunId::new("r2")])));
        let refused = "refused: this can be run again once nothing of it is under way any more (sub)";
        assert!(w.trace.contains(refused), "{on_error:?}: {}", w.trace);
        w.give(again(BTreeSet::new()));
        assert_eq!(stands(&w, "sub"), "running", "{on_error:?}: {}", w.trace);
    }
}

#[test]
fn a_run_that_was_not_there_when_it_was_to_be_given_up_leaves_no_doubt() {
    let mut w = World::start(plan(vec![starts_a_run(OnError::Incident)]));
    w.intend("sub", 1).cancel().give(Input::Restarted).intend("sub", 1);
    // Whether there is one could not be seen, so that it is looked for once more.
    w.fails("sub", 1, lost());
    assert_eq!(w.status(), RunStatus::Cancelling, "{}", w.trace);
    w.at(100).timer("sub", TimerKind::Retry).intend("sub", 2);
    w.fails("sub", 2, StepError::new(ErrorClass::State, NOT_STARTED, "it was not started"));
    assert_eq!(w.status(), RunStatus::Cancelled, "{}", w.trace);
    assert_eq!(problem(&w), "cancelled by ada");
}

#[test]
fn items_can_be_undone_while_the_whole_waits_to_be_run_again() {
    let items = json!([{ "id": "ok" }, { "id": "no" }]);
    let mut w = World::start(plan_with(vec![each("f", "", items, 1)], |d| {
        d.concurrency = Some(engross_core::Concurrency { group: Expr::Literal(json!("acme")), limit: 1 });
    }));
    w.give(Input::Admit).intend("f[ok]", 1).done("f[ok]", 1).intend("f[no]", 1).fails("f[no]", 1, refused());
    assert_eq!(w.status(), RunStatus::Succeeded, "{}", w.trace);
    w.give(rerun("f", true)).cancel();
    assert_eq!(stands(&w, "f[ok].compensate"), "running", "{}", w.trace);
    w.intend("f[ok].compensate", 1).done("f[ok].compensate", 1);
    assert_eq!(w.status(), RunStatus::Cancelled, "{}", w.trace);
}

#[test]
fn items_that_were_undone_are_run_again_with_the_whole() {
    let items = json!([{ "id": "x" }, { "id": "y" }]);
    let after = step("after", "f", EffectClass::Read).with(|s| s.on_error = OnError::Fail);
    let mut w = World::start(plan(vec![each("f", "", items, 0), after]));
    w.intend("f[x]", 1).done("f[x]", 1).intend("f[y]", 1).fails("f[y]", 1, refused());
    w.intend("f[x].compensate", 1).done("f[x].compensate", 1);
    assert_eq!(w.status(), RunStatus::Failed, "{}", w.trace);
    w.give(rerun("f", true));
    assert_eq!((stands(&w, "f[x]"), stands(&w, "f[y]")), ("running", "running"), "{}", w.trace);
    w.intend("f[x]", 2).done("f[x]", 2).intend("f[y]", 2).done("f[y]", 2).fails("after", 1, refused());
    w.intend("f[y].compensate", 1).done("f[y].compensate", 1).intend("f[x].compensate", 2).done("f[x].compensate", 2);
    // A step after it is told which step of the file is to be run again, not which item.
    w.give(rerun("after", true));
    assert!(w.trace.contains("refused: f has been undone: run that again"), "{}", w.trace);
}

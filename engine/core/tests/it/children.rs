//! A run that a step starts is waited for, and ended with the run that wanted it.

use crate::world::{World, plan, step};
use engross_core::{
    Completion, EffectClass, EventId, Input, OnError, OutcomeKind, OutcomeSpec, ReceivedEvent, RunId, RunStatus,
    StepId, StepResult, Timestamp, Wait, WaitKind,
};
use insta::assert_snapshot;
use serde_json::{Value, json};

fn world() -> World {
    World::start(plan(vec![step("nda", "", EffectClass::Idempotent).with(|s| {
        s.on_error = OnError::Incident;
        s.outcomes.push(OutcomeSpec::new("stopped", OutcomeKind::Bad));
        s.child = Some(Box::new(plan(vec![step("act", "", EffectClass::Read)]).definition().clone()));
    })]))
}

fn wait(owned: bool) -> Wait {
    Wait { kind: WaitKind::Run { run: RunId::new("r2"), owned }, deadline: None }
}

fn told(number: u32) -> Input {
    let event = ReceivedEvent {
        id: EventId::new(format!("run/r2/{number}")),
        kind: "run.ended".into(),
        data: Value::Null,
        received_at: Timestamp::from_millis(0),
    };
    Input::EventMatched { step: StepId::new("nda"), event }
}

#[test]
fn it_looks_at_once_and_when_it_is_told() {
    let mut w = world();
    w.intend("nda", 1).park("nda", wait(true)).look("nda", 1, Ok(None)).give(told(7)).give(told(7));
    w.look("nda", 2, Ok(Some(Completion::new("succeeded", json!({ "pdf": "x" })))));
    assert_eq!(w.status(), RunStatus::Succeeded);
    assert_snapshot!(w.trace);
}

#[test]
fn a_run_that_failed_is_an_incident_and_is_looked_at_again_by_a_retry() {
    let mut w = world();
    w.intend("nda", 1).park("nda", wait(true));
    w.look("nda", 1, Ok(Some(Completion::new("failed", json!({ "message": "run r2 is failed" })))));
    assert_eq!(w.status(), RunStatus::Running);
    w.give(Input::Retry {
        step: StepId::new("nda"),
        attempt: None,
        by: engross_core::Person::new("lena"),
        comment: None,
    });
    w.intend("nda", 2).answer("nda", 2, Ok(StepResult::Parked(wait(true))));
    w.look("nda", 2, Ok(Some(Completion::new("stopped", Value::Null))));
    assert_eq!(w.status(), RunStatus::Stopped);
    assert_snapshot!(w.trace);
}

#[test]
fn it_is_given_up_with_the_run_that_wanted_it_and_waited_for() {
    let mut w = world();
    w.intend("nda", 1).park("nda", wait(true)).look("nda", 1, Ok(None)).cancel();
    assert_eq!(w.status(), RunStatus::Cancelling);
    w.give(told(9)).look("nda", 2, Ok(Some(Completion::new("failed", json!({ "message": "cancelled" })))));
    assert_eq!(w.status(), RunStatus::Cancelled);
    assert_snapshot!(w.trace);
}

#[test]
fn one_that_may_have_been_started_is_found_before_it_is_given_up() {
    let mut w = world();
    w.intend("nda", 1).give(Input::Restarted).cancel();
    assert_eq!(w.status(), RunStatus::Cancelling, "{}", w.trace);
    w.intend("nda", 1).park("nda", wait(true));
    let owed = engross_core::outstanding(w.state.as_ref().unwrap());
    let given_up = |command: &engross_core::Command| matches!(command, engross_core::Command::CancelRun { .. });
    assert!(owed.iter().any(given_up), "{}", w.trace);
}

#[test]
fn a_run_of_somebody_else_is_left_alone() {
    let mut w = world();
    w.intend("nda", 1).park("nda", wait(false)).look("nda", 1, Ok(None)).cancel();
    assert_eq!(w.status(), RunStatus::Cancelled);
    assert!(!w.trace.contains("cancel run"), "{}", w.trace);
}

#[test]
fn a_step_is_not_run_again_while_the_run_that_it_started_goes_on() {
    let mut w = world();
    w.intend("nda", 1).park("nda", wait(true)).look("nda", 1, Ok(None));
    w.give(Input::Rerun {
        from: StepId::new("nda"),
        by: engross_core::Person::new("lena"),
        effects_again: true,
        going_on: Default::default(),
        comment: None,
    });
    let refused = "refused: this can be run again once nothing of it is under way any more (nda)";
    assert!(w.trace.contains(refused), "{}", w.trace);
}

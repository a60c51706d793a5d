//! The engine dies between an intent and its answer, and another takes the run over.

use crate::lab::{Answer, Ask};
use crate::world::{World, error_of, outcome_of, state_of};
use engross_core::{ErrorClass, Person, RunId, RunStatus, StepError};
use serde_json::json;
use std::time::Duration;

/// A world whose engine has died while a step was at work, and the run. The clock went on by `ms` meanwhile.
async fn died_in(step: &str, ms: i64, looked_up: Option<Answer>) -> (World, RunId) {
    let world = World::new().await;
    world.lab.on("a", Ask::Execute, [Answer::Hangs]);
    world.lab.on("a", Ask::Reconcile, looked_up);
    let run = world.start(&format!("steps: {{ a: {{ {step} }} }}")).await;
    world.lab.until_called("a", Ask::Execute, 1).await;
    world.pass(ms);
    (world.crash().await, run)
}

/// Executions and look-ups, in all.
fn asked(world: &World) -> (usize, usize) {
    (world.lab.count("a", Ask::Execute), world.lab.count("a", Ask::Reconcile))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_is_repeated() {
    let (world, run) = died_in("uses: acme/get", 0, None).await;
    assert_eq!(world.until_over(&run).await.status, RunStatus::Succeeded);
    assert_eq!(asked(&world), (2, 0));
    assert_eq!(world.facts(&run, "a"), ["step_scheduled", "step_completed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotent_effect_is_repeated_under_its_key() {
    let (world, run) = died_in("uses: acme/put", 0, None).await;
    assert_eq!(world.until_over(&run).await.status, RunStatus::Succeeded);
    assert_eq!(asked(&world), (2, 0));
    let calls = world.lab.calls("a", Ask::Execute);
    assert_eq!((&calls[0].key, calls[0].attempt), (&calls[1].key, calls[1].attempt));
    let facts = ["step_scheduled", "effect_intended", "step_recovered", "effect_intended", "step_completed"];
    assert_eq!(world.facts(&run, "a"), facts);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reconcilable_effect_that_is_found_is_not_repeated() {
    let (world, run) = died_in("uses: acme/send", 0, Some(Answer::Done(json!({ "id": "found" })))).await;
    assert_eq!(world.until_over(&run).await.status, RunStatus::Succeeded);
    assert_eq!(asked(&world), (1, 1));
    assert_eq!(world.resolved_by(&run, "a"), json!("reconcile"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reconcilable_effect_that_is_not_found_is_done_once_more() {
    let (world, run) = died_in("uses: acme/send", 0, Some(Answer::Nothing)).await;
    assert_eq!(world.until_over(&run).await.status, RunStatus::Succeeded);
    assert_eq!(asked(&world), (2, 1));
    assert_eq!(world.resolved_by(&run, "a"), json!("execution"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_up_that_cannot_tell_is_a_doubt() {
    let error = StepError::new(ErrorClass::Ambiguous, "two_of_them", "two contracts have this name");
    let (world, run) = died_in("uses: acme/send", 0, Some(Answer::Fails(error))).await;
    let view = world.until_step(&run, "a", "in_doubt").await;
    assert_eq!((error_of(&view, "a").0.as_str(), asked(&world)), ("two_of_them", (1, 1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unsafe_effect_is_a_doubt_and_stays_one() {
    let (world, run) = died_in("uses: acme/fax", 0, None).await;
    world.until_step(&run, "a", "in_doubt").await;
    let world = world.crash().await;
    let view = world.until_step(&run, "a", "in_doubt").await;
    assert_eq!((view.status, asked(&world)), (RunStatus::Running, (1, 0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_effect_is_looked_up_even_when_its_time_ran_out_while_no_engine_ran() {
    let step = "uses: acme/send, timeout: 1h";
    let found = Answer::Takes(Duration::from_millis(50), Box::new(Answer::Done(json!({ "id": "found" }))));
    let (world, run) = died_in(step, 7_200_000, Some(found)).await;
    assert_eq!(world.until_over(&run).await.status, RunStatus::Succeeded);
    assert_eq!(asked(&world), (1, 1));

    let (world, run) = died_in(step, 7_200_000, Some(Answer::Nothing)).await;
    let view = world.until_over(&run).await;
    assert_eq!((outcome_of(&view, "a"), error_of(&view, "a").0.as_str()), ("failed", "timeout"));
    assert_eq!(asked(&world), (1, 1), "nothing leaves after the step's time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_being_cancelled_comes_to_its_end() {
    for (uses, looked_up, state, in_all) in [
        ("get", None, "cancelled", (1, 0)),
        ("put", None, "completed", (2, 0)),
        ("send", Some(Answer::Done(json!({ "id": "found" }))), "completed", (1, 1)),
        ("send", Some(Answer::Nothing), "cancelled", (1, 1)),
    ] {
        let world = World::new().await;
        world.lab.on("a", Ask::Execute, [Answer::Hangs]);
        world.lab.on("a", Ask::Reconcile, looked_up);
        let run = world.start(&format!("steps: {{ a: {{ uses: acme/{uses} }} }}")).await;
        world.lab.until_called("a", Ask::Execute, 1).await;
        world.engine.cancel(&run, Person::new("ada"), None).await.unwrap();
        let world = world.crash().await;
        let view = world.until_over(&run).await;
        assert_eq!((view.status, state_of(&view, "a")), (RunStatus::Cancelled, state), "{uses}");
        assert_eq!(asked(&world), in_all, "{uses}");
    }
}

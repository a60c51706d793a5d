//! Named events: early, twice, for somebody else, and one after the other.

use crate::lab::{Answer, Ask, Gate};
use crate::world::{World, named, outcome_of, state_of};
use engross_core::{RunId, RunStatus, StepState};
use engross_runtime::Error;
use serde_json::{Value, json};

const WON: &str = "steps: { won: { uses: await_event } }";

async fn waiting(matching: &[(&str, &str)]) -> (World, RunId) {
    let world = World::new().await;
    world.lab.on("won", Ask::Execute, [Answer::Parks(named("crm/won", matching))]);
    let run = world.start(WON).await;
    world.until_parked(&run, "won").await;
    (world, run)
}

/// The data of the event that ended a step.
fn data(world: &World, run: &RunId, step: &str) -> Value {
    match world.state(run).steps.get(step) {
        Some(StepState::Completed { outputs, .. }) => outputs["event"]["data"].clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_ends_the_wait_that_it_is_meant_for() {
    let (world, run) = waiting(&[("deal.id", "5")]).await;
    world.engine.send_event("crm/won", None, json!({ "deal": { "id": 6 } })).await.unwrap();
    world.engine.send_event("crm/lost", None, json!({ "deal": { "id": 5 } })).await.unwrap();
    world.engine.send_event("crm/won", None, json!({ "deal": { "id": 5 }, "n": 1 })).await.unwrap();
    let view = world.until_over(&run).await;
    assert_eq!((view.status, outcome_of(&view, "won")), (RunStatus::Succeeded, "received"));
    assert_eq!(data(&world, &run, "won")["n"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_comes_twice_is_one() {
    let (world, run) = waiting(&[("id", "5")]).await;
    let first = world.engine.send_event("crm/won", Some("e1"), json!({ "id": 5 })).await.unwrap();
    let second = world.engine.send_event("crm/won", Some("e1"), json!({ "id": 5, "n": 2 })).await.unwrap();
    let other = world.engine.send_event("crm/lost", Some("e1"), json!({})).await.unwrap();
    assert_eq!((first.duplicate, second.duplicate, other.duplicate), (false, true, false));
    assert!(first.id == second.id && first.id != other.id);
    world.until_over(&run).await;
    assert_eq!(data(&world, &run, "won"), json!({ "id": 5 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_before_its_wait_is_kept_and_found_but_not_one_from_before_the_run() {
    let world = World::new().await;
    world.engine.send_event("crm/won", Some("old"), json!({ "n": 0 })).await.unwrap();
    world.pass(1);
    let gate = Gate::new();
    world.lab.on("first", Ask::Execute, [Answer::After(gate.clone(), Box::new(Answer::Done(json!({}))))]);
    world.lab.on("won", Ask::Execute, [Answer::Parks(named("crm/won", &[]))]);
    let run = world.start("steps: { first: { uses: local }, won: { uses: await_event, needs: [first] } }").await;
    world.lab.until_called("first", Ask::Execute, 1).await;
    world.engine.send_event("crm/won", Some("early"), json!({ "n": 1 })).await.unwrap();
    gate.open();
    world.until_over(&run).await;
    assert_eq!(data(&world, &run, "won"), json!({ "n": 1 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_waits_one_after_the_other_take_two_events() {
    let world = World::new().await;
    let gate = Gate::new();
    world.lab.on("first", Ask::Execute, [Answer::After(gate.clone(), Box::new(Answer::Done(json!({}))))]);
    for step in ["one", "two"] {
        world.lab.on(step, Ask::Execute, [Answer::Parks(named("crm/won", &[]))]);
    }
    let workflow = r#"
steps:
  first: { uses: local }
  one: { uses: await_event, needs: [first] }
  two: { uses: await_event, needs: [one] }
"#;
    let run = world.start(workflow).await;
    world.lab.until_called("first", Ask::Execute, 1).await;
    world.engine.send_event("crm/won", Some("e1"), json!({ "n": 1 })).await.unwrap();
    gate.open();
    let view = world.until_step(&run, "two", "waiting").await;
    assert_eq!(outcome_of(&view, "one"), "received");
    // The second wait has looked through the inbox, and found only what the first one took.
    world.until(&run, |_| world.facts(&run, "two").iter().any(|fact| fact == "step_checked")).await;
    world.pass(1);
    world.engine.send_event("crm/won", Some("e2"), json!({ "n": 2 })).await.unwrap();
    world.until_over(&run).await;
    assert_eq!((data(&world, &run, "one")["n"].clone(), data(&world, &run, "two")["n"].clone()), (json!(1), json!(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_event_ends_the_waits_of_many_runs_and_only_one_of_each() {
    let world = World::new().await;
    let mut runs = Vec::new();
    for _ in 0..5 {
        for step in ["one", "two"] {
            world.lab.on(step, Ask::Execute, [Answer::Parks(named("crm/won", &[]))]);
        }
        let run = world.start("steps: { one: { uses: await_event }, two: { uses: await_event } }").await;
        world.until(&run, |view| ["one", "two"].iter().all(|step| state_of(view, step) == "waiting")).await;
        runs.push(run);
    }
    world.engine.send_event("crm/won", Some("e1"), json!({})).await.unwrap();
    for run in &runs {
        world.until(run, |view| view.steps.iter().any(|step| step.state == "completed")).await;
    }
    world.engine.send_event("crm/won", Some("e2"), json!({})).await.unwrap();
    for run in &runs {
        assert_eq!(world.until_over(run).await.status, RunStatus::Succeeded);
        assert_eq!(world.state(run).consumed.len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_a_crash_left_unmatched_ends_its_wait() {
    let (world, run) = waiting(&[]).await;
    world.leave_in_inbox("left", "event:crm/won", json!({ "n": 7 }));
    let world = world.crash().await;
    world.until_over(&run).await;
    assert_eq!(data(&world, &run, "won"), json!({ "n": 7 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_cannot_be_kept_is_refused() {
    let world = World::new().await;
    let check = async |kind: &str, data: Value| {
        let refused = world.engine.send_event(kind, None, data).await.unwrap_err();
        assert!(matches!(refused, Error::BadRequest(_)), "{refused}");
    };
    check("", json!({})).await;
    check("a\nb", json!({})).await;
    check("crm/won", json!({ "x": "x".repeat(300_000) })).await;
    check("crm/won", (0..125).fold(Value::Null, |inner, _| Value::Array(vec![inner]))).await;
}

//! Many runs at once: limits that hold, queues that do not starve each other, keys, and a memory that empties.

use crate::lab::{Answer, Ask, Gate};
use crate::world::{World, looks};
use engross_core::{RunId, RunStatus};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread")]
async fn a_connections_limit_holds_and_starves_nobody_else() {
    let world = World::new().await;
    let gate = Gate::new();
    let held = || Answer::After(gate.clone(), Box::new(Answer::Done(json!({ "id": "x" }))));
    world.lab.on("a", Ask::Execute, (0..50).map(|_| held()));
    let mut runs = Vec::new();
    for _ in 0..50 {
        runs.push(world.start("steps: { a: { uses: acme/put, connection: slow } }").await);
    }
    world.lab.until_called("a", Ask::Execute, 3).await;
    for _ in 0..20 {
        let other = world.start("steps: { b: { uses: acme/put, connection: acme }, c: { uses: local } }").await;
        assert_eq!(world.until_over(&other).await.status, RunStatus::Succeeded);
    }
    assert_eq!(world.lab.count("a", Ask::Execute), 3, "three are at work and the others wait");
    gate.open();
    for run in &runs {
        assert_eq!(world.until_over(run).await.status, RunStatus::Succeeded);
    }
    assert_eq!((world.lab.count("a", Ask::Execute), world.lab.most_at_once("slow")), (50, 3));
    world.until_memory_is_empty().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_starts_with_one_key_give_one_run() {
    let world = Arc::new(World::new().await);
    let workflow = r#"
inputs: { who: { type: string } }
run: { key: "nda/{{ inputs.who }}" }
steps: { a: { uses: acme/fax } }
"#;
    let starts: Vec<_> = (0..20)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move { world.try_start(workflow, json!({ "who": "acme" }), None).await.unwrap() })
        })
        .collect();
    let (mut runs, mut new) = (BTreeSet::<RunId>::new(), 0);
    for start in starts {
        let started = start.await.unwrap();
        new += usize::from(!started.attached);
        runs.insert(started.run);
    }
    assert_eq!((runs.len(), new), (1, 1));
    let run = runs.first().unwrap();
    assert_eq!(world.until_over(run).await.status, RunStatus::Succeeded);
    assert_eq!(world.lab.count("a", Ask::Execute), 1);
    // Another key is another run, and a key given with the start goes before the workflow's own.
    for (who, key) in [("other", None), ("acme", Some("mine"))] {
        let started = world.try_start(workflow, json!({ "who": who }), key).await.unwrap();
        assert!(!started.attached && started.run != *run);
        world.until_over(&started.run).await;
    }
    world.until_memory_is_empty().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_runs_end_and_leave_memory() {
    let world = Arc::new(World::new().await);
    let workflow = r#"
steps:
  a: { uses: acme/put }
  b: { uses: acme/get, needs: [a] }
  c: { uses: acme/send, needs: [a] }
  d: { uses: acme/await_signed, needs: [b, c] }
"#;
    world.lab.on("d", Ask::Execute, (0..200).map(|n| Answer::Parks(looks(&format!("c{}", n % 20), None, true))));
    let starts: Vec<_> = (0..200)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move { world.start(workflow).await })
        })
        .collect();
    let mut runs = Vec::new();
    for start in starts {
        runs.push(start.await.unwrap());
    }
    for run in &runs {
        world.until_step(run, "d", "waiting").await;
        world.until(run, |_| !crate::world::owes_a_look(&world.state(run), "d")).await;
    }
    world.until_memory_is_empty().await;
    world.lab.on("d", Ask::Check, (0..200).map(|_| Answer::Done(json!({ "id": "x" }))));
    for about in 0..20 {
        let about = format!("c{about}");
        world.hook(json!({ "id": about, "kind": "contract.signed", "about": about })).await;
    }
    for run in &runs {
        assert_eq!(world.until_over(run).await.status, RunStatus::Succeeded);
    }
    world.until_memory_is_empty().await;
    for (step, ask, times) in [("a", Ask::Execute, 200), ("c", Ask::Execute, 200), ("d", Ask::Check, 400)] {
        assert_eq!(world.lab.count(step, ask), times, "{step}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_timers_of_one_moment_all_fire() {
    let world = World::new().await;
    let error = engross_core::StepError::new(engross_core::ErrorClass::Transient, "away", "away");
    world.lab.on("a", Ask::Execute, (0..1_000).map(|_| Answer::Fails(error.clone())));
    let workflow = "steps: { a: { uses: local, retry: { attempts: 2, initial: 1m, jitter: none } } }";
    let mut runs = Vec::new();
    for _ in 0..1_000 {
        runs.push(world.start(workflow).await);
    }
    for run in &runs {
        world.until_step(run, "a", "backing_off").await;
    }
    world.pass(60_000);
    for run in &runs {
        assert_eq!(world.until_over(run).await.status, RunStatus::Succeeded);
    }
    assert_eq!(world.lab.count("a", Ask::Execute), 2_000);
    world.until_memory_is_empty().await;
}

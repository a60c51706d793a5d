//! What a start finds, when there is much of it.

use crate::lab::{Answer, Ask};
use crate::world::{World, question};
use engross_core::{RunStatus, Verdict};
use engross_runtime::limits::SWEEP_MS_MAX;
use engross_store::{RunQuery, Store};
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn more_runs_than_one_page_are_taken_over() {
    let world = World::new().await;
    world.lab.on("a", Ask::Execute, (0..100).map(|_| Answer::Hangs));
    let mut runs = Vec::new();
    for _ in 0..1_500 {
        runs.push(world.start("steps: { a: { uses: acme/put } }").await);
    }
    // A hundred are at work, which is what the connection allows; the others are in its queue.
    world.lab.until_called("a", Ask::Execute, 100).await;
    let world = world.crash().await;
    for run in &runs {
        assert_eq!(world.until_over(run).await.status, RunStatus::Succeeded);
    }
    assert_eq!(world.lab.count("a", Ask::Execute), 1_600, "what was at work once more, the rest for the first time");
    let open = RunQuery { open: true, limit: 10, ..RunQuery::default() };
    assert_eq!(world.engine.runs(open).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_needs_no_recovery_and_its_timer_goes_on() {
    let world = World::new().await;
    let expires_at = world.now().plus_ms(60_000);
    for _ in 0..2 {
        world.lab.on("ask", Ask::Execute, [Answer::Parks(question(1, Some(expires_at)))]);
    }
    let workflow = "steps: { ask: { uses: gate }, send: { uses: acme/send, needs: [ask] } }";
    let (answered, silent) = (world.start(workflow).await, world.start(workflow).await);
    for run in [&answered, &silent] {
        world.until_step(run, "ask", "waiting").await;
    }
    let before = world.store.head(&silent).unwrap();
    let world = world.crash().await;
    assert_eq!(world.store.head(&silent).unwrap(), before, "nothing was written for a run that waits");
    assert_eq!(world.engine.runs_in_memory(), 0);
    assert_eq!(world.decide(&answered, "lena", Verdict::Approve).await.unwrap(), "decided");
    assert_eq!(world.until_over(&answered).await.status, RunStatus::Succeeded);
    world.pass(60_000);
    assert_eq!(world.until_over(&silent).await.status, RunStatus::Stopped);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timer_that_ran_out_while_no_engine_ran_fires_at_the_start() {
    let world = World::new().await;
    let expires_at = world.now().plus_ms(60_000);
    world.lab.on("ask", Ask::Execute, [Answer::Parks(question(1, Some(expires_at)))]);
    let run = world.start("run: { timeout: 30s }\nsteps: { ask: { uses: gate } }").await;
    world.until_step(&run, "ask", "waiting").await;
    world.engine.stop();
    world.pass(90_000);
    let world = world.crash().await;
    let view = world.until_over(&run).await;
    // The run's own deadline was the first of the two.
    assert_eq!((view.status, view.problem.unwrap().message.as_str()), (RunStatus::Failed, "the run's timeout is over"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timer_that_is_set_while_the_sweeper_sleeps_wakes_it() {
    let world = World::new().await;
    world.lab.on("ask", Ask::Execute, [Answer::Parks(question(1, Some(world.now())))]);
    let begun = Instant::now();
    let run = world.start("steps: { ask: { uses: gate } }").await;
    assert_eq!(world.until_over(&run).await.status, RunStatus::Stopped);
    let took = begun.elapsed();
    assert!(took < Duration::from_millis(SWEEP_MS_MAX / 2), "the sweeper slept on: {took:?}");
}

//! What a start finds, when there is much of it.

use crate::lab::{Answer, Ask};
use crate::world::{World, question};
use engross_core::{PlanDigest, RunId, RunStatus, Summary, TimerId, TimerKind, Verdict};
use engross_runtime::limits::{SWEEP_MS_MAX, TIMERS_PER_SWEEP};
use engross_store::{Commit, RunHead, RunQuery, Store, Timer, Write};
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

/// A run whose journal is not there, and whose timer is due.
fn unreadable(world: &World, n: usize) -> Write {
    let (run, at) = (RunId::new(format!("broken-{n:06}")), world.now());
    let head = RunHead {
        run: run.clone(),
        workflow: "test".into(),
        title: "test".into(),
        key: None,
        plan: PlanDigest::new("none"),
        status: RunStatus::Running,
        summary: Summary::Waiting,
        started_at: at,
        updated_at: at,
        seq: 0,
        doing: String::new(),
    };
    let timer = TimerId { step: Some("ask".into()), kind: TimerKind::Deadline };
    Write::Run(Box::new(Commit {
        run: run.clone(),
        expected_seq: 0,
        fence: 0,
        records: Vec::new(),
        head,
        plan: None,
        timers_set: vec![Timer { at, run, timer }],
        timers_cleared: Vec::new(),
        waits_set: Vec::new(),
        waits_cleared: Vec::new(),
        marks: Vec::new(),
    }))
}

#[tokio::test(flavor = "multi_thread")]
async fn due_timers_of_runs_that_cannot_be_read_keep_back_no_other() {
    let world = World::new().await;
    let writes: Vec<Write> = (0..2 * TIMERS_PER_SWEEP + 10).map(|n| unreadable(&world, n)).collect();
    assert!(world.store.write(&writes).unwrap().iter().all(Result::is_ok));
    for _ in 0..2 {
        world.lab.on("ask", Ask::Execute, [Answer::Parks(question(1, Some(world.now().plus_ms(60_000))))]);
        let run = world.start("steps: { ask: { uses: gate } }").await;
        world.until_step(&run, "ask", "waiting").await;
        world.pass(60_000);
        assert_eq!(world.until_over(&run).await.status, RunStatus::Stopped);
    }
}

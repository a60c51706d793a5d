//! A clock that is set back, while the engine works and across a restart: by a little, and by a lot.

use crate::lab::{Answer, Ask};
use crate::world::{World, named, question};
use engross_core::{RunId, RunStatus};
use serde_json::json;

const HOUR: i64 = 3600 * 1000;
const YEAR: i64 = 365 * 24 * HOUR;

/// A run that waits for `crm/won`.
async fn waiting(world: &World) -> RunId {
    world.lab.on("won", Ask::Execute, [Answer::Parks(named("crm/won", &[]))]);
    let run = world.start("steps: { won: { uses: await_event } }").await;
    world.until_parked(&run, "won").await;
    run
}

async fn restarted(world: World, set: i64) -> World {
    world.engine.stop();
    world.pass(set);
    world.crash().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_counts_though_the_clock_was_set_back_since_its_run_began() {
    for restart in [false, true] {
        let world = World::new().await;
        world.pass(2 * HOUR);
        let run = waiting(&world).await;
        let world = if restart {
            restarted(world, -2 * HOUR).await
        } else {
            world.pass(-2 * HOUR);
            world
        };
        world.engine.send_event("crm/won", None, json!({})).await.unwrap();
        assert_eq!(world.until_over(&run).await.status, RunStatus::Succeeded, "restart: {restart}");
        // What comes after that has a later time in the journal, or the same.
        let records = world.engine.journal(&run, 0).await.unwrap();
        assert!(records.is_sorted_by_key(|record| record.at), "{records:?}");
        // A deadline that begins now is not over before the clock has come so far.
        world.lab.on("ask", Ask::Execute, [Answer::Parks(question(1, Some(world.now().plus_ms(2 * 3_600_001))))]);
        let asks = world.start("steps: { ask: { uses: gate } }").await;
        world.until_step(&asks, "ask", "waiting").await;
        world.pass(2 * HOUR);
        assert_eq!(world.decide(&asks, "lena", engross_core::Verdict::Approve).await.unwrap(), "decided");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn time_does_not_stand_still_after_a_clock_that_was_a_year_fast() {
    for restart in [false, true] {
        let world = World::new().await;
        world.pass(YEAR);
        waiting(&world).await;
        let world = if restart {
            restarted(world, -YEAR).await
        } else {
            world.pass(-YEAR);
            world
        };
        let run = waiting(&world).await;
        world.lab.on("ask", Ask::Execute, [Answer::Parks(question(1, Some(world.now().plus_ms(60_000))))]);
        let asks = world.start("steps: { ask: { uses: gate } }").await;
        world.until_step(&asks, "ask", "waiting").await;
        world.engine.send_event("crm/won", None, json!({})).await.unwrap();
        assert_eq!(world.until_over(&run).await.status, RunStatus::Succeeded, "restart: {restart}");
        world.pass(60_000);
        assert_eq!(world.until_over(&asks).await.status, RunStatus::Stopped, "restart: {restart}");
        // The next restart does not find the far time again.
        let world = restarted(world, -1_000).await;
        let run = waiting(&world).await;
        assert_eq!(world.state(&run).started_at, world.now().plus_ms(1_000), "restart: {restart}");
    }
}

//! Webhooks: who may send them, when they are acknowledged, and that none is lost and none counts twice.

use crate::lab::{Answer, Ask, Gate};
use crate::world::{TOKEN, World, looks, outcome_of, owes_a_look, state_of};
use engross_core::{RunId, RunStatus, Timestamp};
use engross_runtime::HookError;
use engross_step_api::Wake;
use engross_store::{InboxQuery, Store};
use serde_json::{Value, json};
use std::sync::Arc;

const SIGNED: &str = "steps: { signed: { uses: acme/await_signed, timeout: 30d } }";

fn signed() -> Answer {
    Answer::Done(json!({ "id": "c1" }))
}

fn delivery(id: &str) -> Value {
    json!({ "id": id, "kind": "contract.signed", "about": "c1" })
}

/// A run that waits for what is said about `c1`; `answers` are those of its looks.
async fn waiting(poll_ms: Option<u64>, look_first: bool, answers: Vec<Answer>) -> (World, RunId) {
    let world = World::new().await;
    world.lab.on("signed", Ask::Execute, [Answer::Parks(looks("c1", poll_ms, look_first))]);
    world.lab.on("signed", Ask::Check, answers);
    let run = world.start(SIGNED).await;
    world.until_parked(&run, "signed").await;
    (world, run)
}

fn received(world: &World, run: &RunId) -> usize {
    world.facts(run, "signed").iter().filter(|fact| *fact == "event_received").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_provider_gets_in() {
    let world = World::new().await;
    let check = async |connection: &str, token: &str, header: &str, body: &str, expected: &str| {
        let headers = [("x-acme".to_string(), header.to_string())];
        let answer = world.engine.receive_webhook(connection, token, &headers, body.as_bytes()).await;
        let answer = match answer {
            Ok(acknowledged) => acknowledged.status.to_string(),
            Err(HookError::Unknown) => "unknown".to_string(),
            Err(HookError::Unverified(_)) => "unverified".to_string(),
            Err(HookError::Malformed(_)) => "malformed".to_string(),
            Err(HookError::Unavailable(why)) => why,
        };
        assert_eq!(answer, expected);
    };
    check("acme", "guess", "yes", "{}", "unknown").await;
    check("acme", "", "yes", "{}", "unknown").await;
    check("nobody", TOKEN, "yes", "{}", "unknown").await;
    check("acme", TOKEN, "no", "{}", "unverified").await;
    check("acme", TOKEN, "yes", "{", "malformed").await;
    let large = json!({ "id": "x".repeat(3 * 1024 * 1024) }).to_string();
    check("acme", TOKEN, "yes", &large, "malformed").await;
    assert_eq!(world.store.inbox(&InboxQuery::Unmatched).unwrap(), []);
    check("acme", TOKEN, "yes", &delivery("d1").to_string(), "202").await;
    let topic = InboxQuery::Topic { topic: "acme:c1".to_string(), since: Timestamp::from_millis(0) };
    assert_eq!(world.store.inbox(&topic).unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_acknowledged_when_it_is_durable_and_kept_when_its_sender_hangs_up() {
    let world = Arc::new(World::new().await);
    world.lab.on("signed", Ask::Execute, [Answer::Parks(looks("c1", None, false))]);
    let run = world.start(SIGNED).await;
    world.until_step(&run, "signed", "waiting").await;
    let send = |id: &'static str| {
        let world = world.clone();
        tokio::spawn(async move { world.hook(delivery(id)).await })
    };

    world.line.hold();
    let sender = send("d1");
    world.line.until_a_writer_waits().await;
    assert!(!sender.is_finished());
    world.line.let_go();
    assert_eq!(sender.await.unwrap(), 202);
    world.lab.until_called("signed", Ask::Check, 1).await;
    world.until(&run, |_| !owes_a_look(&world.state(&run), "signed")).await;
    // The line is held for the next event, not for the word that this one has been told.
    while !world.store.inbox(&InboxQuery::Unmatched).unwrap().is_empty() {
        tokio::task::yield_now().await;
    }

    world.lab.on("signed", Ask::Check, [signed()]);
    world.line.hold();
    let sender = send("d2");
    world.line.until_a_writer_waits().await;
    sender.abort();
    assert!(sender.await.unwrap_err().is_cancelled());
    world.line.let_go();
    assert_eq!(outcome_of(&world.until_over(&run).await, "signed"), "signed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_comes_a_hundred_times_at_once_is_one_event() {
    let (world, run) = waiting(None, false, vec![signed()]).await;
    let world = Arc::new(world);
    let senders: Vec<_> = (0..100)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move { world.hook(delivery("d1")).await })
        })
        .collect();
    for sender in senders {
        assert_eq!(sender.await.unwrap(), 202);
    }
    let view = world.until_over(&run).await;
    assert_eq!((view.status, received(&world, &run)), (RunStatus::Succeeded, 1));
    assert_eq!(world.lab.count("signed", Ask::Check), 1);
    let by = world.resolved_by(&run, "signed");
    assert!(by["event"].is_string(), "{by}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_before_its_wait_is_seen_by_the_first_look() {
    let world = World::new().await;
    world.hook(delivery("d1")).await;
    // Told to everybody who waits, which is nobody.
    while !world.store.inbox(&InboxQuery::Unmatched).unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    world.lab.on("signed", Ask::Execute, [Answer::Parks(looks("c1", None, true))]);
    world.lab.on("signed", Ask::Check, [signed()]);
    let run = world.start(SIGNED).await;
    assert_eq!(outcome_of(&world.until_over(&run).await, "signed"), "signed");
    assert_eq!(world.lab.calls("signed", Ask::Check)[0].wake, Some(Wake::Poll));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_says_nothing_new_leaves_the_step_waiting_for_the_next() {
    let (world, run) = waiting(None, true, vec![Answer::Nothing, Answer::Nothing, signed()]).await;
    world.until(&run, |_| !owes_a_look(&world.state(&run), "signed")).await;
    world.hook(delivery("d1")).await;
    world.lab.until_called("signed", Ask::Check, 2).await;
    world.until(&run, |_| !owes_a_look(&world.state(&run), "signed")).await;
    world.hook(json!({ "id": "other", "kind": "contract.signed", "about": "c2" })).await;
    world.hook(delivery("d2")).await;
    let view = world.until_over(&run).await;
    assert_eq!((outcome_of(&view, "signed"), received(&world, &run)), ("signed", 2));
    assert_eq!(world.lab.count("signed", Ask::Check), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_during_a_look_brings_another_look() {
    let (first, second) = (Gate::new(), Gate::new());
    let answers = vec![
        Answer::After(first.clone(), Box::new(Answer::Nothing)),
        Answer::After(second.clone(), Box::new(signed())),
    ];
    let (world, run) = waiting(None, true, answers).await;
    world.lab.until_called("signed", Ask::Check, 1).await;
    world.hook(delivery("d1")).await;
    world.lab.until_called("signed", Ask::Check, 2).await;
    first.open();
    world.until(&run, |_| world.facts(&run, "signed").iter().any(|fact| fact == "step_checked")).await;
    assert!(owes_a_look(&world.state(&run), "signed"), "the first look saw nothing, and the second is still owed");
    second.open();
    assert_eq!(outcome_of(&world.until_over(&run).await, "signed"), "signed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_during_a_look_repeats_it() {
    let (world, run) = waiting(None, true, vec![Answer::Hangs, signed()]).await;
    world.lab.until_called("signed", Ask::Check, 1).await;
    let world = world.crash().await;
    assert_eq!(outcome_of(&world.until_over(&run).await, "signed"), "signed");
    assert_eq!(world.lab.count("signed", Ask::Check), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_webhook_the_poll_finds_it() {
    let (world, run) = waiting(Some(60_000), false, vec![Answer::Nothing, signed()]).await;
    world.pass(60_000);
    world.lab.until_called("signed", Ask::Check, 1).await;
    world.until(&run, |_| !owes_a_look(&world.state(&run), "signed")).await;
    world.until_memory_is_empty().await;
    // The next poll comes after 90 to 110 percent of the interval; the test's dice always show the most.
    world.pass(66_000);
    assert_eq!(outcome_of(&world.until_over(&run).await, "signed"), "signed");
    assert_eq!(world.resolved_by(&run, "signed"), "poll");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_may_end_the_wait_badly() {
    let declined = Answer::Ends("declined", Value::Null);
    let (world, run) = waiting(None, true, vec![declined]).await;
    let view = world.until_over(&run).await;
    assert_eq!((view.status, outcome_of(&view, "signed")), (RunStatus::Stopped, "declined"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_ends_at_the_timeout_of_the_file() {
    let (world, run) = waiting(None, false, Vec::new()).await;
    world.pass(30 * 86_400_000);
    let view = world.until_over(&run).await;
    assert_eq!((view.status, outcome_of(&view, "signed")), (RunStatus::Stopped, "timed_out"));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_waits_of_one_run_are_both_woken() {
    let world = World::new().await;
    for step in ["one", "two"] {
        world.lab.on(step, Ask::Execute, [Answer::Parks(looks("c1", None, false))]);
        world.lab.on(step, Ask::Check, [signed()]);
    }
    let run = world.start("steps: { one: { uses: acme/await_signed }, two: { uses: acme/await_signed } }").await;
    world.until(&run, |view| ["one", "two"].iter().all(|step| state_of(view, step) == "waiting")).await;
    world.hook(delivery("d1")).await;
    assert_eq!(world.until_over(&run).await.status, RunStatus::Succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_left_unmatched_is_matched_by_the_next_start() {
    let (world, run) = waiting(None, false, vec![signed()]).await;
    world.leave_in_inbox("left", "acme:c1", delivery("d1"));
    let world = world.crash().await;
    assert_eq!(outcome_of(&world.until_over(&run).await, "signed"), "signed");
    assert_eq!(received(&world, &run), 1);
    assert_eq!(world.store.inbox(&InboxQuery::Unmatched).unwrap(), []);
}

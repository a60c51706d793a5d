//! Attempts that fail: which are repeated, when, how often, and what may not leave at all.

use crate::lab::{Answer, Ask, Gate};
use crate::world::{World, error_of, looks, outcome_of, state_of};
use engross_core::limits::OUTPUT_BYTES_MAX;
use engross_core::{ErrorClass, RunId, RunStatus, StepError, StepState};
use serde_json::{Value, json};

const RETRY: &str = "retry: { attempts: 3, initial: 1s, factor: 2, max: 1h, jitter: none }";

fn fails(class: ErrorClass) -> Answer {
    Answer::Fails(StepError::new(class, "scripted", "the provider's own words"))
}

/// In how many milliseconds the step tries again.
async fn pause(world: &World, run: &RunId) -> u64 {
    world.until_step(run, "a", "backing_off").await;
    match world.state(run).steps.get("a") {
        Some(StepState::BackingOff { retry_at, .. }) => retry_at.ms_since(world.now()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn retryable_failures_are_repeated_after_their_pause_and_a_providers_wish_wins() {
    let world = World::new().await;
    let wish = StepError::new(ErrorClass::RateLimited, "http_429", "slow down").retry_after_ms(Some(90_000));
    world.lab.on("a", Ask::Execute, [fails(ErrorClass::Transient), Answer::Fails(wish)]);
    let run = world.start(&format!("steps: {{ a: {{ uses: acme/put, {RETRY} }} }}")).await;
    assert_eq!(pause(&world, &run).await, 1_000);
    world.until_memory_is_empty().await;
    world.pass(1_000);
    world.lab.until_called("a", Ask::Execute, 2).await;
    assert_eq!(pause(&world, &run).await, 90_000);
    world.pass(90_000);
    assert_eq!(world.until_over(&run).await.status, RunStatus::Succeeded);
    let calls = world.lab.calls("a", Ask::Execute);
    assert_eq!(calls.iter().map(|c| c.attempt).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(calls.iter().all(|c| c.key == format!("{run}/a")));
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_end_at_their_number() {
    let world = World::new().await;
    world.lab.on("a", Ask::Execute, std::iter::repeat_n(fails(ErrorClass::Transient), 9));
    let run = world.start(&format!("steps: {{ a: {{ uses: acme/put, {RETRY} }} }}")).await;
    for expected in [1_000, 2_000] {
        assert_eq!(pause(&world, &run).await, expected);
        world.pass(i64::try_from(expected).unwrap());
        world.until(&run, |view| state_of(view, "a") != "backing_off" || view.steps[0].attempt != Some(1)).await;
    }
    let view = world.until_over(&run).await;
    assert_eq!((view.status, world.lab.count("a", Ask::Execute)), (RunStatus::Failed, 3));
    assert_eq!(error_of(&view, "a"), ("scripted".to_string(), "the provider's own words".to_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn other_failures_are_not_repeated() {
    for class in [ErrorClass::Invalid, ErrorClass::Auth, ErrorClass::State, ErrorClass::NotFound, ErrorClass::Unknown] {
        let world = World::new().await;
        world.lab.on("a", Ask::Execute, [fails(class)]);
        let run = world.start(&format!("steps: {{ a: {{ uses: acme/put, {RETRY} }} }}")).await;
        assert_eq!(world.until_over(&run).await.status, RunStatus::Failed);
        assert_eq!(world.lab.count("a", Ask::Execute), 1, "{class:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_timeout_of_a_step_bounds_all_its_attempts() {
    let world = World::new().await;
    world.lab.on("a", Ask::Execute, std::iter::repeat_n(fails(ErrorClass::Transient), 9));
    let run = world.start(&format!("steps: {{ a: {{ uses: acme/put, timeout: 2s, {RETRY} }} }}")).await;
    assert_eq!(pause(&world, &run).await, 1_000);
    world.pass(1_000);
    // The third attempt would come at 3 s.
    let view = world.until_over(&run).await;
    assert_eq!((view.status, world.lab.count("a", Ask::Execute)), (RunStatus::Failed, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_never_answers_is_cut_and_may_have_acted() {
    for (uses, expected) in [("get", "completed"), ("put", "completed"), ("send", "backing_off"), ("fax", "in_doubt")] {
        let world = World::new().await;
        world.lab.on("a", Ask::Execute, [Answer::Hangs]);
        let run = world.start(&format!("steps: {{ a: {{ uses: acme/{uses}, timeout: 20ms, {RETRY} }} }}")).await;
        let view = world.until_step(&run, "a", expected).await;
        assert_eq!(error_of(&view, "a").0, "timeout", "{uses}");
        assert!(outcome_of(&view, "a") == "failed" || expected != "completed");
        assert_eq!(world.lab.count("a", Ask::Execute), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_lost_answer_is_looked_up_and_nothing_is_sent_after_it() {
    let lost = || Answer::Fails(StepError::new(ErrorClass::Transient, "lost", "no answer").maybe_done());
    for (looked, end) in [(Answer::Done(json!({ "id": "found" })), "succeeded"), (Answer::Nothing, "failed")] {
        let world = World::new().await;
        world.lab.on("a", Ask::Execute, [lost()]);
        world.lab.on("a", Ask::Reconcile, [looked]);
        let run = world.start("steps: { a: { uses: acme/send, retry: { attempts: 1, initial: 1s } } }").await;
        world.until_step(&run, "a", "backing_off").await;
        world.pass(1_000);
        let view = world.until_over(&run).await;
        assert_eq!(outcome_of(&view, "a"), end);
        assert_eq!((world.lab.count("a", Ask::Reconcile), world.lab.count("a", Ask::Execute)), (1, 1), "{end}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_that_finds_nothing_is_not_believed_while_the_request_may_be_on_its_way() {
    let world = World::new().await;
    let lost = Answer::Fails(StepError::new(ErrorClass::Transient, "lost", "no answer").maybe_done());
    world.lab.on("a", Ask::Execute, [lost]);
    world.lab.on("a", Ask::Reconcile, [Answer::Nothing, Answer::Nothing, Answer::Done(json!({ "id": "late" }))]);
    let run = world.start(&format!("steps: {{ a: {{ uses: acme/send, connection: settling, {RETRY} }} }}")).await;
    world.until_step(&run, "a", "backing_off").await;
    world.pass(1_000);
    // The clock stands still at a second after the intent, so the request is never settled, and is looked for again.
    let view = world.until_over(&run).await;
    assert_eq!(outcome_of(&view, "a"), "succeeded");
    assert_eq!((world.lab.count("a", Ask::Reconcile), world.lab.count("a", Ask::Execute)), (3, 1));
}

/// What counts is when the sender let go of it, not when it was meant to leave: a timeout may be longer than `settle`, and so
/// may be the time until the process was killed.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_may_be_on_its_way_for_as_long_after_its_sender_gave_up() {
    let looks = || [Answer::Nothing, Answer::Done(json!({ "id": "late" }))];
    let workflow = format!("steps: {{ a: {{ uses: acme/send, connection: settling, {RETRY} }} }}");

    let world = World::new().await;
    let gate = Gate::new();
    let lost = Answer::Fails(StepError::new(ErrorClass::Transient, "timeout", "no answer").maybe_done());
    world.lab.on("a", Ask::Execute, [Answer::After(gate.clone(), Box::new(lost))]);
    world.lab.on("a", Ask::Reconcile, looks());
    let run = world.start(&workflow).await;
    world.lab.until_called("a", Ask::Execute, 1).await;
    world.pass(5_000);
    gate.open();
    world.until_step(&run, "a", "backing_off").await;
    world.pass(1_000);
    assert_eq!(outcome_of(&world.until_over(&run).await, "a"), "succeeded");
    assert_eq!((world.lab.count("a", Ask::Reconcile), world.lab.count("a", Ask::Execute)), (2, 1), "gave up");

    let world = World::new().await;
    world.lab.on("a", Ask::Execute, [Answer::Hangs]);
    world.lab.on("a", Ask::Reconcile, looks());
    let run = world.start(&workflow).await;
    world.lab.until_called("a", Ask::Execute, 1).await;
    world.pass(5_000);
    let world = world.crash().await;
    assert_eq!(outcome_of(&world.until_over(&run).await, "a"), "succeeded");
    assert_eq!((world.lab.count("a", Ask::Reconcile), world.lab.count("a", Ask::Execute)), (2, 1), "was killed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_repeated_looked_up_or_a_doubt() {
    let lost = || Answer::Fails(StepError::new(ErrorClass::Transient, "lost", "no answer").maybe_done());
    for (uses, looked, executed, end) in
        [("put", 0, 2, "completed"), ("send", 1, 1, "completed"), ("fax", 0, 1, "in_doubt")]
    {
        let world = World::new().await;
        world.lab.on("a", Ask::Execute, [lost()]);
        world.lab.on("a", Ask::Reconcile, [Answer::Done(json!({ "id": "found" }))]);
        let run = world.start(&format!("steps: {{ a: {{ uses: acme/{uses}, {RETRY} }} }}")).await;
        if end == "completed" {
            world.until_step(&run, "a", "backing_off").await;
            world.pass(1_000);
        }
        world.until_step(&run, "a", end).await;
        assert_eq!(
            (world.lab.count("a", Ask::Reconcile), world.lab.count("a", Ask::Execute)),
            (looked, executed),
            "{uses}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn outputs_that_no_journal_may_hold_fail_the_step() {
    let large = || json!({ "value": "x".repeat(OUTPUT_BYTES_MAX) });
    let deep = || json!({ "value": (0..105).fold(Value::Null, |inner, _| Value::Array(vec![inner])) });
    for (uses, outputs, end) in [
        ("get", large(), "completed"),
        ("get", deep(), "completed"),
        ("send", large(), "backing_off"),
        ("fax", deep(), "in_doubt"),
    ] {
        let world = World::new().await;
        world.lab.on("a", Ask::Execute, [Answer::Done(outputs)]);
        let run = world.start(&format!("steps: {{ a: {{ uses: acme/{uses} }} }}")).await;
        let view = world.until_step(&run, "a", end).await;
        let (code, message) = error_of(&view, "a");
        assert_eq!(code, "outputs_too_large", "{message}");
        assert_eq!(outcome_of(&view, "a"), if end == "completed" { "failed" } else { "" });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_inputs_of_the_next_step_do_not_hold_up_the_one_before_it() {
    let world = World::new().await;
    let half = json!({ "value": "x".repeat(OUTPUT_BYTES_MAX / 2) });
    world.lab.on("a", Ask::Execute, [Answer::Done(half)]);
    let workflow = r#"
steps:
  a: { uses: acme/get }
  b: { uses: acme/fax, with: { any: ["{{ steps.a.outputs.value }}", "{{ steps.a.outputs.value }}", "x"] } }
"#;
    let view = world.until_over(&world.start(workflow).await).await;
    assert_eq!((outcome_of(&view, "a"), outcome_of(&view, "b")), ("succeeded", "failed"));
    assert_eq!((error_of(&view, "b").0.as_str(), world.lab.count("b", Ask::Execute)), ("inputs_too_large", 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn computed_inputs_that_break_the_schema_name_the_field_and_nothing_leaves() {
    let workflow = r#"
steps:
  first: { uses: local }
  a: { uses: acme/fax, with: { name: "{{ steps.first.outputs.id }}", email: "{{ steps.first.outputs.id }}" } }
"#;
    let world = World::new().await;
    world.lab.on("first", Ask::Execute, [Answer::Done(json!({ "id": "a name of more than twenty" }))]);
    let run = world.start(workflow).await;
    let view = world.until_over(&run).await;
    let (code, message) = error_of(&view, "a");
    assert_eq!((view.status, code.as_str()), (RunStatus::Failed, "schema"));
    assert!(message.contains("`with.name`") && message.contains("`with.email`"), "{message}");
    assert_eq!(world.facts(&run, "a"), ["step_scheduled", "step_completed"], "no intent, no effect");
    assert_eq!(world.lab.count("a", Ask::Execute), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_gone_fails_what_has_not_begun_and_leaves_open_what_had() {
    for (uses, end) in [("get", "completed"), ("put", "completed"), ("send", "backing_off"), ("fax", "in_doubt")] {
        let world = World::new().await;
        world.lab.on("a", Ask::Execute, [Answer::Hangs]);
        let run = world.start(&format!("steps: {{ a: {{ uses: acme/{uses}, connection: slow }} }}")).await;
        world.lab.until_called("a", Ask::Execute, 1).await;
        let world = world.crash_into(&["acme"]).await;
        let view = world.until_step(&run, "a", end).await;
        let code = if uses == "fax" { "interrupted" } else { "no_connection" };
        assert_eq!(error_of(&view, "a").0, code, "{uses}");
        assert_eq!(world.lab.count("a", Ask::Execute), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_gone_for_one_start_does_not_end_a_wait() {
    let world = World::new().await;
    world.lab.on("a", Ask::Execute, [Answer::Parks(looks("c1", Some(60_000), false))]);
    let run = world.start("steps: { a: { uses: acme/await_signed, connection: slow, timeout: 30d } }").await;
    world.until_step(&run, "a", "waiting").await;
    let world = world.crash_into(&["acme"]).await;
    world.pass(60_000);
    let view = world.until(&run, |view| view.steps[0].error.is_some()).await;
    assert_eq!((state_of(&view, "a"), error_of(&view, "a").0.as_str()), ("waiting", "no_connection"));
    world.lab.on("a", Ask::Check, [Answer::Done(json!({ "id": "c1" }))]);
    let world = world.crash().await;
    world.pass(300_000);
    let view = world.until_over(&run).await;
    assert_eq!((view.status, outcome_of(&view, "a")), (RunStatus::Succeeded, "signed"));
}

//! Runs from start to end: chains, cancellation, the end of the engine, and callers that go away.

use crate::lab::{Answer, Ask, Gate, PATIENCE};
use crate::world::{World, error_of, outcome_of, question, state_of};
use engross_core::{Person, RunId, RunStatus, Verdict};
use engross_runtime::Error;
use serde_json::json;
use std::sync::Arc;

const CHAIN: &str = r#"
inputs: { who: { type: string, default: Acme } }
steps:
  create: { uses: acme/put, with: { name: "{{ inputs.who }}" } }
  send: { uses: acme/send, with: { name: "{{ steps.create.outputs.id }}" } }
outputs: { id: "{{ steps.send.outputs.id }}" }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_ends_with_its_outputs() {
    let world = World::new().await;
    let run = world.start(CHAIN).await;
    let view = world.until_over(&run).await;
    assert_eq!((view.status, view.outputs), (RunStatus::Succeeded, json!({ "id": "send-id" })));
    for step in ["create", "send"] {
        assert_eq!(world.facts(&run, step), ["step_scheduled", "effect_intended", "step_completed"]);
        let keys: Vec<String> = world.lab.calls(step, Ask::Execute).into_iter().map(|c| c.key).collect();
        assert_eq!(keys, [format!("{run}/{step}")]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_effect_leaves_when_the_store_cannot_keep_its_intent() {
    let world = World::new().await;
    world.line.refuse_intents();
    let run = world.start(CHAIN).await;
    let reason = tokio::time::timeout(PATIENCE, world.committer.failed()).await.unwrap();
    assert!(reason.contains("no space is left"), "{reason}");
    assert_eq!(world.facts(&run, "create"), ["step_scheduled"]);
    assert_eq!(world.lab.count("create", Ask::Execute), 0);
    // Whatever comes now is refused, and says why.
    let refused = world.try_start(CHAIN, json!({}), None).await.unwrap_err();
    assert!(matches!(&refused, Error::Store(why) if why.contains("no space is left")), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_cancelled_waits_for_the_effect_that_has_left() {
    let world = World::new().await;
    let gate = Gate::new();
    world.lab.on("create", Ask::Execute, [Answer::After(gate.clone(), Box::new(Answer::Done(json!({ "id": "c1" }))))]);
    let run = world.start(CHAIN).await;
    world.lab.until_called("create", Ask::Execute, 1).await;
    let view = world.engine.cancel(&run, Person::new("ada"), None).await.unwrap();
    assert_eq!((view.status, state_of(&view, "create")), (RunStatus::Cancelling, "running"));
    gate.open();
    let view = world.until_over(&run).await;
    assert_eq!(view.status, RunStatus::Cancelled);
    assert_eq!((outcome_of(&view, "create"), state_of(&view, "send")), ("succeeded", "skipped"));
    assert_eq!(world.lab.count("send", Ask::Execute), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_cancelled_in_the_queue_never_acts() {
    let world = World::new().await;
    let gate = Gate::new();
    let mut before = Vec::new();
    for _ in 0..3 {
        world.lab.on("first", Ask::Execute, [Answer::After(gate.clone(), Box::new(Answer::Done(json!({}))))]);
        before.push(world.start("steps: { first: { uses: acme/fax, connection: slow } }").await);
    }
    world.lab.until_called("first", Ask::Execute, 3).await;
    let queued = world.start("steps: { queued: { uses: acme/fax, connection: slow } }").await;
    let view = world.engine.cancel(&queued, Person::new("ada"), Some("not needed".into())).await.unwrap();
    assert_eq!((view.status, state_of(&view, "queued")), (RunStatus::Cancelled, "cancelled"));
    gate.open();
    for run in before {
        assert_eq!(world.until_over(&run).await.status, RunStatus::Succeeded);
    }
    // The next one goes through the same queue, so that the one before it has been at its end.
    let after = world.start("steps: { after: { uses: acme/fax, connection: slow } }").await;
    world.until_over(&after).await;
    assert_eq!(world.lab.count("queued", Ask::Execute), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_engine_begins_nothing_and_the_next_one_goes_on() {
    let world = World::new().await;
    let gate = Gate::new();
    world.lab.on("create", Ask::Execute, [Answer::After(gate.clone(), Box::new(Answer::Done(json!({ "id": "c1" }))))]);
    let run = world.start(CHAIN).await;
    world.lab.until_called("create", Ask::Execute, 1).await;
    world.engine.stop();
    gate.open();
    let view = world.until_step(&run, "create", "completed").await;
    assert_eq!(state_of(&view, "send"), "running", "what came back is kept, and what follows is owed");
    assert!(matches!(world.try_start(CHAIN, json!({}), None).await, Err(Error::Stopping)));
    let world = world.crash().await;
    assert_eq!(world.until_over(&run).await.status, RunStatus::Succeeded);
    assert_eq!((world.lab.count("create", Ask::Execute), world.lab.count("send", Ask::Execute)), (1, 1));
    assert_eq!(world.facts(&run, "send"), ["step_scheduled", "effect_intended", "step_completed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_goes_on_when_whoever_asked_for_it_hangs_up() {
    let world = Arc::new(World::new().await);
    world.lab.on("ask", Ask::Execute, [Answer::Parks(question(1, None))]);
    let run = world.start("steps: { ask: { uses: gate }, send: { uses: acme/send, needs: [ask] } }").await;
    world.until_step(&run, "ask", "waiting").await;

    world.line.hold();
    let client = tokio::spawn({
        let (world, run) = (world.clone(), run.clone());
        async move { world.decide(&run, "lena", Verdict::Approve).await }
    });
    world.line.until_a_writer_waits().await;
    client.abort();
    assert!(client.await.unwrap_err().is_cancelled());
    world.line.let_go();
    assert_eq!(world.until_over(&run).await.status, RunStatus::Succeeded);

    world.line.hold();
    let client = tokio::spawn({
        let world = world.clone();
        async move { world.try_start(CHAIN, json!({}), None).await }
    });
    world.line.until_a_writer_waits().await;
    client.abort();
    assert!(client.await.unwrap_err().is_cancelled());
    world.line.let_go();
    let mut news = world.engine.watch();
    let newest = loop {
        let heads = world.engine.runs(engross_store::RunQuery::default()).await.unwrap();
        match heads.into_iter().next() {
            Some(head) if head.run != run => break head.run,
            _ => news.recv().await.unwrap(),
        };
    };
    assert_eq!(world.until_over(&newest).await.status, RunStatus::Succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_has_heard_of_leaves_nothing_in_memory() {
    let world = World::new().await;
    for n in 0..10 {
        let run = RunId::new(format!("nobody-{n}"));
        assert!(matches!(world.engine.run(&run).await, Err(Error::NoRun(_))));
        assert!(matches!(world.engine.cancel(&run, Person::new("ada"), None).await, Err(Error::NoRun(_))));
        assert!(matches!(world.decide(&run, "ada", Verdict::Approve).await, Err(Error::NoRun(_))));
    }
    assert_eq!(world.engine.runs_in_memory(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_starts_mistakes_are_said_and_nothing_is_kept() {
    let world = World::new().await;
    let keyed = r#"
inputs: { who: { type: string } }
run: { key: "{{ inputs.who }}" }
steps: { a: { uses: local } }
"#;
    let check = async |inputs, expected: &str| {
        let error = world.try_start(keyed, inputs, None).await.unwrap_err();
        assert!(format!("{}: {error}", error.code()).contains(expected), "{error}");
    };
    check(json!({ "who": 5 }), "invalid_inputs: ").await;
    check(json!({}), "who").await;
    check(json!({ "who": "" }), "expression: ").await;
    check(json!({ "who": "x".repeat(3_000) }), "bad_request: the run's key").await;
    let titled = "title: \"{{ inputs.who }}\"\ninputs: { who: { type: string } }\nsteps: { a: { uses: local } }";
    let refused = world.try_start(titled, json!({ "who": "\u{1b}[2J" }), None).await.unwrap_err();
    assert!(refused.to_string().starts_with("the run's title must be"), "{refused}");
    let reason = Some("x".repeat(3_000));
    let refused = world.engine.cancel(&RunId::new("r"), Person::new("ada"), reason).await.unwrap_err();
    assert_eq!(refused.code(), "bad_request");
    assert!(world.engine.runs(engross_store::RunQuery::default()).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_fails_its_step_and_nothing_else() {
    let world = World::new().await;
    world.lab.on("bad", Ask::Execute, [Answer::Panics]);
    let bad = world.start("steps: { bad: { uses: acme/get } }").await;
    let view = world.until_over(&bad).await;
    assert_eq!((view.status, outcome_of(&view, "bad")), (RunStatus::Failed, "failed"));
    assert_eq!(error_of(&view, "bad").0, "panic");
    let good = world.start(CHAIN).await;
    assert_eq!(world.until_over(&good).await.status, RunStatus::Succeeded);
}

//! Waiting for an object of the provider.

use crate::support::{Say, contract, stage};
use engross_step_api::{
    EffectState, ErrorClass, OnEvent, OutcomeKind, StepKind, StepResult, Subscription, Wait, WaitKind, Wake,
};
use serde_json::{Value, json};

#[tokio::test]
async fn an_await_parks_for_its_object_and_looks_first() {
    for provider in ["juro", "juro_v2"] {
        for name in ["await_approved", "await_fully_signed"] {
            for (poll, poll_ms) in [(None, 900_000), (Some("1s"), 1_000), (Some("4h"), 14_400_000)] {
                let (step, server, context) = stage(provider, name, vec![]).await;
                let mut input = json!({"contract_id": "c1"});
                if let Some(poll) = poll {
                    input["poll"] = json!(poll);
                }
                crate::support::check_input(step.as_ref(), &input);
                let parked = step.execute(&context, &input).await.expect("parked");
                let expected = Wait {
                    kind: WaitKind::Event {
                        subscriptions: vec![Subscription::to_object(provider, "c1")],
                        on_event: OnEvent::Check,
                        poll_ms: Some(poll_ms),
                        look_first: true,
                    },
                    deadline: None,
                };
                assert_eq!(parked, StepResult::Parked(expected));
                assert_eq!(server.lines(), Vec::<String>::new());
            }
        }
    }
}

#[tokio::test]
async fn an_await_for_nothing_is_refused() {
    for input in [
        json!({"contract_id": ""}),
        json!({"contract_id": "c1", "poll": "often"}),
        json!({"contract_id": "c1", "poll": "999ms"}),
    ] {
        let (step, _server, context) = stage("juro", "await_fully_signed", vec![]).await;
        let error = step.execute(&context, &input).await.expect_err("an error");
        assert_eq!(error.class, ErrorClass::Invalid, "{input}");
    }
}

async fn check(name: &str, status: &str, expected: Option<&str>) {
    let (step, server, context) = stage("juro", name, vec![Say::ok(contract("c1", status))]).await;
    let ended = step.check(&context, &json!({"contract_id": "c1"}), Wake::Poll).await.expect("a look");
    assert_eq!(ended.as_ref().map(|done| done.outcome.as_str()), expected, "{name} at {status}");
    let outputs = ended.map(|done| done.outputs).unwrap_or_default();
    match expected {
        Some("approved" | "fully_signed") => assert_eq!(outputs["contract_id"], "c1"),
        _ => assert_eq!(outputs, Value::Null),
    }
    assert_eq!(server.lines(), ["GET /v3/contracts/c1 HTTP/1.1"]);
}

#[tokio::test]
async fn the_status_decides_how_an_await_ends() {
    for (status, ended) in [
        ("draft", None),
        ("sent for signing", None),
        ("signed by us", None),
        ("signed by them", None),
        ("fully signed", Some("fully_signed")),
        ("FULLY_SIGNED", Some("fully_signed")),
        ("Fully-Signed", Some("fully_signed")),
        ("rejected", Some("rejected")),
        ("a status of next year", None),
    ] {
        check("await_fully_signed", status, ended).await;
    }
    for (status, ended) in [
        ("draft", None),
        ("sent for approval", None),
        ("approved", Some("approved")),
        ("sent for signing", Some("approved")),
        ("fully signed", Some("approved")),
        ("rejected", Some("rejected")),
    ] {
        check("await_approved", status, ended).await;
    }
}

#[tokio::test]
async fn a_look_that_fails_says_whether_looking_again_helps() {
    for (say, class) in [
        (Say::Json(404, json!({"message": "gone"})), ErrorClass::NotFound),
        (Say::Json(503, json!({})), ErrorClass::Transient),
        (Say::Drop, ErrorClass::Transient),
        (Say::ok(json!({"contract": {"id": "c1"}})), ErrorClass::Transient),
    ] {
        let (step, _server, context) = stage("juro", "await_fully_signed", vec![say]).await;
        let error = step.check(&context, &json!({"contract_id": "c1"}), Wake::Poll).await.expect_err("an error");
        assert_eq!((error.class, error.effect), (class, EffectState::NotDone), "{error}");
    }
}

#[tokio::test]
async fn an_await_names_all_its_ends_the_good_one_first() {
    let (step, _server, _context) = stage("juro", "await_fully_signed", vec![]).await;
    let spec = step.spec();
    let outcomes: Vec<_> = spec.outcomes.iter().map(|o| (o.name.as_str(), o.kind, o.outputs)).collect();
    assert_eq!(spec.kind, StepKind::Wait);
    assert_eq!(
        outcomes,
        [
            ("fully_signed", OutcomeKind::Good, true),
            ("rejected", OutcomeKind::Bad, false),
            ("timed_out", OutcomeKind::Bad, false),
            ("failed", OutcomeKind::Failure, false),
        ]
    );
}

//! Several operations as one step: what is done is taken over, and nothing is done twice.

use crate::support::{Say, Server, base, connection, context, provider, stage, step};
use engross_providers::from_yaml;
use engross_step_api::{EffectClass, EffectState, Reconciled, StepResult};
use serde_json::{Value, json};

fn input() -> Value {
    json!({"contract_id": "c1", "email": "ann@example.com"})
}

fn signer() -> Value {
    json!({"uuid": "s1", "email": "ann@example.com"})
}

fn session() -> Value {
    json!({"uuid": "r1", "email": "ann@example.com", "url": "https://x.example/r?token=abc", "expires_at": "2023-11-15T22:13:20Z"})
}

#[tokio::test]
async fn the_parts_are_done_in_order_and_leave_what_the_step_names() {
    let answers = vec![Say::Json(201, signer()), Say::Json(201, session())];
    let (invite, server, context) = stage("paperlex", "invite_signer", answers).await;
    assert_eq!(invite.spec().effect, EffectClass::Reconcilable);
    let StepResult::Done(done) = invite.execute(&context, &input()).await.expect("done") else {
        unreachable!("no wait")
    };
    let expected = json!({"signer_id": "s1", "session_id": "r1", "url": "https://x.example/r?token=abc",
        "expires_at": "2023-11-15T22:13:20Z"});
    assert_eq!(done.outputs, expected);
    assert_eq!(
        server.lines(),
        ["POST /v1/contracts/c1/signers.json HTTP/1.1", "POST /v1/contracts/c1/review_sessions.json HTTP/1.1"]
    );
}

#[tokio::test]
async fn an_answer_lost_in_the_middle_is_looked_up_and_what_is_done_is_taken_over() {
    let script = vec![
        Say::Json(201, signer()),
        Say::Drop,
        // The look: the signer is there, the session is not.
        Say::ok(json!([signer()])),
        Say::ok(signer()),
        Say::ok(json!([])),
        // The attempt that follows looks the session up once more, then makes it.
        Say::ok(json!([])),
        Say::Json(201, session()),
    ];
    let server = Server::start(script).await;
    let context = context(connection("paperlex", &base("paperlex", &server)));
    let paperlex = provider("paperlex");
    let invite = step(paperlex.as_ref(), "invite_signer");
    let lost = invite.execute(&context, &input()).await.expect_err("a lost answer");
    assert_eq!((lost.effect, lost.code.as_str()), (EffectState::Unknown, "answer_lost"));
    assert!(lost.message.ends_with("; done before it: `add_signer`"), "{lost}");
    assert_eq!(invite.reconcile(&context, &input()).await.expect("a look"), Reconciled::NotDone);
    let StepResult::Done(done) = invite.execute(&context, &input()).await.expect("done") else {
        unreachable!("no wait")
    };
    assert_eq!((&done.outputs["signer_id"], &done.outputs["session_id"]), (&json!("s1"), &json!("r1")));
    let posts: Vec<String> = server.lines().into_iter().filter(|line| line.starts_with("POST")).collect();
    assert_eq!(
        posts.len(),
        3,
        "one signer, one session whose answer was lost and came to nothing, one session: {posts:?}"
    );
}

#[tokio::test]
async fn a_sequence_that_is_all_done_is_found_so() {
    let script = vec![Say::ok(json!([signer()])), Say::ok(signer()), Say::ok(json!([session()])), Say::ok(session())];
    let (invite, server, context) = stage("paperlex", "invite_signer", script).await;
    let found = invite.reconcile(&context, &input()).await.expect("a look");
    let Reconciled::Done(done) = found else { unreachable!("it is all there") };
    assert_eq!(done.outputs["url"], "https://x.example/r?token=abc");
    assert!(server.lines().iter().all(|line| line.starts_with("GET")));
}

#[tokio::test]
async fn a_refusal_of_the_first_part_left_nothing_and_of_a_later_one_something() {
    let refusal = || Say::Json(422, json!({"error": "no"}));
    let (invite, _server, context) = stage("paperlex", "invite_signer", vec![refusal()]).await;
    let refused = invite.execute(&context, &input()).await.expect_err("a refusal");
    assert_eq!((refused.effect, refused.class.as_str()), (EffectState::NotDone, "invalid"));
    let (invite, _server, context) =
        stage("paperlex", "invite_signer", vec![Say::Json(201, signer()), refusal()]).await;
    let refused = invite.execute(&context, &input()).await.expect_err("a refusal");
    assert_eq!((refused.effect, refused.class.as_str()), (EffectState::Unknown, "invalid"));
}

const HEAD: &str = r##"manifest: 1
provider: acme
title: Acme
environments: { live: { base_url: "http://HOST/v1", default: true } }
operations:
  make:
    title: Make
    method: POST
    path: /things
    effect: EFFECT
    output: { id: { from: /id, type: string } }
  read:
    title: Read
    method: GET
    path: "/things/${input.id}"
    effect: read
    input: { required: [id], properties: { id: { type: string } } }
    output: { state: { from: /state, type: string } }
  send:
    title: Send
    method: PUT
    path: "/things/${input.id}/send"
    effect: idempotent
    input: { required: [id], properties: { id: { type: string } } }
    output: { sent: { from: /sent, type: boolean } }
compose:
  make_and_send:
    title: Make, wait for the draft, and send
    parts:
      - { name: made, operation: make }
      - name: draft
        operation: read
        input: { id: "${parts.made.id}" }
        until: { if: "parts.draft.state == 'draft'", every_s: 0.001, at_most_s: MOST }
      - { name: sent, operation: send, input: { id: "${parts.made.id}" } }
    output: { id: { from: /made/id, type: string } }
"##;

async fn made(most: &str, script: Vec<Say>) -> (Result<StepResult, engross_step_api::StepError>, Vec<String>) {
    let server = Server::start(script).await;
    let text = HEAD.replace("HOST", &server.address).replace("EFFECT", "idempotent").replace("MOST", most);
    let acme = from_yaml("acme.yaml", &text).map_err(|found| format!("{found:?}")).expect("a good manifest");
    let mut connection = connection("acme", "http://127.0.0.1:9");
    connection.base_url = None;
    connection.settings.clear();
    let result = step(acme.as_ref(), "make_and_send").execute(&context(connection), &json!({})).await;
    (result, server.lines())
}

#[tokio::test]
async fn a_part_can_wait_for_a_state_before_the_next_acts() {
    let state = |state: &str| Say::ok(json!({"state": state}));
    let made_one = || Say::ok(json!({"id": "t1"}));
    let script = vec![made_one(), state("uploaded"), state("uploaded"), state("draft"), Say::ok(json!({"sent": true}))];
    let (result, lines) = made("60", script).await;
    assert!(result.is_ok(), "{result:?}");
    assert_eq!((lines.len(), lines.last().map(String::as_str)), (5, Some("PUT /v1/things/t1/send HTTP/1.1")));
    let (result, lines) = made("0.0001", vec![made_one(), state("uploaded"), state("draft")]).await;
    let error = result.expect_err("the draft has not come");
    assert_eq!((error.code.as_str(), error.effect, lines.len()), ("not_yet", EffectState::Unknown, 2));
}

#[test]
fn mistakes_in_sequences_are_told_with_their_places() {
    let mut text = String::new();
    for (from, to) in [
        ("effect: EFFECT", "effect: unsafe"),
        ("- { name: made, operation: make }", "- { name: made, operation: mak }"),
        ("- { name: made, operation: make }", "- { operation: make }"),
        ("{ name: sent,", "{ name: made,"),
        ("${parts.made.id}\" } }\n    output", "${parts.later.id}\" } }\n    output"),
        ("operation: send, input: { id: \"${parts.made.id}\" }", "operation: send"),
        ("every_s: 0.001", "every_s: 0"),
        ("  make_and_send:", "  make:"),
    ] {
        let manifest = HEAD.replace(from, to).replace("EFFECT", "idempotent").replace("MOST", "60");
        let found = from_yaml("acme.yaml", &manifest).err().unwrap_or_default();
        assert!(!found.is_empty(), "{to} is not noticed");
        for told in found {
            text.push_str(&format!("{to:?}\n  {} {}\n", told.code, told.message));
        }
    }
    insta::assert_snapshot!(text);
}

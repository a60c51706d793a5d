//! A fifth provider: one file, no code.

use crate::support::{API_KEY, Memory, STARTED, Say, Server, check_input, connection, context_with, install_crypto};
use engross_providers::{describe_yaml, from_yaml};
use engross_step_api::{Provider, RawWebhook, Reconciled, Setting, Step, StepContext, StepResult, Wake};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

const MANIFEST: &str = include_str!("docuseal.yaml");

fn docuseal() -> Arc<dyn Provider> {
    from_yaml("providers/docuseal.yaml", MANIFEST).map_err(|found| format!("{found:?}")).expect("a good manifest")
}

async fn stage(name: &str, script: Vec<Say>) -> (Arc<dyn Step>, Server, StepContext) {
    install_crypto();
    let server = Server::start(script).await;
    let mut connection = connection("docuseal", &format!("http://{}", server.address));
    connection.settings = BTreeMap::from([("api_key".to_string(), Setting::Secret(API_KEY.into()))]);
    assert_eq!(docuseal().check_connection(&connection), Vec::<String>::new());
    let uses = format!("docuseal/{name}");
    let step = docuseal().steps().into_iter().find(|step| step.spec().uses == uses).expect("a step");
    (step, server, context_with(connection, Arc::new(Memory::default())))
}

#[test]
fn every_example_fits_and_everything_is_described() {
    let described = describe_yaml("providers/docuseal.yaml", MANIFEST).expect("a good manifest");
    for (step, operation) in docuseal().steps().iter().zip(&described.operations) {
        assert_eq!(step.spec().uses, operation.uses);
        check_input(step.as_ref(), &operation.example);
    }
    assert_eq!(described.operations.len(), 5);
}

#[tokio::test]
async fn people_are_asked_to_sign_and_waited_for() {
    let reply = json!([{"id": 1, "submission_id": 7, "email": "ann@example.com", "status": "sent"}]);
    let (step, server, context) = stage("create_submission", vec![Say::ok(reply)]).await;
    let input = json!({"template_id": 1_000_001, "submitters": [{"role": "First Party", "email": "ann@example.com"}]});
    check_input(step.as_ref(), &input);
    let StepResult::Done(done) = step.execute(&context, &input).await.expect("done") else { panic!("parked") };
    assert_eq!(done.outputs["submission_id"], 7);
    let sent = server.requests().remove(0);
    let body = "{\"submitters\":[{\"email\":\"ann@example.com\",\"metadata\":{\"engross\":\"018f-run/a_step\"},\
        \"role\":\"First Party\"}],\"template_id\":1000001}";
    assert!(sent.starts_with("POST /submissions HTTP/1.1") && sent.contains("x-auth-token: key-0123456789"), "{sent}");
    assert_eq!(sent.lines().last(), Some(body));
    for (status, expected) in [("pending", None), ("completed", Some("completed")), ("declined", Some("declined"))] {
        let (step, _server, context) =
            stage("await_completed", vec![Say::ok(json!({"id": 7, "status": status, "submitters": []}))]).await;
        let ended = step.check(&context, &json!({"submission_id": 7}), Wake::Poll).await.expect("a look");
        assert_eq!(ended.map(|done| done.outcome.as_str().to_string()).as_deref(), expected, "{status}");
    }
}

#[tokio::test]
async fn a_lost_answer_is_looked_up_by_the_key_in_the_metadata() {
    let input = json!({"template_id": 5, "submitters": [{"email": "ann@example.com"}]});
    let list = |ids: &[u32], next: Value| {
        let items: Vec<Value> = ids.iter().map(|id| json!({"id": id, "created_at": "2023-11-14T22:13:25Z"})).collect();
        Say::ok(json!({"data": items, "pagination": {"count": ids.len(), "next": next}}))
    };
    let submission = |id: u32, metadata: Value| Say::ok(json!({"id": id, "submitters": [{"metadata": metadata}]}));
    let others =
        vec![list(&[7, 8], Value::Null), submission(7, json!({})), submission(8, json!({"engross": "another"}))];
    let (step, _server, context) = stage("create_submission", others).await;
    assert_eq!(step.reconcile(&context, &input).await.expect("a look"), Reconciled::NotDone);
    let ours = vec![list(&[7], json!(7)), list(&[], Value::Null), submission(7, json!({"engross": "018f-run/a_step"}))];
    let (step, server, context) = stage("create_submission", ours).await;
    let found = step.reconcile(&context, &input).await.expect("a look");
    let Reconciled::Done(done) = found else { panic!("{found:?}") };
    assert_eq!(done.outputs["submission_id"], 7);
    assert_eq!(server.lines()[1], "GET /submissions?template_id=5&limit=100&after=7 HTTP/1.1");
}

#[test]
fn its_webhooks_wake_whoever_waits_for_the_submission() {
    let connection = connection("docuseal", "http://127.0.0.1:9");
    let receive = |body: Value| {
        let raw = body.to_string();
        let webhook = RawWebhook { headers: &[], body: raw.as_bytes(), received_at: STARTED };
        docuseal().receive(&connection, &webhook).expect("read").remove(0)
    };
    let at = "2023-09-24T13:48:36Z";
    let form = receive(json!({"event_type": "form.completed", "timestamp": at, "data": {"id": 1, "submission_id": 7}}));
    let whole = receive(json!({"event_type": "submission.completed", "timestamp": at, "data": {"id": 7}}));
    assert_eq!((form.kind.as_str(), form.correlation.as_str()), ("form.completed", "7"));
    assert_eq!((whole.kind.as_str(), whole.correlation.as_str()), ("submission.completed", "7"));
    assert_ne!(form.dedupe, whole.dedupe);
}

#[test]
fn its_webhooks_are_signed_with_their_time() {
    use hmac::{Hmac, KeyInit, Mac};
    use secrecy::ExposeSecret;
    let mut connection = connection("docuseal", "http://127.0.0.1:9");
    connection.webhook.secret = Some("whsec_docuseal".into());
    let secret = connection.webhook.secret.as_ref().expect("set").expose_secret().to_string();
    let body =
        json!({"event_type": "form.completed", "timestamp": "x", "data": {"id": 1, "submission_id": 7}}).to_string();
    let sent = STARTED.as_millis() / 1000;
    let signed = |sent: i64| {
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).expect("any key");
        mac.update(format!("{sent}.{body}").as_bytes());
        vec![("x-docuseal-signature".to_string(), format!("{sent}.{}", hex::encode(mac.finalize().into_bytes())))]
    };
    let receive = |headers: &[(String, String)]| {
        docuseal().receive(&connection, &RawWebhook { headers, body: body.as_bytes(), received_at: STARTED })
    };
    assert_eq!(receive(&signed(sent)).expect("verified")[0].correlation, "7");
    for headers in [signed(sent - 301), vec![], vec![("x-docuseal-signature".to_string(), format!("{sent}.00"))]] {
        let refused = receive(&headers);
        assert!(matches!(refused, Err(engross_step_api::WebhookError::Unverified(_))), "{headers:?}: {refused:?}");
    }
}

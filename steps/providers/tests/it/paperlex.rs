//! Paperlex: every operation with the documents' own replies, and what is peculiar to it.

use crate::support::{Say, connection, failed, looked, provider, stage, step, told};
use engross_step_api::{Connection, IncomingEvent, OutcomeKind, RawWebhook, Setting, StepResult, Wake, WebhookError};
use serde_json::{Value, json};
use std::sync::Arc;

const ID: &str = "ce883764523af12e";

/// The contract of the documents, its text shortened.
fn contract(signers: usize, signatures: usize) -> Value {
    let signer = json!({"uuid": "51c442d561291e5b", "email": "jhahn@niveon.com"});
    let signature = json!({
        "created_at": "2011-10-05T00:47:18Z",
        "uuid": "7559ad5cb0d36cf2",
        "identity_verification_value": "555-555-1234",
        "identity_verification_method": "SMS",
    });
    json!({
        "responses": null,
        "created_at": "2011-10-04T07:09:01Z",
        "current_version": true,
        "body": "This Non-Disclosure\tAgreement (the **\"Agreement\"**)",
        "uuid": ID,
        "updated_at": "2011-10-04T07:09:01Z",
        "signers": vec![signer; signers],
        "locked": signatures > 0,
        "subject": "NDA",
        "number_of_signers": 2,
        "signatures": vec![signature; signatures],
        "number_of_identity_verifications": 1,
    })
}

fn session() -> Value {
    json!({
        "expires_at": "2011-10-05T07:10:03Z",
        "uuid": "d9df3765905e7695",
        "token": "71fcd58ed9735cad",
        "url": "https://sandbox.api.paperlex.com/v1/contracts/ce883764523af12e/review?token=71fcd58ed9735cad",
        "email": "johnsmith@example.com",
    })
}

fn template() -> Value {
    json!({
        "name": "Non-Disclosure Agreement",
        "public": true,
        "body": "This Non-Disclosure\tAgreement",
        "uuid": "23a15b9e18d09168",
        "description": "Non-Disclosure Agreement",
        "response_keys": ["effective_date", "party_a", "party_b"],
    })
}

fn id() -> Value {
    json!({"contract_id": ID})
}

fn signer() -> Value {
    json!({"uuid": "3ab109b11a083b31", "email": "janesmith@example.com"})
}

/// The input for a contract and one more thing.
fn with(name: &str, value: impl Into<Value>) -> Value {
    json!({"contract_id": ID, name: value.into()})
}

#[tokio::test]
async fn a_simple_signature_is_a_page_and_nobody_is_called() {
    let input = json!({
        "return_url": "https://example.com/signed?a=1&b=2",
        "slaw_id": "23a15b9e18d09168",
        "responses": {"party_a": "John \"the\" <Smith>"},
        "email": "johnsmith@example.com",
        "sensor": true,
    });
    let (page, server, context) = stage("paperlex", "simple_signature", vec![]).await;
    let StepResult::Done(done) = page.execute(&context, &input).await.expect("done") else { panic!("parked") };
    assert_eq!(
        (&done.outputs["file"]["media_type"], &done.outputs["file"]["name"]),
        (&json!("text/html"), &json!("sign.html"))
    );
    let sha256 = done.outputs["file"]["sha256"].as_str().expect("a digest");
    let page = context.files.get(sha256).await.expect("kept");
    insta::assert_snapshot!(String::from_utf8_lossy(&page).replace(&server.address, "HOST"));
    assert_eq!(server.lines(), Vec::<String>::new());

    let (step, server, mut context) = stage("paperlex", "simple_signature", vec![]).await;
    let mut without = connection("paperlex", "http://127.0.0.1:9/v1");
    without.settings.remove("public_token");
    context.connection = Some(Arc::new(without));
    let error = step.execute(&context, &input).await.expect_err("an error");
    assert_eq!(error.message, "`simple_signature` needs `public_token` of the connection `paperlex`");
    assert_eq!(server.lines(), Vec::<String>::new());
}

#[tokio::test]
async fn a_callback_address_of_the_connection_is_given_to_contracts_that_name_none() {
    let create = json!({"subject": "NDA", "number_of_signers": 1, "body": "text"});
    let (step, server, mut context) = stage("paperlex", "create_contract", vec![Say::ok(contract(0, 0))]).await;
    let mut with = connection("paperlex", &format!("http://{}/v1", server.address));
    with.settings.insert("callback_url".to_string(), Setting::Secret("https://e.example/hooks/p/secret-token".into()));
    context.connection = Some(Arc::new(with.clone()));
    step.execute(&context, &create).await.expect("done");
    let sent = server.requests().remove(0);
    assert!(
        sent.contains("contract[signature_callback_url]=https%3A%2F%2Fe.example%2Fhooks%2Fp%2Fsecret-token"),
        "{sent}"
    );
    let shown = step.preview(Some(&with), &create).expect("a preview");
    let body = shown.body.expect("a body");
    assert!(body.contains("contract[signature_callback_url]=***") && body.ends_with("token=***"), "{body}");
}

#[tokio::test]
async fn refusals_are_told_apart_by_status_and_words() {
    let create = json!({"subject": "NDA", "number_of_signers": 1, "body": "text"});
    let error = |status: u16, words: &str| Say::Json(status, json!({"error": words}));
    for (name, input, say, expected) in [
        ("get_contract", id(), error(404, "gone"), "not_found NotDone http_404"),
        ("get_contract", id(), Say::ok(Value::Null), "not_found NotDone null"),
        ("update_contract", with("subject", "x"), Say::ok(Value::Null), "not_found NotDone null"),
        ("get_contract", id(), error(422, "Couldn't find your API key"), "auth NotDone http_422"),
        ("update_contract", with("subject", "x"), error(422, "Contract is locked"), "state NotDone http_422"),
        ("create_contract", create.clone(), error(422, "Subject can't be blank"), "invalid NotDone http_422"),
        ("create_contract", create.clone(), Say::ok(Value::Null), "transient Unknown garbage"),
        ("create_contract", create.clone(), error(500, "oops"), "transient Unknown http_500"),
        ("create_contract", create, Say::Drop, "transient Unknown answer_lost"),
        ("ping_callback", json!({"url": "https://x.example"}), Say::ok(json!(["FAILURE"])), "state NotDone http_200"),
        ("ping_callback", json!({"url": "https://x.example"}), Say::ok(json!([])), "transient Unknown garbage"),
    ] {
        assert_eq!(failed("paperlex", name, input, vec![say]).await, expected, "{name}");
    }
}

#[tokio::test]
async fn what_is_gone_already_is_deleted() {
    for say in [Say::Json(404, json!({"error": "gone"})), Say::ok(Value::Null)] {
        let told = told("paperlex", "delete_signer", with("signer_id", "s"), vec![say]).await;
        assert!(told.contains("succeeded"), "{told}");
    }
}

#[tokio::test]
async fn an_empty_mapping_is_refused_before_anything_is_sent() {
    let (step, server, context) = stage("paperlex", "set_responses", vec![]).await;
    let error = step.execute(&context, &with("responses", json!({}))).await.expect_err("an error");
    assert!(error.message.contains("`responses` is an empty mapping, which a form cannot say"), "{error}");
    assert_eq!(server.lines(), Vec::<String>::new());
}

#[tokio::test]
async fn creates_are_looked_up() {
    let create = json!({"subject": "NDA", "number_of_signers": 2, "body": "text"});
    let item = |id: &str, subject: &str, at: &str| json!({"uuid": id, "subject": subject, "created_at": at});
    let old = item("old", "NDA", "2023-11-14T22:00:00Z");
    let other = item("other", "Pay me", "2023-11-14T22:13:25Z");
    let ours = item(ID, "NDA", "2023-11-14T22:13:25Z");
    let script = vec![Say::ok(json!([old, other, ours])), Say::ok(contract(0, 0))];
    let (found, lines) = looked("paperlex", "create_contract", create.clone(), script).await;
    assert!(found.starts_with("done") && found.contains("\"contract_id\":\"ce883764523af12e\""), "{found}");
    assert_eq!(
        lines,
        [
            "GET /v1/contracts.json?token=key-0123456789 HTTP/1.1",
            "GET /v1/contracts/ce883764523af12e.json?token=key-0123456789 HTTP/1.1",
        ]
    );
    let older = item("older", "NDA", "2023-11-13T22:08:20Z");
    let (found, _) = looked("paperlex", "create_contract", create.clone(), vec![Say::ok(json!([older, other]))]).await;
    assert_eq!(found, "not done");
    let (found, _) = looked("paperlex", "create_contract", create, vec![Say::ok(json!([ours, ours]))]).await;
    assert!(
        found.starts_with("ambiguous") && found.ends_with("among them ce883764523af12e, ce883764523af12e"),
        "{found}"
    );
}

#[tokio::test]
async fn signers_sessions_and_templates_are_looked_up() {
    let email = with("email", "janesmith@example.com");
    let (found, _) = looked("paperlex", "add_signer", email.clone(), vec![Say::ok(json!([]))]).await;
    assert_eq!(found, "not done");
    let (found, lines) =
        looked("paperlex", "add_signer", email, vec![Say::ok(json!([signer()])), Say::ok(signer())]).await;
    assert!(found.starts_with("done"), "{found}");
    assert!(lines[1].contains("/signers/3ab109b11a083b31.json"), "{lines:?}");

    // The session of the documents has long expired; only one that is still open can be the one that was asked for.
    let mut open = session();
    open["expires_at"] = json!("2023-11-15T22:13:20Z");
    let input = with("email", "johnsmith@example.com");
    let script = vec![Say::ok(json!([session(), open])), Say::ok(open.clone())];
    let (found, _) = looked("paperlex", "create_review_session", input.clone(), script).await;
    assert!(found.starts_with("done"), "{found}");
    let (found, _) = looked("paperlex", "create_review_session", input, vec![Say::ok(json!([session()]))]).await;
    assert_eq!(found, "not done");

    let create = json!({"name": "Non-Disclosure Agreement", "body": "text"});
    let (found, _) = looked("paperlex", "create_template", create.clone(), vec![Say::ok(json!([template()]))]).await;
    assert!(found.starts_with("ambiguous"), "{found}");
    let (found, _) = looked("paperlex", "create_template", create, vec![Say::ok(json!([]))]).await;
    assert_eq!(found, "not done");
}

#[tokio::test]
async fn the_wait_ends_when_there_are_as_many_signatures_as_signers() {
    let mut none_needed = contract(0, 0);
    none_needed["number_of_signers"] = json!(0);
    let mut untold = contract(2, 2);
    untold.as_object_mut().expect("an object").remove("signatures");
    for (document, expected) in [
        (contract(0, 0), Some(false)),
        (contract(2, 0), Some(false)),
        (contract(2, 1), Some(false)),
        (contract(2, 2), Some(true)),
        (none_needed, Some(false)),
        (untold, None),
    ] {
        let (step, _server, context) = stage("paperlex", "await_signed", vec![Say::ok(document.clone())]).await;
        let looked = step.check(&context, &id(), Wake::Poll).await;
        match expected {
            Some(ended) => assert_eq!(looked.expect("a look").is_some(), ended, "{document}"),
            None => assert_eq!(looked.expect_err("no status").code, "garbage"),
        }
    }
    let outcomes = step(provider("paperlex").as_ref(), "await_signed").spec().outcomes.clone();
    assert_eq!((outcomes[0].name.as_str(), outcomes[0].kind), ("signed", OutcomeKind::Good));
}

fn receive(headers: &[(&str, &str)], body: &[u8]) -> Result<Vec<IncomingEvent>, WebhookError> {
    receive_with(&connection("paperlex", "http://127.0.0.1:9/v1"), headers, body)
}

fn receive_with(
    connection: &Connection,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Vec<IncomingEvent>, WebhookError> {
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    provider("paperlex")
        .receive(connection, &RawWebhook { headers: &headers, body, received_at: crate::support::STARTED })
}

const FORM: &[u8] = b"type=signature&contract_uuid=ce883764523af12e&signature_uuid=7559ad5cb0d36cf2&\
    signer_uuid=51c442d561291e5b&identity_verification_method=e-mail&identity_verification_value=j%40x.example&\
    created_at=2011-10-05T00%3A47%3A18Z";

#[test]
fn callbacks_are_forms_or_json() {
    let form = receive(&[("content-type", "application/x-www-form-urlencoded")], FORM).expect("read");
    let [event] = form.as_slice() else { panic!("{form:?}") };
    assert_eq!((event.kind.as_str(), event.correlation.as_str()), ("signature", ID));
    assert_eq!(event.data["identity_verification_method"], "email");
    assert_eq!(event.data["identity_verification_value"], "j@x.example");
    let json = json!({"type": "signature", "contract_uuid": ID, "signature_uuid": "7559ad5cb0d36cf2"}).to_string();
    for headers in [vec![], vec![("content-type", "application/json")], vec![("content-type", "text/plain")]] {
        let again = receive(&headers, json.as_bytes()).expect("read");
        assert_eq!(again[0].dedupe, event.dedupe, "the same signature, told in another encoding");
    }
    let updated = receive(&[], b"type=contract.slaw_updated&contract_uuid=ce883764523af12e").expect("read");
    assert_eq!((updated[0].kind.as_str(), updated[0].correlation.as_str()), ("contract.slaw_updated", ID));
    let other = json!({"type": "signature", "contract_uuid": ID, "signature_uuid": "another"}).to_string();
    assert_ne!(receive(&[], other.as_bytes()).expect("read")[0].dedupe, event.dedupe);
    assert_eq!(provider("paperlex").acknowledgement().status, 200);
}

#[test]
fn a_test_of_the_address_is_no_event_and_garbage_is_refused() {
    for body in [b"".as_slice(), b" \n", b"{}", b"ping=1"] {
        assert_eq!(receive(&[], body).expect("a ping"), [], "{body:?}");
    }
    let large = vec![b'a'; 1024 * 1024 + 1];
    for body in [b"type=signature".as_slice(), b"contract_uuid=x", b"<xml/>", b"{", b"\xff=\xfe", &large] {
        assert!(matches!(receive(&[], body), Err(WebhookError::Malformed(_))), "{body:?}");
    }
}

#[test]
fn a_secret_without_a_documented_use_must_say_its_use() {
    let mut with_secret = connection("paperlex", "http://127.0.0.1:9/v1");
    with_secret.webhook.secret = Some("hook-secret".into());
    assert!(matches!(receive_with(&with_secret, &[], FORM), Err(WebhookError::Unverified(_))));
    assert_eq!(provider("paperlex").check_connection(&with_secret).len(), 1);
    with_secret.webhook.header = Some("X-Secret".to_string());
    with_secret.webhook.scheme = Some("plain".to_string());
    assert_eq!(provider("paperlex").check_connection(&with_secret), Vec::<String>::new());
    assert!(receive_with(&with_secret, &[("x-secret", "hook-secret")], FORM).is_ok());
    assert!(matches!(receive_with(&with_secret, &[("x-secret", "other")], FORM), Err(WebhookError::Unverified(_))));
}

#[tokio::test]
async fn files_are_kept_with_what_they_are() {
    let (step, _server, context) =
        stage("paperlex", "render_contract", vec![Say::with(200, "", b"<h1>NDA</h1>")]).await;
    let StepResult::Done(done) = step.execute(&context, &id()).await.expect("done") else { panic!("parked") };
    assert_eq!(done.outputs["file"]["media_type"], "text/html");
    assert_eq!(done.outputs["file"]["name"], "contract.html");
    let sha256 = done.outputs["file"]["sha256"].as_str().expect("a digest");
    assert_eq!(context.files.get(sha256).await.expect("kept"), "<h1>NDA</h1>");
}

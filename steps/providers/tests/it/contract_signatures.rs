//! Contract Signatures: every operation with what the documents show, and what is peculiar to it.

use crate::support::{Say, connection, failed, looked, provider, stage, step};
use engross_step_api::{IncomingEvent, OutcomeKind, RawWebhook, Wake, WebhookError};
use serde_json::{Value, json};

const ID: &str = "15f5b906-1076-4539-a9ac-0be80bdef973";
const SHA3: &str = "a69f73cca23a9ac5c8b567dc185a756e97c982164fe25859e0d1dcc1475c80a615b2123af1f5f94c11e3e9402c3ac558f500199d95b6d3e301758586281dcd26";

/// A contract made of the examples of the documents.
fn contract(status: &str) -> Value {
    json!({
        "id": ID,
        "templateId": "654321",
        "collectionId": "123456",
        "name": "NDA",
        "createdById": "123456:b84aeffd-32e5-4b4b-a012-89bf06cae06e",
        "creationTimestamp": "2022-09-16T13:28:37.4951Z",
        "expirationTimestamp": "2022-09-23T13:28:37.4951Z",
        "sequentialSigning": false,
        "status": status,
        "signers": [{
            "fullName": "Janie Doe",
            "accessKind": "email",
            "email": "janie.doe@hotmail.com",
            "decision": "signed",
            "decisionTimestamp": "2022-09-16T13:36:34.971644Z",
            "decisionIp": "198.51.100.123",
        }],
        "finalizedPdf": {
            "id": "att87654321", "version": 1, "creationTimestamp": "2022-09-16T13:36:34.971644Z", "sha3": SHA3,
        },
    })
}

fn id() -> Value {
    json!({"contract_id": ID})
}

fn create() -> Value {
    json!({
        "template_id": "1234567",
        "name": "NDA",
        "sequential_signing": true,
        "signers": [
            {"full_name": "Richard Roe", "access_kind": "email", "email": "richard.roe@company.com", "phone": "+49 172-9973185"},
            {"full_name": "Jane Doe", "access_kind": "url", "receives_completed_contract": false},
        ],
    })
}

#[tokio::test]
async fn pages_are_read_in_an_order_until_the_total_is_there() {
    let page = |from: usize, to: usize| {
        let items: Vec<Value> = (from..to).map(|n| json!({"id": format!("c{n}"), "name": "NDA"})).collect();
        Say::ok(json!({"totalCount": 120, "contracts": items}))
    };
    let (step, server, context) =
        stage("contract_signatures", "search_contracts", vec![page(0, 100), page(100, 120)]).await;
    let done = step.execute(&context, &json!({"limit": 1000})).await.expect("done");
    let engross_step_api::StepResult::Done(done) = done else { panic!("parked") };
    assert_eq!(done.outputs["contracts"].as_array().map(Vec::len), Some(120));
    assert_eq!(
        server.lines(),
        [
            "GET /webapi/contracts?order=creation-date-asc&page=1&page-size=100 HTTP/1.1",
            "GET /webapi/contracts?order=creation-date-asc&page=2&page-size=100 HTTP/1.1",
        ]
    );
}

#[tokio::test]
async fn a_create_is_looked_up_by_template_name_and_time() {
    let item = |id: &str, name: &str, template: &str, at: &str| json!({"id": id, "name": name, "templateId": template, "creationTimestamp": at});
    let now = "2023-11-14T22:13:25.4951Z";
    let others = [
        item("name", "NDA 2", "1234567", now),
        item("template", "NDA", "7654321", now),
        item("old", "NDA", "1234567", "2023-11-13T22:13:15.122Z"),
    ];
    let page = |items: &[Value]| Say::ok(json!({"totalCount": items.len(), "contracts": items}));
    let name = "contract_signatures";
    let (found, lines) = looked(name, "create_contract", create(), vec![page(&others)]).await;
    assert_eq!(found, "not done");
    let expected = "GET /webapi/contracts?template-id=1234567&placement=any&date-range=2023-11-13~&order=creation-date-asc&page=1&page-size=100 HTTP/1.1";
    assert_eq!(lines, [expected]);
    let (found, _) = looked(name, "create_contract", create(), vec![Say::ok(json!({"totalCount": 0}))]).await;
    assert_eq!(found, "not done");
    let with_ours = [&others[..], &[item(ID, "NDA", "1234567", now)]].concat();
    let script = vec![page(&with_ours), Say::ok(contract("sent"))];
    let (found, _) = looked(name, "create_contract", create(), script).await;
    assert!(found.starts_with("done") && found.contains(ID), "{found}");
    let twice = [item("a", "NDA", "1234567", now), item("b", "NDA", "1234567", now)];
    let (found, _) = looked(name, "create_contract", create(), vec![page(&twice)]).await;
    assert!(found.starts_with("ambiguous") && found.ends_with("among them a, b"), "{found}");
}

#[tokio::test]
async fn errors_have_classes() {
    for (name, input, say, expected) in [
        ("get_contract", id(), Say::with(401, "", b""), "auth NotDone http_401"),
        ("get_contract", id(), Say::with(403, "", b""), "auth NotDone http_403"),
        ("get_contract", id(), Say::with(404, "", b""), "not_found NotDone http_404"),
        ("archive_contract", id(), Say::with(404, "", b""), "not_found NotDone http_404"),
        ("create_contract", create(), Say::with(400, "", b"bad"), "invalid NotDone http_400"),
        ("create_contract", create(), Say::with(500, "", b""), "transient Unknown http_500"),
        // The reply of a create is not documented: one without an id is looked up.
        ("create_contract", create(), Say::with(201, "", b""), "transient Unknown garbage"),
        ("create_contract", create(), Say::with(204, "", b""), "transient Unknown garbage"),
        ("create_contract", create(), Say::Json(201, json!({"ok": true})), "transient Unknown garbage"),
        ("search_contracts", json!({}), Say::ok(json!({"contracts": 5})), "transient NotDone garbage"),
    ] {
        assert_eq!(failed("contract_signatures", name, input, vec![say]).await, expected, "{name}");
    }
}

#[tokio::test]
async fn the_wait_ends_as_the_contract_does() {
    for (status, expected) in [
        ("sent", None),
        ("ongoing", None),
        ("Uncompleted", None),
        ("signed", Some("signed")),
        ("rejected", Some("rejected")),
        ("expired", Some("expired")),
    ] {
        let script = vec![Say::ok(contract(status))];
        let (step, _server, context) = stage("contract_signatures", "await_signed", script).await;
        let ended = step.check(&context, &id(), Wake::Poll).await.expect("a look");
        assert_eq!(ended.as_ref().map(|done| done.outcome.as_str()), expected, "{status}");
        if status == "signed" {
            assert_eq!(ended.expect("an end").outputs["finalized_pdf_sha3"], SHA3);
        }
    }
    let spec = step(provider("contract_signatures").as_ref(), "await_signed").spec().clone();
    let outcomes: Vec<_> = spec.outcomes.iter().map(|o| (o.name.as_str(), o.kind)).collect();
    assert_eq!(
        outcomes[..3],
        [("signed", OutcomeKind::Good), ("rejected", OutcomeKind::Bad), ("expired", OutcomeKind::Bad),]
    );
}

#[test]
fn signers_are_checked_before_a_run_starts() {
    let step = step(provider("contract_signatures").as_ref(), "create_contract");
    let validator = jsonschema::options().should_validate_formats(true).build(&step.spec().input).expect("a schema");
    let signer =
        |signer: Value, count: usize| json!({"template_id": "1", "name": "NDA", "signers": vec![signer; count]});
    let url = json!({"full_name": "A", "access_kind": "url"});
    for (input, expected) in [
        (signer(url.clone(), 1), true),
        (signer(url.clone(), 26), true),
        (signer(url.clone(), 27), false),
        (signer(url, 0), false),
        (signer(json!({"full_name": "A", "access_kind": "email"}), 1), false),
        (signer(json!({"full_name": "A", "access_kind": "email", "email": "a@b.example"}), 1), true),
        (signer(json!({"full_name": "A", "access_kind": "email", "email": "nobody"}), 1), false),
        (signer(json!({"full_name": "A", "access_kind": "url", "phone": "+49 172-9973185"}), 1), true),
        (signer(json!({"full_name": "A", "access_kind": "url", "phone": "0172 9973185"}), 1), false),
        (signer(json!({"access_kind": "url"}), 1), false),
    ] {
        assert_eq!(validator.is_valid(&input), expected, "{input}");
    }
    let search = crate::support::step(provider("contract_signatures").as_ref(), "search_contracts");
    let validator = jsonschema::validator_for(&search.spec().input).expect("a schema");
    assert!(!validator.is_valid(&json!({"order": "random"})), "pages of a random order are no list");
}

fn receive(body: &Value) -> Result<Vec<IncomingEvent>, WebhookError> {
    let connection = connection("contract_signatures", "http://127.0.0.1:9/webapi");
    provider("contract_signatures").receive(
        &connection,
        &RawWebhook { headers: &[], body: body.to_string().as_bytes(), received_at: crate::support::STARTED },
    )
}

#[test]
fn each_event_is_read_and_answered_with_accepted() {
    let event = |kind: &str, uuid: &str| {
        json!({
            "eventUuid": uuid,
            "eventTimestamp": "2022-09-16T13:36:34.971644Z",
            "hostUrl": "https://example.atlassian.net",
            "templateId": "654321",
            "contractId": ID,
            "contractName": "NDA",
            "eventType": kind,
        })
    };
    for kind in ["creation", "signature", "completion"] {
        let read = receive(&event(kind, "e1")).expect("read");
        assert_eq!((read[0].kind.as_str(), read[0].correlation.as_str()), (kind, ID));
        assert_eq!(read, receive(&event(kind, "e1")).expect("a duplicate"));
        assert_ne!(read[0].dedupe, receive(&event(kind, "e2")).expect("another")[0].dedupe);
    }
    let mut nothing = event("signature", "e1");
    nothing.as_object_mut().expect("an object").remove("contractId");
    assert!(matches!(receive(&nothing), Err(WebhookError::Malformed(_))));
    assert_eq!(provider("contract_signatures").acknowledgement().status, 202);
}

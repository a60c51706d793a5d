//! Webhooks: bodies of both generations, order, signature, retries, registration, and the automatic signer.

use std::time::Duration;

use engross_sandbox::{AutoSign, Generation, Options, WebhookTarget};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::bench::{Bench, Receiver, id};

#[tokio::test]
async fn the_automatic_signer_ends_a_contract_and_each_event_arrives_in_order() {
    let mut receiver = Receiver::start(&[]).await;
    let options = Options {
        webhooks: vec![receiver.target(Generation::V3)],
        auto_sign: AutoSign::AfterSend { delay: Duration::from_millis(1) },
        ..Options::default()
    };
    let bench = Bench::with(options).await;
    let body = json!({"templateId": "mutual-nda", "contract": {
        "name": "Auto",
        "fields": [{"uid": "nda-field-legal-name", "value": "Acme Ltd"}],
        "signingSides": [{"uid": "nda-side-counterparty", "signatures": [
            {"uid": "nda-signature-counterparty", "name": "Ada", "email": "ada@acme.example"},
        ]}],
    }});
    let contract = bench.call("POST", "/juro/v3/contracts", body, 200).await["contract"].clone();
    bench.call("PATCH", &format!("/juro/v3/contracts/{}", id(&contract)), json!({"name": "Auto 2"}), 200).await;
    bench.send_nda(id(&contract)).await;
    assert_eq!(receiver.events(3).await, ["contract.created", "contract.edit", "contract.sent_link_to_counterparty"]);
    let signed = receiver.next().await;
    assert_eq!(signed.headers["content-type"], "application/json");
    assert!(!signed.headers.contains_key("x-juro-signature"), "no secret, no signature");
    let updated = bench.get(&format!("/juro/v3/contracts/{}", id(&contract))).await["contract"]["updatedDate"].clone();
    assert_eq!(
        signed.body,
        json!({
            "event": {"type": "contract.signed", "by": {"email": "ada@acme.example", "name": "Ada", "side": "Counterparty"}},
            "contract": {
                "id": id(&contract),
                "name": "Auto 2",
                "status": "fully signed",
                "template": {"id": "mutual-nda", "name": "Mutual NDA"},
                "owner": {"name": "Olive Owner", "username": "olive.owner@sandbox.example"},
                "fields": [
                    {"uid": "nda-field-legal-name", "title": "Counterparty Legal Name", "type": "text", "value": "Acme Ltd", "choices": []},
                    {"uid": "nda-field-email", "title": "Counterparty Email", "type": "text", "value": "", "choices": []},
                    {"uid": "nda-field-term", "title": "Term", "type": "number", "value": "", "choices": []},
                    {"uid": "nda-field-effective-date", "title": "Effective Date", "type": "calendar", "value": "", "choices": []},
                ],
                "internalUrl": bench.url(&format!("/_sandbox/contracts/{}", id(&contract))),
                "state": {"approval": {"approvers": []}},
                "updatedDate": updated,
            },
        })
    );
    assert_eq!(receiver.events(1).await, ["contract.pdf_generated"]);
}

#[tokio::test]
async fn a_v2_target_gets_v2_bodies_signed_with_its_secret() {
    let mut receiver = Receiver::start(&[]).await;
    let secret = "a secret";
    let target = WebhookTarget { secret: Some(secret.to_owned()), ..receiver.target(Generation::V2) };
    let bench = Bench::with(Options { webhooks: vec![target], ..Options::default() }).await;
    let contract = bench.nda("Signed").await;
    let delivery = receiver.next().await;
    assert_eq!(
        delivery.body,
        json!({
            "contract": {"id": id(&contract), "status": "DRAFT"},
            "event": {"createdDate": contract["updatedDate"], "type": "contract.created", "author": "Olive Owner"},
        })
    );
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any key length");
    mac.update(&delivery.raw);
    assert_eq!(delivery.headers["x-juro-signature"], hex::encode(mac.finalize().into_bytes()));
    bench.send_nda(id(&contract)).await;
    assert_eq!(receiver.next().await.body["contract"]["status"], "SENT_FOR_SIGNING");
}

#[tokio::test]
async fn two_signatures_of_one_order_are_two_events_with_two_times() {
    let mut receiver = Receiver::start(&[]).await;
    let bench = Bench::with(Options { webhooks: vec![receiver.target(Generation::V3)], ..Options::default() }).await;
    let body = json!({"templateId": "order-form", "answers": [{"uid": "order-question-customer", "value": "Acme"}]});
    let contract = bench.call("POST", "/juro/v2/contracts", body, 200).await["contract"].clone();
    let request = format!("/juro/v2/contracts/{}/sign/request", id(&contract));
    bench.call("POST", &request, json!({"message": "Please."}), 200).await;
    let sign = format!("/_sandbox/contracts/{}/sign", id(&contract));
    bench.call("POST", &sign, Value::Null, 200).await;
    receiver.events(2).await;
    let (first, second) = (receiver.next().await, receiver.next().await);
    assert_eq!((first.event(), second.event()), ("contract.signed", "contract.signed"));
    assert_eq!(first.body["contract"]["status"], "signed by them");
    assert_eq!(second.body["contract"]["status"], "fully signed");
    assert!(first.body["contract"]["updatedDate"].as_str() < second.body["contract"]["updatedDate"].as_str());
    assert_eq!(receiver.events(1).await, ["contract.pdf_generated"]);
}

#[tokio::test]
async fn approvals_and_deletion_have_their_events() {
    let mut receiver = Receiver::start(&[]).await;
    let bench = Bench::with(Options { webhooks: vec![receiver.target(Generation::V2)], ..Options::default() }).await;
    let contract = bench.nda("Events").await;
    let id = id(&contract);
    let control = format!("/_sandbox/contracts/{id}");
    let two = json!({"approvers": ["a@x.example", "b@x.example"]});
    bench.call("POST", &format!("{control}/request_approval"), two, 200).await;
    bench.call("DELETE", &format!("/juro/v2/contracts/{id}/approval"), Value::Null, 200).await;
    bench
        .call("POST", &format!("{control}/request_approval"), json!({"approvers": ["a@x.example", "b@x.example"]}), 200)
        .await;
    bench.call("POST", &format!("{control}/approve"), json!({"who": "b@x.example"}), 200).await;
    bench.call("POST", &format!("{control}/approve"), Value::Null, 200).await;
    bench.call("POST", &format!("{control}/request_approval"), Value::Null, 200).await;
    bench.call("POST", &format!("{control}/reject"), Value::Null, 200).await;
    bench.call("DELETE", &format!("/juro/v3/contracts/{id}"), Value::Null, 200).await;
    let expected = [
        "contract.created",
        "contract.approval_requested",
        "contract.approval_request_cancelled",
        "contract.approval_requested",
        "contract.approval_in_progress",
        "contract.approval_process_finished",
        "contract.approval_requested",
        "contract.approval_denied",
        "contract.deleted",
    ];
    assert_eq!(receiver.events(expected.len()).await, expected);
}

#[tokio::test]
async fn a_failing_target_is_tried_three_times_and_does_not_hold_up_another() {
    let mut failing = Receiver::start(&[500, 503, 500, 302, 200]).await;
    let mut steady = Receiver::start(&[]).await;
    let webhooks = vec![failing.target(Generation::V3), steady.target(Generation::V3)];
    let bench = Bench::with(Options { webhooks, ..Options::default() }).await;
    let contract = bench.nda("Retry").await;
    bench.send_nda(id(&contract)).await;
    assert_eq!(steady.events(2).await, ["contract.created", "contract.sent_link_to_counterparty"]);
    // Three tries of the first event, then two of the second: a redirect is no acknowledgement.
    assert_eq!(
        failing.events(5).await,
        [
            "contract.created",
            "contract.created",
            "contract.created",
            "contract.sent_link_to_counterparty",
            "contract.sent_link_to_counterparty",
        ]
    );
    // The third event is delivered only after the counts of the second are in.
    bench.call("DELETE", &format!("/juro/v3/contracts/{}", id(&contract)), Value::Null, 200).await;
    assert_eq!(failing.events(1).await, ["contract.deleted"]);
    assert_eq!(steady.events(1).await, ["contract.deleted"]);
    let counters = bench.counters();
    assert_eq!((counters.webhooks_refused, counters.webhooks_failed), (4, 1));
    assert!((3..=5).contains(&counters.webhooks_sent), "{counters:?}");
}

#[tokio::test]
async fn a_webhook_registered_over_v3_gets_the_events_it_asked_for() {
    let mut receiver = Receiver::start(&[]).await;
    let bench = Bench::start().await;
    let registration = |url: &str| {
        json!({
            "teamId": "sandbox-team", "title": "Signed", "url": url, "isEnabled": true,
            "auth": {"secret": "s"}, "events": ["contract.sent_link_to_counterparty", "contract.deleted"],
        })
    };
    let answer = bench.call("POST", "/juro/v3/webhooks", registration(&receiver.url), 200).await;
    assert_eq!(answer["webhook"]["url"], receiver.url);
    let contract = bench.nda("Filtered").await;
    bench.send_nda(id(&contract)).await;
    let first = receiver.next().await;
    assert_eq!(first.event(), "contract.sent_link_to_counterparty", "contract.created was not asked for");
    assert!(first.headers.contains_key("x-juro-signature"));

    bench
        .refused(
            "POST",
            "/juro/v3/webhooks",
            registration("https://example.com/"),
            400,
            "url: the sandbox delivers to http:// only, not to https://example.com/",
        )
        .await;
    let mut wrong = registration(&receiver.url);
    wrong["teamId"] = json!("other");
    wrong["events"] = json!(["contract.fully_signed"]);
    bench
        .refused(
            "POST",
            "/juro/v3/webhooks",
            wrong,
            400,
            "teamId: unknown team other, the sandbox has sandbox-team; events: unknown event contract.fully_signed",
        )
        .await;
    bench.call("GET", "/juro/v3/webhooks", Value::Null, 405).await;
}

//! Webhooks: who sent them, what they say, and which are the same.

use crate::support::{STARTED, connection, provider};
use engross_step_api::{Connection, IncomingEvent, RawWebhook, WebhookError};
use serde_json::{Value, json};

const SECRET: &str = "It's a Secret to Everybody";

fn v3(kind: &str, updated: Option<&str>) -> Vec<u8> {
    let mut body = json!({
        "event": {"type": kind, "by": {"email": "a@acme.example", "name": "Ann", "side": "Counterparty"}},
        "contract": {"id": "c1", "name": "NDA - Acme", "state": {"approval": {"approvers": []}}},
    });
    if let Some(updated) = updated {
        body["contract"]["updatedDate"] = json!(updated);
    }
    body.to_string().into_bytes()
}

fn v2() -> Vec<u8> {
    let body = json!({
        "contract": {"id": "59787a66cb76170c303ab452", "status": "DRAFT"},
        "event": {"createdDate": "2017-07-26T11:29:43.549Z", "type": "contract.edit", "author": "Pichael Mennington"},
    });
    body.to_string().into_bytes()
}

fn receive(
    name: &str,
    connection: &Connection,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<IncomingEvent, WebhookError> {
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let events = provider(name).receive(connection, &RawWebhook { headers: &headers, body, received_at: STARTED })?;
    assert_eq!(events.len(), 1);
    Ok(events.into_iter().next().expect("one event"))
}

fn open(name: &str) -> Connection {
    connection(name, "http://127.0.0.1:9")
}

fn signed(name: &str, scheme: Option<&str>, header: Option<&str>) -> Connection {
    let mut connection = open(name);
    connection.webhook.secret = Some(SECRET.into());
    connection.webhook.scheme = scheme.map(str::to_string);
    connection.webhook.header = header.map(str::to_string);
    connection
}

fn hmac(body: &[u8]) -> Vec<u8> {
    use hmac::{Hmac, KeyInit, Mac};
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).expect("any key");
    mac.update(body);
    mac.finalize().into_bytes().to_vec()
}

#[test]
fn events_of_both_generations_are_read() {
    let event =
        receive("juro", &open("juro"), &[], &v3("contract.signed", Some("2023-11-14T22:13:22Z"))).expect("read");
    assert_eq!((event.kind.as_str(), event.correlation.as_str()), ("contract.signed", "c1"));
    assert_eq!(event.data["event"]["by"]["name"], "Ann");
    assert_eq!(event.dedupe.len(), 64);
    let event = receive("juro_v2", &open("juro_v2"), &[], &v2()).expect("read");
    assert_eq!((event.kind.as_str(), event.correlation.as_str()), ("contract.edit", "59787a66cb76170c303ab452"));
    assert_eq!(provider("juro").acknowledgement().status, 200);
}

#[test]
fn the_same_event_is_the_same_and_another_is_another() {
    let key = |body: &[u8]| receive("juro", &open("juro"), &[], body).expect("read").dedupe;
    let first = v3("contract.signed", Some("2023-11-14T22:13:22Z"));
    let mut again: Value = serde_json::from_slice(&first).expect("JSON");
    again["event"]["by"]["name"] = json!("Ann A.");
    assert_eq!(key(&first), key(again.to_string().as_bytes()), "a redelivery may be rendered differently");
    assert_ne!(key(&first), key(&v3("contract.signed", Some("2023-11-14T22:13:23Z"))));
    assert_ne!(key(&first), key(&v3("contract.edit", Some("2023-11-14T22:13:22Z"))));
    again["contract"]["id"] = json!("c2");
    assert_ne!(key(&first), key(again.to_string().as_bytes()));
    // Without a time, only the same body is the same event.
    let timeless = v3("contract.signed", None);
    let mut other: Value = serde_json::from_slice(&timeless).expect("JSON");
    assert_eq!(key(&timeless), key(&timeless.clone()));
    other["event"]["by"]["name"] = json!("Bob");
    assert_ne!(key(&timeless), key(other.to_string().as_bytes()));
}

#[test]
fn a_secret_must_fit_the_raw_bytes() {
    use base64::Engine;
    let body = v3("contract.signed", None);
    let hex = hex::encode(hmac(&body));
    let base64 = base64::engine::general_purpose::STANDARD.encode(hmac(&body));
    let accepted =
        |connection: &Connection, headers: &[(&str, &str)]| receive("juro", connection, headers, &body).is_ok();
    let by_default = signed("juro", None, None);
    assert!(accepted(&by_default, &[("x-juro-signature", &hex)]));
    assert!(accepted(&by_default, &[("x-juro-signature", "wrong"), ("x-juro-signature", &hex)]));
    assert!(accepted(&signed("juro", Some("hmac_sha256_base64"), None), &[("x-juro-signature", &base64)]));
    assert!(accepted(&signed("juro", Some("plain"), Some("X-Secret")), &[("x-secret", SECRET)]));
    for (connection, headers) in [
        (&by_default, vec![]),
        (&by_default, vec![("x-juro-signature", "")]),
        (&by_default, vec![("x-juro-signature", base64.as_str())]),
        (&by_default, vec![("x-juro-signature", SECRET)]),
        (&by_default, vec![("x-other", hex.as_str())]),
        (&signed("juro", Some("plain"), None), vec![("x-juro-signature", hex.as_str())]),
        (&signed("juro", Some("none"), None), vec![("x-juro-signature", hex.as_str())]),
    ] {
        let refused = receive("juro", connection, &headers, &body);
        assert!(matches!(refused, Err(WebhookError::Unverified(_))), "{headers:?}: {refused:?}");
    }
    // One byte more, even white space, and the signature is another's.
    let mut longer = body.clone();
    longer.push(b' ');
    let refused = receive("juro", &by_default, &[("x-juro-signature", &hex)], &longer);
    assert!(matches!(refused, Err(WebhookError::Unverified(_))));
    let mut empty = signed("juro", Some("plain"), None);
    empty.webhook.secret = Some("".into());
    let refused = receive("juro", &empty, &[("x-juro-signature", "")], &body);
    assert!(matches!(refused, Err(WebhookError::Unverified(_))));
}

#[test]
fn the_sender_is_verified_before_the_body_is_read() {
    let refused = receive("juro", &signed("juro", None, None), &[], b"not JSON");
    assert!(matches!(refused, Err(WebhookError::Unverified(_))), "{refused:?}");
}

#[test]
fn a_body_that_is_not_the_providers_is_refused() {
    let large = vec![b' '; 1024 * 1024 + 1];
    let deep = "[".repeat(100_000);
    for body in [
        b"".as_slice(),
        b"not JSON",
        b"[]",
        b"{\"event\": {\"type\": \"contract.signed\"}}",
        b"{\"event\": {\"type\": \"\"}, \"contract\": {\"id\": \"c1\"}}",
        b"{\"event\": {\"type\": \"x\"}, \"contract\": {\"id\": {}}}",
        &large,
        deep.as_bytes(),
    ] {
        let refused = receive("juro", &open("juro"), &[], body);
        assert!(matches!(refused, Err(WebhookError::Malformed(_))), "{refused:?}");
    }
}

//! Paperlex: the replies of the vendor's documents, their texts shortened.

use super::Vector;
use crate::support::Say;
use serde_json::{Value, json};

const ID: &str = "ce883764523af12e";
const SLAW: &str = "23a15b9e18d09168";
const SIGNER: &str = "3ab109b11a083b31";
const SESSION: &str = "d9df3765905e7695";

/// The contract of the documents; its `locked` stands there without a signature too.
fn contract(signatures: usize) -> Value {
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
        "signers": [{"uuid": "51c442d561291e5b", "email": "jhahn@niveon.com"}],
        "locked": signatures > 0,
        "subject": "NDA",
        "number_of_signers": 2,
        "signatures": vec![signature; signatures],
        "number_of_identity_verifications": 1,
    })
}

fn old_contract() -> Value {
    json!({
        "responses": null, "created_at": "2011-10-04T07:09:01Z", "current_version": false,
        "body": "This Non-Disclosure\tAgreement", "uuid": ID, "updated_at": "2011-10-04T07:09:01Z", "subject": "NDA",
        "number_of_signers": 2, "number_of_identity_verifications": 1,
    })
}

fn list() -> Value {
    json!([
        {"created_at": "2011-10-04T07:09:01Z", "uuid": ID, "updated_at": "2011-10-04T07:09:01Z", "subject": "NDA"},
        {"created_at": "2011-10-04T07:09:01Z", "uuid": "0694fb3b248c8973", "updated_at": "2011-10-04T07:09:01Z", "subject": "Pay me"},
    ])
}

fn versions() -> Value {
    json!([{"version": 1, "event": "update"}, {"version": 2, "event": "update"}, {"version": 3, "event": "update"}])
}

fn session() -> Value {
    json!({
        "expires_at": "2011-10-05T07:10:03Z",
        "uuid": SESSION,
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
        "uuid": SLAW,
        "description": "Non-Disclosure Agreement",
        "response_keys": ["effective_date", "party_a", "party_a_address", "party_b", "party_b_address", "confidential_duration", "state"],
    })
}

fn id() -> Value {
    json!({"contract_id": ID})
}

fn signer() -> Value {
    json!({"uuid": SIGNER, "email": "janesmith@example.com"})
}

/// The input for a contract and one more thing.
fn with(name: &str, value: impl Into<Value>) -> Value {
    json!({"contract_id": ID, name: value.into()})
}

fn one(name: &'static str, input: Value, say: Say) -> Vector {
    Vector::new(name, input, vec![say])
}

fn contracts() -> Vec<Vector> {
    let create = json!({
        "subject": "My First NDA",
        "number_of_signers": 2,
        "responses": {"party_a": "John Smith", "loan_amount": 500},
        "signature_callback_url": "https://example.com/hooks/paperlex/t?a=b",
        "slaw_id": SLAW,
    });
    let update = json!({"contract_id": ID, "subject": "Ünder & Söhne", "signature_callback_url": null});
    let html = Say::with(200, "content-type: text/html; charset=utf-8\r\n", b"<h1>NDA</h1>");
    let since = || json!({"since": "2011-10-01T00:00:00Z"});
    let hydrated = json!({"since": "2011-10-04T07:09:01Z", "hydrate": true});
    vec![
        one("list_contracts", json!({}), Say::ok(list())),
        one("sync_contracts", since(), Say::ok(list())),
        Vector::new("sync_contracts", hydrated, vec![Say::ok(list()), Say::ok(contract(1)), Say::ok(old_contract())]),
        one("get_contract", id(), Say::ok(contract(1))),
        one("render_contract", id(), html),
        one("create_contract", create, Say::Json(201, contract(0))),
        // A change is preceded by a look whether anybody has signed.
        Vector::new("update_contract", update, vec![Say::ok(contract(0)), Say::ok(contract(0))]),
        one("list_versions", id(), Say::ok(versions())),
        one("get_version", with("version", 1), Say::ok(old_contract())),
        one("revert_version", with("version", 1), Say::ok(old_contract())),
        one("list_signatures", id(), Say::ok(contract(1)["signatures"].clone())),
        one("await_signed", id(), Say::ok(contract(2))),
    ]
}

fn responses_and_signers() -> Vec<Vector> {
    let responses = json!({"contract_id": ID, "responses": {"party_a": "John Smith", "party_b": "Jane Smith"}});
    let replied = json!({"party_a": "John Smith", "party_b": "Jane Smith"});
    let told = json!({"party_b": "Jane Smith", "confidential_duration": "1 year", "party_a": "John Smith"});
    let set = json!({"contract_id": ID, "key": "party a/b", "value": "John Smith"});
    let changed = json!({"contract_id": ID, "signer_id": SIGNER, "email": "janesmith@example.com"});
    let both = json!([{"uuid": "51c442d561291e5b", "email": "johnsmith@example.com"}, signer()]);
    let invited = json!({"contract_id": ID, "email": "janesmith@example.com", "expires_in": 3600});
    vec![
        one("list_responses", id(), Say::ok(told)),
        one("get_response", with("key", "party_a"), Say::ok(json!(["John Smith"]))),
        one("set_responses", responses, Say::ok(replied)),
        one("set_response", set, Say::ok(json!(["John Smith"]))),
        one("delete_response", with("key", "party_a"), Say::ok(json!(["John Smith"]))),
        one("list_signers", id(), Say::ok(both)),
        one("get_signer", with("signer_id", SIGNER), Say::ok(signer())),
        one("add_signer", with("email", "janesmith@example.com"), Say::Json(201, signer())),
        one("update_signer", changed, Say::ok(signer())),
        one("delete_signer", with("signer_id", SIGNER), Say::ok(signer())),
        Vector::new("invite_signer", invited, vec![Say::Json(201, signer()), Say::Json(201, session())]),
    ]
}

fn review_sessions() -> Vec<Vector> {
    let create = json!({"contract_id": ID, "email": "johnsmith@example.com", "expires_at": "2011-10-05T07:10:03Z"});
    let prolong = json!({"contract_id": ID, "session_id": SESSION, "expires_in": 86400});
    vec![
        one("list_review_sessions", id(), Say::ok(json!([session()]))),
        one("get_review_session", with("session_id", SESSION), Say::ok(session())),
        one("create_review_session", create, Say::Json(201, session())),
        one("update_review_session", prolong, Say::ok(session())),
        one("delete_review_session", with("session_id", SESSION), Say::ok(session())),
    ]
}

fn templates_and_others() -> Vec<Vector> {
    let id = || json!({"template_id": SLAW});
    let version = || json!({"template_id": SLAW, "version": 3});
    let render = json!({"template_id": SLAW, "responses": {"party_a": "john Smith", "party_b": "Jane Smith"}});
    let html = Say::with(200, "content-type: text/html\r\n", b"<p>john Smith</p>");
    let create = json!({"name": "NDA", "body": "{% n '#' %} 100% & more"});
    let update = json!({"template_id": SLAW, "description": null});
    let listed = json!([{"name": "Non-Disclosure Agreement", "public": true, "uuid": SLAW, "description": "Non-Disclosure Agreement"}]);
    let simple = json!({
        "return_url": "https://example.com/signed?a=1&b=2",
        "slaw_id": SLAW,
        "responses": {"party_a": "John Smith"},
        "email": "johnsmith@example.com",
        "sensor": true,
    });
    vec![
        one("list_templates", json!({}), Say::ok(listed)),
        one("get_template", id(), Say::ok(template())),
        one("render_template", render, html),
        one("create_template", create, Say::Json(201, template())),
        one("update_template", update, Say::with(200, "", b"")),
        one("delete_template", id(), Say::ok(template())),
        one("list_template_versions", id(), Say::ok(versions())),
        one("get_template_version", version(), Say::ok(template())),
        one("revert_template_version", version(), Say::ok(template())),
        one("ping_callback", json!({"url": "https://example.com/hooks/p/t"}), Say::ok(json!(["OK"]))),
        // Nobody is called: what is left is a page for a person's browser.
        Vector::new("simple_signature", simple, vec![]),
    ]
}

pub(super) fn vectors() -> Vec<Vector> {
    [contracts(), responses_and_signers(), review_sessions(), templates_and_others()].into_iter().flatten().collect()
}

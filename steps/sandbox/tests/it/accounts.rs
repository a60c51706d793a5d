//! What a client's account calls its own is taken beside the sandbox's names, and nothing is before it is told.

use engross_sandbox::{DOCJURIS_ACCOUNT_ID, Emulated};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::bench::Bench;

async fn simple_signature(bench: &Bench, token: &str, status: u16) {
    let form = [
        ("public_token", token),
        ("return_url", "http://127.0.0.1:9/done"),
        ("slaw_id", "5d21c0de4a7be901"),
        ("responses[party_b]", "Ann"),
        ("email", "ann@x.example"),
    ];
    let post = bench.client.post(bench.url("/paperlex/v1/simple_signatures.html")).form(&form);
    assert_eq!(post.send().await.expect("an answer").status(), status, "{token}");
}

async fn webhook(bench: &Bench, team: &str, status: u16) {
    let body = json!({
        "teamId": team, "title": "Engross", "url": "http://127.0.0.1:9/", "isEnabled": true, "events": ["contract.signed"],
    });
    bench.call("POST", "/juro/v3/webhooks", body, status).await;
}

async fn upload(bench: &Bench, file: &'static str, name: &'static str, status: u16) -> Value {
    let pdf = Part::bytes(&b"%PDF-1.7 lease"[..]).file_name("lease.pdf");
    let form = Form::new().part(file, pdf).text(name, "Lease");
    let request = bench.request("POST", "/juro/v3/contracts/upload").multipart(form);
    let response = request.send().await.expect("an answer");
    assert_eq!(response.status(), status, "{file} {name}");
    response.json().await.expect("JSON")
}

async fn negotiation(bench: &Bench, part: &'static str, status: u16) {
    let docx = Part::bytes(&b"PK first"[..]).file_name("contract.docx");
    let form = Form::new().text("contractType", "NDA").text(part, "Acme").part("file", docx);
    let request = bench.client.post(bench.url("/docjuris/v1/contracts")).multipart(form);
    let response = request.basic_auth(DOCJURIS_ACCOUNT_ID, Some("sandbox-key")).send().await.expect("an answer");
    assert_eq!(response.status(), status, "{part}");
}

#[tokio::test]
async fn names_of_a_clients_account_are_taken_once_they_are_told() {
    let bench = Bench::start().await;
    simple_signature(&bench, "pk-acme", 422).await;
    webhook(&bench, "team-acme", 400).await;
    upload(&bench, "document", "title", 400).await;
    negotiation(&bench, "party", 400).await;
    for (provider, setting, value) in [
        (Emulated::Paperlex, "public_token", "pk-acme"),
        (Emulated::JuroV3, "team_id", "team-acme"),
        (Emulated::JuroV3, "upload_file_part", "document"),
        (Emulated::JuroV3, "upload_name_part", "title"),
        (Emulated::DocJuris, "counterparty_part", "party"),
    ] {
        bench.sandbox.take_setting(provider, setting, value);
    }
    simple_signature(&bench, "pk-acme", 200).await;
    simple_signature(&bench, "sandbox-public-token", 200).await;
    simple_signature(&bench, "pk-other", 422).await;
    webhook(&bench, "team-acme", 200).await;
    webhook(&bench, "sandbox-team", 200).await;
    assert_eq!(upload(&bench, "document", "title", 200).await["contract"]["name"], "Lease");
    assert_eq!(upload(&bench, "file", "name", 200).await["contract"]["name"], "Lease");
    negotiation(&bench, "party", 200).await;
    negotiation(&bench, "counterParty", 200).await;
}

#[tokio::test]
async fn an_administrator_sets_an_address_where_the_provider_lets_one() {
    let bench = Bench::start().await;
    let check =
        |provider, url: &str| bench.sandbox.administer_webhooks(provider, url).map_err(|refused| refused.status);
    for provider in [Emulated::JuroV2, Emulated::JuroV3, Emulated::ContractSignatures] {
        assert_eq!(check(provider, "http://127.0.0.1:9/hook"), Ok(()), "{provider:?}");
        assert_eq!(check(provider, "nowhere"), Err(400), "{provider:?}");
    }
    for provider in [Emulated::Paperlex, Emulated::DocJuris] {
        assert_eq!(check(provider, "http://127.0.0.1:9/hook"), Err(400), "{provider:?}");
    }
}

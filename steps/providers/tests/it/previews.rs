//! Requests as `engross plan` shows them.

use crate::support::{Say, connection, provider, stage, step};
use engross_step_api::Connection;
use serde_json::{Value, json};
use std::fmt::Write;

fn shown(provider_name: &str, name: &str, connection: Option<&Connection>, input: Value) -> String {
    let step = step(provider(provider_name).as_ref(), name);
    let preview = step.preview(connection, &input).expect("a preview");
    let mut text = format!("{} {}\n", preview.method, preview.url);
    for (name, value) in preview.headers {
        let _ = writeln!(text, "{name}: {value}");
    }
    text + &preview.body.map(|body| format!("\n{body}")).unwrap_or_default()
}

#[test]
fn previews_mask_secrets_and_show_what_is_known_later() {
    let connection = connection("juro", "http://127.0.0.1:4010/juro/v3");
    let create = json!({
        "template_id": "<inputs.template_id>",
        "name": "NDA - <inputs.counterparty.name>",
        "fields": {"Counterparty Legal Name": "<inputs.counterparty.name>", "Term": 24},
        "signing_sides": [{"side": "Counterparty", "signatures": [{"email": "a@acme.example"}]}],
    });
    insta::assert_snapshot!(shown("juro", "create_contract", Some(&connection), create));
    let send = json!({"contract_id": "<steps.create.outputs.contract_id>", "message": "Please sign our NDA."});
    insta::assert_snapshot!(shown("juro", "send_for_signing", Some(&connection), send));
    let send = json!({"contract_id": "a/b <x>", "message": "m", "signing_side": "<inputs.side>", "signer": "g2"});
    insta::assert_snapshot!(shown("juro", "send_to_signer", None, send));
}

#[test]
fn previews_work_without_a_connection_and_for_awaits() {
    let id = json!({"contract_id": "<steps.create.outputs.contract_id>"});
    insta::assert_snapshot!(shown("juro", "await_fully_signed", None, id.clone()));
    insta::assert_snapshot!(shown("juro_v2", "download_pdf", None, id));
    let list = json!({"template_id": "t1", "updated_since": "<run.started_at>"});
    insta::assert_snapshot!(shown("juro", "list_contracts", None, list));
    let fields = json!({"contract_id": "c1", "fields": "<steps.form.outputs.values>"});
    insta::assert_snapshot!(shown("juro", "update_contract", None, fields));
}

#[test]
fn forms_and_uploads_are_shown_as_they_are_sent() {
    let create = json!({
        "subject": "NDA - <inputs.counterparty.name>",
        "number_of_signers": 2,
        "responses": {"party_a": "A & B", "party_b": "<inputs.counterparty.name>"},
        "slaw_id": "23a15b9e18d09168",
    });
    let connection = connection("paperlex", "http://127.0.0.1:4010/paperlex/v1");
    insta::assert_snapshot!(shown("paperlex", "create_contract", Some(&connection), create));
    insta::assert_snapshot!(shown("paperlex", "get_contract", Some(&connection), json!({"contract_id": "c1"})));
    let file = json!({"sha256": "00", "size": 7, "media_type": "application/pdf", "name": "NDA.pdf"});
    let turn = json!({"contract_id": "c1", "source": "<inputs.source>", "file": file, "document_password": "hello"});
    insta::assert_snapshot!(shown("docjuris", "add_turn", None, turn));
    let later = json!({"file": "<steps.draft.outputs.file>"});
    insta::assert_snapshot!(shown("docjuris", "create_import", None, later));
    let sign =
        json!({"return_url": "https://e.example", "slaw_id": "s", "responses": {"a": "b"}, "email": "a@e.example"});
    insta::assert_snapshot!(shown("paperlex", "simple_signature", None, sign));
}

#[tokio::test]
async fn what_is_shown_is_what_is_sent() {
    let input = json!({"contract_id": "c/1", "message": "Grüße \"&\" <b>"});
    let (step, server, context) = stage("juro_v2", "send_for_signing", vec![Say::ok(json!({"message": "ok"}))]).await;
    step.execute(&context, &input).await.expect("done");
    let preview = step.preview(context.connection.as_deref(), &input).expect("a preview");
    let request = server.requests().remove(0);
    let path = preview.url.split_once("/v2").map(|(_, path)| format!("POST /v2{path} HTTP/1.1"));
    assert_eq!(request.lines().next(), path.as_deref());
    let sent: Value = serde_json::from_str(request.lines().last().unwrap_or_default()).expect("JSON");
    let shown: Value = serde_json::from_str(&preview.body.unwrap_or_default()).expect("JSON");
    assert_eq!(sent, shown);
}

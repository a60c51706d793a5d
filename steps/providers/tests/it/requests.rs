//! Every operation's request as it is on the wire, and what its documented answer becomes.

use crate::support::{
    Memory, Say, Server, base, connection, context_with, contract, provider, stage, step, template, told, told_with,
};
use engross_step_api::{Files, Setting, StepResult};
use serde_json::{Value, json};
use std::sync::Arc;

const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAGYAAAAdCAIAAADXWI43AAAAAElFTkSuQmCC";

async fn check(provider: &str, name: &str, input: Value, script: Vec<Say>) {
    let told = told(provider, name, input, script).await;
    insta::assert_snapshot!(format!("{provider}__{name}"), told);
}

fn message_ok() -> Say {
    Say::ok(json!({"message": "ok"}))
}

/// The example of the v2 documents, shortened in its lists.
fn contract_v2() -> Value {
    json!({"contract": {
        "id": "5b32a2dfbd38141b280b1f8e",
        "contractPreviewUrl": "http://localhost:3000/pdf/934d9046b549a8b2ce7da630dcb2424a",
        "contractUserUrl": "http://localhost:3000/sign/5b32a2dfbd38141b280b1f8e",
        "createdDate": "2018-06-26T20:32:31.426Z",
        "pdfDownloadUrl": null,
        "state": {"isSigned": {"owner": "not_signed", "counterparty": "not_signed"}},
        "status": "draft",
        "statusFormatted": "Draft",
        "updatedDate": "2018-06-26T20:32:32.494Z",
        "fields": [{"uid": "1530036548211_2cc498d4c72e442a81d0caeb709bbec3", "value": "Pichael Mennington"}],
        "blocks": [],
    }})
}

fn template_v2() -> Value {
    json!({"template": {
        "id": "5b328144e5cd2a0958b488a8",
        "name": "api documentation",
        "fields": [
            {"uid": "1530036548211_2cc498d4c72e442a81d0caeb709bbec3", "type": "text", "title": "Counterparty Legal Name"},
        ],
        "questions": [{
            "uid": "1530036548214_4e68c738a2dd45e984655bfc8f90cf88",
            "fieldUid": "1530036548211_2cc498d4c72e442a81d0caeb709bbec3",
            "isRequired": true,
            "title": "What is the legal name of the other party?",
        }],
    }})
}

#[tokio::test]
async fn v3_reads() {
    check("juro", "health", json!({}), vec![message_ok()]).await;
    check("juro", "get_template", json!({"template_id": "t/1 ü"}), vec![Say::ok(template())]).await;
    check("juro", "get_contract", json!({"contract_id": "c1"}), vec![Say::ok(contract("c1", "FULLY_signed"))]).await;
    let templates = json!({"templates": [{"id": "t1", "name": "NDA"}]});
    check("juro", "list_templates", json!({}), vec![Say::ok(templates)]).await;
    let page = json!({"total": 1, "contracts": [{"id": "c1", "name": "NDA"}]});
    let input = json!({
        "template_id": "t1",
        "team_ids": ["a", "b"],
        "updated_since": "2023-11-14T22:13:20Z",
        "updated_before": 1_700_000_001,
    });
    check("juro", "list_contracts", input, vec![Say::ok(page)]).await;
}

#[tokio::test]
async fn v3_create_contract() {
    let input = json!({
        "template_id": "t1",
        "name": " NDA - Acme ",
        "fields": {"Counterparty Legal Name": "Acme", "f2": 24},
        "answers": {"What is the legal name of the other party?": "Acme"},
        "signing_sides": [{"side": "Counterparty", "name": "Acme Ltd", "signatures": [{"email": "a@acme.example"}]}],
        "owner": {"username": "olive@example.com"},
    });
    let script = vec![Say::ok(template()), Say::Json(201, contract("c1", "draft"))];
    check("juro", "create_contract", input, script).await;
}

#[tokio::test]
async fn v3_changes() {
    let id = json!({"contract_id": "c1"});
    let fields = json!({"contract_id": "c1", "fields": {"Counterparty Legal Name": "Acme", "Term": 24}});
    let script = vec![Say::ok(contract("c1", "draft")), Say::ok(contract("c1", "draft"))];
    check("juro", "update_contract", fields, script).await;
    check("juro", "delete_contract", id, vec![Say::with(204, "", b"")]).await;
    check("juro", "sign", json!({"contract_id": "c1", "signature_base64": PNG}), vec![message_ok()]).await;
    let send = json!({"contract_id": "c1", "message": "Please sign our NDA."});
    check("juro", "send_for_signing", send.clone(), vec![Say::ok(contract("c1", "approved")), message_ok()]).await;
    check("juro", "send_to_signer", send, vec![Say::ok(contract("c1", "approved")), message_ok()]).await;
    let webhook = json!({
        "team_id": "team",
        "title": "Engross",
        "url": "https://example.com/hooks/juro/token",
        "events": ["contract.signed"],
    });
    check("juro", "create_webhook", webhook, vec![Say::with(201, "", b"")]).await;
}

#[tokio::test]
async fn v3_upload() {
    let files = Arc::new(Memory::default());
    let kept = files.put("%PDF-1.7".into(), "application/pdf", Some("NDA.pdf")).await.expect("kept");
    let input = json!({
        "file": serde_json::to_value(kept).expect("JSON"),
        "name": " NDA - Acme ",
        "template_id": "t1",
        "status": "fully signed",
        "owner": "olive@example.com",
    });
    let script = vec![Say::Json(201, contract("c1", "fully signed"))];
    let told = told_with("juro", "upload_contract", input.clone(), script, Arc::clone(&files)).await;
    insta::assert_snapshot!("juro__upload_contract", told.replace('\r', ""));

    let server = Server::start(vec![Say::ok(contract("c1", "uploaded"))]).await;
    let mut connection = connection("juro", &base("juro", &server));
    connection.settings.insert("upload_file_part".to_string(), Setting::Plain("document".to_string()));
    let step = step(provider("juro").as_ref(), "upload_contract");
    step.execute(&context_with(connection, files), &input).await.expect("done");
    let sent = server.requests().remove(0);
    assert!(sent.contains("name=\"document\"; filename=\"NDA.pdf\""), "{sent}");
}

#[tokio::test]
async fn v2_reads() {
    check("juro_v2", "health", json!({}), vec![message_ok()]).await;
    let templates = json!({"templates": [{"id": "5b30f658715eac2b48fff80b", "name": "api documentation"}]});
    check("juro_v2", "list_templates", json!({}), vec![Say::ok(templates)]).await;
    let input = json!({"template_id": "5b328144e5cd2a0958b488a8"});
    check("juro_v2", "get_template", input, vec![Say::ok(template_v2())]).await;
    let input = json!({"contract_id": "5b32a2dfbd38141b280b1f8e"});
    check("juro_v2", "get_contract", input, vec![Say::ok(contract_v2())]).await;
}

#[tokio::test]
async fn v2_create_contract() {
    let input = json!({
        "template_id": "5b328144e5cd2a0958b488a8",
        "answers": {"1530036548214_4e68c738a2dd45e984655bfc8f90cf88": "Pichael Mennington"},
    });
    check("juro_v2", "create_contract", input, vec![Say::ok(template_v2()), Say::ok(contract_v2())]).await;
}

#[tokio::test]
async fn v2_changes() {
    let id = "5b32a2dfbd38141b280b1f8e";
    let input = json!({
        "contract_id": id,
        "template_id": "5b328144e5cd2a0958b488a8",
        "fields": {"Counterparty Legal Name": "Pichael Mennington"},
        "blocks": [{"uid": "b1", "type": "table", "rows": [[{"value": "1st header"}, {"value": "2nd header"}]]}],
    });
    check("juro_v2", "update_contract", input, vec![Say::ok(template_v2()), Say::ok(contract_v2())]).await;
    check("juro_v2", "delete_contract", json!({"contract_id": id}), vec![message_ok()]).await;
    check("juro_v2", "sign", json!({"contract_id": id, "signature_base64": PNG}), vec![message_ok()]).await;
    let input = json!({"contract_id": id, "message": "We have best contracts, you should sign them!"});
    check("juro_v2", "send_for_signing", input, vec![message_ok()]).await;
    let input = json!({
        "contract_id": id,
        "message": "We have best contracts, you should approve them!",
        "approvers": [{"username": "lena"}, {"email": "omar@legal.example"}],
    });
    check("juro_v2", "request_approval", input, vec![message_ok()]).await;
    check("juro_v2", "cancel_approval", json!({"contract_id": id}), vec![message_ok()]).await;
}

#[tokio::test]
async fn v2_fields_of_a_contract_have_uids_only() {
    let uid = "1530036548211_2cc498d4c72e442a81d0caeb709bbec3";
    let input = json!({"contract_id": "c1", "fields": {uid: "x"}});
    let (step, server, context) =
        stage("juro_v2", "update_contract", vec![Say::ok(contract_v2()), Say::ok(contract_v2())]).await;
    step.execute(&context, &input).await.expect("done");
    assert_eq!(server.lines(), ["GET /v2/contracts/c1 HTTP/1.1", "PATCH /v2/contracts/c1 HTTP/1.1"]);
}

#[tokio::test]
async fn pdfs_are_kept_and_only_named_in_the_outputs() {
    for name in ["juro", "juro_v2"] {
        let pdf = b"%PDF-1.7\nbody\n%%EOF";
        let header = "content-disposition: attachment; filename=\"A + B contract.pdf\"\r\n";
        let script = vec![Say::with(200, header, pdf)];
        check(name, "download_pdf", json!({"contract_id": "c1"}), script.clone()).await;

        let server = crate::support::Server::start(script).await;
        let files = Arc::new(Memory::default());
        let context = context_with(connection(name, &base(name, &server)), Arc::clone(&files));
        let download = step(provider(name).as_ref(), "download_pdf");
        let result = download.execute(&context, &json!({"contract_id": "c1"})).await.expect("done");
        let StepResult::Done(done) = result else { panic!("{result:?}") };
        let sha256 = done.outputs["file"]["sha256"].as_str().expect("a digest").to_string();
        assert_eq!(files.0.lock().expect("no poison")[&sha256].as_ref(), pdf);
    }
}

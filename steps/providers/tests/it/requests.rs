//! What is peculiar to the requests of Juro; each operation as it is on the wire is among the vectors.

use crate::support::{Memory, Say, Server, base, connection, context_with, contract, provider, stage, step};
use engross_step_api::{Files, Setting, StepResult};
use serde_json::json;
use std::sync::Arc;

#[tokio::test]
async fn the_parts_of_an_upload_can_be_called_otherwise() {
    let files = Arc::new(Memory::default());
    let kept = files.put("%PDF-1.7".into(), "application/pdf", Some("NDA.pdf")).await.expect("kept");
    let input = json!({
        "file": serde_json::to_value(kept).expect("JSON"),
        "name": "NDA - Acme",
        "template_id": "t1",
        "status": "uploaded",
        "owner": "olive@example.com",
    });
    let server = Server::start(vec![Say::ok(contract("c1", "uploaded"))]).await;
    let mut connection = connection("juro", &base("juro", &server));
    let parts =
        [("file", "document"), ("name", "title"), ("template", "template"), ("status", "state"), ("owner", "by")];
    for (part, name) in parts {
        connection.settings.insert(format!("upload_{part}_part"), Setting::Plain(name.to_string()));
    }
    let step = step(provider("juro").as_ref(), "upload_contract");
    step.execute(&context_with(connection, files), &input).await.expect("done");
    let sent = server.requests().remove(0);
    for (_, name) in parts {
        assert!(sent.contains(&format!("form-data; name=\"{name}\"")), "{name}: {sent}");
    }
    assert!(sent.contains("name=\"document\"; filename=\"NDA.pdf\""), "{sent}");
}

#[tokio::test]
async fn v2_fields_of_a_contract_have_uids_only() {
    let uid = "1530036548211_2cc498d4c72e442a81d0caeb709bbec3";
    let told = || json!({"contract": {"id": "c1", "fields": [{"uid": uid, "value": "Pichael Mennington"}]}});
    let input = json!({"contract_id": "c1", "fields": {uid: "x"}});
    let (step, server, context) = stage("juro_v2", "update_contract", vec![Say::ok(told()), Say::ok(told())]).await;
    step.execute(&context, &input).await.expect("done");
    assert_eq!(server.lines(), ["GET /v2/contracts/c1 HTTP/1.1", "PATCH /v2/contracts/c1 HTTP/1.1"]);
}

#[tokio::test]
async fn pdfs_are_kept_and_only_named_in_the_outputs() {
    for name in ["juro", "juro_v2"] {
        let pdf = b"%PDF-1.7\nbody\n%%EOF";
        let header = "content-disposition: attachment; filename=\"A + B contract.pdf\"\r\n";
        let script = vec![Say::with(200, header, pdf)];
        let server = Server::start(script).await;
        let files = Arc::new(Memory::default());
        let context = context_with(connection(name, &base(name, &server)), Arc::clone(&files));
        let download = step(provider(name).as_ref(), "download_pdf");
        let result = download.execute(&context, &json!({"contract_id": "c1"})).await.expect("done");
        let StepResult::Done(done) = result else { panic!("{result:?}") };
        let sha256 = done.outputs["file"]["sha256"].as_str().expect("a digest").to_string();
        assert_eq!(files.0.lock().expect("no poison")[&sha256].as_ref(), pdf);
    }
}

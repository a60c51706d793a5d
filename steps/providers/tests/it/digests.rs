//! A signed PDF is the one that was signed: from the signature in the stand-in of Contract Signatures, which tells the digests, to a
//! download by another provider's manifest, which compares them.

use crate::support::{Memory, Say, Server, check_input, connection, context_with, install_crypto, provider, step};
use engross_providers::from_yaml;
use engross_sandbox::{Options, Sandbox, Who};
use engross_step_api::{Connection, EffectState, Setting, StepContext, StepError, StepResult, Wake};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

const JIRA: &str = include_str!("fifth/jira.yaml");

/// The outputs of an operation, which does not wait.
fn done(result: StepResult) -> Value {
    let outputs = if let StepResult::Done(done) = result { Some(done.outputs) } else { None };
    outputs.expect("an operation does not wait")
}

/// A signed contract: what the wait leaves, and the bytes of its PDF and of its certificate as they are where they are kept.
async fn signed() -> (Value, Vec<u8>, Vec<u8>) {
    install_crypto();
    let sandbox = Sandbox::start(Options::default()).await.expect("a sandbox");
    let mut connection =
        connection("contract_signatures", &format!("http://{}/contract_signatures/webapi", sandbox.addr()));
    connection.settings.insert("api_key".to_string(), Setting::Secret("sandbox-key".into()));
    let context = context_with(connection, Arc::new(Memory::default()));
    let provider = provider("contract_signatures");
    let create = json!({"template_id": "1234567", "name": "NDA",
        "signers": [{"full_name": "Jane Doe", "access_kind": "email", "email": "jane@company.com"}]});
    let made = done(step(provider.as_ref(), "create_contract").execute(&context, &create).await.expect("made"));
    let of = json!({"contract_id": made["contract_id"]});
    sandbox.sign(of["contract_id"].as_str().expect("an id"), Who::Outstanding).expect("signed");
    let ended = step(provider.as_ref(), "await_signed").check(&context, &of, Wake::Poll).await.expect("a look");
    let outputs = ended.expect("an end").outputs;
    let read = done(step(provider.as_ref(), "get_contract").execute(&context, &of).await.expect("read"));
    let mut bytes = Vec::new();
    for name in ["finalized_pdf", "certificate_pdf"] {
        let digest = format!("{name}_sha3");
        assert_eq!(outputs[&digest], outputs[name]["sha3"]);
        assert_eq!(read[&digest], outputs[name]["sha3"]);
        let id = outputs[name]["id"].as_str().expect("an id");
        let url = format!("http://{}/_sandbox/contract_signatures/attachments/{id}", sandbox.addr());
        let answer = reqwest::get(url).await.expect("an answer");
        bytes.push(answer.bytes().await.expect("a file").to_vec());
    }
    let certificate = bytes.pop().expect("a certificate");
    (outputs, bytes.pop().expect("a PDF"), certificate)
}

async fn downloaded(input: &Value, bytes: &[u8]) -> (Result<Value, StepError>, Vec<String>, usize) {
    let server = Server::start(vec![Say::with(200, "content-type: application/octet-stream\r\n", bytes)]).await;
    let jira = from_yaml("providers/jira.yaml", JIRA).map_err(|found| format!("{found:?}")).expect("a good manifest");
    let settings = BTreeMap::from([
        ("email".to_string(), Setting::Plain("ann@company.com".to_string())),
        ("api_token".to_string(), Setting::Secret("token-0123456789".into())),
    ]);
    let connection = Connection { settings, ..connection("jira", &format!("http://{}", server.address)) };
    assert_eq!(jira.check_connection(&connection), Vec::<String>::new());
    let files = Arc::new(Memory::default());
    let context: StepContext = context_with(connection, Arc::clone(&files));
    let download = step(jira.as_ref(), "download_attachment");
    check_input(download.as_ref(), input);
    let result = download.execute(&context, input).await.map(done);
    let kept = files.0.lock().expect("no poison").len();
    (result, server.lines(), kept)
}

#[tokio::test]
async fn only_the_file_that_was_signed_is_kept() {
    let (outputs, pdf, certificate) = signed().await;
    let input = |name: &str| json!({"attachment_id": outputs[name]["id"], "sha3_512": outputs[format!("{name}_sha3")]});
    let (result, lines, kept) = downloaded(&input("finalized_pdf"), &pdf).await;
    let file = result.expect("the PDF")["file"].clone();
    assert_eq!((file["size"].as_u64(), &file["media_type"]), (Some(pdf.len() as u64), &json!("application/pdf")));
    let id = outputs["finalized_pdf"]["id"].as_str().expect("an id");
    assert_eq!((lines, kept), (vec![format!("GET /rest/api/3/attachment/content/{id}?redirect=false HTTP/1.1")], 1));
    assert!(downloaded(&input("certificate_pdf"), &certificate).await.0.is_ok());

    // The other file of the same contract, and the right one with a byte more.
    for wrong in [certificate, [pdf.as_slice(), b"\n"].concat()] {
        let (result, _, kept) = downloaded(&input("finalized_pdf"), &wrong).await;
        let error = result.expect_err("another file");
        assert!(error.message.contains("the file is another one: its digest is"), "{error}");
        assert_eq!((error.effect, kept), (EffectState::NotDone, 0), "nothing is kept");
    }
}

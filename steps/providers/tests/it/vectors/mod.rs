//! Each operation as vectors: what a workflow gives, each request as it is on the wire, each reply, and what is left in the end.
//! The replies are the documents' own where these have samples. No operation of a built-in manifest is without one.

mod contract_signatures;
mod docjuris;
mod juro;
mod juro_v2;
mod paperlex;

use crate::support::{Memory, STARTED, Say, Server, base, check_input, connection, context_with, provider, step};
use engross_providers::builtin;
use engross_step_api::{Completion, Files, StepKind, StepResult, Wake};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

/// One way in which an operation is used.
struct Vector {
    name: &'static str,
    input: Value,
    script: Vec<Say>,
}

impl Vector {
    fn new(name: &'static str, input: Value, script: Vec<Say>) -> Self {
        Self { name, input, script }
    }
}

/// The documents that the vectors may send, as inputs name them.
const DOCX: &[u8] = b"PK the contract";
const PDF: &[u8] = b"%PDF-1.7\nthe contract\n%%EOF";

fn named(content: &[u8], media_type: &str, name: &str) -> Value {
    use sha2::{Digest, Sha256};
    let sha256 = hex::encode(Sha256::digest(content));
    json!({"sha256": sha256, "size": content.len(), "media_type": media_type, "name": name})
}

fn docx() -> Value {
    named(DOCX, "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "NDA \"v1\" Ü.docx")
}

fn pdf() -> Value {
    named(PDF, "application/pdf", "NDA.pdf")
}

/// All vectors by their providers.
fn all() -> BTreeMap<&'static str, Vec<Vector>> {
    BTreeMap::from([
        ("contract_signatures", contract_signatures::vectors()),
        ("docjuris", docjuris::vectors()),
        ("juro", juro::vectors()),
        ("juro_v2", juro_v2::vectors()),
        ("paperlex", paperlex::vectors()),
    ])
}

fn reply(say: &Say) -> String {
    match say {
        Say::Json(status, document) => format!("{status} {document:#}"),
        Say::Raw(bytes) => String::from_utf8_lossy(bytes).replace('\r', "").trim_end().to_string(),
        Say::Drop | Say::Hang => "nothing".to_string(),
    }
}

/// Everything about a vector as text.
async fn told(provider_name: &str, vector: Vector) -> String {
    let Vector { name, input, script } = vector;
    let server = Server::start(script.clone()).await;
    let files = Arc::new(Memory::default());
    for content in [DOCX, PDF] {
        files.put(content.into(), "application/octet-stream", None).await.expect("kept");
    }
    let context = context_with(connection(provider_name, &base(provider_name, &server)), Arc::clone(&files));
    let step = step(provider(provider_name).as_ref(), name);
    check_input(step.as_ref(), &input);
    let done: Completion = if step.spec().kind == StepKind::Wait {
        step.check(&context, &input, Wake::Poll).await.expect("a look").expect("an end")
    } else {
        let result =
            step.execute(&context, &input).await.map_err(|error| format!("{name}: {error}")).expect("a good answer");
        let done = if let StepResult::Done(done) = result { Some(done) } else { None };
        done.expect("an operation does not wait")
    };
    let requests = server.requests();
    assert_eq!(requests.len(), script.len(), "{name}: every reply of a vector is asked for");
    let mut text = format!("with: {input:#}\n");
    for (request, say) in requests.iter().zip(&script) {
        let _ = write!(text, "\n>>> {}\n<<< {}\n", request.replace('\r', ""), reply(say));
    }
    let mut outputs = done.outputs;
    if script.is_empty() {
        // The page for a browser holds the address of this test's server, so that it is shown itself and not its digest.
        let page = files.get(outputs["file"]["sha256"].as_str().expect("a file")).await.expect("a page");
        let _ = write!(text, "\n{}", String::from_utf8_lossy(&page).replace(&server.address, "HOST"));
        outputs["file"]["sha256"] = json!("of the page");
        outputs["file"]["size"] = json!("of the page");
    }
    let _ = write!(text, "\n{}: {outputs:#}", done.outcome);
    text
}

async fn check(provider_name: &'static str) {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for vector in all().remove(provider_name).unwrap_or_default() {
        let name = vector.name;
        let count = seen.entry(name).or_default();
        *count += 1;
        let suffix = if *count > 1 { format!("-{count}") } else { String::new() };
        let told = told(provider_name, vector).await;
        insta::assert_snapshot!(format!("{provider_name}__{name}{suffix}"), told);
    }
}

#[tokio::test]
async fn vectors_of_contract_signatures() {
    check("contract_signatures").await;
}

#[tokio::test]
async fn vectors_of_docjuris() {
    check("docjuris").await;
}

#[tokio::test]
async fn vectors_of_juro() {
    check("juro").await;
}

#[tokio::test]
async fn vectors_of_juro_v2() {
    check("juro_v2").await;
}

#[tokio::test]
async fn vectors_of_paperlex() {
    check("paperlex").await;
}

#[test]
fn every_operation_has_a_vector() {
    let all = all();
    let mut missing = Vec::new();
    for provider in builtin() {
        let known = all.get(provider.name()).map(Vec::as_slice).unwrap_or_default();
        for step in provider.steps() {
            let uses = step.spec().uses.clone();
            let has_one = known.iter().any(|vector| uses == format!("{}/{}", provider.name(), vector.name));
            missing.extend((!has_one).then_some(uses));
        }
    }
    assert_eq!(missing, Vec::<String>::new(), "each operation and wait needs a vector of its provider's documents");
}

/// A minute after the start of the runs of these tests.
fn soon() -> String {
    engross_step_api::Timestamp::from_millis(STARTED.as_millis() + 60_000).to_string()
}

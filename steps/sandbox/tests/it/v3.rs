//! Juro v3: the documented lifecycle, every refusal, paging and filters.

use engross_sandbox::{Generation, Options, Who};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::bench::{Bench, PNG, Receiver, id, masked};

const SIDE: &str = "nda-side-counterparty";

#[tokio::test]
async fn an_nda_goes_from_draft_to_fully_signed() {
    let bench = Bench::start().await;
    let contract = bench.nda("NDA - Acme").await;
    let id = id(&contract);
    assert_eq!((&contract["name"], &contract["status"]), (&json!("NDA - Acme"), &json!("draft")));

    let fields = json!({"fields": [{"uid": "nda-field-legal-name", "value": "Acme Ltd"}, {"uid": "nda-field-term", "value": "24"}]});
    let updated = bench.call("PATCH", &format!("/juro/v3/contracts/{id}"), fields, 200).await;
    let values: Vec<&Value> =
        updated["contract"]["fields"].as_array().expect("fields").iter().map(|field| &field["value"]).collect();
    assert_eq!(values, ["Acme Ltd", "", "24", ""]);
    assert!(updated["contract"]["updatedDate"].as_str() > contract["updatedDate"].as_str());

    bench.send_nda(id).await;
    assert_eq!(bench.status(id).await, "sent for signing");
    assert_eq!(bench.sandbox.sign(id, Who::Outstanding), Ok(1));
    assert_eq!(bench.status(id).await, "fully signed");

    let pdf = bench.raw("GET", &format!("/juro/v3/contracts/{id}/pdf/binary")).await;
    assert_eq!(pdf.headers()["content-type"], "application/pdf");
    assert_eq!(pdf.headers()["content-disposition"], "attachment; filename=\"NDA - Acme.pdf\"");
    assert!(pdf.bytes().await.expect("a body").starts_with(b"%PDF-"));

    let counters = bench.counters();
    assert_eq!((counters.contracts_created, counters.updates, counters.signing_requests), (1, 1, 1));
    assert_eq!((counters.signatures, counters.pdf_downloads, counters.rejected), (1, 1, 0));
    assert_eq!(counters.requests, 6);
}

#[tokio::test]
async fn the_contract_has_the_documented_shape() {
    let bench = Bench::start().await;
    let mut contract = bench.nda("Shape").await;
    let origin = bench.url("");
    for pointer in ["/id", "/createdDate", "/updatedDate"] {
        *contract.pointer_mut(pointer).expect("a text") = json!("[varies]");
    }
    let text = serde_json::to_string_pretty(&contract).expect("JSON").replace(&origin, "[origin]");
    insta::assert_snapshot!(masked(&text));
}

#[tokio::test]
async fn templates_are_listed_and_read() {
    let bench = Bench::start().await;
    let names = |list: Value| -> Vec<String> {
        list["templates"].as_array().expect("templates").iter().map(|template| template["id"].to_string()).collect()
    };
    assert_eq!(names(bench.get("/juro/v3/templates").await), ["\"mutual-nda\"", "\"order-form\""]);
    assert_eq!(names(bench.get("/juro/v3/templates?skip=1&limit=1").await), ["\"order-form\""]);
    let template = bench.get("/juro/v3/templates/order-form").await["template"].clone();
    assert_eq!(template["fields"][1]["choices"], json!(["Monthly", "Yearly"]));
    assert_eq!(template["questions"][0]["signingSideUids"], json!(["order-side-us"]));
    assert_eq!(template["signingSides"][1]["signatures"][1], json!({"uid": "order-signature-finance"}));
    bench.refused("GET", "/juro/v3/templates/none", Value::Null, 404, "Template not found: none").await;
}

#[tokio::test]
async fn a_bad_create_names_everything_that_is_wrong() {
    let bench = Bench::start().await;
    let check = async |body: Value, message: &str| {
        bench.refused("POST", "/juro/v3/contracts", body, 400, message).await;
    };
    check(json!({"templateId": "mutual-nda"}), "bad request body: missing field `contract` at line 1 column 27").await;
    check(
        json!({"templateId": "order-form", "contract": {
            "name": " ",
            "answers": [{"uid": "nobody", "value": "x"}],
            "fields": [
                {"uid": "nope", "value": "x"},
                {"uid": "order-field-billing", "value": "Daily"},
                {"uid": "order-field-seats", "value": "many"},
            ],
            "tables": [{"uid": "t", "rows": []}],
            "signingSides": [{"uid": "s", "signatures": [{"uid": "order-signature-us"}]}],
        }}),
        "answers: required question order-question-customer (What is the legal name of the customer?) has no answer; \
         name: must not be empty; answers: unknown question uid nobody; fields: unknown field uid nope; \
         fields: the value of order-field-billing must be one of: Monthly, Yearly; \
         fields: the value of order-field-seats must be a number; tables: unknown table uid t; \
         signingSides: unknown signing side uid s; signingSides: unknown signature uid order-signature-us",
    )
    .await;
    check(
        json!({"templateId": "mutual-nda", "contract": {"answers": [{"uid": "nda-question-signatory-name", "value": "x"}]}}),
        "answers: question nda-question-signatory-name is for the counterparty to answer",
    )
    .await;
    let missing = json!({"templateId": "none", "contract": {}});
    bench.refused("POST", "/juro/v3/contracts", missing, 404, "Template not found: none").await;
    assert_eq!(bench.counters().contracts_created, 0);
}

#[tokio::test]
async fn an_answer_fills_its_field_and_may_be_empty() {
    let bench = Bench::start().await;
    for (answer, value) in [("Acme", "Acme"), ("", "")] {
        let body = json!({"templateId": "order-form", "contract": {
            "answers": [{"uid": "order-question-customer", "value": answer}],
            "owner": {"name": "Ann", "username": "ann@us.example"},
            "signingSides": [{"uid": "order-side-counterparty", "signatures": [{"uid": "order-signature-buyer", "email": "b@acme.example"}]}],
            "tables": [{"uid": "order-table-items", "rows": [[{"value": "Seat"}]]}],
        }});
        let contract = bench.call("POST", "/juro/v3/contracts", body, 200).await["contract"].clone();
        assert_eq!(contract["fields"][0]["value"], value);
        assert_eq!(contract["fields"][1]["value"], "Monthly", "a choice starts with its first value");
        assert_eq!(contract["owner"]["username"], "ann@us.example");
        assert_eq!(contract["signingSides"][1]["signatures"][0]["email"], "b@acme.example");
        assert_eq!(contract["tables"][0]["rows"], json!([[{"value": "Seat"}]]));
    }
}

#[tokio::test]
async fn each_documented_refusal_has_its_status() {
    let bench = Bench::start().await;
    let contract = bench.nda("Refusals").await;
    let path = format!("/juro/v3/contracts/{}", id(&contract));
    let send = format!("{path}/signing-request");
    let message = json!({"message": "Please sign."});
    let check = async |method: &str, path: &str, body: Value, status: u16, text: &str| {
        bench.refused(method, path, body, status, text).await;
    };
    let none = "Contract not found: none";
    check("GET", "/juro/v3/contracts/none", Value::Null, 404, none).await;
    check("PATCH", "/juro/v3/contracts/none", json!({}), 404, none).await;
    check("DELETE", "/juro/v3/contracts/none", Value::Null, 404, none).await;
    check("POST", "/juro/v3/contracts/none/sign", json!({"signatureBase64": PNG}), 404, none).await;
    check("GET", "/juro/v3/contracts/none/pdf/binary", Value::Null, 404, none).await;
    check("GET", "/juro/v3/nothing", Value::Null, 404, "Not Found").await;
    check("PUT", &path, json!({}), 405, "Method Not Allowed").await;
    check("PATCH", &path, json!([1]), 400, "bad request body: expected a JSON object").await;
    check(
        "PATCH",
        &path,
        json!({"answers": [{"uid": "nda-question-term", "value": "1"}]}),
        400,
        "answers and owner: are taken when a contract is created only; send fields instead",
    )
    .await;
    check(
        "POST",
        &format!("{path}/sign"),
        json!({"signatureBase64": "%"}),
        400,
        "signatureBase64: is not base64: Invalid symbol 37, offset 0.",
    )
    .await;
    check(
        "POST",
        &format!("{path}/sign"),
        json!({"signatureBase64": "aGVsbG8="}),
        400,
        "signatureBase64: is not a PNG image",
    )
    .await;
    check("POST", &format!("{send}/{SIDE}"), json!({}), 400, "message: is required").await;
    check("POST", &format!("{send}/{SIDE}"), json!({"message": " "}), 400, "message: must not be empty").await;
    check("POST", &format!("{send}/none"), message.clone(), 404, "Signing side not found: none").await;
    check(
        "POST",
        &format!("{send}/{SIDE}/signatures/nda-signature-us"),
        message.clone(),
        404,
        "Signature not found: nda-signature-us",
    )
    .await;
    bench.send_nda(id(&contract)).await;
    let again = "the contract was already sent for signing to these people";
    check("POST", &format!("{send}/{SIDE}"), message.clone(), 412, again).await;
    check("POST", &format!("{send}/{SIDE}/signatures/nda-signature-counterparty"), message.clone(), 412, again).await;
    bench.sandbox.sign(id(&contract), Who::Outstanding).expect("it was sent");
    let full = "the contract is fully signed";
    check("POST", &format!("{send}/{SIDE}"), message.clone(), 412, full).await;
    check("POST", &format!("{path}/sign"), json!({"signatureBase64": PNG}), 412, "the contract is fully signed").await;
    check("PATCH", &path, json!({"name": "x"}), 412, "the contract has a signature: its content can no longer change")
        .await;
    check("DELETE", &path, Value::Null, 412, "the contract is fully signed: it cannot be deleted").await;
    assert_eq!(bench.counters().signing_requests, 1);
    assert_eq!(bench.counters().rejected, 21);
}

#[tokio::test]
async fn a_bad_key_is_forbidden_everywhere() {
    let bench = Bench::start().await;
    for path in ["/juro/v3/health", "/juro/v3/contracts", "/juro/v3/nothing"] {
        for key in ["", "wrong", "sandbox-key-and-more"] {
            let response = bench.client.get(bench.url(path)).header("x-api-key", key).send().await.expect("an answer");
            assert_eq!(response.status(), 403);
            assert_eq!(response.json::<Value>().await.expect("JSON"), json!({"message": "Forbidden"}));
        }
    }
    assert_eq!(bench.get("/juro/v3/health").await, json!({"message": "ok"}));
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused() {
    let bench = Bench::start().await;
    let body = vec![b' '; 10 * 1024 * 1024 + 1];
    let response = bench.request("POST", "/juro/v3/contracts").body(body).send().await.expect("an answer");
    assert_eq!(response.status(), 413);
    let deep = "[".repeat(100_000);
    let response = bench.request("POST", "/juro/v3/contracts").body(deep).send().await.expect("an answer");
    assert_eq!(response.status(), 400);
}

#[tokio::test]
async fn the_list_pages_and_filters() {
    let bench = Bench::start().await;
    let mut contracts = Vec::new();
    for number in 0..5 {
        contracts.push(bench.nda(&format!("NDA {number}")).await);
    }
    let order = json!({"templateId": "order-form", "contract": {"answers": [{"uid": "order-question-customer", "value": "Acme"}]}});
    bench.call("POST", "/juro/v3/contracts", order, 200).await;
    let check = async |query: &str, total: u64, names: &[&str]| {
        let list = bench.get(&format!("/juro/v3/contracts{query}")).await;
        let found: Vec<&str> =
            list["contracts"].as_array().expect("contracts").iter().filter_map(|one| one["name"].as_str()).collect();
        assert_eq!((list["total"].as_u64(), found.as_slice()), (Some(total), names), "{query}");
    };
    check("", 6, &["NDA 0", "NDA 1", "NDA 2", "NDA 3", "NDA 4", "Order Form"]).await;
    check("/?limit=2", 6, &["NDA 0", "NDA 1"]).await;
    check("?skip=4&limit=2", 6, &["NDA 4", "Order Form"]).await;
    check("?skip=9", 6, &[]).await;
    check("?templateId=order-form", 1, &["Order Form"]).await;
    check("?teamIds=other", 0, &[]).await;
    check("?teamIds=other,sandbox-team&templateId=mutual-nda&limit=1", 5, &["NDA 0"]).await;
    check("?updatedSince=1&updatedBefore=2", 0, &[]).await;
    let created = contracts[0]["createdDate"].as_str().expect("a date");
    let second = created.parse::<jiff::Timestamp>().expect("a time").as_second();
    check(&format!("?updatedSince={second}&templateId=order-form"), 1, &["Order Form"]).await;
    check(&format!("?updatedSince={}", second + 60), 0, &[]).await;
    let entry = bench.get("/juro/v3/contracts?limit=1").await["contracts"][0].clone();
    let keys: Vec<&String> = entry.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["createdDate", "id", "name", "teamId", "template", "updatedDate"], "neither status nor fields");
    for query in ["?limit=201", "?limit=0", "?limit=x", "?updatedSince=yesterday"] {
        bench.call("GET", &format!("/juro/v3/contracts{query}"), Value::Null, 400).await;
    }
}

#[tokio::test]
async fn a_deleted_contract_is_gone() {
    let bench = Bench::start().await;
    let contract = bench.nda("Gone").await;
    let path = format!("/juro/v3/contracts/{}", id(&contract));
    assert_eq!(bench.call("DELETE", &path, Value::Null, 200).await, json!({"message": "ok"}));
    bench.call("GET", &path, Value::Null, 404).await;
    bench.call("DELETE", &path, Value::Null, 404).await;
    assert_eq!(bench.get("/juro/v3/contracts").await, json!({"total": 0, "contracts": []}));
    let link = contract["signingSides"][1]["signatures"][0]["signingUrl"].as_str().expect("a link");
    assert_eq!(bench.client.get(link).send().await.expect("an answer").status(), 404);
    assert_eq!(bench.counters().contracts_deleted, 1);
}

#[tokio::test]
async fn an_owner_who_takes_part_is_waited_for() {
    let bench = Bench::start().await;
    let contract = bench.nda("Both").await;
    let id = id(&contract);
    let sign = format!("/juro/v3/contracts/{id}/sign");
    bench.call("POST", &sign, json!({"signatureBase64": PNG}), 200).await;
    assert_eq!(bench.status(id).await, "signed by us");
    bench.refused("POST", &sign, json!({"signatureBase64": PNG}), 412, "there is nothing left to sign").await;
    bench.send_nda(id).await;
    assert_eq!(bench.status(id).await, "sent for signing");
    bench.sandbox.sign(id, Who::Outstanding).expect("it was sent");
    assert_eq!(bench.status(id).await, "fully signed");

    let second = bench.nda("Ours last").await;
    let id = crate::bench::id(&second);
    let ours = format!("/juro/v3/contracts/{id}/signing-request/nda-side-us/signatures/nda-signature-us");
    bench.call("POST", &ours, json!({"message": "You too."}), 200).await;
    bench.send_nda(id).await;
    bench.sandbox.sign(id, Who::Side("Counterparty")).expect("it was sent");
    assert_eq!(bench.status(id).await, "signed by them");
    bench.sandbox.sign(id, Who::Side("nda-side-us")).expect("it was sent");
    assert_eq!(bench.status(id).await, "fully signed");
}

#[tokio::test]
async fn a_pending_approval_stands_in_the_way() {
    let bench = Bench::start().await;
    let contract = bench.nda("Approval").await;
    let id = id(&contract);
    let control = format!("/_sandbox/contracts/{id}");
    let send = format!("/juro/v3/contracts/{id}/signing-request/{SIDE}");
    let message = json!({"message": "Please sign."});
    bench
        .call("POST", &format!("{control}/request_approval"), json!({"approvers": ["a@x.example", "b@x.example"]}), 200)
        .await;
    assert_eq!(bench.status(id).await, "sent for approval");
    let not_now = "Cannot perform action at this moment";
    bench.refused("POST", &send, message.clone(), 403, not_now).await;
    bench.call("POST", &format!("{control}/approve"), json!({"who": "a@x.example"}), 200).await;
    bench.refused("POST", &send, message.clone(), 403, not_now).await;
    bench.call("POST", &format!("{control}/approve"), Value::Null, 200).await;
    assert_eq!(bench.status(id).await, "approved");

    bench.call("PATCH", &format!("/juro/v3/contracts/{id}"), json!({"name": "Changed"}), 200).await;
    assert_eq!(bench.status(id).await, "sent for approval", "a change after approval asks again");
    bench.call("POST", &format!("{control}/reject"), Value::Null, 200).await;
    assert_eq!(bench.status(id).await, "rejected");
    bench
        .refused("POST", &send, message.clone(), 412, "the contract was rejected: change it before it is sent again")
        .await;
    bench.call("PATCH", &format!("/juro/v3/contracts/{id}"), json!({"name": "Better"}), 200).await;
    bench.call("POST", &send, message, 200).await;
}

#[tokio::test]
async fn a_pdf_is_uploaded_as_it_is() {
    let mut receiver = Receiver::start(&[]).await;
    let bench = Bench::with(Options { webhooks: vec![receiver.target(Generation::V3)], ..Options::default() }).await;
    let upload = async |form: Form, status: u16| {
        let response =
            bench.request("POST", "/juro/v3/contracts/upload").multipart(form).send().await.expect("an answer");
        assert_eq!(response.status().as_u16(), status);
        response.json::<Value>().await.expect("a JSON body")
    };
    let file = |content: &'static [u8]| Part::bytes(content).file_name("Lease 7.pdf");
    let contract = upload(Form::new().part("file", file(b"%PDF-1.7 lease")), 200).await["contract"].clone();
    assert_eq!(
        (&contract["name"], &contract["status"], &contract["template"], &contract["signingSides"]),
        (&json!("Lease 7"), &json!("uploaded"), &Value::Null, &json!([]))
    );
    assert_eq!(receiver.events(1).await, ["contract.created"]);
    let path = format!("/juro/v3/contracts/{}", id(&contract));
    let pdf = bench.raw("GET", &format!("{path}/pdf/binary")).await;
    assert_eq!(pdf.headers()["content-type"], "application/pdf");
    assert_eq!(pdf.bytes().await.expect("a whole file").as_ref(), b"%PDF-1.7 lease");
    let renamed = bench.call("PATCH", &path, json!({"name": "Lease"}), 200).await;
    assert_eq!((&renamed["contract"]["name"], &renamed["contract"]["status"]), (&json!("Lease"), &json!("uploaded")));

    let form = Form::new()
        .part("file", file(b"%PDF-1.7 nda"))
        .text("templateId", "mutual-nda")
        .text("name", "Old NDA")
        .text("status", "fully signed")
        .text("owner", "ann@sandbox.example");
    let signed = upload(form, 200).await["contract"].clone();
    assert_eq!(
        (&signed["status"], &signed["owner"]["username"]),
        (&json!("fully signed"), &json!("ann@sandbox.example"))
    );
    let path = format!("/juro/v3/contracts/{}", id(&signed));
    bench.call("PATCH", &path, json!({"name": "x"}), 412).await;
    let send = format!("{path}/signing-request/nda-side-counterparty");
    bench.call("POST", &send, json!({"message": "m"}), 412).await;
    assert_eq!(bench.get("/juro/v3/contracts").await["total"], 2);

    let form = Form::new().part("file", file(b"PK")).text("status", "draft").text("title", "x");
    let message = "title: is no part of an upload; status: must be uploaded or fully signed; file: must be a PDF";
    assert_eq!(upload(form, 400).await, json!({"message": message}));
    let form = Form::new().part("file", file(b"%PDF-")).text("templateId", "none");
    assert_eq!(upload(form, 404).await, json!({"message": "Template not found: none"}));
    let json = bench.call("POST", "/juro/v3/contracts/upload", json!({}), 400).await;
    assert_eq!(json["message"], "bad request body: send it as multipart/form-data");
    assert_eq!(bench.counters().contracts_created, 2);
}

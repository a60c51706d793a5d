//! Juro v2: its twelve endpoints and where they differ from v3.

use engross_sandbox::Who;
use serde_json::{Value, json};

use crate::bench::{Bench, PNG};

async fn order(bench: &Bench) -> Value {
    let body = json!({"templateId": "order-form", "answers": [{"uid": "order-question-customer", "value": "Acme"}]});
    bench.call("POST", "/juro/v2/contracts", body, 200).await["contract"].clone()
}

#[tokio::test]
async fn an_order_goes_from_draft_to_fully_signed() {
    let bench = Bench::start().await;
    let contract = order(&bench).await;
    let path = format!("/juro/v2/contracts/{}", contract["id"].as_str().expect("an id"));
    assert_eq!((&contract["status"], &contract["statusFormatted"]), (&json!("draft"), &json!("Draft")));
    assert_eq!(contract["pdfDownloadUrl"], Value::Null);
    assert_eq!(contract["state"]["isSigned"], json!({"owner": "not_signed", "counterparty": "not_signed"}));
    assert_eq!(contract["fields"][0], json!({"uid": "order-field-customer", "value": "Acme"}));

    let mut blocks = contract["blocks"].clone();
    blocks[0]["rows"][1][1]["value"] = json!("12");
    blocks[1]["counterpartySignatures"][0]["email"] = json!("buyer@acme.example");
    blocks[1]["counterpartySignaturesCaption"] = json!("For Acme");
    let change = json!({"blocks": blocks, "fields": [{"uid": "order-field-billing", "value": "Yearly"}]});
    let updated = bench.call("PATCH", &path, change, 200).await["contract"].clone();
    assert_eq!(updated["blocks"], blocks, "a block that was read can be sent back changed");
    assert_eq!(updated["fields"][1]["value"], "Yearly");

    bench
        .refused(
            "GET",
            &format!("{path}/pdf/binary"),
            Value::Null,
            404,
            &format!("PDF of contract not found: {}", contract["id"].as_str().expect("an id")),
        )
        .await;
    bench.call("POST", &format!("{path}/sign"), json!({"signatureBase64": PNG}), 200).await;
    let nested = json!({"counterpartySignatures": {"message": "We have best contracts."}});
    assert_eq!(bench.call("POST", &format!("{path}/sign/request"), nested, 200).await, json!({"message": "ok"}));
    let id = contract["id"].as_str().expect("an id");
    assert_eq!(bench.sandbox.sign(id, Who::Signature("order-signature-buyer")), Ok(1));
    let half = bench.get(&path).await["contract"].clone();
    assert_eq!(half["state"]["isSigned"], json!({"owner": "signed", "counterparty": "partially_signed"}));
    assert_eq!(bench.sandbox.sign(id, Who::Outstanding), Ok(1));
    let done = bench.get(&path).await["contract"].clone();
    assert_eq!((&done["status"], &done["statusFormatted"]), (&json!("fully_signed"), &json!("Fully signed")));
    let public = bench.client.get(done["pdfDownloadUrl"].as_str().expect("a link")).send().await.expect("an answer");
    let public = public.bytes().await.expect("a body");
    for method in ["GET", "POST"] {
        let pdf = bench.raw(method, &format!("{path}/pdf/binary")).await;
        assert_eq!(pdf.headers()["content-type"], "application/pdf");
        assert_eq!(pdf.bytes().await.expect("a body"), public);
    }
    assert_eq!((bench.counters().pdf_downloads, bench.counters().signatures), (2, 3));
}

#[tokio::test]
async fn the_template_has_the_documented_shape() {
    let bench = Bench::start().await;
    assert_eq!(bench.get("/juro/v2/health").await, json!({"message": "ok"}));
    assert_eq!(bench.get("/juro/v2/templates").await["templates"][1]["id"], "order-form");
    let template = bench.get("/juro/v2/templates/order-form").await;
    insta::assert_snapshot!(serde_json::to_string_pretty(&template).expect("JSON"));
    let nda = bench.get("/juro/v2/templates/mutual-nda").await["template"].clone();
    assert_eq!(nda["questions"][4]["isCounterpartyQuestion"], true);
    assert_eq!(nda["questions"][4]["isUserQuestion"], false);
}

#[tokio::test]
async fn each_documented_refusal_has_its_status() {
    let bench = Bench::start().await;
    let contract = order(&bench).await;
    let path = format!("/juro/v2/contracts/{}", contract["id"].as_str().expect("an id"));
    let check = async |method: &str, path: &str, body: Value, status: u16, text: &str| {
        bench.refused(method, path, body, status, text).await;
    };
    let keyless = bench.client.get(bench.url("/juro/v2/health")).send().await.expect("an answer");
    assert_eq!(keyless.status(), 401);
    assert_eq!(keyless.json::<Value>().await.expect("JSON"), json!({"message": "Unauthorized"}));
    check("GET", "/juro/v2/contracts/none", Value::Null, 404, "Contract not found: none").await;
    check("GET", "/juro/v2/contracts", Value::Null, 405, "Method Not Allowed").await;
    check(
        "POST",
        "/juro/v2/contracts",
        json!({"templateId": "order-form"}),
        400,
        "answers: required question order-question-customer (What is the legal name of the customer?) has no answer",
    )
    .await;
    check("PATCH", &path, json!({"fields": [{"uid": "x", "value": "1"}], "blocks": [
        {"type": "signature", "uid": "y"},
        {"type": "signature", "uid": "order-block-signatures", "userSignatures": [{"uid": "order-signature-buyer"}]},
    ]}), 400, "blocks: unknown signature block uid y; blocks: signature order-signature-buyer is not of this side; fields: unknown field uid x").await;
    check("POST", &format!("{path}/sign/request"), json!({}), 400, "message: is required").await;
    bench.call("POST", &format!("{path}/sign/request"), json!({"message": "On top."}), 200).await;
    check(
        "POST",
        &format!("{path}/sign/request"),
        json!({"message": "Again."}),
        412,
        "the contract was already sent for signing to these people",
    )
    .await;
    bench.sandbox.sign(contract["id"].as_str().expect("an id"), Who::Outstanding).expect("it was sent");
    check("POST", &format!("{path}/sign/request"), json!({"message": "Again."}), 412, "the contract is fully signed")
        .await;
    check(
        "POST",
        &format!("{path}/approval"),
        json!({"message": "m", "approvers": [{"email": "a@x.example"}]}),
        412,
        "a contract that is fully signed cannot be sent for approval",
    )
    .await;
    check("DELETE", &path, Value::Null, 412, "the contract is fully signed: it cannot be deleted").await;
    check("DELETE", &format!("{path}/approval"), Value::Null, 412, "no approval process is running").await;
}

#[tokio::test]
async fn an_approval_runs_and_can_be_cancelled() {
    let bench = Bench::start().await;
    let contract = order(&bench).await;
    let id = contract["id"].as_str().expect("an id");
    let path = format!("/juro/v2/contracts/{id}");
    let approval = format!("{path}/approval");
    let bad =
        json!({"approvers": [{"email": "a@x.example", "username": "a"}, {}, {"username": "b"}, {"username": "b"}]});
    bench
        .refused(
            "POST",
            &approval,
            bad,
            400,
            "message: is required; approvers[0]: email and username cannot be populated at the same time; \
             approvers[1]: email or username must be populated; approvers[3]: b is named twice",
        )
        .await;
    bench
        .refused(
            "POST",
            &approval,
            json!({"message": "m", "approvers": []}),
            400,
            "approvers: from 1 to 50 are needed, 0 given",
        )
        .await;
    let good = json!({"message": "Approve it!", "approvers": [{"username": "ann@us.example"}]});
    bench.call("POST", &approval, good.clone(), 200).await;
    bench
        .refused(
            "POST",
            &approval,
            good.clone(),
            412,
            "a contract that is sent for approval cannot be sent for approval",
        )
        .await;
    let sign = json!({"signatureBase64": PNG});
    bench.refused("POST", &format!("{path}/sign"), sign, 403, "Cannot perform action at this moment").await;
    assert_eq!(bench.get(&path).await["contract"]["status"], "sent_for_approval");
    bench.call("DELETE", &approval, Value::Null, 200).await;
    assert_eq!(bench.get(&path).await["contract"]["status"], "draft");
    bench.call("POST", &approval, good, 200).await;
    bench.call("POST", &format!("/_sandbox/contracts/{id}/approve"), Value::Null, 200).await;
    assert_eq!(bench.get(&path).await["contract"]["statusFormatted"], "Approved");
    assert_eq!(bench.counters().approvals_requested, 2);
}

//! Both generations of Juro against the sandbox and back, every operation of them.

use crate::sandbox::{Bench, about, text};
use engross_sandbox::Who;
use serde_json::{Value, json};

const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

fn value_of<'v>(contract: &'v Value, uid: &str) -> &'v Value {
    let fields = contract["contract"]["fields"].as_array().expect("fields");
    &fields.iter().find(|field| field["uid"] == uid).expect(uid)["value"]
}

#[tokio::test]
async fn juro() {
    let mut bench = Bench::start("juro", "juro/v3").await;
    assert_eq!(bench.good("health", json!({})).await, json!({"message": "ok"}));
    let templates = bench.good("list_templates", json!({"limit": 1})).await;
    assert_eq!(
        templates["templates"],
        json!([{"id": "mutual-nda", "name": "Mutual NDA", "status": "published",
        "createdDate": "2026-01-05T09:00:00.000Z", "updatedDate": "2026-01-05T09:00:00.000Z"}])
    );
    let template = bench.good("get_template", json!({"template_id": "mutual-nda"})).await;
    assert_eq!(template["template"]["fields"][0]["title"], "Counterparty Legal Name");
    assert_eq!(bench.bad("get_template", json!({"template_id": "nope"})).await, "not_found");

    let create = json!({
        "template_id": "mutual-nda",
        "name": "NDA - Acme",
        "fields": {"Counterparty Legal Name": "Acme", "nda-field-term": 24},
        "signing_sides": [{"side": "Counterparty", "name": "Acme Ltd", "signatures": [{"email": "ann@acme.example", "name": "Ann"}]}],
    });
    let made = bench.good("create_contract", create).await;
    assert_eq!((&made["status"], value_of(&made, "nda-field-term")), (&json!("draft"), &json!("24")));
    let id = text(&made, "contract_id").to_string();
    let of = |more: Value| about(&id, &more);
    let changed = of(json!({"name": "NDA - Acme 2", "fields": {"Term": 12}}));
    assert_eq!(value_of(&bench.good("update_contract", changed).await, "nda-field-term"), "12");
    assert_eq!(bench.bad("update_contract", of(json!({"fields": {"Nothing like it": 1}}))).await, "invalid");
    let read = bench.good("get_contract", of(json!({}))).await;
    assert_eq!((&read["contract"]["name"], &read["status"]), (&json!("NDA - Acme 2"), &json!("draft")));

    lists(&mut bench, &id).await;
    signing(&mut bench, &id).await;
    others(&mut bench).await;
    assert_eq!(bench.unused(), Vec::<String>::new());
}

async fn lists(bench: &mut Bench, id: &str) {
    let listed = bench
        .good("list_contracts", json!({"template_id": "mutual-nda", "updated_since": "2020-01-01T00:00:00Z"}))
        .await;
    assert_eq!((&listed["contracts"][0]["id"], &listed["total"]), (&json!(id), &json!(1)));
    let none = bench.good("list_contracts", json!({"updated_before": 0})).await;
    assert_eq!((&none["contracts"], &none["total"]), (&json!([]), &json!(0)));
    let synced = bench.good("sync_contracts", json!({"hydrate": true})).await;
    assert_eq!(synced["items"][0]["contract"]["status"], "draft");
    let again = bench.good("sync_contracts", json!({"since": "2999-01-01T00:00:00Z"})).await;
    assert_eq!(again, json!({"items": [], "next_since": "2999-01-01T00:00:00.000Z"}));
}

async fn signing(bench: &mut Bench, id: &str) {
    let of = |more: Value| about(id, &more);
    assert_eq!(bench.look("await_approved", of(json!({}))).await, None);
    bench.control(&format!("contracts/{id}/request_approval"), json!({})).await;
    let send = of(json!({"message": "Please sign our NDA."}));
    assert_eq!(bench.bad("send_for_signing", send.clone()).await, "state");
    bench.control(&format!("contracts/{id}/approve"), json!({})).await;
    let approved = bench.look("await_approved", of(json!({}))).await.expect("an end");
    assert_eq!(approved.outcome.as_str(), "approved");

    let mut to_one = send.clone();
    to_one["signer"] = json!("ann@acme.example");
    bench.good("send_to_signer", to_one).await;
    assert_eq!(bench.good("get_contract", of(json!({}))).await["status"], "sent for signing");
    assert_eq!(bench.bad("send_for_signing", send).await, "state", "nobody of that side is left to ask");
    bench.good("sign", of(json!({"signature_base64": PNG}))).await;
    assert_eq!(bench.look("await_fully_signed", of(json!({}))).await, None);
    bench.sandbox.sign(id, Who::Outstanding).expect("signed");
    let signed = bench.look("await_fully_signed", of(json!({}))).await.expect("an end");
    assert_eq!((signed.outcome.as_str(), &signed.outputs["status"]), ("fully_signed", &json!("fully signed")));
    let file = bench.good("download_pdf", of(json!({}))).await["file"].clone();
    let kept = bench.context.files.get(text(&file, "sha256")).await.expect("kept");
    assert!(kept.starts_with(b"%PDF") && file["media_type"] == "application/pdf", "{file}");
}

async fn others(bench: &mut Bench) {
    let again = bench.good("create_contract", json!({"template_id": "mutual-nda", "name": "NDA - Side"})).await;
    let of = |more: Value| about(text(&again, "contract_id"), &more);
    bench.good("send_for_signing", of(json!({"message": "Please sign.", "signing_side": "Counterparty"}))).await;
    assert_eq!(bench.good("get_contract", of(json!({}))).await["status"], "sent for signing");

    let file = bench.file("NDA.pdf", "application/pdf", b"%PDF-1.7 text").await;
    let uploaded = bench.good("upload_contract", json!({"file": file, "name": "NDA - Paper"})).await;
    assert_eq!((&uploaded["contract"]["name"], &uploaded["status"]), (&json!("NDA - Paper"), &json!("uploaded")));
    let of_uploaded = json!({"contract_id": uploaded["contract_id"]});
    bench.good("download_pdf", of_uploaded.clone()).await;
    bench.good("delete_contract", of_uploaded.clone()).await;
    bench.good("delete_contract", of_uploaded.clone()).await;
    assert_eq!(bench.bad("get_contract", of_uploaded).await, "not_found");

    let register = |team: &str| json!({"team_id": team, "title": "Engross", "url": "http://127.0.0.1:9/h/token", "events": ["contract.signed"]});
    bench.good("create_webhook", register("sandbox-team")).await;
    assert_eq!(bench.bad("create_webhook", register("another-team")).await, "invalid");
}

#[tokio::test]
async fn juro_v2() {
    let mut bench = Bench::start("juro_v2", "juro/v2").await;
    assert_eq!(bench.good("health", json!({})).await, json!({"message": "ok"}));
    assert_eq!(bench.good("list_templates", json!({})).await["templates"].as_array().map(Vec::len), Some(2));
    let template = bench.good("get_template", json!({"template_id": "order-form"})).await;
    assert_eq!(template["template"]["questions"][0]["title"], "What is the legal name of the customer?");
    assert_eq!(bench.bad("create_contract", json!({"template_id": "order-form"})).await, "invalid");

    let create = json!({"template_id": "order-form", "answers": {"What is the legal name of the customer?": "Acme"}});
    let made = bench.good("create_contract", create).await;
    assert_eq!((&made["status"], value_of(&made, "order-field-customer")), (&json!("draft"), &json!("Acme")));
    let id = text(&made, "contract_id").to_string();
    let of = |more: Value| about(&id, &more);
    let mut table = made["contract"]["blocks"][0].clone();
    table["rows"][1][1]["value"] = json!("12");
    let changed =
        of(json!({"template_id": "order-form", "fields": {"order-field-customer": "Acme Ltd"}, "blocks": [table]}));
    let updated = bench.good("update_contract", changed).await;
    assert_eq!(value_of(&updated, "order-field-customer"), "Acme Ltd");
    assert_eq!(updated["contract"]["blocks"][0], table);

    assert_eq!(bench.look("await_approved", of(json!({}))).await, None);
    let ask = of(
        json!({"message": "Please approve.", "approvers": [{"username": "lena@legal.example"}, {"email": "omar@legal.example"}]}),
    );
    bench.good("request_approval", ask.clone()).await;
    assert_eq!(bench.good("get_contract", of(json!({}))).await["status"], "sent for approval");
    bench.good("cancel_approval", of(json!({}))).await;
    assert_eq!(bench.bad("cancel_approval", of(json!({}))).await, "state");
    bench.good("request_approval", ask).await;
    bench.control(&format!("contracts/{id}/approve"), json!({})).await;
    let approved = bench.look("await_approved", of(json!({}))).await.expect("an end");
    assert_eq!(approved.outcome.as_str(), "approved");

    bench.good("sign", of(json!({"signature_base64": PNG}))).await;
    let send = of(json!({"message": "We have best contracts, you should sign them!"}));
    bench.good("send_for_signing", send.clone()).await;
    assert_eq!(bench.bad("send_for_signing", send).await, "state");
    assert_eq!(
        bench.bad("download_pdf", of(json!({}))).await,
        "not_found",
        "there is none before everybody has signed"
    );
    assert_eq!(bench.look("await_fully_signed", of(json!({}))).await, None);
    bench.sandbox.sign(&id, Who::Outstanding).expect("signed");
    let signed = bench.look("await_fully_signed", of(json!({}))).await.expect("an end");
    assert_eq!((signed.outcome.as_str(), &signed.outputs["status"]), ("fully_signed", &json!("fully signed")));
    assert_eq!(bench.good("download_pdf", of(json!({}))).await["file"]["media_type"], "application/pdf");
    assert_eq!(bench.bad("delete_contract", of(json!({}))).await, "state");

    let create = json!({"template_id": "order-form", "answers": {"What is the legal name of the customer?": "Acme"}});
    let other = bench.good("create_contract", create).await;
    let of_other = json!({"contract_id": other["contract_id"]});
    bench.good("delete_contract", of_other.clone()).await;
    bench.good("delete_contract", of_other).await;
    assert_eq!(bench.unused(), Vec::<String>::new());
}

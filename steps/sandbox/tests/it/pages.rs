//! The signing page and the PDF.

use reqwest::Response;
use serde_json::{Value, json};

use crate::bench::{Bench, id, masked};

async fn sent(bench: &Bench, name: &str) -> (String, String) {
    let contract = bench.nda(name).await;
    bench.send_nda(id(&contract)).await;
    let link = contract["signingSides"][1]["signatures"][0]["signingUrl"].as_str().expect("a link");
    (id(&contract).to_owned(), link.to_owned())
}

async fn read(bench: &Bench, link: &str) -> String {
    let response = bench.client.get(link).send().await.expect("an answer");
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
    assert_eq!(response.headers()["cache-control"], "no-store");
    response.text().await.expect("a page")
}

async fn post(bench: &Bench, link: &str, form: &[(&str, &str)]) -> Response {
    bench.client.post(link).form(form).send().await.expect("an answer")
}

#[tokio::test]
async fn a_person_reads_and_signs() {
    let bench = Bench::start().await;
    let (id, link) = sent(&bench, "NDA <script>alert(\"1\")</script> & 'more'").await;
    let page = read(&bench, &link).await;
    let (head, rest) = page.split_once("<style>").expect("a style");
    let (_, rest) = rest.split_once("</style>").expect("its end");
    let page = format!("{head}{rest}").replace(&bench.url(""), "[origin]").replace("><", ">\n<");
    insta::assert_snapshot!(masked(&page));

    for (form, status, alert) in [
        (vec![("action", "sign"), ("name", "  ")], 400, "Type your name to sign."),
        (vec![("action", "burn"), ("name", "Ada")], 422, "unknown variant"),
    ] {
        let response = post(&bench, &link, &form).await;
        assert_eq!(response.status().as_u16(), if status == 422 { 400 } else { status });
        let page = response.text().await.expect("a page");
        assert!(page.contains("role=\"alert\"") && page.contains(alert), "{page}");
    }
    let signed = post(&bench, &link, &[("action", "sign"), ("name", "Ada Lovelace")]).await;
    assert_eq!(signed.status(), 303);
    assert!(link.ends_with(signed.headers()["location"].to_str().expect("a text")));
    let page = read(&bench, &link).await;
    assert!(page.contains("Signed by Ada Lovelace at ") && !page.contains("<form"), "{page}");
    assert_eq!(bench.status(&id).await, "fully signed");
    assert_eq!(post(&bench, &link, &[("action", "sign"), ("name", "Eve")]).await.status(), 412);
    assert_eq!(bench.counters().signatures, 1);
}

#[tokio::test]
async fn a_person_declines_and_the_contract_is_rejected() {
    let bench = Bench::start().await;
    let (id, link) = sent(&bench, "Declined").await;
    assert_eq!(post(&bench, &link, &[("action", "decline"), ("name", "")]).await.status(), 303);
    assert_eq!(bench.status(&id).await, "rejected");
    assert!(read(&bench, &link).await.contains("You cannot sign now: the contract was rejected"));
    assert_eq!(post(&bench, &link, &[("action", "sign"), ("name", "Ada")]).await.status(), 412);
    assert_eq!(bench.counters().signatures, 0);
}

#[tokio::test]
async fn nobody_signs_what_was_not_sent_to_them() {
    let bench = Bench::start().await;
    let contract = bench.nda("Unsent").await;
    let link = contract["signingSides"][1]["signatures"][0]["signingUrl"].as_str().expect("a link");
    assert!(read(&bench, link).await.contains("the contract has not been sent for this signature"));
    assert_eq!(post(&bench, link, &[("action", "sign"), ("name", "Ada")]).await.status(), 412);
    assert_eq!(bench.client.get(bench.url("/sign/00")).send().await.expect("an answer").status(), 404);
    assert_eq!(post(&bench, &bench.url("/sign/00"), &[("action", "sign")]).await.status(), 404);
    assert_eq!(bench.status(id(&contract)).await, "draft");
}

async fn pdf(bench: &Bench, id: &str) -> Vec<u8> {
    bench.raw("GET", &format!("/juro/v3/contracts/{id}/pdf/binary")).await.bytes().await.expect("a body").to_vec()
}

/// Whether a PDF shows a text of Windows-1252 bytes: it is written plainly if it is ASCII, else in hexadecimal digits.
fn shows(pdf: &[u8], text: &[u8]) -> bool {
    let written = if text.is_ascii() { text.to_vec() } else { hex::encode_upper(text).into_bytes() };
    pdf.windows(written.len()).any(|window| window == written)
}

#[tokio::test]
async fn the_pdf_is_a_function_of_the_state() {
    let bench = Bench::start().await;
    let (id, link) = sent(&bench, "NDA – Žofie & Søn").await;
    let draft = pdf(&bench, &id).await;
    assert!(draft.starts_with(b"%PDF-1.7") && draft.trim_ascii_end().ends_with(b"%%EOF"));
    assert_eq!(draft, pdf(&bench, &id).await);
    assert!(shows(&draft, b"DRAFT \x96 not signed"), "an en dash in Windows-1252");
    assert!(shows(&draft, b"NDA \x96 \x8eofie & S\xf8n"));

    let field = json!({"fields": [{"uid": "nda-field-legal-name", "value": "Acme (Holdings) Ltd"}]});
    bench.call("PATCH", &format!("/juro/v3/contracts/{id}"), field, 200).await;
    let filled = pdf(&bench, &id).await;
    assert!(shows(&filled, b"Acme") && shows(&filled, b"Counterparty Legal Name"));

    post(&bench, &link, &[("action", "sign"), ("name", "Ada Lovelace")]).await;
    let signed = pdf(&bench, &id).await;
    assert!(shows(&signed, b"Ada Lovelace") && !shows(&signed, b"DRAFT") && !shows(&signed, b"not signed"));
    assert_eq!(signed, pdf(&bench, &id).await);
    assert_eq!(bench.counters().pdf_downloads, 5);
}

#[tokio::test]
async fn a_huge_contract_still_makes_one_page() {
    let bench = Bench::start().await;
    let body = json!({"templateId": "order-form", "contract": {
        "name": "x".repeat(500),
        "answers": [{"uid": "order-question-customer", "value": "word ".repeat(4_000)}],
        "tables": [{"uid": "order-table-items", "rows": vec![vec![json!({"value": "cell"}); 4]; 2_000]}],
    }});
    let contract = bench.call("POST", "/juro/v3/contracts", body, 200).await["contract"].clone();
    let pdf = pdf(&bench, id(&contract)).await;
    assert!(shows(&pdf, b"The rest does not fit on this page.") && shows(&pdf, b"/Count 1"));
    assert!(pdf.len() < 20_000, "{} bytes", pdf.len());
    let too_long = json!({"fields": [{"uid": "order-field-customer", "value": "x".repeat(20_001)}]});
    let path = format!("/juro/v3/contracts/{}", id(&contract));
    bench
        .refused(
            "PATCH",
            &path,
            too_long,
            400,
            "fields: the value of order-field-customer has more than 20000 characters",
        )
        .await;
    bench.call("GET", &path, Value::Null, 200).await;
}

//! Contract Signatures: keys, creation, the search grammar, decisions, attachments and webhooks.

use engross_sandbox::{AutoSign, Options, Who};
use serde_json::{Value, json};
use sha3::{Digest, Sha3_512};

use crate::bench::{Bench, Receiver, id};

const API: &str = "/contract_signatures/webapi/contracts";

/// One call with a key; the body is null when there is none.
async fn call_with(bench: &Bench, key: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
    let mut request = bench.request(method, &format!("{API}{path}")).bearer_auth(key);
    if !body.is_null() {
        request = request.json(&body);
    }
    let response = request.send().await.expect("an answer");
    let status = response.status().as_u16();
    let text = response.text().await.expect("a whole body");
    (status, if text.is_empty() { Value::Null } else { serde_json::from_str(&text).expect("a JSON body") })
}

async fn call(bench: &Bench, method: &str, path: &str, body: Value) -> (u16, Value) {
    call_with(bench, "sandbox-key", method, path, body).await
}

async fn get(bench: &Bench, path: &str) -> Value {
    let (status, body) = call(bench, "GET", path, Value::Null).await;
    assert_eq!(status, 200, "{path} answered {body}");
    body
}

fn signer(name: &str, kind: &str) -> Value {
    json!({"fullName": name, "accessKind": kind, "email": format!("{}@x.example", name.to_lowercase())})
}

async fn create(bench: &Bench, name: &str, sequential: bool, signers: &[Value]) -> Value {
    let body = json!({"templateId": "1234567", "name": name, "sequentialSigning": sequential, "signers": signers});
    let (status, contract) = call(bench, "POST", "", body).await;
    assert_eq!(status, 200, "{contract}");
    contract
}

async fn status(bench: &Bench, contract: &Value) -> String {
    get(bench, &format!("/{}", id(contract))).await["status"].as_str().expect("a status").to_owned()
}

async fn press(bench: &Bench, link: &str, action: &str) -> u16 {
    let form = [("action", action), ("name", "Ann Archer")];
    bench.client.post(link).form(&form).send().await.expect("an answer").status().as_u16()
}

async fn control(bench: &Bench, contract: &Value, action: &str, body: Value, status: u16) -> Value {
    let path = format!("/_sandbox/contract_signatures/contracts/{}/{action}", id(contract));
    bench.call("POST", &path, body, status).await
}

#[tokio::test]
async fn three_sequential_signers_end_a_contract_with_two_attachments() {
    let mut receiver = Receiver::start(&[201, 202, 204, 201, 200, 204]).await;
    let bench = Bench::start().await;
    bench.sandbox.set_retry_speed(100);
    bench.call("POST", "/_sandbox/contract_signatures/webhooks", json!({"url": receiver.url}), 200).await;
    let signers = [signer("Ann", "url"), signer("Bob", "url"), signer("Cid", "email")];
    let created = create(&bench, "NDA", true, &signers).await;
    assert_eq!(
        created,
        json!({
            "id": created["id"], "templateId": "1234567", "collectionId": "98765", "name": "NDA",
            "createdById": "123456:b84aeffd-32e5-4b4b-a012-89bf06cae06e", "creationTimestamp": created["creationTimestamp"],
            "expirationTimestamp": created["expirationTimestamp"], "sequentialSigning": true, "status": "sent",
        }),
        "no signers, and nothing that is not there is null"
    );
    assert_eq!(id(&created).split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
    let found = get(&bench, &format!("/{}", id(&created))).await;
    let link = |index: usize| found["signers"][index]["accessUrl"].as_str().expect("an address").to_owned();
    assert_eq!(found["signers"][2], json!({"fullName": "Cid", "accessKind": "email", "email": "cid@x.example"}));
    assert_eq!(press(&bench, &link(1), "sign").await, 409, "Ann is first");
    assert_eq!(press(&bench, &link(0), "sign").await, 303);
    assert_eq!(status(&bench, &created).await, "ongoing");
    assert_eq!(press(&bench, &link(0), "sign").await, 409, "once only");
    assert_eq!(press(&bench, &link(1), "sign").await, 303);
    // Cid's address is in the mail, which the control endpoint shows.
    let path = format!("/_sandbox/contract_signatures/contracts/{}", id(&created));
    let mailbox = bench.get(&path).await;
    assert_eq!(
        press(&bench, mailbox["contract"]["signers"][2]["signUrl"].as_str().expect("an address"), "sign").await,
        303
    );

    let found = get(&bench, &format!("/{}", id(&created))).await;
    assert_eq!(found["status"], "signed");
    let ann = &found["signers"][0];
    assert_eq!((&ann["decision"], &ann["decisionIp"]), (&json!("signed"), &json!("127.0.0.1")));
    for key in ["finalizedPdf", "certificatePdf"] {
        let attachment = &found[key];
        assert_eq!((&attachment["version"], attachment["sha3"].as_str().map(str::len)), (&json!(1), Some(128)));
        let path = format!("/_sandbox/contract_signatures/attachments/{}", id(attachment));
        let bytes = bench.raw("GET", &path).await.bytes().await.expect("a whole file");
        assert!(bytes.starts_with(b"%PDF-"));
        assert_eq!(attachment["sha3"], hex::encode(Sha3_512::digest(&bytes)));
    }

    let mut events = Vec::new();
    for _ in 0..6 {
        events.push(receiver.next().await.body);
    }
    let types: Vec<&str> = events.iter().map(|event| event["eventType"].as_str().expect("a type")).collect();
    // 200 is no acknowledgement, so the completion comes twice.
    assert_eq!(types, ["creation", "signature", "signature", "signature", "completion", "completion"]);
    assert_eq!(events[4], events[5], "a repeat has the same eventUuid");
    assert_ne!(events[3]["eventUuid"], events[4]["eventUuid"]);
    assert_eq!(
        events[1],
        json!({
            "eventUuid": events[1]["eventUuid"], "eventTimestamp": events[1]["eventTimestamp"], "hostUrl": bench.url(""),
            "collectionId": "98765", "templateId": "1234567", "contractId": created["id"], "contractName": "NDA",
            "eventType": "signature",
            "signer": {
                "ordinal": 1, "fullName": "Ann", "accessKind": "url", "email": "ann@x.example", "decision": "signed",
                "decisionTimestamp": ann["decisionTimestamp"], "decisionIp": "127.0.0.1",
            },
        })
    );
    let counters = bench.counters().contract_signatures;
    assert_eq!((counters.contracts_created, counters.sends, counters.signatures), (1, 1, 3));
}

#[tokio::test]
async fn a_rejection_an_end_in_time_and_the_archive() {
    let mut receiver = Receiver::start(&[204; 9]).await;
    let bench = Bench::start().await;
    bench.call("POST", "/_sandbox/contract_signatures/webhooks", json!({"url": receiver.url}), 200).await;
    let rejected = create(&bench, "Rejected", false, &[signer("Ann", "url"), signer("Bob", "url")]).await;
    let found = get(&bench, &format!("/{}", id(&rejected))).await;
    let link = |index: usize| found["signers"][index]["accessUrl"].as_str().expect("an address").to_owned();
    assert_eq!(press(&bench, &link(1), "decline").await, 303);
    assert_eq!(status(&bench, &rejected).await, "rejected");
    assert_eq!(press(&bench, &link(0), "sign").await, 409);
    for event in ["creation", "signature", "completion"] {
        assert_eq!(receiver.next().await.body["eventType"], event);
    }
    let expired = create(&bench, "Expired", false, &[signer("Ann", "url")]).await;
    control(&bench, &expired, "expire", Value::Null, 200).await;
    assert_eq!(status(&bench, &expired).await, "expired");
    control(&bench, &expired, "sign", Value::Null, 409).await;
    control(&bench, &expired, "expire", Value::Null, 409).await;
    control(&bench, &expired, "burn", Value::Null, 404).await;
    let signed = create(&bench, "Signed", false, &[signer("Ann", "email"), signer("Bob", "url")]).await;
    control(&bench, &signed, "sign", json!({"signer": "ann@x.example"}), 200).await;
    assert_eq!(bench.sandbox.sign(id(&signed), Who::Signature("2")), Ok(1));
    assert_eq!(bench.sandbox.sign(id(&signed), Who::Outstanding).expect_err("all signed").status, 409);
    assert_eq!(bench.sandbox.sign(id(&signed), Who::Side("Eve")).expect_err("nobody").status, 404);
    let file = get(&bench, &format!("/{}", id(&signed))).await["finalizedPdf"].clone();

    let path = format!("/{}", id(&signed));
    assert_eq!(call(&bench, "PATCH", &path, Value::Null).await, (204, Value::Null));
    let archived = get(&bench, &path).await["archivalTimestamp"].clone();
    assert_eq!(call(&bench, "PATCH", &path, Value::Null).await.0, 204);
    assert_eq!(get(&bench, &path).await["archivalTimestamp"], archived, "archiving twice changes nothing");
    assert_eq!(get(&bench, "?order=name-asc").await["totalCount"], 2, "the archive is not searched");
    assert_eq!(get(&bench, "?placement=archived").await["contracts"][0]["id"], signed["id"]);
    assert_eq!(call(&bench, "DELETE", &path, Value::Null).await, (204, Value::Null));
    for method in ["GET", "PATCH", "DELETE"] {
        assert_eq!(call(&bench, method, &path, Value::Null).await.0, 404, "{method}");
    }
    let attachment = format!("/_sandbox/contract_signatures/attachments/{}", id(&file));
    assert_eq!(bench.raw("GET", &attachment).await.status(), 404, "the attachments are gone too");
}

#[tokio::test]
async fn a_create_says_all_that_is_wrong() {
    let bench = Bench::start().await;
    let many = vec![signer("Ann", "url"); 27];
    for (body, message) in [
        (json!({}), "templateId: is required; name: is required; signers: from 1 to 26 are needed, 0 given"),
        (
            json!({"templateId": "é", "name": "x", "signers": many}),
            "templateId: must be printable US-ASCII; signers: from 1 to 26 are needed, 27 given",
        ),
        (
            json!({
                "templateId": "1", "name": "x",
                "signers": [{"accessKind": "email"}, {"fullName": "B", "accessKind": "fax", "email": "b", "phone": "0172"}],
                "watchers": [{"name": "W", "email": "w@x.example", "notificationKinds": "signed|lost"}],
            }),
            "signers[0].fullName: is required; signers[0].email: is required when accessKind is email; \
             signers[1].accessKind: must be email or url; signers[1].email: is not an e-mail address; \
             signers[1].phone: must be an international number such as +33639987654; \
             watchers[0].notificationKinds: must be of created|opened|signed|rejected|completed|completed-contract",
        ),
    ] {
        assert_eq!(call(&bench, "POST", "", body).await, (400, json!({"message": message})));
    }
    let unknown = call(&bench, "POST", "", json!({"templateId": "1", "title": "x"})).await;
    assert_eq!(unknown.0, 400);
    assert!(unknown.1["message"].as_str().expect("a text").contains("unknown field `title`"));
    let phone = json!({"fullName": "A", "accessKind": "url", "phone": "+49 172-9973185", "appendSignatureMacro": true, "receivesCompletedContract": false});
    let created = create(&bench, "Phone", false, &[phone]).await;
    let shown = get(&bench, &format!("/{}", id(&created))).await["signers"][0].clone();
    assert_eq!((&shown["phone"], shown.get("email")), (&json!("+491729973185"), None));
    create(&bench, "Most", false, &vec![signer("Ann", "url"); 26]).await;

    bench.call("POST", "/_sandbox/contract_signatures/settings", json!({"silent_create": true}), 200).await;
    let body = json!({"templateId": "7", "name": "Silent", "signers": [{"fullName": "A", "accessKind": "url"}]});
    assert_eq!(call(&bench, "POST", "", body).await, (201, Value::Null));
    let found = get(&bench, "?template-id=7&substring=silent").await;
    assert_eq!((&found["totalCount"], &found["contracts"][0]["name"]), (&json!(1), &json!("Silent")));
}

#[tokio::test]
async fn the_search_grammar() {
    let bench = Bench::start().await;
    let key = json!({"privileges": ["create"], "owner": "another:user"});
    bench.call("POST", "/_sandbox/contract_signatures/keys/other", key, 200).await;
    for (name, people) in [("Beta", "Ann"), ("alpha", "Bob"), ("Gamma", "Zoë")] {
        create(&bench, name, false, &[signer(people, "email")]).await;
    }
    let delta = json!({"templateId": "7", "name": "Delta", "signers": [signer("Bob", "email")]});
    let (_, delta) = call_with(&bench, "other", "POST", "", delta).await;
    control(&bench, &delta, "sign", Value::Null, 200).await;
    let today = delta["creationTimestamp"].as_str().expect("a time").split_once('T').expect("a date").0;
    let check = async |query: &str, expected: &[&str]| {
        let found = get(&bench, &format!("?order=creation-date-asc&{query}")).await;
        let names: Vec<&str> = found["contracts"]
            .as_array()
            .map(|found| found.iter().map(|contract| contract["name"].as_str().expect("a name")).collect())
            .unwrap_or_default();
        assert_eq!(names, expected, "{query}");
        assert!(found["contracts"][0].get("signers").is_none());
        found
    };
    check("", &["Beta", "alpha", "Gamma", "Delta"]).await;
    check("statuses=sent%7Congoing", &["Beta", "alpha", "Gamma"]).await;
    check("statuses=signed", &["Delta"]).await;
    check("statuses=any&template-id=7", &["Delta"]).await;
    check("substring=ETA", &["Beta"]).await;
    check("substring=BOB", &["alpha", "Delta"]).await;
    check("substring=ZO%C3%8B", &["Gamma"]).await;
    check("creator-id=another%3Auser", &["Delta"]).await;
    check(&format!("date-range={today}"), &["Beta", "alpha", "Gamma", "Delta"]).await;
    check(&format!("date-range={today}~{today}&time-zone=Z"), &["Beta", "alpha", "Gamma", "Delta"]).await;
    check("date-range=2000-01-01~", &["Beta", "alpha", "Gamma", "Delta"]).await;
    check("date-range=~2000-01-01&time-zone=Europe/Paris", &[]).await;
    check("date-range=2000-01-01~2000-12-31&time-zone=UTC%2B01:00", &[]).await;
    check("order=name-asc", &["alpha", "Beta", "Delta", "Gamma"]).await;
    check("order=name-desc&page-size=2", &["Gamma", "Delta"]).await;
    check("order=creator-id-desc&page-size=1", &["Delta"]).await;
    check("order=creation-date-desc&page=2&page-size=3", &["Beta"]).await;
    let beyond = check("page=3&page-size=2", &[]).await;
    assert_eq!(beyond, json!({"totalCount": 4}), "an empty page has no contracts");
    assert_eq!(get(&bench, "").await["contracts"].as_array().map(Vec::len), Some(4), "in any order");
    let wrong = "?statuses=sent%7Clost&placement=x&date-range=today&time-zone=Mars/Base&order=up&page=0&page-size=101&substring=&pages=1";
    let (status, body) = call(&bench, "GET", wrong, Value::Null).await;
    let message = "pages: is no search parameter; statuses: must be any, or of sent|ongoing|rejected|signed|expired; \
                   substring: must not be empty; placement: must be any, stacked or archived; \
                   date-range: must be as in 2022-10-01~2022-10-31; \
                   time-zone: must be as in Europe/Paris, Z, UTC or UTC+01:00; \
                   order: must be random or {creation-date,name,creator-id}-{asc,desc}; page: must be a positive integer; \
                   page-size: must be from 1 to 100";
    assert_eq!((status, body), (400, json!({"message": message})));
}

#[tokio::test]
async fn a_key_is_good_for_its_privileges_time_and_addresses() {
    let bench = Bench::start().await;
    let contract = create(&bench, "Keys", false, &[signer("Ann", "url")]).await;
    let path = format!("/{}", id(&contract));
    for (name, key) in [
        ("reader", json!({"privileges": ["get"], "owner": "another:user"})),
        ("early", json!({"privileges": ["get"], "not_before": "2999-01-01T00:00:00Z"})),
        ("late", json!({"privileges": ["get"], "not_after": "2001-01-01T00:00:00Z"})),
        ("far", json!({"privileges": ["get"], "allowed_ips": ["198.51.100.1"]})),
        (
            "near",
            json!({"privileges": ["search", "archive", "delete"], "allowed_ips": ["127.0.0.1"], "not_after": "2999-01-01T00:00:00Z"}),
        ),
    ] {
        bench.call("POST", &format!("/_sandbox/contract_signatures/keys/{name}"), key, 200).await;
    }
    for (key, method, path, expected) in [
        ("unknown", "GET", path.as_str(), 401),
        ("early", "GET", path.as_str(), 401),
        ("late", "GET", path.as_str(), 401),
        ("far", "GET", path.as_str(), 403),
        ("near", "GET", path.as_str(), 403),
        ("near", "POST", "", 403),
        ("near", "GET", "", 200),
        ("reader", "GET", "", 403),
        ("reader", "PATCH", path.as_str(), 403),
        ("reader", "DELETE", path.as_str(), 403),
        ("near", "PATCH", path.as_str(), 204),
    ] {
        assert_eq!(call_with(&bench, key, method, path, Value::Null).await.0, expected, "{key} {method} {path}");
    }
    let (_, seen) = call_with(&bench, "reader", "GET", &path, Value::Null).await;
    assert!(seen["signers"][0].get("accessUrl").is_none(), "the address is for the creator only");
    assert_eq!(bench.raw("GET", &format!("{API}{path}")).await.status(), 401, "no key at all");
    assert_eq!(call_with(&bench, "near", "DELETE", &path, Value::Null).await.0, 204);
}

#[tokio::test]
async fn the_automatic_signer_and_a_dropped_answer() {
    let mut receiver = Receiver::start(&[204; 9]).await;
    let auto_sign = AutoSign::AfterSend { delay: std::time::Duration::from_millis(1) };
    let bench = Bench::with(Options { auto_sign, ..Options::default() }).await;
    bench.sandbox.add_contract_signatures_webhook(&receiver.url).expect("an address");
    bench.call("POST", "/_sandbox/faults", json!([{"on": "create_contract", "do": "drop_answer"}]), 200).await;
    let body = json!({"templateId": "1", "name": "Dropped", "sequentialSigning": true, "signers": [signer("Ann", "email"), signer("Bob", "url")]});
    let request = bench.request("POST", API).bearer_auth("sandbox-key").json(&body);
    request.send().await.expect_err("the answer is dropped");
    for event in ["creation", "signature", "signature", "completion"] {
        assert_eq!(receiver.next().await.body["eventType"], event);
    }
    let found = get(&bench, "?substring=dropped&order=creation-date-asc").await;
    assert_eq!((&found["totalCount"], &found["contracts"][0]["status"]), (&json!(1), &json!("signed")));
}

//! Paperlex: every endpoint, its errors, versions, locking, review sessions and callbacks.

use engross_sandbox::{AutoSign, Options, Who};
use serde_json::{Value, json};

use crate::bench::{Bench, Receiver};

const API: &str = "/paperlex/v1";

/// One call as the official client makes it: the token in the query or in the form, by method.
async fn send(bench: &Bench, method: &str, path: &str, form: &[(&str, &str)]) -> (u16, String) {
    let token = ("token", "sandbox-key");
    let mut request = bench.request(method, &format!("{API}{path}"));
    request = match method {
        "GET" | "DELETE" => request.query(&[token]).query(form),
        _ => request.form(&form.iter().copied().chain([token]).collect::<Vec<_>>()),
    };
    let response = request.send().await.expect("an answer");
    (response.status().as_u16(), response.text().await.expect("a whole body"))
}

async fn call(bench: &Bench, method: &str, path: &str, form: &[(&str, &str)]) -> Value {
    let (status, body) = send(bench, method, path, form).await;
    assert_eq!(status, 200, "{method} {path} answered {body}");
    serde_json::from_str(&body).expect("a JSON body")
}

async fn refused(bench: &Bench, method: &str, path: &str, form: &[(&str, &str)], status: u16, error: &str) {
    let (found, body) = send(bench, method, path, form).await;
    let body: Value = serde_json::from_str(&body).expect("a JSON body");
    assert_eq!((found, body), (status, json!({"error": error})), "{method} {path}");
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().expect(key)
}

/// A contract for two signers; returns its path.
async fn contract(bench: &Bench, more: &[(&str, &str)]) -> String {
    let mut form = vec![
        ("contract[subject]", "My First NDA"),
        ("contract[number_of_signers]", "2"),
        ("contract[body]", "Between **{{party_a}}** and {{party_b}}."),
    ];
    form.extend(more);
    let contract = call(bench, "POST", "/contracts.json", &form).await;
    format!("/contracts/{}", text(&contract, "uuid"))
}

/// Adds a signer and opens a review session; returns the session.
async fn invite(bench: &Bench, contract: &str, email: &str) -> Value {
    call(bench, "POST", &format!("{contract}/signers.json"), &[("signer[email]", email)]).await;
    call(bench, "POST", &format!("{contract}/review_sessions.json"), &[("review_session[email]", email)]).await
}

async fn sign(bench: &Bench, session: &Value) -> u16 {
    let form = [("action", "sign"), ("name", "Ann Archer")];
    bench.client.post(text(session, "url")).form(&form).send().await.expect("an answer").status().as_u16()
}

#[tokio::test]
async fn a_contract_lives_from_its_template_to_the_last_signature() {
    let mut receiver = Receiver::start(&[]).await;
    let bench = Bench::start().await;
    let slaws = call(&bench, "GET", "/slaws.json", &[]).await;
    assert_eq!(slaws[0]["uuid"], "23a15b9e18d09168");
    let form = [
        ("contract[subject]", "NDA"),
        ("contract[number_of_signers]", "2"),
        ("contract[slaw_id]", "23a15b9e18d09168"),
        ("contract[body]", "ignored"),
        ("contract[responses][party_a]", "John <Smith>"),
        ("contract[signature_callback_url]", &receiver.url),
    ];
    let created = call(&bench, "POST", "/contracts.json", &form).await;
    let path = format!("/contracts/{}", text(&created, "uuid"));
    let snapshot = json!({
        "responses": {"party_a": "John <Smith>"}, "created_at": created["created_at"], "current_version": true,
        "body": created["body"], "uuid": created["uuid"], "updated_at": created["updated_at"], "signers": [],
        "locked": false, "subject": "NDA", "number_of_signers": 2, "signatures": [],
        "number_of_identity_verifications": 1, "signature_callback_url": receiver.url,
    });
    assert_eq!(created, snapshot);
    assert!(text(&created, "body").contains("{{party_a}}"), "the body is the template's");
    assert_eq!(text(&created, "created_at").len(), "2011-10-04T07:09:01Z".len());
    assert_eq!(call(&bench, "GET", &format!("{path}.json"), &[]).await, created);
    let list = call(&bench, "GET", "/contracts.json", &[]).await;
    let entry = json!({"created_at": created["created_at"], "uuid": created["uuid"], "updated_at": created["updated_at"], "subject": "NDA"});
    assert_eq!(list, json!([entry]));
    let (status, page) = send(&bench, "GET", &format!("{path}.html"), &[]).await;
    assert!(status == 200 && page.contains("<strong>John &lt;Smith&gt;</strong>") && page.contains("<p>1. "), "{page}");

    let first = invite(&bench, &path, "ann@x.example").await;
    let second = invite(&bench, &path, "bob@x.example").await;
    assert_eq!(sign(&bench, &first).await, 303);
    let callback = receiver.next().await.form();
    let found = call(&bench, "GET", &format!("{path}.json"), &[]).await;
    assert_eq!((&found["locked"], found["signatures"].as_array().map(Vec::len)), (&json!(true), Some(1)));
    let signature = &found["signatures"][0];
    let expected = [
        ("type", "signature"),
        ("contract_uuid", text(&created, "uuid")),
        ("signature_uuid", text(signature, "uuid")),
        ("signer_uuid", text(&found["signers"][0], "uuid")),
        ("identity_verification_method", "email"),
        ("identity_verification_value", "ann@x.example"),
        ("created_at", text(signature, "created_at")),
    ];
    assert_eq!(callback, expected.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
    assert_eq!(sign(&bench, &first).await, 422, "once only");
    assert_eq!(sign(&bench, &second).await, 303);
    assert_eq!(receiver.next().await.form()["identity_verification_value"], "bob@x.example");
    let control = bench.get(&format!("/_sandbox/paperlex{path}")).await;
    assert_eq!(control["contract"]["status"], "completed");
    let counters = bench.counters();
    assert_eq!((counters.paperlex.contracts_created, counters.paperlex.sends, counters.paperlex.signatures), (1, 2, 2));
    assert_eq!((counters.paperlex.downloads, counters.paperlex.rejected), (1, 0), "the page is no API request");
    assert_eq!((counters.contracts_created, counters.requests), (0, 0), "Juro's counts are Juro's");
}

#[tokio::test]
async fn the_token_travels_by_method_and_both_bracket_spellings_are_read() {
    let bench = Bench::start().await;
    let no_key = json!({"error": "Couldn't find your API key"});
    let path = format!("{API}/contracts.json");
    assert_eq!(bench.call("GET", &path, Value::Null, 422).await, no_key);
    assert_eq!(bench.call("GET", &format!("{path}?token=wrong"), Value::Null, 422).await, no_key);
    assert_eq!(bench.call("POST", &path, json!({"token": "sandbox-key"}), 422).await, no_key, "JSON is no form");
    for body in [
        "contract[subject]=My%20First%20NDA&contract[number_of_signers]=1&contract[body]=x&contract[responses][party_a]=A&token=sandbox-key",
        "contract%5Bsubject%5D=My+First+NDA&contract%5Bnumber_of_signers%5D=1&contract%5Bbody%5D=x&contract%5Bresponses%5D%5Bparty_a%5D=A&token=sandbox-key",
    ] {
        let request = bench.request("POST", &path).header("content-type", "application/x-www-form-urlencoded");
        let response = request.body(body).send().await.expect("an answer");
        let contract: Value = response.json().await.expect("a contract");
        assert_eq!((&contract["subject"], &contract["responses"]), (&json!("My First NDA"), &json!({"party_a": "A"})));
    }
    assert_eq!(call(&bench, "GET", "/contracts.json", &[]).await.as_array().map(Vec::len), Some(2));
    for (form, error) in [
        ("a[b]=1&a=2", "a: is given twice"),
        ("a[b]=1&a[b][c]=3", "a[b][c]: is given twice"),
        ("a[b=1", "a[b: a bracket is not closed"),
        ("a[]=1", "a[]: lists and broken brackets are not taken"),
        ("a[b][c][d][e][f][g][h][i]=1", "a[b][c][d][e][f][g][h][i]: more than 8 levels"),
    ] {
        let request = bench.request("POST", &path).header("content-type", "application/x-www-form-urlencoded");
        let response = request.body(form.to_owned()).send().await.expect("an answer");
        assert_eq!(response.status(), 422, "{form}");
        assert_eq!(response.json::<Value>().await.expect("JSON"), json!({"error": error}), "{form}");
    }
}

#[tokio::test]
async fn an_unknown_uuid_is_null_or_404_as_control_says_and_all_else_is_422() {
    let bench = Bench::start().await;
    let path = contract(&bench, &[]).await;
    let missing = [
        ("GET", "/contracts/00.json".to_owned(), "Contract not found: 00"),
        ("PUT", "/contracts/00.json".to_owned(), "Contract not found: 00"),
        ("GET", "/slaws/00.json".to_owned(), "Template not found: 00"),
        ("DELETE", "/slaws/00.json".to_owned(), "Template not found: 00"),
        ("GET", format!("{path}/signers/00.json"), "Signer not found: 00"),
        ("GET", format!("{path}/review_sessions/00.json"), "Review session not found: 00"),
        ("GET", format!("{path}/signatures/00.json"), "Signature not found: 00"),
    ];
    for (method, path, _) in &missing {
        assert_eq!(call(&bench, method, path, &[]).await, Value::Null, "{method} {path}");
    }
    bench.call("POST", "/_sandbox/paperlex/settings", json!({"missing_is_404": true}), 200).await;
    for (method, path, error) in &missing {
        refused(&bench, method, path, &[], 404, error).await;
    }
    refused(&bench, "GET", &format!("{path}/versions/2.json"), &[], 404, "no version 2").await;
    refused(&bench, "POST", &format!("{path}/versions/0/revert.json"), &[], 404, "no version 0").await;
    refused(&bench, "GET", "/nothing.json", &[], 404, "Not Found").await;
    refused(&bench, "DELETE", &format!("{path}.json"), &[], 405, "Method Not Allowed").await;
    let create =
        [("contract[number_of_signers]", "0"), ("contract[uuid]", "1"), ("contract[signature_callback_url]", "x")];
    refused(
        &bench,
        "POST",
        "/contracts.json",
        &create,
        422,
        "contract[uuid] is not allowed; contract[subject] is required; contract[body] is required when slaw_id is not given; \
         contract[number_of_signers] must be an integer greater than zero, at most 500; \
         contract[signature_callback_url] is invalid: url: x: relative URL without a base",
    )
    .await;
    let create = [("contract[subject]", "x"), ("contract[number_of_signers]", "1"), ("contract[slaw_id]", "00")];
    refused(&bench, "POST", "/contracts.json", &create, 404, "Template not found: 00").await;
    refused(
        &bench,
        "PUT",
        &format!("{path}.json"),
        &[("contract[subject]", " ")],
        422,
        "contract[subject] can't be blank",
    )
    .await;
    refused(&bench, "PUT", &format!("{path}.json"), &[], 422, "contract is required").await;
    refused(
        &bench,
        "POST",
        &format!("{path}/signers.json"),
        &[("signer[email]", "x")],
        422,
        "signer[email] is not an e-mail address",
    )
    .await;
    refused(&bench, "GET", &format!("{path}/responses/party_a.json"), &[], 422, "there is no response party_a").await;
    refused(&bench, "POST", &format!("{path}/responses.json"), &[], 422, "responses is required").await;
    refused(&bench, "PUT", &format!("{path}/responses/k.json"), &[], 422, "value is required").await;
    refused(&bench, "POST", "/slaws.json", &[("slaw[name]", "x")], 422, "slaw[body] is required").await;
    let counters = bench.counters().paperlex;
    assert_eq!((counters.requests, counters.rejected), (28, 20));
}

#[tokio::test]
async fn what_is_too_much_is_refused_by_its_bound() {
    let bench = Bench::start().await;
    let path = contract(&bench, &[]).await;
    let many: Vec<(String, String)> = (0..1_001).map(|number| (format!("k{number}"), String::new())).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    refused(&bench, "POST", "/contracts.json", &many, 422, "more than 1000 parameters").await;
    let long = "x".repeat(200_001);
    refused(&bench, "POST", "/contracts.json", &[("a", &long)], 422, "a: at most 200000 characters").await;
    let error = "responses[k] has more than 20000 characters";
    refused(&bench, "PUT", &format!("{path}/responses/k.json"), &[("value", &long[..20_001])], 422, error).await;
    let error = "contract[subject] has more than 500 characters";
    refused(&bench, "PUT", &format!("{path}.json"), &[("contract[subject]", &long[..501])], 422, error).await;
    let responses: Vec<(String, String)> =
        (0..501).map(|number| (format!("responses[k{number}]"), "v".into())).collect();
    let responses: Vec<(&str, &str)> = responses.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    refused(&bench, "POST", &format!("{path}/responses.json"), &responses, 422, "responses: at most 500 are kept")
        .await;
    assert_eq!(call(&bench, "GET", &format!("{path}.json"), &[]).await["responses"], Value::Null, "nothing was kept");
}

#[tokio::test]
async fn responses_are_merged_by_post_and_replaced_by_put() {
    let bench = Bench::start().await;
    let path = contract(&bench, &[]).await;
    assert_eq!(call(&bench, "GET", &format!("{path}.json"), &[]).await["responses"], Value::Null);
    let responses = format!("{path}/responses.json");
    let given = [("responses[party_a]", "John Smith"), ("responses[party_b]", "Jane")];
    assert_eq!(call(&bench, "POST", &responses, &given).await, json!({"party_a": "John Smith", "party_b": "Jane"}));
    let one = call(&bench, "POST", &responses, &[("responses[party_b]", "Jane Smith")]).await;
    assert_eq!(one, json!({"party_b": "Jane Smith"}));
    let key = |key: &str| format!("{path}/responses/{key}.json");
    assert_eq!(call(&bench, "GET", &key("party_b"), &[]).await, json!(["Jane Smith"]));
    assert_eq!(call(&bench, "PUT", &key("the%20term"), &[("value", "1 year")]).await, json!(["1 year"]));
    assert_eq!(call(&bench, "DELETE", &key("party_a"), &[]).await, json!(["John Smith"]));
    assert_eq!(call(&bench, "GET", &responses, &[]).await, json!({"party_b": "Jane Smith", "the term": "1 year"}));
    let put = call(&bench, "PUT", &format!("{path}.json"), &[("contract[responses][x]", "y")]).await;
    assert_eq!(put["responses"], json!({"x": "y"}));
    let put = call(&bench, "PUT", &format!("{path}.json"), &[("contract[subject]", "Renamed")]).await;
    assert_eq!((&put["subject"], &put["responses"]), (&json!("Renamed"), &json!({"x": "y"})));
}

#[tokio::test]
async fn each_change_is_a_version_and_a_revert_adds_one() {
    let bench = Bench::start().await;
    let path = contract(&bench, &[]).await;
    call(&bench, "PUT", &format!("{path}.json"), &[("contract[subject]", "Second")]).await;
    call(&bench, "PUT", &format!("{path}/responses/k.json"), &[("value", "v")]).await;
    let versions = call(&bench, "GET", &format!("{path}/versions.json"), &[]).await;
    let version = |number: u32| json!({"version": number, "event": "update"});
    assert_eq!(versions, json!([version(1), version(2), version(3)]));
    let first = call(&bench, "GET", &format!("{path}/versions/1.json"), &[]).await;
    assert_eq!((&first["subject"], &first["current_version"]), (&json!("My First NDA"), &json!(false)));
    assert!(first.get("signers").is_none() && first.get("signatures").is_none() && first.get("locked").is_none());
    let reverted = call(&bench, "POST", &format!("{path}/versions/1/revert.json"), &[]).await;
    assert_eq!((&reverted["subject"], &reverted["current_version"]), (&json!("My First NDA"), &json!(true)));
    let found = call(&bench, "GET", &format!("{path}.json"), &[]).await;
    assert_eq!((&found["subject"], &found["responses"]), (&json!("My First NDA"), &Value::Null));
    assert_eq!(call(&bench, "GET", &format!("{path}/versions.json"), &[]).await.as_array().map(Vec::len), Some(4));

    let slaw = call(&bench, "POST", "/slaws.json", &[("slaw[name]", "T"), ("slaw[body]", "{{b}} {{a}} {{b}}")]).await;
    assert_eq!(slaw["response_keys"], json!(["b", "a"]));
    let path = format!("/slaws/{}", text(&slaw, "uuid"));
    let changed =
        call(&bench, "PUT", &format!("{path}.json"), &[("slaw[name]", "U"), ("slaw[description]", "d")]).await;
    assert_eq!(
        (&changed["name"], &changed["body"], &changed["description"]),
        (&json!("U"), &slaw["body"], &json!("d"))
    );
    assert_eq!(call(&bench, "GET", &format!("{path}/versions.json"), &[]).await, json!([version(1), version(2)]));
    let old = json!({"name": "T", "public": false, "body": slaw["body"], "uuid": slaw["uuid"], "description": ""});
    assert_eq!(call(&bench, "GET", &format!("{path}/versions/1.json"), &[]).await, old);
    assert_eq!(call(&bench, "POST", &format!("{path}/versions/1/revert.json"), &[]).await, old);
    let (_, page) = send(&bench, "GET", &format!("{path}.html"), &[("responses[a]", "<Ann>")]).await;
    assert!(page.contains("<p>&lt;Ann&gt;</p>"), "{page}");
    let (_, page) = send(&bench, "GET", &format!("{path}.html"), &[("enhanced", "1"), ("responses[a]", "Ann")]).await;
    assert!(page.contains("<p>b Ann b</p>"), "{page}");
    assert_eq!(call(&bench, "DELETE", &format!("{path}.json"), &[]).await["name"], "T");
    assert_eq!(call(&bench, "GET", &format!("{path}.json"), &[]).await, Value::Null);
}

#[tokio::test]
async fn the_first_signature_locks_the_contract() {
    let bench = Bench::start().await;
    let path = contract(&bench, &[]).await;
    let session = invite(&bench, &path, "ann@x.example").await;
    assert_eq!(sign(&bench, &session).await, 303);
    let locked = "Contract is locked: it has been signed by at least one party";
    refused(&bench, "PUT", &format!("{path}.json"), &[("contract[subject]", "x")], 422, locked).await;
    refused(&bench, "POST", &format!("{path}/responses.json"), &[("responses[a]", "x")], 422, locked).await;
    refused(&bench, "PUT", &format!("{path}/responses/a.json"), &[("value", "x")], 422, locked).await;
    refused(&bench, "DELETE", &format!("{path}/responses/a.json"), &[], 422, locked).await;
    refused(&bench, "POST", &format!("{path}/versions/1/revert.json"), &[], 422, locked).await;
    let signers = call(&bench, "GET", &format!("{path}/signers.json"), &[]).await;
    let signer = format!("{path}/signers/{}.json", text(&signers[0], "uuid"));
    refused(&bench, "DELETE", &signer, &[], 422, "this signer has signed already").await;
    refused(&bench, "PUT", &signer, &[("signer[email]", "b@x.example")], 422, "this signer has signed already").await;
    invite(&bench, &path, "bob@x.example").await;
    let full = "You can only add as many signers as permitted by number_of_signers, which is 2";
    refused(&bench, "POST", &format!("{path}/signers.json"), &[("signer[email]", "c@x.example")], 422, full).await;
}

#[tokio::test]
async fn signers_are_changed_and_deleted_before_they_sign() {
    let bench = Bench::start().await;
    let path = contract(&bench, &[]).await;
    let added = call(&bench, "POST", &format!("{path}/signers.json"), &[("signer[email]", "a@x.example")]).await;
    let signer = format!("{path}/signers/{}.json", text(&added, "uuid"));
    let changed = json!({"uuid": added["uuid"], "email": "b@x.example"});
    assert_eq!(call(&bench, "PUT", &signer, &[("signer[email]", "b@x.example")]).await, changed);
    assert_eq!(call(&bench, "GET", &signer, &[]).await, changed);
    call(&bench, "POST", &format!("{path}/signers.json"), &[("signer[email]", "c@x.example")]).await;
    let fewer = [("contract[number_of_signers]", "1")];
    refused(
        &bench,
        "PUT",
        &format!("{path}.json"),
        &fewer,
        422,
        "contract[number_of_signers] there are 2 signers already",
    )
    .await;
    assert_eq!(call(&bench, "DELETE", &signer, &[]).await, changed);
    assert_eq!(call(&bench, "GET", &format!("{path}/signers.json"), &[]).await.as_array().map(Vec::len), Some(1));
    call(&bench, "PUT", &format!("{path}.json"), &fewer).await;
}

#[tokio::test]
async fn a_review_session_ends_and_is_issued_again() {
    let bench = Bench::start().await;
    let path = contract(&bench, &[]).await;
    let session = invite(&bench, &path, "ann@x.example").await;
    let sessions = format!("{path}/review_sessions");
    let one = format!("{sessions}/{}.json", text(&session, "uuid"));
    assert_eq!(call(&bench, "GET", &format!("{sessions}.json"), &[]).await, json!([session]));
    let hours = hours_left(&session);
    assert!((23..=24).contains(&hours), "24 hours unless said otherwise, not {hours}");
    let both = [("review_session[expires_in]", "7200"), ("review_session[expires_at]", "2001-01-01T00:00:00Z")];
    assert!((1..=2).contains(&hours_left(&call(&bench, "PUT", &one, &both).await)), "expires_in wins");
    let past = [("review_session[expires_at]", "2001-01-01T00:00:00Z")];
    assert_eq!(call(&bench, "PUT", &one, &past).await["expires_at"], "2001-01-01T00:00:00Z");
    let page = bench.client.get(text(&session, "url")).send().await.expect("a page").text().await.expect("a page");
    assert!(page.contains("this review session has expired") && !page.contains("<form"), "{page}");
    assert_eq!(sign(&bench, &session).await, 422);
    assert_eq!(
        call(&bench, "PUT", &one, &[("review_session[email]", "ann@x.example")]).await["token"],
        session["token"]
    );
    bench
        .call("POST", &format!("/_sandbox/paperlex{sessions}/{}/expire", text(&session, "uuid")), Value::Null, 200)
        .await;
    assert_eq!(sign(&bench, &session).await, 422);
    call(&bench, "PUT", &one, &[("review_session[expires_in]", "60")]).await;
    assert_eq!(sign(&bench, &session).await, 303);
    assert_eq!(call(&bench, "DELETE", &one, &[]).await["uuid"], session["uuid"]);
    assert_eq!(bench.client.get(text(&session, "url")).send().await.expect("an answer").status(), 404);

    let reader = [("review_session[email]", "eve@x.example"), ("review_session[expires_in]", "soon")];
    let wrong = "review_session[expires_in] must be a number of seconds, at most 315360000";
    refused(&bench, "POST", &format!("{sessions}.json"), &reader, 422, wrong).await;
    let reader = call(&bench, "POST", &format!("{sessions}.json"), &reader[..1]).await;
    assert_eq!(sign(&bench, &reader).await, 422, "a reader who is no signer only reads");
}

fn hours_left(session: &Value) -> i64 {
    let expires: jiff::Timestamp = text(session, "expires_at").parse().expect("a time");
    (expires.as_second() - jiff::Timestamp::now().as_second() + 1) / 3600
}

#[tokio::test]
async fn only_200_acknowledges_and_25_failures_end_a_callback() {
    let failures: Vec<u16> = [201, 202, 204, 302, 404, 500].into_iter().cycle().take(25).collect();
    let mut receiver = Receiver::start(&failures).await;
    let bench = Bench::start().await;
    bench.call("POST", "/_sandbox/settings", json!({"retry_speed": 100_000_000}), 200).await;
    bench.call("POST", "/_sandbox/settings", json!({"retry_speed": 0}), 400).await;
    let path = contract(&bench, &[("contract[signature_callback_url]", &receiver.url)]).await;
    let session = invite(&bench, &path, "ann@x.example").await;
    assert_eq!(sign(&bench, &session).await, 303);
    let first = receiver.next().await.form();
    for _ in 1..25 {
        assert_eq!(receiver.next().await.form(), first, "a retry is the same callback");
    }
    // The control panel's replay is a new delivery, which the receiver now takes.
    let replayed = bench.call("POST", &format!("/_sandbox/paperlex{path}/replay_callbacks"), Value::Null, 200).await;
    assert_eq!(replayed, json!({"sent": 1}));
    assert_eq!(receiver.next().await.form(), first);
    bench.call("POST", "/_sandbox/paperlex/settings", json!({"json_callbacks": true}), 200).await;
    bench.call("POST", &format!("/_sandbox/paperlex{path}/replay_callbacks"), Value::Null, 200).await;
    let delivery = receiver.next().await;
    assert_eq!(delivery.headers["content-type"], "application/json");
    assert_eq!(delivery.body["signature_uuid"], first["signature_uuid"]);
    assert_eq!((bench.counters().paperlex.webhooks_failed, bench.counters().webhooks_failed), (1, 0));
}

#[tokio::test]
async fn a_callback_that_fails_does_not_hold_up_the_next() {
    let mut receiver = Receiver::start(&[500]).await;
    let bench = Bench::start().await;
    let path = contract(&bench, &[("contract[signature_callback_url]", &receiver.url)]).await;
    invite(&bench, &path, "ann@x.example").await;
    invite(&bench, &path, "bob@x.example").await;
    let uuid = path.trim_start_matches("/contracts/");
    assert_eq!(bench.sandbox.sign(uuid, Who::Side("ann@x.example")), Ok(1));
    assert_eq!(bench.sandbox.sign(uuid, Who::Outstanding), Ok(1));
    let values = [receiver.next().await, receiver.next().await]
        .map(|delivery| delivery.form()["identity_verification_value"].clone());
    assert_eq!(values, ["ann@x.example", "bob@x.example"], "the first waits 5 seconds for its next try");
    let counters = bench.counters().paperlex;
    assert_eq!((counters.webhooks_refused, counters.webhooks_failed), (1, 0), "a refusal is not told until the last");
    assert_eq!(bench.sandbox.sign(uuid, Who::Outstanding).expect_err("all signed").status, 422);
    assert_eq!(bench.sandbox.sign(uuid, Who::Side("eve@x.example")).expect_err("nobody").status, 404);
}

#[tokio::test]
async fn a_changed_template_is_told_and_webhooks_are_lost_doubled_and_overtaken() {
    let mut receiver = Receiver::start(&[]).await;
    let bench = Bench::start().await;
    let slaw = call(&bench, "POST", "/slaws.json", &[("slaw[name]", "T"), ("slaw[body]", "x")]).await;
    let create = [
        ("contract[subject]", "x"),
        ("contract[number_of_signers]", "1"),
        ("contract[slaw_id]", text(&slaw, "uuid")),
        ("contract[signature_callback_url]", &receiver.url),
    ];
    let made = call(&bench, "POST", "/contracts.json", &create).await;
    let rules = json!([
        {"on": "webhook", "do": "lose"},
        {"on": "webhook", "do": "reorder"},
        {"on": "webhook", "skip": 1, "do": "duplicate"},
    ]);
    bench.call("POST", "/_sandbox/faults", rules, 200).await;
    let path = format!("/slaws/{}.json", text(&slaw, "uuid"));
    call(&bench, "PUT", &path, &[("slaw[body]", "lost")]).await;
    call(&bench, "PUT", &path, &[("slaw[body]", "overtaken")]).await;
    let contract = format!("/contracts/{}", text(&made, "uuid"));
    let session = invite(&bench, &contract, "ann@x.example").await;
    assert_eq!(sign(&bench, &session).await, 303);
    call(&bench, "PUT", &path, &[("slaw[body]", "doubled")]).await;
    let mut types = Vec::new();
    for _ in 0..4 {
        types.push(receiver.next().await.form()["type"].clone());
    }
    assert_eq!(types, ["signature", "contract.slaw_updated", "contract.slaw_updated", "contract.slaw_updated"]);
    assert_eq!(
        call(&bench, "GET", &format!("{contract}.json"), &[]).await["body"],
        "x",
        "nothing is applied afterwards"
    );
}

#[tokio::test]
async fn a_ping_says_whether_the_receiver_answers_200() {
    let mut receiver = Receiver::start(&[200, 204]).await;
    let bench = Bench::start().await;
    for expected in ["OK", "FAILURE"] {
        let answer = call(&bench, "POST", "/callbacks/ping.json", &[("url", &receiver.url)]).await;
        assert_eq!(answer, json!([expected]));
        assert_eq!(receiver.next().await.form()["type"], "ping");
    }
    let nowhere = call(&bench, "POST", "/callbacks/ping.json", &[("url", "http://127.0.0.1:1/")]).await;
    assert_eq!(nowhere, json!(["FAILURE"]));
    refused(&bench, "POST", "/callbacks/ping.json", &[], 422, "url is required").await;
}

#[tokio::test]
async fn a_simple_signature_is_a_browsers_form() {
    let mut receiver = Receiver::start(&[]).await;
    let bench = Bench::start().await;
    let path = format!("{API}/simple_signatures.html");
    let form = |token: &'static str| {
        vec![
            ("public_token", token.to_owned()),
            ("return_url", receiver.url.clone()),
            ("slaw_id", "5d21c0de4a7be901".to_owned()),
            ("responses[party_b]", "Ann".to_owned()),
            ("email", "ann@x.example".to_owned()),
        ]
    };
    let post = |form: Vec<(&'static str, String)>| bench.client.post(bench.url(&path)).form(&form).send();
    assert_eq!(post(form("wrong")).await.expect("an answer").status(), 422);
    let response = post(form("sandbox-public-token")[..1].to_vec()).await.expect("an answer");
    let error =
        json!({"error": "return_url is required; slaw_id is required; email is required; responses is required"});
    assert_eq!(response.json::<Value>().await.expect("JSON"), error);
    let response = post(form("sandbox-public-token")).await.expect("an answer");
    assert_eq!(response.status(), 200);
    let policy = response.headers()["content-security-policy"].to_str().expect("a text").to_owned();
    assert!(policy.contains(&format!("form-action 'self' {};", receiver.url.trim_end_matches("/hook"))), "{policy}");
    let page = response.text().await.expect("a page");
    let (_, rest) = page.split_once("action=\"").expect("a form with an address");
    let (action, _) = rest.split_once('"').expect("its end");
    let signed = bench.client.post(bench.url(action)).form(&[("action", "sign"), ("name", "Ann")]).send();
    let signed = signed.await.expect("an answer");
    assert_eq!(
        (signed.status().as_u16(), signed.headers()["location"].to_str().expect("a text")),
        (303, receiver.url.as_str())
    );
    assert_eq!(receiver.next().await.form()["identity_verification_value"], "ann@x.example");
}

#[tokio::test]
async fn signatures_are_placed_by_api_with_the_special_token_only() {
    let bench = Bench::start().await;
    let path = contract(&bench, &[]).await;
    invite(&bench, &path, "ann@x.example").await;
    let list = format!("{path}/signatures.json");
    let form = [
        ("signature[signer]", "ann@x.example"),
        ("signature[identity][method]", "SMS"),
        ("signature[identity][value]", "555-555-1234"),
    ];
    refused(&bench, "POST", &list, &form, 422, "This API key is not part of the remote signature program").await;
    let special = form.iter().copied().chain([("token", "sandbox-signature-token")]).collect::<Vec<_>>();
    let request = bench.request("POST", &format!("{API}{list}")).form(&special);
    let placed: Value = request.send().await.expect("an answer").json().await.expect("a signature");
    assert_eq!(
        (&placed["identity_verification_method"], &placed["identity_verification_value"]),
        (&json!("sms"), &json!("555-555-1234"))
    );
    assert_eq!(call(&bench, "GET", &list, &[]).await, json!([placed]));
    let one = format!("{path}/signatures/{}.json", text(&placed, "uuid"));
    assert_eq!(call(&bench, "GET", &one, &[]).await, placed);
}

#[tokio::test]
async fn the_automatic_signer_signs_whoever_was_invited() {
    let mut receiver = Receiver::start(&[]).await;
    let auto_sign = AutoSign::AfterSend { delay: std::time::Duration::from_millis(1) };
    let bench = Bench::with(Options { auto_sign, ..Options::default() }).await;
    let path = contract(&bench, &[("contract[signature_callback_url]", &receiver.url)]).await;
    for email in ["ann@x.example", "bob@x.example"] {
        invite(&bench, &path, email).await;
        assert_eq!(receiver.next().await.form()["identity_verification_value"], email);
    }
    let control = bench.get(&format!("/_sandbox/paperlex{path}")).await;
    assert_eq!(control["contract"]["status"], "completed");
}

#[tokio::test]
async fn faults_hit_paperlex_in_its_own_words() {
    let bench = Bench::start().await;
    let rules = json!([
        {"on": "add_signer", "do": "drop_answer"},
        {"on": "send", "do": {"status": {"code": 400}}},
    ]);
    bench.call("POST", "/_sandbox/faults", rules, 200).await;
    let path = contract(&bench, &[]).await;
    let form = [("signer[email]", "ann@x.example"), ("token", "sandbox-key")];
    let request = bench.request("POST", &format!("{API}{path}/signers.json")).form(&form);
    request.send().await.expect_err("the answer is dropped");
    let signers = call(&bench, "GET", &format!("{path}/signers.json"), &[]).await;
    assert_eq!(signers[0]["email"], "ann@x.example", "the effect has happened");
    let form = [("review_session[email]", "ann@x.example")];
    refused(&bench, "POST", &format!("{path}/review_sessions.json"), &form, 400, "scripted fault: status 400").await;
}

//! What goes wrong, by class, and what is said about the effect.

use crate::support::{API_KEY, Say, connection, context, contract, provider, stage, step, template};
use engross_providers::from_yaml;
use engross_step_api::{EffectState, ErrorClass, StepError};
use serde_json::{Value, json};

fn send() -> Value {
    json!({"contract_id": "c1", "message": "Please sign.", "signing_side": "s2"})
}

/// The error of one effect (`send_for_signing`, after its read) and of one read (`get_contract`) with the same answer.
async fn both(say: Say) -> (StepError, StepError) {
    let (step, _server, context) =
        stage("juro", "send_for_signing", vec![Say::ok(contract("c1", "approved")), say.clone()]).await;
    let effect = step.execute(&context, &send()).await.expect_err("an error");
    let (step, _server, context) = stage("juro", "get_contract", vec![say]).await;
    let read = step.execute(&context, &json!({"contract_id": "c1"})).await.expect_err("an error");
    (effect, read)
}

async fn check(say: Say, class: ErrorClass, effect_state: EffectState, code: &str) -> (StepError, StepError) {
    let (effect, read) = both(say.clone()).await;
    assert_eq!((effect.class, effect.effect, effect.code.as_str()), (class, effect_state, code), "{say:?}: {effect}");
    assert_eq!((read.class, read.effect, read.code.as_str()), (class, EffectState::NotDone, code), "{say:?}: {read}");
    (effect, read)
}

fn refusal(status: u16) -> Say {
    Say::Json(status, json!({"message": "the words"}))
}

#[tokio::test]
async fn a_refusal_says_that_nothing_happened() {
    use ErrorClass::{Auth, Conflict, Invalid, NotFound, RateLimited, State, Unknown};
    for (status, class) in [
        (400, Invalid),
        (401, Auth),
        (403, State),
        (404, NotFound),
        (405, Invalid),
        (409, Conflict),
        (412, State),
        (418, Unknown),
        (422, Invalid),
        (429, RateLimited),
    ] {
        let (effect, _) = check(refusal(status), class, EffectState::NotDone, &format!("http_{status}")).await;
        assert_eq!(effect.message, format!("`juro/send_for_signing` was refused with HTTP {status}: the words"));
    }
    let forbidden = Say::Json(403, json!({"message": "Forbidden"}));
    check(forbidden, Auth, EffectState::NotDone, "http_403").await;
}

#[tokio::test]
async fn a_failure_of_the_provider_leaves_an_effect_in_doubt() {
    for status in [500, 502, 503, 504] {
        check(refusal(status), ErrorClass::Transient, EffectState::Unknown, &format!("http_{status}")).await;
    }
    // A redirect is not followed, and nobody knows what it was for.
    let elsewhere = Say::with(302, "location: http://127.0.0.1:1/\r\n", b"");
    check(elsewhere, ErrorClass::Unknown, EffectState::Unknown, "http_302").await;
}

#[tokio::test]
async fn a_lost_answer_leaves_an_effect_in_doubt() {
    let cut = Say::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"mess".to_vec());
    let head = Say::Raw(b"HTTP/1.1 200 OK\r\ncontent-le".to_vec());
    for say in [Say::Drop, cut, head] {
        check(say, ErrorClass::Transient, EffectState::Unknown, "answer_lost").await;
    }
    let garbage = Say::with(200, "content-type: text/html\r\n", b"<html>welcome</html>");
    let (effect, _) = check(garbage, ErrorClass::Transient, EffectState::Unknown, "garbage").await;
    assert!(effect.message.contains("no JSON"), "{effect}");
    let half = Say::with(200, "", b"{\"message\": ");
    check(half, ErrorClass::Transient, EffectState::Unknown, "garbage").await;
}

#[tokio::test]
async fn a_refusal_whose_words_are_cut_off_is_a_refusal_still() {
    let cut = Say::Raw(b"HTTP/1.1 412 X\r\ncontent-length: 100\r\n\r\nnot no".to_vec());
    let (effect, _) = check(cut, ErrorClass::State, EffectState::NotDone, "http_412").await;
    assert!(effect.message.ends_with("HTTP 412: not no"), "{effect}");
}

#[tokio::test]
async fn a_create_without_an_id_in_its_answer_is_in_doubt() {
    let input = json!({"template_id": "t1", "name": "NDA"});
    let mut nameless = contract("c1", "draft");
    nameless["contract"]["id"] = Value::Null;
    for answer in [json!({}), json!({"contract": {}}), json!(null), nameless] {
        let (step, _server, context) = stage("juro", "create_contract", vec![Say::ok(answer.clone())]).await;
        let error = step.execute(&context, &input).await.expect_err("an error");
        assert_eq!((error.class, error.effect), (ErrorClass::Transient, EffectState::Unknown), "{answer}: {error}");
        assert!(error.message.contains("lacks `contract_id`"), "{error}");
    }
}

#[tokio::test]
async fn nobody_listening_is_certainly_not_done() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let context = context(connection("juro", &format!("http://{free}/v3")));
    let input = json!({"template_id": "t1", "name": "NDA"});
    let create = step(provider("juro").as_ref(), "create_contract");
    let error = create.execute(&context, &input).await.expect_err("an error");
    assert_eq!(
        (error.class, error.effect, error.code.as_str()),
        (ErrorClass::Transient, EffectState::NotDone, "connect")
    );
}

#[tokio::test]
async fn a_failed_look_up_before_the_effect_is_certainly_not_done() {
    for say in [Say::Drop, refusal(500), refusal(404)] {
        let (step, server, context) = stage("juro", "send_for_signing", vec![say.clone()]).await;
        let error = step.execute(&context, &send()).await.expect_err("an error");
        assert_eq!(error.effect, EffectState::NotDone, "{say:?}: {error}");
        assert_eq!(server.lines(), ["GET /v3/contracts/c1 HTTP/1.1"]);
    }
}

/// A manifest with a short timeout.
const QUICK: &str = "
manifest: 1
provider: quick
title: A provider with little patience
environments: { test: { base_url: 'http://127.0.0.1:9', default: true } }
defaults: { timeout_s: 0.2 }
errors: []
operations:
  act: { title: Act, method: POST, path: /act, effect: unsafe }
  look: { title: Look, method: GET, path: /look, effect: read }
";

#[tokio::test]
async fn no_answer_in_time_leaves_an_effect_in_doubt() {
    for (name, expected) in [("act", EffectState::Unknown), ("look", EffectState::NotDone)] {
        let started = Say::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{".to_vec());
        for (say, code) in [(Say::Hang, "timeout"), (started, "answer_lost")] {
            let server = crate::support::Server::start(vec![say]).await;
            let provider = from_yaml("quick.yaml", QUICK).expect("a manifest");
            let mut connection = connection("quick", &format!("http://{}", server.address));
            connection.settings.clear();
            let step = step(provider.as_ref(), name);
            let error = step.execute(&context(connection), &json!({})).await.expect_err("an error");
            assert_eq!((error.class, error.effect, error.code.as_str()), (ErrorClass::Transient, expected, code));
        }
    }
}

#[tokio::test]
async fn the_providers_wish_to_be_left_alone_is_passed_on() {
    for (header, expected) in [("retry-after: 7\r\n", Some(7_000)), ("retry-after: soon\r\n", None), ("", None)] {
        let (effect, read) = both(Say::with(429, header, b"{}")).await;
        assert_eq!((effect.retry_after_ms, read.retry_after_ms), (expected, expected), "{header}");
    }
}

#[tokio::test]
async fn the_providers_words_are_cut_and_cleaned() {
    let long = format!("first line\u{1b}[31m\nsecond\u{202e} {}", "x".repeat(400));
    let (error, _) = both(Say::with(500, "", long.as_bytes())).await;
    let words = error.message.split("HTTP 500: ").nth(1).expect("words").to_string();
    assert!(words.starts_with("first line [31m second x"), "{words}");
    assert_eq!(words.chars().count(), 201);
    let echo = format!("{} bad key {API_KEY}", "y".repeat(185));
    let (error, _) = both(Say::with(500, "", echo.as_bytes())).await;
    assert!(!error.message.contains("key-01"), "half a secret is shown: {error}");
}

#[tokio::test]
async fn a_page_in_the_place_of_an_answer_is_one_line_of_its_words() {
    let page = format!(
        "<!DOCTYPE html>\n<html><head><title>Sorry</title><style>h1 {{ color: red }}</style></head>\n<body>\n\
         <h1>Bad&nbsp;gateway</h1>\n<p>key&#45;no &amp; {API_KEY}</p>\n{}</body></html>",
        "<p>again and again</p>\n".repeat(50)
    );
    for say in
        [Say::with(502, "content-type: text/html\r\n", page.as_bytes()), Say::Json(502, json!({"message": page}))]
    {
        let (error, _) = both(say).await;
        let words = error.message.split("HTTP 502: ").nth(1).expect("words");
        assert!(words.starts_with("Sorry Bad gateway key"), "{words}");
        assert!(!words.contains(['<', '\n']) && !words.contains("color") && !words.contains(API_KEY), "{words}");
        assert_eq!(words.chars().count(), 201, "{words}");
    }
}

#[tokio::test]
async fn what_is_no_pdf_is_not_kept() {
    let script = vec![Say::with(200, "content-type: application/pdf\r\n", b"<html>maintenance</html>")];
    let (step, _server, context) = stage("juro", "download_pdf", script).await;
    let error = step.execute(&context, &json!({"contract_id": "c1"})).await.expect_err("an error");
    assert_eq!((error.class, error.effect), (ErrorClass::Transient, EffectState::NotDone));
    assert!(error.message.contains("no PDF"), "{error}");
}

#[tokio::test]
async fn answers_are_bounded() {
    let large = format!("{{\"message\": \"{}\"}}", "x".repeat(11 * 1024 * 1024));
    let (_, read) = both(Say::with(200, "", large.as_bytes())).await;
    assert_eq!((read.class, read.code.as_str()), (ErrorClass::Unknown, "answer_too_large"));
}

#[tokio::test]
async fn inputs_that_make_no_address_are_refused_before_anything_is_sent() {
    for id in ["", ".", ".."] {
        let (step, server, context) = stage("juro", "get_contract", vec![]).await;
        let error = step.execute(&context, &json!({"contract_id": id})).await.expect_err("an error");
        assert_eq!((error.class, error.effect), (ErrorClass::Invalid, EffectState::NotDone), "{id}: {error}");
        assert_eq!(server.lines(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_key_that_no_header_can_hold_is_told_without_showing_it() {
    let (step, server, mut context) = stage("juro", "health", vec![]).await;
    let mut connection = context.connection.as_deref().cloned().expect("a connection");
    connection.settings.insert("api_key".to_string(), engross_step_api::Setting::Secret("key-with\nline-break".into()));
    context.connection = Some(connection.into());
    let error = step.execute(&context, &json!({})).await.expect_err("an error");
    assert_eq!(error.class, ErrorClass::Auth);
    assert!(!error.to_string().contains("key-with"), "{error}");
    assert_eq!(server.lines(), Vec::<String>::new());
}

#[tokio::test]
async fn a_repeated_delete_meets_what_it_wanted() {
    let (step, _server, context) = stage("juro", "delete_contract", vec![refusal(404)]).await;
    step.execute(&context, &json!({"contract_id": "c1"})).await.expect("done");
}

#[tokio::test]
async fn no_proxy_and_no_redirect_is_followed_for_lookups_either() {
    let script = vec![Say::with(302, "location: /v3/elsewhere\r\n", b""), Say::ok(template())];
    let (step, server, context) = stage("juro", "get_template", script).await;
    step.execute(&context, &json!({"template_id": "t1"})).await.expect_err("an error");
    assert_eq!(server.lines(), ["GET /v3/templates/t1 HTTP/1.1"]);
}

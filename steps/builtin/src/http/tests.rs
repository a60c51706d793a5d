//! The `http` step against real servers on loopback: good ones, and every kind of bad one.

use super::*;
use crate::testing::{
    self, check_output, check_schema, describe, nobody, seen, serve, serve_bytes, serve_reset, serve_silence,
    without_port,
};
use axum::extract::Request;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, LOCATION, RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use axum::{Json, Router, body};
use serde_json::json;
use std::time::Duration;

fn step() -> Http {
    Http::new(testing::egress())
}

async fn echo(request: Request) -> Json<Value> {
    let (parts, body) = request.into_parts();
    let body = body::to_bytes(body, 1_000_000).await.unwrap();
    Json(seen(parts.method.as_str(), &parts.uri.to_string(), &parts.headers, &body))
}

async fn run(with: Value) -> Result<StepResult, StepError> {
    step().execute(&testing::context(), &with).await
}

async fn outputs(with: Value) -> Value {
    check_schema(&step(), with.clone(), "fits");
    match run(with).await {
        Ok(StepResult::Done(done)) => {
            check_output(&step(), &done.outputs);
            done.outputs
        }
        other => panic!("{}", describe(&other)),
    }
}

/// A server with one page for each kind of reply.
async fn replies() -> String {
    let typed = |name: HeaderName, value: &'static str, body: &'static [u8]| {
        any(async move || ([(name, value)], body).into_response())
    };
    let status = |status: u16, body: &'static str| any(async move || (StatusCode::from_u16(status).unwrap(), body));
    serve(
        Router::new()
            .route("/echo", any(echo))
            .route("/text", typed(CONTENT_TYPE, "text/plain; charset=utf-8", b"hello"))
            .route("/problem", typed(CONTENT_TYPE, "application/problem+json", b"{\"a\": [1]}"))
            .route("/nda.pdf", typed(CONTENT_TYPE, "Application/PDF", b"%PDF-1.7"))
            .route("/latin1", typed(CONTENT_TYPE, "text/plain; charset=latin1", b"\xe4"))
            .route("/garbage", typed(CONTENT_TYPE, "application/json", b"<html>"))
            .route("/gzip", typed(CONTENT_ENCODING, "gzip", b"\x1f\x8b"))
            .route("/cookie", typed(SET_COOKIE, "session=s3cret", b""))
            .route("/long", any(async || "x".repeat(600_000)))
            .route("/bomb", any(async || vec![b'x'; 10 * 1024 * 1024 + 1]))
            .route("/empty", status(204, ""))
            .route("/302", any(async || (StatusCode::FOUND, [(LOCATION, "http://10.0.0.1/x?token=5")]).into_response()))
            .route(
                "/401",
                any(async |request: Request| -> Response {
                    let header = request.headers().get("authorization").unwrap().to_str().unwrap().to_string();
                    (StatusCode::UNAUTHORIZED, format!("bad credentials: {header}")).into_response()
                }),
            )
            .route("/404", status(404, ""))
            .route("/409", status(409, "taken"))
            .route("/412", status(412, "signed already"))
            .route("/422", status(422, "{\n \"error\": \"name is missing\"\n}"))
            .route(
                "/429",
                any(async || (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, "7")], "slow down").into_response()),
            )
            .route("/500", status(500, "oops")),
    )
    .await
}

#[tokio::test]
async fn a_request_is_sent_as_written() {
    let url = format!("{}/echo", replies().await);
    let with = json!({
        "method": "POST", "url": format!("{url}?a=1"), "headers": { "X-Custom": 5 },
        "query": { "b": ["x y", true], "c": "ä&" }, "body": { "json": { "k": [1, null] } }
    });
    insta::assert_json_snapshot!(outputs(with).await["body"], @r#"
    {
      "body": "{\"k\":[1,null]}",
      "content_type": "application/json",
      "key": "r1/it",
      "method": "POST",
      "uri": "/echo?a=1&b=x+y&b=true&c=%C3%A4%26",
      "x": "5"
    }
    "#);
    let with = json!({ "method": "PUT", "url": url, "body": { "form": { "a b": "c&d", "n": [1, 2] } } });
    insta::assert_json_snapshot!(outputs(with).await["body"], @r#"
    {
      "body": "a+b=c%26d&n=1&n=2",
      "content_type": "application/x-www-form-urlencoded",
      "key": "r1/it",
      "method": "PUT",
      "uri": "/echo",
      "x": null
    }
    "#);
    let with = json!({
        "method": "PATCH", "url": url, "headers": { "content-type": "text/csv" }, "body": { "text": "a;b" }
    });
    insta::assert_json_snapshot!(outputs(with).await["body"], @r#"
    {
      "body": "a;b",
      "content_type": "text/csv",
      "key": "r1/it",
      "method": "PATCH",
      "uri": "/echo",
      "x": null
    }
    "#);
    // A mere read has no key.
    let read = outputs(json!({ "method": "GET", "url": url })).await;
    assert_eq!((&read["body"]["key"], &read["body"]["body"]), (&Value::Null, &json!("")));
    let head = outputs(json!({ "method": "HEAD", "url": url })).await;
    assert_eq!((&head["status"], &head["body"]), (&json!(200), &Value::Null));
}

#[tokio::test]
async fn replies_become_values_text_or_files() {
    let server = replies().await;
    let get = async |path: &str| {
        let mut outputs = outputs(json!({ "method": "GET", "url": format!("{server}{path}") })).await;
        outputs["headers"].as_object_mut().unwrap().remove("date");
        outputs.to_string()
    };
    insta::assert_snapshot!(get("/text").await, @r#"{"body":"hello","headers":{"content-length":"5","content-type":"text/plain; charset=utf-8"},"status":200}"#);
    insta::assert_snapshot!(get("/problem").await, @r#"{"body":{"a":[1]},"headers":{"content-length":"10","content-type":"application/problem+json"},"status":200}"#);
    insta::assert_snapshot!(get("/nda.pdf").await, @r#"{"body":null,"file":{"media_type":"application/pdf","name":"nda.pdf","sha256":"86edbaa24831badfa0a8b04bb410141e2ee4182b6d0014493fe262a7a331c20b","size":8},"headers":{"content-length":"8","content-type":"Application/PDF"},"status":200}"#);
    insta::assert_snapshot!(get("/latin1").await, @r#"{"body":null,"file":{"media_type":"text/plain","name":"latin1","sha256":"5e1effe9b7bab73dce628ccd9f0cbbb16c1e6efc6c4f311e59992a467bc119fd","size":1},"headers":{"content-length":"1","content-type":"text/plain; charset=latin1"},"status":200}"#);
    insta::assert_snapshot!(get("/cookie").await, @r#"{"body":null,"headers":{"content-length":"0","content-type":"application/octet-stream"},"status":200}"#);
    insta::assert_snapshot!(get("/long").await, @r#"{"body":null,"file":{"media_type":"text/plain","name":"long","sha256":"34e95fe8877d07873716a3f575a4ea908b2e776b18e0b5122d33f7a93ff012b4","size":600000},"headers":{"content-length":"600000","content-type":"text/plain; charset=utf-8"},"status":200}"#);
    insta::assert_snapshot!(get("/empty").await, @r#"{"body":null,"headers":{"content-type":"text/plain; charset=utf-8"},"status":204}"#);
}

#[tokio::test]
async fn refusals_have_the_class_and_words_of_the_receiver() {
    let server = replies().await;
    let post = async |path: &str| {
        let with = json!({
            "method": "POST", "url": format!("{server}{path}?token=5"), "headers": { "authorization": "Bearer s3cret" }
        });
        without_port(&describe(&run(with).await), &server)
    };
    insta::assert_snapshot!(post("/302").await, @"POST http://server/302 answered 302 Found with an empty body (invalid, http_302); it may have happened all the same User Unknown hint: redirects are not followed; if http://10.0.0.1/x is right, use it as the URL");
    insta::assert_snapshot!(post("/401").await, @"POST http://server/401 answered 401 Unauthorized: bad credentials: ******** (auth, http_401) User NotDone");
    insta::assert_snapshot!(post("/404").await, @"POST http://server/404 answered 404 Not Found with an empty body (not_found, http_404) User NotDone");
    insta::assert_snapshot!(post("/409").await, @"POST http://server/409 answered 409 Conflict: taken (conflict, http_409) User NotDone");
    insta::assert_snapshot!(post("/412").await, @"POST http://server/412 answered 412 Precondition Failed: signed already (state, http_412) User NotDone");
    insta::assert_snapshot!(post("/422").await, @r#"POST http://server/422 answered 422 Unprocessable Entity: { "error": "name is missing" } (invalid, http_422) User NotDone"#);
    insta::assert_snapshot!(post("/429").await, @"POST http://server/429 answered 429 Too Many Requests: slow down (rate_limited, http_429) Provider NotDone retry after 7000 ms");
    insta::assert_snapshot!(post("/500").await, @"POST http://server/500 answered 500 Internal Server Error: oops (transient, http_500); it may have happened all the same Provider Unknown");
    insta::assert_snapshot!(post("/garbage").await, @"POST http://server/garbage answered with JSON that cannot be read: expected value at line 1 column 1 (unknown, bad_json); it may have happened all the same Provider Unknown");
    insta::assert_snapshot!(post("/gzip").await, @"POST http://server/gzip answered with the encoding `gzip`, which was not asked for (unknown, content_encoding); it may have happened all the same Provider Unknown");
    insta::assert_snapshot!(post("/bomb").await, @"POST http://server/bomb answered with a body of more than 10485760 bytes (unknown, reply_too_large); it may have happened all the same Provider Unknown");
    // The same of a read leaves nothing in doubt.
    let get = async |path: &str| {
        let with = json!({ "method": "GET", "url": format!("{server}{path}") });
        without_port(&describe(&run(with).await), &server)
    };
    insta::assert_snapshot!(get("/500").await, @"GET http://server/500 answered 500 Internal Server Error: oops (transient, http_500) Provider NotDone");
    insta::assert_snapshot!(get("/garbage").await, @"GET http://server/garbage answered with JSON that cannot be read: expected value at line 1 column 1 (unknown, bad_json) Provider NotDone");
    // What is expected is no refusal.
    let with = json!({ "method": "POST", "url": format!("{server}/404"), "expect": { "status": [404] } });
    assert_eq!(outputs(with).await["status"], 404);
    let with = json!({ "method": "POST", "url": format!("{server}/text"), "expect": { "status": [201] } });
    insta::assert_snapshot!(without_port(&describe(&run(with).await), &server), @"POST http://server/text answered 200 OK: hello (unknown, http_200); it may have happened all the same Provider Unknown");
}

#[tokio::test]
async fn a_lost_answer_leaves_a_write_in_doubt() {
    let run = async |method: &str, server: &str| {
        without_port(&describe(&run(json!({ "method": method, "url": server })).await), server)
    };
    let refused = format!("http://{}", nobody());
    insta::assert_snapshot!(run("POST", &refused).await, @"POST http://server/: no connection: Connection refused (os error 111) (transient, connect) Provider NotDone");
    let closed = serve_bytes(b"").await;
    insta::assert_snapshot!(run("POST", &closed).await, @"POST http://server/: no complete answer: connection closed before message completed (transient, connection_lost); it may have happened all the same Provider Unknown");
    insta::assert_snapshot!(run("GET", &closed).await, @"GET http://server/: no complete answer: connection closed before message completed (transient, connection_lost) Provider NotDone");
    let reset = serve_reset().await;
    insta::assert_snapshot!(run("POST", &reset).await, @"POST http://server/: no complete answer: Connection reset by peer (os error 104) (transient, connection_lost); it may have happened all the same Provider Unknown");
    let nonsense = serve_bytes(b"220 mail.example ESMTP\r\n").await;
    insta::assert_snapshot!(run("POST", &nonsense).await, @"POST http://server/: no complete answer: invalid HTTP version parsed (transient, connection_lost); it may have happened all the same Provider Unknown");
    let broken = serve_bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await;
    insta::assert_snapshot!(run("POST", &broken).await, @"POST http://server/: no complete answer: end of file before message length reached (transient, connection_lost); it may have happened all the same Provider Unknown");
    let silent = serve_silence().await;
    let impatient = Http::new(testing::egress_with_timeout(Duration::from_millis(100)));
    let result = impatient.execute(&testing::context(), &json!({ "method": "POST", "url": silent })).await;
    insta::assert_snapshot!(without_port(&describe(&result), &silent), @"POST http://server/: no complete answer within 100 ms (transient, timeout); it may have happened all the same Provider Unknown");
}

#[tokio::test]
async fn private_places_are_refused() {
    let strict = Http::new(std::sync::Arc::new(Egress::new(&crate::HttpPolicy::default()).unwrap()));
    testing::install_tls();
    let run = async |url: &str| {
        let with = json!({ "method": "POST", "url": url });
        describe(&strict.execute(&testing::context(), &with).await)
    };
    insta::assert_snapshot!(run("http://2130706433:8080/x").await, @"127.0.0.1 is an address of a private or reserved network, where steps may not send requests (invalid, egress_denied) User NotDone hint: if that is meant, add `127.0.0.1` to `http: { allow: […] }` in engross.yaml");
    let localhost = run("http://localhost:9/").await;
    assert!(localhost.starts_with("localhost is at "), "{localhost}");
    assert!(localhost.ends_with("(invalid, egress_denied) User NotDone hint: if that is meant, add `localhost` to `http: { allow: […] }` in engross.yaml"), "{localhost}");
    insta::assert_snapshot!(run("file:///etc/passwd").await, @"this is no usable URL: only http and https are spoken (invalid, url) User NotDone");
}

#[tokio::test]
async fn a_named_host_may_be_anywhere() {
    let server = replies().await;
    let url = format!("{}/text", server.replace("127.0.0.1", "localhost"));
    testing::install_tls();
    let policy = crate::HttpPolicy { allow: vec!["localhost".to_string()] };
    let step = Http::new(std::sync::Arc::new(Egress::new(&policy).unwrap()));
    let result = step.execute(&testing::context(), &json!({ "method": "GET", "url": url })).await;
    assert!(describe(&result).contains("hello"), "{}", describe(&result));
}

#[tokio::test]
async fn every_problem_of_a_request_is_told() {
    let with = json!({
        "method": "TRACE", "url": "https://h.example/",
        "headers": {
            "Host": "x", "Idempotency-Key": "x", "a b": "x", "Ok": "a\r\nEvil: 1", "Nul": "\0", "List": [1],
            "Twice": 1, "twice": 2
        },
        "query": { "a": { "b": 1 } }, "body": { "json": 1, "text": "x" }, "expect": { "status": [] }
    });
    insta::assert_snapshot!(describe(&run(with).await).replace("; ", "\n"), @r#"
    `method` must be one of GET, HEAD, POST, PUT, PATCH, DELETE
    the header `Host` is set by the engine
    the header `Idempotency-Key` is set by the engine
    the header `List` must be a text, a number, true or false
    the header `Nul` holds a line break or another control character
    the header `Ok` holds a line break or another control character
    `a b` is no name of a header
    the header `twice` is given twice
    `query.a` must be a text, a number, true, false or a list of these
    `body` takes exactly one of `json`, `form` and `text`
    `expect.status` must be a list of statuses from 200 to 599 (invalid, request) User NotDone
    "#);
    let with = json!({ "method": "GET", "url": "https://h.example/", "body": { "text": "x" } });
    insta::assert_snapshot!(describe(&run(with).await), @"a GET request has no body (invalid, request) User NotDone");
}

#[test]
fn the_effect_is_known_before_the_run() {
    let check = |with: Value, templates: &[&str], expected: EffectClass| {
        let config = StepConfig { with, templates: templates.iter().map(ToString::to_string).collect() };
        assert_eq!(step().configure(&config), expected, "{config:?}");
    };
    check(json!({ "method": "GET" }), &["/url"], EffectClass::Read);
    check(json!({ "method": "HEAD" }), &[], EffectClass::Read);
    check(json!({ "method": "PUT" }), &[], EffectClass::Idempotent);
    check(json!({ "method": "DELETE" }), &[], EffectClass::Idempotent);
    check(json!({ "method": "POST" }), &[], EffectClass::Unsafe);
    check(json!({ "method": "PATCH" }), &[], EffectClass::Unsafe);
    check(json!({ "method": "POST", "idempotent": true }), &[], EffectClass::Idempotent);
    check(json!({ "method": "POST", "idempotent": "{{ true }}" }), &["/idempotent"], EffectClass::Unsafe);
    check(json!({ "method": "{{ inputs.m }}", "idempotent": true }), &["/method"], EffectClass::Unsafe);
    check(json!({}), &[""], EffectClass::Unsafe);
}

#[test]
fn the_schema_refuses_what_is_not_built() {
    let check = |with: Value, expected: &str| check_schema(&step(), with, expected);
    check(json!({ "method": "GET", "url": "https://h.example/" }), "fits");
    check(json!({ "method": "get", "url": "https://h.example/" }), "refused at /method");
    check(json!({ "method": "GET" }), "refused at /");
    check(json!({ "method": "POST", "url": "x", "body": { "multipart": {} } }), "refused at /body");
    check(json!({ "method": "POST", "url": "x", "body": {} }), "refused at /body");
    check(json!({ "method": "POST", "url": "x", "body": { "json": null } }), "fits");
    check(json!({ "method": "POST", "url": "x", "body": { "json": 1, "text": "a" } }), "refused at /body");
    check(json!({ "method": "POST", "url": "x", "follow": true }), "refused at /");
}

#[test]
fn the_preview_shows_what_is_known_and_masks_secrets() {
    let preview = step().preview(
        None,
        &json!({
            "method": "POST", "url": "https://h.example/c/<steps.create.outputs.id>?api_key=5", "query": { "q": "<x>" },
            "headers": { "Authorization": "Bearer abc", "X-Custom": "<y>" },
            "body": { "json": { "a": "<z>", "password": "p" } }
        }),
    );
    insta::assert_json_snapshot!(preview, @r#"
    {
      "method": "POST",
      "url": "https://h.example/c/<steps.create.outputs.id>?api_key=********&q=<x>",
      "headers": [
        [
          "authorization",
          "********"
        ],
        [
          "content-type",
          "application/json"
        ],
        [
          "idempotency-key",
          "<run.id>/<step>"
        ],
        [
          "x-custom",
          "<y>"
        ]
      ],
      "body": "{\n  \"a\": \"<z>\",\n  \"password\": \"********\"\n}"
    }
    "#);
    let preview = step().preview(None, &json!({ "method": "<m>", "url": "<u>", "headers": "<h>", "body": "<b>" }));
    insta::assert_json_snapshot!(preview, @r#"
    {
      "method": "<m>",
      "url": "<u>",
      "headers": [
        [
          "content-type",
          "text/plain; charset=utf-8"
        ],
        [
          "idempotency-key",
          "<run.id>/<step>"
        ]
      ],
      "body": "<b>"
    }
    "#);
}

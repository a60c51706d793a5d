//! Notifications against the log and a real server.

use super::*;
use crate::testing::{self, check_schema, describe, seen, serve, serve_bytes, without_port};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Router, body};
use std::sync::Mutex;

fn step() -> Notify {
    Notify::new(testing::egress())
}

#[tokio::test]
async fn a_webhook_says_who_what_and_which_step() {
    let requests = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&requests);
    let router = Router::new().route(
        "/hook",
        post(async move |request: Request| {
            let (parts, body) = request.into_parts();
            let body = body::to_bytes(body, 10_000).await.unwrap();
            let seen = seen(parts.method.as_str(), parts.uri.path(), &parts.headers, &body);
            kept.lock().unwrap().push(seen);
            StatusCode::NO_CONTENT
        }),
    );
    let url = format!("{}/hook", serve(router).await);
    let with = json!({ "to": ["legal"], "subject": "NDA", "text": "It stopped.", "channel": "webhook", "url": url });
    check_schema(&step(), with.clone(), "fits");
    let result = step().execute(&testing::context(), &with).await;
    assert_eq!(describe(&result), "succeeded null");
    let requests = requests.lock().unwrap().clone();
    assert_eq!(requests.len(), 1);
    insta::assert_snapshot!(serde_json::to_string_pretty(&requests[0]).unwrap(), @r#"
    {
      "body": "{\"run\":\"r1\",\"step\":\"it\",\"subject\":\"NDA\",\"text\":\"It stopped.\",\"to\":[\"lena@x.example\",\"omar@x.example\"]}",
      "content_type": "application/json",
      "key": "r1/it",
      "method": "POST",
      "uri": "/hook",
      "x": null
    }
    "#);
}

#[tokio::test]
async fn a_webhook_that_fails_says_how() {
    let server =
        serve_bytes(b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 3\r\ncontent-length: 4\r\n\r\nbusy").await;
    let with = json!({ "to": ["legal"], "text": "a", "channel": "webhook", "url": server });
    let result = step().execute(&testing::context(), &with).await;
    insta::assert_snapshot!(without_port(&describe(&result), &server), @"POST http://server/ answered 503 Service Unavailable: busy (transient, http_503); it may have happened all the same Provider Unknown retry after 3000 ms");
    let with = json!({ "to": ["legal"], "text": "a", "channel": "webhook", "url": "http://169.254.169.254/" });
    let result = step().execute(&testing::context(), &with).await;
    insta::assert_snapshot!(describe(&result), @"169.254.169.254 is an address of a private or reserved network, where steps may not send requests (invalid, egress_denied) User NotDone hint: if that is meant, add `169.254.169.254` to `http: { allow: […] }` in engross.yaml");
}

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_says_who_what_and_which_step() {
    let written = Written::default();
    let writer = written.clone();
    let subscriber = tracing_subscriber::fmt().json().without_time().with_writer(move || writer.clone()).finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let with = json!({ "to": ["legal"], "subject": "NDA", "text": "It\nstopped." });
    let result = step().execute(&testing::context(), &with).await;
    drop(guard);
    assert_eq!(describe(&result), "succeeded null");
    let line: Value = serde_json::from_slice(&written.0.lock().unwrap()).unwrap();
    insta::assert_json_snapshot!(line, @r#"
    {
      "fields": {
        "message": "notification",
        "run": "r1",
        "step": "it",
        "subject": "NDA",
        "text": "It\nstopped.",
        "to": "lena@x.example, omar@x.example"
      },
      "level": "INFO",
      "target": "engross::notification"
    }
    "#);
}

#[tokio::test]
async fn the_log_needs_real_people() {
    let run = async |with: Value| describe(&step().execute(&testing::context(), &with).await);
    assert_eq!(run(json!({ "to": ["legal", "new@x.example"], "text": "a" })).await, "succeeded null");
    insta::assert_snapshot!(run(json!({ "to": ["leagl"], "text": "a", "url": "https://h.example/" })).await, @"`leagl` is neither a group in `people:` nor an e-mail address; the groups are leads, legal; `url` is for `channel: webhook` only (invalid, notify) User NotDone");
}

#[test]
fn the_channel_decides_the_effect() {
    let check = |with: Value, templates: &[&str], expected: EffectClass| {
        let config = StepConfig { with, templates: templates.iter().map(ToString::to_string).collect() };
        assert_eq!(step().configure(&config), expected, "{config:?}");
    };
    check(json!({}), &[], EffectClass::Read);
    check(json!({ "channel": "log" }), &["/text"], EffectClass::Read);
    check(json!({ "channel": "webhook" }), &[], EffectClass::Idempotent);
    check(json!({ "channel": "{{ inputs.channel }}" }), &["/channel"], EffectClass::Idempotent);
}

#[test]
fn the_schema_ties_the_url_to_the_webhook() {
    check_schema(&step(), json!({ "to": ["legal"], "text": "a" }), "fits");
    check_schema(&step(), json!({ "to": ["legal"], "text": "a", "channel": "log" }), "fits");
    check_schema(&step(), json!({ "to": [], "text": "a" }), "refused at /to");
    check_schema(&step(), json!({ "to": ["legal"], "text": "a", "channel": "mail" }), "refused at /channel");
    check_schema(&step(), json!({ "to": ["legal"], "text": "a", "channel": "webhook" }), "refused at /");
    check_schema(&step(), json!({ "to": ["legal"], "text": "a", "channel": "log", "url": "x" }), "refused at /url");
    check_schema(&step(), json!({ "to": ["legal"], "text": "a", "url": "https://h.example/" }), "refused at /url");
}

#[test]
fn the_preview_shows_the_request() {
    let preview = step().preview(
        None,
        &json!({ "to": ["legal"], "text": "<text>", "channel": "webhook", "url": "https://h.example/?token=5" }),
    );
    insta::assert_json_snapshot!(preview, @r#"
    {
      "method": "POST",
      "url": "https://h.example/?token=********",
      "headers": [
        [
          "content-type",
          "application/json"
        ],
        [
          "idempotency-key",
          "<run.id>/<step>"
        ]
      ],
      "body": "{\n  \"run\": \"<run.id>\",\n  \"step\": \"<step>\",\n  \"subject\": null,\n  \"text\": \"<text>\",\n  \"to\": [\n    \"legal\"\n  ]\n}"
    }
    "#);
    insta::assert_json_snapshot!(step().preview(None, &json!({ "to": ["legal"], "text": "<text>" })), @r#"
    {
      "method": "LOG",
      "url": "",
      "headers": [],
      "body": "<text>"
    }
    "#);
}

//! What the format can say and no provider that comes with Engross does, or only one: each by a manifest of its own.

use crate::support::{API_KEY, Memory, Say, Server, connection, context_with, install_crypto};
use engross_providers::from_yaml;
use engross_step_api::{
    Connection, EffectState, ErrorClass, Provider, Setting, Step, StepContext, StepError, StepResult,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

const HEAD: &str = r##"manifest: 1
provider: acme
title: Acme
docs: acme.example
environments: { live: { base_url: "http://HOST/v1", default: true } }
config: { token: { type: secret, required: true }, user: { type: string } }
auth:
  default: [{ in: header, name: x-key, value: "${config.token}" }]
  query: [{ in: query, name: key, value: "${config.token}" }]
  body: [{ in: body, name: key, value: "${config.token}" }]
  basic: [{ in: basic, username: "${config.user}", password: "${config.token}" }]
  bearer: [{ in: bearer, value: "${config.token}" }]
  both: [{ in: query, name: key, value: "${config.token}", methods: GET }, { in: bearer, value: "${config.token}", methods: [PUT] }]
errors: [{ when: { status: 404 }, class: not_found }, { when: { body: { at: /why, contains: Later } }, class: state }]
operations:
"##;

/// The step `go` of a manifest with this operation, and a server with this script where its environment is.
async fn stage(operation: &str, script: Vec<Say>) -> (Arc<dyn Step>, Server, StepContext) {
    install_crypto();
    let server = Server::start(script).await;
    let text = format!("{HEAD}  go:\n{operation}").replace("HOST", &server.address);
    let provider = from_yaml("acme.yaml", &text).map_err(|found| format!("{found:?}")).expect("a good manifest");
    let step = provider.steps().into_iter().find(|step| step.spec().uses == "acme/go").expect("go");
    let mut connection = own();
    connection.base_url = None;
    (step, server, context_with(connection, Arc::new(Memory::default())))
}

fn own() -> Connection {
    let settings = BTreeMap::from([
        ("token".to_string(), Setting::Secret(API_KEY.into())),
        ("user".to_string(), Setting::Plain("ann".to_string())),
    ]);
    Connection { settings, ..connection("acme", "http://127.0.0.1:9/v1") }
}

async fn run(operation: &str, input: Value, say: Say) -> (Result<Value, StepError>, String) {
    let (step, server, context) = stage(operation, vec![say]).await;
    let result = step.execute(&context, &input).await.map(|result| {
        let done = if let StepResult::Done(done) = result { Some(done.outputs) } else { None };
        done.expect("nothing here waits")
    });
    (result, server.requests().first().cloned().unwrap_or_default())
}

const READ: &str = "    { title: Go, method: GET, path: /x, effect: read";

async fn sent(rest: &str) -> String {
    run(&format!("{READ}, {rest} }}"), json!({}), Say::ok(json!({}))).await.1
}

#[tokio::test]
async fn credentials_stand_where_the_manifest_says() {
    let basic = "authorization: Basic YW5uOmtleS0wMTIzNDU2Nzg5";
    for (auth, expected) in [
        ("auth: default", "x-key: key-0123456789"),
        ("auth: query", "GET /v1/x?key=key-0123456789 HTTP/1.1"),
        ("auth: query, query: { tree: { a: b } }", "GET /v1/x?key=key-0123456789&a=b HTTP/1.1"),
        ("auth: basic", basic),
        ("auth: bearer", "authorization: Bearer key-0123456789"),
        ("auth: both", "GET /v1/x?key=key-0123456789 HTTP/1.1"),
    ] {
        let request = sent(auth).await;
        assert!(request.lines().any(|line| line == expected), "{auth}: {request}");
        assert_eq!(request.matches("key-0123456789").count(), usize::from(auth != "auth: basic"), "{auth}: {request}");
    }
    assert!(!sent("auth: none").await.contains("0123456789"));
    let write = "    { title: Go, method: PUT, path: /x, effect: idempotent, auth: body, body: { encoding: ENC, tree: { a: { b: 1 } } } }";
    for (encoding, expected) in
        [("json", "{\"a\":{\"b\":1},\"key\":\"key-0123456789\"}"), ("form", "a[b]=1&key=key-0123456789")]
    {
        let (_, request) = run(&write.replace("ENC", encoding), json!({}), Say::ok(json!({}))).await;
        assert_eq!(request.lines().last(), Some(expected));
    }
}

#[tokio::test]
async fn a_user_name_with_a_colon_is_no_user_name() {
    let (step, server, mut context) = stage(&format!("{READ}, auth: basic }}"), vec![]).await;
    let mut connection = own();
    connection.base_url = None;
    connection.settings.insert("user".to_string(), Setting::Plain("a:b".to_string()));
    context.connection = Some(Arc::new(connection));
    let error = step.execute(&context, &json!({})).await.expect_err("an error");
    assert!(error.message.contains("has a colon"), "{error}");
    assert_eq!(server.lines(), Vec::<String>::new());
}

#[tokio::test]
async fn previews_mask_credentials_wherever_they_stand() {
    for (auth, secret) in [("query", true), ("body", true), ("basic", true), ("bearer", true), ("none", false)] {
        let operation = format!(
            "    {{ title: Go, method: PUT, path: /x, effect: idempotent, auth: {auth}, headers: {{ x-p: {{ value: \"${{input.p|base64}}\", \
             credential: true }} }}, input: {{ properties: {{ p: {{ type: string }} }} }}, body: {{ encoding: form, tree: {{ a: b c }} }} }}"
        );
        let (step, _server, context) = stage(&operation, vec![]).await;
        let preview = step.preview(context.connection.as_deref(), &json!({"p": "hello"})).expect("a preview");
        let shown = format!("{preview:?}");
        assert!(!shown.contains(API_KEY) && !shown.contains("aGVsbG8"), "{shown}");
        assert_eq!(shown.matches("***").count(), 1 + usize::from(secret), "{auth}: {shown}");
    }
}

#[tokio::test]
async fn queries_have_brackets_only_where_the_manifest_says() {
    let tree = "tree: { a: { b: [1, c d] }, e: ~ }";
    let request = sent(&format!("query: {{ style: brackets, {tree} }}")).await;
    assert!(request.starts_with("GET /v1/x?a%5Bb%5D%5B%5D=1&a%5Bb%5D%5B%5D=c%20d HTTP/1.1"), "{request}");
    let (result, request) = run(&format!("{READ}, query: {{ {tree} }} }}"), json!({}), Say::ok(json!({}))).await;
    assert!(result.is_err_and(|error| error.message.contains("`a` of the query must be text")));
    assert_eq!(request, "");
}

const FILE: &str = "    title: Go\n    method: GET\n    path: /x\n    effect: read\n    input: { properties: { d: { type: string } } }\n    \
    response: { decode: file, digest: { algorithm: ALG, expected: \"${input.d}\" } }\n    \
    output: { file: { from: \"${file}\", $ref: \"#/types/file\" } }\n";

#[tokio::test]
async fn a_file_must_have_the_digest_that_is_expected_of_it() {
    // The digests of `abc` that FIPS 180-4 and FIPS 202 publish.
    let sha3 = "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0";
    let sha2 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    for (algorithm, digest) in [("sha3_512", sha3), ("sha256", sha2)] {
        let operation = FILE.replace("ALG", algorithm);
        for (input, good) in [
            (json!({"d": digest}), true),
            (json!({"d": digest.to_uppercase()}), true),
            (json!({}), true),
            (json!({"d": digest.replace('a', "b")}), false),
            (json!({"d": ""}), false),
        ] {
            let (result, _) = run(&operation, input.clone(), Say::with(200, "", b"abc")).await;
            match result {
                Ok(outputs) => assert!(good && outputs["file"]["size"] == 3, "{input}"),
                Err(error) => assert!(!good && error.message.contains("the file is another one"), "{error}"),
            }
        }
    }
}

#[tokio::test]
async fn what_stands_for_an_absent_output_is_the_manifests() {
    let operation = format!(
        "{READ}, output: {{ list: {{ from: /list, type: array, absent: [] }}, n: {{ from: /n, type: integer }} }} }}"
    );
    let (result, _) = run(&operation, json!({}), Say::ok(json!({"n": 1, "list": null}))).await;
    assert_eq!(result.expect("done"), json!({"n": 1, "list": []}));
    let (result, _) = run(&operation, json!({}), Say::ok(json!({"list": [2]}))).await;
    assert!(result.is_err_and(|error| error.message.ends_with("the answer lacks `n`")));
}

#[tokio::test]
async fn a_list_is_followed_by_its_cursor() {
    let operation = format!(
        "{READ}, query: {{ tree: {{ after: \"${{page.cursor}}\", limit: \"${{page.limit}}\" }} }}, \
         paging: {{ style: cursor, size: 2, items: /data, id: /id, next: /next }}, output: {{ data: {{ from: /data }} }} }}"
    );
    let page = |ids: &[u32], next: Value| {
        let items: Vec<Value> = ids.iter().map(|id| json!({"id": id})).collect();
        Say::ok(json!({"data": items, "next": next}))
    };
    let script = vec![page(&[9, 8], json!(8)), page(&[7], json!(7)), page(&[6, 5], Value::Null)];
    let (step, server, context) = stage(&operation, script).await;
    let StepResult::Done(done) = step.execute(&context, &json!({})).await.expect("done") else { panic!("parked") };
    assert_eq!(done.outputs["data"].as_array().map(Vec::len), Some(5));
    let expected =
        ["GET /v1/x?limit=2 HTTP/1.1", "GET /v1/x?after=8&limit=2 HTTP/1.1", "GET /v1/x?after=7&limit=2 HTTP/1.1"];
    assert_eq!(server.lines(), expected);
}

#[tokio::test]
async fn a_good_status_can_be_a_refusal() {
    let operation = "    { title: Go, method: POST, path: /x, effect: unsafe, response: { refused_when: { at: /why, contains: later }, ok_when: { at: /ok, equals: true } } }";
    let (result, _) = run(operation, json!({}), Say::ok(json!({"ok": true}))).await;
    assert!(result.is_ok());
    let (result, _) = run(operation, json!({}), Say::ok(json!({"why": "try LATER"}))).await;
    let error = result.expect_err("refused");
    assert_eq!((error.class, error.effect, error.code.as_str()), (ErrorClass::State, EffectState::NotDone, "http_200"));
    let (result, _) = run(operation, json!({}), Say::ok(json!({"ok": false}))).await;
    let error = result.expect_err("unclear");
    assert_eq!((error.class, error.effect), (ErrorClass::Transient, EffectState::Unknown));
}

#[tokio::test]
async fn a_limit_that_is_used_up_tells_when_to_come_back() {
    let operation = format!("{READ}, limits: {{ per_second: 0.001 }} }}");
    let (step, server, context) = stage(&operation, vec![Say::ok(json!({})), Say::ok(json!({}))]).await;
    step.execute(&context, &json!({})).await.expect("the first is free");
    let error = step.execute(&context, &json!({})).await.expect_err("the second is too early");
    assert_eq!(
        (error.class, error.effect, error.code.as_str()),
        (ErrorClass::RateLimited, EffectState::NotDone, "pace")
    );
    assert!(error.retry_after_ms.is_some_and(|ms| (900_000..=1_000_000).contains(&ms)), "{error:?}");
    assert_eq!(server.lines().len(), 1);

    // The same limit says nothing about a server of the team's own.
    let mut elsewhere = own();
    elsewhere.base_url = format!("http://{}/other", server.address).parse().ok();
    let context = StepContext { connection: Some(Arc::new(elsewhere)), ..context };
    step.execute(&context, &json!({})).await.expect("no limit there");
}

#[test]
fn what_does_not_fit_together_is_told() {
    let loads = |operation: &str| {
        let text = format!("{HEAD}  go:\n{operation}").replace("HOST", "acme.internal");
        match from_yaml("acme.yaml", &text) {
            Ok(provider) => format!("loads: {}", provider.steps().len()),
            Err(found) => found.iter().map(|f| format!("{} {}", f.code.0, f.message)).collect::<Vec<_>>().join("; "),
        }
    };
    let mut text = String::new();
    for rest in [
        "method: PATCH, effect: idempotent, auth: both",
        "method: POST, effect: browser, body: { tree: {} }",
        "method: POST, effect: browser, auth: none, body: { encoding: form, tree: { t: \"${config.token}\" } }, response: { decode: file }",
        "method: POST, effect: unsafe, body: { encoding: multipart, tree: {} }",
        "method: POST, effect: unsafe, body: { encoding: multipart, parts: [{ name: a }] }",
        "method: POST, effect: unsafe, body: { encoding: json, nulls: omit, tree: {}, parts: [] }",
        "method: POST, effect: unsafe, body: { encoding: form, tree: [1] }",
        "method: GET, effect: read, warn: { if: \"has(input.nope) &&\", text: x }",
        "method: GET, effect: read, warn: { if: \"has(input.nope) && it.x\", text: x }",
        "method: GET, effect: read, needs: [tokn]",
        "method: GET, effect: read, limits: { burst: 0 }",
        "method: GET, effect: read, query: { tree: { a: \"${config.token}\" } }",
        "method: GET, effect: read, query: { tree: { a: \"${input.x ?? config.token}\" } }",
        "method: PUT, effect: idempotent, body: { tree: { $each: \"${config.user}\", mak: 1 } }",
        "method: PUT, effect: idempotent, token: { given: \"${run.id}\" }",
        "method: GET, effect: read, paging: { style: cursor, size: 1, items: /a, id: /b }",
        "method: GET, effect: read, paging: { style: page, size: 1, items: /a, id: /b, next: /c }",
        "method: GET, effect: read, response: { digest: { algorithm: md5, expected: x }, null_is: nothing }",
    ] {
        text.push_str(&format!(
            "{rest}\n  {}\n",
            loads(&format!("    {{ title: Go, path: /x, {rest} }}")).replace("; ", "\n  ")
        ));
    }
    insta::assert_snapshot!(text);
}

#[test]
fn derived_statuses_are_checked_against_the_known_ones() {
    let load = |lifecycle: &str| {
        let text = format!("{}lifecycle: {lifecycle}\noperations: {{}}\n", HEAD.replace("operations:\n", ""))
            .replace("HOST", "acme.internal");
        let found = from_yaml("acme.yaml", &text).err().unwrap_or_default();
        found.iter().map(|f| f.message.clone()).collect::<Vec<_>>().join("; ")
    };
    assert_eq!(load("{ derive: [{ if: \"doc.a\", is: Open }], known: [open] }"), "");
    assert_eq!(load("{ derive: [{ if: \"doc.a\", is: shut }], known: [open] }"), "a status cannot be `shut`");
    assert_eq!(load("{ derive: [{ if: \"input.a\", is: open }], known: [open] }"), "there is no `input` here");
    assert_eq!(
        load("{ status: /a, derive: [], known: [open] }"),
        "a status is either read (`status`) or derived (`derive`)"
    );
}

/// A provider is shared between threads.
#[test]
fn providers_can_be_shared() {
    fn shared<T: Send + Sync + ?Sized>() {}
    shared::<dyn Provider>();
}

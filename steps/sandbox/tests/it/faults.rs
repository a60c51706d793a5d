//! Scripted misbehaviour: what a client sees, and what happened all the same.

use std::time::Duration;

use engross_sandbox::{Action, Faults, Generation, On, Options, Rule, Sandbox};
use serde_json::{Value, json};

use crate::bench::{Bench, Receiver, id, install_crypto};

fn create() -> Value {
    json!({"templateId": "mutual-nda", "contract": {"name": "Faulty"}})
}

async fn script(bench: &Bench, rules: Value) {
    bench.call("POST", "/_sandbox/faults", rules, 200).await;
}

#[tokio::test]
async fn a_dropped_answer_keeps_the_effect_and_the_list_shows_it_at_once() {
    let bench = Bench::start().await;
    script(&bench, json!([{"on": "create_contract", "do": "drop_answer"}])).await;
    let request = bench.request("POST", "/juro/v3/contracts").json(&create());
    let error = request.send().await.expect_err("the connection is closed without an answer");
    assert!(error.is_request() && !error.is_timeout() && !error.is_connect(), "{error:?}");
    assert_eq!(bench.counters().contracts_created, 1);
    let list = bench.get("/juro/v3/contracts?templateId=mutual-nda").await;
    assert_eq!(list["contracts"][0]["name"], "Faulty");
    let id = list["contracts"][0]["id"].as_str().expect("an id").to_owned();

    script(&bench, json!([{"on": "send", "do": "drop_answer"}])).await;
    let path = format!("/juro/v3/contracts/{id}/signing-request/nda-side-counterparty");
    let request = bench.request("POST", &path).json(&json!({"message": "m"}));
    request.send().await.expect_err("the connection is closed without an answer");
    assert_eq!(bench.status(&id).await, "sent for signing");
    assert_eq!(bench.counters().signing_requests, 1);
}

#[tokio::test]
async fn a_status_comes_before_the_effect_and_runs_out() {
    let bench = Bench::start().await;
    let rule =
        json!([{"on": "create_contract", "skip": 1, "times": 2, "do": {"status": {"code": 429, "retry_after": 7}}}]);
    script(&bench, rule).await;
    let mut answers = Vec::new();
    for _ in 0..4 {
        let response = bench.request("POST", "/juro/v3/contracts").json(&create()).send().await.expect("an answer");
        let wait = response.headers().get("retry-after").map(|value| value.to_str().expect("a text").to_owned());
        answers.push((response.status().as_u16(), wait));
    }
    let limited = (429, Some("7".to_owned()));
    assert_eq!(answers, [(200, None), limited.clone(), limited, (200, None)]);
    assert_eq!((bench.counters().contracts_created, bench.counters().rejected), (2, 2));
    assert_eq!(bench.get("/_sandbox/faults").await, json!([]), "a rule that is used up is gone");
}

#[tokio::test]
async fn garbage_is_a_200_that_is_not_json() {
    let options = Options {
        faults: Faults { rules: vec![Rule { on: On::Any, skip: 0, times: 2, action: Action::Garbage }] },
        ..Options::default()
    };
    let bench = Bench::with(options).await;
    for path in ["/juro/v3/contracts", "/juro/v2/templates"] {
        let response = bench.raw("GET", path).await;
        assert_eq!(response.status(), 200);
        assert!(response.json::<Value>().await.is_err());
    }
    bench.get("/juro/v3/contracts").await;
}

#[tokio::test]
async fn a_slow_answer_has_its_effect_before_the_client_gives_up() {
    let bench = Bench::start().await;
    script(&bench, json!([{"on": "create_contract", "do": {"slow": {"ms": 600_000}}}])).await;
    let request = bench.request("POST", "/juro/v3/contracts").json(&create()).timeout(Duration::from_millis(300));
    assert!(request.send().await.expect_err("no answer in time").is_timeout());
    assert_eq!(bench.counters().contracts_created, 1);
}

#[tokio::test]
async fn webhooks_come_twice_or_not_at_all() {
    let mut receiver = Receiver::start(&[]).await;
    let bench = Bench::with(Options { webhooks: vec![receiver.target(Generation::V3)], ..Options::default() }).await;
    script(&bench, json!([{"on": "webhook", "do": "duplicate"}, {"on": "webhook", "times": 1, "do": "lose"}])).await;
    let contract = bench.nda("Twice").await;
    bench.send_nda(id(&contract)).await;
    bench.call("DELETE", &format!("/juro/v3/contracts/{}", id(&contract)), Value::Null, 200).await;
    assert_eq!(receiver.events(3).await, ["contract.created", "contract.created", "contract.deleted"]);
}

#[tokio::test]
async fn rules_that_make_no_sense_are_refused_together() {
    let bench = Bench::start().await;
    let rules = json!([
        {"on": "webhook", "do": "garbage"},
        {"on": "send", "do": "lose"},
        {"on": "get", "do": {"status": {"code": 200}}},
        {"on": "get", "do": {"slow": {"ms": 600_001}}},
        {"on": "pdf", "do": "drop_answer"},
    ]);
    bench
        .refused(
            "POST",
            "/_sandbox/faults",
            rules,
            400,
            "rule 0: on: webhook takes duplicate, lose, reorder or slow; \
             rule 1: duplicate, lose and reorder happen to deliveries only: say on: webhook; \
             rule 2: status code 200: say one of 400 to 599; rule 3: slow by 600001 ms: at most 600000",
        )
        .await;
    assert_eq!(bench.get("/_sandbox/faults").await, json!([]));
    install_crypto();
    let faults = Faults { rules: vec![Rule { on: On::Webhook, skip: 0, times: 1, action: Action::Garbage }] };
    let error = Sandbox::start(Options { faults, ..Options::default() }).await.err().expect("a refusal");
    assert_eq!(error.to_string(), "faults: rule 0: on: webhook takes duplicate, lose, reorder or slow");
}

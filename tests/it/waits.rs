//! Waits for events and time: early, twice, by poll.

use crate::lab::{Lab, text};
use engross_sandbox::{AutoSign, Faults};
use serde_json::json;
use std::time::Duration;

const WAITING: &str = r#"
schema: engross/v1
name: waiting
inputs:
  order: { type: string }
steps:
  pause:
    uses: sleep
    with: { for: 300ms }
  paid:
    uses: wait_for_event
    needs: [pause]
    with: { type: shop/paid, match: { order: "{{ inputs.order }}" } }
    timeout: 30s
  again:
    uses: wait_for_event
    needs: [paid]
    with: { type: shop/paid, match: { order: "{{ inputs.order }}" } }
    timeout: 1s
outputs:
  amount: "{{ steps.paid.outputs.event.data.amount }}"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_comes_before_its_wait_is_found_and_a_duplicate_is_dropped() {
    let lab = Lab::new().await;
    let file = lab.write("workflows/waiting.yaml", WAITING);
    let _serve = lab.serve();
    let started =
        lab.json(&["run", file.to_str().unwrap(), "--input", r#"{"order":"o1"}"#, "--detach", "--format", "json"]);
    let run = started["run"].as_str().unwrap();
    // The run sleeps, so nobody waits for these yet.
    let send = |id: &str, order: &str| {
        let data = json!({ "order": order, "amount": 12 }).to_string();
        lab.json(&["events", "send", "shop/paid", "--id", id, "--data", &data, "--format", "json"])
    };
    assert_eq!(send("e1", "another")["duplicate"], false);
    assert_eq!(send("e2", "o1")["duplicate"], false);
    assert_eq!(send("e2", "o1")["duplicate"], true);
    let runs = lab.until_over(1).await;
    assert_eq!(runs[0]["status"], "succeeded");
    let view = lab.get(&format!("/runs/{run}")).await.unwrap();
    assert_eq!(view["outputs"]["amount"], 12);
    let outcome =
        |step: &str| view["steps"].as_array().unwrap().iter().find(|s| s["id"] == step).unwrap()["outcome"].clone();
    assert_eq!(outcome("paid"), "received");
    assert_eq!(outcome("again"), "timed_out", "the same event must not be taken by a second step");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_webhook_is_made_up_for_by_the_poll() {
    let lab = Lab::with(AutoSign::AfterSend { delay: Duration::from_millis(200) }, Faults::default()).await;
    lab.fault(json!([{ "on": "webhook", "times": 1000, "do": "lose" }])).await;
    let file = lab.nda();
    let _serve = lab.serve();
    let inputs = lab.inputs("Acme").to_string();
    assert!(lab.output(&["run", file.to_str().unwrap(), "--input", &inputs, "--detach"]).status.success());
    let runs = lab.until_over(1).await;
    assert_eq!(runs[0]["status"], "succeeded");
    let shown = text(&lab.output(&["runs", "show", runs[0]["id"].as_str().unwrap()]).stdout);
    assert!(shown.contains("fully_signed (resolved by poll)"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duplicate_webhook_changes_nothing_and_a_wrong_one_is_refused() {
    let lab = Lab::with(AutoSign::AfterSend { delay: Duration::from_millis(200) }, Faults::default()).await;
    lab.fault(json!([{ "on": "webhook", "times": 1000, "do": "duplicate" }])).await;
    let file = lab.nda();
    let _serve = lab.serve();
    let inputs = lab.inputs("Acme").to_string();
    assert!(lab.output(&["run", file.to_str().unwrap(), "--input", &inputs, "--detach"]).status.success());
    let runs = lab.until_over(1).await;
    assert_eq!(runs[0]["status"], "succeeded");
    assert_eq!(lab.sandbox.counters().signing_requests, 1);

    let base = format!("http://{}/hooks", lab.listen);
    let body =
        json!({ "event": { "type": "contract.signed" }, "contract": { "id": "c1", "updatedDate": "x" } }).to_string();
    let post = |path: &str| lab.http.post(format!("{base}{path}")).body(body.clone()).send();
    assert_eq!(post("/juro/wrong-token").await.unwrap().status(), 404);
    assert_eq!(post("/nobody/hook-token-of-the-tests").await.unwrap().status(), 404);
    assert_eq!(post("/juro/hook-token-of-the-tests").await.unwrap().status(), 401, "it is not signed");
}

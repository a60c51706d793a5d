//! A provider that misbehaves: errors, garbage, lost answers. Retried or failed in the provider's words, and never twice.

use crate::lab::{Lab, text};
use engross_sandbox::{AutoSign, Faults};
use serde_json::{Value, json};
use std::time::Duration;

/// The example with quick retries.
fn quick(lab: &Lab) -> String {
    let file = lab.nda();
    let text = std::fs::read_to_string(&file).unwrap();
    let quick = text.replace("initial: 2s", "initial: 50ms");
    assert_ne!(quick, text, "the example's retry policy has another form now");
    std::fs::write(&file, quick).unwrap();
    file.to_str().unwrap().to_string()
}

/// Runs the example against these faults, and gives its head and what `runs show` says.
async fn run_against(faults: Value) -> (Lab, Value, String) {
    let lab = Lab::with(AutoSign::AfterSend { delay: Duration::from_millis(60) }, Faults::default()).await;
    lab.fault(faults).await;
    let file = quick(&lab);
    let _serve = lab.serve();
    let inputs = lab.inputs("Acme").to_string();
    let output = lab.output(&["run", &file, "--input", &inputs, "--detach"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let head = lab.until_over(1).await.remove(0);
    let shown = text(&lab.output(&["runs", "show", head["id"].as_str().unwrap()]).stdout);
    (lab, head, shown)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_down_for_a_while_is_asked_again() {
    let (lab, head, shown) = run_against(json!([
        { "on": "create_contract", "times": 2, "do": { "status": { "code": 503 } } },
        { "on": "send", "times": 1, "do": { "status": { "code": 429, "retry_after": 1 } } },
        { "on": "pdf", "times": 2, "do": "garbage" },
    ]))
    .await;
    assert_eq!(head["status"], "succeeded", "{shown}");
    let counters = lab.sandbox.counters();
    assert_eq!((counters.contracts_created, counters.signing_requests), (1, 1), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_effect_whose_answer_was_lost_is_looked_up_and_not_repeated() {
    let (lab, head, shown) = run_against(json!([
        { "on": "create_contract", "times": 1, "do": "drop_answer" },
        { "on": "update", "times": 1, "do": "drop_answer" },
        { "on": "send", "times": 1, "do": "drop_answer" },
    ]))
    .await;
    assert_eq!(head["status"], "succeeded", "{shown}");
    let counters = lab.sandbox.counters();
    assert_eq!((counters.contracts_created, counters.signing_requests), (1, 1), "{shown}");
    assert!(shown.contains("succeeded (found by looking it up)"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_instead_of_an_answer_is_looked_up_too() {
    let (lab, head, shown) = run_against(json!([{ "on": "create_contract", "times": 1, "do": "garbage" }])).await;
    assert_eq!(head["status"], "succeeded", "{shown}");
    assert_eq!(lab.sandbox.counters().contracts_created, 1, "{shown}");
}

/// The example, whose failures end it.
fn failing(file: &str) {
    let text = std::fs::read_to_string(file).unwrap();
    let failing = text.replacen("defaults:\n", "defaults:\n  on_error: fail\n", 1);
    assert_ne!(failing, text, "the example has no defaults now");
    std::fs::write(file, failing).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_told_in_the_providers_words_whether_it_waits_for_a_person_or_fails_the_run() {
    let lab = Lab::new().await;
    let file = lab.nda();
    let file = file.to_str().unwrap();
    let _serve = lab.serve();
    let mut inputs = lab.inputs("Acme");
    inputs["template_id"] = json!("no-such-template");
    let inputs = inputs.to_string();
    for (key, status, ended) in [("a", "running", "has an incident"), ("b", "failed", "failed: ")] {
        if status == "failed" {
            failing(file);
        }
        let output = lab.output(&["run", file, "--input", &inputs, "--key", key]);
        assert_eq!(output.status.code(), Some(1));
        let (told, said) = (text(&output.stdout), text(&output.stdout) + &text(&output.stderr));
        assert!(told.contains(ended), "{said}");
        assert!(said.contains("emplate"), "the provider's words are not told: {said}");
        assert_eq!(lab.runs().await[0]["status"], status, "{said}");
    }
    assert_eq!(lab.sandbox.counters().contracts_created, 0);
}

const V2: &str = r#"
schema: engross/v1
name: v2
inputs:
  template_id: { type: string }
steps:
  create:
    uses: juro_v2/create_contract
    with: { template_id: "{{ inputs.template_id }}" }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_that_nobody_can_look_up_stops_the_run_in_doubt() {
    let lab = Lab::new().await;
    lab.fault(json!([{ "on": "create_contract", "times": 1, "do": "drop_answer" }])).await;
    let file = lab.write("workflows/v2.yaml", V2);
    let _serve = lab.serve();
    let inputs = r#"{"template_id":"mutual-nda"}"#;
    assert!(lab.output(&["run", file.to_str().unwrap(), "--input", inputs, "--detach"]).status.success());
    let head = lab.until("is in doubt", |r| r["summary"] == "in_doubt").await;
    assert_eq!(head["status"], "running");
    assert_eq!(lab.sandbox.counters().contracts_created, 1);
    let run = head["id"].as_str().unwrap();
    assert!(lab.output(&["runs", "cancel", run]).status.success());
    assert_eq!(lab.runs().await[0]["status"], "cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_acts_after_its_connection_is_gone_is_not_sent_twice() {
    // The connections of the tests settle after 300 ms.
    let (lab, head, shown) = run_against(json!([
        { "on": "create_contract", "times": 1, "do": { "act_late": { "ms": 200 } } },
        { "on": "send", "times": 1, "do": { "act_late": { "ms": 200 } } },
    ]))
    .await;
    assert_eq!(head["status"], "succeeded", "{shown}");
    let counters = lab.sandbox.counters();
    assert_eq!((counters.contracts_created, counters.signing_requests), (1, 1), "{shown}");
    assert!(shown.contains("succeeded (found by looking it up)"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_never_takes_it_fails_the_run_in_its_words_and_the_key_is_free_again() {
    let lab = Lab::new().await;
    lab.fault(json!([{ "on": "create_contract", "times": 6, "do": { "status": { "code": 500 } } }])).await;
    let file = quick(&lab);
    failing(&file);
    let _serve = lab.serve();
    let inputs = lab.inputs("Acme").to_string();
    let start = || lab.json(&["run", &file, "--input", &inputs, "--detach", "--format", "json"]);
    let first = start();
    let head = lab.until_over(1).await.remove(0);
    assert_eq!(head["status"], "failed");
    let doing = head["doing"].as_str().unwrap();
    assert!(doing.contains("scripted fault: status 500") && doing.contains("nothing came of it"), "{doing}");
    let second = start();
    assert_eq!((second["attached"].as_bool(), first["run"] == second["run"]), (Some(false), false), "{second}");
    lab.until_over(2).await;
    assert_eq!(lab.sandbox.counters().contracts_created, 1);
}

const SAME_NAME: &str = r#"
schema: engross/v1
name: same_name
defaults:
  retry: { attempts: 2, initial: 50ms, factor: 2, max: 1s, jitter: none }
steps:
  create:
    uses: juro/create_contract
    with: { template_id: mutual-nda, name: "NDA - Acme", fields: { "Counterparty Legal Name": Acme } }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn another_runs_contract_of_the_same_name_is_not_taken_over_and_a_person_decides() {
    let lab = Lab::new().await;
    let file = lab.write("workflows/same_name.yaml", SAME_NAME);
    let _serve = lab.serve();
    assert!(lab.output(&["run", file.to_str().unwrap()]).status.success());
    let first = lab.get(&format!("/runs/{}", lab.runs().await[0]["id"].as_str().unwrap())).await.unwrap();
    let of_first = first["steps"][0]["outputs"]["contract_id"].as_str().unwrap();
    // As if it had been made some minutes before: the clock of what is made from now on, and of `Date`, is ahead.
    let settings = format!("http://{}/_sandbox/settings", lab.sandbox.addr());
    let ahead = json!({ "clock_offset_s": 0, "date_offset_s": 600 });
    assert!(lab.http.post(settings).json(&ahead).send().await.unwrap().status().is_success());
    lab.fault(json!([{ "on": "create_contract", "times": 1, "do": { "status": { "code": 503 } } }])).await;
    let second = lab.json(&["run", file.to_str().unwrap(), "--detach", "--format", "json"]);
    let head = lab.until("is in doubt", |r| r["summary"] == "in_doubt").await;
    assert_eq!(head["id"], second["run"]);
    let run = head["id"].as_str().unwrap();
    let shown = text(&lab.output(&["runs", "show", run]).stdout);
    assert!(shown.contains("fits but for its time") && shown.contains(of_first), "{shown}");
    assert_eq!(lab.sandbox.counters().contracts_created, 1);
    let mut said = lab.output(&["in-doubt", "not-done", run, "create"]);
    // Until the request cannot be on its way any more, nobody can say that nothing came of it.
    for _ in 0..200 {
        if said.status.success() {
            break;
        }
        crate::lab::pause().await;
        said = lab.output(&["in-doubt", "not-done", run, "create"]);
    }
    assert!(said.status.success(), "{}", text(&said.stderr));
    lab.until_over(2).await;
    let view = lab.get(&format!("/runs/{run}")).await.unwrap();
    assert_eq!(view["status"], "succeeded", "{view:#}");
    assert_ne!(view["steps"][0]["outputs"]["contract_id"], of_first);
    assert_eq!(lab.sandbox.counters().contracts_created, 2);
}

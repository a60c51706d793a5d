//! The examples of the whole language, run by the binary against the sandbox: an order form whose approvers a policy names, and a
//! scheduled sync that reads each contract that has changed.

use crate::examples::{Play, Stage, changed, outcome, step};
use crate::lab::{repository, text};
use engross_sandbox::AutoSign;
use serde_json::{Value, json};
use std::time::Duration;

/// A stage with the people that the policy's groups stand for, and the policy beside the workflows.
async fn office(auto_sign: AutoSign) -> Stage {
    let stage = Stage::new(auto_sign).await;
    let config = std::fs::read_to_string(stage.lab.path("engross.yaml")).unwrap();
    let people = "people:\n  sales-leads: [kim@sales.example]\n  finance: [fay@finance.example]\n  legal-leads: [gc@legal.example]\n";
    stage.lab.write("engross.yaml", &changed(&config, "people:\n", people));
    let policy = "policies/order_approval.policy.yaml";
    stage.lab.write(policy, &std::fs::read_to_string(repository().join(policy)).unwrap());
    stage
}

fn order(value: u32) -> Value {
    json!({
        "template_id": "mutual-nda",
        "customer": { "name": "Acme", "email": "anna@acme.example" },
        "value": value,
        "region": "EU",
    })
}

/// What a command about the approval says.
fn say(play: &Play<'_>, verb: &str, by: &str, more: &[&str]) -> String {
    let args = [&["approvals", verb, &play.run, "--as", by], more].concat();
    let output = play.stage.lab.output(&args);
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

const FORM: [&str; 2] = ["--form", r#"{"cost_center": "C1"}"#];

#[tokio::test(flavor = "multi_thread")]
async fn a_large_order_is_sent_when_two_lawyers_and_then_finance_agree() {
    let stage = office(AutoSign::AfterSend { delay: Duration::from_millis(60) }).await;
    let play = stage.start("order_form", &order(60_000), |text| text);
    play.waits_in("approve").await;
    let open = &stage.lab.json(&["approvals", "list", "--format", "json"])["approvals"][0];
    assert_eq!((&open["stages"], &open["quorum"]), (&json!(2), &json!(2)), "{open:#}");
    let because = open["because"].as_str().unwrap();
    assert!(because.contains("rule 4 (`large`)") && because.contains("two lawyers"), "{because}");
    assert!(say(&play, "approve", "kim@sales.example", &FORM).contains("is not asked"));
    say(&play, "approve", "lena@legal.example", &FORM);
    say(&play, "approve", "omar@legal.example", &FORM);
    assert_eq!(stage.lab.sandbox.counters().signing_requests, 0, "it is sent before finance has agreed");
    say(&play, "approve", "fay@finance.example", &FORM);
    let view = play.over().await;
    assert_eq!(view["status"], "succeeded", "{view:#}");
    assert_eq!(step(&view, "approve")["outputs"]["form"], json!({ "cost_center": "C1" }));
    assert!(play.stored(&view, "pdf").starts_with(b"%PDF-"));
    let counters = stage.lab.sandbox.counters();
    assert_eq!((counters.contracts_created, counters.signing_requests, counters.contracts_deleted), (1, 1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_the_policy_refuses_asks_nobody_and_leaves_no_draft() {
    let stage = office(AutoSign::Never).await;
    let play = stage.start("order_form", &order(300_000), |text| text);
    let view = play.over().await;
    assert_eq!(view["status"], "stopped", "{view:#}");
    assert_eq!((outcome(&view, "approve"), outcome(&view, "discard")), ("rejected", "succeeded"));
    assert!(step(&view, "approve")["outputs"]["comment"].as_str().unwrap().contains("signed by the board"));
    let counters = stage.lab.sandbox.counters();
    assert_eq!((counters.contracts_created, counters.signing_requests, counters.contracts_deleted), (1, 0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_asked_is_reminded_and_a_stage_that_takes_long_is_given_to_others() {
    let stage = office(AutoSign::AfterSend { delay: Duration::from_millis(60) }).await;
    // A minute is the shortest pause between reminders; the escalation can come sooner.
    let play = stage.start("order_form", &order(20_000), |text| changed(&text, "after: 3d", "after: 1s"));
    play.waits_in("approve").await;
    assert!(say(&play, "approve", "eve@acme.example", &FORM).contains("is not asked"));
    let began = std::time::Instant::now();
    while !say(&play, "approve", "gc@legal.example", &FORM).contains("recorded") {
        assert!(began.elapsed() < crate::lab::PATIENCE, "nobody else may decide: {:#}", play.view().await);
        crate::lab::pause().await;
    }
    say(&play, "approve", "kim@sales.example", &FORM);
    let view = play.over().await;
    assert_eq!(view["status"], "succeeded", "{view:#}");
    assert_eq!(
        step(&view, "approve")["outputs"]["decided_by"],
        json!(["gc@legal.example", "kim@sales.example"]),
        "{view:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_given_up_takes_its_draft_with_it() {
    let stage = office(AutoSign::Never).await;
    let play = stage.start("order_form", &order(20_000), |text| text);
    play.waits_in("approve").await;
    // Another order of the same customer waits for its turn meanwhile.
    let again = order(21_000).to_string();
    let args = ["run", "workflows/order_form.yaml", "--input", &again, "--detach", "--format", "json"];
    let second = stage.lab.json(&args)["run"].as_str().unwrap().to_string();
    let waiting = stage.lab.get(&format!("/runs/{second}")).await.unwrap();
    assert_eq!(waiting["summary"], "queued", "{waiting:#}");
    let cancelled = stage.lab.output(&["runs", "cancel", &play.run, "--reason", "ordered elsewhere"]);
    assert!(cancelled.status.success(), "{}", text(&cancelled.stderr));
    let view = play.over().await;
    assert_eq!(view["status"], "cancelled", "{view:#}");
    assert_eq!(outcome(&view, "create.compensate"), "succeeded", "{view:#}");
    play.until("let the next order begin", |_| (stage.lab.sandbox.counters().contracts_created == 2).then_some(()))
        .await;
    assert_eq!(stage.lab.sandbox.counters().contracts_deleted, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_a_schedule_starts_reads_every_contract_that_has_changed_into_one_file() {
    let stage = Stage::new(AutoSign::Never).await;
    let juro = |path: &str| format!("http://{}/juro/v3/{path}", stage.lab.sandbox.addr());
    for number in 0..7 {
        let body = json!({ "templateId": "mutual-nda", "contract": { "name": format!("Contract {number}") } });
        let request = stage.lab.http.post(juro("contracts")).header("x-api-key", "sandbox-key").json(&body);
        let response = request.send().await.unwrap();
        assert!(response.status().is_success(), "{}", response.text().await.unwrap());
    }
    let every_minute = |text: String| changed(&text, "cron: \"0 6 * * 1-5\"", "cron: \"* * * * *\"");
    let play = stage.start("juro_sync", &json!({ "since": "2020-01-01T00:00:00Z" }), every_minute);
    let view = play.over().await;
    check_synced(&play, &view, 7);
    // The schedule's own run comes with the next minute.
    let began = std::time::Instant::now();
    let scheduled = loop {
        let runs = stage.lab.get("/runs?workflow=juro_sync").await.expect("runs are listed");
        let found = runs["runs"].as_array().unwrap().iter().find(|run| run["id"] != play.run.as_str()).cloned();
        match found {
            Some(run) if run["status"] == "succeeded" => break run["id"].as_str().unwrap().to_string(),
            other => assert!(began.elapsed() < Duration::from_secs(90), "the schedule starts nothing: {other:?}"),
        }
        crate::lab::pause().await;
    };
    let view = stage.lab.get(&format!("/runs/{scheduled}")).await.unwrap();
    assert_eq!(view["requester"], "schedule@engross.invalid");
    check_synced(&play, &view, 7);
}

fn check_synced(play: &Play<'_>, view: &Value, contracts: usize) {
    assert_eq!(view["status"], "succeeded", "{view:#}");
    let synced: Value = serde_json::from_slice(&play.stored(view, "file")).unwrap();
    let found = synced["contracts"].as_array().unwrap();
    assert_eq!((found.len(), &synced["not_read"]), (contracts, &json!([])), "{synced:#}");
    assert!(found.iter().all(|one| one["outputs"]["contract"]["name"].as_str().unwrap().starts_with("Contract ")));
    let items = view["steps"].as_array().unwrap().iter().filter(|s| s["id"].as_str().unwrap().starts_with("read["));
    assert_eq!(items.count(), contracts, "each is a step of its own");
}

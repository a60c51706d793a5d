//! One engine for several shells: runs, lists, decisions, cancellation, and who holds the data.

use crate::lab::{Lab, PATIENCE, Running, pause, text};
use engross_sandbox::{AutoSign, Faults};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

#[tokio::test(flavor = "multi_thread")]
async fn two_shells_start_runs_on_one_engine_and_both_end() {
    let lab = Lab::new().await;
    let file = lab.nda();
    let _serve = lab.serve();
    let file = file.to_str().unwrap();
    let (a, b) = (lab.inputs("Acme").to_string(), lab.inputs("Beta").to_string());
    let mut shells = [lab.spawn(&["run", file, "--input", &a]), lab.spawn(&["run", file, "--input", &b])];
    let runs = lab.until_over(2).await;
    assert_eq!(runs.len(), 2);
    for shell in &mut shells {
        assert!(shell.0.wait().unwrap().success());
    }
    let listed = lab.json(&["runs", "list", "--format", "json"]);
    let listed = listed["runs"].as_array().unwrap();
    assert_eq!(listed.len(), 2);
    assert!(listed.iter().all(|r| r["status"] == "succeeded"), "{listed:#?}");
    let titles: Vec<&str> = listed.iter().map(|r| r["title"].as_str().unwrap()).collect();
    assert!(titles.contains(&"NDA with Acme") && titles.contains(&"NDA with Beta"), "{titles:?}");
    assert_eq!(lab.sandbox.counters().contracts_created, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_with_the_same_key_attaches() {
    let lab = Lab::new().await;
    lab.nda();
    let _serve = lab.serve();
    let start = json!({ "workflow": "mutual_nda", "inputs": lab.inputs("Acme"), "requester": "ada@example.org" });
    let (first, begun) = lab.post("/runs", &start).await;
    let (second, attached) = lab.post("/runs", &start).await;
    assert_eq!((first, second), (201, 200), "{begun} {attached}");
    assert_eq!(begun["run"], attached["run"]);
    assert_eq!(attached["attached"], true);
    lab.until_over(1).await;
    assert_eq!(lab.sandbox.counters().contracts_created, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_decide_from_the_command_line_and_only_those_who_are_asked() {
    let lab = Lab::new().await;
    let file = lab.nda();
    let _serve = lab.serve();
    let inputs = lab.inputs("Acme").to_string();
    let started = lab.json(&["run", file.to_str().unwrap(), "--input", &inputs, "--detach", "--format", "json"]);
    let run = started["run"].as_str().unwrap().to_string();
    lab.until("waits for a decision", |r| r["doing"].as_str().unwrap().contains("decision")).await;

    let waiting = lab.json(&["approvals", "list", "--format", "json"]);
    assert_eq!(waiting["approvals"][0]["run"], run.as_str());
    assert_eq!(waiting["approvals"][0]["asked"], json!(["lena@legal.example", "omar@legal.example"]));

    let refused = lab.output(&["approvals", "approve", &run, "--as", "eve@elsewhere.example"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        text(&refused.stderr).contains("eve@elsewhere.example is not asked to decide this"),
        "{}",
        text(&refused.stderr)
    );

    let rejected =
        lab.output(&["approvals", "reject", &run, "--as", "omar@legal.example", "--comment", "wrong entity"]);
    assert!(rejected.status.success(), "{}", text(&rejected.stderr));
    assert_eq!(text(&rejected.stdout), "rejected\n");
    let runs = lab.until_over(1).await;
    assert_eq!(runs[0]["status"], "stopped");
    let watched = lab.output(&["runs", "watch", &run]);
    assert_eq!(watched.status.code(), Some(1), "{}", text(&watched.stdout));
    let shown = text(&lab.output(&["runs", "show", &run]).stdout);
    assert!(shown.contains("omar@legal.example says reject: wrong entity"), "{shown}");
    assert_eq!(lab.sandbox.counters().signing_requests, 0, "nothing is sent that was not approved");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_run_sends_nothing() {
    let lab = Lab::new().await;
    let file = lab.nda();
    let _serve = lab.serve();
    let inputs = lab.inputs("Acme").to_string();
    let started = lab.json(&["run", file.to_str().unwrap(), "--input", &inputs, "--detach", "--format", "json"]);
    let run = started["run"].as_str().unwrap();
    lab.until("waits for a decision", |r| r["doing"].as_str().unwrap().contains("decision")).await;
    assert!(lab.output(&["runs", "cancel", run, "--reason", "changed our minds"]).status.success());
    assert_eq!(lab.runs().await[0]["status"], "cancelled");
    let again = lab.output(&["approvals", "approve", run, "approve", "--as", "lena@legal.example"]);
    assert_eq!(again.status.code(), Some(2));
    assert_eq!(lab.sandbox.counters().signing_requests, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_is_told_who_holds_the_data() {
    let lab = Lab::new().await;
    let serve = lab.serve();
    let second = lab.output(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(second.status.code(), Some(2));
    let said = text(&second.stderr);
    for fact in [format!("process {}", serve.0.id()), "engross serve".to_string(), lab.listen.to_string()] {
        assert!(said.contains(&fact), "`{fact}` is not said: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_can_be_looked_at_while_no_engine_runs_but_not_changed() {
    let lab = Lab::with(AutoSign::Never, Faults::default()).await;
    let file = lab.nda();
    let mut serve = lab.serve();
    let inputs = lab.inputs("Acme").to_string();
    let started = lab.json(&["run", file.to_str().unwrap(), "--input", &inputs, "--detach", "--format", "json"]);
    let run = started["run"].as_str().unwrap();
    lab.until("waits for a decision", |r| r["doing"].as_str().unwrap().contains("decision")).await;
    serve.kill();
    let listed = lab.json(&["runs", "list", "--format", "json"]);
    assert_eq!(listed["runs"][0]["id"], run);
    let shown = lab.json(&["runs", "show", run, "--format", "json"]);
    assert_eq!(shown["run"]["status"], "running");
    assert_eq!(lab.json(&["approvals", "list", "--format", "json"])["approvals"][0]["step"], "approve");
    let approve = lab.output(&["approvals", "approve", run, "--as", "lena@legal.example"]);
    assert_eq!(approve.status.code(), Some(2));
    assert!(text(&approve.stderr).contains("no engine runs on data"), "{}", text(&approve.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_says_what_is_wrong_with_a_request() {
    let lab = Lab::new().await;
    lab.nda();
    let _serve = lab.serve();
    let start = |inputs: Value| json!({ "workflow": "mutual_nda", "inputs": inputs, "requester": "ada@example.org" });
    let (status, body) = lab.post("/runs", &start(json!({ "template_id": 5, "counterparty": { "name": "A" } }))).await;
    assert_eq!(status, 422);
    let problems = body["error"]["details"].to_string();
    assert!(problems.contains("template_id") && problems.contains("email"), "{problems}");
    let unknown = json!({ "workflow": "../secrets", "inputs": {}, "requester": "ada" });
    assert_eq!(lab.post("/runs", &unknown).await.0, 404);
    let source = json!({ "source": { "path": "x.yaml", "text": "steps: [" }, "inputs": {}, "requester": "ada" });
    let (status, body) = lab.post("/runs", &source).await;
    assert_eq!(status, 422);
    assert!(body["error"]["details"]["text"].as_str().unwrap().contains("x.yaml:1:"), "{body}");
    assert_eq!(lab.post("/runs/nobody/cancel", &json!({ "by": "ada" })).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_this_machine_is_served_without_a_token_and_others_need_one() {
    let lab = Lab::new().await;
    let mut serve = lab.serve();
    let foreign = lab.http.get(lab.api("/runs")).header("host", "evil.example").send().await.unwrap();
    assert_eq!(foreign.status(), 403);
    let page = lab.http.post(lab.api("/events")).header("origin", "http://evil.example").json(&json!({ "type": "x" }));
    assert_eq!(page.send().await.unwrap().status(), 403);
    for mark in ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via"] {
        let proxied = lab.http.get(lab.api("/runs")).header(mark, "203.0.113.7").send().await.unwrap();
        assert_eq!(proxied.status(), 403, "{mark}");
        let body: Value = proxied.json().await.unwrap();
        assert!(body["error"]["hint"].as_str().unwrap().contains("forward only /hooks/"), "{body}");
    }
    let hook = format!("http://{}/hooks/juro/hook-token-of-the-tests", lab.listen);
    let hook = lab.http.post(hook).header("x-forwarded-for", "203.0.113.7").body("{}").send().await.unwrap();
    assert_eq!(hook.status(), 401, "webhooks come through proxies, and are verified by themselves");
    serve.kill();

    let open = lab.output(&["serve", "--listen", "0.0.0.0:0"]);
    assert_eq!(open.status.code(), Some(2));
    assert!(text(&open.stderr).contains("no token is set"), "{}", text(&open.stderr));

    let listen = lab.listen.to_string();
    let mut command = lab.command(&["serve", "--listen", &listen]);
    let mut guarded = crate::lab::Running(command.env("ENGROSS_TOKEN", "open-sesame").spawn().unwrap());
    let began = Instant::now();
    let status = loop {
        match lab.http.get(lab.api("/runs")).send().await {
            Ok(response) => break response.status(),
            Err(_) => assert!(began.elapsed() < PATIENCE),
        }
        pause().await;
    };
    assert_eq!(status, 401);
    let with_token = lab.http.get(lab.api("/runs")).bearer_auth("open-sesame").send().await.unwrap();
    assert_eq!(with_token.status(), 200);
    let proxied = lab.http.get(lab.api("/runs")).bearer_auth("open-sesame").header("via", "1.1 proxy");
    assert_eq!(proxied.send().await.unwrap().status(), 200, "who has the token may come through a proxy");
    guarded.kill();
}

const V2: &str = r#"
schema: engross/v1
name: v2
steps:
  create:
    uses: juro_v2/create_contract
    with: { template_id: mutual-nda }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn whoever_follows_a_run_in_doubt_is_told_what_to_do() {
    let lab = Lab::new().await;
    lab.fault(json!([{ "on": "create_contract", "times": 1, "do": "drop_answer" }])).await;
    let file = lab.write("workflows/v2.yaml", V2);
    let _serve = lab.serve();
    let output = lab.output(&["run", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let runs = lab.runs().await;
    let run = runs[0]["id"].as_str().unwrap();
    assert_eq!(text(&output.stdout), format!("run {run} in doubt\n"));
    let ways = ["in-doubt happened", "in-doubt not-done", "runs cancel"].map(|verb| format!("engross {verb} {run}"));
    let check = |said: String| {
        let facts = ["create (juro_v2/create_contract): in doubt", "it may have happened all the same"];
        for fact in facts.into_iter().chain(ways.iter().map(String::as_str)) {
            assert!(said.contains(fact), "`{fact}` is not told: {said}");
        }
    };
    check(text(&output.stderr));
    let watched = lab.output(&["runs", "watch", run]);
    assert_eq!(watched.status.code(), Some(1));
    check(text(&watched.stderr));
    check(text(&lab.output(&["runs", "show", run]).stdout));
}

/// Everything that `engross serve` says until it serves, its webhooks included.
fn greeting(serve: &mut Running) -> String {
    let mut lines = BufReader::new(serve.0.stderr.take().unwrap()).lines();
    let said: Vec<String> = lines.by_ref().map(Result::unwrap).take(3).collect();
    std::thread::spawn(move || lines.for_each(drop));
    said.join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_does_not_hold_the_tokens_of_webhooks() {
    let lab = Lab::new().await;
    let mut serve = Running(lab.command(&["serve"]).stdout(Stdio::null()).spawn().unwrap());
    let said = greeting(&mut serve);
    let masked = format!("webhooks of juro: http://{}/hooks/juro/*** (`engross hooks` shows it whole)", lab.listen);
    assert!(said.contains(&masked), "{said}");
    assert!(!said.contains("hook-token-of-the-tests"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_told_to_end_keeps_the_answers_to_what_it_has_sent() {
    let lab = Lab::new().await;
    lab.fault(json!([{ "on": "create_contract", "times": 1, "do": { "slow": { "ms": 1500 } } }])).await;
    let file = lab.write("workflows/v2.yaml", V2);
    let mut serve = lab.serve();
    assert!(lab.output(&["run", file.to_str().unwrap(), "--detach"]).status.success());
    let began = Instant::now();
    while lab.sandbox.counters().requests == 0 {
        assert!(began.elapsed() < PATIENCE, "nothing is sent");
        pause().await;
    }
    let told = Command::new("kill").args(["-TERM", &serve.0.id().to_string()]).status().unwrap();
    assert!(told.success());
    assert!(serve.0.wait().unwrap().success());
    // The effect cannot be looked up, so without its answer the run would be in doubt after the next start.
    let listed = lab.json(&["runs", "list", "--format", "json"]);
    let shown = lab.json(&["runs", "show", listed["runs"][0]["id"].as_str().unwrap(), "--format", "json"]);
    assert_eq!(shown["run"]["steps"][0]["outcome"], "succeeded", "{shown:#}");
}

//! Runs that cannot go on by themselves, and the people who help them on: incidents, doubts, steps ended by hand, re-runs.

use crate::lab::{Lab, PATIENCE, pause, text};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::Output;
use std::time::Instant;

const ADA: &str = "ada@example.org";

/// Quick attempts, so that they end within the test.
const RETRY: &str = "defaults:\n  retry: { attempts: 2, initial: 50ms, factor: 2, max: 100ms, jitter: none }\n";

fn workflow(lab: &Lab, steps: &str, outputs: &str) -> String {
    let text = format!("schema: engross/v1\nname: helped\n{RETRY}steps:{steps}{outputs}");
    lab.write("workflows/helped.yaml", &text).to_str().unwrap().to_string()
}

const CREATE: &str = "
  create:
    uses: juro_v2/create_contract
    with: { template_id: mutual-nda }
";

const SEND: &str = "
  send:
    uses: juro_v2/send_for_signing
    with: { contract_id: \"{{ steps.create.outputs.contract_id }}\", message: Please sign. }
  after:
    uses: set
    with: { sent: \"{{ steps.send.outputs.contract_id }}\" }
";

fn start(lab: &Lab, file: &str) -> String {
    let started = lab.json(&["run", file, "--detach", "--format", "json"]);
    started["run"].as_str().unwrap().to_string()
}

fn said(output: &Output) -> String {
    text(&output.stdout) + &text(&output.stderr)
}

/// Runs a command that must end with this code, and say each of these.
fn check(lab: &Lab, arguments: &[&str], code: i32, expected: &[&str]) {
    let output = lab.output(arguments);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(code), "engross {arguments:?}: {said}");
    for fact in expected {
        assert!(said.contains(fact), "engross {arguments:?}: `{fact}` is not said: {said}");
    }
}

fn step<'a>(view: &'a Value, id: &str) -> &'a Value {
    view["steps"].as_array().unwrap().iter().find(|s| s["id"] == id).unwrap()
}

async fn view(lab: &Lab, run: &str) -> Value {
    lab.get(&format!("/runs/{run}")).await.unwrap()
}

/// The keys under which a step's effect was sent, and how often it was.
async fn keys(lab: &Lab, run: &str, id: &str) -> (BTreeSet<String>, usize) {
    let journal = lab.get(&format!("/runs/{run}/journal")).await.unwrap();
    let sent: Vec<String> = journal["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| &record["event"])
        .filter(|event| event["type"] == "effect_intended" && event["step"] == id)
        .map(|event| event["key"].as_str().unwrap().to_string())
        .collect();
    (sent.iter().cloned().collect(), sent.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_mended_and_the_step_is_tried_again() {
    let lab = Lab::new().await;
    let file = lab.nda();
    let inputs = lab.inputs("Acme").to_string();
    let mut command = lab.command(&["run", file.to_str().unwrap(), "--input", &inputs]);
    let output = command.env("JURO_API_KEY", "wrong-key").output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(text(&output.stdout).contains(" has an incident"), "{}", text(&output.stdout));

    let listed = lab.json(&["incidents", "list", "--format", "json"]);
    let incident = &listed["incidents"][0];
    assert_eq!(
        (incident["step"].as_str(), incident["kind"].as_str(), incident["run_title"].as_str()),
        (Some("create"), Some("incident"), Some("NDA with Acme")),
        "{listed:#}"
    );
    let run = incident["run"].as_str().unwrap();
    let retry = format!("engross runs retry {run} create");
    let followed = text(&output.stderr);
    for fact in ["cannot go on by itself", "create (juro/create_contract): incident since", &retry, "`engross serve`"] {
        assert!(followed.contains(fact), "`{fact}` is not said to who follows: {followed}");
    }
    check(&lab, &["incidents", "list"], 0, &["NDA with Acme", &retry]);
    check(&lab, &["in-doubt", "list"], 0, &["no step is in doubt"]);
    let no_engine = "these commands need a running engine";
    check(&lab, &["runs", "show", run], 0, &["cannot go on by itself", &retry, no_engine]);
    check(&lab, &["runs", "retry", run, "create"], 2, &["no engine runs", "engross serve"]);

    let _serve = lab.serve();
    let shown = lab.output(&["runs", "show", run]);
    assert!(text(&shown.stdout).contains(&retry) && !said(&shown).contains(no_engine), "{}", said(&shown));
    let watched = lab.output(&["runs", "watch", run]);
    assert_eq!(watched.status.code(), Some(1), "{}", said(&watched));
    assert!(text(&watched.stderr).contains(&retry), "{}", said(&watched));
    let again = ["runs", "retry", run, "create", "--comment", "the key was mistyped"];
    check(&lab, &again, 0, &["step `create` is tried again", &format!("engross runs watch {run}")]);
    let head = lab.until_over(1).await.remove(0);
    assert_eq!(head["status"], "succeeded", "{head:#}");
    assert_eq!(lab.sandbox.counters().contracts_created, 1);
    check(&lab, &["runs", "show", run], 0, &["ada@example.org has it tried again: the key was mistyped"]);
    check(&lab, &["incidents", "list"], 0, &["no step needs a person"]);
    check(&lab, &["runs", "retry", run, "create"], 2, &["the run is over", "engross runs rerun"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_send_in_doubt_happened_and_is_not_sent_again() {
    let lab = Lab::new().await;
    lab.fault(json!([
        { "on": "send", "times": 1, "do": "drop_answer" },
        { "on": "get", "times": 1000, "do": { "status": { "code": 500 } } },
    ]))
    .await;
    let file = workflow(&lab, &format!("{CREATE}{SEND}"), "outputs:\n  sent: \"{{ steps.after.outputs.sent }}\"\n");
    let _serve = lab.serve();
    let run = start(&lab, &file);
    lab.until("is in doubt", |r| r["summary"] == "in_doubt").await;
    let happened = format!("engross in-doubt happened {run} send");
    let not_done = format!("engross in-doubt not-done {run} send");
    check(&lab, &["in-doubt", "list"], 0, &["look at the provider", &happened, &not_done, &format!("{run}/send")]);
    check(&lab, &["incidents", "list"], 0, &[&happened]);
    let skip = ["runs", "skip", &run, "send", "--comment", "whatever"];
    check(&lab, &skip, 2, &["is in doubt", &happened]);
    check(&lab, &["runs", "retry", &run, "send"], 2, &["only a step with an incident", &happened]);

    let contract = step(&view(&lab, &run).await, "create")["outputs"]["contract_id"].as_str().unwrap().to_string();
    let words = ["in-doubt", "happened", run.as_str(), "send", "--comment", "seen in Juro", "--outputs"];
    check(&lab, &[&words[..], &["{\"contract\": 1}"]].concat(), 2, &["these are no outputs of", "contract_id"]);
    check(&lab, &[&words[..], &["{contract_id: 1}"]].concat(), 2, &["--outputs is not JSON"]);
    lab.write("found.json", &json!({ "contract_id": contract }).to_string());
    check(&lab, &[&words[..], &["@found.json"]].concat(), 0, &["step `send` ended as `succeeded`, by your word"]);

    let head = lab.until_over(1).await.remove(0);
    assert_eq!(head["status"], "succeeded", "{head:#}");
    assert_eq!(view(&lab, &run).await["outputs"]["sent"], contract.as_str());
    assert_eq!(lab.sandbox.counters().signing_requests, 1);
    check(&lab, &["runs", "show", &run], 0, &["says ada@example.org: seen in Juro"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_did_not_happen_is_sent_again_once_the_request_cannot_be_on_its_way() {
    let lab = Lab::new().await;
    // Long enough that the first word comes before it on any machine.
    let config = std::fs::read_to_string(lab.path("engross.yaml")).unwrap().replace("settle: 300ms", "settle: 8s");
    lab.write("engross.yaml", &config);
    lab.fault(json!([{ "on": "create_contract", "times": 1, "do": { "status": { "code": 500 } } }])).await;
    let file = workflow(&lab, CREATE, "");
    let _serve = lab.serve();
    let run = start(&lab, &file);
    lab.until("is in doubt", |r| r["summary"] == "in_doubt").await;
    let not_done = ["in-doubt", "not-done", &run, "create", "--comment", "not in Juro"];
    check(&lab, &not_done, 2, &["may still be on its way until"]);
    assert_eq!(lab.sandbox.counters().contracts_created, 0);

    let began = Instant::now();
    let output = loop {
        let output = lab.output(&not_done);
        if output.status.success() {
            break output;
        }
        assert!(said(&output).contains("may still be on its way until"), "{}", said(&output));
        assert!(began.elapsed() < PATIENCE, "it never settles");
        pause().await;
    };
    assert!(said(&output).contains("step `create` is tried again, under the same key"), "{}", said(&output));
    let head = lab.until_over(1).await.remove(0);
    assert_eq!(head["status"], "succeeded", "{head:#}");
    assert_eq!(lab.sandbox.counters().contracts_created, 1);
    let (keys, sent) = keys(&lab, &run, "create").await;
    assert_eq!((keys.len(), sent), (1, 2), "one key, sent twice: {keys:?}");
    check(&lab, &not_done, 2, &["the run is over"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_was_done_in_another_way_is_skipped_with_its_outputs() {
    let lab = Lab::new().await;
    let steps = CREATE.replace("mutual-nda", "no-such-template");
    let after = "  after:\n    uses: set\n    with: { id: \"{{ steps.create.outputs.contract_id }}\" }\n";
    let file = workflow(&lab, &format!("{steps}{after}"), "outputs:\n  id: \"{{ steps.after.outputs.id }}\"\n");
    let _serve = lab.serve();
    let run = start(&lab, &file);
    lab.until("has an incident", |r| r["summary"] == "incident").await;
    let skip = ["runs", "skip", run.as_str(), "create", "--comment", "made by hand"];
    check(&lab, &[&skip[..], &["--outputs", "{}"]].concat(), 2, &["these are no outputs of", "contract_id"]);
    check(&lab, &[&skip[..], &["--outcome", "done"]].concat(), 2, &["ends as one of", "failed"]);
    check(&lab, &["in-doubt", "happened", &run, "create"], 2, &["is an incident", "engross runs skip"]);
    check(&lab, &["runs", "skip", &run, "nothing", "--comment", "x"], 2, &["no step `nothing`", "create, after"]);
    let outputs = json!({ "contract_id": "by-hand", "contract": { "id": "by-hand" } }).to_string();
    check(&lab, &[&skip[..], &["--outputs", &outputs]].concat(), 0, &["step `create` ended as `succeeded`"]);
    let head = lab.until_over(1).await.remove(0);
    assert_eq!(head["status"], "succeeded", "{head:#}");
    assert_eq!(view(&lab, &run).await["outputs"]["id"], "by-hand");
    assert_eq!(lab.sandbox.counters().contracts_created, 0);
    check(&lab, &["runs", "show", &run], 0, &["says ada@example.org: made by hand"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn effects_happen_again_only_when_that_is_meant_and_under_a_new_key() {
    let lab = Lab::new().await;
    let file = workflow(&lab, CREATE, "");
    let _serve = lab.serve();
    let run = start(&lab, &file);
    lab.until_over(1).await;
    let rerun = ["runs", "rerun", run.as_str(), "--from", "create", "--comment", "wrong entity"];
    check(&lab, &rerun, 2, &["this would do again what create did", "--effects-again"]);
    assert_eq!(lab.sandbox.counters().contracts_created, 1);
    check(&lab, &[&rerun[..], &["--effects-again"]].concat(), 0, &["run again, under new keys"]);
    lab.until_over(1).await;
    assert_eq!(lab.runs().await[0]["status"], "succeeded");
    assert_eq!(lab.sandbox.counters().contracts_created, 2);
    let (keys, sent) = keys(&lab, &run, "create").await;
    assert_eq!((keys.len(), sent), (2, 2), "{keys:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_approves_by_skipping() {
    let lab = Lab::new().await;
    let ask = "
  ask:
    uses: approval
    with: { title: May it leave?, stages: [{ from: [legal] }], expires_in: \"{{ run.requester }}\" }
";
    let file = workflow(&lab, &format!("{ask}{}", CREATE.replace("uses:", "needs: [ask]\n    uses:")), "");
    let _serve = lab.serve();
    let run = start(&lab, &file);
    lab.until("has an incident", |r| r["summary"] == "incident").await;
    let skip = ["runs", "skip", run.as_str(), "ask", "--comment", "it is urgent", "--as", "lena@legal.example"];
    // Outputs like those of a real approval, so that nothing but who gave it is wrong.
    let schema = lab.json(&["schema", "approval"]);
    let value = |name: &str| match name {
        "decision" => json!("approved"),
        "decided_by" => json!(["lena@legal.example"]),
        "form" => json!({}),
        _ => Value::Null,
    };
    let names = schema["output"]["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
    let outputs: Value = names.map(|name| (name.to_string(), value(name))).collect::<serde_json::Map<_, _>>().into();
    let given = ["--outputs", &outputs.to_string()];
    let refused = ["only those who are asked can approve", &format!("engross runs retry {run} ask")];
    check(&lab, &[&skip[..], &given].concat(), 2, &refused);
    check(&lab, &[&skip[..], &["--outcome", "approved"], &given].concat(), 2, &refused);
    let body = json!({ "by": ADA, "said": { "ended": { "outcome": "approved", "outputs": outputs } } });
    let (status, answer) = lab.post(&format!("/runs/{run}/steps/ask/answer"), &body).await;
    assert_eq!(status, 409, "{answer}");
    assert_eq!(step(&view(&lab, &run).await, "ask")["state"], "incident");
    assert_eq!(lab.sandbox.counters().contracts_created, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_approves_a_list_by_skipping_and_an_empty_one_is_no_yes() {
    let lab = Lab::new().await;
    let _serve = lab.serve();
    for (items, code) in [("[a, a]", "foreach_items"), ("[]", "nobody_asked")] {
        let ask = r#"
  ask:
    uses: approval
    foreach: { items: "{{ inputs.names }}", key: "{{ item }}" }
    with: { title: "May {{ item }} leave?", stages: [{ from: [legal] }], expires_in: 2d }
"#;
        let steps = format!("{ask}{}", CREATE.replace("uses:", "needs: [ask]\n    uses:"));
        let text = format!(
            "schema: engross/v1\nname: listed\ninputs:\n  names: {{ type: array, items: {{ type: string }}, default: {items} }}\nsteps:{steps}"
        );
        let file = lab.write("workflows/listed.yaml", &text).to_str().unwrap().to_string();
        let run = start(&lab, &file);
        lab.until("has an incident", |r| r["id"] == run.as_str() && r["summary"] == "incident").await;
        let incidents = lab.json(&["incidents", "list", "--format", "json"])["incidents"].clone();
        let incident = incidents.as_array().unwrap().iter().find(|one| one["run"] == run.as_str()).unwrap().clone();
        assert_eq!((&incident["step"], &incident["error"]["code"]), (&json!("ask"), &json!(code)), "{incident}");
        assert!(incident["ways_out"].to_string().contains("--outcome stopped"), "{incident}");
        let skip = ["runs", "skip", run.as_str(), "ask", "--comment", "it is urgent", "--as", "lena@legal.example"];
        let summed_up = ["--outputs", r#"{"total": 0, "results": [], "failed": []}"#];
        let refused = ["only those who are asked can approve", "engross runs rerun", "engross runs cancel"];
        check(&lab, &skip, 2, &refused);
        check(&lab, &[&skip[..], &["--outcome", "succeeded"], &summed_up].concat(), 2, &refused);
        assert_eq!(step(&view(&lab, &run).await, "ask")["state"], "incident");
    }
    assert_eq!(lab.sandbox.counters().contracts_created, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_that_is_not_taken_is_refused_before_its_outputs_are_looked_at() {
    let lab = Lab::new().await;
    let ask = "
  ask:
    uses: approval
    with: { title: May it leave?, stages: [{ from: [legal] }], expires_in: 2d }
";
    let file = workflow(&lab, &format!("{ask}{}", CREATE.replace("uses:", "needs: [ask]\n    uses:")), "");
    let _serve = lab.serve();
    let run = start(&lab, &file);
    lab.until("asks", |r| r["summary"] == "waiting").await;
    let skip = |step: &str| ["runs", "skip", run.as_str(), step, "--comment", "x"].map(str::to_string);
    let skip_of = |step: &str, code: i32, expected: &[&str]| {
        let arguments = skip(step);
        check(&lab, &arguments.iter().map(String::as_str).collect::<Vec<_>>(), code, expected);
        let output = lab.output(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(!said(&output).contains("these are no outputs"), "{}", said(&output));
    };
    skip_of(
        "ask",
        2,
        &["step `ask` is waiting", &format!("engross approvals approve {run} ask"), "engross runs cancel"],
    );
    skip_of("create", 2, &["step `create` is pending", "engross runs show"]);
    assert!(lab.output(&["runs", "cancel", &run]).status.success());
    lab.until_over(1).await;
    skip_of("ask", 2, &["the run is over", "engross runs rerun"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_ends_a_step_as_failed_is_named() {
    let lab = Lab::new().await;
    let file = workflow(&lab, &CREATE.replace("mutual-nda", "no-such-template"), "");
    let _serve = lab.serve();
    let run = start(&lab, &file);
    lab.until("has an incident", |r| r["summary"] == "incident").await;
    // What does not fit is told with a way to see what would, which works for every operation.
    check(&lab, &["runs", "skip", &run, "create", "--comment", "x"], 2, &["`engross schema juro_v2/create_contract`"]);
    check(&lab, &["schema", "juro_v2/create_contract"], 0, &["contract_id"]);
    let skip = ["runs", "skip", &run, "create", "--outcome", "failed", "--comment", "not wanted any more"];
    check(&lab, &skip, 0, &["step `create` ended as `failed`"]);
    lab.until_over(1).await;
    check(&lab, &["runs", "show", &run], 0, &["failed (says ada@example.org): not wanted any more"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_says_why_a_word_is_refused_and_what_to_do() {
    let lab = Lab::new().await;
    let file = workflow(&lab, &CREATE.replace("mutual-nda", "no-such-template"), "");
    let _serve = lab.serve();
    let run = start(&lab, &file);
    lab.until("has an incident", |r| r["summary"] == "incident").await;
    let of = |step: &str, verb: &str| format!("/runs/{run}/steps/{step}/{verb}");
    let by = json!({ "by": ADA });
    let ended = |outputs: Value| json!({ "by": ADA, "said": { "ended": { "outputs": outputs } } });
    let found = json!({ "contract_id": "c", "contract": { "id": "c" } });
    for (path, body, expected, word, fact) in [
        (of("create", "retry"), json!({ "by": ADA, "attempt": 7 }), 409, "not_now", "engross runs show"),
        (of("nothing", "retry"), by.clone(), 404, "no_such_step", "lists the steps"),
        (of("create", "retry"), json!({}), 422, "invalid_body", "missing field `by`"),
        (of("create", "retry"), json!({ "by": "" }), 400, "bad_request", "printable"),
        (of("create", "answer"), json!({ "by": ADA, "said": "not_done" }), 409, "not_now", "engross runs show"),
        (of("create", "answer"), ended(json!({ "contract_id": 5 })), 400, "bad_request", "no outputs of"),
        (of("create", "answer"), ended(found), 200, "", "succeeded"),
        (of("create", "retry"), by.clone(), 409, "not_now", "engross runs rerun"),
        (format!("/runs/{run}/rerun"), json!({ "by": ADA, "from": "create" }), 409, "not_now", "`effects_again`"),
        (format!("/runs/{run}/rerun"), json!({ "by": ADA, "from": "nothing" }), 404, "no_such_step", "lists the steps"),
        ("/runs/nobody/rerun".to_string(), json!({ "by": ADA, "from": "create" }), 404, "no_such_run", "nobody"),
        ("/runs/nobody/steps/a/retry".to_string(), by, 404, "no_such_run", "nobody"),
    ] {
        let (status, answer) = lab.post(&path, &body).await;
        assert_eq!(
            (status, answer["error"]["code"].as_str().unwrap_or("")),
            (expected, word),
            "{path} {body}: {answer}"
        );
        assert!(answer.to_string().contains(fact), "{path} {body}: `{fact}` is not said: {answer}");
    }
}

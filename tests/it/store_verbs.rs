//! The data as a whole, with the real binary: copied, checked, tidied, put right, and gone on with elsewhere.

use crate::lab::{Lab, text};
use engross_core::{RunId, Subscription};
use engross_store::{Commit, Holder, SledStore, Store, WaitRow, Write};
use serde_json::Value;
use std::io::Write as _;
use std::process::{Output, Stdio};

/// A lab with one run that is over, one that waits for an approval, and one that has been given up.
async fn lab_with_runs() -> (Lab, String) {
    let lab = Lab::new().await;
    let file = lab.nda();
    let start = |name: &str| {
        let inputs = lab.inputs(name).to_string();
        let started = lab.json(&["run", file.to_str().unwrap(), "--input", &inputs, "--detach", "--format", "json"]);
        started["run"].as_str().unwrap().to_string()
    };
    let mut serve = lab.serve();
    start("Acme");
    lab.until_over(1).await;
    let waits = start("Beta");
    let asks = |run: &str| {
        let run = run.to_string();
        move |r: &Value| r["id"] == run.as_str() && r["doing"].as_str().unwrap().contains("decision")
    };
    lab.until("waits for a decision", asks(&waits)).await;
    let cancelled = start("Gamma");
    lab.until("waits for a decision", asks(&cancelled)).await;
    assert!(lab.output(&["runs", "cancel", &cancelled]).status.success());
    serve.kill();
    (lab, waits)
}

/// Another directory of the lab, configured like it, with its files and another store.
fn elsewhere(lab: &Lab) -> Vec<String> {
    let config = std::fs::read_to_string(lab.path("engross.yaml")).unwrap();
    let files = lab.path("files");
    lab.write("other/engross.yaml", &format!("{config}files: {{ local: {:?} }}\n", files.to_str().unwrap()));
    vec!["--config".into(), "other/engross.yaml".into()]
}

fn with(config: &[String], args: &[&str]) -> Vec<String> {
    config.iter().cloned().chain(args.iter().map(ToString::to_string)).collect()
}

fn run(lab: &Lab, args: &[String]) -> Output {
    lab.output(&args.iter().map(String::as_str).collect::<Vec<_>>())
}

fn check(lab: &Lab, args: &[String], code: i32, expected: &[&str]) -> String {
    let output = run(lab, args);
    let said = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "engross {args:?}: {said}");
    for part in expected {
        assert!(said.contains(part), "engross {args:?} does not say `{part}`: {said}");
    }
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_goes_elsewhere_as_a_file_and_its_runs_go_on_there() {
    let (lab, waits) = lab_with_runs().await;
    let here: &[String] = &[];
    check(&lab, &with(here, &["store", "verify"]), 0, &["3 runs", "all is well"]);
    check(&lab, &with(here, &["fsck"]), 0, &["1 runs", "all is well"]);
    check(&lab, &with(here, &["store", "export", "a.jsonl.gz"]), 0, &["a.jsonl.gz has 3 runs"]);
    check(&lab, &with(here, &["store", "export", "a.jsonl.gz"]), 2, &["is there already", "hint: name another"]);
    check(&lab, &with(here, &["store", "verify", "a.jsonl.gz"]), 0, &["3 runs", "all is well"]);
    check(
        &lab,
        &with(here, &["store", "import", "a.jsonl.gz"]),
        2,
        &["the store is not empty", "hint: import into another"],
    );

    let there = elsewhere(&lab);
    check(&lab, &with(&there, &["store", "import", "a.jsonl.gz"]), 0, &["3 runs with"]);
    check(&lab, &with(&there, &["store", "verify"]), 0, &["all is well"]);
    check(&lab, &with(&there, &["fsck"]), 0, &["all is well"]);
    for args in [vec!["runs", "list", "--format", "json"], vec!["runs", "show", waits.as_str(), "--format", "json"]] {
        assert_eq!(text(&run(&lab, &with(&there, &args)).stdout), text(&lab.output(&args).stdout));
    }
    // The copy of the copy is the same but for its header and its digest.
    let lines = |config: &[String]| {
        let output = run(&lab, &with(config, &["store", "export", "-"]));
        assert!(output.status.success(), "{}", text(&output.stderr));
        let lines: Vec<String> = text(&output.stdout).lines().map(str::to_string).collect();
        lines[1..lines.len() - 1].to_vec()
    };
    assert_eq!(lines(&there), lines(here));

    let mut args = with(&there, &["serve"]);
    args.push("--listen".into());
    args.push(lab.listen.to_string());
    let _serve = lab.spawn(&args.iter().map(String::as_str).collect::<Vec<_>>());
    lab.until("is there", |r| r["id"] == waits.as_str()).await;
    let runs = lab.until_over(3).await;
    let status = |id: &str| runs.iter().find(|r| r["id"] == id).unwrap()["status"].clone();
    assert_eq!(status(&waits), "succeeded");
    let counters = lab.sandbox.counters();
    assert_eq!(
        (counters.contracts_created, counters.signing_requests),
        (3, 2),
        "the copy makes nothing twice: {runs:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_export_is_refused_whole() {
    let (lab, _) = lab_with_runs().await;
    let here: &[String] = &[];
    let export = lab.output(&["store", "export", "-"]).stdout;
    let there = elsewhere(&lab);
    let mut lines: Vec<String> = text(&export).lines().map(str::to_string).collect();
    let record = lines.iter_mut().find(|line| line.starts_with("{\"record\"") && line.contains("Acme")).unwrap();
    *record = record.replacen("Acme", "Acne", 1);
    let damaged = lines.join("\n") + "\n";
    lab.write("damaged.jsonl", &damaged);
    let said = check(&lab, &with(here, &["store", "verify", "damaged.jsonl"]), 1, &["damaged.jsonl:", "digest: "]);
    assert!(said.contains("journal: run "), "the very record is named: {said}");
    let expected = ["damaged.jsonl:", "nothing of it was taken"];
    check(&lab, &with(&there, &["store", "import", "damaged.jsonl"]), 1, &expected);
    let json = run(&lab, &with(&there, &["store", "verify", "damaged.jsonl", "--format", "json"]));
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert!(json["problems"].as_array().unwrap().iter().any(|p| p["code"] == "digest" && p["line"].is_u64()), "{json}");
    lab.write("cut.jsonl", &text(&export[..export.len() - 100]));
    check(&lab, &with(&there, &["store", "import", "cut.jsonl"]), 1, &["it breaks off in the middle"]);
    let nothing = run(&lab, &with(&there, &["runs", "list", "--format", "json"]));
    assert_eq!(serde_json::from_slice::<Value>(&nothing.stdout).unwrap()["runs"], serde_json::json!([]));

    // Nothing of it was taken, so that the whole one still is; this time by way of stdin.
    let args = with(&there, &["store", "import", "-"]);
    let mut import =
        lab.command(&args.iter().map(String::as_str).collect::<Vec<_>>()).stdin(Stdio::piped()).spawn().unwrap();
    import.stdin.take().unwrap().write_all(&export).unwrap();
    let output = import.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(!lab.path("other/data/import.partial").exists());
    check(&lab, &with(&there, &["store", "verify"]), 0, &["3 runs", "all is well"]);
}

/// Removes a wait that a run owes, and adds one that nobody waits for.
fn plant(lab: &Lab, run: &str) {
    let holder = Holder::this_process("a test", engross_core::Timestamp::from_millis(0));
    let store = SledStore::open(&lab.path("data"), holder).unwrap();
    let waits = store.waits(&Subscription::to_decisions().topic).unwrap();
    assert_eq!(waits.len(), 1);
    let head = store.head(&RunId::new(run)).unwrap().unwrap();
    let orphan = WaitRow { run: RunId::new("nobody"), ..waits[0].clone() };
    let commit = Commit {
        run: head.run.clone(),
        expected_seq: head.seq,
        fence: 0,
        records: Vec::new(),
        head,
        plan: None,
        timers_set: Vec::new(),
        timers_cleared: Vec::new(),
        waits_set: vec![orphan],
        waits_cleared: waits,
        marks: Vec::new(),
    };
    store.write(&[Write::Run(Box::new(commit))]).unwrap().remove(0).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_that_is_missing_is_found_and_put_back() {
    let (lab, waits) = lab_with_runs().await;
    let here: &[String] = &[];
    plant(&lab, &waits);
    let expected = ["wait_missing: run ", "wait_orphan: run nobody", "engross fsck --repair"];
    let found = check(&lab, &with(here, &["fsck"]), 1, &expected);
    assert!(found.contains(&waits), "{found}");
    check(&lab, &with(here, &["store", "verify"]), 0, &["all is well"]);
    {
        let _serve = lab.serve();
        check(&lab, &with(here, &["fsck"]), 1, &expected);
        check(&lab, &with(here, &["fsck", "--repair"]), 2, &["an engine runs on this store", "hint: stop it first"]);
        let report = lab.json(&["fsck", "--format", "json"]);
        assert_eq!(report["findings"].as_array().unwrap().len(), 2, "{report}");
        assert_eq!(lab.json(&["approvals", "list", "--format", "json"])["approvals"], serde_json::json!([]));
    }
    check(
        &lab,
        &with(here, &["fsck", "--repair"]),
        0,
        &["repaired[wait_missing]", "repaired[wait_orphan]", "2 put right"],
    );
    check(&lab, &with(here, &["fsck"]), 0, &["all is well"]);
    let _serve = lab.serve();
    let runs = lab.until_over(3).await;
    assert!(runs.iter().any(|r| r["id"] == waits.as_str() && r["status"] == "succeeded"), "{runs:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_it_goes_through_the_api_of_a_running_engine() {
    let (lab, waits) = lab_with_runs().await;
    let here: &[String] = &[];
    let stopped = lab.output(&["store", "compact", "--format", "json"]);
    assert!(stopped.status.success(), "{}", text(&stopped.stderr));
    let compacted: Value = serde_json::from_slice(&stopped.stdout).unwrap();
    assert!(compacted["after_bytes"].as_u64().unwrap() > 0 && compacted["rows"].as_u64().unwrap() > 0, "{compacted}");
    let _serve = lab.serve();
    check(&lab, &with(here, &["store", "verify"]), 0, &["3 runs", "all is well"]);
    check(&lab, &with(here, &["fsck"]), 0, &["all is well"]);
    check(&lab, &with(here, &["store", "compact"]), 0, &["on the disk before"]);
    check(&lab, &with(here, &["store", "export", "live.jsonl.gz"]), 0, &["live.jsonl.gz has 3 runs"]);
    check(&lab, &with(here, &["store", "verify", "live.jsonl.gz"]), 0, &["all is well"]);
    check(&lab, &with(here, &["store", "import", "live.jsonl.gz"]), 2, &["is held by"]);
    check(&lab, &with(here, &["runs", "list", "--archived"]), 0, &["RUN"]);
    assert_eq!(lab.get(&format!("/runs/{waits}")).await.unwrap()["status"], "running", "and the engine goes on");
    let runs = lab.until_over(3).await;
    assert_eq!(runs.len(), 3);
}

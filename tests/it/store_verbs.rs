//! The data as a whole, with the real binary: copied, checked, tidied, put right, and gone on with elsewhere.

use crate::lab::{Lab, Running, text};
use engross_core::{Event, PlanDigest, Record, RunId, Subscription, Summary};
use engross_store::archive::{ARCHIVED_MARKS, Archive, ArchivedMark, IN_ARCHIVE_MARKS};
use engross_store::{Commit, Holder, RunHead, SledStore, Store, WaitRow, Write};
use serde_json::Value;
use std::io::Write as _;
use std::process::{Output, Stdio};
use std::sync::Arc;

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
    check(&lab, &with(here, &["fsck"]), 0, &["1 run, ", "all is well"]);
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
    // Again and again, though nothing is written in between, and two at once.
    for _ in 0..2 {
        check(&lab, &with(here, &["store", "compact"]), 0, &["on the disk before"]);
    }
    let both = [0, 1].map(|_| lab.command(&["store", "compact"]).spawn().unwrap());
    for child in both {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
    check(&lab, &with(here, &["store", "export", "live.jsonl.gz"]), 0, &["live.jsonl.gz has 3 runs"]);
    check(&lab, &with(here, &["store", "verify", "live.jsonl.gz"]), 0, &["all is well"]);
    check(&lab, &with(here, &["store", "import", "live.jsonl.gz"]), 2, &["is held by"]);
    check(&lab, &with(here, &["runs", "list", "--archived"]), 0, &["RUN"]);
    assert_eq!(lab.get(&format!("/runs/{waits}")).await.unwrap()["status"], "running", "and the engine goes on");
    let runs = lab.until_over(3).await;
    assert_eq!(runs.len(), 3);
}

fn opened(lab: &Lab) -> SledStore {
    let holder = Holder::this_process("a test", engross_core::Timestamp::from_millis(0));
    SledStore::open(&lab.path("data"), holder).unwrap()
}

/// Moves the runs that are over to the archive, as housekeeping does when they are old enough. The newest comes last.
async fn archive_what_is_over(lab: &Lab) -> Vec<RunId> {
    let store = Arc::new(opened(lab));
    let archive = Archive::local(&lab.path("files")).unwrap();
    let over = store.all_runs(None, 99).unwrap().into_iter().filter(|head| head.status.is_over());
    let mut archived = Vec::new();
    for head in over {
        let now = engross_core::Timestamp::from_millis(0);
        let head = archive.keep(store.clone(), &head.run, "engross test", now).await.unwrap().unwrap();
        let (name, value) = match head.key.is_some() && head.holds_its_key() {
            true => (format!("{ARCHIVED_MARKS}{}", head.run), serde_json::to_value(&head)),
            false => (format!("{IN_ARCHIVE_MARKS}{}", head.run), serde_json::to_value(ArchivedMark::of(&head))),
        };
        let writes = [Write::Mark { name, value: Some(value.unwrap()) }, Write::Remove(head.run.clone())];
        assert!(store.write(&writes).unwrap().iter().all(Result::is_ok));
        archived.push(head.run);
    }
    archived
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_the_archive_that_is_damaged_or_gone_is_named_and_hides_no_other() {
    let (lab, _) = lab_with_runs().await;
    let here: &[String] = &[];
    let archived = archive_what_is_over(&lab).await;
    let [sound, bad] = &archived[..] else { panic!("{archived:?}") };
    check(&lab, &with(here, &["store", "verify"]), 0, &["1 run, 2 archived runs, ", "all is well"]);
    let file = Archive::place(bad).unwrap();
    let place = lab.path("files").join(&file);
    let whole = std::fs::read(&place).unwrap();
    let mut serve: Option<Running> = None;
    for engine_runs in [false, true] {
        if engine_runs {
            std::fs::write(&place, &whole).unwrap();
            serve = Some(lab.serve());
            let cancel = with(here, &["runs", "cancel", bad.as_str()]);
            check(&lab, &cancel, 2, &["is in the archive: it is over", "hint: start a new run"]);
            let approve = with(here, &["approvals", "approve", bad.as_str(), "approve"]);
            check(&lab, &approve, 2, &["is in the archive: it is over"]);
            let unknown = check(&lab, &with(here, &["runs", "show", "nobody"]), 2, &["there is no run nobody"]);
            assert!(!unknown.contains("running engine"), "one runs: {unknown}");
        }
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 1;
        for damage in [Vec::new(), whole[..whole.len() / 2].to_vec(), flipped] {
            std::fs::write(&place, damage).unwrap();
            let named = format!("archive_damaged: run {bad}: its archived file: ");
            check(&lab, &with(here, &["store", "verify"]), 1, &[&named, "2 archived runs", "1 not right"]);
            let warning = format!("warning: run {bad}: ");
            let list = with(here, &["runs", "list", "--archived"]);
            check(&lab, &list, 1, &[sound.as_str(), &warning, "1 run could not be read"]);
            let json: Value =
                serde_json::from_slice(&lab.output(&["runs", "list", "--archived", "--format", "json"]).stdout)
                    .unwrap();
            assert_eq!(
                (&json["runs"][0]["id"], &json["unreadable"][0]["run"]),
                (&sound.as_str().into(), &bad.as_str().into())
            );
        }
        std::fs::remove_file(&place).unwrap();
        let gone = format!("it went to the archive, and its file {file} is not there");
        check(&lab, &with(here, &["store", "verify"]), 1, &[&format!("archive_missing: run {bad}: {gone}")]);
        check(&lab, &with(here, &["runs", "show", bad.as_str()]), 2, &[&gone, "restore its file from a backup"]);
        check(&lab, &with(here, &["runs", "show", sound.as_str()]), 0, &["timeline"]);
    }
    drop(serve);
}

/// Plants two runs that nobody can read beside one that waits for a decision: one has a journal without its beginning, and the
/// other has lost its plan.
fn plant_damage(lab: &Lab, run: &str) -> [RunId; 2] {
    let store = opened(lab);
    let waits = store.waits(&Subscription::to_decisions().topic).unwrap();
    let sound = store.head(&RunId::new(run)).unwrap().unwrap();
    let mut records = store.journal(&sound.run, 0, 99).unwrap();
    let [beheaded, lost] =
        ["ffffffff-0000-7000-8000-000000000001", "ffffffff-0000-7000-8000-000000000002"].map(RunId::new);
    let later = Record { seq: 1, ..records.remove(1) };
    for (run, record, plan) in
        [(&beheaded, later, sound.plan.clone()), (&lost, records.remove(0), PlanDigest::new("f".repeat(64)))]
    {
        let head = RunHead {
            run: run.clone(),
            key: None,
            plan: plan.clone(),
            summary: Summary::Incident,
            seq: 1,
            ..sound.clone()
        };
        let mut record = record;
        if let Event::RunStarted { run: of, plan: kept, key, .. } = &mut record.event {
            (*of, *kept, *key) = (run.clone(), plan, None);
        }
        let commit = Commit {
            run: run.clone(),
            expected_seq: 0,
            fence: 0,
            records: vec![record],
            head,
            plan: None,
            timers_set: Vec::new(),
            timers_cleared: Vec::new(),
            waits_set: vec![WaitRow { run: run.clone(), ..waits[0].clone() }],
            waits_cleared: Vec::new(),
            marks: Vec::new(),
        };
        store.write(&[Write::Run(Box::new(commit))]).unwrap().remove(0).unwrap();
    }
    [beheaded, lost]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_cannot_be_read_is_named_and_hides_no_other() {
    let (lab, waits) = lab_with_runs().await;
    let here: &[String] = &[];
    let [beheaded, lost] = plant_damage(&lab, &waits);
    let warnings = [&beheaded, &lost].map(|run| format!("warning: run {run}: "));
    let mut serve: Option<Running> = None;
    for engine_runs in [false, true] {
        let place = |name: &str| format!("{name}-{engine_runs}.jsonl");
        if engine_runs {
            serve = Some(lab.serve());
        }
        let not_whole = [warnings[0].as_str(), &warnings[1], "2 runs could not be read", "engross store verify"];
        let approvals = with(here, &["approvals", "list"]);
        check(&lab, &approvals, 1, &[&[waits.as_str()], &not_whole[..]].concat());
        let json: Value =
            serde_json::from_slice(&lab.output(&["approvals", "list", "--format", "json"]).stdout).unwrap();
        assert_eq!((json["approvals"].as_array().unwrap().len(), json["unreadable"].as_array().unwrap().len()), (1, 2));
        check(&lab, &with(here, &["incidents", "list"]), 1, &not_whole);
        let one = check(&lab, &with(here, &["store", "verify"]), 1, &[beheaded.as_str(), lost.as_str()]);
        assert!(!one.contains(&waits), "{one}");

        // The whole cannot be had, and why is said; what is sound can.
        let broken_off = with(here, &["store", "export", &place("whole")]);
        check(&lab, &broken_off, 2, &[lost.as_str(), "is not in the store", "--skip-damaged"]);
        assert!(!lab.path(&place("whole")).exists());
        let left_out = [&beheaded, &lost].map(|run| format!("warning: run {run} is left out: "));
        let sound = with(here, &["store", "export", &place("sound"), "--skip-damaged"]);
        check(&lab, &sound, 1, &["has 3 runs with", &left_out[0], &left_out[1]]);
        check(
            &lab,
            &with(here, &["store", "verify", &place("sound")]),
            0,
            &["3 runs", "2 runs could not be read then"],
        );
        let stdout = lab.output(&["store", "export", "-", "--skip-damaged"]);
        assert_eq!(stdout.status.code(), Some(1), "{}", text(&stdout.stderr));
        assert!(text(&stdout.stderr).contains(&left_out[1]), "{}", text(&stdout.stderr));
    }
    let refused = with(here, &["approvals", "approve", beheaded.as_str(), "--as", "lena@legal.example"]);
    check(&lab, &refused, 2, &["does not begin with its start", "engross store verify"]);
    // A client that does not look for the reason in the copy must not take what came for the whole.
    let broken = lab.http.get(lab.api("/store/export")).send().await.unwrap().bytes().await;
    assert!(broken.is_err(), "the connection breaks with the copy");
    drop(serve);

    let there = elsewhere(&lab);
    check(&lab, &with(&there, &["store", "import", "sound-true.jsonl"]), 0, &["3 runs with"]);
    check(&lab, &with(&there, &["store", "verify"]), 0, &["all is well"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_export_is_told_in_one_line() {
    let lab = Lab::new().await;
    let readme = crate::lab::repository().join("README.md");
    let output = lab.output(&["store", "verify", readme.to_str().unwrap()]);
    let said = text(&output.stdout);
    assert_eq!((output.status.code(), said.lines().count()), (Some(1), 1), "{said}");
    assert!(said.contains("this is no export of engross"), "{said}");
}

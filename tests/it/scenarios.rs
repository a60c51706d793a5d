//! `engross test`: the examples' own tests, what a failing one tells, and everything that can be wrong with a test file.

use crate::lab::{repository, text};
use insta::assert_snapshot;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The exit code and what is printed to stdout and to stderr.
fn test(place: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_engross"))
        .arg("test")
        .args(args)
        .current_dir(place)
        .env_remove("ENGROSS_CONFIG")
        .output()
        .unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// A folder with these files under `workflows/`.
fn place(files: &[(&str, &str)]) -> TempDir {
    let place = tempfile::tempdir().unwrap();
    std::fs::create_dir(place.path().join("workflows")).unwrap();
    for (name, content) in files {
        std::fs::write(place.path().join("workflows").join(name), content).unwrap();
    }
    place
}

fn example(name: &str) -> String {
    std::fs::read_to_string(repository().join("workflows").join(name)).unwrap()
}

/// The mutual NDA with these scenarios.
fn nda(scenarios: &str) -> TempDir {
    place(&[("mutual_nda.yaml", &example("mutual_nda.yaml")), ("mutual_nda.test.yaml", scenarios)])
}

/// What each scenario came to, by its name.
fn played(place: &Path) -> (Option<i32>, BTreeMap<String, Value>) {
    let (code, out, err) = test(place, &["--format", "json"]);
    let answer: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{err}"));
    assert_eq!(answer["findings"], json!([]));
    let scenarios = answer["scenarios"].as_array().unwrap().iter();
    (code, scenarios.map(|one| (one["name"].as_str().unwrap().to_string(), one.clone())).collect())
}

fn files(ends: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(repository().join("workflows")).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.to_str().unwrap().ends_with(ends));
    files.sort();
    files
}

#[test]
fn every_example_has_a_test_file_and_all_of_them_pass() {
    let (code, out, err) = test(repository(), &["--format", "json"]);
    let answer: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{err}"));
    let failed: Vec<&Value> = answer["scenarios"].as_array().unwrap().iter().filter(|one| one["ok"] != true).collect();
    assert!(failed.is_empty() && answer["findings"] == json!([]), "{failed:#?}{:#}", answer["findings"]);
    assert_eq!(code, Some(0));
    let workflows: Vec<PathBuf> =
        files(".yaml").into_iter().filter(|p| !p.to_str().unwrap().ends_with(".test.yaml")).collect();
    assert!(workflows.len() >= 4);
    for path in workflows {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let own = answer["scenarios"].as_array().unwrap().iter().filter(|one| one["workflow"] == name).count();
        assert!(own >= 2, "{name} has {own} scenarios");
    }
}

/// The schema for editors and the reader of the files speak of the same language.
#[test]
fn test_files_fit_their_schema() {
    let schema = std::fs::read_to_string(repository().join("schemas/test.schema.json")).unwrap();
    let printed = Command::new(env!("CARGO_BIN_EXE_engross")).args(["schema", "test"]).output().unwrap();
    assert_eq!(text(&printed.stdout), schema, "`cargo xtask schemas` writes it anew");
    let validator = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    let tests = files(".test.yaml");
    assert!(tests.len() >= 4);
    for path in tests {
        let file = engross_source::SourceFile::new("test", &std::fs::read_to_string(&path).unwrap());
        let value = engross_source::load(&file, &engross_source::Limits::default()).unwrap().to_json();
        let problems: Vec<String> = validator.iter_errors(&value).map(|problem| problem.to_string()).collect();
        assert_eq!(problems, Vec::<String>::new(), "{}", path.display());
    }
    for broken in [
        json!({ "workflow": "a", "scenarios": [] }),
        json!({ "workflow": "a", "scenarios": [{ "name": "x", "expect": {} }] }),
        json!({ "workflow": "a", "scenarios": [{ "name": "x", "expect": { "outcome": "good" } }] }),
        json!({ "workflow": "a", "scenarios": [{ "name": "x", "timeline": [{ "decide": "approved" }], "expect": { "steps": {} } }] }),
        json!({ "workflow": "a", "scenarios": [{ "name": "x", "faults": [{ "at": "a" }], "expect": { "steps": {} } }] }),
    ] {
        assert!(!validator.is_valid(&broken), "{broken}");
    }
}

/// The design's own example, word for word, with no configuration around it.
#[test]
fn groups_that_nothing_says_who_is_in_have_whoever_decides() {
    let place = nda("workflow: mutual_nda
scenarios:
  - name: signed on the second day, webhook delivered twice
    inputs: { template_id: t1, counterparty: { name: Acme, email: a@acme.example } }
    timeline:
      - { at: approve, decide: approved, as: lena@legal.example }
      - { after: 2d, event: juro/contract.signed, times: 2 }
    expect: { outcome: succeeded, calls: { juro/send_for_signing: 1 } }
  - name: nobody answers
    inputs: { template_id: t1, counterparty: { name: Acme, email: a@acme.example } }
    expect: { steps: { approve: expired }, never_called: [juro/send_for_signing] }
  - name: the process dies after the provider accepted the send
    inputs: { template_id: t1, counterparty: { name: Acme, email: a@acme.example } }
    faults: [{ at: send, crash: after_effect }]
    timeline: [{ at: approve, decide: approved, as: lena@legal.example }]
    expect: { calls: { juro/send_for_signing: 1 } }
");
    let (code, out, err) = test(place.path(), &[]);
    assert_eq!((code, err.as_str()), (Some(0), "3 scenarios: 3 ok, 0 failed\n"), "{out}");
    assert_eq!(
        out,
        "ok      mutual_nda: signed on the second day, webhook delivered twice (2d)\n\
         ok      mutual_nda: nobody answers (7d)\n\
         ok      mutual_nda: the process dies after the provider accepted the send (30d)\n"
    );
    // With a configuration, who is in which group is its matter.
    let config =
        "connections:\n  juro: { provider: juro, api_key: { env: KEY } }\npeople: { legal: [omar@legal.example] }\n";
    std::fs::write(place.path().join("engross.yaml"), config).unwrap();
    let (code, out, _) = test(place.path(), &["--only", "delivered twice"]);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("line 6: this decision does not count: "), "{out}");
}

/// What the manual shows is true.
#[test]
fn the_example_of_the_manual_passes() {
    let manual = std::fs::read_to_string(repository().join("docs/workflows.md")).unwrap();
    let (_, section) = manual.split_once("\n## Testing a workflow\n").unwrap();
    let (_, example) = section.split_once("```yaml\n").unwrap();
    let place = nda(example.split("```").next().unwrap());
    let (code, out, err) = test(place.path(), &[]);
    assert_eq!((code, err.as_str()), (Some(0), "2 scenarios: 2 ok, 0 failed\n"), "{out}");
}

/// Every kind of expectation fails when it is not met, and says what was found instead.
#[test]
fn what_is_not_as_expected_fails() {
    let place = nda("workflow: mutual_nda
people: { legal: [lena@legal.example, omar@legal.example] }
scenarios:
  - name: nothing is as it was to be
    inputs: { template_id: t1, counterparty: { name: Acme, email: a@acme.example } }
    timeline:
      - { at: approve, decide: approved, as: lena@legal.example }
      - { after: 2d, event: juro/contract.signed, times: 2 }
    expect:
      outcome: stopped
      steps: { signed: timed_out, tell_owner: succeeded }
      calls: { juro/send_for_signing: 2, notify: 1 }
      never_called: [juro/create_contract]
      outputs: { contract_id: c-1, pdf: { path: nda/other.pdf, media_type: create } }
  - name: what was to happen does not come to happen
    inputs: { template_id: t1, counterparty: { name: Acme, email: a@acme.example } }
    faults:
      - { at: download, crash: before_effect }
      - { at: create, error: invalid, times: 3 }
    timeline:
      - { at: approve, decide: approved, as: stranger@legal.example }
      - { after: 1d, at: approve, decide: rejected, as: omar@legal.example, ignored: true }
      - { at: signed, outcome: fully_signed }
    expect: { outcome: failed }
  - name: nobody waits for it
    inputs: { template_id: t1, counterparty: { name: Acme, email: a@acme.example } }
    timeline: [{ after: 1d, event: juro/contract.signed }]
    expect: { outcome: stopped }
  - name: what is ignored comes too early
    inputs: { template_id: t1, counterparty: { name: Acme, email: a@acme.example } }
    timeline:
      - { after: 1d, event: juro/contract.signed, ignored: true }
      - { at: approve, decide: approved, as: lena@legal.example }
      - { at: signed, after: 1d, event: juro/contract.signed, ignored: true }
      - { after: 1d, at: approve, cancel: true, as: lena@legal.example, ignored: true }
    expect: { outcome: stopped }
  - name: who is expected to look on sees it stand
    inputs: { template_id: t1, counterparty: { name: Acme, email: a@acme.example } }
    until: 3d
    expect: { outcome: succeeded, steps: { approve: approved } }
");
    let (code, out, err) = test(place.path(), &[]);
    assert_eq!((code, err.as_str()), (Some(1), "5 scenarios: 0 ok, 5 failed\n"));
    assert_snapshot!(out);
}

/// A scenario file with mistakes names all of them, and nothing of it is played.
#[test]
fn every_mistake_in_a_test_file_is_named() {
    let place = nda("workflow: mutual_nda
peple: {}
scenarios:
  - name: all wrong
    inputs: { template_id: 5, counterparty: { name: Acme } }
    requester: lena
    until: 2 days
    outputs: { create: { contract_id: 7 }, approve: { decision: x }, crate: {} }
    timeline:
      - { at: aprove, decide: approved, as: lena@legal.example }
      - { at: send, decide: approved, as: lena@legal.example }
      - { at: signed, decide: approved, as: lena@legal.example }
      - { at: approve, decide: yess, as: lena }
      - { after: 2d, event: juro/contract.sined }
      - { after: 2d, event: juro/contract.viewed }
      - { after: 2d, event: docjuris/turnTagged }
      - { after: 2d, event: crm/opportunity.won }
      - { at: signed, outcome: timed_out }
      - { at: signed, outcome: fully_singed }
      - { at: approve, outcome: approved }
      - { event: juro/contract.signed, times: 0, form: {} }
      - { after: 2d, decide: approved, event: juro/contract.signed }
      - { at: signed }
      - { after: 1d, cancel: false }
    faults:
      - { at: send, crash: after_efect }
      - { at: sned, error: transien }
      - { at: send }
      - { at: send, crash: after_effect, error: transient }
    expect:
      outcome: suceeded
      steps: { approve: expird, aprove: expired }
      calls: { juro/send_for_sining: 1, notify: -1 }
      never_called: [docjuris/get_contract, juro/create_contracts]
      outputs: { pfd: 1 }
  - name: all wrong
    inputs: { template_id: t1, counterparty: { name: Acme, email: a@acme.example } }
  - name: nothing
    inputs: { template_id: t1, counterparty: { name: Acme, email: a@acme.example } }
    expect: {}
");
    let (code, out, err) = test(place.path(), &[]);
    assert_eq!((code, err.as_str()), (Some(2), "0 scenarios: 0 ok, 0 failed, 1 file with mistakes\n"));
    assert_snapshot!(out);
}

#[test]
fn a_workflow_that_cannot_be_used_is_told() {
    let check = |files: &[(&str, &str)], args: &[&str], expected: &str| {
        let place = place(files);
        let (code, out, err) = test(place.path(), args);
        assert_eq!(code, Some(2), "{out}{err}");
        assert!(format!("{out}{err}").contains(expected), "{out}{err}");
    };
    let scenarios = "scenarios: [{ name: a, expect: { outcome: succeeded } }]\n";
    let good = "schema: engross/v1\nname: good\nsteps: { a: { uses: set, with: { x: 1 } } }\n";
    let unknown = format!("workflow: god\n{scenarios}");
    check(&[("good.yaml", good), ("a.test.yaml", &unknown)], &[], "hint: did you mean `good`?");
    let broken = format!("workflow: broken\n{scenarios}");
    let no_yaml = [("broken.yaml", "name: [\n"), ("broken.test.yaml", broken.as_str())];
    check(&no_yaml, &[], "error[E0707] the workflow `broken` has a mistake");
    check(&[("good.yaml", good)], &[], "there is no test file in workflows");
    check(&[("good.yaml", good)], &["workflows/good.yaml"], "workflows/good.yaml has no test file beside it");
    check(
        &[("good.yaml", good), ("good.test.yaml", "workflow: good\n")],
        &[],
        "error[E0703] a test file needs `scenarios`",
    );
}

const CHILD: &str = r#"schema: engross/v1
name: child
inputs: { id: { type: string } }
run: { concurrency: { group: "{{ inputs.id }}", limit: 1 } }
steps:
  send: { uses: juro/send_for_signing, with: { contract_id: "{{ inputs.id }}", message: hello } }
  signed: { uses: juro/await_fully_signed, needs: [send], with: { contract_id: "{{ inputs.id }}" }, timeout: 10d }
  told:
    uses: notify
    needs: [{ any: [signed.rejected, signed.timed_out] }]
    with: { to: [ann@people.example], text: stopped }
outputs: { id: "{{ steps.signed.outputs.contract_id }}" }
"#;

const PARENT: &str = r#"schema: engross/v1
name: parent
inputs: { ids: { type: array, items: { type: string } } }
defaults: { on_error: fail }
steps:
  make:
    foreach: { items: "{{ inputs.ids }}", key: "{{ item }}", max_parallel: 2 }
    uses: juro/create_contract
    with: { template_id: t, name: "N {{ item }}" }
    compensate: { uses: juro/delete_contract, with: { contract_id: "{{ steps.make.outputs.contract_id }}" } }
  won: { uses: wait_for_event, needs: [make], with: { type: crm/won, match: { customer.id: "5" } }, timeout: 5d }
  sub: { uses: workflow, needs: [won.received], with: { name: child, inputs: { id: c-1 } } }
  told:
    uses: notify
    needs: [{ any: [sub.stopped, sub.failed, won.timed_out] }]
    with: { to: [ann@people.example], text: "it stopped" }
outputs: { id: "{{ steps.sub.outputs.id }}", customer: "{{ steps.won.outputs.event.data }}" }
"#;

/// Steps for each item, workflows that workflows start, groups, named events, undoing, incidents and doubts: whatever the engine
/// does, a scenario can speak of.
#[test]
fn a_scenario_speaks_of_all_that_the_engine_does() {
    let place = place(&[
        ("child.yaml", CHILD),
        ("parent.yaml", PARENT),
        (
            "parent.test.yaml",
            r#"workflow: parent
scenarios:
  - name: items, an event and a child, with a crash in each
    inputs: { ids: [a, b, c] }
    outputs: { make: { contract: { name: given } }, "make[b]": { contract_id: c-b } }
    faults:
      - { at: "make[b]", crash: after_effect }
      - { at: won, crash: before_effect }
      - { at: send, crash: after_effect }
      - { at: signed, crash: after_effect }
    timeline:
      - { at: won, after: 1d, event: crm/won, times: 3 }
      - { at: signed, after: 1d, event: juro/contract.signed }
    expect:
      outcome: succeeded
      steps: { "make[b]": succeeded, make: succeeded, signed: fully_signed, sub: succeeded }
      calls: { juro/create_contract: 3, juro/send_for_signing: 1, workflow: 1 }
      outputs: { id: c-1, customer: { customer: { id: "5" } } }
  - name: given up while the child waits, and what was made is undone
    inputs: { ids: [a, b] }
    timeline:
      - { at: won, event: crm/won, data: { customer: { id: 5 } } }
      - { at: signed, after: 1d, cancel: true, as: ada@acme.example }
    expect: { outcome: cancelled, steps: { sub: cancelled }, calls: { juro/delete_contract: 2 } }
  - name: the child stops
    inputs: { ids: [a] }
    timeline:
      - { at: won, event: crm/won }
      - { at: signed, after: 1d, outcome: rejected }
    expect: { outcome: stopped, steps: { sub: stopped, signed: rejected, told: succeeded } }
  - name: an event of somebody else does not end the wait
    inputs: { ids: [a] }
    timeline: [{ after: 1d, event: crm/won, data: { customer: { id: 6 } } }]
    expect: { steps: { won: timed_out }, never_called: [workflow] }
"#,
        ),
        ("nda.yaml", &example("nda_provider_approval.yaml")),
        (
            "nda.test.yaml",
            "workflow: nda_provider_approval
scenarios:
  - name: a person has it tried again
    inputs: { template_id: t1, counterparty: { name: Acme, email: a@acme.example }, approver: lena@legal.example }
    faults: [{ at: ask, error: state }]
    timeline:
      - { at: ask, after: 1h, retry: true, as: ada@acme.example, comment: mended }
      - { at: approved, after: 1d, outcome: rejected }
    expect: { outcome: stopped, steps: { ask: succeeded }, calls: { juro_v2/request_approval: 1 } }
  - name: nobody looks after it
    inputs: { template_id: t1, counterparty: { name: Acme, email: a@acme.example }, approver: lena@legal.example }
    faults: [{ at: ask, error: state }]
    until: 1d
    expect: { outcome: running, steps: { ask: incident } }
  - name: the answer to an unsafe create is lost
    inputs: { template_id: t1, counterparty: { name: Acme, email: a@acme.example }, approver: lena@legal.example }
    faults: [{ at: create, error: transient, when: after_effect }]
    until: 1d
    expect: { outcome: running, steps: { create: in_doubt }, calls: { juro_v2/create_contract: 1 } }
",
        ),
    ]);
    let (code, played) = played(place.path());
    let wrong: Vec<(&String, &Value)> = played.iter().filter(|(_, one)| one["ok"] != true).collect();
    assert!(wrong.is_empty() && code == Some(0), "{wrong:#?}");
    assert_eq!(played.len(), 7);
}

/// Two plays of one scenario tell the same, to the last word.
#[test]
fn a_scenario_is_the_same_every_time() {
    let place = nda(&example("mutual_nda.test.yaml"));
    let told = || {
        let (_, played) = played(place.path());
        played
            .into_values()
            .map(|one| (one["steps"].clone(), one["calls"].clone(), one["outputs"].clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(told(), told());
}

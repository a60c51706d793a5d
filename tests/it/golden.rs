//! Journals of released versions, which every later version must fold to what they did, for ever.
//!
//! `tests/golden/VERSION/NAME/` has `journal.jsonl` (one record a line, as it is stored), `plan.json` (the definition) and
//! `expected.json` (where the run stood). New ones are made only for a new version: `ENGROSS_GOLDEN=VERSION`, set while the
//! tests of the examples and the reference set of crash points run, writes journals; set for this one, what is expected of
//! them and their digests. Nothing that is there is ever written again.

use crate::lab::{Lab, repository, text};
use engross_core::{Event, Plan, PlanDefinition, Record, RecordHash, RunId, RunState, StepState, fold, outstanding};
use engross_store::{Holder, SledStore, Store};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The version whose journals are to be written now.
fn wanted() -> Option<String> {
    std::env::var("ENGROSS_GOLDEN").ok().filter(|version| !version.is_empty())
}

/// Writes a file that is not there yet.
fn write_new(path: &Path, text: &str) {
    assert!(!path.exists(), "{} is there already, and a golden file is never rewritten", path.display());
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// Keeps the journal of an example's run whose engine has ended, if golden journals are asked for and there is none of this
/// example with this end.
pub(crate) fn keep(lab: &Lab, example: &str, run: &str) {
    let Some(version) = wanted() else { return };
    let store = store(lab);
    let records = store.journal(&RunId::new(run), 0, usize::MAX).unwrap();
    let status = fold(&records).unwrap().status.as_str();
    let folder = repository().join("tests/golden").join(version).join(format!("example_{example}_{status}"));
    if folder.exists() {
        return;
    }
    let lines = without_paths(&records, lab.dir.path());
    let plan = store.plan(&fold(&records).unwrap().plan).unwrap().unwrap();
    write_new(&folder.join("journal.jsonl"), &lines);
    write_new(&folder.join("plan.json"), &(serde_json::to_string_pretty(&plan.definition).unwrap() + "\n"));
}

/// The records as lines, chained anew where they say where the files of the test were, which is of no use to later readers.
fn without_paths(records: &[Record], folder: &Path) -> String {
    let mut hash = RecordHash::default();
    let line = |record: &Record| {
        let text = serde_json::to_string(record).unwrap();
        let mut record: Record =
            serde_json::from_str(&text.replace(folder.to_str().unwrap(), "/var/lib/engross")).unwrap();
        hash = hash.next(record.v, record.seq, record.at, &record.event);
        record.hash = hash;
        serde_json::to_string(&record).unwrap() + "\n"
    };
    records.iter().map(line).collect()
}

/// The store of an engine that has ended.
fn store(lab: &Lab) -> SledStore {
    SledStore::open(&lab.path("data"), Holder::this_process("golden", engross_core::Timestamp::from_millis(0))).unwrap()
}

/// The digests of a version's files, as `sha256sum` writes and checks them. A journal and what is expected of it, changed
/// together, would still fit each other; with this, a change of what is kept is a change of a line here as well.
const MANIFEST: &str = "SHA256SUMS";

/// The lines of a manifest that a folder would have: every file in it, by its name.
fn digests(version: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    for folder in folders(version) {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let digest = hex(&Sha256::digest(std::fs::read(&path).unwrap()));
            lines.push(format!("{digest}  {name}/{}", path.file_name().unwrap().to_string_lossy()));
        }
    }
    lines.sort_by(|a, b| file_of(a).cmp(file_of(b)));
    lines
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn file_of(line: &str) -> &str {
    line.split_once("  ").map_or("", |(_, file)| file)
}

/// What of a folder is not as its manifest says.
fn differences(manifest: &str, actual: &[String]) -> Vec<String> {
    let digest = |line: &str| line.split_once("  ").map_or_else(String::new, |(digest, _)| digest.to_string());
    let kept: BTreeMap<&str, String> = manifest.lines().map(|line| (file_of(line), digest(line))).collect();
    let actual: BTreeMap<&str, String> = actual.iter().map(|line| (file_of(line), digest(line))).collect();
    let mut found = Vec::new();
    for file in kept.keys().chain(actual.keys()).collect::<BTreeSet<_>>() {
        match (kept.get(file), actual.get(file)) {
            (Some(kept), Some(actual)) if kept == actual => {}
            (Some(_), Some(_)) => found.push(format!("{file} was changed")),
            (Some(_), None) => found.push(format!("{file} is gone")),
            (None, _) => found.push(format!("{file} is not in the manifest")),
        }
    }
    found
}

#[test]
fn no_golden_file_is_ever_changed() {
    for version in folders(&repository().join("tests/golden")) {
        let (path, actual) = (version.join(MANIFEST), digests(&version));
        let manifest = std::fs::read_to_string(&path).unwrap_or_default();
        let found = differences(&manifest, &actual);
        let name = version.file_name().map(|name| name.to_string_lossy().into_owned());
        if wanted() == name && found.iter().all(|what| what.ends_with("is not in the manifest")) {
            std::fs::write(&path, actual.join("\n") + "\n").unwrap();
            continue;
        }
        assert!(
            found.is_empty(),
            "{} is never rewritten, and a new file is noted with ENGROSS_GOLDEN={}: {found:#?}",
            path.display(),
            name.unwrap_or_default()
        );
    }
}

#[test]
fn a_changed_golden_file_is_seen() {
    let manifest = "aa  one/journal.jsonl\nbb  one/plan.json\n";
    let check = |actual: &[&str], expected: &[&str]| {
        let actual: Vec<String> = actual.iter().map(ToString::to_string).collect();
        assert_eq!(differences(manifest, &actual), expected);
    };
    check(&["aa  one/journal.jsonl", "bb  one/plan.json"], &[]);
    check(&["ac  one/journal.jsonl", "bb  one/plan.json"], &["one/journal.jsonl was changed"]);
    check(&["aa  one/journal.jsonl"], &["one/plan.json is gone"]);
    let more = ["aa  one/journal.jsonl", "bb  one/plan.json", "cc  two/plan.json"];
    check(&more, &["two/plan.json is not in the manifest"]);
}

/// A kept journal.
struct Golden {
    folder: PathBuf,
    version: String,
    lines: Vec<String>,
    records: Vec<Record>,
    plan: Plan,
}

/// Every kept journal of every version.
fn all() -> Vec<Golden> {
    let mut found = Vec::new();
    for version in folders(&repository().join("tests/golden")) {
        for folder in folders(&version) {
            let text = std::fs::read_to_string(folder.join("journal.jsonl")).unwrap();
            let lines: Vec<String> = text.lines().map(str::to_string).collect();
            let read = |line: &String| -> Record {
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{}: {error}\n{line}", folder.display()))
            };
            let records = lines.iter().map(read).collect();
            let plan = std::fs::read_to_string(folder.join("plan.json")).unwrap();
            let definition: PlanDefinition = serde_json::from_str(&plan).unwrap();
            let version = version.file_name().unwrap().to_string_lossy().into_owned();
            found.push(Golden { plan: Plan::build(definition).unwrap(), folder, version, lines, records });
        }
    }
    assert!(!found.is_empty(), "there are no golden journals");
    found
}

fn folders(of: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(of).unwrap_or_else(|error| panic!("{}: {error}", of.display()));
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// Where a run stands, in a form that later versions can give as well.
fn summary(state: &RunState) -> Value {
    let steps: Map<String, Value> = state.steps.iter().map(|(id, step)| (id.to_string(), stands(step))).collect();
    json!({
        "run": state.run,
        "workflow": state.workflow,
        "title": state.title,
        "key": state.key,
        "inputs": *state.inputs,
        "requester": state.requester,
        "status": state.status,
        "summary": state.summary(),
        "seq": state.seq,
        "outputs": state.outputs,
        "problem": state.problem,
        "cancelled_by": state.cancel.as_ref().map(|cancel| cancel.by.to_string()),
        "events_taken": state.consumed,
        "owes": outstanding(state).iter().map(|command| format!("{command:?}")).collect::<Vec<_>>(),
        "steps": steps,
    })
}

fn stands(step: &StepState) -> Value {
    let more = match step {
        StepState::Completed { outputs, error, .. } => json!({ "outputs": **outputs, "error": error }),
        StepState::Skipped { reason, .. } => json!({ "reason": reason }),
        StepState::Waiting { input, decisions, wakes, .. } => {
            json!({ "input": **input, "decisions": decisions, "wakes": wakes })
        }
        StepState::InDoubt { input, attempt, error, .. } => {
            json!({ "input": **input, "attempt": attempt, "error": error })
        }
        StepState::Incident { input, attempt, error, .. } => {
            json!({ "input": input.as_deref(), "attempt": attempt, "error": error, "maybe_done": step.maybe_done() })
        }
        other => json!({ "maybe_done": other.maybe_done() }),
    };
    json!({ "state": step.as_str(), "outcome": step.outcome(), "more": more })
}

#[test]
fn every_golden_journal_folds_to_what_it_did() {
    for Golden { folder, version, lines, records, plan } in all() {
        let shown = folder.display();
        let state = fold(&records).unwrap_or_else(|| panic!("{shown} does not fold"));
        assert_eq!(state.plan, *plan.digest(), "{shown}: the plan's digest");
        assert!(records.iter().map(|r| r.seq).eq(1..=records.len() as u64), "{shown} has gaps");
        let mut hash = RecordHash::default();
        for (line, record) in lines.iter().zip(&records) {
            assert!(hash.is_followed_by(record), "{shown}: the hash of record {} does not follow", record.seq);
            hash = record.hash;
            assert_eq!(serde_json::to_string(record).unwrap(), *line, "{shown}: it is written back in another form");
        }
        let path = folder.join("expected.json");
        let actual = serde_json::to_string_pretty(&summary(&state)).unwrap() + "\n";
        if wanted().as_ref() == Some(&version) && !path.exists() {
            write_new(&path, &actual);
        }
        let expected = std::fs::read_to_string(&path).unwrap();
        assert_eq!(actual, expected, "{shown}");
    }
}

/// What the journal calls each kind of event. A new one is added here and to [`EVENTS`], and a golden journal has to have it.
fn kind(event: &Event) -> &'static str {
    match event {
        Event::RunStarted { .. } => "run_started",
        Event::RunAdmitted => "run_admitted",
        Event::StepScheduled { .. } => "step_scheduled",
        Event::StepFannedOut { .. } => "step_fanned_out",
        Event::EffectIntended { .. } => "effect_intended",
        Event::AttemptFailed { .. } => "attempt_failed",
        Event::StepRetried { .. } => "step_retried",
        Event::StepRecovered { .. } => "step_recovered",
        Event::StepParked { .. } => "step_parked",
        Event::EventReceived { .. } => "event_received",
        Event::PollDue { .. } => "poll_due",
        Event::DeadlineReached { .. } => "deadline_reached",
        Event::StepChecked { .. } => "step_checked",
        Event::DecisionRecorded { .. } => "decision_recorded",
        Event::ReminderDue { .. } => "reminder_due",
        Event::Escalated { .. } => "escalated",
        Event::Delegated { .. } => "delegated",
        Event::ApprovalReset { .. } => "approval_reset",
        Event::StepCompleted { .. } => "step_completed",
        Event::StepInDoubt { .. } => "step_in_doubt",
        Event::IncidentRaised { .. } => "incident_raised",
        Event::StepResumed { .. } => "step_resumed",
        Event::StepsReset { .. } => "steps_reset",
        Event::StepSkipped { .. } => "step_skipped",
        Event::StepCancelled { .. } => "step_cancelled",
        Event::CancelRequested { .. } => "cancel_requested",
        Event::CompensationStarted { .. } => "compensation_started",
        Event::RunEnded { .. } => "run_ended",
    }
}

const EVENTS: &[&str] = &[
    "run_started",
    "run_admitted",
    "step_scheduled",
    "step_fanned_out",
    "effect_intended",
    "attempt_failed",
    "step_retried",
    "step_recovered",
    "incident_raised",
    "step_resumed",
    "steps_reset",
    "step_parked",
    "event_received",
    "poll_due",
    "deadline_reached",
    "step_checked",
    "decision_recorded",
    "reminder_due",
    "escalated",
    "delegated",
    "approval_reset",
    "step_completed",
    "step_in_doubt",
    "step_skipped",
    "step_cancelled",
    "cancel_requested",
    "compensation_started",
    "run_ended",
];

#[test]
fn every_kind_of_event_is_in_a_golden_journal() {
    let mut found = BTreeSet::new();
    for golden in all() {
        for (record, line) in golden.records.iter().zip(&golden.lines) {
            let kind = kind(&record.event);
            assert!(EVENTS.contains(&kind), "add {kind} to EVENTS");
            assert!(line.contains(&format!("\"type\":\"{kind}\"")), "{kind} has another name in the journal: {line}");
            found.insert(kind);
        }
    }
    let missing: Vec<&&str> = EVENTS.iter().filter(|kind| !found.contains(**kind)).collect();
    assert!(missing.is_empty(), "no golden journal has {missing:?}: add a run of the reference set that does");
}

/// What a golden journal stands for: the store of the real binary folds to what its API showed.
#[tokio::test(flavor = "multi_thread")]
async fn the_journal_of_an_nda_folds_to_what_the_engine_showed() {
    let lab = Lab::new().await;
    let file = lab.nda();
    let mut serve = lab.serve();
    let inputs = lab.inputs("Acme").to_string();
    let started = lab.output(&["run", file.to_str().unwrap(), "--input", &inputs, "--detach"]);
    assert!(started.status.success(), "{}", text(&started.stderr));
    let runs = lab.until_over(1).await;
    let run = runs[0]["id"].as_str().or(runs[0]["run"].as_str()).unwrap();
    let view = lab.get(&format!("/runs/{run}")).await.unwrap();
    assert_eq!(view["status"], "succeeded", "{view:#}");
    serve.kill();
    let state = fold(&store(&lab).journal(&RunId::new(run), 0, usize::MAX).unwrap()).unwrap();
    assert_eq!(json!([state.status, state.seq, state.outputs]), json!([view["status"], view["seq"], view["outputs"]]));
    keep(&lab, "mutual_nda", run);
}

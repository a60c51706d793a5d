//! `kill -9` at random moments of a run: the run goes on where it was, and every effect has happened once.

use crate::lab::{Lab, PATIENCE, pause};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How many runs are killed.
const KILLS: u64 = 50;

/// Tries in all: a kill that comes when the run is over proves nothing, and is made again, sooner.
const TRIES_MAX: u64 = 4 * KILLS;

#[tokio::test(flavor = "multi_thread")]
async fn fifty_killed_runs_end_with_one_contract_one_send_and_one_pdf_each() {
    let seed: u64 = std::env::var("ENGROSS_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(20_261_123);
    let mut life = lifetime().await;
    let mut random = seed;
    let mut moments: BTreeMap<String, usize> = BTreeMap::new();
    let (mut kills, mut tries) = (0, 0);
    while kills < KILLS {
        assert!(tries < TRIES_MAX, "only {kills} of {tries} kills met a run that was not over: {moments:?}");
        tries += 1;
        // A linear congruential generator, so that a seed gives the same shares everywhere.
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let share = (random >> 33) as f64 / f64::from(1_u32 << 31);
        // About the first third of a life is the start of the process, in which few of the moments lie.
        let moment = kill_one(tries, life.mul_f64(0.3 + 0.7 * share)).await;
        // How long a run lives depends on what else the machine does: the spread of the moments follows it.
        match moment.as_str() {
            "over" => life = life.mul_f64(0.9),
            "no run yet" => life = life.mul_f64(1.05),
            _ => {}
        }
        kills += u64::from(moment != "over");
        *moments.entry(moment).or_default() += 1;
    }
    println!("seed {seed}, {tries} tries; killed while: {moments:?}");
    assert!(moments.len() >= 6, "the kills met too few different moments: {moments:?}");
    let begun: usize =
        moments.iter().filter(|(what, _)| !["over", "no run yet"].contains(&what.as_str())).map(|(_, n)| n).sum();
    assert!(begun >= 15, "too few kills met a run that had begun: {moments:?}");
}

/// A lab whose provider takes its time to answer after it has acted, so that kills fall between effect and answer.
async fn slow_lab() -> Lab {
    let lab = Lab::new().await;
    lab.fault(json!([{ "on": "any", "times": 100_000, "do": { "slow": { "ms": 30 } } }])).await;
    lab
}

/// How long a run lives that nobody kills, its process's start included.
async fn lifetime() -> Duration {
    let lab = slow_lab().await;
    let (file, inputs) = (lab.nda(), lab.inputs("Acme").to_string());
    let began = Instant::now();
    let mut run = lab.spawn(&["run", file.to_str().unwrap(), "--input", &inputs]);
    while run.0.try_wait().unwrap().is_none() {
        lab.approve_what_waits().await;
        assert!(began.elapsed() < PATIENCE, "the run does not end");
        pause().await;
    }
    let lifetime = began.elapsed();
    assert!(run.0.wait().unwrap().success());
    assert_eq!(lab.sandbox.counters().pdf_downloads, 1);
    lifetime
}

/// Kills one run so long after its start, lets another process take it over, and checks how it ends. What it was doing.
async fn kill_one(n: u64, after: Duration) -> String {
    let lab = slow_lab().await;
    let (file, inputs) = (lab.nda(), lab.inputs(&format!("Acme {n}")).to_string());
    let run = ["run", file.to_str().unwrap(), "--input", &inputs];
    let began = Instant::now();
    let mut first = lab.spawn(&run);
    while began.elapsed() < after {
        lab.approve_what_waits().await;
        pause().await;
    }
    first.kill();

    let before = lab.json(&["runs", "list", "--format", "json"]);
    let before = before["runs"].as_array().cloned().unwrap_or_default();
    let moment = match before.first() {
        None => "no run yet".to_string(),
        Some(run) if run["status"] != "running" => "over".to_string(),
        Some(run) => {
            let shown = lab.json(&["runs", "show", run["id"].as_str().unwrap(), "--format", "json"]);
            let last = shown["timeline"].as_array().unwrap().last().unwrap().clone();
            let words: Vec<&str> = last["text"].as_str().unwrap().split(' ').take(2).collect();
            format!("{} {}", last["step"].as_str().unwrap_or("run"), words.join(" "))
        }
    };
    let _serve = lab.serve();
    if before.is_empty() {
        // The start was never acknowledged; whoever asked asks again.
        let mut again = lab.command(&run);
        assert!(again.arg("--detach").output().unwrap().status.success());
    }
    let runs = lab.until_over(1).await;
    check(&lab, n, &runs).await;
    moment
}

async fn check(lab: &Lab, n: u64, runs: &[Value]) {
    assert_eq!(runs.len(), 1, "kill {n}: {runs:#?}");
    let id = runs[0]["id"].as_str().unwrap();
    let run = lab.get(&format!("/runs/{id}")).await.unwrap();
    let journal = lab.get(&format!("/runs/{id}/journal")).await.unwrap();
    assert_eq!(runs[0]["status"], "succeeded", "kill {n}: {:#}", journal["timeline"]);
    let counters = lab.sandbox.counters();
    assert_eq!(counters.contracts_created, 1, "kill {n}: contracts: {:#}", journal["timeline"]);
    assert_eq!(counters.signing_requests, 1, "kill {n}: sends: {:#}", journal["timeline"]);
    let stored = lab.path("files/published/nda");
    let pdfs: Vec<_> = walk(&stored);
    assert_eq!(pdfs.len(), 1, "kill {n}: {pdfs:?}");
    assert_eq!(std::path::Path::new(run["outputs"]["pdf"]["path"].as_str().unwrap()).file_name(), pdfs[0].file_name());
    // A download is a read: it is made once more only when the kill fell between the answer and its commit.
    let recovered = journal["records"].as_array().unwrap().len();
    assert!(
        (1..=2).contains(&counters.pdf_downloads),
        "kill {n}: {} downloads, {recovered} records",
        counters.pdf_downloads
    );
}

fn walk(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_path_buf()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { open.push(path) } else { found.push(path) }
        }
    }
    found
}

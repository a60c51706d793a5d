//! `kill -9` at random moments of a run: the run goes on where it was, and every effect has happened once.

use crate::lab::{Lab, PATIENCE, pause};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How many runs are killed.
const KILLS: u64 = 50;

/// Kills that may come too late, when the run is over already: those prove nothing.
const TOO_LATE_MAX: usize = 10;

#[tokio::test(flavor = "multi_thread")]
async fn fifty_killed_runs_end_with_one_contract_one_send_and_one_pdf_each() {
    let seed: u64 = std::env::var("ENGROSS_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(20_261_123);
    let lifetime = lifetime().await;
    let mut random = seed;
    let mut moments: BTreeMap<String, usize> = BTreeMap::new();
    for n in 0..KILLS {
        // A linear congruential generator, so that a seed gives the same shares everywhere.
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let share = (random >> 33) as f64 / f64::from(1_u32 << 31);
        *moments.entry(kill_one(n, lifetime.mul_f64(share)).await).or_default() += 1;
    }
    println!("seed {seed}, a life of {lifetime:?}; killed while: {moments:?}");
    assert!(moments.len() >= 6, "the kills met too few different moments: {moments:?}");
    assert!(moments.get("over").copied().unwrap_or(0) <= TOO_LATE_MAX, "too many kills came too late: {moments:?}");
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

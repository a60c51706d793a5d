//! `kill -9` at random moments of a run: the run goes on where it was, and every effect has happened once.

use crate::lab::{Lab, PATIENCE, pause};
use serde_json::Value;
use std::time::{Duration, Instant};

/// How many runs are killed.
const KILLS: u64 = 50;

/// The moments are spread over this long after the start; a run that nobody kills takes about as long.
const SPREAD: Duration = Duration::from_millis(1_400);

#[tokio::test(flavor = "multi_thread")]
async fn fifty_killed_runs_end_with_one_contract_one_send_and_one_pdf_each() {
    let seed: u64 = std::env::var("ENGROSS_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(20_261_123);
    let mut random = seed;
    let mut killed_at: Vec<(String, usize)> = Vec::new();
    for n in 0..KILLS {
        // A linear congruential generator, so that a seed gives the same moments everywhere.
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let share = (random >> 33) as f64 / f64::from(1_u32 << 31);
        let doing = kill_one(n, SPREAD.mul_f64(share)).await;
        match killed_at.iter_mut().find(|(what, _)| *what == doing) {
            Some((_, count)) => *count += 1,
            None => killed_at.push((doing, 1)),
        }
    }
    println!("seed {seed}; killed while: {killed_at:?}");
    assert!(killed_at.len() >= 4, "the kills met too few different moments: {killed_at:?}");
}

/// What the run was doing when it was killed.
async fn kill_one(n: u64, after: Duration) -> String {
    let lab = Lab::new().await;
    let file = lab.nda();
    let inputs = lab.inputs(&format!("Acme {n}")).to_string();
    let run = ["run", file.to_str().unwrap(), "--input", &inputs];
    let mut first = lab.spawn(&run);
    let began = Instant::now();
    while began.elapsed() < after {
        lab.approve_what_waits().await;
        pause().await;
    }
    first.kill();

    let _serve = lab.serve();
    let known = lab.runs().await;
    let doing = known.first().map_or("no run yet".to_string(), |r| r["doing"].as_str().unwrap().to_string());
    let doing = doing.split(',').next().unwrap_or("").split(" waits").next().unwrap().to_string();
    if known.is_empty() {
        // The start was never acknowledged; whoever asked asks again.
        let mut again = lab.command(&run);
        again.arg("--detach");
        assert!(again.output().unwrap().status.success());
    }
    let runs = lab.until_over(1).await;
    check(&lab, n, &runs).await;
    doing
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

/// The moments are only good when a run lives about as long as they are spread.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_nobody_kills_ends_well_too() {
    let lab = Lab::new().await;
    let file = lab.nda();
    let inputs = lab.inputs("Acme").to_string();
    let mut run = lab.spawn(&["run", file.to_str().unwrap(), "--input", &inputs]);
    let began = Instant::now();
    let status = loop {
        lab.approve_what_waits().await;
        if let Some(status) = run.0.try_wait().unwrap() {
            break status;
        }
        assert!(began.elapsed() < PATIENCE, "the run does not end");
        pause().await;
    };
    assert!(status.success());
    println!("a run that nobody kills takes {:?}", began.elapsed());
    assert_eq!(lab.sandbox.counters().pdf_downloads, 1);
}

//! The first command of the README.

use crate::lab::{Lab, text};
use sha2::{Digest, Sha256};
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_runs_the_main_job_in_less_than_ten_seconds() {
    let lab = Lab::new().await;
    let began = Instant::now();
    let output = lab.output(&["demo", "--dir", "demo"]);
    let took = began.elapsed();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    assert!(took < Duration::from_secs(10), "the demo took {took:?}");
    for step in ["create", "prefill", "approve", "send", "signed", "download", "store"] {
        assert!(err.contains(&format!(" {step} ")), "the live lines do not tell of {step}:\n{err}");
    }
    for fact in ["lena@legal.example says approve", "event contract.signed arrived", "fully_signed", "succeeded"] {
        assert!(out.contains(fact), "the timeline does not tell `{fact}`:\n{out}");
    }
    let said = |what: &str| out.lines().find_map(|l| l.strip_prefix(what)).unwrap().trim().to_string();
    let pdf = std::fs::read(said("signed PDF")).unwrap();
    assert!(pdf.starts_with(b"%PDF-"));
    let digest: String = Sha256::digest(&pdf).iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(said("sha256"), digest);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_does_not_touch_a_folder_that_is_in_use() {
    let lab = Lab::new().await;
    lab.write("used/file", "x");
    let output = lab.output(&["demo", "--dir", "used"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("is not empty"));
}

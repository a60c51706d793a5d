//! Broken workflows, and what the binary says of each, against the real operations.
//!
//! `tests/fixtures/broken/NAME.yaml` must give `NAME.txt`. After a change of words run the test with `BLESS=1` and read the
//! difference.

use crate::lab::{repository, text};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Codes that need a file too large to keep, bytes that are no text, or a plugin with a mistake: the crates' own tests show them.
const SHOWN_ELSEWHERE: &[&str] = &["E0207", "E0229", "E0298", "E0299"];

/// One connection to one provider, two to another: enough for every mistake with connections.
const CONFIG: &str = "connections:
  juro: { provider: juro, api_key: { env: KEY } }
  juro_v2_eu: { provider: juro_v2, api_key: { env: KEY } }
  juro_v2_us: { provider: juro_v2, api_key: { env: KEY } }
";

fn files() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(repository().join("tests/fixtures/broken")).unwrap();
    let mut files: Vec<PathBuf> =
        entries.map(|entry| entry.unwrap().path()).filter(|p| p.extension().is_some_and(|e| e == "yaml")).collect();
    files.sort();
    files
}

fn check(place: &Path, path: &Path) -> Result<(), String> {
    let name = path.file_name().unwrap().to_str().unwrap();
    std::fs::copy(path, place.join(name)).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_engross"))
        .args(["validate", name])
        .current_dir(place)
        .env_remove("ENGROSS_CONFIG")
        .output()
        .unwrap();
    let shown = text(&output.stdout);
    let expected_path = path.with_extension("txt");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&expected_path, &shown).unwrap();
    }
    let expected = std::fs::read_to_string(&expected_path).unwrap_or_default();
    let code = if shown.contains(": error[") { 1 } else { 0 };
    if shown == expected && !shown.is_empty() && output.status.code() == Some(code) {
        return Ok(());
    }
    Err(format!("{name}, exit {:?}\n--- expected\n{expected}\n--- found\n{shown}", output.status.code()))
}

#[test]
fn every_broken_file_says_what_is_wrong() {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("engross.yaml"), CONFIG).unwrap();
    let files = files();
    assert!(files.len() >= 40, "there are only {} broken files", files.len());
    let failures: Vec<String> = files.iter().filter_map(|path| check(place.path(), path).err()).collect();
    assert!(failures.is_empty(), "{} of {} differ\n{}", failures.len(), files.len(), failures.join("\n\n"));
}

#[test]
fn every_code_of_the_compiler_has_a_broken_file() {
    let told: BTreeSet<String> = files()
        .iter()
        .flat_map(|path| {
            let told = std::fs::read_to_string(path.with_extension("txt")).unwrap();
            let codes = told
                .lines()
                .filter_map(|line| Some(line.split_once("r[").or(line.split_once("g["))?.1[..5].to_string()));
            codes.collect::<Vec<String>>()
        })
        .collect();
    let missing: Vec<&str> = engross_compiler::CODES
        .iter()
        .map(|(code, _)| *code)
        .filter(|code| !told.contains(*code) && !SHOWN_ELSEWHERE.contains(code))
        .collect();
    assert!(missing.is_empty(), "no broken file shows {missing:?}");
}

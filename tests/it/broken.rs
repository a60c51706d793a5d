//! Broken workflows, and what the binary says of each, against the real operations.
//!
//! `tests/fixtures/broken/NAME.yaml` must give `NAME.txt`. After a change of words run the test with `BLESS=1` and read the
//! difference.

use crate::lab::{repository, text};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Codes that need a file too large to keep, many files, bytes that are no text, or a plugin with a mistake: the crates' own tests
/// show them.
const SHOWN_ELSEWHERE: &[&str] = &["E0207", "E0229", "E0263", "E0298", "E0299"];

/// One connection to one provider, two to another: enough for every mistake with connections.
const CONFIG: &str = "connections:
  juro: { provider: juro, api_key: { env: KEY } }
  juro_v2_eu: { provider: juro_v2, api_key: { env: KEY } }
  juro_v2_us: { provider: juro_v2, api_key: { env: KEY } }
  docjuris: { provider: docjuris, account_id: acme, api_key: { env: KEY } }
  paperlex: { provider: paperlex, token: { env: KEY }, base_url: \"http://127.0.0.1:4010/paperlex/v1\" }
people:
  legal: [lena@legal.example, omar@legal.example]
  gc: [gc@legal.example]
  legal-leads: [gc@legal.example]
  sales-leads: [kim@sales.example]
  finance: [fay@finance.example]
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
    crate::policies::beside(place.path());
    let files = files();
    assert!(files.len() >= 60, "there are only {} broken files", files.len());
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

/// Every broken file at once, in the forms that programs read.
fn all(format: &str) -> String {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("engross.yaml"), CONFIG).unwrap();
    crate::policies::beside(place.path());
    std::fs::create_dir(place.path().join("all")).unwrap();
    for path in files() {
        std::fs::copy(&path, place.path().join("all").join(path.file_name().unwrap())).unwrap();
    }
    let output = Command::new(env!("CARGO_BIN_EXE_engross"))
        .args(["validate", "all", "--format", format])
        .current_dir(place.path())
        .env_remove("ENGROSS_CONFIG")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// What SARIF 2.1.0 demands of a log, and what code scanning needs of one.
#[test]
fn sarif_has_the_form_that_its_standard_demands() {
    let log: Value = serde_json::from_str(&all("sarif")).unwrap();
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    assert_eq!(run["tool"]["driver"]["name"], "engross");
    assert_eq!(run["columnKind"], "unicodeCodePoints");
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    for rule in rules {
        let help = rule["help"]["text"].as_str().unwrap();
        assert!(help.starts_with(&format!("# {}: ", rule["id"].as_str().unwrap())));
        assert!(rule["shortDescription"]["text"].is_string() && rule["help"]["markdown"].is_string());
        assert!(["error", "warning"].contains(&rule["defaultConfiguration"]["level"].as_str().unwrap()));
    }
    let ids: BTreeSet<&str> = rules.iter().map(|rule| rule["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), rules.len(), "each rule once");
    let results = run["results"].as_array().unwrap();
    assert!(results.len() > 100);
    let mut related = 0;
    for result in results {
        let rule = &rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!(rule["id"], result["ruleId"]);
        assert_eq!(rule["defaultConfiguration"]["level"], result["level"]);
        assert!(!result["message"]["text"].as_str().unwrap().is_empty());
        let more = result["relatedLocations"].as_array().cloned().unwrap_or_default();
        related += more.len();
        for location in result["locations"].as_array().unwrap().iter().chain(&more) {
            let place = &location["physicalLocation"];
            assert!(place["artifactLocation"]["uri"].as_str().unwrap().starts_with("all/"));
            let number = |name: &str| place["region"][name].as_u64().unwrap();
            let (start, end) = ((number("startLine"), number("startColumn")), (number("endLine"), number("endColumn")));
            assert!(start >= (1, 1) && end >= start, "{result}");
        }
    }
    assert!(related > 0, "some findings have places that explain them");
}

#[test]
fn github_gets_one_escaped_command_for_each_finding() {
    let shown = all("github");
    let findings: Vec<Value> = serde_json::from_str(&all("json")).unwrap();
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), findings.len());
    for (line, finding) in lines.iter().zip(&findings) {
        let (word, path) = (finding["severity"].as_str().unwrap(), finding["path"].as_str().unwrap());
        let start = format!("::{word} file={path},line={}", finding["line"]);
        assert!(line.starts_with(&start), "{line}");
        let (properties, message) = line[2..].split_once("::").unwrap();
        assert!(properties.ends_with(&format!("title={}", finding["code"].as_str().unwrap())), "{line}");
        assert!(!message.is_empty() && properties.split(',').count() >= 4, "{line}");
    }
}

//! House rules that a compiler does not check: who may know whom, sizes, and that every module says what it is for.

use crate::lab::{repository, text};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Lines a source file may have.
const FILE_LINES_MAX: usize = 600;

/// The crates of ours that each crate of ours may know, tests aside.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("engross-core", &[]),
    ("engross-source", &[]),
    ("engross-step-api", &["engross-core"]),
    ("engross-compiler", &["engross-core", "engross-source", "engross-schedule", "engross-policy"]),
    ("engross-schedule", &["engross-core"]),
    ("engross-policy", &["engross-core", "engross-source"]),
    ("engross-store", &["engross-core", "engross-step-api"]),
    ("engross-sim", &["engross-core", "engross-store", "engross-schedule"]),
    (
        "engross-runtime",
        &[
            "engross-core",
            "engross-source",
            "engross-compiler",
            "engross-schedule",
            "engross-store",
            "engross-step-api",
        ],
    ),
    ("engross-server", &["engross-core", "engross-source", "engross-runtime", "engross-store", "engross-step-api"]),
    ("engross-builtin", &["engross-step-api", "engross-policy"]),
    ("engross-providers", &["engross-step-api", "engross-source"]),
    ("engross-sandbox", &[]),
    (
        "engross-fuzz-targets",
        &[
            "engross-core",
            "engross-source",
            "engross-compiler",
            "engross-schedule",
            "engross-policy",
            "engross-providers",
        ],
    ),
    ("xtask", &[]),
];

/// What the pure core must never see: runtimes, clocks, randomness, the network and the disk.
const NOT_IN_THE_CORE: &[&str] =
    &["tokio", "reqwest", "axum", "sled", "rand", "uuid", "getrandom", "tera", "object_store", "chrono"];

fn metadata() -> BTreeMap<String, Vec<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline", "--locked"])
        .current_dir(repository())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    packages
        .iter()
        .map(|package| {
            let known = package["dependencies"].as_array().unwrap().iter().filter(|d| d["kind"] != "dev");
            let names = known.map(|d| d["name"].as_str().unwrap().to_string()).collect();
            (package["name"].as_str().unwrap().to_string(), names)
        })
        .collect()
}

#[test]
fn crates_know_only_whom_they_may_know() {
    let metadata = metadata();
    let ours = |name: &String| name.starts_with("engross");
    for (name, known) in &metadata {
        if name == "engross" {
            continue;
        }
        let Some((_, allowed)) = MAY_KNOW.iter().find(|(of, _)| of == name) else {
            panic!("crate {name} is new: say in MAY_KNOW whom it may know");
        };
        let too_many: Vec<&String> = known.iter().filter(|d| ours(d) && !allowed.contains(&d.as_str())).collect();
        assert!(too_many.is_empty(), "{name} must not know {too_many:?}");
    }
    let core = &metadata["engross-core"];
    assert!(core.iter().all(|d| !NOT_IN_THE_CORE.contains(&d.as_str())), "the core must stay pure: {core:?}");
}

/// Nothing that the core's own dependencies bring may be a runtime or a source of randomness either.
#[test]
fn the_core_stays_pure_to_the_last_dependency() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "-p", "engross-core", "-e", "normal", "--prefix", "none", "--offline", "--locked"])
        .current_dir(repository())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    for line in text(&output.stdout).lines() {
        let name = line.split(' ').next().unwrap_or("");
        assert!(!NOT_IN_THE_CORE.contains(&name), "the core brings in {name}");
    }
}

fn sources() -> Vec<PathBuf> {
    let output = Command::new("git").args(["ls-files", "*.rs"]).current_dir(repository()).output().unwrap();
    text(&output.stdout).lines().map(|line| repository().join(line)).filter(|p| p.exists()).collect()
}

#[test]
fn files_are_of_a_size_that_can_be_read() {
    let too_long: Vec<(PathBuf, usize)> = sources()
        .into_iter()
        .map(|path| (path.clone(), std::fs::read_to_string(&path).unwrap().lines().count()))
        .filter(|(_, lines)| *lines > FILE_LINES_MAX)
        .collect();
    assert!(too_long.is_empty(), "longer than {FILE_LINES_MAX} lines: {too_long:?}");
}

#[test]
fn every_module_says_what_it_is_for() {
    let silent: Vec<PathBuf> = sources()
        .into_iter()
        .filter(|path| !std::fs::read_to_string(path).unwrap().trim_start().starts_with("//!"))
        .collect();
    assert!(silent.is_empty(), "these do not begin with `//!`: {silent:?}");
}

/// A test that is left out and code that is not there yet are both forgotten sooner than finished.
#[test]
fn nothing_is_left_out_or_left_open() {
    // Put together here, so that this file does not find itself.
    let open = [["#[ign", "ore"], ["tod", "o!("], ["unimpl", "emented!("]].map(|parts| parts.concat());
    let found: Vec<String> = sources()
        .into_iter()
        .flat_map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            let hit = |line: &str| open.iter().any(|word| line.contains(word.as_str()));
            let hits: Vec<usize> = text.lines().enumerate().filter(|(_, line)| hit(line)).map(|(n, _)| n + 1).collect();
            hits.into_iter().map(move |n| format!("{}:{n}", path.display()))
        })
        .collect();
    assert!(found.is_empty(), "ignored tests and open places: {found:?}");
}

/// Neither the engine nor the interpreter of manifests knows a provider: what is peculiar to one stands in its manifest.
#[test]
fn nothing_under_the_engine_and_in_the_interpreter_names_a_provider() {
    let names = ["juro", "docjuris", "paperlex", "contract_signatures", "contract signatures"];
    let interpreter = repository().join("steps/providers/src");
    let places = [repository().join("engine"), interpreter.clone()];
    let mut read = 0;
    for path in sources().into_iter().filter(|p| places.iter().any(|place| p.starts_with(place)) && !is_test(p)) {
        read += usize::from(path.starts_with(&interpreter));
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or("");
        // The one list of the files that come with Engross.
        let is_listed = |line: &str| path.ends_with("catalog.rs") && line.contains("include_str!(\"../manifests/");
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//") && !is_listed(line)) {
            let line = line.to_lowercase();
            assert!(!names.iter().any(|name| line.contains(name)), "{}: {line}", path.display());
        }
    }
    assert!(read > 20, "the interpreter is somewhere else, where nothing was read");
}

fn is_test(path: &Path) -> bool {
    let file = path.file_stem().and_then(|s| s.to_str()).unwrap_or("");
    file.ends_with("tests") || path.components().any(|c| c.as_os_str() == "tests")
}

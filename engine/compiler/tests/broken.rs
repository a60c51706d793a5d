//! Every broken file says exactly what is wrong with it.
//!
//! `tests/fixtures/broken/NAME.yaml` must give `NAME.txt`. After a change of words run the test with `BLESS=1` and read the
//! difference.

mod common;

use common::catalog;
use engross_compiler::compile;
use engross_source::diagnostic::render_text;
use engross_source::{Diagnostic, SourceFile};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Codes that need a file too large to keep, or a plugin with a mistake: `hostile.rs` and the tests of the rule show them.
const SHOWN_ELSEWHERE: [&str; 4] = ["E0207", "E0229", "E0298", "E0299"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/broken")
}

fn files() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder()).expect("the folder of broken files is there");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    files
}

fn findings(path: &Path) -> (SourceFile, Vec<Diagnostic>) {
    let name = path.file_name().expect("a file has a name").to_string_lossy().into_owned();
    let bytes = std::fs::read(path).expect("the file can be read");
    let file = match SourceFile::from_bytes(name.as_str(), &bytes) {
        Ok(file) => file,
        Err(finding) => return (SourceFile::lossy(name.as_str(), &bytes), vec![*finding]),
    };
    let found = match compile(&file, &catalog()) {
        Ok(compiled) => compiled.warnings,
        Err(found) => found,
    };
    (file, found)
}

fn check(path: &Path) -> Result<(), String> {
    let (file, found) = findings(path);
    let shown = render_text(&found, &[file], false);
    let expected_path = path.with_extension("txt");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&expected_path, &shown).expect("the expectation can be written");
    }
    let expected = std::fs::read_to_string(&expected_path).unwrap_or_default();
    if shown == expected && !shown.is_empty() {
        return Ok(());
    }
    Err(format!("{}\n--- expected\n{expected}\n--- found\n{shown}", path.display()))
}

#[test]
fn every_broken_file_says_what_is_wrong() {
    let files = files();
    assert!(files.len() >= 30, "there are only {} broken files", files.len());
    let failures: Vec<String> = files.iter().filter_map(|path| check(path).err()).collect();
    assert!(failures.is_empty(), "{} of {} differ\n{}", failures.len(), files.len(), failures.join("\n\n"));
}

#[test]
fn every_code_has_a_broken_file() {
    let shown: BTreeSet<&str> =
        files().iter().flat_map(|path| findings(path).1).map(|finding| finding.code.0).collect();
    let missing: Vec<&str> = engross_compiler::CODES
        .iter()
        .map(|(code, _)| *code)
        .filter(|code| !shown.contains(code) && !SHOWN_ELSEWHERE.contains(code))
        .collect();
    assert!(missing.is_empty(), "no broken file shows {missing:?}");
}

//! The pages of the codes: every code has one, and what its examples show is true.

use crate::lab::{repository, text};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// Codes of files that cannot stand in a page: too large, no text, or a mistake that is not the author's.
const WITHOUT_EXAMPLE: &[&str] = &[
    "E0102", "E0103", "E0107", "E0140", "E0142", "E0143", "E0149", "E0207", "E0229", "E0263", "E0298", "E0299",
    "W0409", "W0501",
];

/// The examples are checked beside this configuration.
const CONFIG: &str = "connections:
  juro: { provider: juro, api_key: { env: KEY } }
  juro_v2: { provider: juro_v2, api_key: { env: KEY } }
people:
  legal: [lena@legal.example, omar@legal.example]
  gc: [gc@legal.example]
  legal-leads: [gc@legal.example]
  sales-leads: [kim@sales.example]
  finance: [fay@finance.example]
";

/// Every page by its code.
fn pages() -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(repository().join("docs/codes")).unwrap();
    entries
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.file_stem().unwrap().to_str().unwrap().to_string(), std::fs::read_to_string(&path).unwrap())
        })
        .collect()
}

/// The fenced block of a page with these words after its fence.
fn block<'p>(page: &'p str, words: &str) -> Option<&'p str> {
    let (_, rest) = page.split_once(&format!("```{words}\n"))?;
    Some(rest.split("```").next().unwrap())
}

fn engross(place: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_engross"))
        .args(args)
        .current_dir(place)
        .env_remove("ENGROSS_CONFIG")
        .output()
        .unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn literals(path: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && name != "tests" && name != "target" {
            literals(&path, found);
        } else if name.ends_with(".rs") && name != "explain.rs" {
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            found.extend(code.split('"').filter(|part| is_code(part)).map(str::to_string));
        }
    }
}

fn is_code(text: &str) -> bool {
    let digits = text.strip_prefix(['E', 'W']);
    digits.is_some_and(|digits| digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit()))
}

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let mut codes = BTreeSet::new();
    for folder in ["cli", "engine", "steps"] {
        literals(&repository().join(folder), &mut codes);
    }
    let pages: BTreeSet<String> = pages().into_keys().collect();
    assert!(codes.len() > 90, "only {} codes were found", codes.len());
    assert_eq!(codes, pages, "left: the codes in the source, right: the pages in docs/codes");

    let (exit, listed, _) = engross(repository(), &["explain"]);
    let listed: BTreeSet<String> = listed.lines().map(|line| line.split(' ').next().unwrap().to_string()).collect();
    assert_eq!((exit, listed), (Some(0), pages), "`engross explain` lists what there is");
}

#[test]
fn pages_have_the_titles_of_the_tables_and_all_their_parts() {
    let tables = [engross_compiler::CODES, engross_source::codes::CODES, engross_providers::CODES];
    let pages = pages();
    for (code, title) in tables.into_iter().flatten() {
        assert!(pages[*code].starts_with(&format!("# {code}: {title}\n")), "{code}");
    }
    for (code, page) in &pages {
        assert!(page.starts_with(&format!("# {code}: ")), "{code}");
        for part in ["\n## Example\n", "\n## What to do\n", "\n## Why\n"] {
            assert!(page.contains(part), "{code} has no{part}");
        }
    }
}

#[test]
fn examples_show_what_they_say_and_their_corrections_do_not() {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("engross.yaml"), CONFIG).unwrap();
    crate::policies::beside(place.path());
    let folder = place.path().join("examples");
    std::fs::create_dir(&folder).unwrap();
    let mut wrong = BTreeSet::new();
    for (code, page) in pages() {
        let compiled = matches!(code.as_bytes(), [b'E', b'0', b'1'..=b'3', ..] | [b'W', ..]);
        if !compiled || WITHOUT_EXAMPLE.contains(&code.as_str()) {
            continue;
        }
        for kind in ["wrong", "right"] {
            let example =
                block(&page, &format!("yaml {kind}")).unwrap_or_else(|| panic!("{code} has no {kind} example"));
            std::fs::write(folder.join(format!("{code}_{kind}.yaml")), example).unwrap();
        }
        wrong.insert(code);
    }
    let (exit, shown, error) = engross(place.path(), &["validate", "--format", "json", "examples"]);
    assert_eq!(exit, Some(1), "{error}");
    let findings: Vec<Value> = serde_json::from_str(&shown).unwrap();
    let of = |name: String| findings.iter().filter(move |finding| finding["path"] == format!("examples/{name}.yaml"));
    let mut problems = Vec::new();
    for code in &wrong {
        let told: BTreeSet<&str> = of(format!("{code}_wrong")).map(|f| f["code"].as_str().unwrap()).collect();
        // An alias needs an anchor, which is a finding of its own; a warning may come with another.
        let other_error = told.iter().any(|one| one != code && one.starts_with('E') && *one != "E0121");
        if !told.contains(code.as_str()) || other_error {
            problems.push(format!("{code}: the wrong example gives {told:?}"));
        }
        for finding in of(format!("{code}_right")) {
            if finding["code"] == code.as_str() || finding["severity"] == "error" {
                problems.push(format!("{code}: the right example gives {finding}"));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn examples_of_the_configuration_show_what_they_say() {
    let place = tempfile::tempdir().unwrap();
    std::fs::create_dir(place.path().join("workflows")).unwrap();
    let workflow = "schema: engross/v1\nname: example\nsteps:\n  a: { uses: set, with: { x: 1 } }\n";
    std::fs::write(place.path().join("workflows/a.yaml"), workflow).unwrap();
    let mut checked = 0;
    for (code, page) in pages() {
        let (Some(wrong), Some(right)) = (block(&page, "yaml config wrong"), block(&page, "yaml config right")) else {
            continue;
        };
        for (example, expected) in [(wrong, true), (right, false)] {
            std::fs::write(place.path().join("engross.yaml"), example).unwrap();
            let (exit, shown, error) = engross(place.path(), &["validate"]);
            assert_eq!((shown + &error).contains(&format!("error[{code}]")), expected, "{code}: {error}");
            assert_eq!(exit == Some(0), !expected, "{code}: {error}");
        }
        checked += 1;
    }
    assert!(checked >= 4, "{checked}");
}

#[test]
fn a_code_is_explained_whatever_its_case_and_an_unknown_one_is_not() {
    let (exit, shown, _) = engross(repository(), &["explain", "e0312"]);
    assert_eq!((exit, shown), (Some(0), pages()["E0312"].clone()));
    let (exit, _, error) = engross(repository(), &["explain", "E9312"]);
    assert_eq!(exit, Some(2));
    assert!(error.contains("there is no code `E9312`") && error.contains("hint: "), "{error}");
}

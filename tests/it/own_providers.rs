//! A team's own manifests and what the commands say of them; what providers take, in full; where connections lead.

use crate::lab::{repository, text};
use std::path::Path;
use std::process::Command;

struct Said {
    exit: Option<i32>,
    out: String,
    error: String,
}

fn engross(place: &Path, args: &[&str]) -> Said {
    let output = Command::new(env!("CARGO_BIN_EXE_engross"))
        .args(args)
        .current_dir(place)
        .env_remove("ENGROSS_CONFIG")
        .output()
        .unwrap();
    Said { exit: output.status.code(), out: text(&output.stdout), error: text(&output.stderr) }
}

fn write(place: &Path, path: &str, content: &str) {
    let path = place.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

const OWN: &str = "manifest: 1
provider: NAME
title: Our own
environments: { live: { base_url: 'https://api.acme.example', default: true } }
operations:
  look: { title: Look, method: GET, path: /x, effect: read }
";

const WORKFLOW: &str = "schema: engross/v1\nname: a\nsteps:\n  a: { uses: set, with: { x: 1 } }\n";

#[test]
fn a_name_that_is_taken_is_a_finding_with_its_place_and_stops_no_list() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    write(place, "providers/acme.yaml", &OWN.replace("NAME", "acme"));
    write(place, "providers/ours.yaml", &OWN.replace("NAME", "juro"));
    write(place, "providers/twice.yaml", &OWN.replace("NAME", "acme"));
    write(place, "workflows/a.yaml", WORKFLOW);
    for (at, expected) in [
        ("providers/ours.yaml:2:11: error[E0517]", "`juro` is taken by manifests/juro.yaml, which comes with Engross"),
        ("providers/twice.yaml:2:11: error[E0517]", "`acme` is taken by providers/acme.yaml"),
    ] {
        let told = |text: &str| text.contains(&format!("{at} the name {expected}"));
        let checked = engross(place, &["providers", "check"]);
        assert!(checked.exit == Some(1) && told(&checked.out), "{} {}", checked.out, checked.error);
        let validated = engross(place, &["validate"]);
        assert!(validated.exit == Some(2) && told(&validated.error), "{}", validated.error);
        let listed = engross(place, &["providers", "list"]);
        assert!(listed.exit == Some(0) && told(&listed.error), "{}", listed.error);
        assert!(listed.out.contains("acme ") && listed.out.contains("juro "), "{}", listed.out);
        let shown = engross(place, &["providers", "show", "acme/look"]);
        assert!(shown.exit == Some(0) && told(&shown.error), "{}", shown.error);
    }
}

#[test]
fn folders_are_checked_and_warnings_are_no_mistakes() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    let none = engross(place, &["providers", "check"]);
    assert!(none.exit == Some(2) && none.error.contains("there is no folder"), "{}", none.error);
    write(place, "providers/a.yaml", &OWN.replace("NAME", "acme"));
    write(place, "more/b.yml", &OWN.replace("NAME", "other"));
    for (args, expected) in [
        (&["providers", "check"][..], "1 file, no mistakes"),
        (&["providers", "check", "more"], "1 file, no mistakes"),
        (&["providers", "check", "more", "providers/a.yaml"], "2 files, no mistakes"),
    ] {
        let checked = engross(place, args);
        assert!(checked.exit == Some(0) && checked.error.contains(expected), "{args:?}: {}", checked.error);
    }
    let open = OWN
        .replace("NAME", "acme")
        .replace("https:", "http:")
        .replace("operations:", "config: { key: { type: secret } }\noperations:");
    write(place, "providers/a.yaml", &open);
    let checked = engross(place, &["providers", "check"]);
    assert!(checked.exit == Some(0) && checked.out.contains("providers/a.yaml:4:"), "{}", checked.out);
    assert!(checked.out.contains("warning[W0501]"), "{}", checked.out);
    let listed = engross(place, &["validate", "providers"]);
    assert!(!listed.error.contains("with mistakes"), "a warning keeps nobody from going on: {}", listed.error);
    write(place, "empty/x.txt", "");
    let empty = engross(place, &["providers", "check", "empty"]);
    assert!(empty.exit == Some(2) && empty.error.contains("there is no manifest in empty"), "{}", empty.error);
}

#[test]
fn the_schema_of_manifests_is_printed() {
    let printed = engross(repository(), &["schema", "manifest"]);
    let printed: serde_json::Value = serde_json::from_str(&printed.out).unwrap();
    let kept = std::fs::read_to_string(repository().join("schemas/manifest.schema.json")).unwrap();
    assert_eq!(printed, serde_json::from_str::<serde_json::Value>(&kept).unwrap());
}

#[test]
fn what_operations_take_is_shown_in_full_and_fits_a_terminal() {
    let place = tempfile::tempdir().unwrap();
    let names = ["contract_signatures", "docjuris", "juro", "juro_v2", "paperlex"];
    for name in names {
        let shown = engross(place.path(), &["providers", "show", name]);
        assert_eq!(shown.exit, Some(0));
        let long: Vec<&str> = shown.out.lines().filter(|line| line.chars().count() > 100).collect();
        // What people copy is not cut: a value in an example, a pattern.
        let whole = |line: &&&str| {
            line.trim_start().starts_with('"') || line.split_whitespace().any(|word| word.chars().count() > 60)
        };
        assert_eq!(long.iter().filter(|line| !whole(line)).collect::<Vec<_>>(), Vec::<&&str>::new(), "{name}");
    }
    let shown = engross(place.path(), &["providers", "show", "contract_signatures/create_contract"]).out;
    for part in ["signers (list of object, 1 to 26 items, required)", "\n               access_kind (one of ", "email"]
    {
        assert!(shown.contains(part), "{part}: {shown}");
    }
}

#[test]
fn a_sandbox_that_nobody_has_chosen_comes_with_what_to_write() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    let config = |more: &str| {
        format!(
            "connections:\n  juro: {{ provider: juro, api_key: {{ env: KEY }} }}\n  paperlex: {{ provider: paperlex, token: {{ env: KEY }}{more} }}\n"
        )
    };
    let workflow = "schema: engross/v1\nname: a\nsteps:\n  a: { uses: juro/list_templates, with: {} }\n  b: { uses: paperlex/list_contracts, with: {} }\n";
    write(place, "workflows/a.yaml", workflow);
    for (more, expected) in [
        ("", Some("write `environment: live` under the connection `paperlex`, or lead the others to sandboxes too")),
        (", environment: sandbox", Some("lead all connections of a workflow to sandboxes, or none")),
        (", environment: live", None),
    ] {
        write(place, "engross.yaml", &config(more));
        let said = engross(place, &["validate"]).out;
        match expected {
            Some(hint) => assert!(said.contains("warning[W0409]") && said.contains(&format!("hint: {hint}")), "{said}"),
            None => assert!(!said.contains("W0409"), "{said}"),
        }
    }
}

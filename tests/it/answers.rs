//! Answers on stdout: none is lost without a word, and those that an editor needs are given beside a broken `engross.yaml`.

use crate::lab::{Lab, text};
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

fn engross(place: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_engross"));
    command.args(args).current_dir(place).env_remove("ENGROSS_CONFIG");
    command
}

#[test]
fn an_answer_that_cannot_be_written_is_told() {
    let place = tempfile::tempdir().unwrap();
    for args in [&["schema"][..], &["schema", "policy"], &["explain", "E0209"], &["providers", "list"]] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = engross(place.path(), args).stdout(full).output().unwrap();
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {told}");
        assert_eq!(told.matches("the answer is lost, stdout cannot be written").count(), 1, "{args:?}: {told}");
    }
    // Whoever has read enough goes.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = engross(place.path(), &["schema"]).stdout(writer).stderr(Stdio::piped()).output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""));
}

#[test]
fn schemas_are_given_beside_a_broken_configuration() {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("engross.yaml"), "connections: [\nserver: 5\n").unwrap();
    for name in ["workflow", "policy", "config", "approval", "juro/create_contract"] {
        let output = engross(place.path(), &["schema", name]).output().unwrap();
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{name}: {told}");
        assert!(told.contains("engross.yaml") && told.contains("without a configuration"), "{name}: {told}");
        assert!(serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap().is_object(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_named_as_its_sender_names_it() {
    let lab = Lab::new().await;
    let _serve = lab.serve();
    for end in ["accepted\n", "was there already\n"] {
        let said = text(&lab.output(&["events", "send", "crm/opportunity.won", "--id", "opportunity-7"]).stdout);
        assert!(said.starts_with("event opportunity-7 as ") && said.ends_with(end), "{said}");
    }
}

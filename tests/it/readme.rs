//! The README's table of commands has every command and every verb of each.

use crate::lab::{repository, text};
use std::process::Command;

/// What a help text lists as commands.
fn listed(arguments: &[&str]) -> Vec<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_engross")).args(arguments).arg("--help").output().unwrap();
    let help = text(&output.stdout);
    let Some((_, commands)) = help.split_once("\nCommands:\n") else { return Vec::new() };
    let lines = commands.lines().take_while(|line| !line.trim().is_empty());
    let names = lines.filter_map(|line| line.strip_prefix("  ")?.split(' ').next().map(str::to_string));
    names.filter(|name| !name.is_empty() && name != "help").collect()
}

/// The first cells of the table's rows: a command, and perhaps its verbs.
fn rows() -> Vec<String> {
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let (_, table) = readme.split_once("| command | what it does |").unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with("| `"));
    rows.map(|row| row.split('`').nth(1).unwrap().to_string()).collect()
}

#[test]
fn every_command_is_in_the_table() {
    let rows = rows();
    let commands = listed(&[]);
    assert!(commands.len() > 15, "{commands:?}");
    let mut missing = Vec::new();
    for command in &commands {
        let verbs: Vec<String> = rows
            .iter()
            .filter_map(|row| row.strip_prefix(command.as_str()))
            .filter(|rest| rest.is_empty() || rest.starts_with(' '))
            .flat_map(|rest| rest.split([' ', ',']).map(str::to_string).collect::<Vec<_>>())
            .collect();
        if verbs.is_empty() {
            missing.push(command.clone());
        }
        let unsaid = listed(&[command]).into_iter().filter(|verb| !verbs.contains(verb));
        missing.extend(unsaid.map(|verb| format!("{command} {verb}")));
    }
    assert!(missing.is_empty(), "the README's table of commands lacks {missing:?}");
    for row in rows {
        let name = row.split(' ').next().unwrap().to_string();
        assert!(commands.contains(&name), "the README's table has `{name}`, which is no command");
    }
}

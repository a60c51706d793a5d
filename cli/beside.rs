//! What lies beside a workflow: the files of those that it starts and of the policies that it asks, and which those are.

use crate::config::Config;
use engross_runtime::{Beside, WorkflowFiles, WorkflowFolders};
use engross_server::wire;
use engross_source::{Limits, Node, SourceFile, load};
use std::collections::BTreeMap;

/// Files that are brought along with one, at most.
const FILES_MAX: usize = 256;

/// Where workflows are that others start: in the file's own folder, and in that of the configuration.
pub fn folders(config: &Config) -> WorkflowFolders {
    WorkflowFolders::beside(&config.workflows)
}

/// The catalog with them.
pub fn with<C>(catalog: C, folders: &WorkflowFolders) -> Beside<'_, C> {
    Beside { catalog, files: folders, validators: Default::default() }
}

/// The files of all workflows that one starts, and that those start, and of the policies that they ask, as they are here. What is not there is left out: it is told
/// when the workflow is compiled.
pub fn files(file: &SourceFile, config: &Config) -> Vec<wire::Source> {
    let folders = folders(config);
    let mut found: BTreeMap<String, SourceFile> = BTreeMap::new();
    let mut open = vec![file.clone()];
    while let Some(file) = open.pop() {
        for named in named(&file) {
            let next = match &named {
                Named::Workflow(name) => folders.find(file.path(), name),
                Named::Policy(name) => folders.policy(file.path(), name),
            };
            let Some(next) = next.filter(|_| found.len() < FILES_MAX) else { continue };
            let is_new = found.insert(next.path().to_owned(), next.clone()).is_none();
            if is_new && matches!(named, Named::Workflow(_)) {
                open.push(next);
            }
        }
    }
    let source = |file: SourceFile| wire::Source { path: file.path().to_owned(), text: file.text().to_owned() };
    found.into_values().map(source).collect()
}

/// What a step names that lies in another file.
enum Named {
    Workflow(String),
    Policy(String),
}

/// What the steps of a file name.
fn named(file: &SourceFile) -> Vec<Named> {
    let Ok(root) = load(file, &Limits::default()) else { return Vec::new() };
    let steps = root.get("steps").and_then(Node::as_mapping).map(|steps| steps.entries()).unwrap_or_default();
    let of_step = |step: &Node| {
        let with = step.get("with")?;
        match step.get("uses").and_then(Node::as_str)? {
            "workflow" => Some(Named::Workflow(with.get("name")?.as_str()?.to_owned())),
            "approval" => Some(Named::Policy(with.get("stages")?.get("policy")?.as_str()?.to_owned())),
            _ => None,
        }
    };
    let compensate = |step: &Node| step.get("compensate").and_then(of_step);
    steps.iter().flat_map(|step| [of_step(&step.value), compensate(&step.value)]).flatten().collect()
}

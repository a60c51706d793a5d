//! The workflows of the server's folder as what starts runs by itself: read at the start, and again when a file changes.

use crate::{beside, sources, ui};
use anyhow::Result;
use engross_compiler::{Catalog, compile};
use engross_runtime::{Engine, RegistryCatalog, TriggeredWorkflow, WorkflowFolders};
use engross_source::{Diagnostic, Limits, SourceFile};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The pause between two looks at the folder.
const LOOK_AGAIN: Duration = Duration::from_secs(3);

/// The key of a workflow under which its triggers stand.
const TRIGGERS: &str = "triggers";

/// What tells a file from what it was: when it was written, and how long it is.
type Stamp = (Option<SystemTime>, u64);

/// The workflows of a folder, and what was last seen of its files.
pub struct Folder {
    path: PathBuf,
    seen: BTreeMap<PathBuf, Stamp>,
}

/// What a folder has.
pub struct Loaded {
    /// The workflows that can be compiled.
    pub workflows: Vec<TriggeredWorkflow>,
    /// The files that cannot and have triggers, with what is wrong, in words. Of a file without, nobody expects that it starts
    /// anything.
    pub broken: Vec<(PathBuf, String)>,
}

/// Every workflow of a folder; none where there is no such folder.
///
/// # Errors
/// The folder cannot be read.
pub fn load(folder: &Path, catalog: &dyn Catalog) -> Result<Loaded> {
    let mut loaded = Loaded { workflows: Vec::new(), broken: Vec::new() };
    if !folder.is_dir() {
        return Ok(loaded);
    }
    for path in sources::find(&[folder.to_path_buf()])? {
        let file = match sources::read_text(&path) {
            Ok(file) => file,
            Err(error) => {
                loaded.broken.push((path, format!("{error:#}")));
                continue;
            }
        };
        match compile(&file, catalog) {
            Ok(compiled) => loaded.workflows.push(TriggeredWorkflow { file, compiled }),
            Err(found) if has_triggers(&file) => loaded.broken.push((path, words(&found))),
            Err(_) => {}
        }
    }
    Ok(loaded)
}

/// Whether a file that cannot be compiled would start runs by itself. Where it is not even YAML, its lines tell.
fn has_triggers(file: &SourceFile) -> bool {
    match engross_source::load(file, &Limits::default()) {
        Ok(root) => root.get(TRIGGERS).is_some(),
        Err(_) => file.text().lines().any(|line| line.strip_prefix(TRIGGERS).is_some_and(|rest| rest.starts_with(':'))),
    }
}

fn words(found: &[Diagnostic]) -> String {
    let errors = found.iter().filter(|finding| finding.severity == engross_source::Severity::Error);
    let first = errors.clone().next().map_or("", |finding| finding.message.as_str());
    match errors.count() {
        1 => format!("{first}; `engross validate` shows where"),
        several => format!("{several} mistakes, the first: {first}; `engross validate` shows them all"),
    }
}

/// Says which files cannot be compiled, so that nothing they should start is awaited in vain.
pub fn tell(broken: &[(PathBuf, String)]) {
    for (path, why) in broken {
        ui::note(&format!("{} starts nothing by itself: {}", path.display(), ui::escaped(why)));
    }
}

impl Folder {
    /// A folder as it is now.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_path_buf(), seen: stamps(path) }
    }

    /// Registers what the folder has whenever one of its files has changed, until this is dropped. While a file cannot be
    /// compiled, all triggers stay as they were, so that a slip of the pen stops nothing.
    pub async fn watch(mut self, engine: Engine) {
        loop {
            tokio::time::sleep(LOOK_AGAIN).await;
            let path = self.path.clone();
            let Ok(now) = tokio::task::spawn_blocking(move || stamps(&path)).await else { return };
            if now == self.seen {
                continue;
            }
            self.seen = now;
            let (path, of) = (self.path.clone(), engine.clone());
            let read = tokio::task::spawn_blocking(move || {
                let folders = WorkflowFolders::only(&path);
                load(&path, &beside::with(catalog(&of), &folders))
            })
            .await;
            match read {
                Ok(Ok(loaded)) if loaded.broken.is_empty() => {
                    ui::note(&format!("{} workflows were read again", loaded.workflows.len()));
                    engine.set_triggers(loaded.workflows);
                }
                Ok(Ok(loaded)) => {
                    tell(&loaded.broken);
                    ui::note("all triggers stay as they were until this is corrected");
                }
                Ok(Err(error)) => ui::note(&format!("the workflows cannot be read again: {error:#}")),
                Err(_) => return,
            }
        }
    }
}

/// What the engine's workflows are compiled against.
fn catalog(engine: &Engine) -> RegistryCatalog<'_> {
    let connections = engine.connections().values().map(|c| (c.name.clone(), c.provider.clone())).collect();
    RegistryCatalog { registry: engine.registry(), connections: Some(connections) }
}

fn stamps(folder: &Path) -> BTreeMap<PathBuf, Stamp> {
    let files = if folder.is_dir() { sources::find(&[folder.to_path_buf()]).unwrap_or_default() } else { Vec::new() };
    let stamp = |path: &Path| match std::fs::metadata(path) {
        Ok(meta) => (meta.modified().ok(), meta.len()),
        Err(_) => (None, 0),
    };
    files.into_iter().map(|path| (path.clone(), stamp(&path))).collect()
}

#[cfg(test)]
mod tests {
    use super::has_triggers;
    use engross_source::SourceFile;

    #[test]
    fn a_file_that_starts_nothing_is_told_from_one_that_should() {
        for (text, expected) in [
            ("name: a\nsteps: {}\n", false),
            ("name: a\ntriggers: []\nstepss: {}\n", true),
            ("name: a\nsteps: { x: { with: { triggers: 1 } } }\n", false),
            ("name: a\ntriggers:\n  - { every: 1d }\nsteps: [\n", true),
            ("name: a\nsteps: [\n", false),
        ] {
            assert_eq!(has_triggers(&SourceFile::new("a.yaml", text)), expected, "{text}");
        }
    }
}

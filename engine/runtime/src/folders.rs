//! The workflows of folders by their names, for those that start others, and the policies beside them. A folder is read once, when
//! a name in it is first asked for; whoever wants to see it as it is now makes a new one of these.
//!
//! It reads files and decides nothing about what is in them but their names.

use crate::catalog::WorkflowFiles;
use crate::limits::{WORKFLOW_FILES_MAX, WORKFLOW_FOLDERS_MAX};
use engross_source::{Limits, SourceFile, load};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// What is looked for in a folder.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sought {
    Workflows,
    Policies,
}

/// The folder with policies, beside those with workflows.
const POLICIES: &str = "policies";

/// The workflows or policies of one folder: their names and their files, sorted by path.
type Named = Arc<Vec<(String, SourceFile)>>;

/// Folders with workflows.
pub struct WorkflowFolders {
    /// The configured one, with what is below it.
    folder: PathBuf,
    /// Whether a file's own folder counts as well, which it must not when its path comes from elsewhere.
    own: bool,
    read: Mutex<BTreeMap<(Sought, PathBuf), Named>>,
}

impl WorkflowFolders {
    /// A file's own folder, and then this one.
    pub fn beside(folder: &Path) -> Self {
        Self { folder: folder.to_path_buf(), own: true, read: Mutex::default() }
    }

    /// This one alone, whatever the path of the file that asks.
    pub fn only(folder: &Path) -> Self {
        Self { own: false, ..Self::beside(folder) }
    }

    /// The workflows of the folders that a file sees, the nearest first.
    fn workflows_seen_from(&self, from: &str) -> Vec<Named> {
        let own = self.own_folder(from).map(|own| self.folder(Sought::Workflows, &own, false));
        own.into_iter().chain([self.folder(Sought::Workflows, &self.folder, true)]).collect()
    }

    /// The policies that a file sees, the nearest first: those in its own folder, and those in `policies` beside a folder.
    fn policies_seen_from(&self, from: &str) -> Vec<Named> {
        let own = self.own_folder(from);
        let beside = own.iter().chain([&self.folder]).map(|folder| match folder.parent() {
            Some(above) if folder.file_name().is_some() => above.join(POLICIES),
            _ => folder.join("..").join(POLICIES),
        });
        let folders: Vec<PathBuf> = own.iter().cloned().chain(beside).collect();
        folders.iter().map(|folder| self.folder(Sought::Policies, folder, false)).collect()
    }

    fn own_folder(&self, from: &str) -> Option<PathBuf> {
        let own = Path::new(from).parent().filter(|_| self.own)?;
        Some(if own.as_os_str().is_empty() { PathBuf::from(".") } else { own.to_path_buf() })
    }

    fn folder(&self, sought: Sought, folder: &Path, deep: bool) -> Named {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let found = read.entry((sought, folder.to_path_buf()));
        found.or_insert_with(|| Arc::new(named(sought, folder, deep))).clone()
    }
}

impl WorkflowFiles for WorkflowFolders {
    fn find(&self, from: &str, name: &str) -> Option<SourceFile> {
        let seen = self.workflows_seen_from(from);
        let mut fitting = seen.iter().flat_map(|folder| folder.iter()).filter(|(of, _)| of == name);
        // A file that means its own name means itself, also where another has that name.
        let own = fitting.clone().find(|(_, file)| file.path() == from);
        own.or_else(|| fitting.next()).map(|(_, file)| file.clone())
    }

    fn names(&self, from: &str) -> Vec<String> {
        names(&self.workflows_seen_from(from))
    }

    fn policy(&self, from: &str, name: &str) -> Option<SourceFile> {
        let seen = self.policies_seen_from(from);
        seen.iter().flat_map(|folder| folder.iter()).find(|(of, _)| of == name).map(|(_, file)| file.clone())
    }

    fn policies(&self, from: &str) -> Vec<String> {
        names(&self.policies_seen_from(from))
    }
}

fn names(seen: &[Named]) -> Vec<String> {
    let mut names: Vec<String> = seen.iter().flat_map(|folder| folder.iter()).map(|(name, _)| name.clone()).collect();
    names.sort();
    names.dedup();
    names
}

/// The workflows or policies of a folder. What cannot be read is passed over: whoever asks for it is told that it is not there.
fn named(sought: Sought, folder: &Path, deep: bool) -> Vec<(String, SourceFile)> {
    let mut files = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    let mut folders = 0;
    while let Some(folder) = open.pop().filter(|_| folders < WORKFLOW_FOLDERS_MAX) {
        folders += 1;
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let Ok(kind) = entry.file_type() else { continue };
            let path = entry.path();
            if kind.is_dir() && deep {
                open.push(path);
            } else if !kind.is_dir() && kind_of(&path) == Some(sought) {
                files.push(path);
            }
        }
    }
    files.sort();
    files.truncate(WORKFLOW_FILES_MAX);
    files.iter().filter_map(|path| read(path)).filter_map(|file| Some((name_of(&file)?, file))).collect()
}

/// What a file is by its name.
fn kind_of(path: &Path) -> Option<Sought> {
    let name = path.file_name().and_then(|name| name.to_str())?;
    let stem = name.strip_suffix(".yaml").or_else(|| name.strip_suffix(".yml"))?;
    match stem {
        _ if stem.ends_with(".test") => None,
        _ if stem.ends_with(".policy") => Some(Sought::Policies),
        _ => Some(Sought::Workflows),
    }
}

/// Whether a file is a policy by its name, and no workflow.
pub fn is_policy(path: &str) -> bool {
    kind_of(Path::new(path)) == Some(Sought::Policies)
}

fn read(path: &Path) -> Option<SourceFile> {
    let mut bytes = Vec::new();
    let bound = u64::try_from(Limits::default().file_bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    std::fs::File::open(path).ok()?.take(bound).read_to_end(&mut bytes).ok()?;
    // The same file has the same path, by whichever folder it was found.
    let shown = path.strip_prefix(".").unwrap_or(path).display().to_string();
    SourceFile::from_bytes(shown, &bytes).ok()
}

/// What a workflow file calls its workflow.
pub fn name_of(file: &SourceFile) -> Option<String> {
    // Most files say it in a line of its own, and need not be loaded for it.
    let plain = file.text().lines().find_map(|line| line.strip_prefix("name:")).map(str::trim);
    let is_name = |text: &&str| text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if let Some(name) = plain.filter(|text| !text.is_empty()).filter(is_name) {
        return Some(name.to_owned());
    }
    load(file, &Limits::default()).ok()?.get("name")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(folders: &WorkflowFolders, from: &str, name: &str, expected: Option<&str>) {
        let found = folders.find(from, name);
        assert_eq!(found.as_ref().and_then(|file| file.path().rsplit('/').next()), expected, "{name} from {from}");
    }

    #[test]
    fn workflows_are_found_by_their_names_and_own_folders_only_where_they_may_be() {
        let place = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = place.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("mine/a.yaml", "name: one\n");
        write("mine/b.yml", "{schema: x, \"name\": two}\n");
        write("mine/c.yaml", "# none\nsteps: {}\n");
        write("mine/one.test.yaml", "name: tested\n");
        write("mine/deep/d.yaml", "name: deep\n");
        write("flows/e.yaml", "name: 'one' # the other\n");
        write("flows/deep/f.yaml", "name: far\n");
        let flows = place.path().join("flows");
        let from = place.path().join("mine/a.yaml").display().to_string();
        let beside = WorkflowFolders::beside(&flows);
        assert_eq!(beside.names(&from), ["far", "one", "two"]);
        check(&beside, &from, "one", Some("a.yaml"));
        check(&beside, &from, "two", Some("b.yml"));
        check(&beside, &from, "far", Some("f.yaml"));
        check(&beside, &from, "deep", None);
        let only = WorkflowFolders::only(&flows);
        assert_eq!(only.names(&from), ["far", "one"]);
        check(&only, &from, "one", Some("e.yaml"));
        check(&only, &from, "two", None);
        check(&WorkflowFolders::only(Path::new("not/there")), &from, "one", None);
    }

    #[test]
    fn policies_lie_beside_the_file_or_beside_its_folder() {
        let place = tempfile::tempdir().unwrap();
        for path in ["flows/a.yaml", "flows/near.policy.yaml", "policies/far.policy.yml", "policies/none.yaml"] {
            let path = place.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let name = path.file_name().unwrap().to_str().unwrap().split('.').next().unwrap().to_string();
            std::fs::write(path, format!("name: {name}\n")).unwrap();
        }
        let flows = place.path().join("flows");
        let from = flows.join("a.yaml").display().to_string();
        for folders in [WorkflowFolders::beside(&flows), WorkflowFolders::beside(Path::new("not/there"))] {
            assert_eq!(folders.policies(&from), ["far", "near"]);
            assert!(folders.policy(&from, "far").unwrap().path().ends_with("policies/far.policy.yml"));
            assert!(folders.policy(&from, "none").is_none());
        }
        let only = WorkflowFolders::only(&flows);
        assert_eq!(only.policies("elsewhere.yaml"), ["far"]);
        assert_eq!(only.names(&from), ["a"]);
    }
}

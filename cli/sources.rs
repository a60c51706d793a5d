//! Workflow files on disk: reading one, and finding all of a folder.

use anyhow::{Context, Result, bail};
use engross_source::{Diagnostic, Limits, SourceFile};
use std::path::{Path, PathBuf};

/// A file, or the finding that it is no text.
pub enum Read {
    /// Its text.
    Text(SourceFile),
    /// It is no UTF-8; shown as far as it is.
    NotText(SourceFile, Box<Diagnostic>),
}

/// Reads a file, up to a little more than the largest that is accepted.
///
/// # Errors
/// It cannot be read.
pub fn read(path: &Path) -> Result<Read> {
    use std::io::Read as _;
    let shown = path.display().to_string();
    let file = std::fs::File::open(path).with_context(|| format!("cannot open {shown}"))?;
    let mut bytes = Vec::new();
    let bound = Limits::default().file_bytes_max as u64 + 1;
    file.take(bound).read_to_end(&mut bytes).with_context(|| format!("cannot read {shown}"))?;
    Ok(match SourceFile::from_bytes(shown.clone(), &bytes) {
        Ok(file) => Read::Text(file),
        Err(diagnostic) => Read::NotText(SourceFile::lossy(shown, &bytes), diagnostic),
    })
}

/// Reads a file that must be text.
///
/// # Errors
/// It cannot be read, or is no text.
pub fn read_text(path: &Path) -> Result<SourceFile> {
    match read(path)? {
        Read::Text(file) => Ok(file),
        Read::NotText(_, diagnostic) => bail!("{}: {}", path.display(), diagnostic.message),
    }
}

/// The workflow files that are meant by these paths: a file is itself, a folder is every `.yaml` and `.yml` below it that is
/// no test of a workflow. In order, each once.
///
/// # Errors
/// A path that is not there.
pub fn find(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = paths.to_vec();
    while let Some(path) = open.pop() {
        let meta = std::fs::metadata(&path).with_context(|| format!("there is no {}", path.display()))?;
        if !meta.is_dir() {
            found.push(path);
            continue;
        }
        let entries = std::fs::read_dir(&path).with_context(|| format!("cannot read {}", path.display()))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("cannot read {}", path.display()))?.path();
            if entry.is_dir() || is_workflow(&entry) {
                open.push(entry);
            }
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

fn is_workflow(path: &Path) -> bool {
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or("");
    let yaml = name.ends_with(".yaml") || name.ends_with(".yml");
    yaml && !name.ends_with(".test.yaml") && !name.ends_with(".test.yml")
}

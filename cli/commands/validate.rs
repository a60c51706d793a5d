//! `engross validate`: every mistake that can be known before a run.

use crate::args::{Format, FormatArg};
use crate::config::Config;
use crate::exit::{self, Exit};
use crate::{host, sources, ui};
use anyhow::{Result, bail};
use clap::Args;
use engross_source::{Diagnostic, Severity, diagnostic};
use std::path::{Path, PathBuf};

/// What is checked when nothing is named.
const DEFAULT_FOLDER: &str = "workflows";

/// Check workflow files; nothing is sent.
///
/// Findings are printed to stdout as `path:line:col: error[CODE] message`, with the source line and a hint. With an
/// engross.yaml, connections are checked as well.
#[derive(Debug, Args)]
pub struct Validate {
    /// Files, or folders whose .yaml files are meant
    #[arg(default_value = DEFAULT_FOLDER)]
    pub paths: Vec<PathBuf>,

    #[command(flatten)]
    pub format: FormatArg,
}

/// Carries it out.
///
/// # Errors
/// A path that is not there, or no workflow file at all.
pub fn run(args: &Validate, config: &Config) -> Result<Exit> {
    let registry = host::registry(config)?;
    let catalog = host::catalog(&registry, config);
    let paths = find(&args.paths)?;
    let mut findings: Vec<Diagnostic> = Vec::new();
    let mut files = Vec::new();
    for path in &paths {
        match sources::read(path)? {
            sources::Read::NotText(file, diagnostic) => {
                findings.push(*diagnostic);
                files.push(file);
            }
            sources::Read::Text(file) => {
                match engross_compiler::compile(&file, &catalog) {
                    Ok(compiled) => findings.extend(compiled.warnings),
                    Err(found) => findings.extend(found),
                }
                files.push(file);
            }
        }
    }
    let of_connections = host::connection_findings(config, &registry);
    if !of_connections.is_empty() {
        findings.extend(of_connections);
        files.extend(config.file.clone());
    }
    let errors = findings.iter().filter(|d| d.severity == Severity::Error).count();
    match args.format.format {
        Format::Json => ui::json(&diagnostic::render_json(&findings, &files)),
        Format::Text => {
            if !findings.is_empty() {
                ui::found(&findings, &files);
            }
            let warnings = findings.len() - errors;
            ui::note(&format!(
                "{}: {}, {}",
                count(paths.len(), "file"),
                count(errors, "error"),
                count(warnings, "warning")
            ));
        }
    }
    Ok(if errors == 0 { exit::OK } else { exit::NOT_GOOD })
}

fn find(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let folder = Path::new(DEFAULT_FOLDER);
    if paths.iter().map(PathBuf::as_path).eq([folder]) && !folder.exists() {
        bail!("there is no folder `{DEFAULT_FOLDER}` here\n  hint: name the files: `engross validate FILE…`");
    }
    let found = sources::find(paths)?;
    if found.is_empty() {
        let named: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        let hint = "a workflow is a .yaml or .yml file that does not end with .test.yaml";
        bail!("there is no workflow file in {}\n  hint: {hint}", named.join(", "));
    }
    Ok(found)
}

fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

//! `engross validate`: every mistake that can be known before a run.
//!
//! It reads files and prints; what is a mistake is decided by the compiler, by the policies' own check and by the
//! configuration's parser.

use crate::commands::explain;
use crate::config::{Config, Text};
use crate::exit::{self, Exit};
use crate::{beside, host, sources, ui};
use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use engross_compiler::Catalog;
use engross_core::{EffectClass, Person, StepSpec};
use engross_runtime::RegistryCatalog;
use engross_source::{Diagnostic, Severity, SourceFile, diagnostic};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// What is checked when nothing is named.
const DEFAULT_FOLDER: &str = "workflows";

/// Threads that compile at once, at most.
const THREADS_MAX: usize = 8;

/// Check workflow files and policies; nothing is sent.
///
/// A file whose name ends with `.policy.yaml` is a policy, and its own tests must pass.
/// Findings are printed to stdout as `path:line:col: error[CODE] message`, with the source line and a hint; `engross explain CODE`
/// tells more about one. With an engross.yaml, connections are checked as well.
#[derive(Debug, Args)]
pub struct Validate {
    /// Files, or folders whose .yaml files are meant
    #[arg(default_value = DEFAULT_FOLDER)]
    pub paths: Vec<PathBuf>,

    /// How findings are printed
    #[arg(long, value_enum, default_value_t)]
    pub format: Report,
}

/// How findings are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Report {
    /// For people.
    #[default]
    Text,
    /// For programs: a list with one object for each finding.
    Json,
    /// SARIF 2.1.0, for code scanning and editors.
    Sarif,
    /// Workflow commands of GitHub Actions, which shows them beside the changed lines.
    Github,
}

/// Carries it out.
///
/// # Errors
/// A path that is not there, or no workflow file at all.
pub fn run(args: &Validate, config: &Config) -> Result<Exit> {
    let registry = host::registry(config)?;
    let folders = beside::folders(config);
    let known = Known { inner: host::catalog(&registry, config), sandboxes: sandboxes(config), people: &config.people };
    let catalog = beside::with(known, &folders);
    let paths = find(&args.paths)?;
    let mut findings: Vec<Diagnostic> = Vec::new();
    let mut files = Vec::new();
    for (file, found) in check_all(&paths, &catalog)? {
        findings.extend(found);
        files.push(file);
    }
    let of_connections = host::connection_findings(config, &registry);
    if !of_connections.is_empty() {
        findings.extend(of_connections);
        files.extend(config.file.clone());
    }
    let errors = findings.iter().filter(|d| d.severity == Severity::Error).count();
    match args.format {
        Report::Json => ui::json(&diagnostic::render_json(&findings, &files)),
        Report::Sarif => {
            let version = env!("CARGO_PKG_VERSION");
            ui::json(&diagnostic::render_sarif(&findings, &files, version, |code| explain::page(code.0)));
        }
        Report::Github if !findings.is_empty() => ui::data(&diagnostic::render_github(&findings, &files)),
        Report::Text if !findings.is_empty() => ui::found(&findings, &files),
        Report::Github | Report::Text => {}
    }
    if args.format == Report::Text {
        let warnings = findings.len() - errors;
        ui::note(&format!(
            "{}: {}, {}",
            count(paths.len(), "file"),
            count(errors, "error"),
            count(warnings, "warning")
        ));
    }
    Ok(if errors == 0 { exit::OK } else { exit::NOT_GOOD })
}

/// The registry's catalog, with what the configuration says of where connections lead.
struct Known<'a> {
    inner: RegistryCatalog<'a>,
    sandboxes: BTreeMap<String, Leads>,
    people: &'a BTreeMap<String, Vec<Person>>,
}

/// Where a connection leads.
struct Leads {
    to_sandbox: bool,
    /// The setting that leads it to a live system, where nobody has chosen the sandbox.
    live_by: Option<String>,
}

impl Catalog for Known<'_> {
    fn spec(&self, uses: &str) -> Option<&StepSpec> {
        self.inner.spec(uses)
    }

    fn uses(&self) -> Vec<String> {
        self.inner.uses()
    }

    fn effect(&self, uses: &str, with: &Value, templates: &[String]) -> EffectClass {
        self.inner.effect(uses, with, templates)
    }

    fn advice(&self, uses: &str, with: &Value, templates: &[String]) -> Vec<(String, String)> {
        self.inner.advice(uses, with, templates)
    }

    fn connections(&self) -> Option<Vec<(String, String)>> {
        self.inner.connections()
    }

    fn people(&self) -> Option<Vec<(String, Vec<String>)>> {
        let members = |people: &Vec<Person>| people.iter().map(ToString::to_string).collect();
        let groups = self.people.iter().map(|(name, people)| (name.clone(), members(people)));
        (!self.people.is_empty()).then(|| groups.collect())
    }

    fn is_sandbox(&self, connection: &str) -> Option<bool> {
        self.sandboxes.get(connection).map(|leads| leads.to_sandbox)
    }

    fn sandbox_by_default(&self, connection: &str) -> Option<String> {
        self.sandboxes.get(connection)?.live_by.clone()
    }
}

/// Which connections lead to sandboxes, where there are several that could be mixed. What cannot be told is left out.
fn sandboxes(config: &Config) -> BTreeMap<String, Leads> {
    if config.connections.len() < 2 {
        return BTreeMap::new();
    }
    let described = engross_providers::describe_builtin();
    let mut found = BTreeMap::new();
    for (name, connection) in &config.connections {
        let provider = described.iter().find(|provider| provider.name == connection.provider);
        let address = match (&connection.base_url, connection.settings.get("environment"), provider) {
            (Some(url), _, _) => Some(url.clone()),
            (None, Some(Text::Plain(name)), Some(of)) => of.environments.get(name).and_then(|url| url.parse().ok()),
            (None, None, Some(of)) => of.environments.get(&of.default_environment).and_then(|url| url.parse().ok()),
            _ => None,
        };
        if let Some(host) = address.as_ref().and_then(url::Url::host_str) {
            let is_unchosen = connection.base_url.is_none() && !connection.settings.contains_key("environment");
            let to_sandbox = is_sandbox(host);
            let live = provider.filter(|_| to_sandbox && is_unchosen).and_then(|of| {
                let is_live = |url: &String| {
                    url.parse::<url::Url>().is_ok_and(|url| url.host_str().is_some_and(|host| !is_sandbox(host)))
                };
                of.environments.iter().find(|(_, url)| is_live(url))
            });
            let live_by = live.map(|(environment, _)| format!("environment: {environment}"));
            found.insert(name.clone(), Leads { to_sandbox, live_by });
        }
    }
    found
}

/// A sandbox is on this machine, or has the word in its host's name.
fn is_sandbox(host: &str) -> bool {
    host == "localhost" || host.starts_with("127.") || host == "[::1]" || host.contains("sandbox")
}

/// Every file with what is wrong with it, in the order of the paths.
fn check_all(paths: &[PathBuf], catalog: &(dyn Catalog + Sync)) -> Result<Vec<(SourceFile, Vec<Diagnostic>)>> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(path) = paths.get(at) else { return done };
            done.push((at, check(path, catalog)));
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX).min(paths.len());
    let mut done = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut done = work();
        for other in others {
            match other.join() {
                Ok(found) => done.extend(found),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, checked)| checked).collect()
}

fn check(path: &Path, catalog: &dyn Catalog) -> Result<(SourceFile, Vec<Diagnostic>)> {
    Ok(match sources::read(path)? {
        sources::Read::NotText(file, diagnostic) => (file, vec![*diagnostic]),
        sources::Read::Text(file) if engross_policy::is_policy_file(path) => {
            let found = engross_policy::check(&file);
            (file, found)
        }
        sources::Read::Text(file) => {
            let found = match engross_compiler::compile(&file, catalog) {
                Ok(compiled) => compiled.warnings,
                Err(found) => found,
            };
            (file, found)
        }
    })
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

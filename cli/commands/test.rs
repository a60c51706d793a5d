//! `engross test`: plays the scenarios that lie beside workflows, and tells which are not as expected.

use crate::args::{Format, FormatArg};
use crate::config::Config;
use crate::exit::{self, Exit};
use crate::scenarios::limits::THREADS_MAX;
use crate::scenarios::{self, Around, Played, Scenario, Stage, Suite, span_words};
use crate::{beside, host, sources, ui};
use anyhow::{Context, Result, bail};
use clap::Args;
use engross_providers::ProviderDescription;
use engross_source::{Diagnostic, Limits, SourceFile, diagnostic};
use engross_step_api::Registry;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// What is tested when nothing is named.
const DEFAULT_FOLDER: &str = "workflows";

/// How the name of a test file ends.
const ENDS: [&str; 2] = [".test.yaml", ".test.yml"];

/// Play the scenarios of workflows; nothing is sent.
///
/// `workflows/nda.test.yaml` tests the workflow `nda` beside it: with the real engine, on a virtual clock, with stand-ins for all that
/// leaves the machine, whose answers are made up from the operations' own schemas. Exit codes: 0 all are as expected; 1 one is not;
/// 2 a test file or its workflow has mistakes.
#[derive(Debug, Args)]
pub struct Test {
    /// Test files, workflows that have one, or folders whose test files are meant
    #[arg(default_value = DEFAULT_FOLDER)]
    pub paths: Vec<PathBuf>,

    /// Play only the scenarios whose name has this text
    #[arg(long, value_name = "TEXT")]
    pub only: Option<String>,

    /// Tell what happened in every scenario, not only in those that are not as expected
    #[arg(long)]
    pub timeline: bool,

    #[command(flatten)]
    pub format: FormatArg,
}

/// What became of one scenario.
struct Outcome {
    suite: usize,
    scenario: usize,
    wrong: Vec<String>,
    played: Played,
}

/// Carries it out.
///
/// # Errors
/// A path that is not there, or no test file at all.
pub fn run(args: &Test, config: &Config) -> Result<Exit> {
    let registry = host::registry(config)?;
    let providers = described(config)?;
    let paths = find(&args.paths)?;
    let (mut suites, mut findings, mut files) = (Vec::new(), Vec::new(), Vec::new());
    let mut beside_of: BTreeMap<PathBuf, BTreeMap<String, SourceFile>> = BTreeMap::new();
    for path in &paths {
        let file = match sources::read(path)? {
            sources::Read::Text(file) => file,
            sources::Read::NotText(file, diagnostic) => {
                findings.push(*diagnostic);
                files.push(file);
                continue;
            }
        };
        let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
        if !beside_of.contains_key(&folder) {
            beside_of.insert(folder.clone(), workflows_in(&folder)?);
        }
        let none = BTreeMap::new();
        let beside_it = beside_of.get(&folder).unwrap_or(&none);
        match load(&file, config, &registry, &providers, beside_it) {
            Ok(suite) => suites.push(suite),
            Err(found) => {
                findings.extend(found);
                files.push(file);
            }
        }
    }
    let results = play_all(args, config, &registry, &suites);
    report(args, &suites, &results, &findings, &files);
    let failed = results.iter().any(|result| !result.wrong.is_empty());
    Ok(match (findings.is_empty(), failed) {
        (false, _) => exit::COULD_NOT,
        (true, true) => exit::NOT_GOOD,
        (true, false) => exit::OK,
    })
}

fn load(
    file: &SourceFile,
    config: &Config,
    registry: &Registry,
    providers: &[ProviderDescription],
    beside_it: &BTreeMap<String, SourceFile>,
) -> std::result::Result<Suite, Vec<Diagnostic>> {
    let folders = beside::folders(config);
    let catalog = beside::with(host::catalog(registry, config), &folders);
    scenarios::load(file, &Around { catalog: &catalog, registry, providers, beside: beside_it })
}

/// All providers, those of the team's own manifests too.
fn described(config: &Config) -> Result<Vec<ProviderDescription>> {
    let mut providers = engross_providers::describe_builtin();
    for file in host::own_manifests(&config.providers)? {
        providers.extend(engross_providers::describe_yaml(file.path(), file.text()).ok());
    }
    Ok(providers)
}

fn is_test(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    ENDS.iter().any(|end| name.ends_with(end))
}

/// The test files that are meant by these paths, in order, each once.
fn find(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let (mut found, mut open) = (BTreeSet::new(), paths.to_vec());
    while let Some(path) = open.pop() {
        let shown = path.display();
        let meta = std::fs::metadata(&path).with_context(|| format!("there is no {shown}"))?;
        if !meta.is_dir() {
            found.insert(if is_test(&path) { path } else { test_of(&path)? });
            continue;
        }
        let entries = std::fs::read_dir(&path).with_context(|| format!("cannot read {}", path.display()))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("cannot read {}", path.display()))?.path();
            if entry.is_dir() || is_test(&entry) {
                open.push(entry);
            }
        }
    }
    if found.is_empty() {
        let named: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        bail!(
            "there is no test file in {}\n  hint: the tests of nda.yaml are in nda.test.yaml beside it",
            named.join(", ")
        );
    }
    Ok(found.into_iter().collect())
}

/// The test file of a workflow.
fn test_of(path: &Path) -> Result<PathBuf> {
    let tests = ENDS.iter().map(|end| {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        path.with_file_name(format!("{stem}{end}"))
    });
    let shown = path.display();
    tests.into_iter().find(|path| path.is_file()).with_context(|| format!("{shown} has no test file beside it"))
}

/// The workflows of a folder by their names. One whose text does not tell is believed to be called as its file.
fn workflows_in(folder: &Path) -> Result<BTreeMap<String, SourceFile>> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let mut found = BTreeMap::new();
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let path = entry.with_context(|| format!("cannot read {}", folder.display()))?.path();
        let is_yaml = path.extension().is_some_and(|end| end == "yaml" || end == "yml");
        if !is_yaml || is_test(&path) || engross_policy::is_policy_file(&path) || !path.is_file() {
            continue;
        }
        let path = path.strip_prefix("./").unwrap_or(&path);
        let sources::Read::Text(file) = sources::read(path)? else { continue };
        let root = engross_source::load(&file, &Limits::default()).ok();
        let told = root.as_ref().and_then(|root| root.get("name")).and_then(|name| name.as_str());
        let name = told.or_else(|| path.file_stem().and_then(|stem| stem.to_str())).unwrap_or_default();
        found.insert(name.to_string(), file);
    }
    Ok(found)
}

/// Plays all scenarios, several at once; the answers are in the order of the files.
fn play_all(args: &Test, config: &Config, registry: &Registry, suites: &[Suite]) -> Vec<Outcome> {
    let is_meant = |scenario: &Scenario| args.only.as_ref().is_none_or(|text| scenario.name.contains(text.as_str()));
    let jobs: Vec<(usize, usize)> = suites
        .iter()
        .enumerate()
        .flat_map(|(at, suite)| (0..suite.scenarios.len()).map(move |scenario| (at, scenario)))
        .filter(|(suite, scenario)| {
            suites.get(*suite).and_then(|suite| suite.scenarios.get(*scenario)).is_some_and(is_meant)
        })
        .collect();
    if ui::is_live() {
        ui::note(&format!("playing {}", count(jobs.len(), "scenario")));
    }
    let stage = Stage { registry, people: config.is_file.then_some(&config.people) };
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some((at, number)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let Some(suite) = suites.get(*at) else { continue };
            let Some(scenario) = suite.scenarios.get(*number) else { continue };
            let played = scenarios::play(suite, scenario, &stage);
            let wrong = scenarios::judge(scenario, &played);
            let result = Outcome { suite: *at, scenario: *number, wrong, played };
            done.lock().unwrap_or_else(PoisonError::into_inner).push(result);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX).min(jobs.len());
    // Each on a thread of its own: a scenario has its own runtimes, which may not be inside of this one's.
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|result| (result.suite, result.scenario));
    done
}

fn report(args: &Test, suites: &[Suite], results: &[Outcome], findings: &[Diagnostic], files: &[SourceFile]) {
    let failed = results.iter().filter(|result| !result.wrong.is_empty()).count();
    let rows = results.iter().filter_map(|result| {
        let suite = suites.get(result.suite)?;
        Some((suite, suite.scenarios.get(result.scenario)?, result))
    });
    match args.format.format {
        Format::Json => {
            let rows: Vec<Value> = rows.map(|(suite, scenario, result)| as_json(suite, scenario, result)).collect();
            let (ok, found) = (results.len() - failed, diagnostic::render_json(findings, files));
            ui::json(&json!({ "scenarios": rows, "ok": ok, "failed": failed, "findings": found }));
        }
        Format::Text => {
            let lines: Vec<String> =
                rows.map(|(suite, scenario, result)| as_text(suite, scenario, result, args.timeline)).collect();
            if !lines.is_empty() {
                ui::data(&lines.join("\n"));
            }
            if !findings.is_empty() {
                ui::found(findings, files);
            }
            let broken = if files.is_empty() {
                String::new()
            } else {
                format!(", {} with mistakes", count(files.len(), "file"))
            };
            let (all, ok) = (count(results.len(), "scenario"), results.len() - failed);
            ui::note(&format!("{all}: {ok} ok, {failed} failed{broken}"));
        }
    }
}

fn as_json(suite: &Suite, scenario: &Scenario, result: &Outcome) -> Value {
    let told = result.played.told.iter().map(|(at, text)| json!({ "at_ms": at, "text": text }));
    json!({
        "file": suite.path,
        "line": scenario.line,
        "workflow": suite.workflow,
        "name": scenario.name,
        "ok": result.wrong.is_empty(),
        "wrong": result.wrong,
        "outcome": result.played.status,
        "steps": result.played.steps,
        "calls": result.played.calls,
        "outputs": result.played.outputs,
        "took_ms": result.played.took_ms,
        "timeline": told.collect::<Vec<Value>>(),
    })
}

fn as_text(suite: &Suite, scenario: &Scenario, result: &Outcome, timeline: bool) -> String {
    let ok = result.wrong.is_empty();
    let word = if ok { "ok    " } else { "FAILED" };
    let name = format!("{}: {}", suite.workflow, ui::escaped(&scenario.name));
    let mut text = format!("{word}  {name} ({})", span_words(result.played.took_ms));
    if !ok {
        text.push_str(&format!("\n        {}:{}", ui::escaped(&suite.path), scenario.line));
    }
    for wrong in &result.wrong {
        text.push_str(&format!("\n        - {}", ui::escaped(wrong)));
    }
    if !ok || timeline {
        text.push_str("\n        what happened:");
        for (at, what) in &result.played.told {
            text.push_str(&format!("\n          {:>8}  {}", span_words(*at), ui::escaped(what)));
        }
    }
    text
}

fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

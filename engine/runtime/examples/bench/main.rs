//! The engine's speed, beside the bare store and the raw disk of the same minute: `cargo xtask bench --quick`.
//!
//! One run measures all three, because a disk's speed changes from hour to hour and from machine to machine; what is compared
//! over time is the ratios. `raw` knows only files, `bare` only the store, `world` builds engines; `steps`, `hooks` and
//! `parked` measure them, `report` prints.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a measurement that cannot go on says so")]

mod bare;
mod compare;
mod hooks;
mod parked;
mod raw;
mod report;
mod steps;
mod world;

use report::{Report, Row};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tokio::runtime::Runtime;

const HELP: &str =
    "cargo xtask bench [--quick] [--only steps|alone|webhook|parked] [--format json] [--write] [--compare]

  --quick         under three minutes
  --only NAME     only this measurement; steps, alone, webhook or parked
  --format json   the rows as JSON
  --write         writes docs/bench.md
  --compare       fails when a ratio is much worse than in docs/bench.md, also when it is measured once more
";

/// What is asked for.
struct Asked {
    quick: bool,
    only: Option<String>,
    json: bool,
    write: bool,
    compare: bool,
}

impl Asked {
    /// How long each rate is measured.
    fn span(&self) -> Duration {
        Duration::from_secs(if self.quick { 8 } else { 60 })
    }

    fn wants(&self, name: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == name)
    }
}

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let mut asked = Asked { quick: false, only: None, json: false, write: false, compare: false };
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--quick" => asked.quick = true,
            "--json" => asked.json = true,
            "--format" => asked.json = args.next().as_deref() == Some("json"),
            "--only" => asked.only = args.next(),
            "--write" => asked.write = true,
            "--compare" => asked.compare = true,
            // A child that opens what its parent has built: a process of its own has a memory of its own.
            "--open" => {
                parked::child(&args.next().unwrap(), Path::new(&args.next().unwrap()));
                return ExitCode::SUCCESS;
            }
            _ => {
                report::print(HELP);
                return if matches!(arg.as_str(), "--help" | "-h") { ExitCode::SUCCESS } else { ExitCode::FAILURE };
            }
        }
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let report = runtime.block_on(measure(&asked));
    if asked.write {
        std::fs::write(root().join("docs/bench.md"), report.markdown()).unwrap();
    }
    report::print(&if asked.json { report.json() } else { report.table() });
    if asked.compare && !is_as_fast(&asked, &report, &runtime) {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Whether nothing is much slower than in the committed table. A machine that was busy for a while is given a second try: what
/// is too slow in both is told.
fn is_as_fast(asked: &Asked, first: &Report, runtime: &Runtime) -> bool {
    let table = std::fs::read_to_string(root().join("docs/bench.md")).unwrap();
    let whole = asked.only.is_none();
    let found = compare::compare(first.rows(), &table, whole);
    if found.is_empty() {
        report::complain("no ratio is much worse than in docs/bench.md");
        return true;
    }
    report::complain(&format!("measured once more, because of\n  {}", found.join("\n  ")));
    let second = runtime.block_on(measure(asked));
    report::complain(&second.table());
    let found = compare::compare(second.rows(), &table, whole);
    if !found.is_empty() {
        report::complain(&format!("much worse than in docs/bench.md:\n  {}", found.join("\n  ")));
    }
    found.is_empty()
}

/// The repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A directory on the disk that is measured, removed at the end.
fn directory() -> tempfile::TempDir {
    let target = root().join("target");
    std::fs::create_dir_all(&target).unwrap();
    tempfile::tempdir_in(target).unwrap()
}

async fn measure(asked: &Asked) -> Report {
    let mut report = Report::new(asked.quick);
    let sample = bare::Sample::new().await;
    let disk = raw::measure(directory().path(), sample.bytes_per_commit(), asked.span() / 4);
    report.raw(&disk, sample.bytes_per_commit());
    if asked.wants("steps") {
        let engine = steps::many(directory().path(), asked.span(), "read").await;
        let bare = bare::many(directory().path(), &sample, asked.span() / 2).await;
        let per_step = sample.commits_per_step();
        report.push(Row::rate("256 runs at once of 6 no-op steps", "steps/s", engine, bare, disk.grouped / per_step));
        let effects = steps::many(directory().path(), asked.span() / 2, "put").await;
        let row = Row::rate(
            "the same with an effect: intent, then outcome",
            "steps/s",
            effects,
            bare,
            disk.grouped / per_step,
        );
        report.push(row);
    }
    let alone = bare::alone(directory().path(), &sample, asked.span() / 4).await;
    if asked.wants("alone") {
        let engine = steps::alone(directory().path(), asked.span() / 2).await;
        report.push(Row::time("one run alone, per step", engine, alone.middle, disk.alone.middle));
    }
    if asked.wants("webhook") {
        let hooks = hooks::measure(directory().path(), asked.span()).await;
        let (bare, raw) = (&alone, &disk.alone);
        report.push(Row::time(
            "webhook received, acknowledged (p50)",
            hooks.acknowledged.middle,
            bare.middle,
            raw.middle,
        ));
        report.push(Row::time(
            "webhook received, next step started (p50)",
            hooks.started.middle,
            bare.middle,
            raw.middle,
        ));
        report.push(Row::time("webhook received, next step started (p99)", hooks.started.late, bare.late, raw.late));
    }
    if asked.wants("parked") {
        for row in parked::measure(directory().path()).await {
            report.push(row);
        }
    }
    report
}

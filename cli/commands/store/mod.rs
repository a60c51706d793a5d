//! `engross store` and `engross fsck`: the data as a whole. Each verb works on a stopped store by itself, and through the API
//! of the engine where one runs.

mod compact;
mod export;
pub mod fsck;
mod import;
mod verify;

use crate::config::Config;
use crate::exit::{self, Exit};
use crate::{offline, ui};
use anyhow::{Result, bail};
use clap::Subcommand;
use engross_runtime::fsck::{Finding, Report};
use engross_runtime::{Clock, SystemClock};
use engross_store::backup::{Counts, Problem};
use engross_store::{Holder, SledStore};
use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

/// Copy, check and tidy the data as a whole.
#[derive(Debug, Subcommand)]
pub enum Store {
    Export(export::Export),
    Import(import::Import),
    Verify(verify::Verify),
    Compact(compact::Compact),
}

/// Carries it out.
///
/// # Errors
/// It could not be done.
pub async fn run(store: Store, config: &Config) -> Result<Exit> {
    match store {
        Store::Export(args) => export::run(args, config).await,
        Store::Import(args) => import::run(args, config).await,
        Store::Verify(args) => verify::run(args, config).await,
        Store::Compact(args) => compact::run(args, config).await,
    }
}

/// The program and its version, as it stands in files.
fn product() -> String {
    format!("engross {}", env!("CARGO_PKG_VERSION"))
}

/// The store that no process holds, and that is there.
fn open(config: &Config, program: &str) -> Result<SledStore> {
    if !offline::is_there(config) {
        bail!("nothing has been kept in {} yet", config.data.display());
    }
    Ok(SledStore::open(&config.data, Holder::this_process(program, SystemClock.now()))?)
}

/// Tells a person who watches how far it has come; nobody else.
#[derive(Clone)]
struct Progress(Option<ProgressBar>);

impl Progress {
    fn start(what: &'static str) -> Self {
        if !ui::is_live() {
            return Self(None);
        }
        let bar = ProgressBar::new_spinner().with_message(what);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}: {pos} ({elapsed})") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(Some(bar))
    }

    fn at(&self, done: u64) {
        if let Some(bar) = &self.0 {
            bar.set_position(done);
        }
    }

    fn now(&self, what: &'static str) {
        if let Some(bar) = &self.0 {
            bar.set_message(what);
        }
    }

    fn end(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

/// What a check found, for people: each finding with what to do, then one line in all.
fn in_words(report: &Report) -> String {
    let mut text = String::new();
    for finding in &report.findings {
        text.push_str(&finding_in_words(finding));
    }
    if report.more > 0 {
        text.push_str(&format!("and {} more\n", report.more));
    }
    let Report { runs, archived, records, rows, busy, .. } = report;
    let repaired = report.findings.iter().filter(|finding| finding.repaired).count() as u64;
    let wrong = report.findings.len() as u64 + report.more - repaired;
    let verdict = match (wrong, repaired) {
        (0, 0) => "all is well".to_string(),
        (0, repaired) => format!("{repaired} put right, all is well now"),
        (wrong, 0) => format!("{wrong} not right"),
        (wrong, repaired) => format!("{repaired} put right, {wrong} not"),
    };
    let archived = if *archived > 0 { format!("{}, ", counted(*archived, "archived run")) } else { String::new() };
    let (runs, records) = (counted(*runs, "run"), counted(*records, "record"));
    text.push_str(&format!("{runs}, {archived}{records}, {rows} timers and waits: {verdict}\n"));
    if *busy > 0 {
        let busy = counted(*busy, "run");
        text.push_str(&format!("{busy} at work all the time could not be judged; look again later\n"));
    }
    text
}

/// So many of them.
fn counted(count: u64, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}

/// What an export has.
fn counts_in_words(counts: Counts) -> String {
    let Counts { events, marks, runs, records, .. } = counts;
    let (runs, records) = (counted(runs, "run"), counted(records, "record"));
    format!("{runs} with {records}, {} and {}", counted(events, "event"), counted(marks, "mark"))
}

fn finding_in_words(finding: &Finding) -> String {
    let place = match (&finding.run, &finding.step) {
        (Some(run), Some(step)) => format!("run {} step {}: ", ui::escaped(run.as_str()), ui::escaped(step.as_str())),
        (Some(run), None) => format!("run {}: ", ui::escaped(run.as_str())),
        (None, _) => String::new(),
    };
    let message = ui::escaped(&finding.message);
    if finding.repaired {
        return format!("repaired[{}] {place}{message}\n", finding.code);
    }
    format!("{}: {place}{message}\n  hint: {}\n", finding.code, ui::escaped(&finding.hint))
}

/// What is wrong with an export, for people.
fn problems_in_words(file: &str, problems: &[Problem]) -> String {
    let mut text = String::new();
    for Problem { line, code, run, message } in problems {
        let run = run.as_ref().map(|run| format!("run {}: ", ui::escaped(run.as_str()))).unwrap_or_default();
        text.push_str(&format!("{}:{line}: {code}: {run}{}\n", ui::escaped(file), ui::escaped(message)));
    }
    text
}

fn exit_of(good: bool) -> Exit {
    if good { exit::OK } else { exit::NOT_GOOD }
}

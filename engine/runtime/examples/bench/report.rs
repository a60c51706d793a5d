//! What was measured, for people and for programs.

use crate::raw::Disk;
use serde::Serialize;
use serde_json::json;
use std::fmt::Write;

/// One measurement, with the store and the disk beside it.
#[derive(Serialize)]
pub(crate) struct Row {
    pub(crate) what: String,
    unit: &'static str,
    engine: f64,
    store: f64,
    disk: f64,
    /// The engine's share of the store's rate, or how many times the store's time it takes.
    pub(crate) to_store: f64,
    pub(crate) to_disk: f64,
}

impl Row {
    /// More is better.
    pub(crate) fn rate(what: &str, unit: &'static str, engine: f64, store: f64, disk: f64) -> Self {
        let what = what.to_string();
        Self { what, unit, engine, store, disk, to_store: engine / store, to_disk: engine / disk }
    }

    /// Whether it is a rate.
    pub(crate) fn more_is_better(&self) -> bool {
        self.unit.ends_with("/s")
    }

    /// Milliseconds; less is better.
    pub(crate) fn time(what: &str, engine: f64, store: f64, disk: f64) -> Self {
        Self::rate(what, "ms", engine, store, disk)
    }

    /// Mebibytes; less is better.
    pub(crate) fn size(what: &str, engine: f64, store: f64, disk: f64) -> Self {
        Self::rate(what, "MiB", engine, store, disk)
    }
}

/// All of it.
pub(crate) struct Report {
    quick: bool,
    load: String,
    disk: String,
    rows: Vec<Row>,
}

impl Report {
    pub(crate) fn new(quick: bool) -> Self {
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load = load.split(' ').next().unwrap_or_default().to_string();
        Self { quick, load, disk: String::new(), rows: Vec::new() }
    }

    /// What the disk does by itself.
    pub(crate) fn raw(&mut self, disk: &Disk, bytes: usize) {
        self.disk = format!(
            "The disk: an append of {bytes} bytes with its own fdatasync takes {:.2} ms (p50; p99 {:.2} ms); {} appends that \
             share one make {:.0} appends in a second.",
            disk.alone.middle,
            disk.alone.late,
            crate::raw::GROUP,
            disk.grouped
        );
    }

    pub(crate) fn push(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    pub(crate) fn json(&self) -> String {
        json!({ "quick": self.quick, "cores": cores(), "load": self.load, "disk": self.disk, "rows": self.rows })
            .to_string()
    }

    pub(crate) fn table(&self) -> String {
        let mut text = String::new();
        let width = self.rows.iter().map(|row| row.what.len()).max().unwrap_or(0);
        let head = ["engine", "store", "disk"].map(|name| format!("{name:>12}")).concat();
        writeln!(text, "{:width$} {:7}{head}{:>10}{:>10}", "", "", "/ store", "/ disk").unwrap();
        for row in &self.rows {
            let values = [row.engine, row.store, row.disk].map(|value| format!("{:>12}", figure(value))).concat();
            writeln!(text, "{:width$} {:7}{values}{:>10.2}{:>10.2}", row.what, row.unit, row.to_store, row.to_disk)
                .unwrap();
        }
        write!(text, "\n{}", self.disk).unwrap();
        text
    }

    /// What is committed.
    pub(crate) fn markdown(&self) -> String {
        let mut text = String::from(HEAD);
        let span = if self.quick { "`cargo xtask bench --quick --write`" } else { "`cargo xtask bench --write`" };
        writeln!(text, "Measured with {span} on {} cores, beside a load of {}. {}\n", cores(), self.load, self.disk)
            .unwrap();
        text.push_str("| what | unit | engine | bare store | raw disk | engine / store | engine / disk |\n");
        text.push_str("| --- | --- | ---: | ---: | ---: | ---: | ---: |\n");
        for row in &self.rows {
            let [engine, store, disk] = [row.engine, row.store, row.disk].map(figure);
            let (to_store, to_disk) = (figure(row.to_store), figure(row.to_disk));
            writeln!(text, "| {} | {} | {engine} | {store} | {disk} | {to_store} | {to_disk} |", row.what, row.unit)
                .unwrap();
        }
        text
    }
}

const HEAD: &str = "# Bench

The engine beside the bare store and the raw disk, all measured in one run: the disk's speed changes from machine to machine and from
hour to hour, so that what is to be compared over time is the two ratios. Of rates (`steps/s`) a higher ratio is better, of times and
sizes a lower one. A load above the number of cores means that other programs were at work, which costs the engine, with its many
threads, more than the store and the disk.

- **engine**: the engine on the sled store, every step journaled durably before the next begins. The steps themselves do nothing.
- **bare store**: the same commits through the same committer, without an engine. For single times it is one durable write; for the
  start it is the store opened and nothing done with it.
- **raw disk**: a file that is appended to and synced with `fdatasync`, with the bytes of one commit. Beside many runs it is with group
  commit, 256 commits to one sync; beside single times it is one append and its sync; beside the start it is reading the files of
  the store, which are in the system's cache, and beside the memory their size.

";

fn figure(value: f64) -> String {
    match value {
        value if value >= 1_000.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(0, usize::from)
}

#[expect(clippy::print_stdout, reason = "this is a program for a terminal")]
pub(crate) fn print(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "this is a program for a terminal")]
pub(crate) fn complain(text: &str) {
    eprintln!("{text}");
}

//! The only place that prints. Data to stdout, everything else to stderr; readable without colour.

#![expect(clippy::print_stderr, reason = "this is where printing is done")]

use crate::args::Format;
use engross_source::{Diagnostic, SourceFile, diagnostic};
use serde::Serialize;
use std::io::{IsTerminal, Write};
use tracing_subscriber::EnvFilter;

/// Sends the log to stderr.
pub fn start_log(filter: Option<&str>) {
    let filter = filter.unwrap_or("warn");
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("warn"));
    // A second start (in tests) keeps the first log.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .try_init();
}

/// Prints data for people. A reader that has gone away is no error.
pub fn data(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes());
    if !text.ends_with('\n') {
        let _ = out.write_all(b"\n");
    }
    let _ = out.flush();
}

/// Prints data for programs.
pub fn json(value: &impl Serialize) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => data(&text),
        Err(error) => eprintln!("error: the answer cannot be written as JSON: {error}"),
    }
}

/// Prints one or the other.
pub fn print(format: Format, value: &impl Serialize, text: impl FnOnce() -> String) {
    match format {
        Format::Json => json(value),
        Format::Text => data(&text()),
    }
}

/// Says something that is no data.
pub fn note(text: &str) {
    eprintln!("{text}");
}

/// Says what went wrong, with its causes.
pub fn error(error: &anyhow::Error) {
    eprintln!("error: {error:#}");
}

/// Shows findings as text on stderr.
pub fn diagnostics(diagnostics: &[Diagnostic], files: &[SourceFile]) {
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    eprint!("{}", diagnostic::render_text(diagnostics, files, colour));
}

/// Whether findings printed as data may have colours.
pub fn data_is_coloured() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// Whether a person watches.
pub fn is_live() -> bool {
    std::io::stderr().is_terminal()
}

/// Rows as columns that line up.
pub fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = header.iter().map(|h| h.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let header: Vec<String> = header.iter().map(|h| (*h).to_string()).collect();
    let mut text = String::new();
    for row in std::iter::once(&header).chain(rows) {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            line.push_str(cell);
            let pad = (width + 2).saturating_sub(cell.chars().count());
            line.extend(std::iter::repeat_n(' ', pad));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

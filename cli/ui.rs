//! The only place that prints. Data to stdout, everything else to stderr; readable without colour.
//!
//! What a run holds was written by others: names, comments, a provider's words. Nothing of it may steer the terminal or hide
//! itself, so all text is escaped line by line on its way out, and values that must not begin a line of their own are escaped
//! by [`escaped`] before. Only findings, which their renderer has escaped, and JSON go out as they are.

#![expect(clippy::print_stderr, reason = "this is where printing is done")]

use crate::args::Format;
use engross_source::{Diagnostic, SourceFile, diagnostic};
use serde::Serialize;
use std::borrow::Cow;
use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::OnceLock;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{Directive, LevelFilter};

/// Sends the log to stderr. Notifications are always in it: whoever hides the log does not mean what a workflow tells people.
pub fn start_log(filter: Option<&str>) {
    let filter = filter.unwrap_or("warn");
    let mut filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("warn"));
    if let Ok(directive) =
        format!("{}={}", engross_builtin::NOTIFICATION_TARGET, LevelFilter::INFO).parse::<Directive>()
    {
        filter = filter.add_directive(directive);
    }
    // A second start (in tests) keeps the first log.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .try_init();
}

/// A value from outside on one line, with everything spelled out that steers a terminal or is not seen.
pub fn escaped(text: &str) -> Cow<'_, str> {
    diagnostic::escaped(text)
}

/// The same for a text of several lines, whose line breaks are ours.
fn lines(text: &str) -> String {
    text.split('\n').map(escaped).collect::<Vec<_>>().join("\n")
}

/// Prints data for people.
pub fn data(text: &str) {
    raw(&lines(text));
}

/// Shows findings as data on stdout.
pub fn found(diagnostics: &[Diagnostic], files: &[SourceFile]) {
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    raw(&diagnostic::render_text(diagnostics, files, colour));
}

/// Why something that was printed did not come through.
static LOST: OnceLock<String> = OnceLock::new();

/// Prints to stdout. A reader that has gone away is no error; whatever else loses the answer is told by [`lost`].
fn raw(text: &str) {
    let mut out = std::io::stdout().lock();
    let end = if text.ends_with('\n') { "" } else { "\n" };
    let written =
        out.write_all(text.as_bytes()).and_then(|()| out.write_all(end.as_bytes())).and_then(|()| out.flush());
    if let Err(error) = written
        && error.kind() != ErrorKind::BrokenPipe
    {
        LOST.get_or_init(|| error.to_string());
    }
}

/// Why a part of what was printed is lost, if it is: the command must not end as if its answer had been given.
pub fn lost() -> Option<&'static str> {
    LOST.get().map(String::as_str)
}

/// Prints data for programs.
pub fn json(value: &impl Serialize) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => raw(&text),
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
    eprintln!("{}", lines(text));
}

/// Says what went wrong, with its causes.
pub fn error(error: &anyhow::Error) {
    eprintln!("error: {}", lines(&format!("{error:#}")));
}

/// Shows findings as text on stderr.
pub fn diagnostics(diagnostics: &[Diagnostic], files: &[SourceFile]) {
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    eprint!("{}", diagnostic::render_text(diagnostics, files, colour));
}

/// Whether a person watches.
pub fn is_live() -> bool {
    std::io::stderr().is_terminal()
}

/// Rows as columns that line up. A row stays one line whatever is in its cells.
pub fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<Cow<'_, str>>> = rows.iter().map(|row| row.iter().map(|cell| escaped(cell)).collect()).collect();
    let mut widths: Vec<usize> = header.iter().map(|h| h.chars().count()).collect();
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let header: Vec<Cow<'_, str>> = header.iter().map(|h| Cow::Borrowed(*h)).collect();
    let mut text = String::new();
    for row in std::iter::once(&header).chain(&rows) {
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

#[cfg(test)]
mod tests {
    use super::{lines, table};

    #[test]
    fn nothing_from_outside_steers_the_terminal() {
        let rows = [vec!["a\u{1b}[2J\nb".to_string(), "x".to_string()], vec!["\u{202e}c".to_string(), "y".to_string()]];
        assert_eq!(table(&["ONE", "TWO"], &rows), "ONE            TWO\na\\u{1b}[2J\\nb  x\n\\u{202e}c      y\n");
        assert_eq!(lines("run\r\u{9b}31m\n  \u{2066}next\n"), "run\\r\\u{9b}31m\n  \\u{2066}next\n");
    }
}

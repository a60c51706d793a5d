//! Findings as text, for people at a terminal.
//!
//! The first line of a finding is always `path:line:col: severity[code] message`, which editors and CI know how to
//! read. Below it stand the source lines with the places underlined, drawn by `annotate-snippets` from lines that are
//! cut and escaped here first: it must never see a line of megabytes or a control character.

use std::borrow::Cow;
use std::fmt::Write;
use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};
use anstyle::{AnsiColor, Style};

use super::escape::{is_hazard, push_escaped};
use super::{Diagnostic, Severity, escaped};
use crate::file::{SourceFile, Span};
use crate::limits::{EXCERPT_CHARS_BEFORE, EXCERPT_CHARS_MAX, EXCERPT_LABELS_MAX};

/// Lines closer than this are shown in one piece, with the lines between them.
const LINES_TOGETHER: usize = 2;

/// The lines are cut here already, so that the width of the terminal never changes what is shown.
const WIDTH_UNBOUNDED: usize = 100_000;

/// All findings in the given order with an empty line between two, each ending with a line break. `files` are those
/// the findings may be about; a finding about another file is shown at 1:1 without an excerpt. `color` adds ANSI
/// styles and changes nothing else.
pub fn render_text<'a>(
    diagnostics: impl IntoIterator<Item = &'a Diagnostic>,
    files: &[SourceFile],
    color: bool,
) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        if !out.is_empty() {
            out.push('\n');
        }
        let file = files.iter().find(|file| file.path() == &*diagnostic.path);
        header(&mut out, diagnostic, file, color);
        if let Some(file) = file {
            excerpt(&mut out, diagnostic, file, color);
        }
        if let Some(hint) = &diagnostic.hint {
            let style = paint(color, AnsiColor::Cyan);
            // Writing to a String cannot fail.
            let _ = writeln!(out, "  {style}hint{style:#}: {}", escaped(hint));
        }
    }
    out
}

fn header(out: &mut String, diagnostic: &Diagnostic, file: Option<&SourceFile>, color: bool) {
    let (line, column) = file.map_or((1, 1), |file| file.line_col(diagnostic.primary.span.start));
    let bold = if color { Style::new().bold() } else { Style::new() };
    let severity = match diagnostic.severity {
        Severity::Error => paint(color, AnsiColor::BrightRed),
        Severity::Warning => paint(color, AnsiColor::BrightYellow),
    };
    let (path, message) = (escaped(&diagnostic.path), escaped(&diagnostic.message));
    let (word, code) = (diagnostic.severity.as_str(), diagnostic.code);
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "{bold}{path}:{line}:{column}{bold:#}: {severity}{word}[{code}]{severity:#} {bold}{message}{bold:#}"
    );
}

fn paint(color: bool, foreground: AnsiColor) -> Style {
    if color { Style::new().bold().fg_color(Some(foreground.into())) } else { Style::new() }
}

/// A label, and where it lies in its first line. Only that line is shown, also when the span is longer.
struct Placed<'a> {
    line: usize,
    within: Range<usize>,
    kind: AnnotationKind,
    text: Cow<'a, str>,
}

fn excerpt(out: &mut String, diagnostic: &Diagnostic, file: &SourceFile, color: bool) {
    let secondary = diagnostic.secondary.iter().take(EXCERPT_LABELS_MAX);
    let mut labels: Vec<Placed<'_>> = std::iter::once((&diagnostic.primary, AnnotationKind::Primary))
        .chain(secondary.map(|label| (label, AnnotationKind::Context)))
        .map(|(label, kind)| {
            let line = file.line_index(label.span.start);
            Placed { line, within: within_line(file, line, label.span), kind, text: escaped(&label.text) }
        })
        .collect();
    labels.sort_by_key(|label| label.line);

    let mut group = Group::with_level(match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    });
    for piece in labels.chunk_by(|a, b| b.line - a.line <= LINES_TOGETHER) {
        group = group.element(snippet(file, piece));
    }
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    for line in renderer.term_width(WIDTH_UNBOUNDED).render(&[group]).lines() {
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

fn within_line(file: &SourceFile, line: usize, span: Span) -> Range<usize> {
    let first = file.line_start(line);
    let length = file.line_text(line).len();
    let start = (span.start as usize).saturating_sub(first).min(length);
    let end = (span.end as usize).saturating_sub(first).min(length);
    start..end.max(start)
}

/// The lines of `labels`, which are sorted and close together, as one piece.
fn snippet<'a>(file: &SourceFile, labels: &[Placed<'a>]) -> Snippet<'a, Annotation<'a>> {
    let first = labels.first().map_or(0, |label| label.line);
    let last = labels.last().map_or(first, |label| label.line);
    let mut source = String::new();
    let mut annotations = Vec::new();
    for line in first..=last {
        let here: Vec<&Placed<'_>> = labels.iter().filter(|label| label.line == line).collect();
        let primary = here.iter().find(|label| label.kind == AnnotationKind::Primary).or(here.first());
        let shown = Shown::new(file.line_text(line), primary.map_or(0, |label| label.within.start));
        for label in here {
            let start = source.len() + shown.place(label.within.start);
            let end = source.len() + shown.place(label.within.end);
            let annotation = label.kind.span(start..end);
            let text = (!label.text.is_empty()).then(|| label.text.clone());
            annotations.push(annotation.label(text));
        }
        source.push_str(&shown.text);
        source.push('\n');
    }
    Snippet::source(source).line_start(first + 1).annotations(annotations)
}

/// A line as it is shown: cut around what matters, its hazards spelled out.
struct Shown {
    text: String,
    /// Offsets in the line with the offset at which each is shown, ascending in both.
    places: Vec<(usize, usize)>,
}

impl Shown {
    fn new(line: &str, focus: usize) -> Self {
        let (before, after) = line.split_at(line.floor_char_boundary(focus));
        let fits = line.len() <= EXCERPT_CHARS_MAX || line.chars().nth(EXCERPT_CHARS_MAX).is_none();
        let start = if fits {
            0
        } else {
            before.char_indices().rev().take(EXCERPT_CHARS_BEFORE).last().map_or(before.len(), |(at, _)| at)
        };
        let kept_max = if fits { usize::MAX } else { EXCERPT_CHARS_MAX };
        let mut text = String::from(if start > 0 { "…" } else { "" });
        let mut places = Vec::new();
        let tail = line.get(start..).unwrap_or(after);
        let mut end = line.len();
        for (count, (at, c)) in tail.char_indices().enumerate() {
            places.push((start + at, text.len()));
            if count == kept_max {
                end = start + at;
                break;
            }
            // A tab stays, because the drawing below widens it and its underline alike.
            if is_hazard(c) && c != '\t' { push_escaped(&mut text, c) } else { text.push(c) }
        }
        places.push((end, text.len()));
        if end < line.len() {
            text.push('…');
        }
        Self { text, places }
    }

    /// Where the byte at `offset` of the line is shown; an offset that is cut away goes to the nearer end.
    fn place(&self, offset: usize) -> usize {
        let next = self.places.partition_point(|(at, _)| *at < offset);
        self.places.get(next).or(self.places.last()).map_or(0, |(_, shown)| *shown)
    }
}

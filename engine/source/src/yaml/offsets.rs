//! From an offset in a decoded scalar back to the file.
//!
//! A message about a template inside a value must point at the file, and quotes, escapes, folding and indentation
//! stand between the two. The scalar is read a second time from its source, noting for each decoded character which
//! bytes it came from. Decoding itself is the parser's work; this only follows it.

use super::node::{Node, Style, Value};
use crate::file::{SourceFile, Span, saturate};

impl Node {
    /// The map of this scalar's offsets. `file` must be the file that the node was loaded from. For a list or mapping
    /// every offset maps to its start.
    #[must_use]
    pub fn offset_map(&self, file: &SourceFile) -> OffsetMap {
        let raw = file.slice(self.span);
        let decoded = match &self.value {
            Value::String(text) => text.as_str(),
            Value::Sequence(_) | Value::Mapping(_) => "",
            Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(_) => raw,
        };
        let mut walk = Walk::new(file.text(), decoded, self.span);
        match self.style {
            Style::Plain => walk.flow(self.span.range().end),
            Style::SingleQuoted | Style::DoubleQuoted => {
                walk.at += 1;
                walk.quote = if self.style == Style::SingleQuoted { '\'' } else { '"' };
                walk.flow(self.span.range().end.saturating_sub(1));
            }
            Style::Literal => walk.block(false),
            Style::Folded => walk.block(true),
            Style::Block | Style::Flow => {}
        }
        OffsetMap { pieces: walk.pieces, end: saturate(walk.at) }
    }

    /// The place in the file of the byte at `decoded_offset` of this scalar's text; the end of the text maps to the
    /// place after it, before a closing quote. For many offsets of one scalar, ask [`Node::offset_map`] once.
    #[must_use]
    pub fn map_offset(&self, file: &SourceFile, decoded_offset: usize) -> u32 {
        self.offset_map(file).offset(decoded_offset)
    }

    /// The place in the file of the bytes from `start` to `end` of this scalar's text.
    #[must_use]
    pub fn map_range(&self, file: &SourceFile, start: usize, end: usize) -> Span {
        self.offset_map(file).span(start, end)
    }
}

/// Where each decoded byte of one scalar stands in the file.
#[derive(Clone, Debug)]
pub struct OffsetMap {
    pieces: Vec<Piece>,
    end: u32,
}

impl OffsetMap {
    /// The place in the file of the byte at `decoded_offset`, or the end of the scalar's text if there is none.
    #[must_use]
    pub fn offset(&self, decoded_offset: usize) -> u32 {
        let offset = saturate(decoded_offset);
        self.piece(offset).map_or(self.end, |piece| {
            piece.raw_start + if piece.is_verbatim() { offset - piece.decoded_start } else { 0 }
        })
    }

    /// The place in the file of the bytes from `start` to `end`; an escape or a line break is taken whole.
    #[must_use]
    pub fn span(&self, start: usize, end: usize) -> Span {
        let first = self.offset(start);
        let Some(last) = end.checked_sub(1).filter(|last| *last >= start) else { return Span::at(first) };
        let last = saturate(last);
        let end = self.piece(last).map_or(self.end, |piece| {
            if piece.is_verbatim() { piece.raw_start + (last - piece.decoded_start) + 1 } else { piece.raw_end }
        });
        Span::new(first, end)
    }

    fn piece(&self, offset: u32) -> Option<&Piece> {
        let next = self.pieces.partition_point(|piece| piece.decoded_end <= offset);
        self.pieces.get(next).filter(|piece| piece.decoded_start <= offset)
    }
}

/// Decoded bytes and the bytes of the file they came from: a run that is the same in both, or one character.
#[derive(Clone, Copy, Debug)]
struct Piece {
    decoded_start: u32,
    decoded_end: u32,
    raw_start: u32,
    raw_end: u32,
}

impl Piece {
    fn is_verbatim(&self) -> bool {
        self.decoded_end - self.decoded_start == self.raw_end - self.raw_start
    }
}

struct Walk<'a> {
    text: &'a str,
    decoded: &'a str,
    /// The next byte of `decoded` that is not placed.
    done: usize,
    /// The next byte of `text` that is not read.
    at: usize,
    /// The quote around the scalar; a space for none.
    quote: char,
    pieces: Vec<Piece>,
}

impl<'a> Walk<'a> {
    fn new(text: &'a str, decoded: &'a str, span: Span) -> Self {
        Self { text, decoded, done: 0, at: span.start as usize, quote: ' ', pieces: Vec::new() }
    }

    /// Says that the next decoded character came from `raw_start..raw_end`.
    fn emit(&mut self, raw_start: usize, raw_end: usize) {
        let Some(c) = self.decoded.get(self.done..).and_then(|rest| rest.chars().next()) else { return };
        let decoded_end = self.done + c.len_utf8();
        let piece = Piece {
            decoded_start: saturate(self.done),
            decoded_end: saturate(decoded_end),
            raw_start: saturate(raw_start),
            raw_end: saturate(raw_end),
        };
        self.done = decoded_end;
        match self.pieces.last_mut() {
            Some(last) if last.is_verbatim() && piece.is_verbatim() && last.raw_end == piece.raw_start => {
                last.decoded_end = piece.decoded_end;
                last.raw_end = piece.raw_end;
            }
            _ => self.pieces.push(piece),
        }
    }

    /// Says that the next decoded character is the next `length` bytes, and passes them.
    fn take(&mut self, length: usize) {
        self.emit(self.at, self.at + length);
        self.at += length;
    }

    fn rest(&self, end: usize) -> &'a str {
        self.text.get(self.at..end).unwrap_or_default()
    }

    /// The length of the line break at `at`, or 0.
    fn break_length(&self, at: usize) -> usize {
        match self.text.as_bytes().get(at..) {
            Some([b'\r', b'\n', ..]) => 2,
            Some([b'\r' | b'\n', ..]) => 1,
            _ => 0,
        }
    }

    /// Where the blanks (spaces, and tabs if `tabs`) from `at` on end, at most at `end`.
    fn after_blanks(&self, at: usize, end: usize, tabs: bool) -> usize {
        let rest = self.text.as_bytes().get(at..end).unwrap_or_default();
        at + rest.iter().take_while(|byte| **byte == b' ' || (tabs && **byte == b'\t')).count()
    }

    /// Follows a plain or quoted scalar up to `end`.
    fn flow(&mut self, end: usize) {
        while let Some(c) = self.rest(end).chars().next() {
            match c {
                ' ' | '\t' | '\n' | '\r' => self.flow_blanks(end),
                '\'' if self.quote == '\'' => self.take(2),
                '\\' if self.quote == '"' => self.escape(end),
                c => self.take(c.len_utf8()),
            }
        }
    }

    /// Follows blanks: as they are inside a line, folded around line breaks.
    fn flow_blanks(&mut self, end: usize) {
        let after = self.after_blanks(self.at, end, true);
        if after == end || self.break_length(after) == 0 {
            while self.at < after {
                self.take(1);
            }
            return;
        }
        let first = self.at;
        self.at = after;
        let breaks = self.line_breaks(end);
        match breaks.split_first() {
            Some((_, [])) => self.emit(first, self.at),
            Some((_, more)) => more.iter().for_each(|(start, end)| self.emit(*start, *end)),
            None => {}
        }
    }

    /// Passes line breaks and the blanks after each; gives the place of each break.
    fn line_breaks(&mut self, end: usize) -> Vec<(usize, usize)> {
        let mut breaks = Vec::new();
        while self.at < end {
            let length = self.break_length(self.at);
            if length == 0 {
                break;
            }
            breaks.push((self.at, self.at + length));
            self.at = self.after_blanks(self.at + length, end, true);
        }
        breaks
    }

    /// Follows an escape in double quotes.
    fn escape(&mut self, end: usize) {
        if self.break_length(self.at + 1) > 0 {
            self.at += 1;
            // An escaped line break is nothing; each empty line after it is a line break.
            let breaks = self.line_breaks(end);
            breaks.iter().skip(1).for_each(|(start, end)| self.emit(*start, *end));
            return;
        }
        let length = match self.text.get(self.at + 1..).and_then(|rest| rest.chars().next()) {
            Some('x') => 4,
            Some('u') if self.is_surrogate_pair() => 12,
            Some('u') => 6,
            Some('U') => 10,
            Some(c) => 1 + c.len_utf8(),
            None => 1,
        };
        self.take(length);
    }

    /// Whether the `\u` escape here is the first half of a pair, which decodes to one character.
    fn is_surrogate_pair(&self) -> bool {
        let digits = self.text.get(self.at + 2..self.at + 6).and_then(|digits| u32::from_str_radix(digits, 16).ok());
        digits.is_some_and(|unit| (0xD800..0xDC00).contains(&unit))
    }

    /// Follows a block scalar from its indicator on.
    fn block(&mut self, folded: bool) {
        let header = self.rest(self.text.len());
        self.at += header.find(['\n', '\r']).unwrap_or(header.len());
        self.at += self.break_length(self.at);
        let indent = self.block_indent();
        let mut breaks: Vec<(usize, usize)> = Vec::new();
        // Whether the last line of text was more indented than the block; nothing before the first line.
        let mut deeper_before = None;
        while self.done < self.decoded.len() && self.at < self.text.len() {
            let blanks = self.after_blanks(self.at, self.text.len(), false) - self.at;
            let start = self.at + blanks.min(indent);
            let line = self.text.get(start..).unwrap_or_default();
            let line = line.split(['\n', '\r']).next().unwrap_or_default();
            if !line.is_empty() {
                if blanks < indent {
                    break;
                }
                let deeper = line.starts_with([' ', '\t']);
                let folds = folded && !deeper && deeper_before == Some(false);
                self.fold(&breaks, folds);
                breaks.clear();
                deeper_before = Some(deeper);
                self.at = start;
                line.chars().for_each(|c| self.take(c.len_utf8()));
            }
            let end = start + line.len();
            self.at = end + self.break_length(end);
            breaks.push((end, self.at));
        }
        self.fold(&breaks, false);
        self.at = self.pieces.last().map_or(self.at, |last| last.raw_end as usize);
    }

    /// Emits the line breaks between two lines of text.
    fn fold(&mut self, breaks: &[(usize, usize)], folds: bool) {
        let kept = match breaks {
            // One break between two ordinary lines became a space; of more, the first vanished.
            [_, more @ ..] if folds && !more.is_empty() => more,
            breaks => breaks,
        };
        kept.iter().for_each(|(start, end)| self.emit(*start, *end));
    }

    /// How far the block is indented: what the first line that has more than spaces lost in decoding.
    fn block_indent(&self) -> usize {
        let rest = self.rest(self.text.len());
        let has_text = |line: &&str| line.contains(|c: char| c != ' ');
        let spaces = |line: &str| line.len() - line.trim_start_matches(' ').len();
        let raw = rest.split(['\n', '\r']).find(has_text);
        let decoded = self.decoded.split('\n').find(has_text);
        match (raw, decoded) {
            (Some(raw), Some(decoded)) => spaces(raw).saturating_sub(spaces(decoded)),
            // Only spaces and line breaks: the first line that kept any spaces tells.
            _ => {
                let lines = rest.lines().zip(self.decoded.split('\n'));
                let kept = lines
                    .filter(|(_, decoded)| !decoded.is_empty())
                    .map(|(raw, decoded)| spaces(raw) - spaces(decoded).min(spaces(raw)));
                kept.min().unwrap_or(usize::MAX)
            }
        }
    }
}

//! A source file as read, and places in it.
//!
//! A place is a byte offset; lines and columns are worked out only where people read them. Reading the bytes from disk
//! is the caller's work, and parsing them is [`crate::yaml`]'s.

use std::ops::Range;
use std::sync::Arc;

use crate::codes;
use crate::diagnostic::Diagnostic;

/// The first three bytes of a UTF-8 file that some editors write.
const UTF8_BOM: &[u8] = b"\xEF\xBB\xBF";

/// A half-open range of byte offsets into the text of one file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The offset of the first byte.
    pub start: u32,
    /// The offset after the last byte; equal to `start` for a place between two characters.
    pub end: u32,
}

impl Span {
    /// The range from `start` to `end`; an `end` before `start` is taken as `start`.
    #[must_use]
    pub fn new(start: u32, end: u32) -> Self {
        Self { start, end: end.max(start) }
    }

    /// The empty range at `offset`.
    #[must_use]
    pub fn at(offset: u32) -> Self {
        Self { start: offset, end: offset }
    }

    /// From `usize` offsets. Files are bounded far below 4 GiB, so saturation is never seen in a loaded file.
    #[must_use]
    pub fn from_usize(start: usize, end: usize) -> Self {
        Self::new(saturate(start), saturate(end))
    }

    /// The same range for slicing.
    #[must_use]
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Whether the range holds no byte.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }
}

/// `offset` as the type of a place.
pub(crate) fn saturate(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

/// One file's path and text with an index of its lines. Clones share the text.
#[derive(Clone, Debug)]
pub struct SourceFile {
    path: Arc<str>,
    text: Arc<str>,
    /// The offset of the first byte of each line; never empty.
    line_starts: Arc<[u32]>,
}

impl SourceFile {
    /// A file from text that is known to be UTF-8. `path` is what people are shown. A byte order mark at the start is
    /// dropped, so that offset 0 is line 1, column 1 as in an editor.
    #[must_use]
    pub fn new(path: impl Into<Arc<str>>, text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Self { path: path.into(), line_starts: line_starts(text), text: text.into() }
    }

    /// A file from bytes as read.
    ///
    /// # Errors
    /// One finding when the bytes are UTF-16, UTF-32 or not valid UTF-8. To show its place, render it over
    /// [`SourceFile::lossy`] of the same bytes.
    pub fn from_bytes(path: impl Into<Arc<str>>, bytes: &[u8]) -> Result<Self, Box<Diagnostic>> {
        let path = path.into();
        if let Some(encoding) = wide_encoding(bytes) {
            let message = format!("the file is in {encoding}");
            let diagnostic = Diagnostic::error(codes::NOT_UTF8_ENCODING, path, Span::at(0), message)
                .hint("save the file as UTF-8 without a byte order mark");
            return Err(Box::new(diagnostic));
        }
        let bytes = bytes.strip_prefix(UTF8_BOM).unwrap_or(bytes);
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Self::new(path, text)),
            Err(error) => {
                let at = error.valid_up_to();
                let byte = bytes.get(at).copied().unwrap_or_default();
                let message = format!("the file is not valid UTF-8: byte 0x{byte:02x} at offset {at}");
                let diagnostic = Diagnostic::error(codes::NOT_UTF8, path, Span::at(saturate(at)), message)
                    .hint("save the file as UTF-8");
                Err(Box::new(diagnostic))
            }
        }
    }

    /// A file for showing only: every sequence that is not UTF-8 is replaced by U+FFFD. Offsets up to the first such
    /// sequence are those of the bytes.
    #[must_use]
    pub fn lossy(path: impl Into<Arc<str>>, bytes: &[u8]) -> Self {
        let bytes = bytes.strip_prefix(UTF8_BOM).unwrap_or(bytes);
        Self::new(path, &String::from_utf8_lossy(bytes))
    }

    /// The path as shown to people.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The path, shared with the findings about this file.
    pub(crate) fn shared_path(&self) -> Arc<str> {
        Arc::clone(&self.path)
    }

    /// The whole text, without a byte order mark.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text of `span`, or an empty string when the span does not fit this file.
    #[must_use]
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.range()).unwrap_or_default()
    }

    /// The 1-based line and column of `offset`, the column counted in characters. An offset past the end is the end.
    #[must_use]
    pub fn line_col(&self, offset: u32) -> (usize, usize) {
        let line = self.line_index(offset);
        let start = self.line_start(line);
        let end = self.text.floor_char_boundary(offset as usize);
        let column = self.text.get(start..end).map_or(0, |before| before.chars().count());
        (line + 1, column + 1)
    }

    /// The 0-based line of `offset`.
    pub(crate) fn line_index(&self, offset: u32) -> usize {
        self.line_starts.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    /// The byte offset at which the 0-based `line` starts; the end of the text for a line that is not there.
    pub(crate) fn line_start(&self, line: usize) -> usize {
        self.line_starts.get(line).map_or(self.text.len(), |start| *start as usize)
    }

    /// The text of the 0-based `line` without its line break.
    pub(crate) fn line_text(&self, line: usize) -> &str {
        let range = self.line_start(line)..self.line_start(line + 1);
        self.text.get(range).unwrap_or_default().trim_end_matches(['\n', '\r'])
    }
}

/// Where the lines of `text` start. A line ends with LF, CR LF or a lone CR, as in YAML.
fn line_starts(text: &str) -> Arc<[u32]> {
    let bytes = text.as_bytes();
    let mut starts = vec![0];
    for (at, byte) in bytes.iter().enumerate() {
        let ends = *byte == b'\n' || (*byte == b'\r' && bytes.get(at + 1) != Some(&b'\n'));
        if ends {
            starts.push(saturate(at + 1));
        }
    }
    starts.into()
}

/// The name of a wide encoding that `bytes` are in, by their mark or by the zero bytes of ASCII in such an encoding.
fn wide_encoding(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] | [0, 0, 0, 1..=255, ..] | [1..=255, 0, 0, 0, ..] => {
            Some("UTF-32")
        }
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [0, 1..=255, 0, 1..=255, ..] | [1..=255, 0, 1..=255, 0, ..] => {
            Some("UTF-16")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, offset: u32, expected: (usize, usize)) {
        assert_eq!(SourceFile::new("f", text).line_col(offset), expected, "{text:?} at {offset}");
    }

    #[test]
    fn lines_end_with_any_yaml_break_and_columns_are_characters() {
        check("", 0, (1, 1));
        check("a\nb", 2, (2, 1));
        check("a\r\nb", 3, (2, 1));
        check("a\rb", 2, (2, 1));
        check("a\r\r\nb", 4, (3, 1));
        check("宽é: x", 5, (1, 3));
        check("\u{feff}a: b", 3, (1, 4));
        check("a\n", 2, (2, 1));
        check("ab", 99, (1, 3));
        check("é", 1, (1, 1));
    }

    #[test]
    fn bytes_that_are_not_utf8_are_refused_with_their_place() {
        let encodings: [(&[u8], Option<&str>); 7] = [
            (b"\xFF\xFEa\0:\0", Some("E0103")),
            (b"\xFE\xFF\0a\0:", Some("E0103")),
            (b"a\0:\0 \0", Some("E0103")),
            (b"\0\0\0a\0\0\0:", Some("E0103")),
            (b"a: \xC3(", Some("E0102")),
            (b"\xEF\xBB\xBFa: \xED\xA0\x80", Some("E0102")),
            (b"\xEF\xBB\xBFa: 1\r\n", None),
        ];
        for (bytes, expected) in encodings {
            let code = SourceFile::from_bytes("f", bytes).err().map(|diagnostic| diagnostic.code.0);
            assert_eq!(code, expected, "{bytes:?}");
        }
        let error = SourceFile::from_bytes("f", b"a: 1\nb: \xC3(").expect_err("invalid UTF-8");
        assert_eq!(SourceFile::lossy("f", b"a: 1\nb: \xC3(").line_col(error.primary.span.start), (2, 4));
    }
}

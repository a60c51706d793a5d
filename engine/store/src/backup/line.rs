//! The lines of an export, and how they are written and read one by one. Whether they fit together is `check`'s business.

use crate::limits::EXPORT_LINE_BYTES_MAX;
use crate::{InboxEntry, RunHead, StoredPlan};
use engross_core::{Record, RunId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::io::{self, BufRead, Read, Write};

/// The latest version of this form. A file with a later one is refused.
pub const EXPORT_FORMAT: u16 = 2;

/// The version of a file from which nothing was left out. [`Line::LeftOut`] came with version 2, and older readers take all
/// other files.
const EXPORT_FORMAT_WHOLE: u16 = 1;

/// One line of an export. An on-disk form: fields are only added, with defaults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// What this is. Always the first line.
    Header {
        /// The version of the form.
        format: u16,
        /// What wrote it: `engross 0.1.0`.
        product: String,
        /// When it was begun, RFC 3339 in UTC.
        at: String,
    },
    /// An event of the inbox.
    Event {
        /// The event.
        entry: InboxEntry,
        /// Whether every wait that wanted it has been told.
        settled: bool,
    },
    /// A mark of the store.
    Mark {
        /// Its name.
        name: String,
        /// What it says.
        value: Value,
    },
    /// A plan, directly before the first run that keeps it.
    Plan(Box<StoredPlan>),
    /// A run. Its records follow.
    Run {
        /// Its head.
        head: Box<RunHead>,
        /// Whether a start with its key attaches to it.
        holds_key: bool,
    },
    /// A record of the run before it.
    Record(Box<Record>),
    /// A run that the store has and this file has not.
    LeftOut(LeftOut),
    /// Nothing comes after this.
    End {
        /// What there was.
        counts: Counts,
        /// SHA-256 of everything before this line, in hex.
        sha256: String,
    },
}

/// A run that is not in an export, because it could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The run.
    pub run: RunId,
    /// What is wrong with it.
    pub why: String,
}

/// How many of each an export has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Events of the inbox.
    pub events: u64,
    /// Marks.
    pub marks: u64,
    /// Plans.
    pub plans: u64,
    /// Runs.
    pub runs: u64,
    /// Records of all runs.
    pub records: u64,
}

impl Counts {
    /// Counts a line.
    pub(super) fn add(&mut self, line: &Line) {
        let counted = match line {
            Line::Event { .. } => &mut self.events,
            Line::Mark { .. } => &mut self.marks,
            Line::Plan(_) => &mut self.plans,
            Line::Run { .. } => &mut self.runs,
            Line::Record(_) => &mut self.records,
            Line::Header { .. } | Line::LeftOut(_) | Line::End { .. } => return,
        };
        *counted = counted.saturating_add(1);
    }
}

/// Why an export was not written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] crate::Error),
    /// Where it goes did not take it.
    #[error("the export cannot be written: {0}")]
    Write(#[from] io::Error),
}

/// Writes lines, counts them, and follows their digest.
#[derive(Debug)]
pub struct LineWriter<W> {
    to: W,
    digest: Sha256,
    counts: Counts,
}

impl<W: Write> LineWriter<W> {
    /// Begins with a header. `at` is RFC 3339.
    ///
    /// # Errors
    /// Where it goes did not take it; so for all of these.
    pub fn begin(to: W, product: &str, at: String) -> io::Result<Self> {
        Self::begin_as(EXPORT_FORMAT_WHOLE, to, product, at)
    }

    /// The same of a file from which runs may be left out.
    ///
    /// # Errors
    /// As `begin`.
    pub fn begin_in_part(to: W, product: &str, at: String) -> io::Result<Self> {
        Self::begin_as(EXPORT_FORMAT, to, product, at)
    }

    fn begin_as(format: u16, to: W, product: &str, at: String) -> io::Result<Self> {
        let mut writer = Self { to, digest: Sha256::new(), counts: Counts::default() };
        writer.line(&Line::Header { format, product: product.to_owned(), at })?;
        Ok(writer)
    }

    /// Writes one line.
    ///
    /// # Errors
    /// As `begin`.
    pub fn line(&mut self, line: &Line) -> io::Result<()> {
        let text = text_of(line)?;
        self.digest.update(&text);
        self.counts.add(line);
        self.to.write_all(&text)
    }

    /// What has been written so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Writes the last line, and gives back where it all went.
    ///
    /// # Errors
    /// As `begin`.
    pub fn end(mut self) -> io::Result<(W, Counts)> {
        let end = Line::End { counts: self.counts, sha256: hex::encode(self.digest.finalize()) };
        self.to.write_all(&text_of(&end)?)?;
        self.to.flush()?;
        Ok((self.to, self.counts))
    }
}

fn text_of(line: &Line) -> io::Result<Vec<u8>> {
    let mut text = serde_json::to_vec(line).map_err(io::Error::other)?;
    text.push(b'\n');
    Ok(text)
}

/// Why a line was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be read on; there is no next line.
    #[error("it cannot be read: {0}")]
    Broken(io::Error),
    /// The line is longer than any that an export has; there is no next one.
    #[error("it is longer than any line of an export")]
    TooLong,
    /// It has no end: the file was cut off.
    #[error("it breaks off in the middle: the file was cut off")]
    CutOff,
    /// It is no line of an export.
    #[error("it is no line of an export: {0}")]
    Malformed(String),
}

impl ReadError {
    /// Whether the lines after it can still be read.
    pub fn goes_on(&self) -> bool {
        match self {
            Self::Malformed(_) => true,
            Self::Broken(_) | Self::TooLong | Self::CutOff => false,
        }
    }
}

/// Reads lines, numbers them, and follows their digest.
#[derive(Debug)]
pub struct LineReader<R> {
    from: R,
    digest: Sha256,
    number: u64,
    text: Vec<u8>,
}

impl<R: BufRead> LineReader<R> {
    /// Reads from the beginning.
    pub fn new(from: R) -> Self {
        Self { from, digest: Sha256::new(), number: 0, text: Vec::new() }
    }

    /// The number of the line that was read last, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// What has not been read as lines.
    pub fn into_rest(self) -> R {
        self.from
    }

    /// The digest of all lines before the one that was read last, in hex.
    pub fn digest(&self) -> String {
        hex::encode(self.digest.clone().finalize())
    }

    /// The next line; none at the end of the file.
    ///
    /// # Errors
    /// It cannot be read, or it is no line of an export.
    pub fn next_line(&mut self) -> Result<Option<Line>, ReadError> {
        self.digest.update(&self.text);
        self.text.clear();
        let bound = EXPORT_LINE_BYTES_MAX as u64;
        let read = (&mut self.from).take(bound).read_until(b'\n', &mut self.text);
        if read.map_err(ReadError::Broken)? == 0 {
            return Ok(None);
        }
        self.number = self.number.saturating_add(1);
        if self.text.last() != Some(&b'\n') {
            return Err(if self.text.len() as u64 >= bound { ReadError::TooLong } else { ReadError::CutOff });
        }
        serde_json::from_slice(&self.text).map(Some).map_err(|e| ReadError::Malformed(e.to_string()))
    }
}

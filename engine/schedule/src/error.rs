//! What can be wrong with a schedule, with its place in the text that was given.

use std::fmt;
use std::ops::Range;

/// Which of the two texts is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The pattern.
    Cron,
    /// The name of the time zone.
    Timezone,
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleError {
    /// In which text it is.
    pub part: Part,
    /// Where in it, in bytes.
    pub range: Range<usize>,
    /// What is wrong, one line, no full stop.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
}

impl ScheduleError {
    pub(crate) fn cron(range: Range<usize>, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { part: Part::Cron, range, message: message.into(), hint: Some(hint.into()) }
    }

    pub(crate) fn timezone(len: usize, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { part: Part::Timezone, range: 0..len, message: message.into(), hint: Some(hint.into()) }
    }
}

impl fmt::Display for ScheduleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ScheduleError {}

/// The beginning of an author's text, in backticks, on one line.
pub(crate) fn quoted(text: &str) -> String {
    const CHARS_MAX: usize = 40;
    let mut shown: String = text.chars().take(CHARS_MAX).flat_map(char::escape_debug).collect();
    if text.chars().nth(CHARS_MAX).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

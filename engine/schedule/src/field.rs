//! Reading the five fields: every mistake at its place, and what remains in croner's plainest spelling.
//!
//! croner reads patterns itself, and gives up at the first mistake without a place. So the grammar is checked here, names become
//! numbers, and croner is given only what it reads in one way.

use crate::error::{ScheduleError, quoted};
use crate::limits::ENTRIES_MAX;
use std::fmt::Write;
use std::ops::Range;

/// One of the five fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Minute,
    Hour,
    DayOfMonth,
    Month,
    DayOfWeek,
}

/// One entry of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// `*`, or `*/2`.
    Any { step: u8 },
    /// `1-5`, or `1-5/2`.
    Range { from: u8, to: u8, step: u8 },
    /// `5`.
    One(u8),
    /// `L`: the month's last day.
    LastDay,
    /// `LW`: the month's last day from Monday to Friday.
    LastWorkday,
    /// `15W`: the day from Monday to Friday that is nearest to the 15th, in the same month.
    NearestWorkday(u8),
    /// `5#2`: the month's second Friday.
    Nth(u8, u8),
    /// `5L`: the month's last Friday.
    Last(u8),
}

const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

impl Field {
    /// In the order in which they stand.
    pub(crate) const ALL: [Self; 5] = [Self::Minute, Self::Hour, Self::DayOfMonth, Self::Month, Self::DayOfWeek];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::DayOfMonth => "day of the month",
            Self::Month => "month",
            Self::DayOfWeek => "weekday",
        }
    }

    pub(crate) fn bounds(self) -> (u8, u8) {
        match self {
            Self::Minute => (0, 59),
            Self::Hour => (0, 23),
            Self::DayOfMonth => (1, 31),
            Self::Month => (1, 12),
            Self::DayOfWeek => (0, 7),
        }
    }

    /// What may stand in it, for hints.
    fn allows(self) -> &'static str {
        match self {
            Self::Minute => "it takes 0 to 59, `*`, ranges such as `0-30`, steps such as `*/15`, and lists of them",
            Self::Hour => "it takes 0 to 23, `*`, ranges such as `9-17`, steps such as `*/2`, and lists of them",
            Self::DayOfMonth => {
                "it takes 1 to 31, `L` for the last day, `15W` for the workday nearest to the 15th, `*`, and lists"
            }
            Self::Month => "it takes 1 to 12 or JAN to DEC, `*`, ranges, steps, and lists of them",
            Self::DayOfWeek => {
                "it takes 0 to 7 (0 and 7 are Sunday) or SUN to SAT, `FRI#2` for the second, `FRI#L` for the last, `*`, and lists"
            }
        }
    }

    fn number(self, text: &str) -> Option<u8> {
        let named = |names: &[&str], first: u8| {
            let index = names.iter().position(|name| name.eq_ignore_ascii_case(text))?;
            u8::try_from(index).ok().map(|index| index + first)
        };
        match self {
            Self::Month if text.starts_with(|c: char| c.is_ascii_alphabetic()) => named(&MONTHS, 1),
            Self::DayOfWeek if text.starts_with(|c: char| c.is_ascii_alphabetic()) => named(&WEEKDAYS, 0),
            _ if !text.is_empty() && text.len() <= 2 && text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok(),
            _ => None,
        }
    }

    /// Every entry of the field's text, which stands at `at` of the pattern.
    pub(crate) fn read(self, text: &str, at: usize, errors: &mut Vec<ScheduleError>) -> Vec<Entry> {
        let mut entries = Vec::new();
        let mut start = at;
        for (index, part) in text.split(',').enumerate() {
            let range = start..start + part.len();
            start = range.end + 1;
            if index >= ENTRIES_MAX {
                let message = format!("the {} has more than {ENTRIES_MAX} entries", self.name());
                errors.push(ScheduleError::cron(range, message, "use a range or `*`"));
                break;
            }
            match self.entry(part, range) {
                Ok(entry) => entries.push(entry),
                Err(error) => errors.push(error),
            }
        }
        if entries.contains(&Entry::Any { step: 1 }) {
            // Whatever stands beside it, it says no more; and croner reads no `*` in a list.
            return vec![Entry::Any { step: 1 }];
        }
        if entries.contains(&Entry::LastDay) && entries.contains(&Entry::LastWorkday) {
            let message = "`L` and `LW` cannot stand together";
            errors.push(ScheduleError::cron(at..at + text.len(), message, "keep one of them"));
        }
        entries
    }

    fn entry(self, text: &str, range: Range<usize>) -> Result<Entry, ScheduleError> {
        let wrong = |message: String| ScheduleError::cron(range.clone(), message, self.allows());
        if text.is_empty() {
            return Err(wrong(format!("an entry of the {} is empty", self.name())));
        }
        if let Some(special) = self.special(text) {
            return special.map_err(wrong);
        }
        let (span, step) = match text.split_once('/') {
            Some((span, step)) => (
                span,
                Some(
                    self.step(step)
                        .ok_or_else(|| wrong(format!("{} is no step of the {}", quoted(step), self.name())))?,
                ),
            ),
            None => (text, None),
        };
        if span == "*" {
            return Ok(Entry::Any { step: step.unwrap_or(1) });
        }
        let value = |text: &str| {
            let (min, max) = self.bounds();
            let number = self.number(text).filter(|number| (min..=max).contains(number));
            number.ok_or_else(|| wrong(self.unknown(text)))
        };
        match (span.split_once('-'), step) {
            (Some((from, to)), step) => {
                let (from, to) = (value(from)?, value(to)?);
                // A week may end on Sunday, which is 0 as well as 7.
                let to = if self == Self::DayOfWeek && to == 0 && from > 0 { 7 } else { to };
                if from > to {
                    let message = format!("the range {} of the {} ends before it begins", quoted(span), self.name());
                    let hint = "write it as two entries with a comma between them";
                    return Err(ScheduleError::cron(range.clone(), message, hint));
                }
                Ok(Entry::Range { from, to, step: step.unwrap_or(1) })
            }
            (None, Some(step)) => {
                let one = value(span)?;
                let message = format!("{} has a step without a range", quoted(text));
                let hint = format!("write `{one}-{}/{step}` or `*/{step}`", self.bounds().1);
                Err(ScheduleError::cron(range.clone(), message, hint))
            }
            (None, None) => value(span).map(Entry::One),
        }
    }

    fn step(self, text: &str) -> Option<u8> {
        let digits = !text.is_empty() && text.len() <= 2 && text.bytes().all(|b| b.is_ascii_digit());
        let step: u8 = if digits { text.parse().ok()? } else { return None };
        (1..=self.bounds().1).contains(&step).then_some(step)
    }

    fn unknown(self, text: &str) -> String {
        match (text, self) {
            ("?", _) => format!("`?` is not known; for any {} write `*`", self.name()),
            ("L" | "l" | "LW" | "lw", _) => format!("{} is not known in the {}", quoted(text), self.name()),
            _ if text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty() => {
                let (min, max) = self.bounds();
                format!("the {} {} is not between {min} and {max}", self.name(), quoted(text))
            }
            _ => format!("{} is no {}", quoted(text), self.name()),
        }
    }

    /// Entries with `L`, `W` and `#`; nothing when the text is none of them.
    fn special(self, text: &str) -> Option<Result<Entry, String>> {
        let upper = text.to_ascii_uppercase();
        match self {
            Self::DayOfMonth => match upper.as_str() {
                "L" => Some(Ok(Entry::LastDay)),
                "LW" => Some(Ok(Entry::LastWorkday)),
                _ => {
                    let day = upper.strip_suffix('W')?;
                    let number = self.number(day).filter(|day| (1..=31).contains(day));
                    Some(number.map(Entry::NearestWorkday).ok_or_else(|| self.unknown(day)))
                }
            },
            Self::DayOfWeek => {
                let (day, which) = match upper.split_once('#') {
                    Some(parts) => parts,
                    None => (upper.strip_suffix('L').filter(|day| self.number(day).is_some())?, "L"),
                };
                let Some(day) = self.number(day).filter(|day| *day <= 7) else { return Some(Err(self.unknown(day))) };
                let day = day % 7;
                Some(match which {
                    "L" => Ok(Entry::Last(day)),
                    "1" | "2" | "3" | "4" | "5" => Ok(Entry::Nth(day, which.parse().unwrap_or(1))),
                    _ => Err(format!("{} is not 1 to 5 or `L`, for the last", quoted(which))),
                })
            }
            Self::Minute | Self::Hour | Self::Month => None,
        }
    }
}

/// The entries as croner is given them.
pub(crate) fn spell(entries: &[Entry]) -> String {
    let mut text = String::new();
    for entry in entries {
        if !text.is_empty() {
            text.push(',');
        }
        // Writing to a string cannot fail.
        let _ = match entry {
            Entry::Any { step: 1 } => write!(text, "*"),
            Entry::Any { step } => write!(text, "*/{step}"),
            Entry::Range { from, to, step: 1 } => write!(text, "{from}-{to}"),
            Entry::Range { from, to, step } => write!(text, "{from}-{to}/{step}"),
            Entry::One(value) => write!(text, "{value}"),
            Entry::LastDay => write!(text, "L"),
            Entry::LastWorkday => write!(text, "LW"),
            Entry::NearestWorkday(day) => write!(text, "{day}W"),
            Entry::Nth(day, which) => write!(text, "{day}#{which}"),
            Entry::Last(day) => write!(text, "{day}#L"),
        };
    }
    text
}

//! A schedule that has been read.

use crate::error::{ScheduleError, quoted};
use crate::field::{Entry, Field, spell};
use crate::fires::Fires;
use crate::limits::CRON_BYTES_MAX;
use crate::zone;
use cron::CronPattern;
use cron::parser::{CronParser, Seconds, Year};
use engross_core::Timestamp;
use jiff::tz::TimeZone;
use std::ops::Range;

/// Words for patterns that are often meant.
const NICKNAMES: [(&str, &str); 7] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

/// Five cron fields in a time zone.
#[derive(Clone, Debug)]
pub struct Schedule {
    cron: String,
    timezone: String,
    pub(crate) zone: TimeZone,
    pub(crate) fields: [Vec<Entry>; 5],
    /// Says which days are meant.
    pub(crate) pattern: CronPattern,
    pub(crate) hours: Vec<i8>,
    pub(crate) minutes: Vec<i8>,
    /// Whether neither minute nor hour has a `*`: `fires.rs` says what follows.
    pub(crate) is_fixed: bool,
}

impl Schedule {
    /// Reads a pattern of exactly five fields (minute, hour, day of the month, month, weekday) or a word such as `@daily`, and the
    /// IANA name of a time zone. 0 and 7 are Sunday; where both kinds of day are restricted, either is enough.
    ///
    /// # Errors
    /// Every mistake in both, with its place.
    pub fn parse(cron: &str, timezone: &str) -> Result<Self, Vec<ScheduleError>> {
        let mut errors = Vec::new();
        let fields = read_fields(cron, &mut errors);
        let zone = zone::find(timezone).map_err(|error| errors.push(error)).ok();
        let (Some(fields), Some(zone), true) = (fields, zone, errors.is_empty()) else { return Err(errors) };
        let spelled = fields.each_ref().map(|entries| spell(entries)).join(" ");
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let pattern = parser.parse(&spelled).map_err(|error| {
            let hint = "write it in another way, such as `0 9 * * 1`";
            vec![ScheduleError::cron(0..cron.len(), format!("the pattern cannot be read: {error}"), hint)]
        })?;
        let pattern = pattern.pattern;
        let values = |values: Vec<u16>| values.into_iter().filter_map(|value| i8::try_from(value).ok()).collect();
        let [minute, hour, ..] = &fields;
        let is_fixed = !minute.iter().chain(hour).any(|entry| matches!(entry, Entry::Any { .. }));
        Ok(Self {
            cron: cron.to_owned(),
            timezone: timezone.to_owned(),
            zone,
            hours: values(pattern.hours.values()),
            minutes: values(pattern.minutes.values()),
            pattern,
            is_fixed,
            fields,
        })
    }

    /// The pattern as it was given.
    #[must_use]
    pub fn cron(&self) -> &str {
        &self.cron
    }

    /// The name of the time zone.
    #[must_use]
    pub fn timezone(&self) -> &str {
        &self.timezone
    }

    /// The first firing after a moment; none when there is none within [`crate::limits::SEARCH_YEARS_MAX`] years, as for
    /// 30 February, or before the calendar's end (the year 9999).
    #[must_use]
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        self.fires(after).next()
    }

    /// Whether it never fires, as `0 0 30 2 *`.
    #[must_use]
    pub fn never_fires(&self) -> bool {
        self.next_after(Timestamp::from_millis(0)).is_none()
    }

    /// The firings after `from` up to and with `to`, oldest first, at most `limit`.
    #[must_use]
    pub fn fires_between(&self, from: Timestamp, to: Timestamp, limit: usize) -> Vec<Timestamp> {
        self.fires(from).take_while(|fire| *fire <= to).take(limit).collect()
    }

    pub(crate) fn fires(&self, after: Timestamp) -> Fires<'_> {
        Fires::new(self, after)
    }
}

/// The entries of the five fields, as far as they can be read; nothing when there are not five.
fn read_fields(cron: &str, errors: &mut Vec<ScheduleError>) -> Option<[Vec<Entry>; 5]> {
    let whole = 0..cron.len();
    let mut fail = |message: String, hint: &str| {
        errors.push(ScheduleError::cron(whole.clone(), message, hint));
        None
    };
    const EXAMPLE: &str = "write minute, hour, day of the month, month and weekday, such as `0 9 * * 1`";
    if cron.len() > CRON_BYTES_MAX {
        return fail(format!("the pattern is longer than {CRON_BYTES_MAX} bytes"), "use ranges and steps");
    }
    let word = cron.trim();
    if word.is_empty() {
        return fail("the pattern is empty".to_owned(), EXAMPLE);
    }
    if word.starts_with('@') {
        let Some((_, meant)) = NICKNAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)) else {
            let names: Vec<&str> = NICKNAMES.iter().map(|(name, _)| *name).collect();
            return fail(format!("{} is not known", quoted(word)), &format!("the words are {}", names.join(", ")));
        };
        return read_fields(meant, errors);
    }
    let words = words(cron);
    let Ok(words) = <[Range<usize>; 5]>::try_from(words.clone()) else {
        let count = words.len();
        let hint = match count {
            6 => "there is no field for seconds and none for years: leave it out",
            _ => EXAMPLE,
        };
        return fail(format!("the pattern has {count} fields, not five"), hint);
    };
    let mut index = 0;
    Some(words.map(|range| {
        let field = Field::ALL.get(index).copied().unwrap_or(Field::Minute);
        index += 1;
        field.read(cron.get(range.clone()).unwrap_or_default(), range.start, errors)
    }))
}

/// Where the words of a text stand.
fn words(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (at, c) in text.char_indices().filter(|(_, c)| !c.is_whitespace()) {
        let end = at + c.len_utf8();
        match found.last_mut() {
            Some(last) if last.end == at => last.end = end,
            _ => found.push(at..end),
        }
    }
    found
}

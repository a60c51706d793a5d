//! A schedule in plain English, for lists.

use crate::field::{Entry, Field};
use crate::limits::TIMES_LISTED_MAX;
use crate::schedule::Schedule;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

impl Schedule {
    /// When it fires, in words: `at 09:00 on Monday (Europe/London)`.
    #[must_use]
    pub fn describe(&self) -> String {
        let [_, _, of_month, month, weekday] = &self.fields;
        let mut text = self.times();
        match (is_any(of_month), is_any(weekday)) {
            (true, true) if self.is_fixed => text.push_str(" every day"),
            (true, true) => {}
            (true, false) => text.push_str(&format!(" on {}", entries(Field::DayOfWeek, weekday))),
            (false, true) => text.push_str(&format!(" on {}", entries(Field::DayOfMonth, of_month))),
            (false, false) => {
                let days = [entries(Field::DayOfMonth, of_month), entries(Field::DayOfWeek, weekday)];
                text.push_str(&format!(" on {}", days.join(" and also on ")));
            }
        }
        if !is_any(month) {
            text.push_str(&format!(" in {}", entries(Field::Month, month)));
        }
        format!("{text} ({})", self.timezone())
    }

    fn times(&self) -> String {
        let [minute, hour, ..] = &self.fields;
        if self.is_fixed && self.hours.len().saturating_mul(self.minutes.len()) <= TIMES_LISTED_MAX {
            let times = self.hours.iter().flat_map(|h| self.minutes.iter().map(move |m| format!("{h:02}:{m:02}")));
            return format!("at {}", and(times.collect()));
        }
        let minutes = match minute.as_slice() {
            [Entry::Any { step: 1 }] => "every minute".to_owned(),
            // A step that does not fit into an hour begins anew with each hour.
            [Entry::Any { step }] if 60 % step == 0 => format!("every {step} minutes"),
            [Entry::One(0)] if is_any(hour) => return "every hour".to_owned(),
            _ => {
                let listed: Vec<String> = self.minutes.iter().map(ToString::to_string).collect();
                let noun = if listed.len() == 1 { "minute" } else { "minutes" };
                format!("at {noun} {} past the hour", and(listed))
            }
        };
        match hour.as_slice() {
            [Entry::Any { step: 1 }] => minutes,
            [Entry::Any { step }] if 24 % step == 0 => format!("{minutes}, in every {} hour", ordinal(*step)),
            _ => {
                let hours: Vec<String> = hour.iter().map(|entry| of_hours(*entry)).collect();
                format!("{minutes}, {}", and(hours))
            }
        }
    }
}

fn of_hours(entry: Entry) -> String {
    match entry {
        Entry::One(hour) => format!("from {hour:02}:00 to {hour:02}:59"),
        Entry::Range { from, to, step: 1 } => format!("from {from:02}:00 to {to:02}:59"),
        Entry::Range { from, to, step } => format!("in every {} hour from {from:02}:00 to {to:02}:59", ordinal(step)),
        Entry::Any { step } => format!("in every {} hour from 00:00", ordinal(step)),
        // Only days have the others.
        _ => String::new(),
    }
}

fn is_any(entries: &[Entry]) -> bool {
    entries == [Entry::Any { step: 1 }]
}

fn entries(field: Field, entries: &[Entry]) -> String {
    let value = |value: u8| match field {
        Field::Month => MONTHS.get(usize::from(value).saturating_sub(1)).copied().unwrap_or_default().to_owned(),
        Field::DayOfWeek => WEEKDAYS.get(usize::from(value % 7)).copied().unwrap_or_default().to_owned(),
        Field::DayOfMonth => format!("the {}", ordinal(value)),
        Field::Minute | Field::Hour => value.to_string(),
    };
    let words = entries.iter().map(|entry| match *entry {
        Entry::Any { step: 1 } => format!("every {}", field.name()),
        Entry::Any { step } => format!("every {} {}", ordinal(step), field.name()),
        Entry::One(one) => value(one),
        Entry::Range { from, to, step: 1 } => format!("{} to {}", value(from), value(to)),
        Entry::Range { from, to, step } => {
            format!("every {} {} from {} to {}", ordinal(step), field.name(), value(from), value(to))
        }
        Entry::LastDay => "the last day".to_owned(),
        Entry::LastWorkday => "the last workday".to_owned(),
        Entry::NearestWorkday(day) => format!("the workday nearest to the {}", ordinal(day)),
        Entry::Nth(day, which) => format!("the {} {}", ordinal(which), value(day)),
        Entry::Last(day) => format!("the last {}", value(day)),
    });
    and(words.collect())
}

fn and(mut words: Vec<String>) -> String {
    match (words.pop(), words.is_empty()) {
        (Some(last), false) => format!("{} and {last}", words.join(", ")),
        (last, _) => last.unwrap_or_default(),
    }
}

fn ordinal(number: u8) -> String {
    let suffix = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{suffix}")
}

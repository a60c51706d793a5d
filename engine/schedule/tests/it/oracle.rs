//! An independent answer: every minute of some years is looked at, with a matcher of its own that shares nothing with the crate.

use crate::{at, schedule, zone};
use engross_core::Timestamp;
use proptest::prelude::*;
use std::cell::Cell;
use std::ops::Range;

/// A zone with the span in which its clocks are looked at: years with changes of every kind.
const ZONES: [(&str, &str, &str); 8] = [
    ("UTC", "2027-12-20T00:00:00Z", "2028-03-10T00:00:00Z"),
    ("Europe/London", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
    ("America/New_York", "2025-07-01T00:00:00Z", "2027-01-01T00:00:00Z"),
    ("Australia/Lord_Howe", "2025-03-01T00:00:00Z", "2025-11-01T00:00:00Z"),
    ("Asia/Kathmandu", "2026-01-01T00:00:00Z", "2026-05-01T00:00:00Z"),
    ("Africa/Cairo", "2026-04-01T00:00:00Z", "2026-12-01T00:00:00Z"),
    ("America/Nuuk", "2024-03-01T00:00:00Z", "2024-12-01T00:00:00Z"),
    ("Pacific/Apia", "2011-12-01T00:00:00Z", "2012-02-01T00:00:00Z"),
];

const PATTERNS: [&str; 14] = [
    "* * * * *",
    "*/15 * * * *",
    "0 * * * *",
    "30 */2 * * *",
    "*/20 1-3 * * *",
    "0,30 0-3 * * *",
    "30 1 * * *",
    "30 2 * * *",
    "15 0,23 * * *",
    "30 23 * * 6",
    "0 9 * * 1-5",
    "0 0 13 * 5",
    "5 12 29,30,31 * *",
    "0 0 1 1,7 0",
];

/// What clocks show, in minutes since 1970 as the wall counts them.
type Shown = i64;

/// One minute of the scan.
struct Minute {
    ms: i64,
    shown: Shown,
    /// Whether clocks showed this before.
    again: bool,
    /// What clocks left out right before.
    left_out: Range<Shown>,
}

/// What clocks show, minute by minute.
fn scan(timezone: &str, from: i64, to: i64) -> Vec<Minute> {
    const BEFORE_MS: i64 = 2 * 86_400_000;
    let zone = zone(timezone);
    let shown = |ms: i64| {
        let offset = zone.to_offset(jiff::Timestamp::from_millisecond(ms).unwrap());
        (ms / 1_000 + i64::from(offset.seconds())).div_euclid(60)
    };
    // Two days before the first minute tell what was shown before it.
    let mut latest = shown(from - BEFORE_MS);
    let mut minutes = Vec::new();
    for ms in (from - BEFORE_MS + 60_000..=to).step_by(60_000) {
        let shown = shown(ms);
        let (again, left_out) = (shown <= latest, latest + 1..shown);
        latest = latest.max(shown);
        if ms > from {
            minutes.push(Minute { ms, shown, again, left_out });
        }
    }
    minutes
}

/// A pattern of numbers, `*`, ranges, steps and lists.
struct Matcher {
    /// For each field whether it is `*`, and whether a value is in it.
    fields: [(bool, [bool; 60]); 5],
    fixed: bool,
    day: Cell<(i64, bool)>,
}

impl Matcher {
    fn new(cron: &str) -> Self {
        let bounds = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)];
        let words: Vec<&str> = cron.split(' ').collect();
        assert_eq!(words.len(), 5, "{cron}");
        let fields = [0, 1, 2, 3, 4].map(|i| {
            let (low, high) = bounds[i];
            let mut values = [false; 60];
            for entry in words[i].split(',') {
                let (span, step) =
                    entry.split_once('/').map_or((entry, 1), |(span, step)| (span, step.parse().unwrap()));
                let (from, to) = match span.split_once('-') {
                    _ if span == "*" => (low, high),
                    Some((from, to)) => (from.parse().unwrap(), to.parse().unwrap()),
                    None => (span.parse().unwrap(), span.parse().unwrap()),
                };
                (from..=to).step_by(step).for_each(|value: usize| values[value] = true);
            }
            (words[i].split(',').any(|entry| entry == "*" || entry == "*/1"), values)
        });
        Self { fields, fixed: !words[0].contains('*') && !words[1].contains('*'), day: Cell::new((i64::MIN, false)) }
    }

    fn matches(&self, at: Shown) -> bool {
        let (day, minute) = (at.div_euclid(1_440), at.rem_euclid(1_440));
        self.fields[0].1[(minute % 60) as usize] && self.fields[1].1[(minute / 60) as usize] && self.matches_day(day)
    }

    /// Whether a day since 1970 matches; the day looked at last is remembered.
    fn matches_day(&self, day: i64) -> bool {
        if let (last, matches) = self.day.get()
            && last == day
        {
            return matches;
        }
        let date = jiff::civil::date(1970, 1, 1).checked_add(jiff::Span::new().days(day)).unwrap();
        let has = |field: usize, value: i8| self.fields[field].1[value as usize];
        let weekday = date.weekday().to_sunday_zero_offset();
        let of_week = has(4, weekday) || (weekday == 0 && has(4, 7));
        let matches = match (self.fields[2].0, self.fields[4].0) {
            (true, true) => true,
            (true, false) => of_week,
            (false, true) => has(2, date.day()),
            (false, false) => has(2, date.day()) || of_week,
        };
        let matches = matches && has(3, date.month());
        self.day.set((day, matches));
        matches
    }

    fn fires(&self, minute: &Minute) -> bool {
        if self.fixed {
            let shown = !minute.again && self.matches(minute.shown);
            shown || minute.left_out.clone().any(|skipped| self.matches(skipped))
        } else {
            self.matches(minute.shown)
        }
    }
}

#[test]
fn a_minute_by_minute_scan_finds_the_same_firings() {
    for (timezone, from, to) in ZONES {
        let (from, to) = (at(from), at(to));
        let minutes = scan(timezone, from.as_millis(), to.as_millis());
        for cron in PATTERNS {
            let matcher = Matcher::new(cron);
            let expected: Vec<Timestamp> = minutes
                .iter()
                .filter(|minute| matcher.fires(minute))
                .map(|minute| Timestamp::from_millis(minute.ms))
                .collect();
            let found = schedule(cron, timezone).fires_between(from, to, usize::MAX);
            let differs = expected.iter().zip(&found).find(|(a, b)| a != b);
            assert!(found == expected, "{cron} in {timezone}: {} against {}, {differs:?}", expected.len(), found.len());
            assert!(cron != "* * * * *" || found.len() == minutes.len(), "the scan has something to find");
        }
    }
}

/// A field in the grammar that the matcher knows.
fn field(low: u32, high: u32) -> impl Strategy<Value = String> {
    let entry = (low..=high, low..=high, 1..=high).prop_flat_map(move |(a, b, step)| {
        let (from, to) = (a.min(b), a.max(b));
        prop_oneof![
            Just(format!("{a}")),
            Just(format!("{from}-{to}")),
            Just(format!("{from}-{to}/{step}")),
            Just(format!("*/{step}")),
        ]
    });
    prop_oneof![2 => Just("*".to_owned()), 3 => prop::collection::vec(entry, 1..3).prop_map(|entries| entries.join(","))]
}

/// The changes of clocks that random patterns are tried around.
const CHANGES: [(&str, &str); 8] = [
    ("Europe/London", "2026-03-29T01:00:00Z"),
    ("Europe/London", "2026-10-25T01:00:00Z"),
    ("America/New_York", "2026-03-08T07:00:00Z"),
    ("America/New_York", "2026-11-01T06:00:00Z"),
    ("Australia/Lord_Howe", "2026-04-04T15:00:00Z"),
    ("Australia/Lord_Howe", "2026-10-03T15:30:00Z"),
    ("America/Nuuk", "2024-03-31T01:00:00Z"),
    ("Pacific/Apia", "2011-12-30T10:00:00Z"),
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_next_firing_is_later_and_none_is_left_out(
        parts in (field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 7)),
        change in prop::sample::select(CHANGES.to_vec()),
        offset in 0_i64..5_400,
    ) {
        let cron = format!("{} {} {} {} {}", parts.0, parts.1, parts.2, parts.3, parts.4);
        let (timezone, change) = change;
        let from = at(change).as_millis() - 86_400_000 - offset * 1_000;
        let to = from + 3 * 86_400_000;
        let matcher = Matcher::new(&cron);
        // The scan stands on whole minutes; the search may start anywhere.
        let first = from.div_euclid(60_000) * 60_000;
        let expected: Vec<i64> =
            scan(timezone, first, to).iter().filter(|m| m.ms > from && matcher.fires(m)).map(|m| m.ms).collect();
        let schedule = schedule(&cron, timezone);
        let mut found = Vec::new();
        let mut moment = Timestamp::from_millis(from);
        while let Some(next) = schedule.next_after(moment) {
            prop_assert!(next > moment, "{cron} in {timezone}: {next} is not after {moment}");
            if next.as_millis() > to || found.len() > 100 {
                break;
            }
            found.push(next.as_millis());
            moment = next;
        }
        let compared = if found.len() > 100 { found.len() } else { expected.len() };
        prop_assert_eq!(&found, &expected[..compared], "{} in {}", &cron, timezone);
        let ending = format!("({timezone})");
        prop_assert!(schedule.describe().ends_with(&ending));
    }
}

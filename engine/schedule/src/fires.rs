//! The firings of a schedule in order: from day to day, and what a day's times mean when clocks are set forward or back.
//!
//! A schedule whose minute and hour are written without `*` names fixed times. One that does not exist on a day fires at the
//! first moment after the clocks were set forward, and one that comes twice fires the first time. A schedule with `*` in either
//! field follows the clock as it runs: what the clock does not show does not fire, what it shows twice fires twice. This is how
//! cron has done it since Vixie's.

use crate::limits::SEARCH_YEARS_MAX;
use crate::schedule::Schedule;
use crate::zone::{self, Meaning};
use cron::Weekday;
use engross_core::Timestamp;
use jiff::civil::Date;
use std::collections::BTreeSet;

/// How long before midnight a moment of the next day is reckoned with, in milliseconds: two changes of clocks may fall together.
const MARGIN_MS: i64 = 3 * 60 * 60 * 1_000;

/// The firings after a moment.
pub(crate) struct Fires<'a> {
    schedule: &'a Schedule,
    after: i64,
    /// Found and not given yet, in milliseconds. It merges neighbouring days, whose moments can be interleaved when clocks are set
    /// back over midnight, and gives moments once that two times of day fall on.
    found: BTreeSet<i64>,
    /// The next day to look at; none at the calendar's end.
    day: Option<Date>,
    /// The year in which the search ends unless it finds something.
    year_max: i16,
}

impl<'a> Fires<'a> {
    pub(crate) fn new(schedule: &'a Schedule, after: Timestamp) -> Self {
        let moment = jiff::Timestamp::from_millisecond(after.as_millis()).ok();
        let local = moment.map(|at| (at, schedule.zone.to_datetime(at).date()));
        // The day before may still have moments ahead, when clocks are set back over midnight.
        let day = local.and_then(|(at, day)| {
            let has_begun = zone::beginning(&schedule.zone, day).is_some_and(|(_, last)| last <= at);
            if has_begun { Some(day) } else { day.yesterday().ok() }
        });
        let year_max = local.map_or(0, |(_, day)| day.year().saturating_add(SEARCH_YEARS_MAX));
        Self { schedule, after: after.as_millis(), found: BTreeSet::new(), day, year_max }
    }

    /// Takes the moments of the next day that matches up.
    fn look_on(&mut self, day: Date) {
        let month = u32::try_from(day.month()).unwrap_or_default();
        if !self.schedule.pattern.month_match(month).unwrap_or(false) {
            self.day = day.last_of_month().tomorrow().ok();
            return;
        }
        self.day = day.tomorrow().ok();
        if self.is_match(day) {
            let after = self.after;
            self.found.extend(moments(self.schedule, day).into_iter().filter(|moment| *moment > after));
        }
    }

    /// A moment before which nothing on `day` or later can be.
    fn earliest(&self, day: Date) -> i64 {
        let beginning = zone::beginning(&self.schedule.zone, day);
        beginning.map_or(i64::MIN, |(first, _)| first.as_millisecond().saturating_sub(MARGIN_MS))
    }

    fn is_match(&self, day: Date) -> bool {
        let weekday = Weekday::from_days_from_sunday(u32::try_from(day.weekday().to_sunday_zero_offset()).unwrap_or(0));
        let [month, of_month] = [day.month(), day.day()].map(|n| u32::try_from(n).unwrap_or_default());
        self.schedule.pattern.day_match(i32::from(day.year()), month, of_month, weekday).unwrap_or(false)
    }
}

impl Iterator for Fires<'_> {
    type Item = Timestamp;

    fn next(&mut self) -> Option<Timestamp> {
        loop {
            let first = self.found.first().copied();
            match (first, self.day) {
                (Some(first), Some(day)) if first >= self.earliest(day) => self.look_on(day),
                (None, Some(day)) if day.year() <= self.year_max => self.look_on(day),
                (None, _) => return None,
                (Some(first), day) => {
                    self.found.pop_first();
                    // What is found once is looked for again as far from there.
                    self.year_max = day.map_or(self.year_max, |day| day.year().saturating_add(SEARCH_YEARS_MAX));
                    return Some(Timestamp::from_millis(first));
                }
            }
        }
    }
}

/// The moments of one day, in no order.
fn moments(schedule: &Schedule, day: Date) -> Vec<i64> {
    let times = schedule.hours.iter().flat_map(|hour| schedule.minutes.iter().map(move |minute| (*hour, *minute)));
    if let Some(begin) = zone::steady_day(&schedule.zone, day) {
        let minutes = times.map(|(hour, minute)| i64::from(hour) * 60 + i64::from(minute));
        return minutes.map(|minutes| begin.as_millisecond().saturating_add(minutes * 60_000)).collect();
    }
    let meanings = times.filter_map(|(hour, minute)| zone::meaning(&schedule.zone, day.at(hour, minute, 0, 0)));
    let moments = meanings.flat_map(|meaning| match meaning {
        Meaning::Once(at) => [Some(at), None],
        Meaning::Skipped(at) => [schedule.is_fixed.then_some(at), None],
        Meaning::Twice(first, second) => [Some(first), (!schedule.is_fixed).then_some(second)],
    });
    moments.flatten().map(|at| at.as_millisecond()).collect()
}

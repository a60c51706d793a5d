//! When schedules fire: a table of known cases, a minute-by-minute scan as an independent answer, and what must hold for any
//! pattern.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on says so")]

mod catch_up;
mod mistakes;
mod oracle;
mod table;

use engross_core::Timestamp;
use engross_schedule::Schedule;
use jiff::tz::{TimeZone, TimeZoneDatabase};

fn schedule(cron: &str, timezone: &str) -> Schedule {
    Schedule::parse(cron, timezone).unwrap_or_else(|errors| panic!("{cron} {timezone}: {errors:?}"))
}

fn at(text: &str) -> Timestamp {
    Timestamp::from_millis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

fn zone(name: &str) -> TimeZone {
    TimeZoneDatabase::bundled().get(name).unwrap()
}

/// A moment as clocks in the zone show it, with the offset.
fn local(moment: Timestamp, timezone: &str) -> String {
    let moment = jiff::Timestamp::from_millisecond(moment.as_millis()).unwrap();
    moment.to_zoned(zone(timezone)).strftime("%Y-%m-%d %H:%M %:z").to_string()
}

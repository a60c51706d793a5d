//! Time zones: by name from the database in the binary, and what a time on the wall means in one.

use crate::error::{ScheduleError, quoted};
use crate::limits::TIMEZONE_BYTES_MAX;
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};
use std::sync::LazyLock;

/// The database in the binary; the machine's own may be missing, or older.
static DATABASE: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// The zone of this name, spelled as the database spells it.
pub(crate) fn find(name: &str) -> Result<TimeZone, ScheduleError> {
    let error = |message: &str, hint: &str| Err(ScheduleError::timezone(name.len(), message, hint));
    if name.is_empty() {
        return error("the time zone is empty", "name one, such as `Europe/London` or `UTC`");
    }
    if name.len() > TIMEZONE_BYTES_MAX {
        return error(
            &format!("the name of the time zone is longer than {TIMEZONE_BYTES_MAX} bytes"),
            "name one, such as `Europe/London` or `UTC`",
        );
    }
    if DATABASE.available().any(|known| known.as_str() == name)
        && let Ok(zone) = DATABASE.get(name)
    {
        return Ok(zone);
    }
    let message = format!("there is no time zone {}", quoted(name));
    match nearest(name) {
        Some(near) => error(&message, &format!("did you mean `{near}`?")),
        None => error(&message, "use a name of the IANA database, such as `Europe/London` or `UTC`"),
    }
}

/// The name in the database that is nearest to a mistyped one. A city without its continent (`London`) is near, too.
fn nearest(name: &str) -> Option<String> {
    let folded = name.to_lowercase().replace(' ', "_");
    let names: Vec<String> = DATABASE.available().map(|known| known.as_str().to_owned()).collect();
    let of_city = names.iter().find(|known| {
        known.rsplit('/').next().is_some_and(|city| known.contains('/') && city.to_lowercase() == folded)
    });
    if let Some(known) = of_city {
        return Some(known.clone());
    }
    let edits_max = (folded.chars().count() / 3).max(1);
    let distance = |known: &String| strsim::damerau_levenshtein(&folded, &known.to_lowercase());
    names
        .iter()
        .map(|known| (distance(known), known))
        .filter(|(edits, _)| *edits <= edits_max)
        .min()
        .map(|(_, k)| k.clone())
}

/// What a time on the wall means.
pub(crate) enum Meaning {
    /// One moment.
    Once(Timestamp),
    /// None: clocks are set forward over it. They show a time again from this moment on.
    Skipped(Timestamp),
    /// Two moments: clocks are set back.
    Twice(Timestamp, Timestamp),
}

/// What `at` means in `zone`; nothing beyond the calendar's end.
pub(crate) fn meaning(zone: &TimeZone, at: DateTime) -> Option<Meaning> {
    let moment = |offset: jiff::tz::Offset| offset.to_timestamp(at).ok();
    match zone.to_ambiguous_timestamp(at).offset() {
        AmbiguousOffset::Unambiguous { offset } => moment(offset).map(Meaning::Once),
        AmbiguousOffset::Fold { before, after } => Some(Meaning::Twice(moment(before)?, moment(after)?)),
        AmbiguousOffset::Gap { after, .. } => {
            // Read with the offset that holds after the change, a skipped time lies before the change.
            let change = zone.following(moment(after)?).find(|change| change.offset() == after)?;
            Some(Meaning::Skipped(change.timestamp()))
        }
    }
}

/// When `day` begins in `zone`, if no change of clocks falls on it or brings it back: then its times are that many minutes later.
pub(crate) fn steady_day(zone: &TimeZone, day: Date) -> Option<Timestamp> {
    let Meaning::Once(begin) = meaning(zone, day.at(0, 0, 0, 0))? else { return None };
    // The day itself, and as long again as clocks were ever set back: by a day.
    let end = begin.checked_add(SignedDuration::from_hours(2 * 24)).ok()?;
    let next_change = zone.following(begin).next();
    next_change.is_none_or(|change| change.timestamp() > end).then_some(begin)
}

/// The first and the last moment at which a day can be said to begin: they differ where clocks are set back over midnight.
pub(crate) fn beginning(zone: &TimeZone, day: Date) -> Option<(Timestamp, Timestamp)> {
    Some(match meaning(zone, day.at(0, 0, 0, 0))? {
        Meaning::Once(at) | Meaning::Skipped(at) => (at, at),
        Meaning::Twice(first, second) => (first, second),
    })
}

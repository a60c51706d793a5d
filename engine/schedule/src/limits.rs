//! Every bound on schedules, by name.

/// The longest pattern that is read, in bytes.
pub const CRON_BYTES_MAX: usize = 256;

/// The longest name of a time zone that is looked up, in bytes.
pub const TIMEZONE_BYTES_MAX: usize = 64;

/// Entries in one field, separated by commas.
pub const ENTRIES_MAX: usize = 60;

/// How far ahead the next firing is looked for, in years. The rarest day a pattern can mean is a 29 February on a given weekday:
/// it comes every 28 years, and every 40 where a century without a leap year lies between.
pub const SEARCH_YEARS_MAX: i16 = 41;

/// Missed firings that are given at once by [`crate::CatchUp::All`]. The others are given when it is asked again.
pub const CATCH_UP_MAX: usize = 1_000;

/// How late a firing may be and still count as on time, in milliseconds: as long as the shortest pause between two firings.
pub const ON_TIME_MS_MAX: u64 = 60_000;

/// Times of day that a description lists one by one.
pub const TIMES_LISTED_MAX: usize = 6;

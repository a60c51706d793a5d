//! Every bound of the crate in one place, with its unit in its name. Nothing is enforced here.

use std::time::Duration;

/// A JSON reply of a provider, in bytes.
pub(crate) const JSON_BYTES_MAX: usize = 10 * 1024 * 1024;

/// A file that a provider sends, in bytes.
pub(crate) const FILE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How much of a refusal's body is read for the provider's words, in bytes.
pub(crate) const REFUSAL_BYTES_MAX: usize = 64 * 1024;

/// A webhook's body, in bytes.
pub(crate) const WEBHOOK_BYTES_MAX: usize = 1024 * 1024;

/// Events of one webhook.
pub(crate) const EVENTS_PER_WEBHOOK_MAX: usize = 1_000;

/// How far a signature's time may be from its receipt where the manifest does not say, in seconds.
pub(crate) const TOLERANCE_S_DEFAULT: i64 = 300;

/// The most that a manifest may allow for it: a day, in seconds.
pub(crate) const TOLERANCE_S_MAX: i64 = 24 * 3600;

/// Signature headers of one webhook that are looked at.
pub(crate) const SIGNATURES_MAX: usize = 16;

/// How much of a provider's text is quoted where it names no message of its own, in characters.
pub(crate) const WORDS_CHARS_MAX: usize = 200;

/// How long making a connection may take.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connection is kept for the next request. Shorter than servers keep theirs: a request that meets a
/// connection as the server closes it is one of which nobody knows whether it arrived.
pub(crate) const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// How long one request may take where the manifest does not say, in seconds.
pub(crate) const TIMEOUT_S_DEFAULT: f64 = 30.0;

/// The longest time a manifest may give one request, in seconds.
pub(crate) const TIMEOUT_S_MAX: f64 = 600.0;

/// Pages of one list that are read.
pub(crate) const PAGES_MAX: u64 = 500;

/// How often a list that changes while it is paged through is read before the read is given up.
pub(crate) const LIST_READS_MAX: u32 = 3;

/// The most items a manifest may ask for per page.
pub(crate) const PAGE_SIZE_MAX: i64 = 1_000;

/// Contracts that are named in a message about several possible effects.
pub(crate) const NAMED_MAX: usize = 5;

/// How deep the terms of a condition may be nested.
pub(crate) const CONDITION_DEPTH_MAX: usize = 32;

/// How deep the mappings and lists of a form may be nested.
pub(crate) const FORM_DEPTH_MAX: usize = 16;

/// Pairs of one form that are read or sent.
pub(crate) const FORM_PAIRS_MAX: usize = 10_000;

/// Things that are read one by one while an effect is looked up.
pub(crate) const EACH_MAX: usize = 50;

/// How much earlier than its limit a thing may have been made for a look to leave it in doubt where the manifest does not say, in
/// seconds: a day. Clocks that are not kept right differ by minutes, those with a wrong time zone by hours.
pub(crate) const MARGIN_S_DEFAULT: i64 = 24 * 3600;

/// The most that a manifest may say for it: a month, in seconds.
pub(crate) const MARGIN_S_MAX: i64 = 31 * 24 * 3600;

/// From which difference on the provider's clock and ours are told to be different, and lists are asked for again, in milliseconds:
/// shorter ones may be the time that an answer took.
pub(crate) const SKEW_MS_MIN: i64 = 60_000;

/// How much earlier than its limit a thing with the run's id in its name may have been made and still fit, in milliseconds. No other run
/// makes such a name, so that clocks that are nearly right are no reason to ask a person.
pub(crate) const NAMED_MS: i64 = 300_000;

/// The most that the provider's `Date` and our clock may differ by for things to be taken as made by it, in milliseconds. One that
/// is wronger than a day is no clock, and what it tells only leaves the doubt.
pub(crate) const SKEW_MS_MAX: i64 = 24 * 3600 * 1000;

/// The latest time that a number of seconds tells in a list, in seconds since 1970: the year 5138. More are milliseconds, or an id.
pub(crate) const SECONDS_MAX: i64 = 99_999_999_999;

/// The letters that a name must have in common with the one that was asked for to count as that one, cut off by the provider.
pub(crate) const CUT_CHARS_MIN: usize = 32;

/// How long a request waits for its turn before the step is told to come back later.
pub(crate) const PACE_WAIT_MAX: Duration = Duration::from_secs(30);

/// The most requests per second and per burst that a manifest may allow.
pub(crate) const PACE_MAX: i64 = 100_000;

/// Mistakes that are told of one example.
pub(crate) const EXAMPLE_MISTAKES_MAX: usize = 8;

/// How deep an example of an operation's input is made up.
pub(crate) const EXAMPLE_DEPTH_MAX: usize = 6;

/// The shortest secret that is looked for in texts, in bytes. Shorter ones would blacken ordinary words.
pub(crate) const SECRET_BYTES_MIN: usize = 6;

/// The longest media type that is taken from an answer, in bytes.
pub(crate) const MEDIA_TYPE_BYTES_MAX: usize = 255;

/// The longest file name that is kept, in characters.
pub(crate) const FILE_NAME_CHARS_MAX: usize = 255;

/// How often an await looks by itself where neither the file nor the manifest says, in seconds.
pub(crate) const POLL_S_DEFAULT: i64 = 15 * 60;

/// The shortest pause between two looks, in milliseconds.
pub(crate) const POLL_MS_MIN: u64 = 1_000;

/// The longest pause between two looks, in milliseconds: a year.
pub(crate) const POLL_MS_MAX: u64 = 366 * 24 * 3600 * 1000;

/// The size of the compiled form of a pattern in a manifest's schema, in bytes.
pub(crate) const PATTERN_BYTES_MAX: usize = 1 << 20;

/// The shortest pause between two readings of what a provider has sent, in seconds.
pub(crate) const FEED_S_MIN: i64 = 10;

/// Messages that one reading of what a provider has sent takes.
pub(crate) const FEED_MESSAGES_MAX: usize = 10_000;

/// How far the first reading of what a provider has sent goes back, in milliseconds: as long as event ids are remembered.
pub(crate) const FEED_FIRST_MS: u64 = 30 * 24 * 3600 * 1000;

/// Repetitions of a sender whose pauses are told.
pub(crate) const SENDER_RETRIES_MAX: u64 = 50;

/// Set-ups of webhooks that one look takes.
pub(crate) const HOOKS_MAX: usize = 1_000;

/// Parts of one composed operation.
pub(crate) const PARTS_MAX: usize = 16;

/// Composed operations whose finished parts are remembered between a look and the next attempt.
pub(crate) const COMPOSED_KNOWN_MAX: usize = 10_000;

/// The longest that one part of a composed operation may wait for a state, in seconds.
pub(crate) const UNTIL_S_MAX: f64 = 120.0;

/// Items that one synchronisation reads one by one.
pub(crate) const HYDRATE_MAX: usize = 500;

/// Waits of one connection whose looks are told apart for its budget.
pub(crate) const POLLING_KNOWN_MAX: usize = 100_000;

/// A wait counts as polling until it has not looked for so many of its own pauses.
pub(crate) const POLLING_PAUSES: u64 = 3;

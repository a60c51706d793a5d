//! What a connection's month has left. Every request is counted when it leaves, and looks that waits make by themselves
//! are held back when there are more of them than the rest of the month has room for.
//!
//! The rule: a wait looks again only after `time left × waits that look × requests of one look / requests left`. While
//! there is plenty, that is shorter than the wait's own pause and nothing is held back. When nothing is left, no wait looks by
//! itself until the month turns. What runs do, and looks that an event has asked for, are never held back here: a contract that
//! is not sent costs more than a refused request, and the provider's own word on its limit counts. Time comes from the
//! engine, with each call.

use crate::limits::{POLLING_KNOWN_MAX, POLLING_PAUSES};
use crate::manifest::Manifest;
use crate::template::instant_ms;
use engross_step_api::{Budget, Connection, Timestamp};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The setting that every provider has: how many requests a connection has in a month.
pub(super) const PER_MONTH: &str = "requests_per_month";

/// The counts of one provider's connections.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    months: Mutex<BTreeMap<String, Month>>,
}

/// One connection's month.
#[derive(Debug, Default)]
struct Month {
    /// `2026-11`.
    name: String,
    used: u64,
    /// Requests of looks, and looks, for what one look costs.
    poll_requests: u64,
    polls: u64,
    /// The waits that look by themselves, each by its run and step.
    waits: BTreeMap<String, Polling>,
}

#[derive(Clone, Copy, Debug)]
struct Polling {
    looked_ms: i64,
    /// When it last wanted to look.
    wanted_ms: i64,
    every_ms: u64,
}

/// The month of a time: its name, and when the next one begins, in milliseconds since 1970.
fn month_of(now: Timestamp) -> (String, i64) {
    let text = now.to_string();
    let name = text.get(..7).unwrap_or(&text).to_string();
    let (year, month) = name.split_once('-').unwrap_or_default();
    let (year, month) = (year.parse::<u32>().unwrap_or_default(), month.parse::<u32>().unwrap_or_default());
    let (year, month) = if month >= 12 { (year + 1, 1) } else { (year, month + 1) };
    let next = Value::from(format!("{year:04}-{month:02}-01T00:00:00Z"));
    (name, instant_ms(&next).unwrap_or(i64::MAX))
}

/// How many requests a connection has in a month. The manifest's number is about the provider itself, not about a stand-in.
pub(super) fn limit(manifest: &Manifest, connection: &Connection) -> Option<u64> {
    let given = connection.setting(PER_MONTH).and_then(|text| text.trim().parse().ok());
    let base = super::session::base_url(manifest, connection).ok();
    let is_at_home = base.is_some_and(|base| manifest.environments.values().any(|url| *url == base));
    given.or(manifest.limits.per_month.filter(|_| is_at_home))
}

impl Ledger {
    fn months(&self) -> MutexGuard<'_, BTreeMap<String, Month>> {
        self.months.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request that leaves.
    pub(super) fn count(&self, connection: &str, now: Timestamp, is_poll: bool) {
        let mut months = self.months();
        let month = turned(&mut months, connection, now);
        month.used = month.used.saturating_add(1);
        month.poll_requests += u64::from(is_poll);
    }

    /// Adds what an earlier process has counted.
    pub(super) fn restore(&self, connection: &str, month: &str, used: u64) {
        let mut months = self.months();
        let entry = months.entry(connection.to_string()).or_default();
        if entry.name.is_empty() {
            entry.name = month.to_string();
        }
        if entry.name == month {
            entry.used = entry.used.saturating_add(used);
        }
    }

    /// Whether anything is left for what can wait.
    ///
    /// # Errors
    /// It is used up: for how many milliseconds.
    pub(super) fn has_room(&self, connection: &str, limit: Option<u64>, now: Timestamp) -> Result<(), u64> {
        let mut months = self.months();
        let used = turned(&mut months, connection, now).used;
        if limit.is_none_or(|limit| used < limit) { Ok(()) } else { Err(until_next(now)) }
    }

    /// Whether a wait may look by itself now; that it wanted to is remembered.
    ///
    /// # Errors
    /// Not yet: for how many milliseconds.
    pub(super) fn may_poll(
        &self,
        connection: &str,
        limit: Option<u64>,
        wait: &str,
        every_ms: u64,
        now: Timestamp,
    ) -> Result<(), u64> {
        let now_ms = now.as_millis();
        let mut months = self.months();
        let month = turned(&mut months, connection, now);
        month.forget(now_ms);
        let known = month.waits.get(wait).copied();
        if known.is_none() && month.waits.len() >= POLLING_KNOWN_MAX {
            month.waits.pop_first();
        }
        let looked_ms = known.map_or(i64::MIN, |known| known.looked_ms);
        let entry = Polling { looked_ms, wanted_ms: now_ms, every_ms };
        month.waits.insert(wait.to_string(), entry);
        let Some(limit) = limit else { return Ok(()) };
        if month.used >= limit {
            return Err(until_next(now));
        }
        let pause = month.pause_ms(limit, now);
        let passed = u64::try_from(now_ms.saturating_sub(looked_ms)).unwrap_or(u64::MAX);
        if known.is_some() && pause > every_ms && passed < pause {
            return Err(pause - passed);
        }
        month.polls += 1;
        month.waits.insert(wait.to_string(), Polling { looked_ms: now_ms, ..entry });
        Ok(())
    }

    /// How a connection's month stands.
    pub(super) fn budget(&self, connection: &str, limit: Option<u64>, now: Timestamp) -> Budget {
        let mut months = self.months();
        let month = turned(&mut months, connection, now);
        month.forget(now.as_millis());
        Budget {
            month: month.name.clone(),
            used: month.used,
            limit,
            resets_at: Timestamp::from_millis(month_of(now).1),
            polling: u64::try_from(month.waits.len()).unwrap_or(u64::MAX),
            poll_pause_ms: limit.map_or(0, |limit| month.pause_ms(limit, now)),
        }
    }
}

/// The connection's month, begun anew when another one has come.
fn turned<'m>(months: &'m mut BTreeMap<String, Month>, connection: &str, now: Timestamp) -> &'m mut Month {
    let month = months.entry(connection.to_string()).or_default();
    let (name, _) = month_of(now);
    if month.name != name {
        let waits = std::mem::take(&mut month.waits);
        *month = Month { name, waits, ..Month::default() };
    }
    month
}

fn until_next(now: Timestamp) -> u64 {
    Timestamp::from_millis(month_of(now).1).ms_since(now)
}

impl Month {
    /// The shortest pause between two looks of one wait that the rest of the month has room for.
    fn pause_ms(&self, limit: u64, now: Timestamp) -> u64 {
        let left = limit.saturating_sub(self.used);
        if left == 0 {
            return until_next(now);
        }
        let waits = u64::try_from(self.waits.len()).unwrap_or(u64::MAX);
        let cost = self.poll_requests.div_ceil(self.polls.max(1)).max(1);
        let wanted = u128::from(until_next(now)) * u128::from(waits) * u128::from(cost) / u128::from(left);
        u64::try_from(wanted).unwrap_or(u64::MAX)
    }

    /// Leaves out waits that have not wanted to look for some of their own pauses: they are over.
    fn forget(&mut self, now_ms: i64) {
        self.waits.retain(|_, wait| {
            let idle = u64::try_from(now_ms.saturating_sub(wait.wanted_ms)).unwrap_or_default();
            idle <= wait.every_ms.saturating_mul(POLLING_PAUSES)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000;

    fn at(text: &str) -> Timestamp {
        Timestamp::from_millis(instant_ms(&Value::from(text)).expect("a time"))
    }

    #[test]
    fn a_month_ends_where_the_next_begins() {
        for (now, name, next) in [
            ("2026-11-30T23:59:59Z", "2026-11", "2026-12-01T00:00:00Z"),
            ("2026-12-01T00:00:00Z", "2026-12", "2027-01-01T00:00:00Z"),
            ("2028-02-29T12:00:00Z", "2028-02", "2028-03-01T00:00:00Z"),
        ] {
            assert_eq!(month_of(at(now)), (name.to_string(), at(next).as_millis()));
        }
    }

    #[test]
    fn looks_are_stretched_over_what_is_left_and_end_when_nothing_is() {
        let ledger = Ledger::default();
        let start = at("2026-11-21T00:00:00Z");
        let look = |wait: &str, minutes: u64| {
            ledger.may_poll("c", Some(100), wait, 15 * MINUTE, start.plus_ms(minutes * MINUTE))
        };
        // Ten days are left: one wait may look every 2.4 hours, two every 4.8.
        assert_eq!(look("a", 0), Ok(()));
        ledger.count("c", start, true);
        assert_eq!(ledger.budget("c", Some(100), start).poll_pause_ms, 14_400 * MINUTE / 99);
        assert!(look("a", 15).is_err());
        assert!(look("a", 30).is_err_and(|wait| wait > 100 * MINUTE));
        let mut minutes = 30;
        while look("a", minutes).is_err() {
            minutes += 15;
        }
        assert_eq!(minutes, 150);
        // What runs send counts, and is not asked.
        for _ in 0..99 {
            ledger.count("c", start, false);
        }
        let (used, later) = (ledger.budget("c", Some(100), start).used, start.plus_ms(24 * 60 * MINUTE));
        assert_eq!((used, ledger.has_room("c", Some(100), start)), (100, Err(14_400 * MINUTE)));
        assert_eq!(ledger.may_poll("c", Some(100), "a", 15 * MINUTE, later), Err(9 * 1_440 * MINUTE));
        // The month turns.
        let next = at("2026-12-01T00:00:00Z");
        assert_eq!(ledger.may_poll("c", Some(100), "a", 15 * MINUTE, next), Ok(()));
        assert_eq!(ledger.budget("c", Some(100), next).used, 0);
    }

    #[test]
    fn a_pause_of_its_own_that_is_long_enough_is_kept() {
        let ledger = Ledger::default();
        let start = at("2026-11-01T00:00:00Z");
        for look in 0..50 {
            let now = start.plus_ms(look * 15 * MINUTE);
            assert_eq!(ledger.may_poll("c", Some(30_000), "a", 15 * MINUTE, now), Ok(()));
            ledger.count("c", now, true);
        }
        assert_eq!(ledger.budget("c", None, start).limit, None);
    }

    #[test]
    fn what_an_earlier_process_counted_is_added_to_its_own_month_only() {
        let ledger = Ledger::default();
        let now = at("2026-11-21T00:00:00Z");
        ledger.restore("c", "2026-11", 40);
        ledger.restore("d", "2026-10", 40);
        assert_eq!((ledger.budget("c", None, now).used, ledger.budget("d", None, now).used), (40, 0));
    }
}

//! Which firings are started after a pause.

use crate::{at, schedule};
use engross_core::Timestamp;
use engross_schedule::limits::CATCH_UP_MAX;
use engross_schedule::{CatchUp, Overlap};

fn check(last: &str, now: &str, catch_up: CatchUp, expected: &[&str]) {
    let due = schedule("0 9 * * *", "UTC").due(Some(at(last)), at(now), catch_up);
    let expected: Vec<Timestamp> = expected.iter().map(|text| at(text)).collect();
    assert_eq!(due, expected, "{last} to {now}, {catch_up:?}");
}

#[test]
fn a_pause_is_made_up_for_as_the_author_says() {
    let (last, now) = ("2026-01-01T09:00:00Z", "2026-01-04T12:00:00Z");
    check(last, now, CatchUp::Latest, &["2026-01-04T09:00:00Z"]);
    check(last, now, CatchUp::All, &["2026-01-02T09:00:00Z", "2026-01-03T09:00:00Z", "2026-01-04T09:00:00Z"]);
    check(last, now, CatchUp::None, &[]);
}

#[test]
fn on_time_is_on_time_for_all() {
    for catch_up in [CatchUp::Latest, CatchUp::All, CatchUp::None] {
        let (last, fire) = ("2026-01-01T09:00:00Z", "2026-01-02T09:00:00Z");
        check(last, "2026-01-02T08:59:59Z", catch_up, &[]);
        check(last, fire, catch_up, &[fire]);
        check(last, "2026-01-02T09:01:00Z", catch_up, &[fire]);
        check(fire, "2026-01-02T09:01:00Z", catch_up, &[]);
        // A clock that went back makes nothing due again.
        check(fire, last, catch_up, &[]);
    }
    check("2026-01-01T09:00:00Z", "2026-01-02T09:01:01Z", CatchUp::None, &[]);
}

#[test]
fn a_new_schedule_makes_up_for_nothing() {
    for catch_up in [CatchUp::Latest, CatchUp::All, CatchUp::None] {
        assert_eq!(schedule("* * * * *", "UTC").due(None, at("2026-01-01T00:00:00Z"), catch_up), []);
    }
}

#[test]
fn all_is_bounded_and_loses_nothing() {
    let every_minute = schedule("* * * * *", "UTC");
    let (mut last, now) = (at("2026-01-01T00:00:00Z"), at("2026-01-03T00:00:00Z"));
    let mut all = Vec::new();
    loop {
        let due = every_minute.due(Some(last), now, CatchUp::All);
        assert!(due.len() <= CATCH_UP_MAX);
        let Some(newest) = due.last() else { break };
        last = *newest;
        all.extend(due);
    }
    assert_eq!(all.len(), 2 * 24 * 60);
    assert!(all.is_sorted_by(|a, b| a < b));
}

#[test]
fn the_latest_of_many_years_is_found_at_once() {
    let (last, now) = (at("1990-01-01T00:00:00Z"), at("2026-06-01T00:00:30Z"));
    assert_eq!(schedule("* * * * *", "UTC").due(Some(last), now, CatchUp::Latest), [at("2026-06-01T00:00:00Z")]);
    assert_eq!(schedule("0 0 29 2 *", "UTC").due(Some(last), now, CatchUp::Latest), [at("2024-02-29T00:00:00Z")]);
    assert_eq!(schedule("0 0 30 2 *", "UTC").due(Some(last), now, CatchUp::Latest), []);
}

#[test]
fn the_words_of_the_language_and_of_the_journal_are_the_same() {
    for name in Overlap::NAMES {
        let overlap = Overlap::from_name(name).unwrap();
        assert_eq!((overlap.as_str(), serde_json::to_value(overlap).unwrap()), (name, name.into()));
    }
    for name in CatchUp::NAMES {
        let catch_up = CatchUp::from_name(name).unwrap();
        assert_eq!((catch_up.as_str(), serde_json::to_value(catch_up).unwrap()), (name, name.into()));
    }
    assert_eq!((Overlap::from_name("parallel"), CatchUp::from_name("Latest")), (None, None));
}

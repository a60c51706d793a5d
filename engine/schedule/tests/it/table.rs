//! Known cases: one pattern, one zone, one moment, and the firings that follow.

use crate::{at, local, schedule};

fn check(cron: &str, timezone: &str, after: &str, expected: &[&str]) {
    let schedule = schedule(cron, timezone);
    let mut found = Vec::new();
    let mut moment = at(after);
    while found.len() < expected.len() {
        let Some(next) = schedule.next_after(moment) else { break };
        found.push(local(next, timezone));
        moment = next;
    }
    assert_eq!(found, expected, "{cron} in {timezone} after {after}");
}

#[test]
fn five_fields_as_in_crontab() {
    check("*/5 * * * *", "UTC", "2026-01-01T00:03:00Z", &["2026-01-01 00:05 +00:00", "2026-01-01 00:10 +00:00"]);
    // Monday to Friday, not Sunday to Thursday; the 3rd of January 2026 is a Saturday.
    check("0 9 * * 1-5", "UTC", "2026-01-01T09:00:00Z", &["2026-01-02 09:00 +00:00", "2026-01-05 09:00 +00:00"]);
    check("0 9 * * 0", "UTC", "2026-01-01T00:00:00Z", &["2026-01-04 09:00 +00:00", "2026-01-11 09:00 +00:00"]);
    check("0 9 * * 7", "UTC", "2026-01-01T00:00:00Z", &["2026-01-04 09:00 +00:00", "2026-01-11 09:00 +00:00"]);
    check("0 9 * * SAT-SUN", "UTC", "2026-01-01T00:00:00Z", &["2026-01-03 09:00 +00:00", "2026-01-04 09:00 +00:00"]);
    check("0 0 1 jan,Jul *", "UTC", "2026-01-01T00:00:00Z", &["2026-07-01 00:00 +00:00", "2027-01-01 00:00 +00:00"]);
    check("@weekly", "UTC", "2026-01-01T00:00:00Z", &["2026-01-04 00:00 +00:00"]);
    check(" 0  9\t* * 1 ", "UTC", "2026-01-01T00:00:00Z", &["2026-01-05 09:00 +00:00"]);
    check("0 0 */1,13 * FRI", "UTC", "2026-01-01T00:00:00Z", &["2026-01-02 00:00 +00:00", "2026-01-09 00:00 +00:00"]);
    check("5-20/7 3 * * *", "UTC", "2026-01-01T03:05:00Z", &["2026-01-01 03:12 +00:00", "2026-01-01 03:19 +00:00"]);
}

#[test]
fn either_kind_of_day_is_enough() {
    check(
        "0 0 13 * FRI",
        "UTC",
        "2026-01-01T00:00:00Z",
        &["2026-01-02 00:00 +00:00", "2026-01-09 00:00 +00:00", "2026-01-13 00:00 +00:00", "2026-01-16 00:00 +00:00"],
    );
}

#[test]
fn days_that_are_counted() {
    check("0 0 L * *", "UTC", "2028-02-01T00:00:00Z", &["2028-02-29 00:00 +00:00", "2028-03-31 00:00 +00:00"]);
    check("0 0 LW * *", "UTC", "2026-05-01T00:00:00Z", &["2026-05-29 00:00 +00:00", "2026-06-30 00:00 +00:00"]);
    check("0 0 1W * *", "UTC", "2026-07-15T00:00:00Z", &["2026-08-03 00:00 +00:00", "2026-09-01 00:00 +00:00"]);
    check("0 0 * * FRI#2", "UTC", "2026-01-01T00:00:00Z", &["2026-01-09 00:00 +00:00", "2026-02-13 00:00 +00:00"]);
    check("0 0 * * 7#L", "UTC", "2026-01-01T00:00:00Z", &["2026-01-25 00:00 +00:00", "2026-02-22 00:00 +00:00"]);
}

#[test]
fn rare_days_are_found_and_impossible_ones_are_not() {
    check("0 0 29 2 *", "UTC", "2096-03-01T00:00:00Z", &["2104-02-29 00:00 +00:00"]);
    check("0 0 * 2 MON#5", "UTC", "2072-03-01T00:00:00Z", &["2112-02-29 00:00 +00:00"]);
    for never in ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 30 2 *"] {
        let schedule = schedule(never, "Europe/London");
        assert!(schedule.never_fires(), "{never}");
        assert_eq!(schedule.next_after(at("2026-01-01T00:00:00Z")), None, "{never}");
    }
    assert!(!schedule("0 0 29 2 *", "UTC").never_fires());
}

#[test]
fn the_calendars_end_is_an_end() {
    let schedule = schedule("* * * * *", "Asia/Kathmandu");
    for ms in [i64::MAX, i64::MIN, 253_402_207_200_000] {
        assert_eq!(schedule.next_after(engross_core::Timestamp::from_millis(ms)), None, "{ms}");
    }
}

#[test]
fn a_fixed_time_that_does_not_exist_fires_once_right_after() {
    let gap = "2026-03-08T06:00:00Z";
    check("30 2 * * *", "America/New_York", gap, &["2026-03-08 03:00 -04:00", "2026-03-09 02:30 -04:00"]);
    check("0,30 2 * * *", "America/New_York", gap, &["2026-03-08 03:00 -04:00", "2026-03-09 02:00 -04:00"]);
    check("0 2,3 * * *", "America/New_York", gap, &["2026-03-08 03:00 -04:00", "2026-03-09 02:00 -04:00"]);
    check("15 1 * * *", "Europe/London", "2026-03-29T00:00:00Z", &["2026-03-29 02:00 +01:00"]);
    check("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T15:00:00Z", &["2026-10-04 02:30 +11:00"]);
    check("45 2 * * *", "Australia/Lord_Howe", "2026-10-03T15:00:00Z", &["2026-10-04 02:45 +11:00"]);
    check("0 0 * * *", "Africa/Cairo", "2026-04-23T12:00:00Z", &["2026-04-24 01:00 +03:00", "2026-04-25 00:00 +03:00"]);
    // A whole day was left out, and an hour before midnight is.
    check(
        "0 12 30 12 *",
        "Pacific/Apia",
        "2011-12-29T00:00:00Z",
        &["2011-12-31 00:00 +14:00", "2012-12-30 12:00 +14:00"],
    );
    check("30 23 * * SAT", "America/Nuuk", "2024-03-30T12:00:00Z", &["2024-03-31 00:00 -01:00"]);
}

#[test]
fn a_fixed_time_that_comes_twice_fires_the_first_time() {
    let overlap = "2026-11-01T04:00:00Z";
    check("30 1 * * *", "America/New_York", overlap, &["2026-11-01 01:30 -04:00", "2026-11-02 01:30 -05:00"]);
    check("30 1,13 * * *", "America/New_York", overlap, &["2026-11-01 01:30 -04:00", "2026-11-01 13:30 -05:00"]);
    check(
        "30 1 * * *",
        "Europe/London",
        "2026-10-25T00:00:00Z",
        &["2026-10-25 01:30 +01:00", "2026-10-26 01:30 +00:00"],
    );
    check(
        "45 1 * * *",
        "Australia/Lord_Howe",
        "2026-04-04T14:00:00Z",
        &["2026-04-05 01:45 +11:00", "2026-04-06 01:45 +10:30"],
    );
    // Asked in between the two.
    check("30 1 * * *", "America/New_York", "2026-11-01T05:45:00Z", &["2026-11-02 01:30 -05:00"]);
}

#[test]
fn a_schedule_with_a_star_follows_the_clock() {
    check(
        "*/30 * * * *",
        "America/New_York",
        "2026-11-01T04:59:00Z",
        &[
            "2026-11-01 01:00 -04:00",
            "2026-11-01 01:30 -04:00",
            "2026-11-01 01:00 -05:00",
            "2026-11-01 01:30 -05:00",
            "2026-11-01 02:00 -05:00",
        ],
    );
    check(
        "*/15 * * * *",
        "America/New_York",
        "2026-03-08T06:44:00Z",
        &["2026-03-08 01:45 -05:00", "2026-03-08 03:00 -04:00"],
    );
    check("*/30 2 * * *", "America/New_York", "2026-03-08T06:00:00Z", &["2026-03-09 02:00 -04:00"]);
    check(
        "*/15 * * * *",
        "Australia/Lord_Howe",
        "2026-04-04T14:44:00Z",
        &["2026-04-05 01:45 +11:00", "2026-04-05 01:30 +10:30", "2026-04-05 01:45 +10:30", "2026-04-05 02:00 +10:30"],
    );
    check(
        "0 * * * *",
        "Asia/Kathmandu",
        "2026-01-01T00:00:00Z",
        &["2026-01-01 06:00 +05:45", "2026-01-01 07:00 +05:45"],
    );
}

/// At midnight itself, and over it.
#[test]
fn the_last_hour_of_a_day_may_come_again() {
    check(
        "*/30 * * * *",
        "Africa/Cairo",
        "2026-10-29T20:29:00Z",
        &["2026-10-29 23:30 +03:00", "2026-10-29 23:00 +02:00", "2026-10-29 23:30 +02:00", "2026-10-30 00:00 +02:00"],
    );
    check("45 23 * * *", "Africa/Cairo", "2026-10-29T20:50:00Z", &["2026-10-30 23:45 +02:00"]);
    check(
        "0 0 * * *",
        "America/Havana",
        "2024-11-03T03:00:00Z",
        &["2024-11-03 00:00 -04:00", "2024-11-04 00:00 -05:00"],
    );
    check(
        "*/30 * * * *",
        "America/St_Johns",
        "2006-10-29T02:20:00Z",
        &["2006-10-29 00:00 -02:30", "2006-10-28 23:30 -03:30", "2006-10-29 00:00 -03:30"],
    );
}

#[test]
fn in_words() {
    let cases = [
        ("0 9 * * 1", "at 09:00 on Monday (Europe/London)"),
        ("0 9,17 * * 1-5", "at 09:00 and 17:00 on Monday to Friday (Europe/London)"),
        ("@daily", "at 00:00 every day (Europe/London)"),
        ("* * * * *", "every minute (Europe/London)"),
        ("*/15 * * * *", "every 15 minutes (Europe/London)"),
        ("*/7 * * * *", "at minutes 0, 7, 14, 21, 28, 35, 42, 49 and 56 past the hour (Europe/London)"),
        ("@hourly", "every hour (Europe/London)"),
        ("5 * * * *", "at minute 5 past the hour (Europe/London)"),
        ("0 */2 * * *", "at minute 0 past the hour, in every 2nd hour (Europe/London)"),
        ("*/10 9-16 * * MON-FRI", "every 10 minutes, from 09:00 to 16:59 on Monday to Friday (Europe/London)"),
        ("30 6 1,15 * *", "at 06:30 on the 1st and the 15th (Europe/London)"),
        ("0 0 13 * FRI", "at 00:00 on the 13th and also on Friday (Europe/London)"),
        ("0 0 L 1,7 *", "at 00:00 on the last day in January and July (Europe/London)"),
        ("0 0 LW,15W * *", "at 00:00 on the last workday and the workday nearest to the 15th (Europe/London)"),
        ("0 0 * * FRI#2,SUN#L", "at 00:00 on the 2nd Friday and the last Sunday (Europe/London)"),
        ("0 0 */2 3-5 *", "at 00:00 on every 2nd day of the month in March to May (Europe/London)"),
    ];
    for (cron, expected) in cases {
        assert_eq!(schedule(cron, "Europe/London").describe(), expected, "{cron}");
    }
}

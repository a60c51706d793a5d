//! What is refused, where, and what is said about it.

use engross_schedule::limits::CRON_BYTES_MAX;
use engross_schedule::{Part, Schedule};

/// Each mistake as `part text-it-is-about: message | hint`.
fn check(cron: &str, timezone: &str, expected: &[&str]) {
    let errors = Schedule::parse(cron, timezone).err().unwrap_or_default();
    let found: Vec<String> = errors
        .iter()
        .map(|error| {
            let (part, text) = match error.part {
                Part::Cron => ("cron", cron),
                Part::Timezone => ("timezone", timezone),
            };
            let about = text.get(error.range.clone()).unwrap();
            format!("{part} [{about}]: {} | {}", error.message, error.hint.as_deref().unwrap_or_default())
        })
        .collect();
    assert_eq!(found, expected, "{cron} {timezone}");
}

const EXAMPLE: &str = "write minute, hour, day of the month, month and weekday, such as `0 9 * * 1`";

#[test]
fn there_are_exactly_five_fields() {
    check("", "UTC", &[&format!("cron []: the pattern is empty | {EXAMPLE}")]);
    check("0 9 * *", "UTC", &[&format!("cron [0 9 * *]: the pattern has 4 fields, not five | {EXAMPLE}")]);
    check(
        "0 0 9 * * 1",
        "UTC",
        &[
            "cron [0 0 9 * * 1]: the pattern has 6 fields, not five | there is no field for seconds and none for years: leave it out",
        ],
    );
    check(
        "@often",
        "UTC",
        &[
            "cron [@often]: `@often` is not known | the words are @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually",
        ],
    );
}

#[test]
fn every_mistake_is_told_at_its_place() {
    let minute = "it takes 0 to 59, `*`, ranges such as `0-30`, steps such as `*/15`, and lists of them";
    let day = "it takes 0 to 7 (0 and 7 are Sunday) or SUN to SAT, `FRI#2` for the second, `FRI#L` for the last, `*`, and lists";
    check(
        "60,5 25 0 13 8",
        "Europe/Londn",
        &[
            &format!("cron [60]: the minute `60` is not between 0 and 59 | {minute}"),
            "cron [25]: the hour `25` is not between 0 and 23 | it takes 0 to 23, `*`, ranges such as `9-17`, steps such as `*/2`, and lists of them",
            "cron [0]: the day of the month `0` is not between 1 and 31 | it takes 1 to 31, `L` for the last day, `15W` for the workday nearest to the 15th, `*`, and lists",
            "cron [13]: the month `13` is not between 1 and 12 | it takes 1 to 12 or JAN to DEC, `*`, ranges, steps, and lists of them",
            &format!("cron [8]: the weekday `8` is not between 0 and 7 | {day}"),
            "timezone [Europe/Londn]: there is no time zone `Europe/Londn` | did you mean `Europe/London`?",
        ],
    );
    check("5/10 * * * *", "UTC", &["cron [5/10]: `5/10` has a step without a range | write `5-59/10` or `*/10`"]);
    check("*/0 * * * *", "UTC", &[&format!("cron [*/0]: `0` is no step of the minute | {minute}")]);
    check(
        "0 9 * * FRI-MON",
        "UTC",
        &[
            "cron [FRI-MON]: the range `FRI-MON` of the weekday ends before it begins | write it as two entries with a comma between them",
        ],
    );
    check("0 9 * * FRI#6", "UTC", &[&format!("cron [FRI#6]: `6` is not 1 to 5 or `L`, for the last | {day}")]);
    check("0 9 * * ?", "UTC", &[&format!("cron [?]: `?` is not known; for any weekday write `*` | {day}")]);
    check("1,,2 * * * *", "UTC", &[&format!("cron []: an entry of the minute is empty | {minute}")]);
    check("0 9 L,LW * *", "UTC", &["cron [L,LW]: `L` and `LW` cannot stand together | keep one of them"]);
    check("é * * * *", "UTC", &[&format!("cron [é]: `é` is no minute | {minute}")]);
}

#[test]
fn time_zones_are_the_databases() {
    let general = "use a name of the IANA database, such as `Europe/London` or `UTC`";
    check("@daily", "london", &["timezone [london]: there is no time zone `london` | did you mean `Europe/London`?"]);
    check(
        "@daily",
        "New York",
        &["timezone [New York]: there is no time zone `New York` | did you mean `America/New_York`?"],
    );
    check(
        "@daily",
        "europe/london",
        &["timezone [europe/london]: there is no time zone `europe/london` | did you mean `Europe/London`?"],
    );
    check(
        "@daily",
        "../../etc/passwd",
        &[&format!("timezone [../../etc/passwd]: there is no time zone `../../etc/passwd` | {general}")],
    );
    check("@daily", "", &["timezone []: the time zone is empty | name one, such as `Europe/London` or `UTC`"]);
    check("@daily", "Asia/Kathmandu", &[]);
}

#[test]
fn nothing_large_is_read() {
    let long = "0".repeat(CRON_BYTES_MAX + 1);
    let found = Schedule::parse(&long, &"Z".repeat(100_000)).unwrap_err();
    let messages: Vec<&str> = found.iter().map(|error| error.message.as_str()).collect();
    assert_eq!(messages, ["the pattern is longer than 256 bytes", "the name of the time zone is longer than 64 bytes"]);
    let many = format!("{} * * * *", "1,".repeat(100));
    let found = Schedule::parse(&many, "UTC").unwrap_err();
    assert_eq!(found.len(), 1, "{found:?}");
}

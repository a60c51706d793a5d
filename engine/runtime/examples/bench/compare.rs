//! What was measured now beside the committed table: whether a ratio has become so much worse that the machine alone cannot be
//! to blame. Only ratios are compared; what the disk does in a second differs from machine to machine.

use crate::report::Row;

/// How many times worse the engine may be beside the bare store. Two runs of one build on a busy machine of two cores differ by
/// less than half of that.
const TO_STORE_WORSE_MAX: f64 = 2.0;

/// The same beside the raw disk, which is a single file and feels other programs on the disk more.
const TO_DISK_WORSE_MAX: f64 = 4.0;

/// A p99 has few values behind it, and a start only one: so many times more is allowed.
const OF_FEW_VALUES: f64 = 2.0;

/// What a committed row says.
#[derive(Clone, Debug, PartialEq)]
struct Committed {
    what: String,
    to_store: f64,
    to_disk: f64,
}

/// The rows of the committed table.
fn committed(markdown: &str) -> Vec<Committed> {
    let cells = |line: &str| -> Vec<String> {
        line.trim().trim_matches('|').split('|').map(|cell| cell.trim().to_string()).collect()
    };
    let row = |line: &str| match cells(line).as_slice() {
        [what, _, _, _, _, to_store, to_disk] => {
            Some(Committed { what: what.clone(), to_store: to_store.parse().ok()?, to_disk: to_disk.parse().ok()? })
        }
        _ => None,
    };
    markdown.lines().filter(|line| line.starts_with('|')).filter_map(row).collect()
}

/// How many times worse a ratio is than it was.
fn worse(row: &Row, now: f64, before: f64) -> f64 {
    if row.more_is_better() { before / now } else { now / before }
}

/// What has become too much worse, or cannot be compared, a line each. `whole` says that every row was measured.
pub(crate) fn compare(rows: &[Row], markdown: &str, whole: bool) -> Vec<String> {
    let committed = committed(markdown);
    let mut found = Vec::new();
    for row in rows {
        let Some(before) = committed.iter().find(|before| before.what == row.what) else {
            found.push(format!("{}: it is not in docs/bench.md; write it anew with --write", row.what));
            continue;
        };
        let has_few_values = row.what.contains("p99") || row.what.starts_with("start ");
        let wider = if has_few_values { OF_FEW_VALUES } else { 1.0 };
        for (beside, now, then, max) in [
            ("store", row.to_store, before.to_store, TO_STORE_WORSE_MAX * wider),
            ("disk", row.to_disk, before.to_disk, TO_DISK_WORSE_MAX * wider),
        ] {
            let worse = worse(row, now, then);
            // A ratio that is no number is worse than any.
            if worse.is_nan() || worse > max {
                let what = &row.what;
                found.push(format!(
                    "{what}: beside the {beside} {now:.2}, and {then:.2} in docs/bench.md: {worse:.1} times worse, where {max} \
                     is the most"
                ));
            }
        }
    }
    for before in committed.iter().filter(|_| whole) {
        if rows.iter().all(|row| row.what != before.what) {
            found.push(format!("{}: it is in docs/bench.md, and was not measured", before.what));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Row, compare};

    const TABLE: &str = "# Bench\n\n| what | unit | engine | bare store | raw disk | engine / store | engine / disk |\n\
        | --- | --- | ---: | ---: | ---: | ---: | ---: |\n\
        | many | steps/s | 50 | 100 | 500 | 0.50 | 0.10 |\n\
        | alone | ms | 4 | 2 | 1 | 2.00 | 4.00 |\n\
        | late (p99) | ms | 4 | 2 | 1 | 2.00 | 4.00 |\n\
        | start over runs | ms | 2 | 1 | 1 | 2.00 | 2.00 |\n";

    fn check(rows: &[Row], whole: bool, expected: &[&str]) {
        let found = compare(rows, TABLE, whole);
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.starts_with(expected), "{found}");
        }
    }

    #[test]
    fn only_what_is_much_worse_is_told() {
        let rate = |engine| Row::rate("many", "steps/s", engine, 100.0, 500.0);
        let time = |engine| Row::time("alone", engine, 2.0, 1.0);
        check(&[rate(50.0), time(4.0)], false, &[]);
        check(&[rate(26.0), time(7.9)], false, &[]);
        check(&[rate(500.0), time(0.1)], false, &[]);
        check(&[rate(24.0), time(8.1)], false, &["many: beside the store 0.24", "alone: beside the store 4.05"]);
        check(&[Row::time("alone", 17.0, 9.0, 1.0)], false, &["alone: beside the disk 17.00"]);
        check(&[Row::time("late (p99)", 15.9, 2.0, 1.0)], false, &[]);
        check(&[Row::time("late (p99)", 16.1, 2.0, 1.0)], false, &["late (p99): beside the store"]);
        check(&[Row::time("start over runs", 7.9, 1.0, 1.0)], false, &[]);
        check(&[Row::time("start over runs", 8.1, 1.0, 1.0)], false, &["start over runs: beside the store"]);
        check(&[Row::time("alone", f64::NAN, 2.0, 1.0)], false, &["alone: beside the store", "alone: beside the disk"]);
    }

    #[test]
    fn no_row_is_left_out_in_silence() {
        check(&[Row::time("new", 1.0, 1.0, 1.0)], false, &["new: it is not in docs/bench.md"]);
        let rows = [Row::time("alone", 4.0, 2.0, 1.0)];
        check(&rows, false, &[]);
        check(&rows, true, &["many: it is in", "late (p99): it is in", "start over runs: it is in"]);
    }

    /// The committed table is one that can be compared with.
    #[test]
    fn the_committed_table_is_read() {
        let table = std::fs::read_to_string(crate::root().join("docs/bench.md")).unwrap();
        assert!(super::committed(&table).len() >= 8, "{table}");
    }
}

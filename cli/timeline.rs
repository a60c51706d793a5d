//! A timeline for people who look at a run once: what repeats itself, attempt after attempt, is shown once and counted.
//! Programs get all of it, and so does whoever follows a run while it happens.

use crate::follow;
use engross_runtime::TimelineEntry;

/// The longest group of lines that is looked for again: an attempt takes three.
const GROUP_LINES_MAX: usize = 4;

/// A group that comes so often is folded: the first and the last of it are shown.
const REPEATS_MIN: usize = 3;

/// The lines of a timeline, those between the first and the last of many alike counted in their place.
pub fn folded(timeline: &[TimelineEntry]) -> String {
    let shapes: Vec<(Option<&str>, String)> =
        timeline.iter().map(|entry| (entry.step.as_ref().map(|step| step.as_str()), shape(&entry.text))).collect();
    let mut text = String::new();
    let mut rest = timeline;
    while !rest.is_empty() {
        let left = shapes.get(timeline.len() - rest.len()..).unwrap_or_default();
        let (lines, repeats) = group(left);
        let (shown, after) = rest.split_at(lines * repeats);
        let (first, others) = shown.split_at(lines);
        first.iter().for_each(|entry| push(&mut text, entry));
        if repeats > 1 {
            let last = others.len() - lines;
            let what = if lines == 1 { "this line".to_string() } else { format!("these {lines} lines") };
            text.push_str(&format!("      {} times more {what}, and at last\n", repeats - 2));
            others.iter().skip(last).for_each(|entry| push(&mut text, entry));
        }
        rest = after;
    }
    text
}

fn push(text: &mut String, entry: &TimelineEntry) {
    text.push_str(&format!("  {}\n", follow::line(entry)));
}

/// A text with every number replaced by the same: attempts and times are all that differs between repeats.
fn shape(text: &str) -> String {
    let mut shape = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c.is_ascii_digit() && shape.ends_with('0') => {}
            c if c.is_ascii_digit() => shape.push('0'),
            c => shape.push(c),
        }
    }
    shape
}

/// The lines of the shortest group that these begin with and that is repeated often enough, and how often it comes; one
/// line, once, where none is.
fn group<T: PartialEq>(lines: &[T]) -> (usize, usize) {
    for length in 1..=GROUP_LINES_MAX {
        let Some(first) = lines.get(..length) else { break };
        let repeats = lines.chunks_exact(length).take_while(|chunk| *chunk == first).count();
        if repeats >= REPEATS_MIN {
            return (length, repeats);
        }
    }
    (1, 1)
}

#[cfg(test)]
mod tests {
    use super::folded;
    use engross_core::StepId;
    use engross_runtime::TimelineEntry;

    fn entry(n: usize, step: &str, text: &str) -> TimelineEntry {
        let at = format!("2026-11-23T10:00:{:02}.000Z", n);
        TimelineEntry { seq: n as u64, at, step: Some(StepId::new(step)), text: text.to_string() }
    }

    /// What is shown of texts of one step, without the times.
    fn check(texts: &[&str], expected: &[&str]) {
        let timeline: Vec<TimelineEntry> = texts.iter().enumerate().map(|(n, text)| entry(n, "send", text)).collect();
        let text = folded(&timeline);
        let shown: Vec<&str> = text.lines().map(|line| line.split("send         ").last().unwrap().trim()).collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn attempts_that_fail_alike_are_told_once_and_counted() {
        check(&[], &[]);
        check(&["a", "a", "b"], &["a", "a", "b"]);
        check(&["a", "b", "b", "b", "c"], &["a", "b", "1 times more this line, and at last", "b", "c"]);
        let attempts: Vec<String> = (2..=9)
            .flat_map(|n| {
                let failed = format!("attempt {n} failed, next at 10:00:{n}0: it does not answer");
                [format!("attempt {n}"), format!("about to act, attempt {n}"), failed]
            })
            .collect();
        let mut texts = vec!["scheduled"];
        texts.extend(attempts.iter().map(String::as_str));
        texts.push("failed: it does not answer");
        check(
            &texts,
            &[
                "scheduled",
                "attempt 2",
                "about to act, attempt 2",
                "attempt 2 failed, next at 10:00:20: it does not answer",
                "6 times more these 3 lines, and at last",
                "attempt 9",
                "about to act, attempt 9",
                "attempt 9 failed, next at 10:00:90: it does not answer",
                "failed: it does not answer",
            ],
        );
    }

    #[test]
    fn what_several_steps_do_is_no_repetition() {
        let timeline: Vec<TimelineEntry> = ["a", "b", "c"].iter().map(|step| entry(0, step, "scheduled")).collect();
        assert_eq!(folded(&timeline).lines().count(), 3);
    }
}

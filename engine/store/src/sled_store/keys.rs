//! Keys as bytes that sort like what they name. Keys are only written and compared, never taken apart: whatever a reader
//! needs is in the value.
//!
//! | space | key | value |
//! | --- | --- | --- |
//! | `h/` | run | its head |
//! | `j/` | run, number | a journal record |
//! | `o/`, `g/` | run | the run's id: it is not over, it may owe work |
//! | `k/` | workflow, key | the id of the run that holds it |
//! | `d/` | digest | a plan |
//! | `t/` | time, run, timer | a timer |
//! | `w/` | topic, run, step, digest of the fields | a wait |
//! | `i/` | topic, time, event | an event of the inbox |
//! | `x/` | event | where in the inbox it is |
//! | `u/` | time, event | the same, as long as it is not settled |
//! | `s/` | time, event | the same, once it is settled |
//! | `n/` | name | a mark |
//! | `p/` | another key, number | the rest of a long value |
//! | `m/` | `format`, `counts` | the format of all this, the number of the last batch and the bytes of all other rows |

use crate::limits::{KEY_TEXT_BYTES_CUT, KEY_TEXT_BYTES_MAX};
use crate::{Timer, WaitRow};
use engross_core::{EventId, PlanDigest, RunId, TimerKind, Timestamp};
use sha2::{Digest, Sha256};
use std::ops::Range;

/// A key, or the beginning of many.
pub(super) type Key = Vec<u8>;

pub(super) fn format() -> Key {
    with_text(space(b'm'), "format")
}

pub(super) fn counts() -> Key {
    with_text(space(b'm'), "counts")
}

/// Where format 1 had the number of the last batch.
pub(super) fn batches_1() -> Key {
    with_text(space(b'm'), "batches")
}

pub(super) fn heads() -> Key {
    space(b'h')
}

pub(super) fn head(run: &RunId) -> Key {
    with_text(heads(), run.as_str())
}

pub(super) fn open_runs() -> Key {
    space(b'o')
}

pub(super) fn open_run(run: &RunId) -> Key {
    with_text(open_runs(), run.as_str())
}

pub(super) fn working_runs() -> Key {
    space(b'g')
}

pub(super) fn working_run(run: &RunId) -> Key {
    with_text(working_runs(), run.as_str())
}

pub(super) fn journal(run: &RunId) -> Key {
    with_text(space(b'j'), run.as_str())
}

pub(super) fn record(run: &RunId, seq: u64) -> Key {
    with_number(journal(run), seq)
}

pub(super) fn run_key(workflow: &str, key: &str) -> Key {
    with_text(with_text(space(b'k'), workflow), key)
}

pub(super) fn plans() -> Key {
    space(b'd')
}

pub(super) fn plan(digest: &PlanDigest) -> Key {
    with_text(plans(), digest.as_str())
}

pub(super) fn timers() -> Key {
    space(b't')
}

pub(super) fn timer(timer: &Timer) -> Key {
    let mut key = with_text(with_time(timers(), timer.at), timer.run.as_str());
    match &timer.timer.step {
        None => key.push(0),
        Some(step) => {
            key.push(1);
            key = with_text(key, step.as_str());
        }
    }
    key.push(match timer.timer.kind {
        TimerKind::Retry => 0,
        TimerKind::Poll => 1,
        TimerKind::Deadline => 2,
        TimerKind::Remind => 3,
        TimerKind::Escalate => 4,
    });
    key
}

pub(super) fn all_waits() -> Key {
    space(b'w')
}

pub(super) fn waits(topic: &str) -> Key {
    with_text(all_waits(), topic)
}

pub(super) fn wait(wait: &WaitRow) -> Key {
    let mut key = with_text(with_text(waits(&wait.subscription.topic), wait.run.as_str()), wait.step.as_str());
    let mut digest = Sha256::new();
    for text in wait.subscription.matching.iter().flat_map(|(path, wanted)| [path, wanted]) {
        // Each with its length, so that no two sets of fields read the same.
        digest.update((text.len() as u64).to_be_bytes());
        digest.update(text.as_bytes());
    }
    key.extend_from_slice(&digest.finalize());
    key
}

pub(super) fn topic(topic: &str) -> Key {
    with_text(space(b'i'), topic)
}

pub(super) fn topic_since(name: &str, since: Timestamp) -> Key {
    with_time(topic(name), since)
}

pub(super) fn event(topic: &str, received_at: Timestamp, id: &EventId) -> Key {
    with_text(topic_since(topic, received_at), id.as_str())
}

pub(super) fn event_ids() -> Key {
    space(b'x')
}

pub(super) fn event_id(id: &EventId) -> Key {
    with_text(event_ids(), id.as_str())
}

pub(super) fn unmatched() -> Key {
    space(b'u')
}

pub(super) fn unmatched_event(received_at: Timestamp, id: &EventId) -> Key {
    with_text(with_time(unmatched(), received_at), id.as_str())
}

pub(super) fn settled() -> Key {
    space(b's')
}

pub(super) fn settled_event(received_at: Timestamp, id: &EventId) -> Key {
    with_text(with_time(settled(), received_at), id.as_str())
}

pub(super) fn marks() -> Key {
    space(b'n')
}

pub(super) fn mark(name: &str) -> Key {
    with_text(marks(), name)
}

/// How the keys of all marks begin whose names begin like this. It may fit others as well, because long names are cut.
pub(super) fn marks_like(prefix: &str) -> Key {
    let bytes = prefix.as_bytes();
    with_bytes(marks(), bytes.get(..KEY_TEXT_BYTES_CUT).unwrap_or(bytes))
}

/// The rest of a long value; numbered from 1, because the first piece is in the row itself.
pub(super) fn part(of: &[u8], number: u16) -> Key {
    let mut key = space(b'p');
    key.extend_from_slice(of);
    key.extend_from_slice(&number.to_be_bytes());
    key
}

/// Every key that begins like this one.
pub(super) fn below(prefix: &[u8]) -> Range<Key> {
    from(prefix.to_vec(), prefix)
}

/// The keys from `first` on that begin with `prefix`.
pub(super) fn from(first: Key, prefix: &[u8]) -> Range<Key> {
    let mut end = prefix.to_vec();
    // Every prefix ends with `/` or with the mark of a text's end, so that the next byte is a byte.
    if let Some(last) = end.last_mut() {
        *last = last.saturating_add(1);
    }
    first..end
}

fn space(letter: u8) -> Key {
    vec![letter, b'/']
}

/// Text of any bytes, so that it sorts like text and never runs into what follows: a zero byte is `00 FF`, the end `00 01`.
/// Long text would make pages of keys too large for sled; it is cut, and ends with `00 02` and its digest.
fn with_text(mut key: Key, text: &str) -> Key {
    let bytes = text.as_bytes();
    let cut = if bytes.len() > KEY_TEXT_BYTES_MAX { bytes.get(..KEY_TEXT_BYTES_CUT) } else { None };
    key = with_bytes(key, cut.unwrap_or(bytes));
    if cut.is_some() {
        key.extend_from_slice(&[0, 2]);
        key.extend_from_slice(&Sha256::digest(bytes));
    } else {
        key.extend_from_slice(&[0, 1]);
    }
    key
}

fn with_bytes(mut key: Key, bytes: &[u8]) -> Key {
    for byte in bytes {
        key.push(*byte);
        if *byte == 0 {
            key.push(0xFF);
        }
    }
    key
}

fn with_number(mut key: Key, number: u64) -> Key {
    key.extend_from_slice(&number.to_be_bytes());
    key
}

/// With the sign turned round, so that times before 1970 come first.
fn with_time(key: Key, at: Timestamp) -> Key {
    with_number(key, at.as_millis().cast_unsigned() ^ (1 << 63))
}

#[cfg(test)]
mod tests {
    use super::*;
    use engross_core::{StepId, Subscription, TimerId};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn short_text() -> impl Strategy<Value = String> {
        proptest::collection::vec(prop_oneof![Just('\0'), Just('\u{1}'), Just('a'), any::<char>()], 0..12)
            .prop_map(|chars| chars.into_iter().collect())
    }

    fn any_timer() -> impl Strategy<Value = Timer> {
        let kind = prop_oneof![Just(TimerKind::Retry), Just(TimerKind::Poll), Just(TimerKind::Deadline)];
        let at = prop_oneof![any::<i64>(), -2..2_i64];
        (at, short_text(), proptest::option::of(short_text()), kind).prop_map(|(at, run, step, kind)| Timer {
            at: Timestamp::from_millis(at),
            run: RunId::new(run),
            timer: TimerId { step: step.map(StepId::new), kind },
        })
    }

    proptest! {
        #[test]
        fn timers_sort_like_their_keys(a in any_timer(), b in any_timer()) {
            prop_assert_eq!(a.cmp(&b), timer(&a).cmp(&timer(&b)));
        }

        #[test]
        fn records_sort_like_their_keys(a in (short_text(), any::<u64>()), b in (short_text(), any::<u64>())) {
            let key = |(run, seq): &(String, u64)| record(&RunId::new(run), *seq);
            prop_assert_eq!(a.cmp(&b), key(&a).cmp(&key(&b)));
        }

        #[test]
        fn events_sort_like_their_keys(
            a in (short_text(), any::<i64>(), short_text()),
            b in (short_text(), any::<i64>(), short_text()),
        ) {
            let key = |(topic, at, id): &(String, i64, String)| {
                event(topic, Timestamp::from_millis(*at), &EventId::new(id))
            };
            prop_assert_eq!(a.cmp(&b), key(&a).cmp(&key(&b)));
        }

        #[test]
        fn a_range_has_what_begins_like_it_and_nothing_else(name in short_text(), other in short_text(), at: i64) {
            let range = below(&topic(&name));
            let at = Timestamp::from_millis(at);
            prop_assert!(range.contains(&event(&name, at, &EventId::new(&other))));
            prop_assert_eq!(range.contains(&event(&other, at, &EventId::new("x"))), name == other);
        }
    }

    #[test]
    fn long_texts_stay_apart_and_keys_stay_short() {
        let long = |last: char| "x".repeat(5_000) + &last.to_string();
        assert_ne!(topic(&long('a')), topic(&long('b')));
        assert_eq!(topic(&long('a')).len(), 2 + KEY_TEXT_BYTES_CUT + 2 + 32);
        assert_ne!(topic(&long('a')), topic(&"x".repeat(KEY_TEXT_BYTES_CUT)));
        assert_eq!(topic(&"x".repeat(KEY_TEXT_BYTES_MAX)).len(), 2 + KEY_TEXT_BYTES_MAX + 2);
    }

    #[test]
    fn waits_with_other_fields_are_other_waits() {
        let key = |fields: &[(&str, &str)]| {
            let matching: BTreeMap<_, _> = fields.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
            let subscription = Subscription { topic: "t".into(), matching };
            wait(&WaitRow { run: RunId::new("r"), step: StepId::new("s"), subscription })
        };
        let keys =
            [key(&[]), key(&[("a", "b")]), key(&[("a", "bc")]), key(&[("ab", "c")]), key(&[("a", "b"), ("c", "")])];
        for (i, one) in keys.iter().enumerate() {
            assert!(!keys[..i].contains(one), "{i}");
        }
    }
}

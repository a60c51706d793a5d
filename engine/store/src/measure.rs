//! The size and depth of what is about to be kept: whether a store may take it, and how much a batch holds.
//!
//! The measure is taken by writing the value as JSON to nowhere, so it is exact and needs no memory.

use crate::limits::{VALUE_BYTES_MAX, VALUE_LEVELS_MAX};
use crate::{Error, Result, Write};
use serde::Serialize;
use std::io;

/// Bytes of JSON in everything that this write keeps.
///
/// # Errors
/// A refusal, when one of its values is too large or too deep.
pub(crate) fn measure(write: &Write) -> Result<usize> {
    match write {
        Write::Run(commit) => {
            let mut bytes = of("the run's head", &commit.head)?;
            for record in &commit.records {
                bytes = bytes.saturating_add(of("a journal record", record)?);
            }
            if let Some(plan) = &commit.plan {
                bytes = bytes.saturating_add(of("the plan", plan)?);
            }
            for timer in commit.timers_set.iter().chain(&commit.timers_cleared) {
                bytes = bytes.saturating_add(of("a timer", timer)?);
            }
            for wait in commit.waits_set.iter().chain(&commit.waits_cleared) {
                bytes = bytes.saturating_add(of("a wait", wait)?);
            }
            for mark in &commit.marks {
                bytes = bytes.saturating_add(of("a mark", mark)?);
            }
            Ok(bytes)
        }
        Write::Inbox(entry) => of("the event", entry),
        Write::Matched(id) | Write::Forget(id) => of("the event's id", id),
        Write::Mark { name, value } => of("a mark", &(name, value)),
        Write::Remove(run) => of("the run's id", run),
    }
}

/// A value as JSON.
///
/// # Errors
/// A refusal, when it is too large or too deep.
pub(crate) fn encode<T: Serialize>(what: &'static str, value: &T) -> Result<Vec<u8>> {
    let bytes = serde_json::to_vec(value).map_err(|e| Error::Io(format!("{what} cannot be written as JSON: {e}")))?;
    let mut meter = Meter::default();
    meter.feed(&bytes);
    meter.check(what)?;
    Ok(bytes)
}

fn of<T: Serialize>(what: &'static str, value: &T) -> Result<usize> {
    let mut meter = Meter::default();
    serde_json::to_writer(&mut meter, value)
        .map_err(|e| Error::Io(format!("{what} cannot be written as JSON: {e}")))?;
    meter.check(what)
}

/// Counts the bytes of JSON text and follows its brackets.
#[derive(Default)]
struct Meter {
    bytes: usize,
    level: usize,
    deepest: usize,
    in_string: bool,
    escaped: bool,
}

impl Meter {
    fn feed(&mut self, text: &[u8]) {
        self.bytes = self.bytes.saturating_add(text.len());
        for byte in text {
            if self.escaped {
                self.escaped = false;
                continue;
            }
            match byte {
                b'"' => self.in_string = !self.in_string,
                b'\\' if self.in_string => self.escaped = true,
                b'[' | b'{' if !self.in_string => {
                    self.level += 1;
                    self.deepest = self.deepest.max(self.level);
                }
                b']' | b'}' if !self.in_string => self.level = self.level.saturating_sub(1),
                _ => {}
            }
        }
    }

    fn check(&self, what: &'static str) -> Result<usize> {
        if self.bytes > VALUE_BYTES_MAX {
            return Err(Error::TooLarge { what, bytes: self.bytes, max: VALUE_BYTES_MAX });
        }
        if self.deepest > VALUE_LEVELS_MAX {
            return Err(Error::TooDeep { what, levels: self.deepest, max: VALUE_LEVELS_MAX });
        }
        Ok(self.bytes)
    }
}

impl io::Write for Meter {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.feed(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn check(value: &Value, levels: usize) {
        let mut meter = Meter::default();
        serde_json::to_writer(&mut meter, value).unwrap();
        assert_eq!((meter.bytes, meter.deepest, meter.level), (value.to_string().len(), levels, 0), "{value}");
    }

    #[test]
    fn follows_brackets_and_not_those_in_strings() {
        check(&json!(5), 0);
        check(&json!({"a": [1, {"b": []}], "c": {}}), 4);
        check(&json!(["[[[", "\"[[", "\\", "{\\\"{"]), 1);
    }

    #[test]
    fn every_admitted_depth_can_be_read_back() {
        let nested = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!([inner]));
        let text = encode("x", &nested(VALUE_LEVELS_MAX)).unwrap();
        serde_json::from_slice::<Value>(&text).unwrap();
        let refused = encode("x", &nested(VALUE_LEVELS_MAX + 1)).unwrap_err();
        assert!(refused.is_refusal(), "{refused}");
    }

    #[test]
    fn a_value_over_the_bound_is_refused() {
        assert!(encode("x", &"a".repeat(VALUE_BYTES_MAX - 2)).is_ok());
        assert!(matches!(encode("x", &"a".repeat(VALUE_BYTES_MAX - 1)), Err(Error::TooLarge { .. })));
    }
}

//! The size and depth of values that come from outside or from templates: whether a journal may hold them.

use crate::limits::VALUE_LEVELS_MAX;
use serde_json::Value;
use std::io;

/// A value that no journal may hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Oversize {
    /// Too many bytes of JSON.
    #[error("more than {max} bytes as JSON")]
    Bytes {
        /// The bound.
        max: usize,
    },
    /// Too deeply nested.
    #[error("more than {VALUE_LEVELS_MAX} levels deep")]
    Levels,
}

/// Whether `value` has at most `bytes_max` bytes as JSON and at most [`VALUE_LEVELS_MAX`] levels. Takes no memory for it, and
/// no more of the stack than the bound on levels allows.
///
/// # Errors
/// What it has too much of.
pub fn check_size(value: &Value, bytes_max: usize) -> Result<(), Oversize> {
    let mut open = vec![(value, 0_usize)];
    while let Some((next, level)) = open.pop() {
        let inner = level + 1;
        match next {
            Value::Array(_) | Value::Object(_) if inner > VALUE_LEVELS_MAX => return Err(Oversize::Levels),
            Value::Array(items) => open.extend(items.iter().map(|item| (item, inner))),
            Value::Object(entries) => open.extend(entries.values().map(|item| (item, inner))),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    serde_json::to_writer(Room(bytes_max), value).map_err(|_| Oversize::Bytes { max: bytes_max })
}

/// Room for so many bytes, which are not kept.
struct Room(usize);

impl io::Write for Room {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(value: &Value, expected: Result<(), Oversize>) {
        assert_eq!(check_size(value, 10), expected, "{value}");
    }

    #[test]
    fn bytes_and_levels_are_bounded() {
        check(&json!("12345678"), Ok(()));
        check(&json!("123456789"), Err(Oversize::Bytes { max: 10 }));
        let nested = |levels: usize| (0..levels).fold(json!(1), |inner, _| Value::Array(vec![inner]));
        assert_eq!(check_size(&nested(VALUE_LEVELS_MAX), 1_000), Ok(()));
        assert_eq!(check_size(&nested(VALUE_LEVELS_MAX + 1), 1_000), Err(Oversize::Levels));
        assert_eq!(check_size(&nested(2_000), 10_000), Err(Oversize::Levels));
    }
}

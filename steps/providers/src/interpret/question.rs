//! Asking a document the manifest's questions. An answer may be that the document does not say.

use crate::manifest::{Check, Test};
use crate::template::{Scope, instant_ms};
use serde_json::Value;

/// Whether all tests hold: nothing where none fails but one cannot be told.
pub(super) fn all(
    tests: &[Test],
    document: &Value,
    status: Option<&str>,
    scope: &Scope<'_>,
) -> Result<Option<bool>, String> {
    let mut answer = Some(true);
    for test in tests {
        match ask(test, document, status, scope)? {
            Some(true) => {}
            Some(false) => return Ok(Some(false)),
            None => answer = None,
        }
    }
    Ok(answer)
}

/// Whether one test holds.
pub(super) fn ask(
    test: &Test,
    document: &Value,
    status: Option<&str>,
    scope: &Scope<'_>,
) -> Result<Option<bool>, String> {
    let (at, without, is, absent) = match test {
        Test::Status(known) => return Ok(status.map(|status| known.iter().any(|known| known == status))),
        Test::At { at, without, is, absent } => (at, without, is, *absent),
    };
    let mut found = at.select(document);
    if let Some(without) = without {
        found.retain(|value| !leads_to_something(without, value));
    }
    let nothing = found.iter().all(|value| value.is_null());
    let answer = match is {
        Check::Count(count) => Some(found.len() == *count),
        Check::Equals(tree) => {
            let wanted = tree.eval(scope)?;
            found.retain(|value| !value.is_null());
            match (found.is_empty(), wanted) {
                (false, Some(wanted)) => Some(found.into_iter().any(|value| *value == wanted)),
                (true, _) | (_, None) => None,
            }
        }
        Check::Contains(text) => {
            let mut texts = found.iter().filter_map(|value| value.as_str()).peekable();
            texts.peek().is_some().then(|| texts.any(|found| found.to_lowercase().contains(text)))
        }
        Check::NotBefore { from, .. } => {
            let wanted = from.eval(scope)?.as_ref().and_then(instant_ms);
            let found = found.into_iter().find_map(instant_ms);
            found.zip(wanted).map(|(found, wanted)| found >= wanted)
        }
    };
    Ok(if nothing && !matches!(is, Check::Count(_)) { absent.or(answer) } else { answer })
}

/// Whether a pointer leads to anything that is neither null nor empty text.
pub(super) fn leads_to_something(pointer: &crate::pointer::Pointer, value: &Value) -> bool {
    pointer.select(value).into_iter().any(|found| !found.is_null() && found.as_str() != Some(""))
}

//! Whether a thing at the provider is what an operation would have made, and what its clock has to do with that.
//!
//! A time in a list is the provider's, the time it is compared with is ours, and a difference between the two clocks must neither
//! hide what was made nor pass another run's thing off as ours. What a name says is compared as it is; a name that the provider may
//! have changed leaves the doubt. No request is made here.

use super::question;
use crate::limits::{CUT_CHARS_MIN, NAMED_MS, SECONDS_MAX, SKEW_MS_MAX, SKEW_MS_MIN};
use crate::manifest::{Check, Test};
use crate::template::{Scope, instant_ms, text_of};
use serde_json::Value;

/// How one thing fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    Yes,
    No,
    /// It does not say enough.
    Unclear,
    /// It does but for its spelling, which the provider may have changed.
    Nearly,
    /// It does but for its time: `made` by the provider's clock, `limit` by ours, in milliseconds since 1970.
    Early {
        made: i64,
        limit: i64,
    },
}

/// By how much our clock is ahead of the provider's, in milliseconds, as far as its replies have told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Skew(Option<i64>);

impl Skew {
    /// From our time at a reply and the time that the reply says.
    pub(super) fn between(ours_ms: i64, theirs_ms: i64) -> Self {
        Self(Some(ours_ms.saturating_sub(theirs_ms)))
    }

    /// By how much ours is ahead, where it is by more than an answer takes.
    pub(super) fn ahead_ms(self) -> Option<i64> {
        self.0.filter(|skew| *skew >= SKEW_MS_MIN)
    }

    /// What is told of it to people.
    pub(super) fn words(self) -> String {
        match self.0 {
            Some(skew) if skew.unsigned_abs() < SKEW_MS_MIN.unsigned_abs() => "; the two clocks agree now".to_string(),
            Some(skew) => {
                let which = if skew > 0 { "ahead of" } else { "behind" };
                format!("; ours is {} s {which} the provider's now", (skew / 1000).unsigned_abs())
            }
            None => String::new(),
        }
    }

    /// How a time of the provider stands to a limit of ours. From `since` on it fits; before that, down to the margin, it may be
    /// of the step all the same: the clocks may have been set since the request was sent, and the times of a document may come from
    /// another machine than the `Date` of a reply.
    fn place(self, made: i64, limit: i64, margin_ms: i64, is_ours: bool) -> Fit {
        let skew = self.0.unwrap_or(0);
        let theirs = limit.saturating_sub(skew);
        let since = if skew.unsigned_abs() <= SKEW_MS_MAX.unsigned_abs() { theirs } else { theirs.max(limit) };
        if made >= since.saturating_sub(if is_ours { NAMED_MS } else { 0 }) {
            Fit::Yes
        } else if is_ours || made >= theirs.min(limit).saturating_sub(margin_ms) {
            Fit::Early { made, limit }
        } else {
            Fit::No
        }
    }
}

/// Whether all tests hold. What names the run is never another run's, so that its time can only leave the doubt.
pub(super) fn fit(
    tests: &[Test],
    document: &Value,
    status: Option<&str>,
    scope: &Scope<'_>,
    skew: Skew,
    run: &str,
) -> Result<Fit, String> {
    let (mut unclear, mut nearly, mut is_ours) = (false, false, false);
    for test in tests.iter().filter(|test| !is_time(test)) {
        match question::ask(test, document, status, scope)? {
            Some(true) => {}
            None => unclear = true,
            Some(false) => match spelled(test, document, scope)? {
                Spelled::So => {}
                Spelled::Nearly => nearly = true,
                Spelled::Otherwise => return Ok(Fit::No),
            },
        }
        is_ours |= names(test, scope, run)?;
    }
    let mut early = None;
    for test in tests {
        let Test::At { at, is: Check::NotBefore { from, margin_ms }, .. } = test else { continue };
        let limit = from.eval(scope)?.as_ref().and_then(instant_ms);
        let told = at.select(document);
        // Such a number is no time in seconds, and nobody said what it is.
        if told.iter().any(|value| value.as_i64().is_some_and(|number| number > SECONDS_MAX)) {
            unclear = true;
            continue;
        }
        let made = told.into_iter().find_map(instant_ms);
        match made.zip(limit).map(|(made, limit)| skew.place(made, limit, *margin_ms, is_ours)) {
            Some(Fit::No) => return Ok(Fit::No),
            Some(found @ Fit::Early { .. }) => early = Some(found),
            Some(_) => {}
            None => match question::ask(test, document, status, scope)? {
                Some(true) => {}
                Some(false) => return Ok(Fit::No),
                None => unclear = true,
            },
        }
    }
    Ok(match (unclear, nearly, early) {
        (true, ..) => Fit::Unclear,
        (_, true, _) => Fit::Nearly,
        (_, _, Some(early)) => early,
        _ => Fit::Yes,
    })
}

fn is_time(test: &Test) -> bool {
    matches!(test, Test::At { is: Check::NotBefore { .. }, .. })
}

/// Whether a test asks for something with the run's id in it.
fn names(test: &Test, scope: &Scope<'_>, run: &str) -> Result<bool, String> {
    let Test::At { is: Check::Equals(tree), .. } = test else { return Ok(false) };
    Ok(tree.eval(scope)?.is_some_and(|wanted| wanted.as_str().is_some_and(|wanted| wanted.contains(run))))
}

/// How a text that is not the one asked for stands to it.
enum Spelled {
    /// The same, but that one is a number or a boolean.
    So,
    Nearly,
    Otherwise,
}

fn spelled(test: &Test, document: &Value, scope: &Scope<'_>) -> Result<Spelled, String> {
    let Test::At { at, without: None, is: Check::Equals(tree), .. } = test else { return Ok(Spelled::Otherwise) };
    let Some(wanted) = tree.eval(scope)?.filter(|wanted| !wanted.is_array() && !wanted.is_object()) else {
        return Ok(Spelled::Otherwise);
    };
    let wanted = text_of(&wanted);
    let found = at.select(document).into_iter().filter(|found| !found.is_array() && !found.is_object());
    let mut best = Spelled::Otherwise;
    for found in found.map(text_of) {
        if found == wanted {
            return Ok(Spelled::So);
        }
        if alike(&found, &wanted) {
            best = Spelled::Nearly;
        }
    }
    Ok(best)
}

/// Whether a provider may have made the one text of the other: with other letter case, spaces or punctuation, with a file's extension
/// more or less, without the letters that it does not know, with marks of HTML, or cut off.
fn alike(found: &str, wanted: &str) -> bool {
    let (have, want) = (letters(stem(found)), letters(stem(wanted)));
    let is_cut = || have.chars().count() >= CUT_CHARS_MIN && want.starts_with(&have);
    let plain = |text: &str| -> String { text.trim().chars().map(|c| if c.is_ascii() { c } else { '?' }).collect() };
    let is_poorer = || found.contains(['?', '\u{fffd}']) && plain(&found.replace('\u{fffd}', "?")) == plain(wanted);
    !have.is_empty() && (have == want || is_cut()) || is_poorer()
}

/// Only letters and digits, in lower case.
fn letters(text: &str) -> String {
    let marks = [("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&apos;", "'")];
    let text = marks.iter().fold(text.to_string(), |text, (mark, plain)| text.replace(mark, plain));
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// A name without the extension of a document.
fn stem(text: &str) -> &str {
    let text = text.trim();
    let is_known = |end: &str| [".pdf", ".docx", ".doc"].iter().any(|known| known.eq_ignore_ascii_case(end));
    match text.rfind('.') {
        Some(at) if at > 0 && is_known(&text[at..]) => &text[..at],
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::{Fit, Skew, alike};

    #[test]
    fn a_changed_name_is_alike_and_another_is_not() {
        let check = |found: &str, wanted: &str, expected: bool| assert_eq!(alike(found, wanted), expected, "{found}");
        check("nda - acme", "NDA - Acme", true);
        check("NDA \u{2013} Acme ", "NDA - Acme", true);
        check("R&amp;D NDA", "R&D NDA", true);
        check("NDA - Acme.pdf", "NDA - Acme", true);
        check("NDA - Acme", "NDA - Acme.PDF", true);
        check("M?ller", "M\u{fc}ller", true);
        check("M\u{fffd}ller", "M\u{fc}ller", true);
        check("NDA - Acme", "NDA - Acme Ltd", false);
        check("NDA - Acme Ltd", "NDA - Acme", false);
        check("", "NDA", false);
        check("---", "NDA", false);
        check("Moller", "M\u{fc}ller", false);
        // Cut off after 40 characters; what is longer than was asked for was not cut.
        let long = "Master services agreement with a counterparty of a long name [018f]";
        check(&long[..40], long, true);
        check(&long[..20], long, false);
        check(&format!("{long} 2"), long, false);
    }

    #[test]
    fn a_time_fits_by_the_clock_that_it_is_from() {
        const HOUR: i64 = 3_600_000;
        let limit = 1_000 * HOUR;
        let check = |skew: Option<i64>, made: i64, is_ours: bool, expected: &str| {
            let skew = skew.map_or(Skew::default(), |skew| Skew::between(skew, 0));
            let told = match skew.place(limit + made, limit, 24 * HOUR, is_ours) {
                Fit::Yes => "yes",
                Fit::Early { .. } => "early",
                Fit::No => "no",
                Fit::Unclear | Fit::Nearly => "?",
            };
            assert_eq!(told, expected, "{skew:?} {made}");
        };
        check(None, 0, false, "yes");
        check(None, -1, false, "early");
        check(None, -24 * HOUR, false, "early");
        check(None, -24 * HOUR - 1, false, "no");
        check(None, -900 * HOUR, true, "early");
        // Ours is two hours ahead.
        check(Some(2 * HOUR), -2 * HOUR, false, "yes");
        check(Some(2 * HOUR), -2 * HOUR - 1, false, "early");
        check(Some(2 * HOUR), -26 * HOUR, false, "early");
        check(Some(2 * HOUR), -26 * HOUR - 1, false, "no");
        // Ours is two hours behind.
        check(Some(-2 * HOUR), 2 * HOUR, false, "yes");
        check(Some(-2 * HOUR), 2 * HOUR - 1, false, "early");
        check(Some(-2 * HOUR), -24 * HOUR, false, "early");
        check(Some(-2 * HOUR), -24 * HOUR - 1, false, "no");
        // What has the run's id in its name has five minutes more.
        check(None, -300_000, true, "yes");
        check(None, -300_001, true, "early");
        check(Some(2 * HOUR), -2 * HOUR - 300_000, true, "yes");
        // More than a day is no clock.
        check(Some(59_999), -59_999, false, "yes");
        check(Some(59_999), -60_000, false, "early");
        check(Some(900 * HOUR), -1, false, "early");
        check(Some(900 * HOUR), 0, false, "yes");
        check(Some(900 * HOUR), -924 * HOUR, false, "early");
        check(Some(-900 * HOUR), 900 * HOUR, false, "yes");
        check(Some(-900 * HOUR), 0, false, "early");
    }
}

//! What a failed request means: which class, in whose words, and whether it may have taken effect all the same.
//!
//! The rule for effects: a request that certainly never arrived did nothing; one that was definitely refused did nothing;
//! whatever lies between may have done it, if it was more than a read.

use crate::egress::Denied;
use crate::limits::{PATH_CHARS_MAX, REFUSAL_BYTES_MAX, REFUSAL_CHARS_MAX};
use crate::mask::MASKED;
use engross_step_api::limits::RETRY_AFTER_MS_MAX;
use engross_step_api::{ErrorClass, StepError, Timestamp};
use reqwest::header::{HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use std::error::Error;
use std::time::Duration;
use url::Url;

/// What is known about a request once it is on its way.
pub(crate) struct Attempt {
    /// `POST https://api.example/v1/contracts`; no query and no secret in it.
    pub(crate) what: String,
    /// Whether it may change something at the receiver.
    pub(crate) writes: bool,
    /// Texts that a reply may echo and an error must not show.
    pub(crate) secrets: Vec<String>,
    /// How long it may take.
    pub(crate) timeout: Duration,
    /// The step's clock.
    pub(crate) now: Timestamp,
}

impl Attempt {
    /// An error after which nobody can tell whether the receiver acted, unless it was a read.
    fn in_doubt(&self, error: StepError) -> StepError {
        if self.writes { error.maybe_done() } else { error }
    }

    /// A reply with an expected status that cannot be used.
    pub(crate) fn unusable(&self, code: &str, what: &str) -> StepError {
        let message = format!("{} answered with {what}", self.what);
        self.in_doubt(StepError::new(ErrorClass::Unknown, code, message))
    }
}

/// A URL as errors show it: without its query, and with a long path cut.
pub(crate) fn shown_url(url: &Url) -> String {
    let mut path: String = url.path().chars().take(PATH_CHARS_MAX).collect();
    if path.len() < url.path().len() {
        path.push('…');
    }
    format!("{}{path}", url.origin().ascii_serialization())
}

/// The innermost cause of an error, which is the one that says something.
pub(crate) fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// A request that got no answer, or not the whole of it.
pub(crate) fn transport(error: &reqwest::Error, attempt: &Attempt) -> StepError {
    if let Some(denied) = find_denied(error) {
        return denied.clone().into_error();
    }
    let what = &attempt.what;
    let cause = root_cause(error);
    if error.is_builder() {
        return StepError::new(ErrorClass::Invalid, "request", format!("{what} cannot be sent: {cause}"));
    }
    if error.is_connect() {
        return StepError::new(ErrorClass::Transient, "connect", format!("{what}: no connection: {cause}"));
    }
    attempt.in_doubt(if error.is_timeout() {
        let message = format!("{what}: no complete answer within {} ms", attempt.timeout.as_millis());
        StepError::new(ErrorClass::Transient, "timeout", message)
    } else {
        StepError::new(ErrorClass::Transient, "connection_lost", format!("{what}: no complete answer: {cause}"))
    })
}

fn find_denied<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Denied> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(denied) = error.downcast_ref::<Denied>() {
            return Some(denied);
        }
        cause = error.source();
    }
    None
}

/// An answer whose status was not expected.
pub(crate) async fn refusal(mut response: Response, attempt: &Attempt) -> StepError {
    let status = response.status();
    let headers = response.headers().clone();
    let mut body = Vec::new();
    // The words are a courtesy: where they do not come, the status says enough.
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = REFUSAL_BYTES_MAX - body.len();
        body.extend(chunk.iter().take(room));
        if body.len() == REFUSAL_BYTES_MAX {
            break;
        }
    }
    let message = format!("{} answered {status}{}", attempt.what, words(&body, &attempt.secrets));
    let code = format!("http_{}", status.as_u16());
    let (class, definite) = verdict(status);
    let error = StepError::new(class, code, message).retry_after_ms(retry_after_ms(&headers, class, attempt.now));
    let error = match redirect(status, &headers) {
        Some(hint) => error.hint(hint),
        None => error,
    };
    if definite { error } else { attempt.in_doubt(error) }
}

/// The class of an unexpected status, and whether it says that nothing was done.
fn verdict(status: StatusCode) -> (ErrorClass, bool) {
    match status.as_u16() {
        401 | 403 | 407 => (ErrorClass::Auth, true),
        404 | 410 => (ErrorClass::NotFound, true),
        408 => (ErrorClass::Transient, false),
        409 => (ErrorClass::Conflict, true),
        412 => (ErrorClass::State, true),
        425 => (ErrorClass::Transient, true),
        429 => (ErrorClass::RateLimited, true),
        400..=499 => (ErrorClass::Invalid, true),
        500..=599 => (ErrorClass::Transient, false),
        // A redirect after a POST often means that it was done; so does a 2xx that was not the expected one.
        300..=399 => (ErrorClass::Invalid, false),
        _ => (ErrorClass::Unknown, false),
    }
}

fn redirect(status: StatusCode, headers: &HeaderMap) -> Option<String> {
    let location = status.is_redirection().then(|| headers.get(LOCATION)).flatten()?;
    let location = location.to_str().ok()?;
    let shown: String = location.split('?').next().unwrap_or_default().chars().take(PATH_CHARS_MAX).collect();
    Some(format!("redirects are not followed; if {shown} is right, use it as the URL"))
}

/// The beginning of a reply on one line, without what must not be shown.
fn words(body: &[u8], secrets: &[String]) -> String {
    let mut text = String::from_utf8_lossy(body).into_owned();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        text = text.replace(secret.as_str(), MASKED);
    }
    let visible: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line: Vec<&str> = visible.split_whitespace().collect();
    let line = line.join(" ");
    if line.is_empty() {
        return " with an empty body".to_string();
    }
    let cut: String = line.chars().take(REFUSAL_CHARS_MAX).collect();
    let more = if cut.len() < line.len() { "…" } else { "" };
    format!(": {cut}{more}")
}

/// `Retry-After` in seconds or as an HTTP date, in milliseconds from now and bounded. Only where another attempt may help.
fn retry_after_ms(headers: &HeaderMap, class: ErrorClass, now: Timestamp) -> Option<u64> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !class.retryable() || text.is_empty() {
        return None;
    }
    let ms = if text.bytes().all(|b| b.is_ascii_digit()) {
        // Digits that do not fit are a very long time, which is cut below.
        text.parse::<u64>().unwrap_or(u64::MAX).saturating_mul(1_000)
    } else {
        let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
        Timestamp::from_millis(at.as_millisecond()).ms_since(now)
    };
    Some(ms.min(RETRY_AFTER_MS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    #[test]
    fn retry_after_is_read_and_bounded() {
        let check = |text: &str, class: ErrorClass, expected: Option<u64>| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_str(text).unwrap());
            let now = Timestamp::from_millis(784_111_777_000);
            assert_eq!(retry_after_ms(&headers, class, now), expected, "{text}");
        };
        check("7", ErrorClass::RateLimited, Some(7_000));
        check(" 0 ", ErrorClass::Transient, Some(0));
        check("Sun, 06 Nov 1994 08:49:47 GMT", ErrorClass::RateLimited, Some(10_000));
        check("Sun, 06 Nov 1994 08:49:27 GMT", ErrorClass::RateLimited, Some(0));
        check("315360000", ErrorClass::RateLimited, Some(RETRY_AFTER_MS_MAX));
        check("99999999999999999999999", ErrorClass::RateLimited, Some(RETRY_AFTER_MS_MAX));
        check("Wed, 31 Dec 9000 23:59:59 GMT", ErrorClass::RateLimited, Some(RETRY_AFTER_MS_MAX));
        check("soon", ErrorClass::RateLimited, None);
        check("-1", ErrorClass::RateLimited, None);
        check("7", ErrorClass::Invalid, None);
    }

    #[test]
    fn words_are_one_short_line_without_secrets() {
        let check = |body: &[u8], expected: &str| assert_eq!(words(body, &["s3cret".to_string()]), expected);
        check(b"", " with an empty body");
        check(b" \r\n\0 ", " with an empty body");
        check(b"{\n  \"error\": \"no\x1b[31m\"\n}", ": { \"error\": \"no [31m\" }");
        check(b"key s3cret is wrong", ": key ******** is wrong");
        check(b"\xff\xfe", ": \u{fffd}\u{fffd}");
        check("ä".repeat(400).as_bytes(), &format!(": {}…", "ä".repeat(300)));
    }

    #[test]
    fn a_url_is_shown_without_its_query() {
        let url = Url::parse("https://api.example:8443/a/b?token=x#y").unwrap();
        assert_eq!(shown_url(&url), "https://api.example:8443/a/b");
        let long = Url::parse(&format!("https://h.example/{}", "x".repeat(1_000))).unwrap();
        assert_eq!(shown_url(&long).chars().count(), "https://h.example".len() + PATH_CHARS_MAX + 1);
    }
}

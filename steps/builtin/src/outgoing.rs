//! One request of a step: sends it through the guard, and answers with a reply that was expected or with the failure it
//! means. It never retries and never follows a redirect. What failures mean is decided in `failure`.

use crate::egress::{Egress, Target};
use crate::failure::{self, Attempt};
use crate::limits::{REPLY_BYTES_MAX, REPLY_HEADER_BYTES_MAX, REQUEST_BYTES_MAX};
use crate::mask;
use bytes::{Bytes, BytesMut};
use engross_step_api::{ErrorClass, StepError, Timestamp};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Response};

/// The header that carries the key of an effect, so that the receiver can drop a repetition.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A request as a step wants it.
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) target: Target,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Body>,
    /// The key of the effect; sent with every request that is not a mere read.
    pub(crate) key: HeaderValue,
    /// The step's clock, for replies that say until when to stay away.
    pub(crate) now: Timestamp,
}

/// A request's body.
pub(crate) struct Body {
    /// Sent unless the headers say otherwise.
    pub(crate) media_type: &'static str,
    pub(crate) bytes: Bytes,
}

/// Whether a method may change something at the receiver.
pub(crate) fn writes(method: &Method) -> bool {
    !method.is_safe()
}

/// Sends it once. The reply's body has not been read yet.
///
/// # Errors
/// It did not leave, no answer came, or an answer whose status `expected` refuses.
pub(crate) async fn send(
    egress: &Egress,
    outgoing: Outgoing,
    expected: impl Fn(u16) -> bool,
) -> Result<(Response, Attempt), StepError> {
    let attempt = attempt(egress, &outgoing);
    let Outgoing { method, target, query, mut headers, body, key, .. } = outgoing;
    if body.as_ref().is_some_and(|body| body.bytes.len() > REQUEST_BYTES_MAX) {
        let message = format!("the request's body is longer than {REQUEST_BYTES_MAX} bytes");
        return Err(StepError::new(ErrorClass::Invalid, "request_too_large", message));
    }
    if attempt.writes {
        headers.insert(IDEMPOTENCY_KEY, key);
    }
    let mut request = egress.client(&target)?.request(method, target.url().clone());
    if !query.is_empty() {
        request = request.query(&query);
    }
    if let Some(body) = body {
        headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(body.media_type));
        request = request.body(body.bytes);
    }
    let response = request.headers(headers).send().await.map_err(|error| failure::transport(&error, &attempt))?;
    if expected(response.status().as_u16()) {
        Ok((response, attempt))
    } else {
        Err(failure::refusal(response, &attempt).await)
    }
}

fn attempt(egress: &Egress, outgoing: &Outgoing) -> Attempt {
    let secrets = outgoing.headers.iter().filter(|(name, _)| mask::is_secret(name.as_str()));
    let secrets = secrets.filter_map(|(_, value)| value.to_str().ok()).flat_map(|text| {
        // `Bearer abc` is echoed as `abc` by some, and whole by others.
        [Some(text), text.split_once(' ').map(|(_, credentials)| credentials)]
    });
    Attempt {
        what: format!("{} {}", outgoing.method, failure::shown_url(outgoing.target.url())),
        writes: writes(&outgoing.method),
        secrets: secrets.flatten().map(str::to_string).collect(),
        timeout: egress.attempt_timeout(),
        now: outgoing.now,
    }
}

/// Reads the body of an expected reply, bounded. A failure here leaves the effect in doubt: the receiver has acted.
///
/// # Errors
/// The connection broke, or the reply is longer than a reply may be.
pub(crate) async fn read_body(mut response: Response, attempt: &Attempt) -> Result<Bytes, StepError> {
    let header_bytes: usize = response.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if header_bytes > REPLY_HEADER_BYTES_MAX {
        return Err(
            attempt.unusable("reply_too_large", &format!("headers of more than {REPLY_HEADER_BYTES_MAX} bytes"))
        );
    }
    let too_long = || attempt.unusable("reply_too_large", &format!("a body of more than {REPLY_BYTES_MAX} bytes"));
    if response.content_length().is_some_and(|length| length > REPLY_BYTES_MAX as u64) {
        return Err(too_long());
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failure::transport(&error, attempt))? {
        if body.len() + chunk.len() > REPLY_BYTES_MAX {
            return Err(too_long());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

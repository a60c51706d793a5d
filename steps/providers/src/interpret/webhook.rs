//! Webhooks: the sender is verified over the raw bytes, then the body is read. No IO, no state.
//!
//! Whether a delivery came before is the inbox's matter; this only says what makes two deliveries the same.

use crate::limits::{FORM_PAIRS_MAX, SIGNATURES_MAX, WEBHOOK_BYTES_MAX};
use crate::manifest::{Scheme, WebhookBody, Webhooks};
use crate::pointer::Pointers;
use crate::template::fold;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use engross_step_api::{IncomingEvent, RawWebhook, WebhookError, WebhookSettings};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::ExposeSecret;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use subtle::ConstantTimeEq;

/// Verifies and reads one delivery; nothing where it only tests the address.
pub(super) fn receive(
    spec: &Webhooks,
    settings: &WebhookSettings,
    webhook: &RawWebhook<'_>,
) -> Result<Option<IncomingEvent>, WebhookError> {
    if webhook.body.len() > WEBHOOK_BYTES_MAX {
        return Err(WebhookError::Malformed(format!("the body is larger than {WEBHOOK_BYTES_MAX} bytes")));
    }
    verify(spec, settings, webhook)?;
    let data = match decode(spec, webhook) {
        Ok(data) => data,
        Err(_) if spec.pings && webhook.body.trim_ascii().is_empty() => return Ok(None),
        Err(problem) => return Err(WebhookError::Malformed(problem)),
    };
    event(spec, data, webhook.body)
}

/// Reads what a decoded delivery says; nothing where it only tests the address. `body` is what it was decoded from.
pub(super) fn event(spec: &Webhooks, mut data: Value, body: &[u8]) -> Result<Option<IncomingEvent>, WebhookError> {
    if spec.pings && spec.kind.first(&data).is_none() && spec.correlate.first(&data).is_none() {
        return Ok(None);
    }
    for (pointer, spellings) in &spec.values {
        let told = pointer.first(&data).and_then(Value::as_str).and_then(|text| spellings.get(&fold(text)));
        if let Some(value) = told.cloned() {
            pointer.put(&mut data, value);
        }
    }
    let part = |pointers: &Pointers, what: &str| {
        let text = pointers.text(&data).filter(|text| !text.is_empty());
        text.ok_or_else(|| WebhookError::Malformed(format!("the body does not say {what}")))
    };
    let kind = part(&spec.kind, "what happened")?;
    let known = spec.events.keys().find(|known| known.eq_ignore_ascii_case(&kind));
    let kind = known.cloned().unwrap_or(kind);
    let correlation = part(&spec.correlate, "what it is about")?;
    let correlation = if spec.correlate_lower { correlation.to_lowercase() } else { correlation };
    let dedupe = dedupe(spec, &data, body);
    Ok(Some(IncomingEvent { dedupe, kind, correlation, data }))
}

/// The body as JSON: read as the sender says that it is, or else as the first of the possible ones that it can be.
fn decode(spec: &Webhooks, webhook: &RawWebhook<'_>) -> Result<Value, String> {
    let said = webhook.headers.iter().find(|(name, _)| name == "content-type").map(|(_, value)| value.to_lowercase());
    let said = said.and_then(|value| {
        let form = value.starts_with("application/x-www-form-urlencoded");
        let json = value.contains("json");
        form.then_some(WebhookBody::Form).or_else(|| json.then_some(WebhookBody::Json))
    });
    let said = said.filter(|said| spec.decode.contains(said));
    let mut problem = String::new();
    for body in said.into_iter().chain(spec.decode.iter().copied().filter(|body| Some(*body) != said)) {
        match read(body, webhook.body) {
            Ok(data) => return Ok(data),
            Err(told) => problem = if problem.is_empty() { told } else { problem },
        }
    }
    Err(problem)
}

fn read(body: WebhookBody, bytes: &[u8]) -> Result<Value, String> {
    match body {
        WebhookBody::Json => serde_json::from_slice(bytes).map_err(|problem| format!("the body is no JSON: {problem}")),
        WebhookBody::Form => {
            let text = std::str::from_utf8(bytes).map_err(|_| "the body is no form: it is not UTF-8".to_string())?;
            if !text.contains('=') || text.trim_start().starts_with(['{', '[']) {
                return Err("the body is no form".to_string());
            }
            let pairs = url::form_urlencoded::parse(text.trim().as_bytes()).take(FORM_PAIRS_MAX);
            let value =
                |(key, value): (Cow<'_, str>, Cow<'_, str>)| (key.into_owned(), Value::from(value.into_owned()));
            Ok(Value::Object(pairs.map(value).collect()))
        }
    }
}

/// The digest of what makes a delivery the one it is. Where a part is missing, the whole body stands in for it: two
/// deliveries that differ anywhere are then two events, because one event too many only makes a step look once more.
fn dedupe(spec: &Webhooks, data: &Value, body: &[u8]) -> String {
    let mut digest = Sha256::new();
    for pointers in &spec.dedupe {
        let part = pointers.text(data).unwrap_or_else(|| hex::encode(Sha256::digest(body)));
        // The length keeps `ab` + `c` apart from `a` + `bc`.
        digest.update(part.len().to_be_bytes());
        digest.update(part.as_bytes());
    }
    hex::encode(digest.finalize())
}

fn verify(spec: &Webhooks, settings: &WebhookSettings, webhook: &RawWebhook<'_>) -> Result<(), WebhookError> {
    // Without a secret, the unguessable address is the only check, and it has been made.
    let Some(secret) = &settings.secret else { return Ok(()) };
    let scheme = match settings.scheme.as_deref() {
        Some(name) => Scheme::named(name)
            .ok_or_else(|| WebhookError::Unverified(format!("the connection names no known scheme: `{name}`")))?,
        None => spec.verify.as_ref().map(|verify| verify.scheme).ok_or_else(undocumented)?,
    };
    let header = settings.header.as_deref().or_else(|| spec.verify.as_ref().map(|verify| verify.header.as_str()));
    let header = header.ok_or_else(undocumented)?.to_ascii_lowercase();
    let given = webhook.headers.iter().filter(|(name, _)| *name == header);
    let mut given = given.map(|(_, value)| value.trim()).take(SIGNATURES_MAX).peekable();
    if given.peek().is_none() {
        return Err(WebhookError::Unverified(format!("there is no header `{header}`")));
    }
    let secret = secret.expose_secret().as_bytes();
    if secret.is_empty() {
        return Err(WebhookError::Unverified("the connection's webhook secret is empty".to_string()));
    }
    let fits = |value: &str| {
        let prefix = spec.verify.as_ref().map_or("", |verify| verify.prefix.as_str());
        let value = value.strip_prefix(prefix).unwrap_or(value);
        is_signed(scheme, secret, value, webhook.body)
    };
    if given.any(fits) {
        return Ok(());
    }
    Err(WebhookError::Unverified(format!("the header `{header}` does not fit the body and the secret")))
}

fn undocumented() -> WebhookError {
    let message = "the connection has a webhook secret, and neither it nor the provider's documents say how it is used";
    WebhookError::Unverified(message.to_string())
}

/// Whether `value` proves that the sender knows the secret. Takes the same time wherever it differs.
fn is_signed(scheme: Scheme, secret: &[u8], value: &str, body: &[u8]) -> bool {
    let signature = match scheme {
        Scheme::HmacSha256Hex => hex::decode(value).ok(),
        Scheme::HmacSha256Base64 => STANDARD.decode(value).ok(),
        // Digests are compared, so that not even the length of the secret shows.
        Scheme::Plain => return Sha256::digest(value.as_bytes()).ct_eq(&Sha256::digest(secret)).into(),
    };
    let (Some(signature), Ok(mut mac)) = (signature, Hmac::<Sha256>::new_from_slice(secret)) else { return false };
    mac.update(body);
    mac.verify_slice(&signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"It's a Secret to Everybody";
    const BODY: &[u8] = b"Hello, World!";
    const SIGNATURE: &str = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    #[test]
    fn the_published_vector_verifies_in_every_scheme() {
        assert!(is_signed(Scheme::HmacSha256Hex, SECRET, SIGNATURE, BODY));
        assert!(is_signed(Scheme::HmacSha256Hex, SECRET, &SIGNATURE.to_uppercase(), BODY));
        let base64 = STANDARD.encode(hex::decode(SIGNATURE).expect("hex"));
        assert!(is_signed(Scheme::HmacSha256Base64, SECRET, &base64, BODY));
        assert!(is_signed(Scheme::Plain, SECRET, "It's a Secret to Everybody", BODY));
        assert!(!is_signed(Scheme::Plain, SECRET, "It's a Secret to Everybod", BODY));
        assert!(!is_signed(Scheme::Plain, SECRET, SIGNATURE, BODY));
        assert!(!is_signed(Scheme::HmacSha256Base64, SECRET, SIGNATURE, BODY));
        for broken in ["", "75", "zz", &SIGNATURE[2..], &format!("{SIGNATURE}00")] {
            assert!(!is_signed(Scheme::HmacSha256Hex, SECRET, broken, BODY), "{broken}");
        }
    }

    #[test]
    fn one_flipped_bit_is_refused() {
        let signature = hex::decode(SIGNATURE).expect("hex");
        for bit in 0..signature.len() * 8 {
            let mut forged = signature.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert!(!is_signed(Scheme::HmacSha256Hex, SECRET, &hex::encode(forged), BODY), "bit {bit}");
        }
        for bit in 0..BODY.len() * 8 {
            let mut forged = BODY.to_vec();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert!(!is_signed(Scheme::HmacSha256Hex, SECRET, SIGNATURE, &forged), "bit {bit}");
        }
    }
}

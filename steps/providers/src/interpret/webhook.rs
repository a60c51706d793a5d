//! Webhooks: the sender is verified over the raw bytes, then the body is read. No IO, no state.
//!
//! Whether a delivery came before is the inbox's matter; this only says what makes two deliveries the same.

use crate::limits::{SIGNATURES_MAX, WEBHOOK_BYTES_MAX};
use crate::manifest::{Scheme, Webhooks};
use crate::pointer::Pointers;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use engross_step_api::{IncomingEvent, RawWebhook, WebhookError, WebhookSettings};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::ExposeSecret;
use serde_json::Value;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Verifies and reads one delivery.
pub(super) fn receive(
    spec: &Webhooks,
    settings: &WebhookSettings,
    webhook: &RawWebhook<'_>,
) -> Result<IncomingEvent, WebhookError> {
    if webhook.body.len() > WEBHOOK_BYTES_MAX {
        return Err(WebhookError::Malformed(format!("the body is larger than {WEBHOOK_BYTES_MAX} bytes")));
    }
    verify(spec, settings, webhook)?;
    let data: Value = serde_json::from_slice(webhook.body)
        .map_err(|problem| WebhookError::Malformed(format!("the body is no JSON: {problem}")))?;
    let part = |pointers: &Pointers, what: &str| {
        let text = pointers.text(&data).filter(|text| !text.is_empty());
        text.ok_or_else(|| WebhookError::Malformed(format!("the body does not say {what}")))
    };
    let kind = part(&spec.kind, "what happened")?;
    let correlation = part(&spec.correlate, "what it is about")?;
    let dedupe = dedupe(spec, &data, webhook.body);
    Ok(IncomingEvent { dedupe, kind, correlation, data })
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
        None => spec.scheme,
    };
    let header = settings.header.as_deref().unwrap_or(&spec.header).to_ascii_lowercase();
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
        let value = value.strip_prefix(spec.prefix.as_str()).unwrap_or(value);
        is_signed(scheme, secret, value, webhook.body)
    };
    if given.any(fits) {
        return Ok(());
    }
    Err(WebhookError::Unverified(format!("the header `{header}` does not fit the body and the secret")))
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

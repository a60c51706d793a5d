//! Who sent a webhook: told over the raw bytes, by the ways of the manifest or by the connection's own. No clock: how old a
//! signature is, is measured by when the delivery came.

use super::intake;
use crate::keys::PublicKey;
use crate::limits::SIGNATURES_MAX;
use crate::manifest::{Encoding, FormPiece, Hash, Piece, Scheme, Verify, Webhooks};
use crate::template::{Expr, Scope, text_of};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use engross_step_api::{RawWebhook, WebhookError, WebhookSettings};
use ring::hmac;
use secrecy::ExposeSecret;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use subtle::ConstantTimeEq;

/// From this number on, a time is in milliseconds: in seconds it would be after the year 5000.
const MILLISECONDS_FROM: i64 = 100_000_000_000;

/// Checks the sender. Of several ways, one is enough.
pub(super) fn verify(
    spec: &Webhooks,
    settings: &WebhookSettings,
    webhook: &RawWebhook<'_>,
) -> Result<(), WebhookError> {
    let secret = settings.secret.as_ref().map(|secret| secret.expose_secret());
    let ways: Vec<Cow<'_, Verify>> = match secret {
        // Without a secret, the unguessable address is the only check, and it has been made; but a key that the manifest
        // knows is used in any case.
        None => spec.verify.iter().filter(|way| way.public_key.is_some()).map(Cow::Borrowed).collect(),
        Some("") => return Err(WebhookError::Unverified("the connection's webhook secret is empty".to_string())),
        Some(_) => ways(spec, settings)?,
    };
    let mut problems: Vec<String> = Vec::new();
    for way in &ways {
        match is_sent(way, secret.unwrap_or_default(), spec, webhook) {
            Ok(()) => return Ok(()),
            Err(problem) if problems.contains(&problem) => {}
            Err(problem) => problems.push(problem),
        }
    }
    if ways.is_empty() { Ok(()) } else { Err(WebhookError::Unverified(problems.join("; "))) }
}

/// The ways of the manifest, or the one that the connection describes.
fn ways<'s>(spec: &'s Webhooks, settings: &WebhookSettings) -> Result<Vec<Cow<'s, Verify>>, WebhookError> {
    if settings.scheme.is_none() && settings.header.is_none() {
        let documented: Vec<_> = spec.verify.iter().map(Cow::Borrowed).collect();
        return if documented.is_empty() { Err(undocumented()) } else { Ok(documented) };
    }
    let first = spec.verify.first();
    let scheme = match settings.scheme.as_deref() {
        Some(name) => Scheme::named(name)
            .ok_or_else(|| WebhookError::Unverified(format!("the connection names no known scheme: `{name}`")))?,
        None => first.map(|way| way.scheme).ok_or_else(undocumented)?,
    };
    let header = settings.header.clone().or_else(|| first.map(|way| way.header.clone()));
    let header = header.ok_or_else(undocumented)?.to_ascii_lowercase();
    Ok(vec![Cow::Owned(match first {
        // Another scheme has nothing to do with how the documented one is made up.
        Some(way) if way.scheme != scheme => Verify::plain(header, scheme, way.prefix.clone()),
        Some(way) => Verify { header, ..way.clone() },
        None => Verify::plain(header, scheme, String::new()),
    })])
}

fn undocumented() -> WebhookError {
    let message = "the connection has a webhook secret, and neither it nor the provider's documents say how it is used";
    WebhookError::Unverified(message.to_string())
}

/// Whether a delivery was sent in this way.
fn is_sent(way: &Verify, secret: &str, spec: &Webhooks, webhook: &RawWebhook<'_>) -> Result<(), String> {
    let values: Vec<&str> = headers(webhook, &way.header).take(SIGNATURES_MAX).collect();
    if values.is_empty() {
        return Err(format!("there is no header `{}`", way.header));
    }
    let key = match (way.scheme, &way.public_key) {
        (Scheme::Signed(..), Some(key)) => Some(Cow::Borrowed(key)),
        (Scheme::Signed(kind, _), None) => Some(Cow::Owned(
            PublicKey::parse(kind, secret).map_err(|problem| format!("the connection's webhook secret {problem}"))?,
        )),
        _ => None,
    };
    let doc = way.over.iter().any(|piece| matches!(piece, Piece::Field(_))).then(|| doc(spec, webhook));
    let mut problem = format!("the header `{}` does not fit the body and the secret", way.header);
    for value in values {
        let value = value.strip_prefix(way.prefix.as_str()).unwrap_or(value).trim();
        let Some((time, signatures)) = taken_apart(&way.form, value) else { continue };
        let time = match &way.timestamp {
            Some(name) => headers(webhook, name).next().map(str::to_string),
            None => time,
        };
        let Some(message) = message(way, time.as_deref(), doc.as_ref(), webhook.body) else { continue };
        let fits = |signature: &String| fits(way.scheme, secret.as_bytes(), key.as_deref(), signature, &message);
        if !signatures.iter().any(fits) {
            continue;
        }
        match age(way, time.as_deref(), webhook) {
            Ok(()) => return Ok(()),
            Err(told) => problem = told,
        }
    }
    Err(problem)
}

fn headers<'w>(webhook: &RawWebhook<'w>, wanted: &str) -> impl Iterator<Item = &'w str> {
    webhook.headers.iter().filter(move |(name, _)| name == wanted).map(|(_, value)| value.trim())
}

/// What the pieces that name the body's fields and headers can name.
fn doc(spec: &Webhooks, webhook: &RawWebhook<'_>) -> Map<String, Value> {
    let headers = webhook.headers.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
    let mut names = Map::from_iter([("headers".to_string(), Value::Object(headers))]);
    names.extend(intake::document(spec, webhook).ok().map(|doc| ("doc".to_string(), doc)));
    names
}

/// The time and the signatures in a header's value. A sender that changes its secret lists several signatures.
fn taken_apart(form: &[FormPiece], value: &str) -> Option<(Option<String>, Vec<String>)> {
    if form.is_empty() {
        return Some((None, vec![value.to_string()]));
    }
    let whole: String = value.split_whitespace().collect();
    let mut rest = whole.as_str();
    let (mut time, mut signature) = (None, None);
    for (at, piece) in form.iter().enumerate() {
        let FormPiece::Text(text) = piece else {
            let taken = match form.get(at + 1) {
                Some(FormPiece::Text(text)) => rest.split_at_checked(rest.find(text.as_str())?)?,
                _ => (rest, ""),
            };
            rest = taken.1;
            let slot = if *piece == FormPiece::Timestamp { &mut time } else { &mut signature };
            *slot = Some(taken.0.to_string());
            continue;
        };
        rest = rest.strip_prefix(text.as_str())?;
    }
    let mut signatures = Vec::new();
    for one in signature?.split(',').take(SIGNATURES_MAX) {
        signatures.push(one.to_string());
        signatures
            .extend(one.split_once('=').filter(|(_, named)| !named.is_empty()).map(|(_, named)| named.to_string()));
    }
    Some((time, signatures))
}

/// The bytes that are signed; nothing where a part of them is not there.
fn message(way: &Verify, time: Option<&str>, doc: Option<&Map<String, Value>>, body: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for piece in &way.over {
        match piece {
            Piece::Text(text) => bytes.extend(text.as_bytes()),
            Piece::Timestamp => bytes.extend(time?.as_bytes()),
            Piece::Body => bytes.extend(body),
            Piece::Field(expr) => bytes.extend(field(expr, doc?)?.as_bytes()),
        }
    }
    Some(bytes)
}

fn field(expr: &Expr, names: &Map<String, Value>) -> Option<String> {
    expr.eval(&Scope::new(names, false)).ok().flatten().filter(|value| !value.is_null()).as_ref().map(text_of)
}

/// Whether the time that is signed is near enough to the receipt.
fn age(way: &Verify, time: Option<&str>, webhook: &RawWebhook<'_>) -> Result<(), String> {
    let Some(tolerance_ms) = way.tolerance_ms else { return Ok(()) };
    let sent_ms = time.and_then(instant_ms).ok_or_else(|| "the time that is signed is no time".to_string())?;
    let apart_ms = webhook.received_at.as_millis().abs_diff(sent_ms);
    if apart_ms <= tolerance_ms {
        return Ok(());
    }
    Err(format!(
        "the signature was made {} s away from its receipt, and {} s are allowed: it is an old one, or a clock is wrong",
        apart_ms / 1000,
        tolerance_ms / 1000
    ))
}

/// A time as seconds, milliseconds or RFC 3339.
fn instant_ms(text: &str) -> Option<i64> {
    match text.parse::<i64>() {
        Ok(number) if number >= MILLISECONDS_FROM => Some(number),
        Ok(number) => number.checked_mul(1000),
        Err(_) => crate::template::instant_ms(&Value::from(text)),
    }
}

/// Whether `value` proves that the sender knows the secret or the private key. Takes the same time wherever it differs.
fn fits(scheme: Scheme, secret: &[u8], key: Option<&PublicKey>, value: &str, message: &[u8]) -> bool {
    match scheme {
        Scheme::Hmac(hash, encoding) => decoded(encoding, value).is_some_and(|signature| {
            let algorithm = match hash {
                Hash::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
                Hash::Sha256 => hmac::HMAC_SHA256,
                Hash::Sha512 => hmac::HMAC_SHA512,
            };
            hmac::verify(&hmac::Key::new(algorithm, secret), message, &signature).is_ok()
        }),
        Scheme::Signed(_, encoding) => {
            key.zip(decoded(encoding, value)).is_some_and(|(key, signature)| key.has_signed(message, &signature))
        }
        Scheme::Plain => same(value.as_bytes(), secret),
        Scheme::Basic => {
            let (word, rest) = value.split_once(' ').unwrap_or_default();
            let sent = STANDARD.decode(rest.trim()).ok().filter(|_| word.eq_ignore_ascii_case("basic"));
            sent.is_some_and(|sent| same(&sent, secret))
        }
    }
}

/// Digests are compared, so that not even the length of the secret shows.
fn same(one: &[u8], other: &[u8]) -> bool {
    Sha256::digest(one).ct_eq(&Sha256::digest(other)).into()
}

fn decoded(encoding: Encoding, value: &str) -> Option<Vec<u8>> {
    match encoding {
        Encoding::Hex => hex::decode(value).ok(),
        Encoding::Base64 => STANDARD.decode(value).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"It's a Secret to Everybody";
    const BODY: &[u8] = b"Hello, World!";
    const SIGNATURE: &str = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    const HEX: Scheme = Scheme::Hmac(Hash::Sha256, Encoding::Hex);

    fn is_signed(scheme: Scheme, value: &str, body: &[u8]) -> bool {
        fits(scheme, SECRET, None, value, body)
    }

    #[test]
    fn the_published_vector_verifies_in_every_scheme() {
        assert!(is_signed(HEX, SIGNATURE, BODY));
        assert!(is_signed(HEX, &SIGNATURE.to_uppercase(), BODY));
        let base64 = STANDARD.encode(hex::decode(SIGNATURE).expect("hex"));
        let in_base64 = Scheme::Hmac(Hash::Sha256, Encoding::Base64);
        assert!(is_signed(in_base64, &base64, BODY));
        assert!(is_signed(Scheme::Plain, "It's a Secret to Everybody", BODY));
        assert!(!is_signed(Scheme::Plain, "It's a Secret to Everybod", BODY));
        assert!(!is_signed(Scheme::Plain, SIGNATURE, BODY));
        assert!(!is_signed(in_base64, SIGNATURE, BODY));
        let basic = format!("Basic {}", STANDARD.encode(SECRET));
        assert!(is_signed(Scheme::Basic, &basic, BODY) && !is_signed(Scheme::Basic, &basic[6..], BODY));
        for broken in ["", "75", "zz", &SIGNATURE[2..], &format!("{SIGNATURE}00")] {
            assert!(!is_signed(HEX, broken, BODY), "{broken}");
        }
    }

    #[test]
    fn one_flipped_bit_is_refused() {
        let signature = hex::decode(SIGNATURE).expect("hex");
        for bit in 0..signature.len() * 8 {
            let mut forged = signature.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert!(!is_signed(HEX, &hex::encode(forged), BODY), "bit {bit}");
        }
        for bit in 0..BODY.len() * 8 {
            let mut forged = BODY.to_vec();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert!(!is_signed(HEX, SIGNATURE, &forged), "bit {bit}");
        }
    }

    #[test]
    fn headers_are_taken_apart() {
        use FormPiece::{Signature, Text, Timestamp};
        let check = |form: &[FormPiece], value: &str, expected: Option<(&str, &[&str])>| {
            let found = taken_apart(form, value);
            let found = found
                .as_ref()
                .map(|(time, all)| (time.as_deref().unwrap_or(""), all.iter().map(String::as_str).collect()));
            assert_eq!(found, expected.map(|(time, all)| (time, all.to_vec())), "{value}");
        };
        let dotted = [Timestamp, Text(".".into()), Signature];
        check(&dotted, "17.ab", Some(("17", &["ab"])));
        check(&dotted, "17", None);
        let listed = [Text("t=".into()), Timestamp, Text(",s0=".into()), Signature];
        check(&listed, "t=17, s0=ab, s1=cd==", Some(("17", &["ab", "s1=cd==", "cd=="])));
        check(&listed, "s0=ab", None);
        check(&[], "ab", Some(("", &["ab"])));
    }
}

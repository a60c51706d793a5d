//! Webhooks: the sender is verified over the raw bytes (`verify`), the body is read (`intake`), and what it says becomes events
//! here. No IO, no state.
//!
//! Whether a delivery came before is the inbox's matter; this only says what makes two deliveries the same.

use super::{intake, verify};
use crate::limits::WEBHOOK_BYTES_MAX;
use crate::manifest::Webhooks;
use crate::pointer::Pointers;
use crate::template::fold;
use engross_step_api::{IncomingEvent, RawWebhook, WebhookError, WebhookSettings};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Verifies and reads one delivery; nothing where it only tests the address. Of a list of events, those that can be read are
/// taken: a sender that is told that it failed would send the good ones again and again, too.
pub(super) fn receive(
    spec: &Webhooks,
    settings: &WebhookSettings,
    webhook: &RawWebhook<'_>,
) -> Result<Vec<IncomingEvent>, WebhookError> {
    if webhook.body.len() > WEBHOOK_BYTES_MAX {
        return Err(WebhookError::Malformed(format!("the body is larger than {WEBHOOK_BYTES_MAX} bytes")));
    }
    verify::verify(spec, settings, webhook)?;
    let data = match intake::document(spec, webhook) {
        Ok(data) => data,
        Err(_) if spec.pings && webhook.body.trim_ascii().is_empty() => return Ok(Vec::new()),
        Err(problem) => return Err(WebhookError::Malformed(problem)),
    };
    if spec.items.is_none() {
        return event(spec, data, webhook.body).map(|event| event.into_iter().collect());
    }
    let mut events = Vec::new();
    let mut refused = None;
    for item in intake::events(spec, data).map_err(WebhookError::Malformed)? {
        let body = item.to_string();
        match event(spec, item, body.as_bytes()) {
            Ok(event) => events.extend(event),
            Err(error) => {
                tracing::warn!(%error, "one of the events of a webhook cannot be read");
                refused = Some(error);
            }
        }
    }
    match refused {
        Some(error) if events.is_empty() => Err(error),
        _ => Ok(events),
    }
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

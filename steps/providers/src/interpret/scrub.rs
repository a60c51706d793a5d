//! Taking secrets out of what a provider sends back, before anybody keeps it.
//!
//! A provider that echoes a credential must not bring it into a journal. Secrets are found as they are, as base64 (at
//! each of the three positions they can have in longer text), percent-encoded and JSON-escaped.

use crate::limits::SECRET_BYTES_MIN;
use crate::manifest::Manifest;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use engross_step_api::{Connection, StepError};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::ExposeSecret;
use serde_json::Value;

/// What stands in the place of a secret.
pub(super) const MASK: &str = "***";

/// The secrets of one connection in every form they are looked for in, the longest first.
#[derive(Clone, Default)]
pub(super) struct Scrubber {
    needles: Vec<String>,
}

impl Scrubber {
    /// The scrubber of a connection: its secret settings, and what protects its webhooks.
    pub(super) fn of(connection: &Connection, manifest: &Manifest) -> Self {
        let declared = |name: &str| manifest.settings.get(name).is_some_and(|spec| spec.secret);
        let settings = connection.settings.iter();
        let settings = settings.filter(|(name, setting)| setting.is_secret() || declared(name));
        let webhook = [&connection.webhook.token, &connection.webhook.secret];
        let webhook = webhook.into_iter().flatten().map(ExposeSecret::expose_secret);
        Self::new(settings.map(|(_, setting)| setting.expose()).chain(webhook))
    }

    fn new<'a>(secrets: impl Iterator<Item = &'a str>) -> Self {
        let mut needles: Vec<String> =
            secrets.filter(|secret| secret.len() >= SECRET_BYTES_MIN).flat_map(forms).collect();
        needles.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        needles.dedup();
        Self { needles }
    }

    /// The text without secrets.
    pub(super) fn text(&self, text: &str) -> String {
        let mut text = text.to_string();
        for needle in &self.needles {
            if text.contains(needle) {
                text = text.replace(needle, MASK);
            }
        }
        text
    }

    /// The value without secrets, in keys and texts.
    pub(super) fn value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(&text)),
            Value::Array(items) => items.into_iter().map(|item| self.value(item)).collect(),
            Value::Object(map) => {
                Value::Object(map.into_iter().map(|(key, value)| (self.text(&key), self.value(value))).collect())
            }
            other => other,
        }
    }

    /// The error without secrets.
    pub(super) fn error(&self, mut error: StepError) -> StepError {
        error.message = self.text(&error.message);
        error.hint = error.hint.map(|hint| self.text(&hint));
        error
    }
}

/// Every form of a secret, each long enough not to be found by chance.
fn forms(secret: &str) -> Vec<String> {
    let percent = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
    let json = Value::from(secret).to_string();
    let mut forms = vec![secret.to_string(), percent.to_lowercase(), percent, json.trim_matches('"').to_string()];
    for shift in 0..3_usize {
        let mut bytes = vec![0; shift];
        bytes.extend_from_slice(secret.as_bytes());
        // The first characters hold bits of what stands before, the last one bits of what stands after.
        let from = (shift * 8).div_ceil(6);
        let to = (bytes.len() * 8) / 6;
        for encoded in [STANDARD_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)] {
            forms.extend(encoded.get(from..to).map(str::to_string));
        }
    }
    forms.retain(|form| form.len() >= SECRET_BYTES_MIN);
    forms
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;

    #[test]
    fn secrets_are_found_in_every_form() {
        let secret = "k\"y/äß+secret";
        let scrubber = Scrubber::new([secret].into_iter());
        let percent = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
        for prefix in ["", "a", "ab", "abc"] {
            for form in [secret.to_string(), percent.clone(), percent.to_lowercase(), json!(secret).to_string()] {
                let text = scrubber.text(&format!("{prefix}{form} end"));
                assert!(text.contains(MASK) && !text.contains("secret"), "{form}: {text}");
            }
            let basic = STANDARD.encode(format!("{prefix}{secret}:tail"));
            let text = scrubber.text(&basic);
            assert!(text.contains(MASK) && text.len() < basic.len(), "{basic}: {text}");
        }
    }

    #[test]
    fn short_words_are_left_alone() {
        let scrubber = Scrubber::new(["key"].into_iter());
        assert_eq!(scrubber.text("the key of the monkey"), "the key of the monkey");
    }

    #[test]
    fn values_are_scrubbed_in_keys_and_texts() {
        let scrubber = Scrubber::new(["topsecret"].into_iter());
        let value = json!({"a": ["x topsecret y", 1], "topsecret": null});
        assert_eq!(scrubber.value(value), json!({"a": ["x *** y", 1], "***": null}));
    }
}

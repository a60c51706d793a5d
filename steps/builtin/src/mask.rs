//! What must not be shown: the values of headers and query parameters whose names say that they are secret. Workflows hold
//! no secrets by design, but nothing keeps an author from writing one into a header.

use serde_json::Value;

/// What stands for a secret.
pub(crate) const MASKED: &str = "********";

/// Parts of names whose values are not shown.
const SECRET_WORDS: [&str; 9] =
    ["authorization", "cookie", "token", "secret", "password", "api-key", "api_key", "apikey", "credential"];

/// Whether a header or parameter of this name is not to be shown.
pub(crate) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

/// The value, or what stands for it.
pub(crate) fn shown<'a>(name: &str, value: &'a str) -> &'a str {
    if is_secret(name) { MASKED } else { value }
}

/// A URL as text with the values of secret parameters masked. It need not be a real URL: `plan` shows templates in it.
pub(crate) fn url(text: &str) -> String {
    let Some((start, query)) = text.split_once('?') else { return text.to_string() };
    let pairs: Vec<String> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((name, value)) => format!("{name}={}", shown(name, value)),
            None => pair.to_string(),
        })
        .collect();
    format!("{start}?{}", pairs.join("&"))
}

/// JSON with the values of secret names masked, at any depth.
pub(crate) fn json(value: &mut Value) {
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(map) => {
                for (name, value) in map {
                    if is_secret(name) {
                        *value = Value::from(MASKED);
                    } else {
                        open.push(value);
                    }
                }
            }
            Value::Array(list) => open.extend(list),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn secrets_are_known_by_their_names() {
        for name in ["Authorization", "Proxy-Authorization", "X-Api-Key", "Cookie", "access_token"] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["Idempotency-Key", "Content-Type", "page", "signature_page"] {
            assert!(!is_secret(name), "{name}");
        }
        assert_eq!(url("https://<host>/a?token=5&page=2&x"), "https://<host>/a?token=********&page=2&x");
        assert_eq!(url("https://h/a"), "https://h/a");
        let mut body = json!({ "a": [{ "password": "p", "b": 1 }] });
        super::json(&mut body);
        assert_eq!(body, json!({ "a": [{ "password": MASKED, "b": 1 }] }));
    }
}

//! From an operation and its inputs to a request, as data. Pure, so that a preview shows what an execution sends.

use super::session::bad_input;
use crate::manifest::{Decode, Manifest, Operation};
use crate::template::{Part, Scope, Template, is_placeholder, text_of};
use engross_step_api::StepError;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

/// Everything but the characters that RFC 3986 calls unreserved.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A request before it is put on the wire.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Request {
    pub(super) url: String,
    pub(super) headers: Vec<Header>,
    pub(super) body: Option<Value>,
}

/// One header.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Header {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) credential: bool,
}

impl Header {
    fn new(name: &str, value: &str) -> Self {
        Self { name: name.to_string(), value: value.to_string(), credential: false }
    }
}

/// Builds the request of an operation. `key` is the idempotency key of an effect.
pub(super) fn build(
    manifest: &Manifest,
    operation: &Operation,
    base: &str,
    scope: &Scope<'_>,
    key: Option<&str>,
) -> Result<Request, StepError> {
    let bad = |problem: String| bad_input(operation, &problem);
    let base = base.trim_end_matches('/');
    let mut url = format!("{base}{}", path(&operation.path, scope).map_err(bad)?);
    let query = query(&operation.query, scope).map_err(bad)?;
    if !query.is_empty() {
        url.push('?');
        url.push_str(&query);
    }
    let accept = match &operation.response.decode {
        Decode::Json => "application/json",
        Decode::File { media_type, .. } => media_type,
        Decode::Ignore => "*/*",
    };
    let mut headers = vec![Header::new("accept", accept)];
    for spec in &operation.headers {
        if let Some(value) = spec.value.eval(scope).map_err(bad)? {
            headers.push(Header { name: spec.name.clone(), value: text_of(&value), credential: spec.credential });
        }
    }
    let body = match &operation.body {
        Some(tree) => {
            headers.push(Header::new("content-type", "application/json"));
            Some(tree.eval(scope).map_err(bad)?.unwrap_or_else(|| Value::Object(Map::new())))
        }
        None => None,
    };
    if let Some((name, key)) = manifest.idempotency_header.as_ref().zip(key) {
        headers.push(Header::new(name, key));
    }
    Ok(Request { url, headers, body })
}

/// The path, each value in it percent-encoded. A value that is missing, empty, or made of dots would lead to another
/// address.
fn path(template: &Template, scope: &Scope<'_>) -> Result<String, String> {
    let mut path = String::new();
    for part in &template.parts {
        match part {
            Part::Text(text) => path.push_str(text),
            Part::Expr(expr) => {
                let name = expr.path.join(".");
                let text = match expr.eval(scope)? {
                    Some(Value::String(text)) => text,
                    Some(Value::Number(number)) => number.to_string(),
                    None | Some(Value::Null) if scope.is_preview() => format!("<{name}>"),
                    None | Some(Value::Null) => return Err(format!("`{name}` is missing, and the address needs it")),
                    Some(_) => return Err(format!("`{name}` must be text to be a part of the address")),
                };
                match text.as_str() {
                    "" => return Err(format!("`{name}` is empty, and the address needs it")),
                    "." | ".." => return Err(format!("`{name}` is `{text}`, which is no id")),
                    _ => path.push_str(&encode(&text, scope.is_preview())),
                }
            }
        }
    }
    Ok(path)
}

/// The query in the order of the manifest; what is absent or null is left out.
fn query(entries: &[(String, crate::template::Tree)], scope: &Scope<'_>) -> Result<String, String> {
    let mut pairs = Vec::new();
    for (name, tree) in entries {
        match tree.eval(scope)? {
            None | Some(Value::Null) => {}
            Some(Value::Array(_) | Value::Object(_)) => {
                return Err(format!("`{name}` of the query must be text: a list is joined by `|join(',')`"));
            }
            Some(value) => {
                let value = encode(&text_of(&value), scope.is_preview());
                pairs.push(format!("{}={value}", encode(name, false)));
            }
        }
    }
    Ok(pairs.join("&"))
}

/// Percent-encoded text. In a preview, what stands in angle brackets is left as it is.
fn encode(text: &str, preview: bool) -> String {
    if !preview || !is_placeholder(&Value::from(text)) {
        return utf8_percent_encode(text, ENCODED).to_string();
    }
    let mut encoded = String::new();
    let mut rest = text;
    while let Some((before, (inside, after))) =
        rest.split_once('<').and_then(|(before, after)| Some((before, after.split_once('>')?)))
    {
        encoded.extend(utf8_percent_encode(before, ENCODED));
        encoded.push_str(&format!("<{inside}>"));
        rest = after;
    }
    encoded.extend(utf8_percent_encode(rest, ENCODED));
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(template: &str, input: Value, preview: bool, expected: Result<&str, &str>) {
        let names = Map::from_iter([("input".to_string(), input.clone())]);
        let template = Template::parse(template).expect(template);
        let found = path(&template, &Scope::new(&names, preview));
        assert_eq!(found.as_deref(), expected.map_err(str::to_string).as_ref().copied(), "{input}");
    }

    #[test]
    fn path_values_never_lead_elsewhere() {
        let path = "/contracts/${input.id}/sign";
        check(path, json!({"id": "a/b c?d#e%ä"}), false, Ok("/contracts/a%2Fb%20c%3Fd%23e%25%C3%A4/sign"));
        check(path, json!({"id": 7}), false, Ok("/contracts/7/sign"));
        check(path, json!({"id": ".."}), false, Err("`input.id` is `..`, which is no id"));
        check(path, json!({"id": ""}), false, Err("`input.id` is empty, and the address needs it"));
        check(path, json!({"id": null}), false, Err("`input.id` is missing, and the address needs it"));
        check(path, json!({}), false, Err("`input.id` is missing, and the address needs it"));
        check(path, json!({"id": []}), false, Err("`input.id` must be text to be a part of the address"));
    }

    #[test]
    fn previews_keep_what_is_known_later_readable() {
        let path = "/contracts/${input.id}";
        check(path, json!({"id": "<steps.a.outputs.b>"}), true, Ok("/contracts/<steps.a.outputs.b>"));
        check(path, json!({"id": "a b/<x>/ü"}), true, Ok("/contracts/a%20b%2F<x>%2F%C3%BC"));
        check(path, json!({"id": "<b>"}), false, Ok("/contracts/%3Cb%3E"));
        check(path, json!({}), true, Ok("/contracts/<input.id>"));
    }
}

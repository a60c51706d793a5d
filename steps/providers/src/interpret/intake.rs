//! The body of a webhook as a document: JSON, a form, or a form of several parts, any of which may hold JSON in one field;
//! and the events that a document is a list of.

use crate::limits::{EVENTS_PER_WEBHOOK_MAX, FORM_PAIRS_MAX};
use crate::manifest::{WebhookBody, Webhooks};
use engross_step_api::RawWebhook;
use serde_json::{Map, Value};

/// The longest boundary between parts, in bytes (RFC 2046).
const BOUNDARY_BYTES_MAX: usize = 70;

/// The body as JSON: read as the sender says that it is, or else as the first of the possible ones that it can be.
pub(super) fn document(spec: &Webhooks, webhook: &RawWebhook<'_>) -> Result<Value, String> {
    let media_type = webhook.headers.iter().find(|(name, _)| name == "content-type").map_or("", |(_, value)| value);
    let lower = media_type.to_lowercase();
    let said = match lower.as_str() {
        said if said.starts_with("application/x-www-form-urlencoded") => Some(WebhookBody::Form),
        said if said.starts_with("multipart/") => Some(WebhookBody::Multipart),
        said if said.contains("json") => Some(WebhookBody::Json),
        _ => None,
    };
    let said = said.filter(|said| spec.decode.contains(said));
    let mut problem = String::new();
    for body in said.into_iter().chain(spec.decode.iter().copied().filter(|body| Some(*body) != said)) {
        match read(spec, body, media_type, webhook.body) {
            Ok(data) => return Ok(data),
            Err(told) => problem = if problem.is_empty() { told } else { problem },
        }
    }
    Err(problem)
}

/// The events of a document: itself, or the items of its list.
pub(super) fn events(spec: &Webhooks, document: Value) -> Result<Vec<Value>, String> {
    let Some(items) = &spec.items else { return Ok(vec![document]) };
    match items.first(&document) {
        Some(Value::Array(items)) if items.len() > EVENTS_PER_WEBHOOK_MAX => {
            Err(format!("the body has more than {EVENTS_PER_WEBHOOK_MAX} events"))
        }
        Some(Value::Array(items)) => Ok(items.clone()),
        // A sender that has only one may leave the list out.
        Some(one @ Value::Object(_)) => Ok(vec![one.clone()]),
        _ => Err("the body has no list of events where there should be one".to_string()),
    }
}

fn read(spec: &Webhooks, body: WebhookBody, media_type: &str, bytes: &[u8]) -> Result<Value, String> {
    let fields = match body {
        WebhookBody::Json => return json(bytes),
        WebhookBody::Form => form(bytes)?,
        WebhookBody::Multipart => multipart(bytes, media_type)?,
    };
    let Some(part) = &spec.part else {
        let value = |(name, value): (String, Vec<u8>)| Some((name, Value::from(String::from_utf8(value).ok()?)));
        return Ok(Value::Object(fields.into_iter().filter_map(value).collect::<Map<_, _>>()));
    };
    match fields.iter().find(|(name, _)| name == part) {
        Some((_, value)) => json(value).map_err(|problem| format!("`{part}` of the form: {problem}")),
        None => Err(format!("the form has no field `{part}`")),
    }
}

fn json(bytes: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(bytes).map_err(|problem| format!("the body is no JSON: {problem}"))
}

fn form(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "the body is no form: it is not UTF-8".to_string())?;
    if !text.contains('=') || text.trim_start().starts_with(['{', '[']) {
        return Err("the body is no form".to_string());
    }
    let pairs = url::form_urlencoded::parse(text.trim().as_bytes()).take(FORM_PAIRS_MAX);
    Ok(pairs.map(|(name, value)| (name.into_owned(), value.into_owned().into_bytes())).collect())
}

/// The named parts of a multipart body (RFC 7578), in their order.
fn multipart(bytes: &[u8], media_type: &str) -> Result<Vec<(String, Vec<u8>)>, String> {
    let boundary =
        parameter(media_type, "boundary").filter(|text| !text.is_empty() && text.len() <= BOUNDARY_BYTES_MAX);
    let boundary = boundary.ok_or_else(|| "the body has no boundary between its parts".to_string())?;
    // The first boundary may stand at the very beginning, without the line break that belongs to all others.
    let whole = [b"\r\n", bytes].concat();
    let delimiter = format!("\r\n--{boundary}");
    let mut parts = Vec::new();
    for piece in split(&whole, delimiter.as_bytes()).into_iter().skip(1).take(FORM_PAIRS_MAX) {
        if piece.starts_with(b"--") {
            return Ok(parts);
        }
        let Some((head, content)) = split_once(piece, b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(head);
        let about = head.lines().find(|line| line.to_ascii_lowercase().starts_with("content-disposition:"));
        parts.extend(about.and_then(|line| parameter(line, "name")).map(|name| (name, content.to_vec())));
    }
    Err("the body ends before its last part does".to_string())
}

/// A parameter of a header: `name="x"` or `name=x`.
fn parameter(header: &str, wanted: &str) -> Option<String> {
    header.split(';').skip(1).find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim().trim_matches('"').to_string())
    })
}

fn split_once<'b>(bytes: &'b [u8], by: &[u8]) -> Option<(&'b [u8], &'b [u8])> {
    let at = bytes.windows(by.len()).position(|window| window == by)?;
    let (before, rest) = bytes.split_at_checked(at)?;
    Some((before, rest.strip_prefix(by)?))
}

fn split<'b>(bytes: &'b [u8], by: &[u8]) -> Vec<&'b [u8]> {
    let mut pieces = Vec::new();
    let mut rest = bytes;
    while let Some((before, after)) = split_once(rest, by) {
        pieces.push(before);
        rest = after;
    }
    pieces.push(rest);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_by_their_names() {
        let body = "preamble\r\n--b\r\nContent-Disposition: form-data; name=\"json\"\r\n\r\n{\"a\":\"x\\r\\n--\"}\r\n\
            --b\r\nContent-Type: text/plain\r\ncontent-disposition: form-data; name=note\r\n\r\nline\r\n\r\nline\r\n--b--\r\n";
        let found = multipart(body.as_bytes(), "multipart/form-data; charset=x; boundary=\"b\"").expect("parts");
        let found: Vec<(String, String)> =
            found.into_iter().map(|(name, value)| (name, String::from_utf8(value).expect("text"))).collect();
        let expected = [("json", "{\"a\":\"x\\r\\n--\"}"), ("note", "line\r\n\r\nline")];
        assert_eq!(found, expected.map(|(name, value)| (name.to_string(), value.to_string())));
        for (body, media_type) in [
            (body, "multipart/form-data"),
            (body, "multipart/form-data; boundary=c"),
            (&body[..100], "multipart/form-data; boundary=b"),
            ("", "multipart/form-data; boundary=b"),
        ] {
            multipart(body.as_bytes(), media_type).expect_err(media_type);
        }
    }
}

//! The outputs of an `http` step: JSON parsed, text as text, and everything else, or what is too long for the journal, as a
//! kept file.

use crate::common::{file_properties, files_error};
use crate::failure::Attempt;
use crate::limits::INLINE_BODY_BYTES_MAX;
use crate::outgoing;
use bytes::Bytes;
use engross_step_api::{StepContext, StepError};
use reqwest::Response;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, SET_COOKIE};
use serde_json::{Map, Value, json};

/// The media type of content that nobody names.
const UNNAMED_TYPE: &str = "application/octet-stream";

/// The longest part of a URL's path that is taken for a file's name, in bytes.
const NAME_BYTES_MAX: usize = 120;

pub(super) fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "status": { "type": "integer", "description": "The reply's status." },
            "headers": {
                "type": "object", "additionalProperties": { "type": "string" },
                "description": "The reply's headers, their names in lower case; several of one name are joined by commas. Cookies are left out."
            },
            "body": { "description": "The parsed JSON, or the text; null when there is none or it is kept as a file." },
            "file": {
                "type": "object",
                "properties": file_properties(),
                "required": ["sha256", "size", "media_type"],
                "additionalProperties": false,
                "description": "The body, when it is neither JSON nor text or too long to stand in the journal."
            }
        },
        "required": ["status", "headers", "body"],
        "additionalProperties": false
    })
}

/// What a JSON, text or other body is to the step.
enum Content {
    Value(Value),
    File,
}

/// Reads a reply and makes the outputs of it.
///
/// # Errors
/// It broke off, it is too long, it is not what it says it is, or the file store refused. The receiver has acted by then.
pub(super) async fn outputs(
    context: &StepContext,
    response: Response,
    attempt: &Attempt,
    name: Option<String>,
) -> Result<Value, StepError> {
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let body = outgoing::read_body(response, attempt).await?;
    let encoding = headers.get(CONTENT_ENCODING).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    if let Some(encoding) = encoding.filter(|encoding| !body.is_empty() && !encoding.eq_ignore_ascii_case("identity")) {
        let shown: String = encoding.chars().take(40).collect();
        return Err(attempt.unusable("content_encoding", &format!("the encoding `{shown}`, which was not asked for")));
    }
    let media_type = media_type(&headers);
    let mut outputs = json!({ "status": status, "headers": shown_headers(&headers), "body": null });
    match content(&body, media_type.as_deref(), attempt)? {
        Content::Value(value) if value.to_string().len() <= INLINE_BODY_BYTES_MAX => outputs["body"] = value,
        Content::Value(_) | Content::File => {
            let name = name.filter(|name| !name.is_empty() && name.len() <= NAME_BYTES_MAX);
            let kept = context.files.put(body, media_type.as_deref().unwrap_or(UNNAMED_TYPE), name.as_deref()).await;
            let file = kept.map_err(|error| {
                let error = files_error(&error);
                if attempt.writes { error.maybe_done() } else { error }
            })?;
            outputs["file"] = json!(file);
        }
    }
    Ok(outputs)
}

fn content(body: &Bytes, media_type: Option<&str>, attempt: &Attempt) -> Result<Content, StepError> {
    if body.is_empty() {
        return Ok(Content::Value(Value::Null));
    }
    let named = media_type.unwrap_or_default();
    if named == "application/json" || named.ends_with("+json") {
        return match serde_json::from_slice(body) {
            Ok(value) => Ok(Content::Value(value)),
            Err(error) => Err(attempt.unusable("bad_json", &format!("JSON that cannot be read: {error}"))),
        };
    }
    let textual = media_type.is_none() || named.starts_with("text/") || is_textual(named);
    match std::str::from_utf8(body) {
        Ok(text) if textual => Ok(Content::Value(Value::from(text))),
        // What says it is text and is not UTF-8 is kept byte for byte rather than changed.
        Ok(_) | Err(_) => Ok(Content::File),
    }
}

fn is_textual(media_type: &str) -> bool {
    media_type.ends_with("+xml")
        || matches!(
            media_type,
            "application/xml" | "application/x-ndjson" | "application/yaml" | "application/x-www-form-urlencoded"
        )
}

/// The media type in lower case, without its parameters.
fn media_type(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let named = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    (!named.is_empty()).then_some(named)
}

/// Cookies are credentials, and credentials do not belong into a journal.
fn shown_headers(headers: &HeaderMap) -> Value {
    let mut shown = Map::new();
    for name in headers.keys().filter(|name| **name != SET_COOKIE) {
        let values = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
        let values: Vec<_> = values.collect();
        shown.insert(name.as_str().to_string(), Value::from(values.join(", ")));
    }
    Value::Object(shown)
}

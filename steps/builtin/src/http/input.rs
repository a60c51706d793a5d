//! What an `http` step is told: its schema, and the request it amounts to. Every problem is told at once; nothing is sent
//! here.

use crate::common::{invalid, parse, refuse_all};
use crate::egress::Egress;
use crate::limits::{HEADER_VALUE_BYTES_MAX, HEADERS_MAX, PAIRS_MAX, URL_BYTES_MAX};
use crate::outgoing::{Body, IDEMPOTENCY_KEY, Outgoing, writes};
use bytes::Bytes;
use engross_step_api::{StepContext, StepError};
use reqwest::Method;
use reqwest::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue, TE, TRAILER, TRANSFER_ENCODING,
    UPGRADE,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The methods a step may use.
pub(super) const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/// The three ways to write a body, and their media types.
pub(super) const JSON_TYPE: &str = "application/json";
pub(super) const FORM_TYPE: &str = "application/x-www-form-urlencoded";
pub(super) const TEXT_TYPE: &str = "text/plain; charset=utf-8";

/// Headers that frame the request itself. Two opinions about where a body ends are how requests are smuggled.
const RESERVED: [HeaderName; 9] =
    [HOST, CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION, TE, TRAILER, UPGRADE, EXPECT, IDEMPOTENCY_KEY];

/// A request that is ready to be sent, and the statuses that mean it went well.
pub(super) struct Request {
    pub(super) outgoing: Outgoing,
    pub(super) expected: Expected,
}

/// Which statuses mean that it went well.
pub(super) struct Expected(Option<Vec<u16>>);

impl Expected {
    pub(super) fn accepts(&self, status: u16) -> bool {
        match &self.0 {
            Some(statuses) => statuses.contains(&status),
            None => (200..300).contains(&status),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    method: String,
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, Value>,
    #[serde(default)]
    query: Map<String, Value>,
    body: Option<Map<String, Value>>,
    expect: Option<Expect>,
    // Read by `configure` alone: what it promises is known before the run.
    #[serde(default, rename = "idempotent")]
    _idempotent: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    status: Option<Vec<u16>>,
}

pub(super) fn schema() -> Value {
    let scalar = json!({ "type": ["string", "number", "boolean"] });
    let pairs = json!({
        "anyOf": [scalar, { "type": "array", "items": scalar }]
    });
    json!({
        "type": "object",
        "properties": {
            "method": {
                "enum": METHODS,
                "description": "The method. GET and HEAD are repeated freely after a failure, PUT and DELETE under the same key; a POST or PATCH whose answer is lost stops the run as in doubt, unless `idempotent` is true."
            },
            "url": {
                "type": "string", "format": "uri", "minLength": 1, "maxLength": URL_BYTES_MAX,
                "description": "The address, http or https. Addresses of private networks must be allowed in the configuration. Redirects are not followed."
            },
            "headers": {
                "type": "object", "maxProperties": HEADERS_MAX, "additionalProperties": scalar,
                "description": "Headers beside those that every request has. `Idempotency-Key` is set by the engine for all but GET and HEAD."
            },
            "query": {
                "type": "object", "maxProperties": PAIRS_MAX, "additionalProperties": pairs,
                "description": "Query parameters, encoded and added to the URL. A list gives one parameter for each item."
            },
            "body": {
                "type": "object",
                "properties": {
                    "json": { "description": "Any value, sent as application/json." },
                    "form": {
                        "type": "object", "maxProperties": PAIRS_MAX, "additionalProperties": pairs,
                        "description": "Fields, sent as application/x-www-form-urlencoded."
                    },
                    "text": { "type": "string", "description": "Text, sent as text/plain unless a header says otherwise." }
                },
                "minProperties": 1, "maxProperties": 1,
                "additionalProperties": false,
                "description": "The body: exactly one of `json`, `form` and `text`. Not for GET and HEAD."
            },
            "expect": {
                "type": "object",
                "properties": {
                    "status": {
                        "type": "array", "minItems": 1, "maxItems": 500,
                        "items": { "type": "integer", "minimum": 200, "maximum": 599 },
                        "description": "Statuses that mean success."
                    }
                },
                "additionalProperties": false,
                "description": "Which answers mean success; 200 to 299 unless said otherwise."
            },
            "idempotent": {
                "type": "boolean",
                "description": "The author's word that the receiver honours the Idempotency-Key header, so that a POST or PATCH may be repeated. Counts only as a literal `true`."
            }
        },
        "required": ["method", "url"],
        "additionalProperties": false
    })
}

/// Reads an input into a request.
///
/// # Errors
/// Everything that is wrong with it, or that it may not go where it should.
pub(super) fn read(egress: &Egress, context: &StepContext, input: &Value) -> Result<Request, StepError> {
    let input: Input = parse(input)?;
    let mut problems = Vec::new();
    let method = method(&input.method, &mut problems);
    let headers = headers(&input.headers, &mut problems);
    let query = pairs("query", &input.query, &mut problems);
    let body = input.body.and_then(|body| read_body(body, &mut problems));
    if body.is_some() && !writes(&method) {
        problems.push(format!("a {method} request has no body"));
    }
    let statuses = input.expect.and_then(|expect| expect.status);
    if statuses.as_ref().is_some_and(|list| list.is_empty() || list.iter().any(|s| !(200..600).contains(s))) {
        problems.push("`expect.status` must be a list of statuses from 200 to 599".to_string());
    }
    refuse_all("request", &problems)?;
    let target = egress.admit(&input.url).map_err(crate::egress::Denied::into_error)?;
    let key = key(context)?;
    let outgoing = Outgoing { method, target, query, headers, body, key, now: context.now };
    Ok(Request { outgoing, expected: Expected(statuses) })
}

/// The key of the step's effect as a header.
pub(crate) fn key(context: &StepContext) -> Result<HeaderValue, StepError> {
    HeaderValue::from_str(context.key.as_str())
        .map_err(|_| invalid("key", "the key of this step's effect cannot be sent as a header"))
}

fn method(text: &str, problems: &mut Vec<String>) -> Method {
    match Method::from_bytes(text.as_bytes()) {
        Ok(method) if METHODS.contains(&method.as_str()) => method,
        _ => {
            problems.push(format!("`method` must be one of {}", METHODS.join(", ")));
            // Stands in only until the problems are told; nothing is sent with it.
            Method::POST
        }
    }
}

fn headers(given: &BTreeMap<String, Value>, problems: &mut Vec<String>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if given.len() > HEADERS_MAX {
        problems.push(format!("`headers` may have {HEADERS_MAX} entries at most"));
        return headers;
    }
    for (name, value) in given {
        let shown: String = name.escape_debug().take(80).collect();
        let Ok(header) = HeaderName::from_bytes(name.as_bytes()) else {
            problems.push(format!("`{shown}` is no name of a header"));
            continue;
        };
        if RESERVED.contains(&header) {
            problems.push(format!("the header `{shown}` is set by the engine"));
            continue;
        }
        let Some(text) = scalar(value) else {
            problems.push(format!("the header `{shown}` must be a text, a number, true or false"));
            continue;
        };
        match HeaderValue::from_bytes(text.as_bytes()) {
            Ok(_) if text.len() > HEADER_VALUE_BYTES_MAX => {
                problems.push(format!("the header `{shown}` is longer than {HEADER_VALUE_BYTES_MAX} bytes"));
            }
            Ok(value) => {
                if headers.insert(header, value).is_some() {
                    problems.push(format!("the header `{shown}` is given twice"));
                }
            }
            Err(_) => problems.push(format!("the header `{shown}` holds a line break or another control character")),
        }
    }
    headers
}

/// Names and values in the order of the file; one pair for each item of a list.
fn pairs(what: &str, given: &Map<String, Value>, problems: &mut Vec<String>) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for (name, value) in given {
        let items = match value {
            Value::Array(items) => items.as_slice(),
            single => std::slice::from_ref(single),
        };
        for item in items {
            match scalar(item) {
                Some(text) => pairs.push((name.clone(), text)),
                None => {
                    problems.push(format!("`{what}.{name}` must be a text, a number, true, false or a list of these"))
                }
            }
        }
    }
    if pairs.len() > PAIRS_MAX {
        problems.push(format!("`{what}` may have {PAIRS_MAX} entries at most"));
    }
    pairs
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn read_body(body: Map<String, Value>, problems: &mut Vec<String>) -> Option<Body> {
    let count = body.len();
    let mut entries = body.into_iter();
    let (Some((kind, value)), 1) = (entries.next(), count) else {
        problems.push("`body` takes exactly one of `json`, `form` and `text`".to_string());
        return None;
    };
    match (kind.as_str(), value) {
        ("json", value) => Some(Body { media_type: JSON_TYPE, bytes: Bytes::from(value.to_string()) }),
        ("text", Value::String(text)) => Some(Body { media_type: TEXT_TYPE, bytes: Bytes::from(text) }),
        ("form", Value::Object(fields)) => {
            let fields = pairs("body.form", &fields, problems);
            Some(Body { media_type: FORM_TYPE, bytes: Bytes::from(form(&fields)) })
        }
        ("text", _) => {
            problems.push("`body.text` must be a text".to_string());
            None
        }
        ("form", _) => {
            problems.push("`body.form` must be a map of fields".to_string());
            None
        }
        (other, _) => {
            let shown: String = other.chars().take(80).collect();
            problems.push(format!("`body.{shown}` is none of `json`, `form` and `text`"));
            None
        }
    }
}

/// Pairs as `application/x-www-form-urlencoded`.
pub(super) fn form(pairs: &[(String, String)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// Pairs of a tree that may hold what no request could, for a preview: nothing is refused.
pub(super) fn shown_pairs(given: Option<&Value>) -> Vec<(String, String)> {
    let Some(Value::Object(given)) = given else { return Vec::new() };
    pairs("", given, &mut Vec::new())
}

/// A scalar of such a tree as text.
pub(super) fn shown_scalar(value: &Value) -> String {
    scalar(value).unwrap_or_else(|| value.to_string())
}

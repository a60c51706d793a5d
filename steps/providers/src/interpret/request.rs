//! From an operation and its inputs to a request, as data. Pure, so that a preview shows what an execution sends.

use super::body::{self, Body, Content, Pair, Part};
use super::scrub::MASK;
use super::session::bad_input;
use crate::manifest::{self, Credential, Decode, Manifest, Nulls, Operation, PartContent, PartSpec, Query};
use crate::template::{self, Scope, Template, is_placeholder, text_of};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use engross_step_api::StepError;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// Everything but the characters that RFC 3986 calls unreserved.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A request before it is put on the wire.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Request {
    pub(super) url: String,
    pub(super) headers: Vec<Header>,
    pub(super) body: Option<Body>,
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

/// The credentials of a request, by where they stand.
#[derive(Default)]
struct Credentials {
    headers: Vec<Header>,
    query: Vec<Pair>,
    body: Vec<Pair>,
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
    let credentials = credentials(operation, scope).map_err(bad)?;
    let url = address(operation, base, scope, credentials.query).map_err(bad)?;
    let accept = match &operation.response.decode {
        Decode::Json => "application/json",
        Decode::File { media_type: Some(media_type), .. } => media_type,
        Decode::File { media_type: None, .. } | Decode::Ignore => "*/*",
    };
    let mut headers = vec![Header::new("accept", accept)];
    headers.extend(credentials.headers);
    for spec in &operation.headers {
        if let Some(value) = spec.value.eval(scope).map_err(bad)? {
            headers.push(Header { name: spec.name.clone(), value: text_of(&value), credential: spec.credential });
        }
    }
    let body = match &operation.body {
        Some(spec) => Some(body(spec, scope, credentials.body).map_err(bad)?),
        None => None,
    };
    headers.extend(body.as_ref().map(|body| Header::new("content-type", body.media_type())));
    if let Some((name, key)) = manifest.idempotency_header.as_ref().zip(key) {
        headers.push(Header::new(name, key));
    }
    Ok(Request { url, headers, body })
}

/// The page that stands for an operation which only a person's browser sends.
pub(super) fn page(operation: &Operation, base: &str, scope: &Scope<'_>) -> Result<String, StepError> {
    let bad = |problem: String| bad_input(operation, &problem);
    let url = address(operation, base, scope, Vec::new()).map_err(bad)?;
    let pairs = match &operation.body {
        Some(spec) => match body(spec, scope, Vec::new()).map_err(bad)? {
            Body::Form(pairs) => pairs,
            Body::Json(_) | Body::Multipart(_) => Vec::new(),
        },
        None => Vec::new(),
    };
    Ok(body::page(&operation.title, operation.method.as_str(), &url, &pairs))
}

fn address(operation: &Operation, base: &str, scope: &Scope<'_>, first: Vec<Pair>) -> Result<String, String> {
    let base = base.trim_end_matches('/');
    let mut url = format!("{base}{}", path(&operation.path, scope)?);
    let query = query(&operation.query, scope, first)?;
    if !query.is_empty() {
        url.push('?');
        url.push_str(&query);
    }
    Ok(url)
}

fn credentials(operation: &Operation, scope: &Scope<'_>) -> Result<Credentials, String> {
    let mut made = Credentials::default();
    // A setting that is not given has been told when the connection was checked.
    let text = |template: &Template| Ok::<_, String>(template.eval(scope)?.as_ref().map(text_of));
    let header = |name: &str, value: String| Header { name: name.to_string(), value, credential: true };
    let pair = |name: &str, value: String| Pair { key: vec![name.to_string()], value };
    for credential in &operation.credentials {
        match credential {
            Credential::Header { name, value } => made.headers.extend(text(value)?.map(|value| header(name, value))),
            Credential::Bearer(value) => {
                made.headers.extend(text(value)?.map(|value| header("authorization", format!("Bearer {value}"))));
            }
            Credential::Basic { username, password } => {
                let Some((username, password)) = text(username)?.zip(text(password)?) else { continue };
                if username.contains(':') {
                    return Err("the user name of the connection has a colon, which it cannot have".to_string());
                }
                let encoded = STANDARD.encode(format!("{username}:{password}"));
                made.headers.push(header("authorization", format!("Basic {encoded}")));
            }
            Credential::Query { name, value } => made.query.extend(text(value)?.map(|value| pair(name, value))),
            Credential::Body { name, value } => made.body.extend(text(value)?.map(|value| pair(name, value))),
        }
    }
    Ok(made)
}

/// The body of an operation, the credentials that stand in it at the end.
fn body(spec: &manifest::Body, scope: &Scope<'_>, credentials: Vec<Pair>) -> Result<Body, String> {
    Ok(match spec {
        manifest::Body::Json(tree) => {
            let mut value = tree.eval_object(scope)?;
            if let Some(map) = value.as_object_mut() {
                map.extend(credentials.into_iter().map(|pair| (pair.key.concat(), Value::String(pair.value))));
            }
            Body::Json(value)
        }
        manifest::Body::Form { tree, nulls } => {
            let mut pairs = body::pairs(&tree.eval_object(scope)?, *nulls)?;
            pairs.extend(credentials);
            Body::Form(pairs)
        }
        manifest::Body::Multipart(specs) => {
            let mut parts = Vec::new();
            for spec in specs {
                parts.extend(part(spec, scope)?);
            }
            let text = |pair: Pair| Part { name: pair.key.concat(), content: Content::Text(pair.value) };
            parts.extend(credentials.into_iter().map(text));
            Body::Multipart(parts)
        }
    })
}

/// One part; none where what it holds is absent or null.
fn part(spec: &PartSpec, scope: &Scope<'_>) -> Result<Option<Part>, String> {
    let name = spec.name.eval(scope)?.as_ref().map(text_of).filter(|name| !name.is_empty());
    let name = name.ok_or("a part of the body has no name")?;
    let content = match &spec.content {
        PartContent::Value(tree) => match tree.eval(scope)? {
            None | Some(Value::Null) => return Ok(None),
            Some(value) => Content::Text(text_of(&value)),
        },
        PartContent::File(template) => match template.eval(scope)? {
            None | Some(Value::Null) => return Ok(None),
            Some(later) if scope.is_preview() && is_placeholder(&later) => Content::Text(text_of(&later)),
            Some(value) => {
                let file = serde_json::from_value(value).map_err(|_| format!("`{name}` is no kept file"))?;
                Content::File(file)
            }
        },
    };
    Ok(Some(Part { name, content }))
}

/// The path, each value in it percent-encoded. A value that is missing, empty, or made of dots would lead to another
/// address.
fn path(template: &Template, scope: &Scope<'_>) -> Result<String, String> {
    let mut path = String::new();
    for part in &template.parts {
        match part {
            template::Part::Text(text) => path.push_str(text),
            template::Part::Expr(expr) => {
                let name = expr.path.join(".");
                let value = expr.eval(scope)?;
                if value.is_none() && expr.is_conditional() {
                    // What a condition leaves out takes the slash before it along.
                    path.truncate(path.trim_end_matches('/').len());
                    continue;
                }
                let text = match value {
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
fn query(spec: &Query, scope: &Scope<'_>, first: Vec<Pair>) -> Result<String, String> {
    let mut pairs = first;
    for (name, tree) in &spec.entries {
        let Some(name) = name.eval(scope)?.as_ref().map(text_of).filter(|name| !name.is_empty()) else { continue };
        match tree.eval(scope)? {
            None | Some(Value::Null) => {}
            Some(Value::Array(_) | Value::Object(_)) if !spec.brackets => {
                return Err(format!("`{name}` of the query must be text: a list is joined by `|join(',')`"));
            }
            Some(value) => body::add(&mut pairs, vec![name.clone()], &value, Nulls::Omit)?,
        }
    }
    Ok(body::query(&pairs, scope.is_preview()))
}

/// Percent-encoded text. In a preview, masks and what stands in angle brackets are left as they are.
pub(super) fn encode(text: &str, preview: bool) -> String {
    if preview && text == MASK {
        return text.to_string();
    }
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
    use serde_json::{Map, json};

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
        let path = "/contracts/${input.id|if(input.on == 'yes')}";
        check(path, json!({"id": "c/1", "on": "yes"}), false, Ok("/contracts/c%2F1"));
        check(path, json!({"id": "c1", "on": "no"}), false, Ok("/contracts"));
        check(path, json!({"id": "c1"}), true, Ok("/contracts"));
        check(path, json!({"id": "", "on": "yes"}), false, Err("`input.id` is empty, and the address needs it"));
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

//! What an answer means: the document, the file, or the error with the provider's own words and with what is known
//! about the effect.

use super::session::Session;
use super::{Core, markup, question};
use crate::client::{Answer, Failure};
use crate::limits::{FILE_NAME_CHARS_MAX, MEDIA_TYPE_BYTES_MAX, WORDS_CHARS_MAX};
use crate::manifest::{
    Algorithm, Decode, ErrorRule, FileCheck, From, NullIs, Operation, Source, StatusFrom, StatusRange,
};
use crate::template::{Scope, fold, text_of};
use engross_step_api::{EffectClass, ErrorClass, FilesError, StepError};
use reqwest::header::{AGE, CONTENT_DISPOSITION, CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use sha3::Sha3_512;

/// A good answer.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    /// The document; null where the answer has none.
    pub(super) document: Value,
    /// The kept file.
    pub(super) file: Option<Value>,
}

/// The error for a request without an answer.
pub(super) fn lost(session: &Session<'_>, operation: &Operation, failure: Failure) -> StepError {
    let what = label(session.core, operation);
    match failure {
        Failure::NoClient(why) => StepError::new(ErrorClass::Internal, "client", format!("{what}: {why}")),
        Failure::NotSent(why) => {
            let message = format!("{what}: the provider cannot be reached: {why}");
            StepError::new(ErrorClass::Transient, "connect", message)
        }
        Failure::TimedOut(after) => {
            let message = format!("{what}: no answer within {} s", after.as_secs_f64());
            doubt(operation, StepError::new(ErrorClass::Transient, "timeout", message))
        }
        Failure::Lost(why) => {
            let message = format!("{what}: the answer was lost: {why}");
            doubt(operation, StepError::new(ErrorClass::Transient, "answer_lost", message))
        }
        Failure::TooLarge(bytes) => {
            let message = format!("{what}: the answer is larger than {bytes} bytes");
            doubt(operation, StepError::new(ErrorClass::Unknown, "answer_too_large", message))
        }
    }
}

/// Reads an answer. `scope` has what the request was built of.
pub(super) async fn read(
    session: &Session<'_>,
    operation: &Operation,
    answer: Answer,
    scope: &Scope<'_>,
) -> Result<Reply, StepError> {
    let response = &operation.response;
    let holds = |ranges: &[StatusRange], status: u16| ranges.iter().any(|range| range.holds(status));
    let done = || Reply { document: Value::Null, file: None };
    if holds(&response.done_when, answer.status) {
        return Ok(done());
    }
    if !holds(&response.expect, answer.status) {
        return Err(refusal(session, operation, &answer, Said::By(answer.status)));
    }
    let document = document(session, operation, &answer)?;
    let has_document = matches!(response.decode, Decode::Json) && answer.status != 204;
    if has_document && document.is_null() {
        match response.null_is {
            NullIs::Value => {}
            NullIs::Done => return Ok(done()),
            NullIs::NotFound => {
                let message =
                    format!("{}: the answer is `null`: there is no such thing", label(session.core, operation));
                return Err(StepError::new(ErrorClass::NotFound, "null", message));
            }
        }
    }
    if let Some(pointer) = response.status_at.as_ref().filter(|_| has_document || !document.is_null()) {
        let status = pointer.first(&document).and_then(Value::as_u64).and_then(|status| u16::try_from(status).ok());
        let status = status.ok_or_else(|| garbage(session.core, operation, "the answer does not repeat its status"))?;
        if holds(&response.done_when, status) {
            return Ok(done());
        }
        if !holds(&response.expect, status) {
            return Err(refusal(session, operation, &answer, Said::InBody(status)));
        }
    }
    let asked = |tests| question::all(tests, &document, status_of(session.core, &document).as_deref(), scope);
    if !response.refused_when.is_empty() && asked(&response.refused_when) == Ok(Some(true)) {
        return Err(refusal(session, operation, &answer, Said::Refused));
    }
    if asked(&response.ok_when) != Ok(Some(true)) {
        let words = words(session, document.to_string().as_bytes());
        return Err(garbage(session.core, operation, &format!("the answer does not say that it worked: {words}")));
    }
    let file = file(session, operation, answer, scope).await?;
    Ok(Reply { document, file })
}

/// The document of a good answer: null where it is none or has none of use. A provider that answers with a document
/// where a file was asked for says in it what went wrong.
fn document(session: &Session<'_>, operation: &Operation, answer: &Answer) -> Result<Value, StepError> {
    let json = || {
        serde_json::from_slice(&answer.body)
            .map_err(|problem| garbage(session.core, operation, &format!("the answer is no JSON: {problem}")))
    };
    match &operation.response.decode {
        Decode::Json if answer.status != 204 => json(),
        Decode::File { media_type, .. } if operation.response.status_at.is_some() => {
            let is_json = |media_type: &str| media_type.starts_with("application/json");
            let answered = media_type_of(&answer.headers).is_some_and(|media_type| is_json(&media_type));
            if answered && !media_type.as_deref().is_some_and(is_json) { json() } else { Ok(Value::Null) }
        }
        Decode::Json | Decode::File { .. } | Decode::Ignore => Ok(Value::Null),
    }
}

/// Checks and keeps the file of an answer, if it is one.
async fn file(
    session: &Session<'_>,
    operation: &Operation,
    answer: Answer,
    scope: &Scope<'_>,
) -> Result<Option<Value>, StepError> {
    let Decode::File { check, .. } = &operation.response.decode else { return Ok(None) };
    if let Some(problem) = check.and_then(|check| wrong_file(check, &answer.body)) {
        return Err(garbage(session.core, operation, problem));
    }
    for spec in &operation.response.digests {
        let expected = spec.expected.eval(scope).map_err(|problem| garbage(session.core, operation, &problem))?;
        let Some(expected) = expected.as_ref().and_then(Value::as_str) else { continue };
        let found = match spec.algorithm {
            Algorithm::Sha256 => hex::encode(Sha256::digest(&answer.body)),
            Algorithm::Sha3_512 => hex::encode(Sha3_512::digest(&answer.body)),
        };
        if !expected.eq_ignore_ascii_case(&found) {
            let problem = format!("the file is another one: its digest is {found} and should be {expected}");
            return Err(garbage(session.core, operation, &problem));
        }
    }
    let answered = media_type_of(&answer.headers);
    let (media_type, name) = described(operation, answered, file_name(&answer.headers), scope);
    let media_type = media_type.as_deref().unwrap_or("application/octet-stream");
    let kept = session.files.put(answer.body, media_type, name.as_deref()).await;
    let kept = kept.map_err(|error| file_error(session.core, operation, "could not be kept", &error))?;
    Ok(serde_json::to_value(kept).ok())
}

/// What a file is and what it is called: the manifest's word on the media type, the answer's on the name.
pub(super) fn described(
    operation: &Operation,
    media_type: Option<String>,
    name: Option<String>,
    scope: &Scope<'_>,
) -> (Option<String>, Option<String>) {
    let Decode::File { media_type: told, name: template, .. } = &operation.response.decode else {
        return (media_type, name);
    };
    let made = || template.as_ref().and_then(|template| template.eval(scope).ok().flatten()).as_ref().map(text_of);
    (told.clone().or(media_type), name.or_else(made))
}

/// The media type of an answer without its parameters.
fn media_type_of(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let text = text.split(';').next().unwrap_or_default().trim().to_lowercase();
    (text.contains('/') && text.len() <= MEDIA_TYPE_BYTES_MAX).then_some(text)
}

/// A document's status as it is compared; nothing where it has none.
pub(super) fn status_of(core: &Core, document: &Value) -> Option<String> {
    match core.manifest.status.as_ref()? {
        StatusFrom::At(pointers) => pointers.text(document).map(|text| fold(&text)),
        StatusFrom::Derived(rules) => {
            let names = Map::from_iter([("doc".to_string(), document.clone())]);
            let scope = Scope::new(&names, false);
            let rule = rules.iter().find(|(when, _)| when.holds(&scope) == Some(true));
            rule.map(|(_, status)| status.clone())
        }
    }
}

/// The outputs that a reply gives, checked for what others rely on.
pub(super) fn outputs(
    core: &Core,
    operation: &Operation,
    spec: (&[(String, Source)], &Value),
    reply: &Reply,
    scope: &Scope<'_>,
) -> Result<Value, StepError> {
    let (sources, schema) = spec;
    let mut names = Map::from_iter([("reply".to_string(), reply.document.clone())]);
    names.extend(reply.file.clone().map(|file| ("file".to_string(), file)));
    names.extend(status_of(core, &reply.document).map(|status| ("status".to_string(), Value::String(status))));
    let scope = scope.with(&names);
    let mut outputs = Map::new();
    for (name, source) in sources {
        let value = match &source.from {
            From::Reply(pointers) => pointers.first(&reply.document).cloned(),
            From::Built(tree) => {
                tree.eval(&scope).map_err(|problem| garbage(core, operation, &format!("`{name}`: {problem}")))?
            }
        };
        let value = value.or_else(|| source.absent.clone());
        outputs.extend(value.map(|value| (name.clone(), value)));
    }
    let outputs = Value::Object(outputs);
    let mut missing = Vec::new();
    missing_parts(schema, &outputs, "", &mut missing);
    if missing.is_empty() {
        return Ok(outputs);
    }
    Err(garbage(core, operation, &format!("the answer lacks {}", missing.join(", "))))
}

/// The required parts of a schema that a value does not have, by their paths. Only what is required is judged: a
/// provider that adds to its documents or fills an optional part oddly must not fail a step whose effect has happened.
fn missing_parts(schema: &Value, value: &Value, path: &str, missing: &mut Vec<String>) {
    let required = schema.get("required").and_then(Value::as_array);
    for name in required.into_iter().flatten().filter_map(Value::as_str) {
        let path = if path.is_empty() { name.to_string() } else { format!("{path}.{name}") };
        let schema = schema.get("properties").and_then(|properties| properties.get(name));
        match value.get(name) {
            Some(part) if schema.is_none_or(|schema| is_of_type(schema, part)) => {
                if let Some(schema) = schema {
                    missing_parts(schema, part, &path, missing);
                }
            }
            _ => missing.push(format!("`{path}`")),
        }
    }
}

fn is_of_type(schema: &Value, value: &Value) -> bool {
    let is = |name: &str| match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.as_str().is_some_and(|text| !text.is_empty()),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => true,
    };
    match schema.get("type") {
        Some(Value::String(name)) => is(name),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).any(is),
        _ => !value.is_null(),
    }
}

/// The error for an answer that says it worked and cannot be right. The effect, if there is one, may have happened.
pub(super) fn garbage(core: &Core, operation: &Operation, problem: &str) -> StepError {
    let message = format!("{}: {problem}", label(core, operation));
    doubt(operation, StepError::new(ErrorClass::Transient, "garbage", message))
}

fn doubt(operation: &Operation, error: StepError) -> StepError {
    if operation.effect == EffectClass::Read { error } else { error.maybe_done() }
}

fn label(core: &Core, operation: &Operation) -> String {
    format!("`{}/{}`", core.manifest.name, operation.name)
}

/// Who says that a request was refused.
#[derive(Clone, Copy, Debug)]
enum Said {
    /// The status.
    By(u16),
    /// The body, by a status of its own that is not the answer's.
    InBody(u16),
    /// The body, in its words.
    Refused,
}

/// The error for a refusal: its class by the manifest's rules, the provider's words, and whether the effect may have
/// happened. A 4xx says that it did not; everything else leaves it open, and so does a body that contradicts its status.
fn refusal(session: &Session<'_>, operation: &Operation, answer: &Answer, said: Said) -> StepError {
    let manifest = &session.core.manifest;
    let document: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let is_refusal = |status: u16| (400..500).contains(&status);
    let (status, refused, certain) = match said {
        Said::By(status) => (status, is_refusal(status), is_refusal(status)),
        Said::InBody(status) => (status, is_refusal(status), false),
        Said::Refused => (answer.status, true, true),
    };
    let rule = manifest.errors.iter().find(|rule| applies(rule, operation, status, &document));
    let words = words(session, &answer.body);
    let verb = if refused { "was refused" } else { "failed" };
    let message = match words.as_str() {
        "" => format!("{} {verb} with HTTP {status}", label(session.core, operation)),
        words => format!("{} {verb} with HTTP {status}: {words}", label(session.core, operation)),
    };
    let class = rule.map_or(ErrorClass::Unknown, |rule| rule.class);
    let mut error = StepError::new(class, format!("http_{status}"), message);
    error.hint = rule.and_then(|rule| rule.hint.clone());
    error.retry_after_ms = retry_after_ms(&answer.headers, session.now.as_millis());
    if certain { error } else { doubt(operation, error) }
}

fn applies(rule: &ErrorRule, operation: &Operation, status: u16, document: &Value) -> bool {
    let names = Map::new();
    (rule.status.is_empty() || rule.status.iter().any(|range| range.holds(status)))
        && (rule.operations.is_empty() || rule.operations.contains(&operation.name))
        && question::all(&rule.body, document, None, &Scope::new(&names, false)) == Ok(Some(true))
}

/// The provider's words: its message, or the beginning of the text. Secrets are taken out before the text is cut,
/// because the half of a secret is not found any more.
fn words(session: &Session<'_>, body: &[u8]) -> String {
    let document: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = session.core.manifest.error_message.text(&document);
    let text = text.unwrap_or_else(|| String::from_utf8_lossy(body).into_owned());
    let text = session.scrubber.text(&text);
    // A secret whose letters were written as entities is one again after this.
    let text = if markup::is_html(&text) { session.scrubber.text(&markup::text(&text)) } else { text };
    let visible: String = text.chars().map(|c| if is_hidden(c) { ' ' } else { c }).collect();
    let words = visible.split_whitespace().collect::<Vec<_>>().join(" ");
    let cut: String = words.chars().take(WORDS_CHARS_MAX).collect();
    if cut.len() < words.len() { format!("{cut}…") } else { cut }
}

/// Control characters, and those that turn the direction of text.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// `Retry-After` in milliseconds from `now`: seconds, or an HTTP date.
fn retry_after_ms(headers: &HeaderMap, now: i64) -> Option<u64> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(text.parse::<u64>().unwrap_or(u64::MAX).saturating_mul(1000));
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp().as_millisecond();
    u64::try_from(at.saturating_sub(now)).ok().or(Some(0))
}

/// The provider's time as a reply says it, in milliseconds since 1970. An answer out of a cache says when it was kept.
pub(super) fn date_ms(headers: &HeaderMap) -> Option<i64> {
    let text = headers.get(DATE).filter(|_| !headers.contains_key(AGE))?.to_str().ok()?;
    Some(jiff::fmt::rfc2822::parse(text.trim()).ok()?.timestamp().as_millisecond())
}

fn wrong_file(check: FileCheck, body: &[u8]) -> Option<&'static str> {
    match check {
        FileCheck::Pdf => {
            (!body.starts_with(b"%PDF-")).then_some("the answer is no PDF: it does not start with `%PDF-`")
        }
    }
}

/// The error for a file of ours that cannot be written or read.
pub(super) fn file_error(core: &Core, operation: &Operation, what: &str, error: &FilesError) -> StepError {
    let class = match error {
        FilesError::Unavailable(_) => ErrorClass::Transient,
        FilesError::TooLarge { .. } => ErrorClass::Invalid,
        FilesError::NotFound(_) | FilesError::Damaged { .. } | FilesError::Path { .. } | FilesError::Taken { .. } => {
            ErrorClass::Internal
        }
    };
    let message = format!("{}: the file {what}: {error}", label(core, operation));
    StepError::new(class, "files", message).fault(engross_step_api::Fault::Engross)
}

/// The file's name from `content-disposition: attachment; filename="A + B.pdf"`, for people only.
fn file_name(headers: &HeaderMap) -> Option<String> {
    let value = String::from_utf8_lossy(headers.get(CONTENT_DISPOSITION)?.as_bytes()).into_owned();
    let (_, after) = value.split_once("filename=")?;
    let name = match after.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => after.split(';').next(),
    };
    let name: String = name?.chars().filter(|c| !is_hidden(*c)).take(FILE_NAME_CHARS_MAX).collect();
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;
    use serde_json::json;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let check = |text: &'static str, expected: Option<u64>| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(text))]);
            assert_eq!(retry_after_ms(&headers, 784_111_777_000), expected, "{text}");
        };
        check("7", Some(7_000));
        check("0", Some(0));
        check("99999999999999999999", Some(u64::MAX));
        check("Sun, 06 Nov 1994 08:49:47 GMT", Some(10_000));
        check("Sun, 06 Nov 1994 08:49:27 GMT", Some(0));
        check("soon", None);
        check("-5", None);
        check("", None);
        assert_eq!(retry_after_ms(&HeaderMap::new(), 0), None);
    }

    #[test]
    fn a_date_is_told_unless_a_cache_kept_it() {
        let date = (DATE, HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT"));
        let headers = HeaderMap::from_iter([date.clone()]);
        assert_eq!(date_ms(&headers), Some(784_111_777_000));
        assert_eq!(date_ms(&HeaderMap::from_iter([date, (AGE, HeaderValue::from_static("60"))])), None);
        assert_eq!(date_ms(&HeaderMap::from_iter([(DATE, HeaderValue::from_static("now"))])), None);
        assert_eq!(date_ms(&HeaderMap::new()), None);
    }

    #[test]
    fn file_names_are_read_and_cleaned() {
        let check = |text: &str, expected: Option<&str>| {
            let value = HeaderValue::from_bytes(text.as_bytes()).expect(text);
            let headers = HeaderMap::from_iter([(CONTENT_DISPOSITION, value)]);
            assert_eq!(file_name(&headers).as_deref(), expected, "{text}");
        };
        check(
            "attachment; filename=\"Pichael Mennington + Juro contract.pdf\"",
            Some("Pichael Mennington + Juro contract.pdf"),
        );
        check("attachment; filename=plain.pdf; size=3", Some("plain.pdf"));
        check("attachment; filename=\"tab\there\"", Some("tabhere"));
        check("attachment; filename=\"\"", None);
        check("attachment", None);
    }

    #[test]
    fn only_required_parts_are_missed() {
        let schema = json!({
            "required": ["id", "contract"],
            "properties": {
                "id": {"type": "string"},
                "status": {"type": "string"},
                "contract": {"type": "object", "required": ["n"], "properties": {"n": {"type": ["integer", "null"]}}},
            },
        });
        let check = |value: Value, expected: &str| {
            let mut missing = Vec::new();
            missing_parts(&schema, &value, "", &mut missing);
            assert_eq!(missing.join(" "), expected, "{value}");
        };
        check(json!({"id": "x", "contract": {"n": 1}}), "");
        check(json!({"id": "x", "contract": {"n": null, "more": 1}, "status": 5}), "");
        check(json!({"id": "", "contract": {}}), "`id` `contract.n`");
        check(json!({"id": null}), "`id` `contract`");
        check(json!({"id": 5, "contract": []}), "`id` `contract`");
    }
}

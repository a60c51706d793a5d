//! An `http` step's request as `engross plan` shows it. Parts that are known only later stand in angle brackets, so what is
//! shown need not be a request that could be sent, and is never refused.

use super::input::{FORM_TYPE, JSON_TYPE, TEXT_TYPE, shown_pairs, shown_scalar};
use crate::mask;
use engross_step_api::Preview;
use serde_json::Value;

pub(super) fn of(input: &Value) -> Preview {
    let text = |name: &str| input.get(name).map(shown_scalar).unwrap_or_default();
    let method = text("method");
    let url = mask::url(&with_query(&text("url"), input.get("query")));
    let mut headers: Vec<(String, String)> = Vec::new();
    if let Some(Value::Object(given)) = input.get("headers") {
        for (name, value) in given {
            let value = shown_scalar(value);
            headers.push((name.to_ascii_lowercase(), mask::shown(name, &value).to_string()));
        }
    }
    let body = input.get("body").and_then(body);
    if let Some((media_type, _)) = &body
        && !headers.iter().any(|(name, _)| name == "content-type")
    {
        headers.push(("content-type".to_string(), (*media_type).to_string()));
    }
    if !matches!(method.as_str(), "GET" | "HEAD") {
        headers.push(("idempotency-key".to_string(), "<run.id>/<step>".to_string()));
    }
    headers.sort();
    Preview { method, url, headers, body: body.map(|(_, text)| text) }
}

/// The parameters as they read, not as they are encoded: this is for people, and angle brackets must stay what they are.
fn with_query(url: &str, query: Option<&Value>) -> String {
    let pairs: Vec<String> = shown_pairs(query).into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    match (pairs.is_empty(), url.contains('?')) {
        (true, _) => url.to_string(),
        (false, true) => format!("{url}&{}", pairs.join("&")),
        (false, false) => format!("{url}?{}", pairs.join("&")),
    }
}

fn body(body: &Value) -> Option<(&'static str, String)> {
    let Value::Object(body) = body else { return Some((TEXT_TYPE, shown_scalar(body))) };
    let (kind, value) = body.iter().next()?;
    match kind.as_str() {
        "json" => {
            let mut value = value.clone();
            mask::json(&mut value);
            Some((JSON_TYPE, format!("{value:#}")))
        }
        "form" => {
            let pairs = shown_pairs(Some(value)).into_iter();
            let pairs: Vec<String> =
                pairs.map(|(name, value)| format!("{name}={}", mask::shown(&name, &value))).collect();
            Some((FORM_TYPE, pairs.join("&")))
        }
        _ => Some((TEXT_TYPE, shown_scalar(value))),
    }
}

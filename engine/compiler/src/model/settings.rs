//! Spans, retries and the other small settings.

use super::key_span;
use super::keys::{check_keys, entries, scalar};
use crate::codes;
use crate::findings::Findings;
use crate::limits::RETRY_FACTOR_MAX;
use engross_core::limits::ATTEMPTS_MAX;
use engross_core::{Jitter, OnError, RetryPolicy, SpanError, parse_span};
use engross_source::Node;

/// A span that is longer than nothing, in milliseconds.
pub(super) fn span(findings: &mut Findings<'_>, node: &Node, what: &str) -> Option<u64> {
    let hint = Some("write a whole number and a unit: `90s`, `15m`, `4h`, `2d` or `1w`".to_owned());
    if node.as_f64().is_some() {
        findings.report(codes::SPAN, node.span, format!("{what} has no unit"), hint);
        return None;
    }
    match parse_span(scalar(findings, node, what)?) {
        Ok(0) => {
            findings.report(codes::SPAN, node.span, format!("{what} must be longer than nothing"), None);
            None
        }
        Ok(ms) => Some(ms),
        Err(SpanError::Form { .. }) => {
            findings.report(codes::SPAN, node.span, format!("{what} is not a span of time"), hint);
            None
        }
        Err(SpanError::TooLong { .. }) => {
            findings.report(codes::SPAN, node.span, format!("{what} is longer than ten years"), None);
            None
        }
    }
}

/// A retry policy; what it does not say is as in `base`.
pub(super) fn retry(findings: &mut Findings<'_>, node: &Node, base: &RetryPolicy) -> RetryPolicy {
    let mut policy = base.clone();
    if node.as_mapping().is_none() {
        entries(findings, node, "`retry`");
        return policy;
    }
    check_keys(findings, node, "`retry`", &["attempts", "initial", "factor", "max", "jitter"]);
    if let Some(attempts) = node.get("attempts") {
        let value = attempts.as_i64().and_then(|n| u32::try_from(n).ok()).filter(|n| (1..=ATTEMPTS_MAX).contains(n));
        match value {
            Some(value) => policy.attempts = value,
            None => {
                let message =
                    format!("`retry.attempts` is a whole number from 1 to {ATTEMPTS_MAX}, the first attempt included");
                let hint = Some("`attempts: 1` means that nothing is tried again".to_owned());
                findings.report(codes::VALUE, attempts.span, message, hint);
            }
        }
    }
    if let Some(factor) = node.get("factor") {
        match factor.as_f64().filter(|value| (1.0..=RETRY_FACTOR_MAX).contains(value)) {
            Some(value) => policy.factor = value,
            None => {
                let message = format!("`retry.factor` is a number from 1 to {RETRY_FACTOR_MAX}");
                findings.report(codes::VALUE, factor.span, message, None);
            }
        }
    }
    if let Some(ms) = node.get("initial").and_then(|node| span(findings, node, "`retry.initial`")) {
        policy.initial_ms = ms;
    }
    if let Some(ms) = node.get("max").and_then(|node| span(findings, node, "`retry.max`")) {
        policy.max_ms = ms;
    }
    if policy.initial_ms > policy.max_ms {
        let key = if node.get("initial").is_some() { "initial" } else { "max" };
        let message = "the first pause of `retry` is longer than the longest";
        let hint =
            Some(format!("`max` is {}s where it is not given; set it to `initial` or more", base.max_ms / 1_000));
        findings.report(codes::VALUE, key_span(node, key), message, hint);
    }
    if let Some(jitter) =
        choice(findings, node, "jitter", "`retry.jitter`", &[("none", Jitter::None), ("full", Jitter::Full)])
    {
        policy.jitter = jitter;
    }
    policy
}

/// `on_error`.
pub(super) fn on_error(findings: &mut Findings<'_>, node: &Node, default: OnError) -> OnError {
    let choices = [("incident", OnError::Incident), ("fail", OnError::Fail), ("continue", OnError::Continue)];
    choice(findings, node, "on_error", "`on_error`", &choices).unwrap_or(default)
}

/// One of a few words.
pub(super) fn choice<T: Copy>(
    findings: &mut Findings<'_>,
    node: &Node,
    key: &str,
    what: &str,
    choices: &[(&str, T)],
) -> Option<T> {
    let value = node.get(key)?;
    let word = scalar(findings, value, what)?;
    let found = choices.iter().find(|(name, _)| *name == word).map(|(_, choice)| *choice);
    if found.is_none() {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let hint = findings.nearest(word, &names).map(|near| format!("did you mean `{near}`?"));
        let mut names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        let last = names.pop().unwrap_or_default();
        let allowed = if names.is_empty() { last } else { format!("{} or {last}", names.join(", ")) };
        findings.report(codes::VALUE, value.span, format!("{what} is {allowed}"), hint);
    }
    found
}

//! One step as written.

use super::keys::{Unbuilt, check_keys, check_name, entries, require, scalar};
use super::needs::{self, NeedItem};
use super::{Defaults, settings};
use crate::findings::Findings;
use engross_core::{OnError, RetryPolicy};
use engross_source::yaml::{Entry, Key};
use engross_source::{Node, Span};

const KEYS: [&str; 8] = ["uses", "with", "needs", "if", "retry", "timeout", "on_error", "connection"];
const UNBUILT: [Unbuilt; 2] = [
    ("foreach", "write one step for each item"),
    ("compensate", "write a step that needs the outcomes after which it must run"),
];

/// A step as written.
pub(crate) struct Step<'a> {
    /// Its id and where that stands.
    pub(crate) key: &'a Key,
    /// What it uses, if that is a text.
    pub(crate) uses: Option<(&'a str, Span)>,
    /// Its `with`, if there is one and it is a mapping.
    pub(crate) with: Option<&'a Node>,
    /// Where `with` stands, or the place to underline when it is missing.
    pub(crate) with_span: Span,
    /// Whether there is a key that was probably meant to be `with`.
    pub(crate) with_misspelt: bool,
    pub(crate) needs: Vec<NeedItem<'a>>,
    pub(crate) condition: Option<&'a Node>,
    pub(crate) retry: RetryPolicy,
    /// In milliseconds, with the place of the key.
    pub(crate) timeout: Option<(u64, Span)>,
    pub(crate) on_error: OnError,
    pub(crate) connection: Option<(&'a str, Span)>,
}

impl Step<'_> {
    pub(crate) fn id(&self) -> &str {
        &self.key.text
    }
}

/// Reads a step. One that is no mapping is a step all the same, so that what refers to it is not wrong too.
pub(super) fn read<'a>(findings: &mut Findings<'a>, entry: &'a Entry, defaults: &Defaults) -> Step<'a> {
    let (key, node) = (&entry.key, &entry.value);
    check_name(findings, &key.text, key.span, "a step's id");
    if node.as_mapping().is_none() {
        entries(findings, node, "a step");
    }
    check_keys(findings, node, "a step", &KEYS, &UNBUILT);
    let uses = node
        .as_mapping()
        .and_then(|_| require(findings, node, "uses", "a step", key.span, "uses: approval"))
        .and_then(|node| Some((scalar(findings, node, "`uses`")?, node.span)));
    let with_entry = node.as_mapping().and_then(|mapping| mapping.entry("with"));
    let with = with_entry.map(|entry| &entry.value).filter(|with| {
        entries(findings, with, "`with`");
        with.as_mapping().is_some()
    });
    let fallback = uses.map_or(key.span, |(_, span)| span);
    let condition = node.get("if");
    let needs = node.get("needs").map(|node| needs::read(findings, node)).unwrap_or_default();
    let retry = node
        .get("retry")
        .map_or_else(|| defaults.retry.clone(), |retry| settings::retry(findings, retry, &defaults.retry));
    let timeout = node.get("timeout").and_then(|node| settings::span(findings, node, "`timeout`"));
    let connection = node.get("connection").and_then(|node| Some((scalar(findings, node, "`connection`")?, node.span)));
    Step {
        key,
        uses,
        with,
        with_misspelt: with_entry.is_none()
            && node.as_mapping().into_iter().flatten().any(|entry| is_almost_with(&entry.key.text)),
        with_span: with_entry.map_or(fallback, |entry| entry.key.span),
        needs,
        condition,
        retry,
        timeout: timeout.map(|ms| (ms, super::key_span(node, "timeout"))),
        on_error: settings::on_error(findings, node, defaults.on_error),
        connection,
    }
}

fn is_almost_with(key: &str) -> bool {
    !KEYS.contains(&key) && engross_source::nearest(key, KEYS.iter().copied()) == Some("with")
}

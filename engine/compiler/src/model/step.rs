//! One step as written.

use super::compensate::COMPENSATE;
use super::foreach::{self, FOREACH, Foreach};
use super::keys::{check_keys, check_name, entries, require, scalar};
use super::needs::{self, NeedItem};
use super::{Defaults, settings};
use crate::findings::Findings;
use engross_core::{OnError, PlanStep, RetryPolicy, StepId};
use engross_source::yaml::{Entry, Key};
use engross_source::{Node, Span};

const KEYS: [&str; 10] =
    ["uses", "with", "needs", "if", FOREACH, "retry", "timeout", "on_error", "connection", COMPENSATE];

/// What a step that undoes another may say: when it runs is not its own to say.
const UNDOING_KEYS: [&str; 6] = ["uses", "with", "retry", "timeout", "on_error", "connection"];

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
    /// For what list it is done, once for each item.
    pub(crate) foreach: Option<Foreach<'a>>,
    pub(crate) retry: RetryPolicy,
    /// In milliseconds, with the place of the key.
    pub(crate) timeout: Option<(u64, Span)>,
    pub(crate) on_error: OnError,
    pub(crate) connection: Option<(&'a str, Span)>,
    /// The step that this one undoes, if it is there for that.
    pub(crate) undoes: Option<StepId>,
}

impl Step<'_> {
    pub(crate) fn id(&self) -> &str {
        &self.key.text
    }
}

/// Reads a step. One that is no mapping is a step all the same, so that what refers to it is not wrong too.
pub(super) fn read<'a>(findings: &mut Findings<'a>, entry: &'a Entry, defaults: &Defaults) -> Step<'a> {
    let (key, node) = (&entry.key, &entry.value);
    // No step of the file stands where its key is not written out.
    let undoes = PlanStep::undone_by(&StepId::new(&key.text)).filter(|_| is_lifted(findings, key));
    if undoes.is_none() {
        check_name(findings, &key.text, key.span, "a step's id");
    }
    if node.as_mapping().is_none() {
        entries(findings, node, "a step");
    }
    if undoes.is_some() {
        check_keys(findings, node, "`compensate`", &UNDOING_KEYS);
    } else {
        check_keys(findings, node, "a step", &KEYS);
    }
    if let Some(compensate) = node.get(COMPENSATE).filter(|compensate| compensate.as_mapping().is_none()) {
        entries(findings, compensate, "`compensate`");
    }
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
    let foreach = node
        .get(FOREACH)
        .filter(|_| undoes.is_none())
        .map(|foreach| foreach::read(findings, foreach, super::key_span(node, FOREACH)));
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
        foreach,
        retry,
        timeout: timeout.map(|ms| (ms, super::key_span(node, "timeout"))),
        // What cannot be undone waits for a person, whatever other failures mean.
        on_error: settings::on_error(
            findings,
            node,
            if undoes.is_some() { OnError::Incident } else { defaults.on_error },
        ),
        connection,
        undoes,
    }
}

/// Whether the key is the one under which a step of the file says how it is undone.
fn is_lifted(findings: &Findings<'_>, key: &Key) -> bool {
    findings.file.text().get(key.span.range()).is_some_and(|text| text.trim_matches(['"', '\'']) == COMPENSATE)
}

fn is_almost_with(key: &str) -> bool {
    !KEYS.contains(&key) && engross_source::nearest(key, KEYS.iter().copied()) == Some("with")
}

//! `needs` as written: `x`, `x.outcome`, `{any: […]}`, `{done: […]}`.

use super::keys::items;
use crate::codes;
use crate::expr::has_marker;
use crate::findings::Findings;
use engross_source::{Node, Span};

/// One entry of `needs`.
pub(crate) enum NeedItem<'a> {
    /// A step's good outcome, or the one that is named.
    One(NeedName<'a>),
    /// The first of several.
    Any(Vec<NeedName<'a>>),
    /// Whichever outcome of each.
    Done(Vec<NeedName<'a>>),
}

impl<'a> NeedItem<'a> {
    /// The names in it.
    pub(crate) fn names(&self) -> &[NeedName<'a>] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Any(names) | Self::Done(names) => names,
        }
    }
}

/// A step and perhaps an outcome, with their places.
#[derive(Clone, Copy)]
pub(crate) struct NeedName<'a> {
    pub(crate) step: &'a str,
    pub(crate) step_span: Span,
    pub(crate) outcome: Option<(&'a str, Span)>,
    /// All of it.
    pub(crate) span: Span,
}

const FORMS: &str = "write `step`, `step.outcome`, `{ any: […] }` or `{ done: […] }`";

pub(super) fn read<'a>(findings: &mut Findings<'a>, node: &'a Node) -> Vec<NeedItem<'a>> {
    if let Some(one) = node.as_str() {
        let message = "`needs` is a list";
        findings.report(codes::WRONG_KIND, node.span, message, Some(format!("write `needs: [{one}]`")));
        return name(findings, node).map(NeedItem::One).into_iter().collect();
    }
    items(findings, node, "`needs`").iter().filter_map(|item| one(findings, item)).collect()
}

fn one<'a>(findings: &mut Findings<'a>, item: &'a Node) -> Option<NeedItem<'a>> {
    if item.as_str().is_some() {
        return name(findings, item).map(NeedItem::One);
    }
    let Some([entry]) = item.as_mapping().map(|mapping| mapping.entries()) else {
        let message = format!("an entry of `needs` is a step, and this is {}", item.kind_name());
        findings.report(codes::NEED_FORM, item.span, message, Some(FORMS.to_owned()));
        return None;
    };
    let form = entry.key.text.as_str();
    if form != "any" && form != "done" {
        let hint = findings
            .nearest(form, &["any", "done"])
            .map_or_else(|| FORMS.to_owned(), |near| format!("did you mean `{near}`?"));
        findings.report(codes::NEED_FORM, entry.key.span, "a mapping in `needs` is `any` or `done`", Some(hint));
        return None;
    }
    let list = items(findings, &entry.value, &format!("`{form}`"));
    if list.is_empty() && entry.value.as_sequence().is_some() {
        findings.report(codes::NEED_FORM, entry.value.span, format!("`{form}` names no step"), Some(FORMS.to_owned()));
    }
    let names: Vec<NeedName<'a>> = list.iter().filter_map(|item| name(findings, item)).collect();
    if names.is_empty() {
        return None;
    }
    if form == "any" {
        return Some(NeedItem::Any(names));
    }
    for name in &names {
        if let Some((outcome, span)) = name.outcome {
            let message = format!("`done` means whichever outcome, and this names `{outcome}`");
            let hint = format!("write `{}` here, or `{}.{outcome}` outside of `done`", name.step, name.step);
            findings.report(codes::NEED_FORM, span, message, Some(hint));
        }
    }
    Some(NeedItem::Done(names))
}

fn name<'a>(findings: &mut Findings<'a>, node: &'a Node) -> Option<NeedName<'a>> {
    let Some(text) = node.as_str().filter(|text| !text.is_empty()) else {
        let message = format!("a step is named by a string, and this is {}", node.kind_name());
        findings.report(codes::NEED_FORM, node.span, message, Some(FORMS.to_owned()));
        return None;
    };
    if has_marker(text) {
        let message = "`needs` must be written out: no template is computed here";
        findings.report(codes::TEMPLATE_PLACE, node.span, message, Some(FORMS.to_owned()));
        return None;
    }
    let parts: Vec<&str> = text.split('.').collect();
    let part = |start: usize, end: usize| node.map_range(findings.file, start, end);
    match parts.as_slice() {
        [step] => Some(NeedName { step, step_span: part(0, step.len()), outcome: None, span: node.span }),
        [step, outcome] => {
            let outcome = (*outcome, part(step.len() + 1, text.len()));
            Some(NeedName { step, step_span: part(0, step.len()), outcome: Some(outcome), span: node.span })
        }
        _ => {
            findings.report(
                codes::NEED_FORM,
                node.span,
                "this names more than a step and an outcome",
                Some(FORMS.to_owned()),
            );
            None
        }
    }
}

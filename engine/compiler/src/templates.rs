//! Every template of a workflow, found and looked through once.
//!
//! This walks the values in which templates are computed, makes the core's expressions of them, and reports what is wrong
//! with a template by itself. Whether its references lead anywhere is for the rules.

use crate::codes;
use crate::expr::{Fault, Segment, SyntaxChecker, Text, has_marker, path_text, scan};
use crate::findings::Findings;
use crate::model::{TriggerKind, Workflow, WrittenTrigger};
use engross_core::{Expr, Template};
use engross_source::{Node, Span, Value};
use std::collections::BTreeMap;
use std::ops::Range;

/// Where a template stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// `title`.
    Title,
    /// `run.key`.
    RunKey,
    /// `run.concurrency.group`.
    Group,
    /// `foreach.items` of the step at this position.
    Items(usize),
    /// `foreach.key` of the step at this position.
    ItemKey(usize),
    /// `with` of the step at this position.
    With(usize),
    /// `if` of the step at this position.
    Condition(usize),
    /// `outputs`.
    Output,
    /// `inputs` of the trigger at this position.
    TriggerInputs(usize),
    /// `id` of the trigger at this position.
    TriggerId(usize),
    /// `if` of the trigger at this position.
    TriggerCondition(usize),
}

impl Place {
    /// The step it belongs to.
    pub(crate) fn step(self) -> Option<usize> {
        match self {
            Self::With(step) | Self::Condition(step) | Self::Items(step) | Self::ItemKey(step) => Some(step),
            Self::Title
            | Self::RunKey
            | Self::Group
            | Self::Output
            | Self::TriggerInputs(_)
            | Self::TriggerId(_)
            | Self::TriggerCondition(_) => None,
        }
    }

    /// The trigger it belongs to.
    pub(crate) fn trigger(self) -> Option<usize> {
        match self {
            Self::TriggerInputs(trigger) | Self::TriggerId(trigger) | Self::TriggerCondition(trigger) => Some(trigger),
            Self::Title
            | Self::RunKey
            | Self::Group
            | Self::Items(_)
            | Self::ItemKey(_)
            | Self::With(_)
            | Self::Condition(_)
            | Self::Output => None,
        }
    }
}

/// One string with a template in it.
pub(crate) struct Site<'a> {
    pub(crate) place: Place,
    /// The way to it inside `with` or `outputs`.
    pub(crate) path: Vec<Segment>,
    pub(crate) node: &'a Node,
    pub(crate) text: Text,
}

impl Site<'_> {
    /// A range of the decoded text as a place in the file.
    pub(crate) fn span(&self, findings: &Findings<'_>, range: &Range<usize>) -> Span {
        self.node.map_range(findings.file, range.start, range.end)
    }

    /// The JSON pointer inside `with` or `outputs`.
    pub(crate) fn pointer(&self) -> String {
        let token = |segment: &Segment| match segment {
            Segment::Key(key) => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
            Segment::Index(index) => format!("/{index}"),
        };
        self.path.iter().map(token).collect()
    }
}

/// All of them, and the expressions they are part of.
pub(crate) struct Templates<'a> {
    pub(crate) sites: Vec<Site<'a>>,
    /// The position of the site at each node, by where that is in memory.
    by_node: BTreeMap<usize, usize>,
    pub(crate) title: Option<Expr>,
    pub(crate) key: Option<Template>,
    pub(crate) group: Option<Expr>,
    /// For each step.
    pub(crate) withs: Vec<Expr>,
    /// For each step.
    pub(crate) conditions: Vec<Option<Template>>,
    /// For each step.
    pub(crate) foreach: Vec<Option<ForeachTemplates>>,
    pub(crate) outputs: Vec<(&'a str, Expr)>,
    /// For each trigger.
    pub(crate) triggers: Vec<TriggerTemplates>,
}

impl<'a> Templates<'a> {
    /// The site that a node is, if it holds a template.
    pub(crate) fn site_of(&self, node: &Node) -> Option<&Site<'a>> {
        self.sites.get(*self.by_node.get(&std::ptr::from_ref(node).addr())?)
    }
}

/// The expressions of one `foreach`.
pub(crate) struct ForeachTemplates {
    pub(crate) items: Expr,
    pub(crate) key: Option<Expr>,
}

/// The expressions of one trigger.
pub(crate) struct TriggerTemplates {
    pub(crate) inputs: Expr,
    pub(crate) id: Option<Template>,
    pub(crate) condition: Option<Template>,
}

/// Finds all templates of a workflow.
pub(crate) fn collect<'a>(workflow: &Workflow<'a>, findings: &mut Findings<'a>) -> Templates<'a> {
    let mut reader = Reader { findings, checker: SyntaxChecker::new(), sites: Vec::new(), path: Vec::new() };
    let title = workflow.title.map(|node| reader.expr(Place::Title, node));
    let key = workflow.run.key.map(|node| reader.template(Place::RunKey, node));
    let group = workflow.run.concurrency.map(|(node, _)| reader.expr(Place::Group, node));
    let mut foreach = Vec::with_capacity(workflow.steps.len());
    let mut withs = Vec::with_capacity(workflow.steps.len());
    let mut conditions = Vec::with_capacity(workflow.steps.len());
    for (index, step) in workflow.steps.iter().enumerate() {
        withs.push(match step.with {
            Some(node) => reader.expr(Place::With(index), node),
            None => Expr::Literal(serde_json::json!({})),
        });
        foreach.push(step.foreach.as_ref().map(|foreach| {
            ForeachTemplates {
                items: foreach
                    .items
                    .map_or(Expr::Literal(serde_json::json!([])), |node| reader.expr(Place::Items(index), node)),
                key: foreach.key.map(|node| reader.expr(Place::ItemKey(index), node)),
            }
        }));
        conditions.push(step.condition.and_then(|node| reader.condition(Place::Condition(index), node)));
    }
    let outputs = workflow
        .outputs
        .iter()
        .map(|entry| {
            reader.path.push(Segment::Key(entry.key.text.clone()));
            let expr = reader.expr(Place::Output, &entry.value);
            reader.path.pop();
            (entry.key.text.as_str(), expr)
        })
        .collect();
    let triggers =
        workflow.triggers.iter().enumerate().map(|(index, trigger)| reader.trigger(index, trigger)).collect();
    let by_node =
        reader.sites.iter().enumerate().map(|(at, site)| (std::ptr::from_ref(site.node).addr(), at)).collect();
    Templates { sites: reader.sites, by_node, title, key, group, withs, conditions, foreach, outputs, triggers }
}

struct Reader<'a, 'f> {
    findings: &'f mut Findings<'a>,
    checker: SyntaxChecker,
    sites: Vec<Site<'a>>,
    path: Vec<Segment>,
}

impl<'a> Reader<'a, '_> {
    /// Recursion follows the tree, whose depth the loader bounds.
    fn expr(&mut self, place: Place, node: &'a Node) -> Expr {
        match &node.value {
            Value::String(text) if has_marker(text) => Expr::Template(self.template(place, node)),
            Value::Sequence(items) => {
                let mut list = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    self.path.push(Segment::Index(index));
                    list.push(self.expr(place, item));
                    self.path.pop();
                }
                if list.iter().all(|item| matches!(item, Expr::Literal(_))) {
                    return Expr::Literal(node.to_json());
                }
                Expr::List(list)
            }
            Value::Mapping(mapping) => {
                let mut literal = true;
                let mut map = Vec::with_capacity(mapping.len());
                for entry in mapping {
                    if has_marker(&entry.key.text) {
                        let message = "a key must be written out: no template is computed here";
                        let hint = Some("put the template into the value".to_owned());
                        self.findings.report(codes::TEMPLATE_PLACE, entry.key.span, message, hint);
                    }
                    self.path.push(Segment::Key(entry.key.text.clone()));
                    let value = self.expr(place, &entry.value);
                    self.path.pop();
                    literal &= matches!(value, Expr::Literal(_));
                    map.push((entry.key.text.clone(), value));
                }
                if literal {
                    return Expr::Literal(node.to_json());
                }
                Expr::Map(map.into_iter().collect())
            }
            _ => Expr::Literal(node.to_json()),
        }
    }

    /// The template of a string, which need not hold one.
    fn template(&mut self, place: Place, node: &'a Node) -> Template {
        let source = node.as_str().unwrap_or_default();
        let mut text = scan(source);
        if text.faults.is_empty() {
            text.faults.extend(self.checker.check(source, &text));
        }
        // What stands in something that is no expression is no reference, and one finding is enough for it.
        for expression in &mut text.expressions {
            let broken = |fault: &Fault| {
                matches!(fault.code, codes::TEMPLATE_SYNTAX | codes::TEMPLATE_PROFILE)
                    && expression.outer.contains(&fault.range.start)
            };
            if text.faults.iter().any(broken) {
                expression.references.clear();
            }
        }
        for fault in std::mem::take(&mut text.faults) {
            self.fault(node, fault);
        }
        let references = text.expressions.iter().flat_map(|e| &e.references).map(|r| path_text(r.path())).collect();
        let template = Template { source: source.to_owned(), whole: text.whole, references };
        if !text.expressions.is_empty() {
            self.sites.push(Site { place, path: self.path.clone(), node, text });
        }
        template
    }

    fn trigger(&mut self, index: usize, trigger: &WrittenTrigger<'a>) -> TriggerTemplates {
        let inputs = match trigger.inputs {
            Some(node) => self.expr(Place::TriggerInputs(index), node),
            None => Expr::Literal(serde_json::json!({})),
        };
        let (id, condition) = match trigger.kind {
            TriggerKind::Schedule { .. } => (None, None),
            TriggerKind::Event { id, condition, .. } => (
                id.map(|node| self.template(Place::TriggerId(index), node)),
                condition.and_then(|node| self.condition(Place::TriggerCondition(index), node)),
            ),
        };
        TriggerTemplates { inputs, id, condition }
    }

    fn fault(&mut self, node: &Node, fault: Fault) {
        let span = node.map_range(self.findings.file, fault.range.start, fault.range.end);
        self.findings.report(fault.code, span, fault.message, fault.hint);
    }

    fn condition(&mut self, place: Place, node: &'a Node) -> Option<Template> {
        let Some(source) = node.as_str() else {
            let message = format!("`if` is an expression, and this is {}", node.kind_name());
            let hint = Some("write it like `if: \"{{ inputs.term_months > 12 }}\"`".to_owned());
            self.findings.report(codes::CONDITION, node.span, message, hint);
            return None;
        };
        let template = self.template(place, node);
        if !template.whole && !source.contains("{%") && !source.contains("{#") {
            let (message, hint) = if has_marker(source) {
                (
                    "`if` must be one expression and nothing else",
                    "put all of it between one `{{` and one `}}`".to_owned(),
                )
            } else {
                let shown = engross_source::diagnostic::quoted(source.trim());
                (
                    "`if` must be an expression in braces",
                    format!("write `if: \"{{{{ {} }}}}\"`", shown.trim_matches('`')),
                )
            };
            self.findings.report(codes::CONDITION, node.span, message, Some(hint));
        }
        Some(template)
    }
}

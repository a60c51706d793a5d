//! One workflow while it is checked: what was read, and what the rules know of it by then. Plain data; the rules decide.

use crate::catalog::Catalog;
use crate::findings::Findings;
use crate::model::Workflow;
use crate::templates::{Site, Templates};
use engross_core::{Need, StepSpec};
use engross_source::Span;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

/// What rules look at.
pub(crate) struct Unit<'a> {
    pub(crate) catalog: &'a dyn Catalog,
    pub(crate) workflow: Workflow<'a>,
    pub(crate) templates: Templates<'a>,
    /// The promise of each step's operation, where it is known.
    pub(crate) specs: Vec<Option<&'a StepSpec>>,
    /// The position of each step.
    pub(crate) positions: BTreeMap<&'a str, usize>,
    /// The schema of all inputs.
    pub(crate) inputs: Value,
    /// The schema of each step's outputs, where it is known.
    pub(crate) outputs: Vec<Option<Cow<'a, Value>>>,
}

impl<'a> Unit<'a> {
    /// The id of the step at a position.
    pub(crate) fn id(&self, step: usize) -> &'a str {
        self.workflow.steps.get(step).map_or("", |step| step.key.text.as_str())
    }

    /// The promise of the step at a position.
    pub(crate) fn spec(&self, step: usize) -> Option<&'a StepSpec> {
        self.specs.get(step).copied().flatten()
    }

    /// All step ids in the order of the file.
    pub(crate) fn ids(&self) -> Vec<&'a str> {
        self.workflow.steps.iter().map(|step| step.key.text.as_str()).collect()
    }

    /// The site at a position.
    pub(crate) fn site(&self, site: usize) -> Option<&Site<'a>> {
        self.templates.sites.get(site)
    }
}

/// A place that is worked out only when it is shown.
#[derive(Clone, Debug)]
pub(crate) enum Spot {
    /// A place in the file.
    At(Span),
    /// A range of the decoded text of the site at this position.
    In(usize, Range<usize>),
}

impl Spot {
    pub(crate) fn span(&self, unit: &Unit<'_>, findings: &Findings<'_>) -> Span {
        match self {
            Self::At(span) => *span,
            Self::In(site, range) => unit.site(*site).map_or(Span::at(0), |site| site.span(findings, range)),
        }
    }
}

/// A use of another step's result in a template.
pub(crate) struct Use {
    /// The position of the step that is referred to.
    pub(crate) target: usize,
    /// The position of the site it stands in.
    pub(crate) site: usize,
    /// Where in the site.
    pub(crate) range: Range<usize>,
    /// Its outputs, or only its outcome.
    pub(crate) outputs: bool,
    /// Whether the template says what to do when there is no value.
    pub(crate) guarded: bool,
}

/// A need of a step.
pub(crate) struct Edge {
    pub(crate) need: Need,
    /// The positions of the steps it names, with the place of each name.
    pub(crate) targets: Vec<(usize, Spot)>,
    /// Whether the author wrote it under `needs`.
    pub(crate) written: bool,
}

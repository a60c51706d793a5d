//! One workflow while it is checked: what was read, and what the rules know of it by then. Plain data; the rules decide.

use crate::catalog::Catalog;
use crate::family::Child;
use crate::findings::Findings;
use crate::model::Workflow;
use crate::templates::{Place, Site, Templates};
use engross_core::{Need, StepSpec};
use engross_policy::PolicyTable;
use engross_source::Span;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

/// What rules look at.
pub(crate) struct Unit<'a> {
    pub(crate) catalog: &'a dyn Catalog,
    pub(crate) workflow: Workflow<'a>,
    pub(crate) templates: Templates<'a>,
    /// The promise of each step's operation, where it is known.
    pub(crate) specs: Vec<Option<&'a StepSpec>>,
    /// The workflow that a step starts, where it can be had.
    pub(crate) children: BTreeMap<usize, Rc<Child>>,
    /// The decision table that an approval asks, where it can be had.
    pub(crate) policies: BTreeMap<usize, PolicyTable>,
    /// The promises of those that say more than their operation's own: what they take and leave is another workflow's, a policy's
    /// or a form's.
    pub(crate) promises: BTreeMap<usize, StepSpec>,
    /// The promise of the whole, for each step that is done for a list of items.
    pub(crate) wholes: BTreeMap<usize, StepSpec>,
    /// What `item` is, for each of these steps.
    pub(crate) items: BTreeMap<usize, Item>,
    /// The position of each step.
    pub(crate) positions: BTreeMap<&'a str, usize>,
    /// The schema of all inputs.
    pub(crate) inputs: Value,
    /// The schema of what each step's operation leaves, where it is known.
    pub(crate) outputs: Vec<Option<Cow<'a, Value>>>,
}

/// What `item` is in a step that is done for each item of a list.
pub(crate) struct Item {
    /// Its schema, which stands alone.
    pub(crate) schema: Value,
    /// Whether the list comes from what other steps left, rather than from the inputs or the file.
    pub(crate) of_answer: bool,
    /// Whether the list is written out.
    pub(crate) written: bool,
}

impl<'a> Unit<'a> {
    /// The id of the step at a position.
    pub(crate) fn id(&self, step: usize) -> &'a str {
        self.workflow.steps.get(step).map_or("", |step| step.key.text.as_str())
    }

    /// The promise of the operation of the step at a position.
    pub(crate) fn spec(&self, step: usize) -> Option<&StepSpec> {
        self.promises.get(&step).or_else(|| self.specs.get(step).copied().flatten())
    }

    /// The promise of the step at a position as other steps see it: that of the whole, if it is done for each item of a list.
    pub(crate) fn ends(&self, step: usize) -> Option<&StepSpec> {
        self.wholes.get(&step).or_else(|| self.spec(step))
    }

    /// The promise of `target` as the step at a position sees it: what undoes an item sees that item.
    pub(crate) fn ends_for(&self, viewer: Option<usize>, target: usize) -> Option<&StepSpec> {
        if viewer.is_some_and(|viewer| self.undone_by(viewer) == Some(target)) {
            return self.spec(target);
        }
        self.ends(target)
    }

    /// The schema of the outputs of `target` as the step at a position sees them.
    pub(crate) fn outputs_for(&self, viewer: Option<usize>, target: usize) -> Option<&Value> {
        match self.wholes.get(&target) {
            Some(whole) if viewer.and_then(|viewer| self.undone_by(viewer)) != Some(target) => Some(&whole.output),
            _ => self.outputs.get(target)?.as_deref(),
        }
    }

    /// The step that the one at a position undoes.
    pub(crate) fn undone_by(&self, step: usize) -> Option<usize> {
        let undone = self.workflow.steps.get(step)?.undoes.as_ref()?;
        self.positions.get(undone.as_str()).copied()
    }

    /// The step for whose items the site is computed, if it is.
    pub(crate) fn item_step(&self, site: &Site<'_>) -> Option<usize> {
        let (Place::With(step) | Place::ItemKey(step)) = site.place else { return None };
        let step = self.undone_by(step).unwrap_or(step);
        self.workflow.steps.get(step).filter(|step| step.foreach.is_some()).map(|_| step)
    }

    /// What `item` is at this site.
    pub(crate) fn item(&self, site: &Site<'_>) -> Option<&Item> {
        self.items.get(&self.item_step(site)?)
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

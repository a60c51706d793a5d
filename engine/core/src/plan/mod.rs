//! The compiled workflow: immutable, named by its digest, kept for as long as a run of it lives.
//!
//! `definition` is the part that is stored; `graph` is the petgraph view of it, rebuilt on load and private to its file.

mod definition;
mod graph;

pub use definition::{Concurrency, Foreach, Need, NeedRef, On, OnError, PlanDefinition, PlanStep, Tolerance};
pub use graph::{Cycle, find_cycles};

use crate::limits::STEPS_MAX;
use crate::{OutcomeName, PlanDigest, RunState, StepId};
use graph::Graph;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// A compiled workflow, ready to run.
#[derive(Debug)]
pub struct Plan {
    definition: PlanDefinition,
    digest: PlanDigest,
    positions: BTreeMap<StepId, usize>,
    graph: Graph,
}

/// Why a definition is not a plan.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Two steps of one name.
    #[error("step `{0}` is there twice")]
    DuplicateStep(StepId),
    /// A need names a step that is not there.
    #[error("step `{step}` needs `{needed}`, which is not there")]
    UnknownStep {
        /// The step with the need.
        step: StepId,
        /// What it names.
        needed: StepId,
    },
    /// The steps go round in circles.
    #[error("the steps go round in circles: {}", .0.iter().map(Cycle::to_string).collect::<Vec<_>>().join("; "))]
    Cycles(Vec<Cycle>),
    /// More steps than a plan may have.
    #[error("{0} steps are more than the {STEPS_MAX} a workflow may have")]
    TooManySteps(usize),
    /// It cannot be written as JSON.
    #[error("the plan cannot be written down: {0}")]
    Encoding(String),
}

impl Plan {
    /// Checks a definition's shape and builds its graph.
    ///
    /// # Errors
    /// A shape that no compiler should let through: unknown or duplicate steps, cycles, too many steps.
    pub fn build(definition: PlanDefinition) -> Result<Self, PlanError> {
        if definition.steps.len() > STEPS_MAX {
            return Err(PlanError::TooManySteps(definition.steps.len()));
        }
        let mut positions = BTreeMap::new();
        for (position, step) in definition.steps.iter().enumerate() {
            if positions.insert(step.id.clone(), position).is_some() {
                return Err(PlanError::DuplicateStep(step.id.clone()));
            }
        }
        for step in &definition.steps {
            for needed in step.needs.iter().flat_map(Need::refs) {
                if !positions.contains_key(&needed.step) {
                    return Err(PlanError::UnknownStep { step: step.id.clone(), needed: needed.step.clone() });
                }
            }
        }
        let graph = Graph::build(&definition.steps, &positions);
        let cycles = graph.cycles();
        if !cycles.is_empty() {
            return Err(PlanError::Cycles(cycles));
        }
        let bytes = serde_json::to_vec(&definition).map_err(|e| PlanError::Encoding(e.to_string()))?;
        let digest = PlanDigest::new(hex::encode(Sha256::digest(&bytes)));
        Ok(Self { definition, digest, positions, graph })
    }

    /// The stored part.
    pub fn definition(&self) -> &PlanDefinition {
        &self.definition
    }

    /// Its name: SHA-256 of the definition's JSON, in hex.
    pub fn digest(&self) -> &PlanDigest {
        &self.digest
    }

    /// A step by its id: one of the file, one that undoes another, or one for an item of a list. Of the last two the id is
    /// asked for, not found in what is returned: all items share one.
    pub fn step(&self, id: &StepId) -> Option<&PlanStep> {
        if let Some(position) = self.positions.get(id) {
            return self.definition.steps.get(*position);
        }
        if let Some(undone) = PlanStep::undone_by(id) {
            return self.step(&undone)?.compensate.as_deref();
        }
        let (of, _) = PlanStep::item_of(id)?;
        let position = self.positions.get(&of)?;
        Some(&self.definition.steps.get(*position)?.foreach.as_deref()?.each)
    }

    /// All that is written of steps: those of [`Plan::ordered`], what each does for an item, and what undoes them.
    pub fn all(&self) -> impl Iterator<Item = &PlanStep> {
        let each = || self.ordered().filter_map(|step| step.foreach.as_deref()).map(|foreach| &foreach.each);
        let acting = move || self.ordered().chain(each());
        acting().chain(acting().filter_map(|step| step.compensate.as_deref()))
    }

    /// The ids under which a run in this state knows steps, with what each does: the steps of the file in their order, each
    /// followed by its items in theirs; then what has been begun to undo them.
    pub fn in_state<'a>(&'a self, state: &'a RunState) -> impl Iterator<Item = (StepId, &'a PlanStep)> {
        let acting = || {
            self.ordered().flat_map(move |step| {
                let items = step.foreach.as_deref().into_iter().flat_map(move |foreach| {
                    let ids = items_begun(state, &step.id).map(move |id| (id.clone(), &foreach.each));
                    ids.collect::<Vec<_>>()
                });
                std::iter::once((step.id.clone(), step)).chain(items)
            })
        };
        let undoing = acting().filter_map(move |(id, step)| {
            let (id, undoing) = (PlanStep::undoing(&id), step.compensate.as_deref()?);
            state.steps.contains_key(&id).then_some((id, undoing))
        });
        acting().chain(undoing)
    }

    /// The steps, each after everything it needs; among equals, in the order of the file.
    pub fn ordered(&self) -> impl Iterator<Item = &PlanStep> {
        self.graph.order().iter().filter_map(|position| self.definition.steps.get(*position))
    }

    /// A step and all that follow from it, directly or not.
    pub fn following(&self, from: &StepId) -> BTreeSet<StepId> {
        let mut found = BTreeSet::from([from.clone()]);
        // In this order, a step comes after all it needs.
        for step in self.ordered() {
            if step.needs.iter().flat_map(Need::refs).any(|need| found.contains(&need.step)) {
                found.insert(step.id.clone());
            }
        }
        found
    }

    /// Whether some step's needs name this outcome of this step, alone or among others. A step that runs whatever happens
    /// handles nothing.
    pub fn handles(&self, step: &StepId, outcome: &OutcomeName) -> bool {
        self.definition.steps.iter().flat_map(|s| &s.needs).flat_map(Need::refs).any(|need| {
            need.step == *step
                && match &need.on {
                    On::Outcome(name) => name == outcome,
                    On::Done => false,
                }
        })
    }
}

/// The steps for items of this step that have begun, in the order of their keys.
pub(crate) fn items_begun<'a>(state: &'a RunState, of: &StepId) -> impl Iterator<Item = &'a StepId> + use<'a> {
    let first = StepId::new(format!("{of}["));
    let of = of.clone();
    state
        .steps
        .range(first.clone()..)
        .map(|(id, _)| id)
        .take_while(move |id| id.as_str().starts_with(first.as_str()))
        .filter(move |id| PlanStep::item_of(id).is_some_and(|(parent, _)| parent == of))
}

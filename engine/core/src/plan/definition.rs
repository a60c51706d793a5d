//! A plan as it is stored. An on-disk form: fields are only added, with defaults.

use crate::{EffectClass, Expr, OutcomeName, OutcomeSpec, RetryPolicy, StepId, StepKind, Template};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// A compiled workflow as data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanDefinition {
    /// The version of this form.
    pub v: u16,
    /// The workflow's name.
    pub name: String,
    /// What a run of it is called in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Expr>,
    /// SHA-256 of the file it was compiled from, in hex.
    pub source_sha256: String,
    /// JSON Schema of the inputs; an object schema with defaults.
    pub inputs: Value,
    /// The steps in the order of the file.
    pub steps: Vec<PlanStep>,
    /// What a run leaves behind.
    #[serde(default)]
    pub outputs: BTreeMap<String, Expr>,
    /// The key a second start attaches by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Template>,
    /// How long a run may take in all, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// How many runs of one group may be at work at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<Concurrency>,
}

/// How many runs of one group may be at work at once. The others wait for their turn, in the order of their start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Concurrency {
    /// The name of a run's group, among the runs of its workflow.
    pub group: Expr,
    /// How many of a group may be at work.
    pub limit: u32,
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanStep {
    /// Its id.
    pub id: StepId,
    /// The operation: `approval`, `juro/create_contract`.
    pub uses: String,
    /// The named connection it goes through, for a provider's step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// What it gets.
    pub with: Expr,
    /// What must have happened first; all of them.
    #[serde(default)]
    pub needs: Vec<Need>,
    /// False ends it as skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Template>,
    /// What a second execution would do.
    pub effect: EffectClass,
    /// Whether it acts or waits.
    pub kind: StepKind,
    /// Its outcomes, the good one first.
    pub outcomes: Vec<OutcomeSpec>,
    /// When a failed attempt is tried again.
    pub retry: RetryPolicy,
    /// How long it may take in all, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// What its failure means for the run.
    #[serde(default)]
    pub on_error: OnError,
    /// What undoes it when the run fails or is cancelled. Its id is [`PlanStep::undoing`] of this step's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compensate: Option<Box<PlanStep>>,
    /// It is done once for each item of a list. This step then is what holds those together, and its outcomes and outputs are
    /// those of the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub foreach: Option<Box<Foreach>>,
    /// The workflow that it starts, as it was when this plan was made: a run keeps the definition of all it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub child: Option<Box<PlanDefinition>>,
    /// The decision table that it asks, as it was when this plan was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Box<Value>>,
}

/// A step for each item of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Foreach {
    /// The list.
    pub items: Expr,
    /// What tells an item from the others, now and when the list is made again; its position, where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Expr>,
    /// How many are under way at once.
    pub max_parallel: u32,
    /// How many may end badly without the whole doing so.
    #[serde(default)]
    pub tolerate: Tolerance,
    /// What is done for each. Its id is that of [`PlanStep::item`] with an empty key.
    pub each: PlanStep,
}

/// How many items may end badly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tolerance {
    /// So many.
    Count(u32),
    /// So many of a hundred, rounded down.
    Percent(u32),
}

impl Foreach {
    /// How many of `items` may end badly. Of approvals none: what others put up with is nobody's yes.
    pub fn allowed(&self, items: usize) -> usize {
        if self.each.uses == PlanStep::APPROVAL { 0 } else { self.tolerate.of(items) }
    }
}

impl Default for Tolerance {
    fn default() -> Self {
        Self::Count(0)
    }
}

impl Tolerance {
    /// How many of `items` that is.
    pub fn of(self, items: usize) -> usize {
        match self {
            Self::Count(count) => usize::try_from(count).unwrap_or(usize::MAX),
            Self::Percent(percent) => items.saturating_mul(usize::try_from(percent).unwrap_or(usize::MAX)) / 100,
        }
    }
}

impl PlanStep {
    /// The operation that asks people.
    pub const APPROVAL: &str = "approval";

    /// Whether people are asked by it: by itself, by what is done for each item, or in a workflow that it starts.
    pub fn asks_people(&self) -> bool {
        self.uses == Self::APPROVAL
            || self.foreach.as_ref().is_some_and(|foreach| foreach.each.asks_people())
            || self.child.as_ref().is_some_and(|child| child.steps.iter().any(Self::asks_people))
    }

    /// The end of the id of a step that undoes another. No step of a file can be called so.
    const UNDOING: &str = ".compensate";

    /// The id of the step that undoes this one.
    pub fn undoing(step: &StepId) -> StepId {
        StepId::new(format!("{step}{}", Self::UNDOING))
    }

    /// The step that this one undoes, if it is there for that.
    pub fn undone_by(step: &StepId) -> Option<StepId> {
        step.as_str().strip_suffix(Self::UNDOING).map(StepId::new)
    }

    /// The id of a step for one item of a list.
    pub fn item(step: &StepId, key: &str) -> StepId {
        StepId::new(format!("{step}[{key}]"))
    }

    /// The step of which this is one item, and the item's key. What undoes an item is none.
    pub fn item_of(step: &StepId) -> Option<(StepId, &str)> {
        let (of, key) = step.as_str().strip_suffix(']')?.split_once('[')?;
        Some((StepId::new(of), key))
    }

    /// The step of the file that this one stands for: itself, or the one of which it is an item, or what either undoes.
    pub fn written(step: &StepId) -> StepId {
        let step = Self::undone_by(step).unwrap_or_else(|| step.clone());
        match Self::item_of(&step) {
            Some((of, _)) => of,
            None => step,
        }
    }
}

/// What a step's failure, or a bad end of a wait, means for the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// A failure that no step needs stops here as an incident, until a person has mended it; after a bad end of a wait the
    /// run ends as stopped.
    #[default]
    Incident,
    /// The run fails, unless a step needs this failure; after a bad end of a wait it ends as stopped.
    Fail,
    /// The run goes on without it.
    Continue,
}

/// One thing that must have happened before a step starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// This one.
    One(NeedRef),
    /// Any of these; the first is enough.
    Any(Vec<NeedRef>),
}

impl Need {
    /// The steps it names.
    pub fn refs(&self) -> &[NeedRef] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Any(any) => any,
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(one) => write!(f, "{one}"),
            Self::Any(any) => {
                write!(f, "any of ")?;
                for (i, one) in any.iter().enumerate() {
                    write!(f, "{}{one}", if i == 0 { "" } else { ", " })?;
                }
                Ok(())
            }
        }
    }
}

/// A step and what is expected of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NeedRef {
    /// The step.
    pub step: StepId,
    /// What of it.
    pub on: On,
}

impl fmt::Display for NeedRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.on {
            On::Outcome(outcome) => write!(f, "{}.{outcome}", self.step),
            On::Done => write!(f, "{} done", self.step),
        }
    }
}

/// What is expected of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum On {
    /// This outcome.
    Outcome(OutcomeName),
    /// An outcome, whichever. A skipped step reaches none.
    Done,
}

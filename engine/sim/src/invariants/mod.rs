//! What must hold. One file per invariant; the names are those of the test programme. Those that are about every fact are checked
//! as it becomes durable, those about effects as the provider acts, the rest when the world has come to rest.

mod i01_acknowledged;
mod i02_effects;
mod i03_keys;
mod i04_outcome;
mod i05_replay;
mod i06_chain;
mod i07_order;
mod i08_holder;
mod i09_timers;
mod i10_approvals;
mod i11_liveness;
mod i12_bounds;
mod i15_rows;
mod i16_items;
mod i17_groups;
mod i18_children;
mod i19_schedules;
mod i20_undoing;
mod i21_left_behind;
mod rest;

pub(crate) use i04_outcome::same_as_without_crashes;
pub(crate) use i07_order::refused_as_too_late;
pub(crate) use i08_holder::{nobody_else_wrote, one_holder};
pub(crate) use i12_bounds::memory_is_bounded;

use crate::generate::uses;
use crate::reference::rules::{End, Ends};
use engross_core::{
    Event, Plan, Record, RunId, RunState, StepId, StepState, TimerId, Timestamp, WaitKind, apply, fold,
};
use engross_store::{Commit, Timer, WaitRow};
use i01_acknowledged::Acknowledged;
use i10_approvals::Question;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The invariant: `I2`.
    pub invariant: &'static str,
    /// What was seen.
    pub text: String,
}

impl Violation {
    pub(crate) fn new(invariant: &'static str, text: impl Into<String>) -> Self {
        Self { invariant, text: text.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.text)
    }
}

pub(crate) type Held = Result<(), Violation>;

/// What people and providers notice of a durable fact.
pub(crate) enum Noticed {
    Started { run: RunId, plan: Arc<Plan> },
    Asked { run: RunId, step: StepId, expires_ms: Option<u64> },
    FannedOut { run: RunId, step: StepId },
    Stuck { run: RunId, step: StepId },
}

/// A run as its durable facts tell of it.
pub(crate) struct Watched {
    pub(crate) plan: Arc<Plan>,
    /// The fold of what is durable.
    pub(crate) state: RunState,
    /// The rows of the run, as its commits have left them.
    timers: BTreeSet<Timer>,
    waits: BTreeSet<WaitRow>,
    /// The key of each step's effect.
    keys: BTreeMap<StepId, String>,
    /// Timers that facts speak of and that have not fired.
    due: BTreeMap<TimerId, Timestamp>,
    /// The questions that are open, as facts tell of them.
    questions: BTreeMap<StepId, Question>,
    /// Runs that it started and that a person's re-run has left alone.
    left_alone: BTreeSet<RunId>,
}

impl Watched {
    /// Whether a step of the run holds a subscription to this topic.
    pub(crate) fn holds(&self, topic: &str) -> bool {
        self.waits.iter().any(|row| row.subscription.topic == topic)
    }

    /// Steps that are run again have new effects, with keys of their own.
    fn start_again(&mut self, event: &Event) {
        if let Event::StepsReset { steps, .. } = event {
            self.keys.retain(|step, _| !steps.contains(step));
        }
    }

    /// How the steps stand, in the words of the language's rules.
    pub(crate) fn ends(&self) -> Ends {
        let end = |state: &StepState| match state {
            StepState::Completed { outcome, outputs, .. } => End::Outcome(outcome.to_string(), (**outputs).clone()),
            StepState::Skipped { .. } => End::Skipped,
            StepState::Cancelled { .. } => End::Cancelled,
            _ => End::Open,
        };
        self.state.steps.iter().map(|(id, state)| (id.to_string(), end(state))).collect()
    }
}

/// Everything that is known of the world from outside the node.
#[derive(Default)]
pub(crate) struct Oracle {
    pub(crate) runs: BTreeMap<RunId, Watched>,
    acknowledged: Acknowledged,
    /// When the clock last jumped, in milliseconds since the week began.
    jumped_at: Option<u64>,
    booted_at: u64,
    /// Since when each schedule is kept.
    registered: BTreeMap<usize, Timestamp>,
}

impl Oracle {
    pub(crate) fn clock_jumped(&mut self, now: u64) {
        self.jumped_at = Some(now);
    }

    pub(crate) fn booted(&mut self, now: u64) {
        self.booted_at = now;
    }

    /// A commit has become durable. `live` is the state that the node goes on with.
    pub(crate) fn committed(
        &mut self,
        commit: &Commit,
        plan: &Arc<Plan>,
        live: &RunState,
    ) -> Result<Vec<Noticed>, Violation> {
        let mut noticed = Vec::new();
        for record in &commit.records {
            match self.runs.get_mut(&commit.run) {
                None => {
                    self.fires_once(&commit.run)?;
                    let state = fold([record]).ok_or_else(|| i06_chain::no_start(&commit.run))?;
                    let mut watched = Watched {
                        plan: plan.clone(),
                        state,
                        timers: BTreeSet::new(),
                        waits: BTreeSet::new(),
                        keys: BTreeMap::new(),
                        due: BTreeMap::new(),
                        questions: BTreeMap::new(),
                        left_alone: BTreeSet::new(),
                    };
                    i09_timers::follow(&mut watched, record);
                    noticed.push(Noticed::Started { run: commit.run.clone(), plan: plan.clone() });
                    self.runs.insert(commit.run.clone(), watched);
                }
                Some(_) => {
                    self.among_others(&commit.run, record)?;
                    let Some(watched) = self.runs.get_mut(&commit.run) else { continue };
                    before(watched, record)?;
                    i09_timers::check(watched, record)?;
                    i18_children::follow(watched, record);
                    apply(&mut watched.state, record.at, &record.event);
                    (watched.state.seq, watched.state.hash) = (record.seq, record.hash);
                    watched.start_again(&record.event);
                    i10_approvals::follow(watched, record);
                    i09_timers::follow(watched, record);
                    noticed.extend(notice(watched, &record.event));
                }
            }
        }
        let Some(watched) = self.runs.get_mut(&commit.run) else { return Ok(noticed) };
        i06_chain::head(commit, watched)?;
        i05_replay::live(watched, live)?;
        i12_bounds::journal(watched)?;
        i15_rows::follow(watched, commit);
        i15_rows::check(watched)?;
        Ok(noticed)
    }

    /// What must hold of a fact of one run, given all other runs.
    fn among_others(&self, run: &RunId, record: &Record) -> Held {
        i17_groups::check(&self.runs, run, record)?;
        i18_children::check(&self.runs, run, record)
    }

    /// A run was read from its journal.
    pub(crate) fn read_back(&self, state: &RunState) -> Held {
        self.runs.get(&state.run).map_or(Ok(()), |watched| i05_replay::live(watched, state))
    }

    /// How every run ended, in words that do not depend on how often somebody had to ask for it.
    pub(crate) fn ends(&self) -> BTreeMap<String, String> {
        self.runs.iter().map(|(run, watched)| i04_outcome::words(run, watched)).collect()
    }
}

/// What must hold of a fact, given what was before it.
fn before(watched: &mut Watched, record: &Record) -> Held {
    i06_chain::next(watched, record)?;
    i07_order::check(watched, record)?;
    i03_keys::check(watched, record)?;
    i10_approvals::check(watched, record)?;
    i12_bounds::attempts(watched, record)?;
    i16_items::check(watched, record)?;
    i20_undoing::check(watched, record)
}

fn notice(watched: &Watched, event: &Event) -> Option<Noticed> {
    let run = watched.state.run.clone();
    match event {
        Event::StepParked { step, wait } if matches!(wait.kind, WaitKind::Approval(_)) => {
            let spec = watched.plan.step(step)?;
            debug_assert_eq!(spec.uses, uses::APPROVAL);
            let expires_ms = crate::node::literal(&spec.with, "expires_ms").and_then(serde_json::Value::as_u64);
            Some(Noticed::Asked { run, step: step.clone(), expires_ms })
        }
        Event::StepFannedOut { step, .. } => Some(Noticed::FannedOut { run, step: step.clone() }),
        Event::StepInDoubt { step, .. } | Event::IncidentRaised { step, .. } => {
            Some(Noticed::Stuck { run, step: step.clone() })
        }
        _ => None,
    }
}

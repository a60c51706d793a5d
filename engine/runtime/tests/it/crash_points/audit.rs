//! What must hold when everything is done, whatever happened on the way: every journal folds to its head, what was
//! acknowledged is there, the index rows are those that the states ask for, and every effect happened as often as it may.

use super::cases::{Case, What};
use super::ledger::{Ledger, key};
use super::process::Stage;
use engross_core::{
    Command, Event, Parent, Record, RecordHash, ResolvedBy, RunId, RunState, Timestamp, fold, outstanding,
};
use engross_store::{InboxQuery, MemoryStore, RunQuery, Store, Timer, WaitRow};
use std::collections::{BTreeMap, BTreeSet};

/// How everything ended, in a form that two plays of a case have in common.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct End {
    /// Status and outputs of each run, in the order of the starts.
    pub(crate) runs: Vec<String>,
    /// How each step of each run ended.
    pub(crate) steps: Vec<String>,
    /// Effects at the provider, per run and step.
    pub(crate) effects: BTreeMap<String, usize>,
}

fn journal(store: &MemoryStore, run: &RunId) -> Vec<Record> {
    store.journal(run, 0, usize::MAX).unwrap()
}

pub(crate) fn has_decided(store: &MemoryStore, run: &RunId, step: &str, by: &str) -> bool {
    journal(store, run).iter().any(|record| {
        matches!(&record.event, Event::DecisionRecorded { step: of, decision }
            if of.as_str() == step && decision.by.as_str() == by)
    })
}

pub(crate) fn was_cancelled(store: &MemoryStore, run: &RunId) -> bool {
    journal(store, run).iter().any(|record| matches!(record.event, Event::CancelRequested { .. }))
}

/// Whether there is a fact of this type, and of this step where one is named.
pub(crate) fn is_noted(store: &MemoryStore, run: &RunId, kind: &str, step: Option<&str>) -> bool {
    journal(store, run).iter().any(|record| {
        let fact = serde_json::to_value(&record.event).unwrap();
        fact["type"] == kind && step.is_none_or(|step| fact["step"] == step)
    })
}

pub(crate) fn was_resumed(store: &MemoryStore, run: &RunId, step: &str) -> bool {
    journal(store, run).iter().any(|r| matches!(&r.event, Event::StepResumed { step: of, .. } if of.as_str() == step))
}

pub(crate) fn was_ended_by_hand(store: &MemoryStore, run: &RunId, step: &str) -> bool {
    journal(store, run).iter().any(|record| {
        matches!(&record.event, Event::StepCompleted { step: of, resolved_by: ResolvedBy::Person { .. }, .. }
            if of.as_str() == step)
    })
}

pub(crate) fn was_reset(store: &MemoryStore, run: &RunId, from: &str) -> bool {
    journal(store, run).iter().any(|r| matches!(&r.event, Event::StepsReset { from: of, .. } if of.as_str() == from))
}

/// Everything that does not hold.
pub(crate) fn audit(case: &Case, stage: &Stage) -> Vec<String> {
    let mut found = stage.ledger.violations();
    let query = RunQuery { limit: usize::MAX, ..RunQuery::default() };
    let heads = stage.store.runs(&query).unwrap();
    let runs: BTreeSet<RunId> = heads.iter().map(|head| head.run.clone()).collect();
    let acknowledged: BTreeSet<RunId> = stage.known.runs.iter().cloned().collect();
    // A run whose start was not acknowledged, and which came to nothing meanwhile, leaves its key to the one that is asked for.
    let given_up: BTreeSet<RunId> = heads.iter().filter(|h| !h.holds_its_key()).map(|h| h.run.clone()).collect();
    let is_known = |run: &RunId| given_up.contains(run) || parent(&stage.store, run).is_some();
    if !acknowledged.is_subset(&runs) || !runs.difference(&acknowledged).all(is_known) {
        found.push(format!("the store has the runs {runs:?}, and {acknowledged:?} were acknowledged"));
    }
    let mut states = Vec::new();
    for head in heads {
        let records = journal(&stage.store, &head.run);
        let Some(state) = fold(&records) else {
            found.push(format!("the journal of {} does not fold", head.run));
            continue;
        };
        if !records.iter().map(|r| r.seq).eq(1..=records.len() as u64) {
            found.push(format!("the journal of {} has gaps", head.run));
        }
        let follows = |hash: &mut RecordHash, record: &Record| {
            let follows = hash.is_followed_by(record);
            *hash = record.hash;
            Some(follows)
        };
        if !records.iter().scan(RecordHash::default(), follows).all(|follows| follows) {
            found.push(format!("the chain of hashes of {} is broken", head.run));
        }
        let is_end = |record: &Record| matches!(record.event, Event::RunEnded { .. });
        let opens = |record: &Record| matches!(record.event, Event::StepsReset { .. });
        if records.windows(2).any(|pair| is_end(&pair[0]) && !opens(&pair[1])) {
            found.push(format!("something comes after the end of {}", head.run));
        }
        let stored = (head.seq, head.status, head.summary, head.updated_at, &head.key);
        let folded = (state.seq, state.status, state.summary(), state.updated_at, &state.key);
        if stored != folded {
            found.push(format!("the head of {} says {stored:?}, and its journal folds to {folded:?}", head.run));
        }
        states.push(state);
    }
    rows(&stage.store, &states, &mut found);
    acts(case, stage, &mut found);
    once(case, &stage.ledger, &runs, &mut found);
    found
}

/// The index rows are those that the states ask for: no way to wake up is lost, and none is left of what is over.
fn rows(store: &MemoryStore, states: &[RunState], found: &mut Vec<String>) {
    let (mut timers, mut waits) = (BTreeSet::new(), BTreeSet::new());
    for state in states {
        for command in outstanding(state) {
            match command {
                Command::ArmTimer { timer, at } => {
                    timers.insert(Timer { at, run: state.run.clone(), timer });
                }
                Command::Subscribe { step, subscription } => {
                    waits.insert(WaitRow { run: state.run.clone(), step, subscription });
                }
                other => found.push(format!("{} still owes {other:?}", state.run)),
            }
        }
    }
    let stored: BTreeSet<Timer> = store.all_timers(None, usize::MAX).unwrap().into_iter().collect();
    if stored != timers {
        found.push(format!("the store has the timers {stored:?}, and the states ask for {timers:?}"));
    }
    let stored: BTreeSet<WaitRow> = store.all_waits(None, usize::MAX).unwrap().into_iter().collect();
    if stored != waits {
        found.push(format!("the store has the waits {stored:?}, and the states ask for {waits:?}"));
    }
    let unmatched = store.inbox(&InboxQuery::Unmatched).unwrap();
    if !unmatched.is_empty() {
        found.push(format!("these events were never matched: {unmatched:?}"));
    }
}

/// What was acknowledged is there.
fn acts(case: &Case, stage: &Stage, found: &mut Vec<String>) {
    if stage.known.acts < case.acts.len() {
        found.push(format!("the moment for act {} never came", stage.known.acts));
    }
    for act in case.acts.iter().take(stage.known.acts) {
        let run = &stage.known.runs[act.run];
        let entries = |topic: String| {
            stage.store.inbox(&InboxQuery::Topic { topic, since: Timestamp::from_millis(0) }).unwrap().len()
        };
        let there = match act.what {
            What::Decide { step, by, .. } => has_decided(&stage.store, run, step, by),
            What::Cancel => was_cancelled(&stage.store, run),
            What::Event { kind, .. } => entries(format!("event:{kind}")) > 0,
            What::Hook { object, .. } => entries(format!("acme:{object}")) > 0,
            What::Delegate { step, .. } => is_noted(&stage.store, run, "delegated", Some(step)),
            What::Change { step } => is_noted(&stage.store, run, "approval_reset", Some(step)),
            What::Retry { step } => was_resumed(&stage.store, run, step),
            What::Skip { step } => was_ended_by_hand(&stage.store, run, step),
            What::Rerun { from } => was_reset(&stage.store, run, from),
            What::Becomes { .. } | What::Mend { .. } => true,
        };
        if !there {
            found.push(format!("{:?} of {run} was acknowledged and is not there", act.what));
        }
    }
}

/// Every effect at most once, whatever its class: by its key, by a look-up, or by asking a person.
fn once(case: &Case, ledger: &Ledger, runs: &BTreeSet<RunId>, found: &mut Vec<String>) {
    for (key_of, times) in ledger.effects() {
        if times > 1 {
            found.push(format!("{key_of} happened {times} times"));
        }
        if !runs.iter().any(|run| key_of.starts_with(&key(run, ""))) {
            found.push(format!("{key_of} happened for no run of {}", case.name));
        }
    }
}

/// The step that started a run.
fn parent(store: &MemoryStore, run: &RunId) -> Option<Parent> {
    fold(&journal(store, run))?.parent
}

/// How everything ended.
pub(crate) fn end(stage: &Stage) -> End {
    let mut end = End { runs: Vec::new(), steps: Vec::new(), effects: BTreeMap::new() };
    let mut all: Vec<(String, RunId)> = Vec::new();
    for (number, run) in stage.known.runs.iter().enumerate() {
        all.push((number.to_string(), run.clone()));
        let heads = stage.store.all_runs(None, usize::MAX).unwrap();
        for child in heads.into_iter().map(|head| head.run) {
            if let Some(of) = parent(&stage.store, &child).filter(|of| of.run == *run) {
                all.push((format!("{number}.{}", of.step), child));
            }
        }
    }
    for (number, run) in &all {
        let Some(state) = fold(&journal(&stage.store, run)) else { continue };
        end.runs.push(format!("{number}: {} {}", state.status.as_str(), state.outputs));
        for (step, stands) in &state.steps {
            let how = stands.outcome().map_or(stands.as_str(), |outcome| outcome.as_str());
            end.steps.push(format!("{number}.{step}: {how}"));
        }
        for (key_of, times) in stage.ledger.effects() {
            if let Some(step) = key_of.strip_prefix(&key(run, "")) {
                end.effects.insert(format!("{number}.{step}"), times);
            }
        }
    }
    end
}

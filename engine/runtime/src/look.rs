//! Looks at a store that no engine runs on. Nothing is written, and nothing happens to a run.

use crate::Error;
use crate::limits::JOURNAL_PAGE;
use crate::mask::Mask;
use crate::view::{self, ApprovalView, RunView, TimelineEntry};
use engross_core::{Plan, Record, RunId, RunState, Subscription, fold};
use engross_step_api::Registry;
use engross_store::Store;

/// A run as it stands, and its timeline. The registry says what of it must not be shown.
///
/// # Errors
/// No such run, or the store cannot be read.
pub fn run(store: &dyn Store, run: &RunId, registry: &Registry) -> Result<(RunView, Vec<TimelineEntry>), Error> {
    let (plan, state, records) = load(store, run)?;
    let mask = Mask::of(&plan, &state, registry);
    Ok((mask.run(view::run(&plan, &state)), view::timeline(&mask.records(records))))
}

/// All approvals that wait for people, oldest run first.
///
/// # Errors
/// The store cannot be read.
pub fn approvals(store: &dyn Store, registry: &Registry) -> Result<Vec<ApprovalView>, Error> {
    let mut found = Vec::new();
    for wait in store.waits(&Subscription::to_decisions().topic)? {
        let (plan, state, _) = load(store, &wait.run)?;
        let mask = Mask::of(&plan, &state, registry);
        found.extend(view::approval(&state, &wait.step).map(|approval| mask.approval(approval)));
    }
    Ok(found)
}

fn load(store: &dyn Store, run: &RunId) -> Result<(Plan, RunState, Vec<Record>), Error> {
    let mut records: Vec<Record> = Vec::new();
    loop {
        let page = store.journal(run, records.last().map_or(0, |r| r.seq), JOURNAL_PAGE)?;
        let last = page.len() < JOURNAL_PAGE;
        records.extend(page);
        if last {
            break;
        }
    }
    if records.is_empty() {
        return Err(Error::NoRun(run.clone()));
    }
    let state = fold(&records)
        .ok_or_else(|| Error::Damaged(format!("the journal of run {run} does not begin with its start")))?;
    let stored =
        store.plan(&state.plan)?.ok_or_else(|| Error::Damaged(format!("plan {} is not in the store", state.plan)))?;
    Ok((Plan::build(stored.definition)?, state, records))
}

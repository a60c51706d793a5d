//! Looks at a store that no engine runs on. Nothing is written, and nothing happens to a run.

use crate::limits::{JOURNAL_PAGE, RUNS_PER_PAGE};
use crate::mask::Mask;
use crate::view::{self, ApprovalView, IncidentView, RunView, TimelineEntry};
use crate::{Error, Found};
use engross_core::{Plan, Record, RunId, RunState, Subscription, fold};
use engross_step_api::Registry;
use engross_store::{RunQuery, Store};

/// A run as it stands, and its timeline. The registry says what of it must not be shown.
///
/// # Errors
/// No such run, or the store cannot be read.
pub fn run(store: &dyn Store, run: &RunId, registry: &Registry) -> Result<(RunView, Vec<TimelineEntry>), Error> {
    let (plan, state, records) = load(store, run)?;
    let mask = Mask::of(&plan, &state, registry);
    Ok((mask.run(view::run(&plan, &state)), view::timeline(&mask.records(records))))
}

/// All approvals that wait for people, oldest run first. A run that cannot be read hides no other.
///
/// # Errors
/// The store cannot be read.
pub fn approvals(store: &dyn Store, registry: &Registry) -> Result<Found<ApprovalView>, Error> {
    let mut found = Found::default();
    for wait in store.waits(&Subscription::to_decisions().topic)? {
        let of_run = load(store, &wait.run).map(|(plan, state, _)| {
            let mask = Mask::of(&plan, &state, registry);
            view::approval(&state, &wait.step).map(|approval| mask.approval(approval))
        });
        found.take(&wait.run, of_run)?;
    }
    Ok(found)
}

/// Every step that needs a person to go on, those of the newest run first. A run that cannot be read hides no other.
///
/// # Errors
/// The store cannot be read.
pub fn incidents(store: &dyn Store, registry: &Registry) -> Result<Found<IncidentView>, Error> {
    let mut found = Found::default();
    let mut before = None;
    loop {
        let query = RunQuery { attention: true, before, limit: RUNS_PER_PAGE, ..RunQuery::default() };
        let heads = store.runs(&query)?;
        for head in &heads {
            let of_run = load(store, &head.run).map(|(plan, state, _)| {
                let shown = Mask::of(&plan, &state, registry).run(view::run(&plan, &state));
                view::incidents(&plan, &state).into_iter().filter_map(move |i| as_shown(i, &shown))
            });
            found.take(&head.run, of_run)?;
        }
        if heads.len() < RUNS_PER_PAGE {
            return Ok(found);
        }
        before = heads.last().map(|head| head.run.clone());
    }
}

/// An incident as its run may be shown: what is masked there is masked here. None when the step does not stand so in it.
pub fn as_shown(mut incident: IncidentView, run: &RunView) -> Option<IncidentView> {
    let step = run.steps.iter().find(|step| step.id == incident.step && step.state == incident.kind)?;
    incident.run_title.clone_from(&run.title);
    incident.input.clone_from(&step.input);
    incident.error.clone_from(step.error.as_ref()?);
    Some(incident)
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

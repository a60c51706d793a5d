//! Whether anything still happens by itself.
//!
//! Attempts and looks are in the engine's memory; everything else that it owes is in the rows of its store: timers that are due,
//! events that are not matched, ends of runs that were not told, turns that were not given.

use super::Play;
use crate::scenarios::limits::RUNS_MAX;
use engross_core::{RunState, RunStatus, StepState, Subscription, WaitKind};
use engross_runtime::{Clock, Engine, Published};
use engross_store::{InboxQuery, Store};
use std::time::Duration;
use tokio::sync::broadcast::Receiver;

/// Turns that the engine's tasks get before it is looked again.
const TURNS: usize = 32;

/// How long news is waited for before it is looked again: not all that happens is news.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// Every run as it stands, once nothing happens until somebody acts or time passes; none while something does.
pub(super) fn states(play: &Play<'_>, engine: &Engine) -> Option<Vec<RunState>> {
    let store = &play.store;
    let quiet = engine.runs_in_memory() == 0
        && store.inbox(&InboxQuery::Unmatched).is_ok_and(|left| left.is_empty())
        && store.due(play.clock.now(), 1).is_ok_and(|due| due.timers.is_empty());
    if !quiet {
        return None;
    }
    let states = play.runs();
    let nothing_between_them =
        states.iter().all(|state| !is_told_soon(state, &states) && !is_admitted_soon(play, state));
    nothing_between_them.then_some(states)
}

/// Whether a step waits for a run that is over, or that is to be given up with it.
fn is_told_soon(state: &RunState, all: &[RunState]) -> bool {
    state.active().any(|(_, step)| {
        let StepState::Waiting { wait, .. } = step else { return false };
        let WaitKind::Run { run, owned } = &wait.kind else { return false };
        let Some(other) = all.iter().find(|other| other.run == *run) else { return false };
        let given_up = state.status == RunStatus::Cancelling && *owned && other.status == RunStatus::Running;
        other.status.is_over() || given_up
    })
}

/// Whether there is a place for a run that waits for its turn.
fn is_admitted_soon(play: &Play<'_>, state: &RunState) -> bool {
    let Some(group) = state.group.as_ref().filter(|_| state.queued && !state.status.is_over()) else { return false };
    let place = Subscription::to_place(&format!("{}/{}", state.workflow, group.name)).topic;
    let at_work = play.store.waits(&place).map_or(RUNS_MAX, |waits| waits.len());
    at_work < usize::try_from(group.limit).unwrap_or(usize::MAX)
}

/// Lets the engine's tasks go on.
pub(super) async fn let_others_go_on(news: &mut Receiver<Published>) {
    for _ in 0..TURNS {
        tokio::task::yield_now().await;
    }
    // Whether it was news or time, it is looked again.
    let _ = tokio::time::timeout(LOOK_AGAIN, news.recv()).await;
}

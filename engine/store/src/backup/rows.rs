//! The index rows that a run's state owes. What the runtime writes with each turn is the difference of two of these.

use crate::{Timer, WaitRow};
use engross_core::{Command, RunState, outstanding};
use std::collections::BTreeSet;

/// Every timer and every wait that the store must hold for a run in this state, and no others.
pub fn owed_rows(state: &RunState) -> (BTreeSet<Timer>, BTreeSet<WaitRow>) {
    let (mut timers, mut waits) = (BTreeSet::new(), BTreeSet::new());
    for command in outstanding(state) {
        match command {
            Command::ArmTimer { timer, at } => {
                timers.insert(Timer { at, run: state.run.clone(), timer });
            }
            Command::Subscribe { step, subscription } => {
                waits.insert(WaitRow { run: state.run.clone(), step, subscription });
            }
            Command::RunStep { .. } | Command::CheckStep { .. } | Command::CancelRun { .. } => {}
        }
    }
    (timers, waits)
}

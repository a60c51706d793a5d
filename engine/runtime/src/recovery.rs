//! What a start finds: runs that owed work when the last process ended, and events that were accepted and not matched.
//! Timers and subscriptions need nothing, since they are rows.

use crate::engine::Engine;
use crate::limits::RUNS_PER_PAGE;
use crate::{Error, children, groups, inbox};
use engross_core::{Command, Input, RunId, outstanding};
use engross_store::RunQuery;
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

/// First every run is told of the restart, then the first of them does something: one that goes on may set another off, whose
/// intents would else be taken for what the last process left.
pub(crate) async fn recover(engine: &Engine) -> Result<(), Error> {
    let taken_over = tell_all(engine).await?;
    engine.inner.taking_over.store(false, Ordering::SeqCst);
    let runs = taken_over.len();
    for (run, owed) in taken_over {
        engine.set_off(&run, &owed);
    }
    let ended = children::tell_what_was_left(engine).await?;
    groups::admit_all(engine).await?;
    let unmatched = inbox::match_unmatched(engine).await?;
    if runs + ended + unmatched > 0 {
        tracing::info!(runs, events = unmatched, "took over what the last process left");
    }
    Ok(())
}

/// Tells every run that owed work of the restart. What they owe now.
async fn tell_all(engine: &Engine) -> Result<Vec<(RunId, BTreeSet<Command>)>, Error> {
    let mut taken_over = Vec::new();
    let mut before = None;
    loop {
        let query = RunQuery { working: true, before: before.clone(), limit: RUNS_PER_PAGE, ..RunQuery::default() };
        let heads = engine.inner.read(move |store| store.runs(&query)).await?;
        let last_page = heads.len() < RUNS_PER_PAGE;
        before = heads.last().map(|head| head.run.clone());
        for head in heads {
            match engine.turn_quietly(&head.run, Input::Restarted).await {
                // What the turn itself issues is among what is outstanding after it, and is set off once.
                Ok(done) => taken_over.push((head.run, outstanding(&done.state))),
                Err(error @ Error::Store(_)) => return Err(error),
                // One run that cannot go on does not keep all others from it.
                Err(error) => {
                    tracing::error!(run = %head.run, %error, "a run cannot be taken over, and stays as it is")
                }
            }
        }
        if last_page {
            return Ok(taken_over);
        }
    }
}

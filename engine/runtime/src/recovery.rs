//! What a start finds: runs that owed work when the last process ended, and events that were accepted and not matched.
//! Timers and subscriptions need nothing, since they are rows.

use crate::engine::Engine;
use crate::limits::RUNS_PER_PAGE;
use crate::{Error, children, groups, inbox};
use engross_core::{Input, outstanding};
use engross_store::RunQuery;

pub(crate) async fn recover(engine: &Engine) -> Result<(), Error> {
    let mut before = None;
    let mut taken_over = 0_usize;
    loop {
        let query = RunQuery { working: true, before: before.clone(), limit: RUNS_PER_PAGE, ..RunQuery::default() };
        let heads = engine.inner.read(move |store| store.runs(&query)).await?;
        let last_page = heads.len() < RUNS_PER_PAGE;
        before = heads.last().map(|head| head.run.clone());
        for head in heads {
            // What the turn itself issues is among what is outstanding after it, and is set off once.
            match engine.turn_quietly(&head.run, Input::Restarted).await {
                Ok(done) => {
                    engine.set_off(&head.run, &outstanding(&done.state));
                    taken_over += 1;
                }
                Err(error @ Error::Store(_)) => return Err(error),
                // One run that cannot go on does not keep all others from it.
                Err(error) => {
                    tracing::error!(run = %head.run, %error, "a run cannot be taken over, and stays as it is")
                }
            }
        }
        if last_page {
            break;
        }
    }
    let ended = children::tell_what_was_left(engine).await?;
    groups::admit_all(engine).await?;
    let unmatched = inbox::match_unmatched(engine).await?;
    if taken_over + ended + unmatched > 0 {
        tracing::info!(runs = taken_over, events = unmatched, "took over what the last process left");
    }
    Ok(())
}

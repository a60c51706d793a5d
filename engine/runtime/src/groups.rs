//! Runs of one group of which only some may be at work: who is admitted, and when.
//!
//! Who waits and who has a place is what the rows say, so that nothing here is to be kept. Admitting is one at a time, and the
//! oldest run comes first.

use crate::Error;
use crate::engine::Engine;
use engross_core::{Input, RunState, Subscription};
use engross_store::WaitRow;
use std::collections::BTreeSet;

/// The name of a run's group among those of all workflows.
pub(crate) fn name(state: &RunState) -> Option<String> {
    state.group.as_ref().map(|group| format!("{}/{}", state.workflow, group.name))
}

/// Admits as many runs of a group as there is place for.
pub(crate) async fn admit(engine: &Engine, group: &str) -> Result<(), Error> {
    let _one_at_a_time = engine.inner.admitting.lock().await;
    let place = Subscription::to_place(group).topic;
    let (at_work, queued) =
        engine.inner.read(move |store| Ok((store.waits(&place)?.len(), store.waits(Subscription::QUEUE)?))).await?;
    let mut at_work = u32::try_from(at_work).unwrap_or(u32::MAX);
    let mut next: Vec<WaitRow> = queued.into_iter().filter(|wait| of(wait) == Some(group)).collect();
    next.sort_by(|a, b| a.run.cmp(&b.run));
    for WaitRow { run, .. } in next {
        let limit = match engine.current(&run).await {
            Ok(loaded) => loaded.state.group.as_ref().map_or(0, |group| group.limit),
            Err(error @ Error::Store(_)) => return Err(error),
            Err(error) => {
                tracing::error!(%run, %error, "a run that waits for its turn cannot be read");
                continue;
            }
        };
        if at_work >= limit {
            return Ok(());
        }
        match engine.turn(&run, Input::Admit).await {
            Ok(_) => at_work += 1,
            // It was given up meanwhile.
            Err(Error::Rejected(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn of(wait: &WaitRow) -> Option<&str> {
    wait.subscription.matching.get("group").map(String::as_str)
}

/// Admits what the last process did not come to admit.
pub(crate) async fn admit_all(engine: &Engine) -> Result<(), Error> {
    let queued = engine.inner.read(|store| store.waits(Subscription::QUEUE)).await?;
    let groups: BTreeSet<&str> = queued.iter().filter_map(of).collect();
    for group in groups {
        admit(engine, group).await?;
    }
    Ok(())
}

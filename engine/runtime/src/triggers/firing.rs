//! One firing made into one run: its id comes from the firing, so that whoever starts it a second time finds it there.

use super::Armed;
use crate::Error;
use crate::engine::Engine;
use crate::turn::Begun;
use engross_compiler::validate_inputs;
use engross_core::{Input, Person, RunId, StartRequest, Timestamp};
use engross_store::Store;
use engross_store::archive::is_archived;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// What became of a firing.
pub(super) enum Fired {
    /// Its run is there: just started, or by an earlier try.
    Run(RunId),
    /// Another run holds the key that its run asks for.
    Attached(RunId),
    /// It can start no run, now or later.
    Refused(String),
}

/// The id of a run that something else than a person's wish starts, a firing or a step of another run: a UUID of version 7
/// whose time is that one's and whose other bits are a digest of what it was.
/// `what` tells this firing from all others of the trigger that have this time.
pub(crate) fn run_id(workflow: &str, trigger: &str, what: &str, at: Timestamp) -> RunId {
    let digest = Sha256::digest(format!("{workflow}\n{trigger}\n{what}"));
    let mut bits = [0; 10];
    for (bit, byte) in bits.iter_mut().zip(digest) {
        *bit = byte;
    }
    let ms = u64::try_from(at.as_millis()).unwrap_or_default();
    RunId::new(uuid::Builder::from_unix_timestamp_millis(ms, &bits).into_uuid().to_string())
}

/// Whether a run is there, and if so whether it is over. One that has left for the archive is both.
pub(super) async fn is_over(engine: &Engine, run: &RunId) -> Result<Option<bool>, Error> {
    let run = run.clone();
    let look = move |store: &dyn Store| match store.head(&run)? {
        Some(head) => Ok(Some(head.status.is_over())),
        None => Ok(is_archived(store, &run)?.then_some(true)),
    };
    engine.inner.read(look).await
}

/// Starts the run of a firing, unless it is there.
///
/// # Errors
/// The store, or the engine's end: the firing is still to be dealt with.
pub(super) async fn begin(
    engine: &Engine,
    armed: &Armed,
    run: RunId,
    scope: &Value,
    requester: &str,
) -> Result<Fired, Error> {
    if engine.inner.is_stopping() {
        return Err(Error::Stopping);
    }
    if is_over(engine, &run).await?.is_some() {
        return Ok(Fired::Run(run));
    }
    let inputs = match armed.trigger.inputs.value(&*engine.inner.evaluator, scope) {
        Ok(inputs) => inputs,
        Err(error) => return Ok(Fired::Refused(error.to_string())),
    };
    let inputs = match validate_inputs(&armed.plan, inputs) {
        Ok(inputs) => inputs,
        Err(problems) => {
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            return Ok(Fired::Refused(format!("the inputs do not fit: {}", problems.join("; "))));
        }
    };
    let request = StartRequest { run: run.clone(), inputs, requester: Person::new(requester), key: None, parent: None };
    engine.inner.remember(armed.plan.clone());
    match engine.first_turn(armed.plan.clone(), Input::Start(request), armed.stored.clone()).await {
        Ok(Begun::New(_)) => Ok(Fired::Run(run)),
        Ok(Begun::Attached(holder)) if holder == run => Ok(Fired::Run(run)),
        Ok(Begun::Attached(holder)) => Ok(Fired::Attached(holder)),
        Err(error @ (Error::Store(_) | Error::Stopping)) => Err(error),
        Err(error) => Ok(Fired::Refused(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::run_id;
    use engross_core::Timestamp;

    #[test]
    fn a_firing_has_one_id_and_every_other_firing_another() {
        let at = Timestamp::from_millis(1_700_000_000_000);
        let id = run_id("nda", "schedule-1", "1700000000000", at);
        assert_eq!(id, run_id("nda", "schedule-1", "1700000000000", at));
        assert!(id.as_str().starts_with("018bcfe5-6800-7"), "{id}");
        for other in [
            run_id("msa", "schedule-1", "1700000000000", at),
            run_id("nda", "schedule-2", "1700000000000", at),
            run_id("nda", "schedule-1", "1", at),
        ] {
            assert_ne!(id, other);
        }
        assert!(run_id("nda", "schedule-1", "x", at.plus_ms(1)).as_str() > id.as_str(), "ids sort by time");
    }
}

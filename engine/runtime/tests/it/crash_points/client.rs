//! Everybody outside: who starts runs, decides, signs, sends events and webhooks, and asks again until it is acknowledged.
//!
//! It remembers what was acknowledged, so that the audit can look whether all of that is there. It knows no faults: a
//! process that dies is, to it, an answer that does not come.

use super::cases::{Act, Case, What, When};
use super::ledger::{Ask, Ledger, key};
use crate::world::TOKEN;
use engross_compiler::Compiled;
use engross_core::{Decision, Person, RunId, StepId, StepState, Timestamp, fold};
use engross_runtime::{Engine, Error, Said, StartOptions, Word, WorkflowFiles};
use engross_source::SourceFile;
use engross_store::{MemoryStore, Store};
use serde_json::json;

/// What was acknowledged.
#[derive(Clone, Debug, Default)]
pub(crate) struct Acknowledged {
    /// The runs, in the order of their starts.
    pub(crate) runs: Vec<RunId>,
    /// The acts, from the first on.
    pub(crate) acts: usize,
    /// Whether the act after these was asked for, of a process that is gone: its moment has been.
    pub(crate) asked: bool,
}

/// What became of something that was asked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Acknowledged,
    /// The store is broken; whether it counts is not known. The next process will be asked again.
    Broken,
}

fn answer<T>(result: Result<T, Error>) -> Answer {
    match result {
        Ok(_) => Answer::Acknowledged,
        Err(Error::Store(_) | Error::Stopping) => Answer::Broken,
        Err(error) => panic!("the client is refused: {error}"),
    }
}

/// The one workflow that lies beside that of a case.
struct Child<'c>(&'c Case);

impl WorkflowFiles for Child<'_> {
    fn find(&self, _from: &str, name: &str) -> Option<SourceFile> {
        let child = self.0.child.filter(|_| name == "sub")?;
        let text = format!("schema: engross/v1\nname: sub\ninputs: {{ n: {{ type: string }} }}\n{child}");
        Some(SourceFile::new("sub.yaml", &text))
    }

    fn names(&self, _from: &str) -> Vec<String> {
        self.0.child.map(|_| "sub".to_string()).into_iter().collect()
    }
}

/// Asks for the run of this number.
pub(crate) async fn start(engine: &Engine, case: &Case, number: usize) -> Option<RunId> {
    let text =
        format!("schema: engross/v1\nname: {}\ninputs: {{ n: {{ type: string }} }}\n{}", case.name, case.workflow);
    let file = SourceFile::new("reference.yaml", &text);
    let compiled: Compiled = engine.compile_beside(&file, &Child(case)).unwrap_or_else(|found| {
        let found: Vec<&str> = found.iter().map(|d| d.message.as_str()).collect();
        panic!("{text}\n{}", found.join("\n"))
    });
    let how = StartOptions { requester: Person::new("ada@acme.example"), key: Some(format!("key-{number}")) };
    match engine.start_run(compiled, &file, json!({ "n": number.to_string() }), how).await {
        Ok(started) => Some(started.run),
        Err(Error::Store(_) | Error::Stopping) => None,
        Err(error) => panic!("{} cannot be started: {error}", case.name),
    }
}

/// Whether the moment for an act has come.
pub(crate) fn is_time(store: &MemoryStore, ledger: &Ledger, act: &Act, known: &Acknowledged) -> bool {
    let Some(run) = known.runs.get(act.run) else { return false };
    if known.asked {
        return true;
    }
    let state = fold(&store.journal(run, 0, usize::MAX).unwrap());
    let step = |step: &str| state.as_ref().and_then(|state| state.steps.get(step));
    match act.when {
        When::Now => true,
        When::Called(name) => ledger.asked(&key(run, name), Ask::Execute) > 0,
        When::Waiting(name) => matches!(step(name), Some(StepState::Waiting { .. })),
        When::BackingOff(name) => matches!(step(name), Some(StepState::BackingOff { .. })),
        When::Stuck(name) => matches!(step(name), Some(StepState::Incident { .. })),
        When::Doubted(name) => matches!(step(name), Some(StepState::InDoubt { .. })),
        When::Noted(kind) => super::audit::is_noted(store, run, kind, None),
        When::Over => state.as_ref().is_some_and(|state| state.status.is_over()),
        When::Looked(name) => matches!(step(name), Some(StepState::Waiting { checked: 1.., .. })),
    }
}

/// Does it. Asked again of the next process when the answer does not come.
pub(crate) async fn act(engine: &Engine, store: &MemoryStore, ledger: &Ledger, act: &Act, run: &RunId) -> Answer {
    match act.what {
        What::Decide { step, by, verdict } => {
            // Whoever decides looks at what is asked first, also when it is asked again.
            let asked = engine.approvals().await.map(|approvals| approvals.found).unwrap_or_default();
            let asked = asked.into_iter().find(|asked| asked.run == *run && asked.step.as_str() == step);
            let round = asked.map(|asked| asked.round);
            let at = Timestamp::from_millis(0);
            let decision = Decision { round, ..Decision::new(Person::new(by), verdict, at) };
            let decided = engine.record(run, &step.into(), decision).await;
            match decided {
                // Said already, by this person, to the process that is gone.
                Err(Error::Rejected(_)) if super::audit::has_decided(store, run, step, by) => Answer::Acknowledged,
                decided => answer(decided),
            }
        }
        What::Cancel => match engine.cancel(run, Person::new("ada@acme.example"), None).await {
            Err(Error::Rejected(_)) if super::audit::was_cancelled(store, run) => Answer::Acknowledged,
            cancelled => answer(cancelled),
        },
        What::Event { kind, id } => {
            let data = json!({ "about": kind, "n": act.run.to_string() });
            answer(engine.send_event(kind, Some(id), data).await)
        }
        What::Becomes { object, outcome } => {
            ledger.becomes(object, outcome);
            Answer::Acknowledged
        }
        What::Delegate { step, by, to } => {
            match engine.delegate(run, &step.into(), Person::new(by), Person::new(to), None).await {
                Err(Error::Rejected(_)) if super::audit::is_noted(store, run, "delegated", Some(step)) => {
                    Answer::Acknowledged
                }
                delegated => answer(delegated),
            }
        }
        What::Change { step } => {
            let (sha256, by) = ("5a".repeat(32), Person::new("ada@acme.example"));
            match engine.subject_changed(run, &step.into(), sha256, by, None).await {
                Err(Error::Rejected(_)) if super::audit::is_noted(store, run, "approval_reset", Some(step)) => {
                    Answer::Acknowledged
                }
                changed => answer(changed),
            }
        }
        What::Mend { step } => {
            ledger.mend(step);
            Answer::Acknowledged
        }
        What::Retry { step } => match engine.retry(run, &step.into(), word()).await {
            Err(Error::Rejected(_)) if super::audit::was_resumed(store, run, step) => Answer::Acknowledged,
            resumed => answer(resumed),
        },
        What::Skip { step } => {
            let said = Said::Ended { outcome: None, outputs: json!({ "id": "by-hand" }) };
            match engine.answer(run, &step.into(), said, word()).await {
                Err(Error::Rejected(_)) if super::audit::was_ended_by_hand(store, run, step) => Answer::Acknowledged,
                ended => answer(ended),
            }
        }
        // Each time that it is asked for means new effects: who was not told looks first whether it counts.
        What::Rerun { from } if super::audit::was_reset(store, run, from) => Answer::Acknowledged,
        What::Rerun { from } => answer(engine.rerun(run, &from.into(), true, word()).await),
        What::Hook { object, id } => {
            let body = json!({ "id": id, "kind": "changed", "about": object }).to_string();
            match engine.receive_webhook("acme", TOKEN, &[], body.as_bytes()).await {
                Ok(_) => Answer::Acknowledged,
                Err(engross_runtime::HookError::Unavailable(_)) => Answer::Broken,
                Err(error) => panic!("the provider is refused: {error}"),
            }
        }
    }
}

fn word() -> Word {
    Word { by: Person::new("ada@acme.example"), attempt: None, comment: None }
}

/// Decides a doubt, if there is one, by looking at the provider.
pub(crate) async fn decide_doubt(engine: &Engine, store: &MemoryStore, ledger: &Ledger, run: &RunId) -> Option<Answer> {
    let state = fold(&store.journal(run, 0, usize::MAX).unwrap())?;
    let in_doubt = |(_, step): &(&StepId, &StepState)| matches!(step, StepState::InDoubt { .. });
    let (step, _) = state.steps.iter().find(in_doubt)?;
    let said = match ledger.outputs(state.idempotency_key(step).as_str()) {
        Some(outputs) => Said::Ended { outcome: None, outputs },
        None => Said::NotDone,
    };
    Some(answer(engine.answer(run, step, said, word()).await))
}

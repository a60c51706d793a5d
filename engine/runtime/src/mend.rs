//! What people do about runs that cannot go on by themselves: incidents and doubts, listed with what is known, and each
//! tried again, answered, run again from a step, or given up (`api`).
//!
//! What may be said of which step is the core's to decide; that outputs said by hand have the operation's shape is checked here.

use crate::api::{bounded, named};
use crate::engine::Engine;
use crate::limits::{OUTPUT_PROBLEMS_MAX, RUNS_PER_PAGE};
use crate::turn::Loaded;
use crate::view::{self, IncidentView, RunView};
use crate::{Error, Found};
use crate::{children, look};
use engross_core::limits::OUTPUT_BYTES_MAX;
use engross_core::{
    Answer, Completion, Input, OutcomeKind, OutcomeName, Person, Rejection, RunId, StepId, StepState, check_size,
};
use engross_step_api::Connection;
use engross_store::RunQuery;
use serde_json::Value;

/// What a person says of a step that cannot end by itself.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// It ended with this outcome, or the good one, and with these outputs.
    Ended {
        /// The outcome; the step's good one where none is given.
        outcome: Option<String>,
        /// The outputs; of an outcome that has none, null.
        outputs: Value,
    },
    /// Its effect did not happen: it may be tried again.
    NotDone,
}

/// Who speaks, of which attempt, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Word {
    /// Who.
    pub by: Person,
    /// The attempt that they looked at: the word is refused when there was another since.
    pub attempt: Option<u32>,
    /// Why.
    pub comment: Option<String>,
}

impl Engine {
    /// Has a step tried again that cannot go on, or that would try later by itself.
    ///
    /// # Errors
    /// No such run or step, or a step that needs no help.
    pub async fn retry(&self, run: &RunId, step: &StepId, word: Word) -> Result<RunView, Error> {
        self.spoken(&word)?;
        let Word { by, attempt, comment } = word;
        self.turn(run, Input::Retry { step: step.clone(), attempt, by, comment }).await?;
        self.run(run).await
    }

    /// Takes a person's word for how a step ended, or for that it did not happen.
    ///
    /// # Errors
    /// No such run or step, a step that can speak for itself, an outcome it does not have, outputs that do not fit.
    pub async fn answer(&self, run: &RunId, step: &StepId, said: Said, word: Word) -> Result<RunView, Error> {
        self.spoken(&word)?;
        let answer = match said {
            Said::NotDone => {
                self.cannot_be_on_its_way(run, step).await?;
                Answer::NotDone
            }
            Said::Ended { outcome, outputs } => {
                Answer::Ended(self.completion(run, step, outcome, outputs, &word).await?)
            }
        };
        let Word { by, attempt, comment } = word;
        self.turn(run, Input::Answer { step: step.clone(), attempt, by, answer, comment }).await?;
        self.run(run).await
    }

    /// Has a step and all that follows from it run again.
    ///
    /// # Errors
    /// No such run or step, something of it is under way, or effects would happen again and that is not said to be meant.
    pub async fn rerun(&self, run: &RunId, from: &StepId, effects_again: bool, word: Word) -> Result<RunView, Error> {
        self.spoken(&word)?;
        let Word { by, comment, .. } = word;
        let going_on = children::going_on(self, run).await?;
        self.turn(run, Input::Rerun { from: from.clone(), by, effects_again, going_on, comment }).await?;
        self.run(run).await
    }

    /// Every step that needs a person to go on: incidents and doubts, newest run first.
    ///
    /// # Errors
    /// The store.
    pub async fn incidents(&self) -> Result<Found<IncidentView>, Error> {
        let mut found = Found::default();
        let mut before = None;
        loop {
            let query =
                RunQuery { attention: true, before: before.clone(), limit: RUNS_PER_PAGE, ..RunQuery::default() };
            let heads = self.inner.read(move |store| store.runs(&query)).await?;
            let last_page = heads.len() < RUNS_PER_PAGE;
            before = heads.last().map(|head| head.run.clone());
            for head in heads {
                let of_run = self.shown(&head.run).await;
                found.take(&head.run, of_run)?;
            }
            if last_page {
                return Ok(found);
            }
        }
    }

    /// What has not happened yet may happen as long as the request can be on its way: only after that can anybody say that it
    /// did not.
    async fn cannot_be_on_its_way(&self, run: &RunId, step: &StepId) -> Result<(), Error> {
        let loaded = self.current(run).await?;
        let Some(StepState::InDoubt { intents: Some(intents), .. }) = loaded.state.steps.get(step) else {
            return Ok(());
        };
        let connection = loaded.plan.step(step).and_then(|spec| spec.connection.as_ref());
        let settle_ms = connection
            .and_then(|name| self.inner.connections.get(name))
            .map_or(Connection::SETTLE_MS, |connection| connection.settle_ms);
        let settled_at = intents.let_go.plus_ms(settle_ms);
        if self.inner.clock.now() < settled_at {
            return Err(Error::BadRequest(format!(
                "the request of step `{step}` may still be on its way until {settled_at}: look at the provider after that"
            )));
        }
        Ok(())
    }

    /// The steps of a run that need a person, without what must not be shown.
    async fn shown(&self, run: &RunId) -> Result<Vec<IncidentView>, Error> {
        let loaded = self.current(run).await?;
        let run = self.run(run).await?;
        let incidents = view::incidents(&loaded.plan, &loaded.state).into_iter();
        // A step that somebody has helped meanwhile is no incident any more.
        Ok(incidents.filter_map(|incident| look::as_shown(incident, &run)).collect())
    }

    fn spoken(&self, word: &Word) -> Result<(), Error> {
        if self.inner.is_stopping() {
            return Err(Error::Stopping);
        }
        named("name of the person", word.by.as_str())?;
        bounded("comment", word.comment.as_deref())
    }

    /// An end said by hand, checked like one that the step itself brings. Whether the step takes a word at all comes before
    /// what the word says: nobody should mend outputs that are then refused.
    async fn completion(
        &self,
        run: &RunId,
        step: &StepId,
        outcome: Option<String>,
        outputs: Value,
        word: &Word,
    ) -> Result<Completion, Error> {
        let loaded = self.current(run).await?;
        let unknown = || Error::Rejected(Rejection::UnknownStep(step.clone()));
        let spec = loaded.plan.step(step).ok_or_else(unknown)?;
        let good = || spec.outcomes.iter().find(|o| o.kind == OutcomeKind::Good).map(|o| o.name.clone());
        let outcome = outcome.map(OutcomeName::new).or_else(good).unwrap_or_else(|| OutcomeName::new("succeeded"));
        let said = Completion { outcome, outputs: Value::Null };
        self.would_be_taken(&loaded, step, said.clone(), word)?;
        if !spec.outcomes.iter().any(|o| o.name == said.outcome && o.outputs) {
            return Ok(said);
        }
        check_size(&outputs, OUTPUT_BYTES_MAX)
            .map_err(|oversize| Error::BadRequest(format!("the outputs have {oversize}")))?;
        // What came of all items of a list has no schema of the operation's.
        if let (Some(plugin), None) = (self.inner.registry.step(&spec.uses), &spec.foreach) {
            let problems = mistakes(&plugin.spec().output, &outputs)?;
            if !problems.is_empty() {
                return Err(Error::BadRequest(format!(
                    "these are no outputs of `{}`: {}. `engross schema {}` shows their form",
                    spec.uses,
                    problems.join("; "),
                    spec.uses
                )));
            }
        }
        Ok(Completion { outputs, ..said })
    }

    /// Decides a word as if its outputs were right, and keeps nothing of it.
    fn would_be_taken(&self, loaded: &Loaded, step: &StepId, said: Completion, word: &Word) -> Result<(), Error> {
        let Word { by, attempt, comment } = word.clone();
        let input = Input::Answer { step: step.clone(), attempt, by, answer: Answer::Ended(said), comment };
        match self.inner.decide(&loaded.plan, Some(&loaded.state), input) {
            // What follows may need the very outputs that are not looked at here.
            Ok(_) | Err(Rejection::Template(_)) => Ok(()),
            Err(rejection) => Err(rejection.into()),
        }
    }
}

fn mistakes(schema: &Value, outputs: &Value) -> Result<Vec<String>, Error> {
    let validator = jsonschema::options()
        .should_validate_formats(true)
        .build(schema)
        .map_err(|error| Error::BadRequest(format!("the operation's output schema cannot be used: {error}")))?;
    let place = |path: &str| if path.is_empty() { String::new() } else { format!("at {path}: ") };
    Ok(validator
        .iter_errors(outputs)
        .take(OUTPUT_PROBLEMS_MAX)
        .map(|error| format!("{}{error}", place(error.instance_path().as_str())))
        .collect())
}

//! What people do about runs that cannot go on by themselves: incidents and doubts, listed with what is known, and each
//! tried again, answered, run again from a step, or given up (`api`).
//!
//! What may be said of which step is the core's to decide; that outputs said by hand have the operation's shape is checked here.

use crate::Error;
use crate::api::{bounded, named};
use crate::engine::Engine;
use crate::limits::{OUTPUT_PROBLEMS_MAX, RUNS_PER_PAGE};
use crate::view::{self, IncidentView, RunView};
use engross_core::limits::OUTPUT_BYTES_MAX;
use engross_core::{
    Answer, Completion, Input, OutcomeKind, OutcomeName, Person, Rejection, RunId, StepId, check_size,
};
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

impl Engine {
    /// Has a step tried again that cannot go on, or that would try later by itself.
    ///
    /// # Errors
    /// No such run or step, or a step that needs no help.
    pub async fn retry(&self, run: &RunId, step: &StepId, by: Person, comment: Option<String>) -> Result<RunView, Error> {
        self.spoken(&by, comment.as_deref())?;
        self.turn(run, Input::Retry { step: step.clone(), by, comment }).await?;
        self.run(run).await
    }

    /// Takes a person's word for how a step ended, or for that it did not happen.
    ///
    /// # Errors
    /// No such run or step, a step that can speak for itself, an outcome it does not have, outputs that do not fit.
    pub async fn answer(
        &self,
        run: &RunId,
        step: &StepId,
        by: Person,
        said: Said,
        comment: Option<String>,
    ) -> Result<RunView, Error> {
        self.spoken(&by, comment.as_deref())?;
        let answer = match said {
            Said::NotDone => Answer::NotDone,
            Said::Ended { outcome, outputs } => Answer::Ended(self.completion(run, step, outcome, outputs).await?),
        };
        self.turn(run, Input::Answer { step: step.clone(), by, answer, comment }).await?;
        self.run(run).await
    }

    /// Has a step and all that follows from it run again.
    ///
    /// # Errors
    /// No such run or step, something of it is under way, or effects would happen again and that is not said to be meant.
    pub async fn rerun(
        &self,
        run: &RunId,
        from: &StepId,
        by: Person,
        effects_again: bool,
        comment: Option<String>,
    ) -> Result<RunView, Error> {
        self.spoken(&by, comment.as_deref())?;
        self.turn(run, Input::Rerun { from: from.clone(), by, effects_again, comment }).await?;
        self.run(run).await
    }

    /// Every step that needs a person to go on: incidents and doubts, newest run first.
    ///
    /// # Errors
    /// The store.
    pub async fn incidents(&self) -> Result<Vec<IncidentView>, Error> {
        let mut found = Vec::new();
        let mut before = None;
        loop {
            let query = RunQuery {
                attention: true,
                before: before.clone(),
                limit: RUNS_PER_PAGE,
                ..RunQuery::default()
            };
            let heads = self.inner.read(move |store| store.runs(&query)).await?;
            let last_page = heads.len() < RUNS_PER_PAGE;
            before = heads.last().map(|head| head.run.clone());
            for head in heads {
                match self.current(&head.run).await {
                    Ok(loaded) => found.extend(view::incidents(&loaded.plan, &loaded.state)),
                    Err(error @ Error::Store(_)) => return Err(error),
                    // One run that cannot be read does not hide what all others wait for.
                    Err(error) => tracing::error!(run = %head.run, %error, "an incident cannot be shown"),
                }
            }
            if last_page {
                return Ok(found);
            }
        }
    }

    fn spoken(&self, by: &Person, comment: Option<&str>) -> Result<(), Error> {
        if self.inner.is_stopping() {
            return Err(Error::Stopping);
        }
        named("name of the person", by.as_str())?;
        bounded("comment", comment)
    }

    /// An end said by hand, checked like one that the step itself brings.
    async fn completion(
        &self,
        run: &RunId,
        step: &StepId,
        outcome: Option<String>,
        outputs: Value,
    ) -> Result<Completion, Error> {
        let loaded = self.current(run).await?;
        let unknown = || Error::Rejected(Rejection::UnknownStep(step.clone()));
        let spec = loaded.plan.step(step).ok_or_else(unknown)?;
        let good = || spec.outcomes.iter().find(|o| o.kind == OutcomeKind::Good).map(|o| o.name.clone());
        let outcome = outcome.map(OutcomeName::new).or_else(good).unwrap_or_else(|| OutcomeName::new("succeeded"));
        let has_outputs = spec.outcomes.iter().any(|o| o.name == outcome && o.outputs);
        if !has_outputs {
            return Ok(Completion { outcome, outputs: Value::Null });
        }
        check_size(&outputs, OUTPUT_BYTES_MAX)
            .map_err(|oversize| Error::BadRequest(format!("the outputs have {oversize}")))?;
        if let Some(plugin) = self.inner.registry.step(&spec.uses) {
            let problems = mistakes(&plugin.spec().output, &outputs)?;
            if !problems.is_empty() {
                return Err(Error::BadRequest(format!(
                    "these are no outputs of `{}`: {}. `engross providers show {}` lists them",
                    spec.uses,
                    problems.join("; "),
                    spec.uses
                )));
            }
        }
        Ok(Completion { outcome, outputs })
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

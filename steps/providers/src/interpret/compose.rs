//! A sequence of operations as one step.
//!
//! After a crash or a lost answer the engine looks first, as it does for every reconcilable step. The look goes through the parts in
//! order and takes over those that it finds done; the attempt that follows goes on from there, and looks each further part up
//! before it acts. What was found is kept only between that look and that attempt, in one process: whoever comes new to the step
//! looks again.

use super::reply::{self, Reply};
use super::session::{Session, bad_input};
use super::{Core, action, preview, reconcile};
use crate::limits::COMPOSED_KNOWN_MAX;
use crate::manifest::{Composed, Operation, Part};
use crate::template::Scope;
use async_trait::async_trait;
use engross_step_api::{
    Completion, Connection, EffectClass, ErrorClass, IdempotencyKey, OutcomeKind, OutcomeSpec, Preview, Reconciled,
    Step, StepContext, StepError, StepKind, StepResult, StepSpec,
};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::Instant;

/// The outputs of parts, by their names.
type Done = Map<String, Value>;

/// What looks have found, by the keys of their steps.
#[derive(Debug, Default)]
pub(super) struct Progress(Mutex<BTreeMap<String, Done>>);

impl Progress {
    fn keep(&self, key: &IdempotencyKey, done: Done) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= COMPOSED_KNOWN_MAX {
            known.pop_first();
        }
        known.insert(key.as_str().to_string(), done);
    }

    fn take(&self, key: &IdempotencyKey) -> Option<Done> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key.as_str())
    }
}

/// A sequence of operations as one step.
pub(super) struct Sequence {
    core: Arc<Core>,
    composed: Arc<Composed>,
    spec: StepSpec,
}

impl Sequence {
    pub(super) fn new(core: Arc<Core>, composed: Arc<Composed>) -> Self {
        let provider = core.manifest.name.clone();
        let spec = StepSpec {
            uses: format!("{provider}/{}", composed.name),
            title: composed.title.clone(),
            input: composed.input.clone(),
            output: composed.output.clone(),
            outcomes: vec![
                OutcomeSpec::new("succeeded", OutcomeKind::Good),
                OutcomeSpec::new("failed", OutcomeKind::Failure),
            ],
            effect: composed.effect,
            kind: StepKind::Action,
            provider: Some(provider),
        };
        Self { core, composed, spec }
    }

    /// The context of one part: a key of its own, so that no two effects have one.
    fn context(context: &StepContext, part: &Part) -> StepContext {
        StepContext { key: context.key.part(&part.name), ..context.clone() }
    }

    fn operation(&self, part: &Part) -> Result<&Operation, StepError> {
        self.core.manifest.operations.get(&part.call.operation).map(AsRef::as_ref).ok_or_else(|| {
            StepError::new(ErrorClass::Internal, "no_operation", "a part of the composed operation is not there")
        })
    }

    /// The inputs of a part, checked as the engine checks those of a step.
    fn input(&self, session: &Session<'_>, part: &Part, input: &Value, done: &Done) -> Result<Value, StepError> {
        let operation = self.operation(part)?;
        let names = names(input, done);
        let globals = session.scope();
        let made =
            part.call.input.eval_object(&globals.with(&names)).map_err(|problem| bad_input(operation, &problem))?;
        let validator = jsonschema::options().should_validate_formats(true).build(&operation.input);
        let validator = validator.map_err(|problem| bad_input(operation, &problem.to_string()))?;
        let problems: Vec<String> =
            validator.iter_errors(&made).take(8).map(|problem| problem.masked().to_string()).collect();
        if problems.is_empty() { Ok(made) } else { Err(bad_input(operation, &problems.join("; "))) }
    }

    /// Does one part.
    async fn act(&self, context: &StepContext, part: &Part, input: &Value, done: &Done) -> Result<Value, StepError> {
        let context = Self::context(context, part);
        let session = Session::new(&self.core, &context)?;
        let made = self.input(&session, part, input, done)?;
        let operation = self.operation(part)?;
        let begun = Instant::now();
        loop {
            let outputs = action::run(&session, operation, &made).await?.outputs;
            let Some(until) = &part.until else { return Ok(outputs) };
            let mut seen = done.clone();
            seen.insert(part.name.clone(), outputs.clone());
            let names = names(input, &seen);
            if until.holds.holds(&session.scope().with(&names)) == Some(true) {
                return Ok(outputs);
            }
            if begun.elapsed() + until.every > until.at_most {
                let message =
                    format!("`{}`: what it waits for has not come within {:?}", operation.name, until.at_most);
                return Err(StepError::new(ErrorClass::Transient, "not_yet", message));
            }
            tokio::time::sleep(until.every).await;
        }
    }

    /// Looks whether a part was done.
    async fn look(
        &self,
        context: &StepContext,
        part: &Part,
        input: &Value,
        done: &Done,
    ) -> Result<Reconciled, StepError> {
        let context = Self::context(context, part);
        let session = Session::new(&self.core, &context)?;
        let made = self.input(&session, part, input, done)?;
        reconcile::reconcile(&session, self.operation(part)?, &made).await
    }

    /// Goes through the parts; `resumed` has what an earlier look found done.
    async fn run(&self, context: &StepContext, input: &Value, resumed: Option<Done>) -> Result<Completion, StepError> {
        let (is_resumed, begun) = (resumed.is_some(), Instant::now());
        let mut done = resumed.unwrap_or_default();
        let mut acted: Vec<&str> = Vec::new();
        for part in &self.composed.parts {
            let context = &at(context, begun);
            let operation = self.operation(part)?;
            let is_effect = operation.effect != EffectClass::Read;
            if done.contains_key(&part.name) {
                acted.extend(is_effect.then_some(operation.name.as_str()));
                continue;
            }
            let outputs = match (is_resumed, operation.effect) {
                (true, EffectClass::Reconcilable) => match self.look(context, part, input, &done).await {
                    Ok(Reconciled::Done(found)) => Ok(found.outputs),
                    Ok(Reconciled::NotDone) => self.act(context, part, input, &done).await,
                    Err(error) => Err(error),
                },
                _ => self.act(context, part, input, &done).await,
            };
            let outputs = outputs.map_err(|error| after(error, &acted))?;
            acted.extend(is_effect.then_some(operation.name.as_str()));
            done.insert(part.name.clone(), outputs);
        }
        self.completion(context, input, &done).map_err(|error| after(error, &acted))
    }

    /// The parts that were done, as far as they can be told one after the other; all of them, or nothing beyond the first
    /// that is missing.
    async fn found(&self, context: &StepContext, input: &Value) -> Result<Done, StepError> {
        let (mut done, begun) = (Done::new(), Instant::now());
        for part in &self.composed.parts {
            let context = &at(context, begun);
            let operation = self.operation(part)?;
            let outputs = match operation.effect {
                EffectClass::Reconcilable => match self.look(context, part, input, &done).await? {
                    Reconciled::Done(found) => found.outputs,
                    Reconciled::NotDone => break,
                },
                EffectClass::Read if part.until.is_none() => self.act(context, part, input, &done).await?,
                // What can be repeated is repeated, and a state is waited for again.
                EffectClass::Read | EffectClass::Idempotent | EffectClass::Unsafe => break,
            };
            done.insert(part.name.clone(), outputs);
        }
        Ok(done)
    }

    fn completion(&self, context: &StepContext, input: &Value, done: &Done) -> Result<Completion, StepError> {
        let session = Session::new(&self.core, context)?;
        let Some(last) = self.composed.parts.last() else {
            return Err(StepError::new(ErrorClass::Internal, "no_parts", "the composed operation has no parts"));
        };
        let names = names(input, done);
        let globals = session.scope();
        let reply = Reply { document: Value::Object(done.clone()), file: None };
        let spec = (self.composed.outputs.as_slice(), &self.composed.output);
        let outputs = reply::outputs(&self.core, self.operation(last)?, spec, &reply, &globals.with(&names))?;
        Ok(Completion::new("succeeded", session.scrubber.value(outputs)))
    }
}

/// The context as it is now: parts before may have waited.
fn at(context: &StepContext, begun: Instant) -> StepContext {
    let ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    StepContext { now: context.now.plus_ms(ms), ..context.clone() }
}

fn names(input: &Value, done: &Done) -> Map<String, Value> {
    Map::from_iter([("input".to_string(), input.clone()), ("parts".to_string(), Value::Object(done.clone()))])
}

/// An error of a part: once an earlier part has acted, something of the step has happened, and the engine looks before it goes on.
fn after(mut error: StepError, acted: &[&str]) -> StepError {
    if acted.is_empty() {
        return error;
    }
    let named: Vec<String> = acted.iter().map(|name| format!("`{name}`")).collect();
    error.message = format!("{}; done before it: {}", error.message, named.join(", "));
    error.maybe_done()
}

#[async_trait]
impl Step for Sequence {
    fn spec(&self) -> &StepSpec {
        &self.spec
    }

    async fn execute(&self, context: &StepContext, input: &Value) -> Result<StepResult, StepError> {
        let session = Session::new(&self.core, context)?;
        let resumed = self.core.progress.take(&context.key);
        let done = self.run(context, input, resumed).await;
        done.map(StepResult::Done).map_err(|error| session.scrubber.error(error))
    }

    async fn reconcile(&self, context: &StepContext, input: &Value) -> Result<Reconciled, StepError> {
        let session = Session::new(&self.core, context).map_err(StepError::maybe_done)?;
        let found = self.found(context, input).await.map_err(|error| session.scrubber.error(error).maybe_done())?;
        if found.len() == self.composed.parts.len() {
            let done = self.completion(context, input, &found).map_err(StepError::maybe_done)?;
            return Ok(Reconciled::Done(done));
        }
        self.core.progress.keep(&context.key, found);
        Ok(Reconciled::NotDone)
    }

    fn preview(&self, connection: Option<&Connection>, input: &Value) -> Option<Preview> {
        let manifest = &self.core.manifest;
        let later = |part: &Part| (part.name.clone(), Value::from(format!("<parts.{}>", part.name)));
        let done: Done = self.composed.parts.iter().map(later).collect();
        let names = names(input, &done);
        let (mut body, mut url) = (String::new(), Vec::new());
        for part in &self.composed.parts {
            let operation = self.operation(part).ok()?;
            let input = part.call.input.eval_object(&Scope::new(&names, true)).ok()?;
            let shown = preview::preview(manifest, operation, connection, &input);
            url.push(operation.name.as_str());
            let _ = writeln!(body, "{} {}", shown.method, shown.url);
            if let Some(sent) = shown.body {
                let _ = writeln!(body, "{sent}");
            }
        }
        let url = url.join(", then ");
        Some(Preview {
            method: "SEQUENCE".to_string(),
            url,
            headers: Vec::new(),
            body: Some(body.trim_end().to_string()),
        })
    }
}

//! What people and programs ask of the engine: starts, decisions, cancellations, and looks at runs.

use crate::engine::Engine;
use crate::limits::{RUNS_PER_PAGE, TEXT_CHARS_MAX};
use crate::mask::Mask;
use crate::turn::Begun;
use crate::view::{self, ApprovalView, RunView};
use crate::{Error, Found, fits, people};
use engross_compiler::{Compiled, validate_inputs};
use engross_core::{
    Decision, Expr, Input, Person, Plan, PlanStep, Record, RunId, StartRequest, StepId, Subscription, Verdict,
};
use engross_source::SourceFile;
use engross_store::{RunHead, RunQuery, StoredPlan};
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;

/// Who starts a run, and under which key.
#[derive(Clone, Debug)]
pub struct StartOptions {
    /// Who asks.
    pub requester: Person,
    /// A key for this start; the workflow's `run.key` where there is none.
    pub key: Option<String>,
}

/// What became of a start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Started {
    /// The run: a new one, or the one that holds the key.
    pub run: RunId,
    /// Whether it was there already.
    pub attached: bool,
}

/// What a decision did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DecisionEffect {
    /// It counts, and others have to decide as well.
    Recorded,
    /// It counts, and it ended the approval.
    Decided,
    /// It came too late: the approval had expired.
    Expired,
}

impl Engine {
    /// Starts a run of a compiled workflow. The answer comes when the start is durable.
    ///
    /// # Errors
    /// Inputs that do not fit, a title or key that cannot be computed or is no text for people, the engine's end, or the store.
    pub async fn start_run(
        &self,
        compiled: Compiled,
        file: &SourceFile,
        inputs: Value,
        how: StartOptions,
    ) -> Result<Started, Error> {
        if self.inner.is_stopping() {
            return Err(Error::Stopping);
        }
        named("requester", how.requester.as_str())?;
        let inputs = validate_inputs(&compiled.plan, inputs)
            .map_err(|problems| Error::Inputs(problems.iter().map(ToString::to_string).collect()))?;
        let plan = Arc::new(compiled.plan);
        let stored = StoredPlan {
            digest: plan.digest().clone(),
            definition: plan.definition().clone(),
            source: file.text().to_string(),
        };
        let run = self.inner.ids.run(self.inner.clock.now());
        asks_by_name(&plan, &how.requester)?;
        let strangers = people::unknown(plan.definition(), &self.inner.directory);
        if !strangers.is_empty() {
            let hint = "add the group to `people:` of engross.yaml, or name people by their addresses";
            return Err(Error::BadRequest(format!("{}; {hint}", strangers.join("; "))));
        }
        let start = fits::Start {
            plan: &plan,
            run: &run,
            inputs: &inputs,
            requester: &how.requester,
            now: self.inner.clock.now(),
        };
        let problems = fits::ahead(self, &start);
        if !problems.is_empty() {
            return Err(Error::Inputs(problems));
        }
        let request =
            StartRequest { run, inputs: inputs.clone(), requester: how.requester, key: how.key, parent: None };
        self.inner.remember(plan.clone());
        match self.first_turn(plan, Input::Start(request), stored).await? {
            Begun::New(done) => Ok(Started { run: done.state.run.clone(), attached: false }),
            Begun::Attached(run) => self.attach(run, &inputs).await,
        }
    }

    /// A start whose key another run holds. With other inputs it is another wish, which must not be taken for done.
    pub(crate) async fn attach(&self, run: RunId, inputs: &Value) -> Result<Started, Error> {
        let held = self.known(&run).await?;
        if *held.state.inputs != *inputs {
            return Err(Error::BadRequest(format!(
                "run {run} ({}) holds this key with other inputs; start with another key if this is another contract",
                held.state.status.as_str()
            )));
        }
        Ok(Started { run, attached: true })
    }

    /// Records a person's decision about a waiting approval.
    ///
    /// # Errors
    /// It does not count, and why; nothing is kept of it then.
    pub async fn decide(
        &self,
        run: &RunId,
        step: &StepId,
        by: Person,
        verdict: Verdict,
        comment: Option<String>,
    ) -> Result<DecisionEffect, Error> {
        let decision = Decision { comment, ..Decision::new(by, verdict, self.inner.clock.now()) };
        self.record(run, step, decision).await
    }

    /// Gives a run up: what has left is waited for, nothing new starts.
    ///
    /// # Errors
    /// No such run, or it is over.
    pub async fn cancel(&self, run: &RunId, by: Person, reason: Option<String>) -> Result<RunView, Error> {
        named("name of the person", by.as_str())?;
        bounded("reason", reason.as_deref())?;
        self.turn(run, Input::Cancel { by, reason }).await?;
        self.run(run).await
    }

    /// A run as it stands.
    ///
    /// # Errors
    /// No such run, or the store.
    pub async fn run(&self, run: &RunId) -> Result<RunView, Error> {
        let loaded = self.known(run).await?;
        let mask = Mask::of(&loaded.plan, &loaded.state, &self.inner.registry);
        Ok(mask.run(view::run(&loaded.plan, &loaded.state)))
    }

    /// The records of a run after number `after`, as they may be shown.
    ///
    /// # Errors
    /// The store.
    pub async fn journal(&self, run: &RunId, after: u64) -> Result<Vec<Record>, Error> {
        let records = self.known_records(run, after).await?;
        if records.is_empty() {
            return Ok(records);
        }
        let loaded = self.known(run).await?;
        Ok(Mask::of(&loaded.plan, &loaded.state, &self.inner.registry).records(records))
    }

    /// Heads of runs, newest first.
    ///
    /// # Errors
    /// The store.
    pub async fn runs(&self, mut query: RunQuery) -> Result<Vec<RunHead>, Error> {
        query.limit = query.limit.clamp(1, RUNS_PER_PAGE);
        self.inner.read(move |store| store.runs(&query)).await
    }

    /// All approvals that wait for people, oldest run first.
    ///
    /// # Errors
    /// The store.
    pub async fn approvals(&self) -> Result<Found<ApprovalView>, Error> {
        let topic = Subscription::to_decisions().topic;
        let waits = self.inner.read(move |store| store.waits(&topic)).await?;
        let mut approvals = Found::default();
        for wait in waits {
            let of_run = self.current(&wait.run).await.map(|loaded| {
                let mask = Mask::of(&loaded.plan, &loaded.state, &self.inner.registry);
                view::approval(&loaded.state, &wait.step).map(|approval| mask.approval(approval))
            });
            approvals.take(&wait.run, of_run)?;
        }
        Ok(approvals)
    }
}

/// Checks a text that people and programs are shown and look for.
pub(crate) fn named(what: &str, text: &str) -> Result<(), Error> {
    if text.trim().is_empty() || text.chars().count() > TEXT_CHARS_MAX || text.chars().any(char::is_control) {
        return Err(Error::BadRequest(format!("the {what} must be 1 to {TEXT_CHARS_MAX} printable characters")));
    }
    Ok(())
}

/// An approval that forbids the requester has to know who that is: an address, as approvers have, and no account's name.
pub(crate) fn asks_by_name(plan: &Plan, requester: &Person) -> Result<(), Error> {
    if requester.is_address() {
        return Ok(());
    }
    // What a workflow starts asks in the name of whoever started it.
    let mut open = vec![plan.definition()];
    while let Some(definition) = open.pop() {
        let acting = definition.steps.iter().map(|step| step.foreach.as_deref().map_or(step, |foreach| &foreach.each));
        for step in acting {
            if step.uses == "approval" && forbids_the_requester(&step.with) {
                return Err(Error::BadRequest(format!(
                    "step `{}` of `{}` forbids the requester to approve, and `{requester}` is no e-mail address that could \
                     be told from the approvers; say who asks, as with --as lena@legal.example",
                    PlanStep::written(&step.id),
                    definition.name
                )));
            }
            open.extend(step.child.as_deref());
        }
    }
    Ok(())
}

fn forbids_the_requester(with: &Expr) -> bool {
    let names = |forbid: &Value| forbid.as_array().is_none_or(|names| names.iter().any(|name| name == "requester"));
    match with {
        Expr::Map(entries) => match entries.get("forbid") {
            Some(Expr::Literal(forbid)) => names(forbid),
            // What is known only later may name the requester.
            forbid => forbid.is_some(),
        },
        Expr::Literal(with) => with.get("forbid").is_some_and(names),
        Expr::Template(_) | Expr::List(_) => false,
    }
}

pub(crate) fn bounded(what: &str, text: Option<&str>) -> Result<(), Error> {
    if text.is_some_and(|text| text.chars().count() > TEXT_CHARS_MAX) {
        return Err(Error::BadRequest(format!("a {what} may have {TEXT_CHARS_MAX} characters at most")));
    }
    Ok(())
}

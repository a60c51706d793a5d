//! Runs as people and programs see them: the wire's own types, made from the core's by hand.

use engross_core::{
    Event, OutcomeKind, Parent, Plan, PlanStep, Problem, Record, ResolvedBy, RunId, RunState, RunStatus, SkipReason,
    StepError, StepId, StepState, Summary, Timestamp, Verdict, WaitKind,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// A run. Times are RFC 3339 in UTC.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunView {
    /// Its id.
    pub id: RunId,
    /// The workflow's name.
    pub workflow: String,
    /// Its title.
    pub title: String,
    /// How it stands.
    pub status: RunStatus,
    /// What it is doing, finer than that.
    pub summary: Summary,
    /// What is under way, in words.
    pub doing: String,
    /// The key it holds.
    pub key: Option<String>,
    /// Who asked for it.
    pub requester: String,
    /// When it was started.
    pub started_at: String,
    /// When something last happened.
    pub updated_at: String,
    /// The step of another run that started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
    /// The digest of the definition it keeps.
    pub plan: String,
    /// The number of its last journal record.
    pub seq: u64,
    /// Its inputs.
    pub inputs: Value,
    /// Its steps, in an order in which each follows what it needs.
    pub steps: Vec<StepView>,
    /// The workflow's outputs, once it is over.
    pub outputs: Value,
    /// What is to blame, when it failed or stopped.
    pub problem: Option<Problem>,
}

/// A step of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StepView {
    /// Its id.
    pub id: StepId,
    /// The operation.
    pub uses: String,
    /// Where it stands: pending, running, backing_off, waiting, in_doubt, incident, completed, skipped, cancelled.
    pub state: String,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// The attempt, for a step that works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// What it got.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    /// What it left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<Value>,
    /// Why it failed, backs off, is in doubt, or could not look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<StepError>,
    /// More in words: what it waits for, why it was skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// When it came to stand so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

/// An approval that waits for people.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ApprovalView {
    /// The run.
    pub run: RunId,
    /// The step.
    pub step: StepId,
    /// The run's title.
    pub run_title: String,
    /// The question.
    pub title: String,
    /// More about it.
    pub body: Option<String>,
    /// Who asked for the run.
    pub requester: String,
    /// Who is asked now.
    pub asked: Vec<String>,
    /// How many of them must approve.
    pub quorum: u32,
    /// What has been decided, as `name: approve`.
    pub decisions: Vec<String>,
    /// When it ends by itself, as `expired`.
    pub expires_at: Option<String>,
    /// The digest of what is approved.
    pub subject_sha256: Option<String>,
    /// In which round people are asked, from 1: it is another after each reset, and when the approval is run again. A decision
    /// that names it counts in this round only.
    #[serde(default)]
    pub round: u32,
    /// Which stage is asked, from 1.
    #[serde(default)]
    pub stage: usize,
    /// How many stages there are.
    #[serde(default)]
    pub stages: usize,
    /// What those who approve fill in: names of fields, and the JSON Schema of each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub form: BTreeMap<String, Value>,
    /// Who decides instead of whom, as `name: name`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub delegations: Vec<String>,
    /// Why these people are asked, where a rule chose them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

/// A step that needs a person to go on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IncidentView {
    /// The run.
    pub run: RunId,
    /// The run's title.
    pub run_title: String,
    /// The workflow's name.
    pub workflow: String,
    /// The step.
    pub step: StepId,
    /// Its operation.
    pub uses: String,
    /// `incident`: it can be tried again. `in_doubt`: its effect may have happened, and only a person can tell.
    pub kind: String,
    /// The last attempt.
    pub attempt: u32,
    /// Since when.
    pub since: String,
    /// What is wrong.
    pub error: StepError,
    /// What the step got, for whoever looks at the provider.
    pub input: Option<Value>,
    /// The key that its effect was sent under.
    pub key: String,
    /// When its effect was meant to leave for the last time, if it was.
    pub last_intent: Option<String>,
    /// What can be done, as commands.
    pub ways_out: Vec<String>,
}

/// One line of a run's timeline.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TimelineEntry {
    /// The record's number.
    pub seq: u64,
    /// When.
    pub at: String,
    /// The step, if it is about one.
    pub step: Option<StepId>,
    /// What happened, in words.
    pub text: String,
}

/// A run as it stands.
pub(crate) fn run(plan: &Plan, state: &RunState) -> RunView {
    RunView {
        id: state.run.clone(),
        workflow: state.workflow.clone(),
        title: state.title.clone(),
        status: state.status,
        summary: state.summary(),
        doing: doing(plan, state),
        key: state.key.clone(),
        requester: state.requester.to_string(),
        started_at: state.started_at.to_string(),
        updated_at: state.updated_at.to_string(),
        parent: state.parent.clone(),
        plan: state.plan.to_string(),
        seq: state.seq,
        inputs: Value::clone(&state.inputs),
        // What undoes a step, and what is done for one item of a list, is shown once it has begun.
        steps: plan.in_state(state).map(|(id, spec)| step(&id, spec, state.steps.get(&id))).collect(),
        outputs: state.outputs.clone(),
        problem: state.problem.clone(),
    }
}

fn step(id: &StepId, spec: &PlanStep, state: Option<&StepState>) -> StepView {
    let mut view = StepView {
        id: id.clone(),
        uses: spec.uses.clone(),
        state: state.map_or("pending", StepState::as_str).to_string(),
        outcome: state.and_then(StepState::outcome).map(ToString::to_string),
        attempt: None,
        input: None,
        outputs: None,
        error: None,
        note: None,
        at: None,
    };
    match state {
        None => {}
        Some(StepState::Running { attempt, input, since, .. }) => {
            (view.attempt, view.input, view.at) = (Some(*attempt), Some(Value::clone(input)), Some(since.to_string()));
        }
        Some(StepState::BackingOff { attempt, input, error, retry_at, since, .. }) => {
            (view.attempt, view.input, view.at) = (Some(*attempt), Some(Value::clone(input)), Some(since.to_string()));
            view.error = Some(error.clone());
            view.note = Some(format!("attempt {} at {retry_at}", attempt + 1));
        }
        Some(StepState::Waiting { input, error, since, .. }) => {
            (view.input, view.error, view.at) = (Some(Value::clone(input)), error.clone(), Some(since.to_string()));
            view.note = state.map(waits_for);
        }
        Some(StepState::FannedOut { since }) => {
            (view.note, view.at) = (Some("for each item of a list".to_string()), Some(since.to_string()));
        }
        Some(StepState::Incident { attempt, input, error, since, .. }) => {
            (view.attempt, view.at) = ((*attempt > 0).then_some(*attempt), Some(since.to_string()));
            (view.input, view.error) = (input.as_ref().map(|input| Value::clone(input)), Some(error.clone()));
            view.note = Some("it cannot go on by itself, and waits for a person".to_string());
        }
        Some(StepState::InDoubt { attempt, input, error, since, .. }) => {
            (view.attempt, view.input, view.at) = (Some(*attempt), Some(Value::clone(input)), Some(since.to_string()));
            view.error = Some(error.clone());
            view.note = Some("it may have happened, and only a person can tell".to_string());
        }
        Some(StepState::Completed { outputs, error, at, .. }) => {
            view.outputs = (!outputs.is_null()).then(|| Value::clone(outputs));
            (view.error, view.at) = (error.clone(), Some(at.to_string()));
        }
        Some(StepState::Skipped { reason, at }) => {
            (view.note, view.at) = (Some(skipped(reason)), Some(at.to_string()));
        }
        Some(StepState::Cancelled { maybe_done, at }) => {
            view.at = Some(at.to_string());
            view.note = maybe_done.then(|| "it may have happened all the same: look at the provider".to_string());
        }
    }
    view
}

/// What is under way in a run, in words.
pub fn doing(plan: &Plan, state: &RunState) -> String {
    if state.status.is_over() {
        return state.problem.as_ref().map(|p| p.message.clone()).unwrap_or_default();
    }
    if let (true, Some(group)) = (state.queued, &state.group) {
        return format!("waits for its turn in the group {}", group.name);
    }
    let parts: Vec<String> = plan
        .in_state(state)
        .filter_map(|(id, _)| {
            let step = state.steps.get(&id).filter(|s| !s.is_over())?;
            Some(match step {
                // Its items say more.
                StepState::FannedOut { .. } => return None,
                StepState::Waiting { .. } => format!("{id} waits for {}", waits_for(step)),
                StepState::BackingOff { retry_at, .. } => format!("{id} tries again at {retry_at}"),
                StepState::InDoubt { .. } => format!("{id} is in doubt"),
                StepState::Incident { error, .. } => format!("{id} needs a person: {}", error.message),
                StepState::Running { .. }
                | StepState::Completed { .. }
                | StepState::Skipped { .. }
                | StepState::Cancelled { .. } => format!("{id} is running"),
            })
        })
        .take(3)
        .collect();
    parts.join(", ")
}

fn waits_for(state: &StepState) -> String {
    let StepState::Waiting { wait, decisions, .. } = state else { return String::new() };
    let until = wait.deadline.as_ref().map(|d| d.at);
    match &wait.kind {
        WaitKind::Timer => until.map_or_else(|| "nothing".to_string(), |at| at.to_string()),
        WaitKind::Event { subscriptions, .. } => {
            let topics: Vec<&str> = subscriptions.iter().map(|s| s.topic.as_str()).collect();
            with_deadline(topics.join(" or "), until)
        }
        WaitKind::Run { run, .. } => with_deadline(format!("run {run}"), until),
        WaitKind::Approval(approval) => {
            let asked = approval.current_stage(decisions).map(|s| s.from.join(", ")).unwrap_or_default();
            with_deadline(format!("a decision of {asked}"), until)
        }
    }
}

fn with_deadline(what: String, until: Option<Timestamp>) -> String {
    match until {
        Some(at) => format!("{what}, until {at}"),
        None => what,
    }
}

/// An open approval, if this step is one.
pub(crate) fn approval(state: &RunState, step: &StepId) -> Option<ApprovalView> {
    let Some(StepState::Waiting { wait, decisions, asked, .. }) = state.steps.get(step) else { return None };
    let WaitKind::Approval(approval) = &wait.kind else { return None };
    let stage = approval.current_stage(decisions)?;
    Some(ApprovalView {
        run: state.run.clone(),
        step: step.clone(),
        run_title: state.title.clone(),
        title: approval.title.clone(),
        body: approval.body.clone(),
        requester: state.requester.to_string(),
        asked: approval.asked_now(decisions, asked).iter().map(ToString::to_string).collect(),
        quorum: stage.quorum,
        decisions: decisions.iter().map(|d| format!("{}: {}", d.by, verdict(d.verdict))).collect(),
        expires_at: wait.deadline.as_ref().map(|d| d.at.to_string()),
        subject_sha256: approval.subject_sha256.clone(),
        round: state.round(step),
        stage: approval.stage_index(decisions).map_or(0, |index| index + 1),
        stages: approval.stages.len(),
        form: approval.form.clone(),
        delegations: asked.delegations.iter().map(|d| format!("{}: {}", d.by, d.to)).collect(),
        because: approval.because.clone(),
    })
}

/// The steps of a run that need a person.
pub(crate) fn incidents(plan: &Plan, state: &RunState) -> Vec<IncidentView> {
    plan.in_state(state).filter_map(|(id, spec)| incident(&id, spec, state)).collect()
}

fn incident(step: &StepId, spec: &PlanStep, state: &RunState) -> Option<IncidentView> {
    let (kind, attempt, input, error, intents, since) = match state.steps.get(step)? {
        StepState::Incident { attempt, input, error, intents, since, .. } => {
            ("incident", *attempt, input.clone(), error, intents, since)
        }
        StepState::InDoubt { attempt, input, error, intents, since } => {
            ("in_doubt", *attempt, Some(input.clone()), error, intents, since)
        }
        _ => return None,
    };
    let run = &state.run;
    let ways_out = match kind {
        "incident" => vec![
            format!("engross runs retry {run} {step}"),
            format!("engross runs skip {run} {step}{} --outputs '{{…}}' --comment '…'", no_by_hand(spec)),
        ],
        _ => vec![
            format!("engross in-doubt happened {run} {step} --outputs '{{…}}'"),
            format!("engross in-doubt not-done {run} {step}"),
        ],
    };
    Some(IncidentView {
        run: run.clone(),
        run_title: state.title.clone(),
        workflow: state.workflow.clone(),
        step: step.clone(),
        uses: spec.uses.clone(),
        kind: kind.to_string(),
        attempt,
        since: since.to_string(),
        error: error.clone(),
        input: input.map(|input| Value::clone(&input)),
        key: state.idempotency_key(step).to_string(),
        last_intent: intents.map(|intents| intents.last.to_string()),
        ways_out: ways_out.into_iter().chain([format!("engross runs cancel {run}")]).collect(),
    })
}

/// What may be said by hand of a step that asks people is never a yes, so that the outcome has to be named.
fn no_by_hand(spec: &PlanStep) -> String {
    if !spec.asks_people() {
        return String::new();
    }
    let no = spec.outcomes.iter().find(|outcome| outcome.kind == OutcomeKind::Bad);
    format!(" --outcome {}", no.map_or("failed", |no| no.name.as_str()))
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Approve => "approve",
        Verdict::Reject => "reject",
    }
}

fn skipped(reason: &SkipReason) -> String {
    match reason {
        SkipReason::NeedsUnmet(need) => format!("what it needs did not come: {need}"),
        SkipReason::ConditionFalse => "its `if` was false".to_string(),
        SkipReason::RunCancelled => "the run was given up".to_string(),
    }
}

/// A journal in words, one line a record.
pub fn timeline(records: &[Record]) -> Vec<TimelineEntry> {
    records
        .iter()
        .map(|record| TimelineEntry {
            seq: record.seq,
            at: record.at.to_string(),
            step: record.event.step().cloned(),
            text: words(&record.event),
        })
        .collect()
}

fn words(event: &Event) -> String {
    match event {
        Event::RunStarted { title, requester, .. } => format!("started by {requester}: {title}"),
        Event::RunAdmitted => "its turn has come".to_string(),
        Event::StepScheduled { .. } => "scheduled".to_string(),
        Event::StepFannedOut { items, .. } => format!("to be done for each of {} items", items.len()),
        Event::EffectIntended { attempt: 1, .. } => "about to act".to_string(),
        Event::EffectIntended { attempt, .. } => format!("about to act, attempt {attempt}"),
        Event::AttemptFailed { attempt, error, retry_at, .. } => {
            format!("attempt {attempt} failed, next at {retry_at}: {error}")
        }
        Event::StepRetried { attempt, .. } => format!("attempt {attempt}"),
        Event::StepRecovered { .. } => "taken over after a stop of the engine".to_string(),
        Event::StepParked { wait, .. } => match &wait.kind {
            WaitKind::Timer => "waits for time to pass".to_string(),
            WaitKind::Event { .. } => "waits for an event".to_string(),
            WaitKind::Run { run, .. } => format!("waits for run {run}"),
            WaitKind::Approval(approval) => format!("waits for a decision: {}", approval.title),
        },
        Event::EventReceived { event, .. } => format!("event {} arrived", event.kind),
        Event::PollDue { .. } => "looks by itself".to_string(),
        Event::DeadlineReached { .. } => "its time is up; looks once more".to_string(),
        Event::StepChecked { error: Some(error), .. } => format!("looked, and could not see: {error}"),
        Event::StepChecked { .. } => "looked: not yet".to_string(),
        Event::DecisionRecorded { decision, .. } => match &decision.comment {
            Some(comment) => format!("{} says {}: {comment}", decision.by, verdict(decision.verdict)),
            None => format!("{} says {}", decision.by, verdict(decision.verdict)),
        },
        Event::ReminderDue { number, .. } => format!("reminder {number} to those who have not decided"),
        Event::Escalated { to, .. } => format!("takes long: {} may decide as well", to.join(", ")),
        Event::Delegated { by, to, comment, .. } => {
            format!("{by} has {to} decide instead{}", because(comment.as_ref()))
        }
        Event::ApprovalReset { by, comment, .. } => {
            format!("{by} says that it was changed; people are asked anew{}", because(comment.as_ref()))
        }
        // The comment is the error's message then.
        Event::StepCompleted { outcome, error: Some(error), resolved_by: ResolvedBy::Person { by, .. }, .. } => {
            format!("{outcome} (says {by}): {error}")
        }
        Event::StepCompleted { outcome, error: Some(error), .. } => format!("{outcome}: {error}"),
        Event::StepCompleted { outcome, resolved_by, .. } => format!("{outcome}{}", resolved(resolved_by)),
        Event::StepInDoubt { error, .. } => format!("in doubt: {error}"),
        Event::IncidentRaised { error, .. } => format!("incident: {error}"),
        Event::StepResumed { by, not_done, comment, .. } => {
            let what =
                if *not_done { "says that it did not happen, and has it tried again" } else { "has it tried again" };
            format!("{by} {what}{}", because(comment.as_ref()))
        }
        Event::StepsReset { steps, by, comment, .. } => {
            let steps: Vec<&str> = steps.iter().map(StepId::as_str).collect();
            format!("{by} has run again: {}{}", steps.join(", "), because(comment.as_ref()))
        }
        Event::StepSkipped { reason, .. } => format!("skipped: {}", skipped(reason)),
        Event::StepCancelled { .. } => "given up".to_string(),
        Event::CancelRequested { by, reason, .. } => {
            format!("cancelled by {by}{}", because(reason.as_ref()))
        }
        Event::CompensationStarted { status, .. } => {
            format!("undoes what it did, and will be {} then", status.as_str())
        }
        Event::RunEnded { status, problem, .. } => match problem {
            Some(problem) => format!("{}: {}", status.as_str(), problem.message),
            None => status.as_str().to_string(),
        },
    }
}

fn because(words: Option<&String>) -> String {
    words.map(|words| format!(": {words}")).unwrap_or_default()
}

fn resolved(by: &ResolvedBy) -> String {
    match by {
        ResolvedBy::Execution | ResolvedBy::Decision => String::new(),
        ResolvedBy::Reconcile => " (found by looking it up)".to_string(),
        ResolvedBy::Event(_) => " (resolved by webhook or event)".to_string(),
        ResolvedBy::Poll => " (resolved by poll)".to_string(),
        ResolvedBy::Timer => " (time is up)".to_string(),
        ResolvedBy::Person { by, comment } => format!(" (says {by}{})", because(comment.as_ref())),
    }
}

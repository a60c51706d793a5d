//! `approval`: asks people, and waits for their answer. Who is asked is fixed when the step is parked; who may answer, and
//! when that is enough, are the core's rules.

mod form;
mod policy;
mod schema;

use crate::common::{invalid, parse, people, refuse_all};
use crate::limits::{ESCALATIONS_MAX, NAMES_MAX, REMIND_EVERY_MS_MIN, REMINDERS_MAX, STAGES_MAX};
use async_trait::async_trait;
use engross_step_api::{
    Approval, Deadline, EffectClass, Escalation, OutcomeKind, OutcomeName, OutcomeSpec, Remind, Stage, Step,
    StepContext, StepError, StepKind, StepResult, StepSpec, Wait, WaitKind, parse_span,
};
use policy::AskPolicy;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// The step.
pub(crate) struct AskForApproval {
    spec: StepSpec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    title: String,
    body: Option<String>,
    // A subject of null is a subject: only a missing one has no digest.
    #[serde(default, deserialize_with = "present")]
    subject: Option<Value>,
    stages: StagesInput,
    #[serde(default)]
    forbid: Vec<Forbidden>,
    #[serde(default)]
    form: BTreeMap<String, Value>,
    remind: Option<RemindInput>,
    #[serde(default)]
    escalate: Vec<EscalateInput>,
    expires_in: Option<String>,
}

/// The stages themselves, or the policy that says them.
#[derive(Deserialize)]
#[serde(untagged)]
enum StagesInput {
    Given(Vec<StageInput>),
    ByPolicy(AskPolicy),
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct StageInput {
    from: Vec<String>,
    #[serde(default = "one")]
    quorum: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RemindInput {
    every: String,
    #[serde(default = "few")]
    max: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EscalateInput {
    after: String,
    to: Vec<String>,
}

/// Who may not decide. That one person may not approve two stages is the rule in any case; a file may say it all the same.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Forbidden {
    Requester,
    SamePerson,
}

fn few() -> u32 {
    schema::REMINDERS_DEFAULT
}

fn one() -> u32 {
    1
}

fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl AskForApproval {
    pub(crate) fn new() -> Self {
        Self {
            spec: StepSpec {
                uses: "approval".to_string(),
                title: "Ask people to approve".to_string(),
                input: schema::input(),
                output: schema::output(),
                outcomes: vec![
                    OutcomeSpec::new("approved", OutcomeKind::Good),
                    OutcomeSpec { outputs: true, ..OutcomeSpec::new("rejected", OutcomeKind::Bad) },
                    OutcomeSpec { outputs: true, ..OutcomeSpec::new("expired", OutcomeKind::Bad) },
                ],
                effect: EffectClass::Read,
                kind: StepKind::Wait,
                provider: None,
            },
        }
    }
}

#[async_trait]
impl Step for AskForApproval {
    fn spec(&self) -> &StepSpec {
        &self.spec
    }

    async fn execute(&self, context: &StepContext, input: &Value) -> Result<StepResult, StepError> {
        let input: Input = parse(input)?;
        match stages(context, &input.stages)? {
            Stages::Asked { stages, because } => Ok(StepResult::Parked(wait(context, input, stages, because)?)),
            Stages::Refused(because) => Ok(StepResult::Done(policy::refused(input.subject.map(digest), &because))),
        }
    }
}

/// Who has to agree.
enum Stages {
    Asked {
        stages: Vec<StageInput>,
        because: Option<String>,
    },
    /// A policy says that nobody may.
    Refused(String),
}

fn stages(context: &StepContext, input: &StagesInput) -> Result<Stages, StepError> {
    match input {
        StagesInput::Given(stages) => Ok(Stages::Asked { stages: stages.clone(), because: None }),
        StagesInput::ByPolicy(ask) => policy::decide(context, ask),
    }
}

fn wait(
    context: &StepContext,
    input: Input,
    asked: Vec<StageInput>,
    because: Option<String>,
) -> Result<Wait, StepError> {
    let mut problems = Vec::new();
    if input.title.trim().is_empty() {
        problems.push("`title` must not be empty".to_string());
    }
    if asked.is_empty() || asked.len() > STAGES_MAX {
        problems.push(format!("`stages` must be 1 to {STAGES_MAX} stages, and are {}", asked.len()));
    }
    let stages: Vec<Stage> = asked.into_iter().map(|stage| resolve(context, stage, &mut problems)).collect();
    let remind = input.remind.and_then(|remind| reminders(&remind, &mut problems));
    let escalate = escalations(context, input.escalate, &mut problems);
    form::check(&input.form, &mut problems);
    let deadline = input.expires_in.as_deref().and_then(|span| deadline(context, span, &mut problems));
    refuse_all("approval", &problems)?;
    let forbids_requester = input.forbid.iter().any(|forbidden| matches!(forbidden, Forbidden::Requester));
    let approval = Approval {
        title: input.title,
        body: input.body,
        subject_sha256: input.subject.map(digest),
        stages,
        forbid: if forbids_requester { vec![context.requester.clone()] } else { Vec::new() },
        form: input.form,
        remind,
        escalate,
        because,
    };
    approval.can_be_reached().map_err(|reason| {
        invalid("quorum", format!("this approval can never be given: {reason}")).hint(
            "ask more people, or lower the quorum; with `forbid: [requester]`, whoever starts the run does not count",
        )
    })?;
    Ok(Wait { kind: WaitKind::Approval(Box::new(approval)), deadline })
}

fn resolve(context: &StepContext, stage: StageInput, problems: &mut Vec<String>) -> Stage {
    if stage.from.is_empty() || stage.from.len() > NAMES_MAX {
        problems.push(format!("`from` must name 1 to {NAMES_MAX} groups or people"));
    }
    if stage.quorum == 0 {
        problems.push("`quorum` must be at least 1: nobody's approval is none".to_string());
    }
    // Each person once: somebody in two groups has one vote, and must count once when the quorum is checked.
    let people = people(&context.directory, &stage.from, problems);
    Stage { from: stage.from, people, quorum: stage.quorum }
}

fn reminders(remind: &RemindInput, problems: &mut Vec<String>) -> Option<Remind> {
    if remind.max == 0 || remind.max > REMINDERS_MAX {
        problems.push(format!("`remind.max` must be 1 to {REMINDERS_MAX}"));
    }
    let every_ms = span("remind.every", &remind.every, problems)?;
    if every_ms < REMIND_EVERY_MS_MIN {
        problems.push("`remind.every` must be a minute at least".to_string());
    }
    Some(Remind { every_ms, max: remind.max })
}

fn escalations(context: &StepContext, inputs: Vec<EscalateInput>, problems: &mut Vec<String>) -> Vec<Escalation> {
    if inputs.len() > ESCALATIONS_MAX {
        problems.push(format!("`escalate` may have {ESCALATIONS_MAX} entries at most"));
    }
    let mut before_ms = 0;
    let mut found = Vec::new();
    for input in inputs {
        if input.to.is_empty() || input.to.len() > NAMES_MAX {
            problems.push(format!("`escalate.to` must name 1 to {NAMES_MAX} groups or people"));
        }
        let people = people(&context.directory, &input.to, problems);
        let Some(after_ms) = span("escalate.after", &input.after, problems) else { continue };
        if after_ms < before_ms {
            problems.push("`escalate` must be in the order of time: the soonest `after` first".to_string());
        }
        before_ms = after_ms;
        found.push(Escalation { after_ms, to: input.to, people });
    }
    found
}

fn deadline(context: &StepContext, text: &str, problems: &mut Vec<String>) -> Option<Deadline> {
    let ms = span("expires_in", text, problems)?;
    Some(Deadline { at: context.now.plus_ms(ms), outcome: OutcomeName::new("expired") })
}

/// A span of time that is more than nothing.
fn span(name: &str, text: &str, problems: &mut Vec<String>) -> Option<u64> {
    match parse_span(text) {
        Ok(0) => problems.push(format!("`{name}` must be more than nothing")),
        Ok(ms) => return Some(ms),
        Err(error) => problems.push(format!("`{name}`: {error}")),
    }
    None
}

/// SHA-256 of the canonical JSON: keys sorted, no white space. Sorting is done here, since whether maps of serde_json are
/// sorted depends on the features of whatever else is in the binary.
fn digest(mut subject: Value) -> String {
    subject.sort_all_objects();
    hex::encode(Sha256::digest(subject.to_string()))
}

#[cfg(test)]
mod tests;

//! What people say about approvals: decisions with their forms, delegations, and changes of what is approved; and who is told
//! when a reminder or an escalation is due.
//!
//! Forms are checked here, before the turn: the core knows no JSON Schema. What counts is the core's. Telling is a line of the
//! log that nothing depends on: it is written after the fact is durable, at most once, and never repeated after a restart.

use crate::Error;
use crate::api::{DecisionEffect, bounded, named};
use crate::engine::Engine;
use crate::limits::{FORM_BYTES_MAX, FORM_PROBLEMS_SHOWN_MAX};
use crate::mask::Mask;
use crate::turn::Done;
use crate::view;
use engross_core::{Approval, Decision, Event, Input, Person, RunId, StepId, StepState, Verdict, WaitKind, check_size};
use serde_json::{Map, Value, json};

/// The log target that `notify` writes to as well.
const NOTIFICATION_TARGET: &str = "engross::notification";

impl Engine {
    /// Records a decision with all that it carries; `decision.at` is set to now.
    ///
    /// # Errors
    /// It does not count, or what was filled in does not fit the form; nothing is kept of it then.
    pub async fn record(&self, run: &RunId, step: &StepId, mut decision: Decision) -> Result<DecisionEffect, Error> {
        named("name of the person", decision.by.as_str())?;
        bounded("comment", decision.comment.as_deref())?;
        digest(decision.subject_sha256.as_deref())?;
        decision.at = self.inner.clock.now();
        let loaded = self.current(run).await?;
        if let Some(approval) = open(loaded.state.steps.get(step)) {
            decision.form = filled(approval, decision.verdict, decision.form)?;
        }
        let done = self.turn(run, Input::Decision { step: step.clone(), decision }).await?;
        Ok(effect(&done, step, |event| matches!(event, Event::DecisionRecorded { .. })))
    }

    /// Has another person decide instead of one who is asked.
    ///
    /// # Errors
    /// Who hands on is not asked or has decided, or the other may not decide, and why.
    pub async fn delegate(
        &self,
        run: &RunId,
        step: &StepId,
        by: Person,
        to: Person,
        comment: Option<String>,
    ) -> Result<DecisionEffect, Error> {
        named("name of the person", by.as_str())?;
        named("name of the other person", to.as_str())?;
        bounded("comment", comment.as_deref())?;
        if !to.is_address() {
            return Err(Error::BadRequest(format!(
                "`{to}` is no e-mail address that could be told from the others who are asked; write it as lena@legal.example"
            )));
        }
        let done = self.turn(run, Input::Delegate { step: step.clone(), by, to, comment }).await?;
        Ok(effect(&done, step, |event| matches!(event, Event::Delegated { .. })))
    }

    /// Says that what an approval is about was changed: the decisions so far are void, and people are asked anew.
    ///
    /// # Errors
    /// It waits for no decision, or nothing is changed by this.
    pub async fn subject_changed(
        &self,
        run: &RunId,
        step: &StepId,
        subject_sha256: String,
        by: Person,
        comment: Option<String>,
    ) -> Result<DecisionEffect, Error> {
        named("name of the person", by.as_str())?;
        bounded("comment", comment.as_deref())?;
        digest(Some(&subject_sha256))?;
        let done = self.turn(run, Input::SubjectChanged { step: step.clone(), subject_sha256, by, comment }).await?;
        Ok(effect(&done, step, |event| matches!(event, Event::ApprovalReset { .. })))
    }

    /// Tells those whom a due timer is about.
    pub(crate) async fn tell(&self, run: &RunId, done: &Done) {
        for event in &done.events {
            let (step, about, only) = match event {
                Event::ReminderDue { step, number } => (step, format!("reminder {number}"), None),
                Event::Escalated { step, people, .. } => (step, "this takes long".to_string(), Some(people)),
                _ => continue,
            };
            let Some(StepState::Waiting { wait, decisions, asked, .. }) = done.state.steps.get(step) else { continue };
            let WaitKind::Approval(approval) = &wait.kind else { continue };
            let mut people = approval.silent(decisions, asked);
            people.retain(|person| only.is_none_or(|only| only.iter().any(|one| asked.deputy(one) == person)));
            let Ok(loaded) = self.current(run).await else { continue };
            let mask = Mask::of(&loaded.plan, &done.state, &self.inner.registry);
            let Some(shown) = view::approval(&done.state, step).map(|approval| mask.approval(approval)) else {
                continue;
            };
            if people.is_empty() {
                continue;
            }
            let to: Vec<&str> = people.iter().map(Person::as_str).collect();
            tracing::info!(
                target: NOTIFICATION_TARGET,
                %run,
                %step,
                to = to.join(", "),
                subject = shown.title,
                text = format!(
                    "{about}: your decision is waited for; `engross approvals approve {run} {step} --round {}`, or reject",
                    shown.round
                ),
                "notification"
            );
        }
    }
}

fn open(state: Option<&StepState>) -> Option<&Approval> {
    match state? {
        StepState::Waiting { wait, .. } => match &wait.kind {
            WaitKind::Approval(approval) => Some(approval),
            WaitKind::Event { .. } | WaitKind::Run { .. } | WaitKind::Timer => None,
        },
        _ => None,
    }
}

fn effect(done: &Done, step: &StepId, recorded: impl Fn(&Event) -> bool) -> DecisionEffect {
    let ended = done.events.iter().any(|e| matches!(e, Event::StepCompleted { step: s, .. } if s == step));
    match (done.events.iter().any(recorded), ended) {
        (true, false) => DecisionEffect::Recorded,
        (true, true) => DecisionEffect::Decided,
        (false, _) => DecisionEffect::Expired,
    }
}

fn digest(text: Option<&str>) -> Result<(), Error> {
    let is_digest =
        |text: &str| text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    match text {
        Some(text) if !is_digest(text) => Err(Error::BadRequest(
            "a digest is a SHA-256 in 64 small hex digits, as `engross approvals list --format json` shows it"
                .to_string(),
        )),
        _ => Ok(()),
    }
}

/// What was filled in, with the defaults of what was not. A yes needs every field that has no default.
fn filled(approval: &Approval, verdict: Verdict, form: Option<Value>) -> Result<Option<Value>, Error> {
    if approval.form.is_empty() {
        return match form {
            Some(Value::Object(fields)) if !fields.is_empty() => {
                Err(Error::BadRequest("this approval has no form: leave it out".to_string()))
            }
            _ => Ok(None),
        };
    }
    let approves = verdict == Verdict::Approve;
    if form.is_none() && !approves {
        return Ok(None);
    }
    let Value::Object(mut fields) = form.unwrap_or_else(|| Value::Object(Map::new())) else {
        return Err(Error::BadRequest("a form is an object: the name of each field, and its value".to_string()));
    };
    for (name, schema) in approval.form.iter().filter(|_| approves) {
        if let Some(default) = schema.get("default").filter(|_| !fields.contains_key(name)) {
            fields.insert(name.clone(), default.clone());
        }
    }
    let required: Vec<&String> = if approves { approval.form.keys().collect() } else { Vec::new() };
    let schema =
        json!({ "type": "object", "properties": approval.form, "required": required, "additionalProperties": false });
    let fields = Value::Object(fields);
    check_size(&fields, FORM_BYTES_MAX).map_err(|over| Error::BadRequest(format!("the form has {over}")))?;
    let validator = jsonschema::options()
        .should_validate_formats(true)
        .build(&schema)
        .map_err(|error| Error::BadRequest(format!("the form of this approval cannot be used: {}", error.masked())))?;
    let problems: Vec<String> = validator
        .iter_errors(&fields)
        .take(FORM_PROBLEMS_SHOWN_MAX)
        .map(|error| format!("`form{}`: {error}", error.instance_path().as_str().replace('/', ".")))
        .collect();
    match problems.is_empty() {
        true => Ok(Some(fields)),
        false => Err(Error::BadRequest(format!("what was filled in does not fit: {}", problems.join("; ")))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(verdict: Verdict, form: Option<Value>, expected: &str) {
        let fields = [
            ("amount".to_string(), json!({ "type": "number", "minimum": 1 })),
            ("center".to_string(), json!({ "enum": ["A", "B"], "default": "A" })),
        ];
        let approval = Approval { form: fields.into(), ..Approval::default() };
        let answer = match filled(&approval, verdict, form) {
            Ok(form) => form.map_or("nothing".to_string(), |form| form.to_string()),
            Err(error) => error.to_string(),
        };
        assert_eq!(answer, expected);
    }

    #[test]
    fn a_form_is_checked_before_it_counts() {
        use Verdict::{Approve, Reject};
        check(Approve, Some(json!({ "amount": 5 })), r#"{"amount":5,"center":"A"}"#);
        check(Approve, Some(json!({ "amount": 5, "center": "B" })), r#"{"amount":5,"center":"B"}"#);
        check(Approve, None, r#"what was filled in does not fit: `form`: "amount" is a required property"#);
        check(
            Approve,
            Some(json!({ "amount": 0, "x": 1 })),
            "what was filled in does not fit: `form.amount`: 0 is less than the minimum of 1; \
             `form`: Additional properties are not allowed ('x' was unexpected)",
        );
        check(Approve, Some(json!([])), "a form is an object: the name of each field, and its value");
        check(Reject, None, "nothing");
        check(Reject, Some(json!({ "amount": 2 })), r#"{"amount":2}"#);
    }

    #[test]
    fn a_form_that_nobody_asks_for_is_refused() {
        let check = |form: Option<Value>| filled(&Approval::default(), Verdict::Approve, form).is_ok();
        assert_eq!([check(None), check(Some(json!({}))), check(Some(json!({ "a": 1 })))], [true, true, false]);
    }
}

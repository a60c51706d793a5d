//! `notify`: tells people something, through the log or a webhook. Reaching them by mail or chat is for later channels; a
//! webhook can do it today.

use crate::common::{acted, parse, people, refuse_all};
use crate::egress::{Denied, Egress};
use crate::http::key;
use crate::limits::{NAMES_MAX, TEXT_CHARS_MAX, TITLE_CHARS_MAX, URL_BYTES_MAX};
use crate::mask;
use crate::outgoing::{self, Body, Outgoing};
use async_trait::async_trait;
use bytes::Bytes;
use engross_step_api::{
    Completion, Connection, EffectClass, OutcomeSpec, Person, Preview, Step, StepConfig, StepContext, StepError,
    StepKind, StepResult, StepSpec,
};
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// The log target of notifications: its own, so that a program can show them whatever else of its log is hidden.
pub const NOTIFICATION_TARGET: &str = "engross::notification";

/// The step.
pub(crate) struct Notify {
    spec: StepSpec,
    egress: Arc<Egress>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    to: Vec<String>,
    text: String,
    subject: Option<String>,
    #[serde(default)]
    channel: Channel,
    url: Option<String>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Channel {
    #[default]
    Log,
    Webhook,
}

/// An input that was found right.
struct Notification {
    to: Vec<Person>,
    text: String,
    subject: Option<String>,
    /// Where to, for a webhook.
    url: Option<String>,
}

impl Notify {
    pub(crate) fn new(egress: Arc<Egress>) -> Self {
        let outcomes = acted().into_iter().map(|outcome| OutcomeSpec { outputs: false, ..outcome }).collect();
        Self {
            spec: StepSpec {
                uses: "notify".to_string(),
                title: "Tell people something".to_string(),
                input: input_schema(),
                output: json!({ "type": "object", "properties": {}, "additionalProperties": false }),
                outcomes,
                effect: EffectClass::Idempotent,
                kind: StepKind::Action,
                provider: None,
            },
            egress,
        }
    }
}

fn input_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "to": {
                "type": "array", "minItems": 1, "maxItems": NAMES_MAX, "items": { "type": "string", "minLength": 1 },
                "description": "Groups of `people:` in the configuration, or e-mail addresses."
            },
            "text": {
                "type": "string", "minLength": 1, "maxLength": TEXT_CHARS_MAX, "description": "What to tell them."
            },
            "subject": {
                "type": "string", "minLength": 1, "maxLength": TITLE_CHARS_MAX, "description": "It in one line."
            },
            "channel": {
                "enum": ["log", "webhook"], "default": "log",
                "description": "`log` writes it to the engine's log; `webhook` posts {to, subject, text, run, step} as JSON to `url`."
            },
            "url": {
                "type": "string", "format": "uri", "minLength": 1, "maxLength": URL_BYTES_MAX,
                "description": "Where the webhook is, http or https; for `channel: webhook` only. A repetition carries the same Idempotency-Key header."
            }
        },
        "required": ["to", "text"],
        "additionalProperties": false,
        // Two rules rather than an `else`: a channel that is known only later is neither, and both ways may be meant.
        "allOf": [
            {
                "if": { "properties": { "channel": { "const": "webhook" } }, "required": ["channel"] },
                "then": { "required": ["url"] }
            },
            {
                "if": { "properties": { "channel": { "const": "log" } } },
                "then": { "properties": { "url": false } }
            }
        ]
    })
}

#[async_trait]
impl Step for Notify {
    fn spec(&self) -> &StepSpec {
        &self.spec
    }

    /// A line in the log may stand there twice, which changes nothing outside; a webhook is an effect, whose receiver can
    /// drop a repetition by its key. A channel that is known only later is taken for the webhook.
    fn configure(&self, with: &StepConfig) -> EffectClass {
        let templated = with.templates.iter().any(|pointer| pointer.is_empty() || pointer == "/channel");
        match with.with.get("channel").and_then(Value::as_str) {
            None | Some("log") if !templated => EffectClass::Read,
            _ => EffectClass::Idempotent,
        }
    }

    async fn execute(&self, context: &StepContext, input: &Value) -> Result<StepResult, StepError> {
        let notification = read(context, parse(input)?)?;
        match notification.url.clone() {
            Some(url) => post(&self.egress, context, &notification, &url).await?,
            None => log(context, &notification),
        }
        Ok(StepResult::Done(Completion::new("succeeded", Value::Null)))
    }

    fn preview(&self, _connection: Option<&Connection>, input: &Value) -> Option<Preview> {
        let text = |name: &str| input.get(name).and_then(Value::as_str);
        match text("channel") {
            None | Some("log") => Some(Preview {
                method: "LOG".to_string(),
                url: String::new(),
                headers: Vec::new(),
                body: text("text").map(str::to_string),
            }),
            Some(_) => {
                let part = |name: &str| input.get(name).cloned().unwrap_or_default();
                let body = payload(&part("to"), &part("subject"), &part("text"), "<run.id>", "<step>");
                let headers = [("content-type", "application/json"), ("idempotency-key", "<run.id>/<step>")];
                Some(Preview {
                    method: "POST".to_string(),
                    url: mask::url(text("url").unwrap_or_default()),
                    headers: headers.map(|(name, value)| (name.to_string(), value.to_string())).to_vec(),
                    body: Some(format!("{body:#}")),
                })
            }
        }
    }
}

fn read(context: &StepContext, input: Input) -> Result<Notification, StepError> {
    let mut problems = Vec::new();
    if input.to.is_empty() || input.to.len() > NAMES_MAX {
        problems.push(format!("`to` must name 1 to {NAMES_MAX} groups or people"));
    }
    if input.text.chars().count() > TEXT_CHARS_MAX {
        problems.push(format!("`text` may have {TEXT_CHARS_MAX} characters at most"));
    }
    let to = people(&context.directory, &input.to, &mut problems);
    if to.is_empty() && problems.is_empty() {
        problems.push(format!("there is nobody in {}", input.to.join(", ")));
    }
    match (input.channel, &input.url) {
        (Channel::Webhook, None) => problems.push("`channel: webhook` needs a `url`".to_string()),
        (Channel::Log, Some(_)) => problems.push("`url` is for `channel: webhook` only".to_string()),
        (Channel::Webhook, Some(_)) | (Channel::Log, None) => {}
    }
    refuse_all("notify", &problems)?;
    Ok(Notification { to, text: input.text, subject: input.subject, url: input.url })
}

fn log(context: &StepContext, notification: &Notification) {
    let to: Vec<&str> = notification.to.iter().map(Person::as_str).collect();
    tracing::info!(
        target: NOTIFICATION_TARGET,
        run = %context.run,
        step = %context.step,
        to = to.join(", "),
        subject = notification.subject.as_deref(),
        text = notification.text,
        "notification"
    );
}

async fn post(egress: &Egress, context: &StepContext, notification: &Notification, url: &str) -> Result<(), StepError> {
    let target = egress.admit(url).map_err(Denied::into_error)?;
    let body = payload(
        &json!(notification.to),
        &json!(notification.subject),
        &json!(notification.text),
        context.run.as_str(),
        context.step.as_str(),
    );
    let outgoing = Outgoing {
        method: Method::POST,
        target,
        query: Vec::new(),
        headers: HeaderMap::new(),
        body: Some(Body { media_type: "application/json", bytes: Bytes::from(body.to_string()) }),
        key: key(context)?,
        now: context.now,
    };
    // The status is the whole answer: nobody reads the body of a notification's reply.
    outgoing::send(egress, outgoing, |status| (200..300).contains(&status)).await.map(drop)
}

fn payload(to: &Value, subject: &Value, text: &Value, run: &str, step: &str) -> Value {
    json!({ "to": to, "subject": subject, "text": text, "run": run, "step": step })
}

#[cfg(test)]
mod tests;

//! `wait_for_event`: waits for an event of a name, sent by `engross events send` or the API. The event is the answer; the
//! step's `timeout` in the file bounds the wait, which is the core's business.

use crate::common::{parse, refuse_all};
use crate::limits::{EVENT_TYPE_CHARS_MAX, MATCH_FIELDS_MAX};
use async_trait::async_trait;
use engross_step_api::{
    EffectClass, OnEvent, OutcomeKind, OutcomeName, OutcomeSpec, Step, StepContext, StepError, StepKind, StepResult,
    StepSpec, Subscription, Wait, WaitKind,
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The step.
pub(crate) struct WaitForEvent {
    spec: StepSpec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default, rename = "match")]
    matching: BTreeMap<String, Value>,
}

impl WaitForEvent {
    pub(crate) fn new() -> Self {
        Self {
            spec: StepSpec {
                uses: "wait_for_event".to_string(),
                title: "Wait for an event from outside".to_string(),
                input: json!({
                    "type": "object",
                    "properties": {
                        "type": {
                            "type": "string", "minLength": 1, "maxLength": EVENT_TYPE_CHARS_MAX,
                            "description": "The event's type, as it is sent: `crm/opportunity.won`."
                        },
                        "match": {
                            "type": "object", "maxProperties": MATCH_FIELDS_MAX,
                            "additionalProperties": { "type": ["string", "number", "boolean"] },
                            "description": "Fields of the event's data (dotted paths) and the value each must have; all must match."
                        }
                    },
                    "required": ["type"],
                    "additionalProperties": false
                }),
                output: json!({
                    "type": "object",
                    "properties": {
                        "event": {
                            "type": "object",
                            "properties": {
                                "id": { "type": "string", "description": "The same for every delivery of it." },
                                "type": { "type": "string", "description": "The event's type." },
                                "data": { "description": "What it says." }
                            },
                            "required": ["id", "type", "data"],
                            "additionalProperties": false
                        }
                    },
                    "required": ["event"],
                    "additionalProperties": false
                }),
                outcomes: vec![
                    OutcomeSpec::new("received", OutcomeKind::Good),
                    OutcomeSpec::new("timed_out", OutcomeKind::Neutral),
                ],
                effect: EffectClass::Read,
                kind: StepKind::Wait,
                provider: None,
            },
        }
    }
}

#[async_trait]
impl Step for WaitForEvent {
    fn spec(&self) -> &StepSpec {
        &self.spec
    }

    async fn execute(&self, _context: &StepContext, input: &Value) -> Result<StepResult, StepError> {
        let subscription = subscription(parse(input)?)?;
        let kind = WaitKind::Event {
            subscriptions: vec![subscription],
            on_event: OnEvent::Finish(OutcomeName::new("received")),
            poll_ms: None,
            look_first: false,
        };
        Ok(StepResult::Parked(Wait { kind, deadline: None }))
    }
}

fn subscription(input: Input) -> Result<Subscription, StepError> {
    let mut problems = Vec::new();
    if input.kind.trim().is_empty() || input.kind.chars().count() > EVENT_TYPE_CHARS_MAX {
        problems.push(format!("`type` must have 1 to {EVENT_TYPE_CHARS_MAX} characters"));
    }
    if input.matching.len() > MATCH_FIELDS_MAX {
        problems.push(format!("`match` may name {MATCH_FIELDS_MAX} fields at most"));
    }
    let mut matching = BTreeMap::new();
    for (path, value) in input.matching {
        // An empty part names no field, so that such a wait could never end.
        if path.split('.').any(str::is_empty) {
            problems.push(format!("`match`: `{path}` is no dotted path such as `customer.id`"));
            continue;
        }
        match value {
            Value::String(text) => drop(matching.insert(path, text)),
            Value::Number(_) | Value::Bool(_) => drop(matching.insert(path, value.to_string())),
            Value::Null | Value::Array(_) | Value::Object(_) => {
                problems.push(format!("`match`: `{path}` must be compared with a text, a number, true or false"));
            }
        }
    }
    refuse_all("schema", &problems)?;
    Ok(Subscription::to_event(&input.kind, matching))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, check_schema};

    async fn check(with: Value, expected: &str) {
        let answer = match WaitForEvent::new().execute(&testing::context(), &with).await {
            Ok(result) => format!("{result:?}"),
            Err(error) => error.to_string(),
        };
        assert_eq!(answer, expected, "{with}");
    }

    #[tokio::test]
    async fn it_subscribes_to_the_event() {
        check(
            json!({ "type": "crm/won", "match": { "customer.id": 5, "vip": true, "a": "x" } }),
            "Parked(Wait { kind: Event { subscriptions: [Subscription { topic: \"event:crm/won\", \
             matching: {\"a\": \"x\", \"customer.id\": \"5\", \"vip\": \"true\"} }], \
             on_event: Finish(\"received\"), poll_ms: None, look_first: false }, deadline: None })",
        )
        .await;
    }

    #[tokio::test]
    async fn all_problems_are_told() {
        check(
            json!({ "type": " ", "match": { "a..b": 1, "c": null } }),
            "`type` must have 1 to 200 characters; `match`: `a..b` is no dotted path such as `customer.id`; \
             `match`: `c` must be compared with a text, a number, true or false (invalid, schema)",
        )
        .await;
    }

    #[test]
    fn the_schema_knows_no_poll_yet() {
        let step = WaitForEvent::new();
        check_schema(&step, json!({ "type": "a" }), "fits");
        check_schema(&step, json!({ "type": "a", "match": { "b": 1 } }), "fits");
        check_schema(&step, json!({ "type": "a", "match": { "b": null } }), "refused at /match/b");
        check_schema(&step, json!({ "type": "a", "poll": "1h" }), "refused at /");
        check_schema(&step, json!({}), "refused at /");
    }
}

//! `sleep`: waits for a span or until a time. The wait is the engine's durable timer; nothing sleeps in this process.

use crate::common::{invalid, parse};
use async_trait::async_trait;
use engross_step_api::{
    Deadline, EffectClass, OutcomeKind, OutcomeName, OutcomeSpec, SPAN_PATTERN, Step, StepContext, StepError, StepKind,
    StepResult, StepSpec, Timestamp, Wait, WaitKind, limits::SPAN_MS_MAX, parse_span,
};
use serde::Deserialize;
use serde_json::{Value, json};

/// The step.
pub(crate) struct Sleep {
    spec: StepSpec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    #[serde(rename = "for")]
    span: Option<String>,
    until: Option<String>,
}

impl Sleep {
    pub(crate) fn new() -> Self {
        Self {
            spec: StepSpec {
                uses: "sleep".to_string(),
                title: "Wait for a span of time or until a time".to_string(),
                input: json!({
                    "type": "object",
                    "properties": {
                        "for": {
                            "type": "string", "pattern": SPAN_PATTERN,
                            "description": "How long, from when the step starts: `90s`, `15m`, `4h`, `2d`, `1w`; ten years at most."
                        },
                        "until": {
                            "type": "string", "format": "date-time",
                            "description": "Until when, as RFC 3339 with a zone: `2026-12-24T09:00:00Z`. A time that is over does not wait."
                        }
                    },
                    "oneOf": [{ "required": ["for"] }, { "required": ["until"] }],
                    "additionalProperties": false
                }),
                output: json!({ "type": "object", "properties": {}, "additionalProperties": false }),
                outcomes: vec![OutcomeSpec { outputs: false, ..OutcomeSpec::new("succeeded", OutcomeKind::Good) }],
                effect: EffectClass::Read,
                kind: StepKind::Wait,
                provider: None,
            },
        }
    }
}

#[async_trait]
impl Step for Sleep {
    fn spec(&self) -> &StepSpec {
        &self.spec
    }

    async fn execute(&self, context: &StepContext, input: &Value) -> Result<StepResult, StepError> {
        let at = wake_time(parse(input)?, context.now)?;
        let deadline = Some(Deadline { at, outcome: OutcomeName::new("succeeded") });
        Ok(StepResult::Parked(Wait { kind: WaitKind::Timer, deadline }))
    }
}

fn wake_time(input: Input, now: Timestamp) -> Result<Timestamp, StepError> {
    match (input.span, input.until) {
        (Some(span), None) => {
            let ms = parse_span(&span).map_err(|error| invalid("span", format!("`for`: {error}")))?;
            Ok(now.plus_ms(ms))
        }
        (None, Some(until)) => {
            let at: jiff::Timestamp = until.parse().map_err(|_| {
                let shown: String = until.chars().take(40).collect();
                invalid("time", format!("`until`: `{shown}` is no RFC 3339 time with a zone"))
                    .hint("write it like 2026-12-24T09:00:00Z or 2026-12-24T09:00:00+01:00")
            })?;
            let at = Timestamp::from_millis(at.as_millisecond());
            if at.ms_since(now) > SPAN_MS_MAX {
                return Err(invalid("time", format!("`until`: {at} is more than ten years away")));
            }
            Ok(at)
        }
        (Some(_), Some(_)) | (None, None) => Err(invalid("schema", "`sleep` takes either `for` or `until`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, check_schema};

    /// The context's clock says 2023-11-14T22:13:20Z.
    async fn check(with: Value, expected: &str) {
        let answer = match Sleep::new().execute(&testing::context(), &with).await {
            Ok(StepResult::Parked(Wait { kind: WaitKind::Timer, deadline: Some(deadline) })) => {
                format!("{} at {}", deadline.outcome, deadline.at)
            }
            Ok(other) => format!("{other:?}"),
            Err(error) => error.to_string(),
        };
        assert_eq!(answer, expected, "{with}");
    }

    #[tokio::test]
    async fn it_parks_until_the_time() {
        check(json!({ "for": "90s" }), "succeeded at 2023-11-14T22:14:50.000Z").await;
        check(json!({ "for": "250ms" }), "succeeded at 2023-11-14T22:13:20.250Z").await;
        check(json!({ "until": "2023-12-24T09:00:00+01:00" }), "succeeded at 2023-12-24T08:00:00.000Z").await;
        check(json!({ "until": "2020-01-01T00:00:00Z" }), "succeeded at 2020-01-01T00:00:00.000Z").await;
    }

    #[tokio::test]
    async fn what_is_no_time_is_refused() {
        check(json!({ "for": "4000d" }), "`for`: `4000d` is too long: a span may be ten years at most (invalid, span)")
            .await;
        check(
            json!({ "until": "2123-12-24T09:00:00Z" }),
            "`until`: 2123-12-24T09:00:00.000Z is more than ten years away (invalid, time)",
        )
        .await;
        check(json!({ "until": "tomorrow" }), "`until`: `tomorrow` is no RFC 3339 time with a zone (invalid, time)")
            .await;
        check(
            json!({ "until": "2023-12-24T09:00:00" }),
            "`until`: `2023-12-24T09:00:00` is no RFC 3339 time with a zone (invalid, time)",
        )
        .await;
        check(json!({}), "`sleep` takes either `for` or `until` (invalid, schema)").await;
    }

    #[test]
    fn the_schema_takes_one_of_both() {
        let step = Sleep::new();
        check_schema(&step, json!({ "for": "2d" }), "fits");
        check_schema(&step, json!({ "until": "2023-12-24T09:00:00Z" }), "fits");
        check_schema(&step, json!({ "for": "2 days" }), "refused at /for");
        check_schema(&step, json!({}), "refused at /");
        check_schema(&step, json!({ "for": "2d", "until": "2023-12-24T09:00:00Z" }), "refused at /");
        check_schema(&step, json!({ "for": "2d", "then": 1 }), "refused at /");
    }
}

//! `workflow`: starts a run of another workflow and waits for its end. Starting and watching it is the engine's part, behind
//! `ChildRuns`; which workflow is meant, and whether its inputs fit, is settled before the run.

use crate::common::parse;
use async_trait::async_trait;
use engross_step_api::{
    ChildRuns, Completion, EffectClass, ErrorClass, OutcomeKind, OutcomeSpec, Step, StepContext, StepError, StepKind,
    StepResult, StepSpec, Wait, WaitKind, Wake,
};
use serde::Deserialize;
use serde_json::{Value, json};

/// The step.
pub(crate) struct Workflow {
    spec: StepSpec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    #[serde(rename = "name")]
    _name: String,
    #[serde(default = "empty")]
    inputs: Value,
    #[serde(default)]
    key: Option<String>,
}

fn empty() -> Value {
    json!({})
}

impl Workflow {
    pub(crate) fn new() -> Self {
        Self {
            spec: StepSpec {
                uses: "workflow".to_string(),
                title: "Start another workflow and wait for its end".to_string(),
                input: json!({
                    "type": "object",
                    "properties": {
                        "name": {
                            "type": "string", "pattern": "^[a-z][a-z0-9_]*$",
                            "description": "The workflow's name, written out: its file lies beside this one."
                        },
                        "inputs": { "type": "object", "description": "Its inputs." },
                        "key": {
                            "type": "string", "minLength": 1,
                            "description": "Its run's key, instead of its own `run.key`: a run that holds it is waited for instead of starting another."
                        }
                    },
                    "required": ["name"],
                    "additionalProperties": false
                }),
                output: json!({ "type": "object", "description": "The outputs of that workflow." }),
                outcomes: vec![
                    OutcomeSpec::new("succeeded", OutcomeKind::Good),
                    OutcomeSpec::new("stopped", OutcomeKind::Bad),
                    OutcomeSpec::new("failed", OutcomeKind::Failure),
                ],
                effect: EffectClass::Idempotent,
                kind: StepKind::Wait,
                provider: None,
            },
        }
    }
}

fn runs(context: &StepContext) -> Result<&dyn ChildRuns, StepError> {
    let missing = || {
        StepError::new(ErrorClass::Internal, "no_workflow", "the plan does not hold the workflow that is to be started")
    };
    context.child.as_deref().ok_or_else(missing)
}

#[async_trait]
impl Step for Workflow {
    fn spec(&self) -> &StepSpec {
        &self.spec
    }

    async fn execute(&self, context: &StepContext, input: &Value) -> Result<StepResult, StepError> {
        let input: Input = parse(input)?;
        let child = runs(context)?.start(&input.inputs, input.key.as_deref()).await?;
        Ok(StepResult::Parked(Wait { kind: WaitKind::Run { run: child.run, owned: child.owned }, deadline: None }))
    }

    async fn check(&self, context: &StepContext, _input: &Value, _wake: Wake) -> Result<Option<Completion>, StepError> {
        runs(context)?.ended().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::context;
    use engross_step_api::{ChildRun, RunId};
    use std::sync::Arc;

    struct Held;

    #[async_trait]
    impl ChildRuns for Held {
        async fn start(&self, inputs: &Value, key: Option<&str>) -> Result<ChildRun, StepError> {
            Ok(ChildRun { run: RunId::new(format!("run of {inputs}")), owned: key.is_none() })
        }

        async fn ended(&self) -> Result<Option<Completion>, StepError> {
            Ok(Some(Completion::new("stopped", Value::Null)))
        }
    }

    async fn check(input: Value, expected: &str, owned: bool) {
        let context = StepContext { child: Some(Arc::new(Held)), ..context() };
        let started = Workflow::new().execute(&context, &input).await.unwrap();
        let kind = WaitKind::Run { run: RunId::new(expected), owned };
        assert_eq!(started, StepResult::Parked(Wait { kind, deadline: None }));
        let ended = Workflow::new().check(&context, &input, Wake::Poll).await.unwrap();
        assert_eq!(ended, Some(Completion::new("stopped", Value::Null)));
    }

    #[tokio::test]
    async fn it_waits_for_the_run_that_it_started_or_found() {
        check(json!({ "name": "nda" }), "run of {}", true).await;
        check(json!({ "name": "nda", "inputs": { "a": 1 }, "key": "k" }), "run of {\"a\":1}", false).await;
        let lost = Workflow::new().execute(&context(), &json!({ "name": "nda" })).await.unwrap_err();
        assert_eq!(lost.code, "no_workflow");
    }
}

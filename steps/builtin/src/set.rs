//! `set`: names values once, so that other steps can refer to them. It computes nothing itself: templates are evaluated
//! before it runs.

use async_trait::async_trait;
use engross_step_api::{
    Completion, EffectClass, OutcomeKind, OutcomeSpec, Step, StepContext, StepError, StepKind, StepResult, StepSpec,
};
use serde_json::{Value, json};

/// The step.
pub(crate) struct Set {
    spec: StepSpec,
}

impl Set {
    pub(crate) fn new() -> Self {
        Self {
            spec: StepSpec {
                uses: "set".to_string(),
                title: "Name values for later steps".to_string(),
                input: json!({ "type": "object", "description": "Any names and values; they become the outputs." }),
                output: json!({ "type": "object" }),
                outcomes: vec![OutcomeSpec::new("succeeded", OutcomeKind::Good)],
                effect: EffectClass::Read,
                kind: StepKind::Action,
                provider: None,
            },
        }
    }
}

#[async_trait]
impl Step for Set {
    fn spec(&self) -> &StepSpec {
        &self.spec
    }

    async fn execute(&self, _context: &StepContext, input: &Value) -> Result<StepResult, StepError> {
        Ok(StepResult::Done(Completion::new("succeeded", input.clone())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, check_schema};

    #[tokio::test]
    async fn the_outputs_are_the_map() {
        let step = Set::new();
        let with = json!({ "a": 1, "b": { "c": [true, null] } });
        check_schema(&step, with.clone(), "fits");
        check_schema(&step, json!([1]), "refused at /");
        let result = step.execute(&testing::context(), &with).await;
        assert_eq!(result, Ok(StepResult::Done(Completion::new("succeeded", with))));
    }
}

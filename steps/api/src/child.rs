//! Runs that a step starts: the engine's part of the step `workflow`, as the step sees it.

use crate::{Completion, RunId, StepError};
use async_trait::async_trait;
use serde_json::Value;

/// Another run, started by a step and waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildRun {
    /// Which.
    pub run: RunId,
    /// Whether it was started by this step. One that was there already, under its key, is somebody else's to end.
    pub owned: bool,
}

/// Starts and watches the runs of the workflow that one step names. Which workflow that is was settled when the plan was made.
#[async_trait]
pub trait ChildRuns: Send + Sync {
    /// Starts the step's run. The answer comes when the start is durable; a second start of the same step finds the first.
    ///
    /// # Errors
    /// Inputs that do not fit, a key that a run with other inputs holds, or the engine's end.
    async fn start(&self, inputs: &Value, key: Option<&str>) -> Result<ChildRun, StepError>;

    /// How the run that the step waits for ended: `succeeded` with the workflow's outputs, `stopped`, or `failed` with a
    /// `message`. Nothing while it goes on.
    ///
    /// # Errors
    /// The run cannot be read.
    async fn ended(&self) -> Result<Option<Completion>, StepError>;
}

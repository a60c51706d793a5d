//! What the runtime answers when it cannot do what was asked. Each kind maps to one status of the API and one word.

use engross_core::{EvalError, PlanError, Rejection, RunId};
use engross_source::Diagnostic;
use serde_json::{Value, json};

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such run.
    #[error("there is no run {0}")]
    NoRun(RunId),
    /// The run does not accept this now.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The workflow has mistakes.
    #[error("the workflow has {} mistakes", .0.len())]
    Invalid(Vec<Diagnostic>),
    /// The inputs do not fit the workflow.
    #[error("the inputs do not fit: {}", .0.join("; "))]
    Inputs(Vec<String>),
    /// Another run holds the key of a run that is to be opened again.
    #[error("run {0} holds this run's key, so that this one cannot go on beside it")]
    KeyTaken(RunId),
    /// What was asked is not well formed.
    #[error("{0}")]
    BadRequest(String),
    /// The store cannot do what it must; the process should end.
    #[error("the store failed: {0}")]
    Store(String),
    /// What was kept of a run cannot be read; other runs are not concerned.
    #[error("the run cannot be read: {0}")]
    Damaged(String),
    /// A plan that was kept cannot be read.
    #[error("the run's plan cannot be used: {0}")]
    Plan(#[from] PlanError),
    /// The engine is being stopped.
    #[error("the engine is stopping")]
    Stopping,
}

impl From<engross_store::Error> for Error {
    fn from(error: engross_store::Error) -> Self {
        match error {
            engross_store::Error::Damaged(why) => Self::Damaged(why),
            error => Self::Store(error.to_string()),
        }
    }
}

impl From<EvalError> for Error {
    fn from(error: EvalError) -> Self {
        Self::Rejected(Rejection::Template(error))
    }
}

impl Error {
    /// A short stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoRun(_) => "no_such_run",
            Self::Rejected(Rejection::Refused(refusal)) if refusal.is_stale() => "decision_stale",
            Self::Rejected(Rejection::Refused(_)) => "decision_refused",
            Self::Rejected(Rejection::UnknownStep(_)) => "no_such_step",
            Self::Rejected(Rejection::Template(_)) => "expression",
            Self::Rejected(_) => "not_now",
            Self::Invalid(_) => "invalid_workflow",
            Self::Inputs(_) => "invalid_inputs",
            Self::KeyTaken(_) => "key_taken",
            Self::BadRequest(_) => "bad_request",
            Self::Store(_) => "store_failed",
            Self::Damaged(_) => "run_damaged",
            Self::Plan(_) => "plan_unusable",
            Self::Stopping => "stopping",
        }
    }

    /// More for programs: the single problems, where there are several.
    pub fn details(&self) -> Value {
        match self {
            Self::Inputs(problems) => Value::from(problems.clone()),
            Self::KeyTaken(holder) => json!({ "holder": holder }),
            _ => Value::Null,
        }
    }
}

/// Why a webhook was not taken.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// No such connection, or not its token: one answer for both, so that nobody learns which connections there are.
    #[error("there is no such hook")]
    Unknown,
    /// The sender is not verified.
    #[error("{0}")]
    Unverified(String),
    /// The body is not the provider's.
    #[error("{0}")]
    Malformed(String),
    /// It could not be kept; the sender should come again.
    #[error("{0}")]
    Unavailable(String),
}

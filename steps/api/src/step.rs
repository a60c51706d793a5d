//! The one trait every operation implements.

use crate::{Completion, Connection, EffectClass, StepContext, StepError, StepResult, StepSpec};
use async_trait::async_trait;
use engross_core::EventId;
use serde_json::Value;

/// One operation that workflows can name in `uses`.
///
/// # The contract
/// - `execute` is called at most once for an attempt. For every effect class but `Read`, the intent is durable before.
/// - An error says whether the effect may have happened ([`StepError::maybe_done`]); when in doubt, it says so.
/// - Nothing is kept between calls but caches: the process may die at any moment, and another may go on.
/// - A secret never appears in outputs, errors or previews.
#[async_trait]
pub trait Step: Send + Sync {
    /// The promise that the compiler checks workflows against.
    fn spec(&self) -> &StepSpec;

    /// What depends on the step's own `with` in the file: templates are still text in it, under their own mark.
    fn configure(&self, with: &StepConfig) -> EffectClass {
        let _ = with;
        self.spec().effect
    }

    /// What is allowed and probably not meant, as far as the step's own `with` says it without its templates.
    fn advice(&self, with: &StepConfig) -> Vec<Advice> {
        let _ = with;
        Vec::new()
    }

    /// Does it, or parks. `input` fits the spec's schema.
    ///
    /// # Errors
    /// Why it could not be done, and whether it may have been done all the same.
    async fn execute(&self, context: &StepContext, input: &Value) -> Result<StepResult, StepError>;

    /// For `Reconcilable` steps: whether the effect of an earlier attempt happened, found by looking.
    ///
    /// # Errors
    /// The look-up failed, or (class `Ambiguous`) cannot tell.
    async fn reconcile(&self, context: &StepContext, input: &Value) -> Result<Reconciled, StepError> {
        let _ = (context, input);
        Err(StepError::new(crate::ErrorClass::Ambiguous, "no_lookup", "this operation cannot be looked up")
            .maybe_done())
    }

    /// For waits whose events only wake them: looks, and says how the step ends or that it goes on waiting.
    ///
    /// # Errors
    /// The look failed; a retryable failure leaves the step waiting.
    async fn check(&self, context: &StepContext, input: &Value, wake: Wake) -> Result<Option<Completion>, StepError> {
        let _ = (context, input, wake);
        Ok(None)
    }

    /// What the step would send, for `engross plan`: nothing is sent, secrets are masked. Values that are known only later
    /// stand in `input` as text in angle brackets. None for a step that sends nothing.
    fn preview(&self, connection: Option<&Connection>, input: &Value) -> Option<Preview> {
        let _ = (connection, input);
        None
    }
}

/// What the file says under `with`, before anything is computed.
#[derive(Clone, Debug)]
pub struct StepConfig {
    /// The tree of `with`. A string that holds a template is there as its source text.
    pub with: Value,
    /// JSON pointers of the strings in it that hold a template.
    pub templates: Vec<String>,
}

/// What a step says of its own `with` before any run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// The JSON pointer inside `with` of the value that it is about; empty for the whole.
    pub at: String,
    /// A sentence without its full stop.
    pub text: String,
}

/// Why a waiting step looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wake {
    /// Nothing woke it: the first look, or a poll.
    Poll,
    /// This event did.
    Event(EventId),
}

/// What a look for an earlier attempt's effect found.
#[derive(Clone, Debug, PartialEq)]
pub enum Reconciled {
    /// It happened, and this is its result.
    Done(Completion),
    /// It certainly did not happen.
    NotDone,
}

/// A request as it would be sent.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Preview {
    /// `POST`, or a word for what is no HTTP request: `LOG`, `FILE`.
    pub method: String,
    /// The whole URL, secrets masked.
    pub url: String,
    /// Headers, secrets masked.
    pub headers: Vec<(String, String)>,
    /// The body as text: JSON pretty-printed, forms as they are sent.
    pub body: Option<String>,
}

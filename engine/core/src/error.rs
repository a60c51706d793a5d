//! Why a step failed: whose fault, whether trying again may help, and whether the effect may have happened.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The code of the failure of a step that was to find the run it may have started, and found that there is none: nothing came
/// of any attempt.
pub const NOT_STARTED: &str = "not_started";

/// The failure of one attempt of a step, in the words of whoever refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepError {
    /// What kind of failure; decides whether it is retried.
    pub class: ErrorClass,
    /// A short stable word for programs: `http_500`, `schema`, `timeout`.
    pub code: String,
    /// One or two sentences for people, with the provider's own words where there are any. Never holds a secret.
    pub message: String,
    /// Who has to act.
    pub fault: Fault,
    /// The next step for a person, where one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// How long the provider asked us to stay away, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// Whether the effect may have happened although the attempt failed.
    pub effect: EffectState,
}

impl StepError {
    /// A failure of this class; the effect certainly did not happen.
    pub fn new(class: ErrorClass, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            class,
            code: code.into(),
            message: message.into(),
            fault: class.default_fault(),
            hint: None,
            retry_after_ms: None,
            effect: EffectState::NotDone,
        }
    }

    /// The same, but the request may have taken effect: the answer was lost, or nobody can know.
    #[must_use]
    pub fn maybe_done(mut self) -> Self {
        self.effect = EffectState::Unknown;
        self
    }

    /// The same with the next step for a person.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with somebody else to act.
    #[must_use]
    pub fn fault(mut self, fault: Fault) -> Self {
        self.fault = fault;
        self
    }

    /// The same with the provider's wish to be left alone for so long.
    #[must_use]
    pub fn retry_after_ms(mut self, ms: Option<u64>) -> Self {
        self.retry_after_ms = ms;
        self
    }
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {})", self.message, self.class.as_str(), self.code)?;
        match self.effect {
            EffectState::NotDone => Ok(()),
            EffectState::Unknown => f.write_str("; it may have happened all the same"),
        }
    }
}

impl std::error::Error for StepError {}

/// The kind of a failure. The names are those of the manifests' error rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// It may work the next time: a lost connection, a 5xx. Retried.
    Transient,
    /// Too many requests. Retried, when the provider says so.
    RateLimited,
    /// The request itself is wrong.
    Invalid,
    /// The credentials are wrong or lack a right.
    Auth,
    /// The object is not in a state that allows this.
    State,
    /// There is no such object.
    NotFound,
    /// Somebody else changed the object first.
    Conflict,
    /// A lookup found more than one possible effect, or cannot tell: only a person can.
    Ambiguous,
    /// A fault of ours.
    Internal,
    /// An answer nobody has documented.
    Unknown,
}

impl ErrorClass {
    /// Whether another attempt may help.
    pub fn retryable(self) -> bool {
        matches!(self, Self::Transient | Self::RateLimited)
    }

    /// The name as manifests and people write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::RateLimited => "rate_limited",
            Self::Invalid => "invalid",
            Self::Auth => "auth",
            Self::State => "state",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Ambiguous => "ambiguous",
            Self::Internal => "internal",
            Self::Unknown => "unknown",
        }
    }

    fn default_fault(self) -> Fault {
        match self {
            Self::Transient | Self::RateLimited | Self::Unknown => Fault::Provider,
            Self::Invalid | Self::Auth | Self::State | Self::NotFound | Self::Conflict | Self::Ambiguous => Fault::User,
            Self::Internal => Fault::Engross,
        }
    }
}

/// Who has to act on a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The workflow, its inputs or its configuration.
    User,
    /// The provider.
    Provider,
    /// Engross.
    Engross,
}

/// Whether the effect of a failed attempt may have happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectState {
    /// Certainly not: the provider refused, or the request never left.
    NotDone,
    /// Nobody can tell from here.
    Unknown,
}

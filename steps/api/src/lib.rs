//! The plugin seam: what a step is, what it sees while it works, and what it may answer.
//!
//! A built-in step and a provider's operation are the same thing to the engine: a [`Step`] with a [`StepSpec`]. A provider
//! brings many of them at once, and knows how to read its webhooks: [`Provider`]. Implementations see this crate and the
//! plain data of the core that it re-exports, never the engine; the engine sees this crate and never an implementation.

mod child;
mod connection;
mod context;
mod files;
mod provider;
mod registry;
mod step;

pub use child::{ChildRun, ChildRuns};
pub use connection::{Connection, Setting, WebhookSettings};
pub use context::{Directory, StepContext, UnknownGroup};
pub use engross_core::limits;
pub use engross_core::{
    Approval, Completion, Deadline, EffectClass, EffectState, ErrorClass, Escalation, EventId, Fault, IdempotencyKey,
    OnEvent, OutcomeKind, OutcomeName, OutcomeSpec, Person, ReceivedEvent, Remind, RunId, SPAN_PATTERN, SpanError,
    Stage, StepError, StepId, StepKind, StepResult, StepSpec, Subscription, Timestamp, Wait, WaitKind, parse_span,
};
pub use files::{FileRef, Files, FilesError};
pub use provider::{
    Acknowledgement, Budget, HookStanding, IncomingEvent, Provider, ProvisionAct, Provisioned, ProvisionedHook,
    RawWebhook, Replayed, WebhookError,
};
pub use registry::{Registry, RegistryError};

pub use step::{Advice, Preview, Reconciled, Step, StepConfig, Wake};

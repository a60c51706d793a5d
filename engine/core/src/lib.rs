//! The pure heart of Engross: what a run is, and the one function that decides what happens to it.
//!
//! [`advance`] takes a plan, a run's state, one input and the time, and answers with events (facts to be journaled) and
//! commands (orders to be carried out once the facts are durable). [`apply`] folds events into state and never decides.
//! [`outstanding`] tells what a state still owes the world; commands are always the difference of two such answers, so
//! recovery after a crash is not a second code path.
//!
//! Nothing here reads a clock, draws a random number, touches a file or a socket, or knows an async runtime: time, ids and
//! randomness are arguments. The crate's `clippy.toml` and a test over the dependency graph keep it so.

mod advance;
mod apply;
mod approval;
mod command;
mod error;
mod event;
mod expr;
mod hash;
mod ids;
mod input;
pub mod limits;
mod outstanding;
mod plan;
mod retry;
mod scope;
mod size;
mod span;
mod spec;
mod state;
mod time;
mod wait;

pub use advance::{Context, Rejection, Turn, advance};
pub use apply::{apply, fold};
pub use approval::{Approval, Asked, Decision, Delegation, Escalation, Refusal, Remind, Stage, Verdict};
pub use command::{Command, TimerId, TimerKind};
pub use error::{EffectState, ErrorClass, Fault, NOT_STARTED, StepError};
pub use event::{Event, JOURNAL_VERSION, Record, ResolvedBy, SkipReason};
pub use expr::{EvalError, Evaluate, Expr, Template};
pub use hash::RecordHash;
pub use ids::{EventId, IdempotencyKey, OutcomeName, Person, PlanDigest, RunId, StepId};
pub use input::{Answer, Completion, Input, ReceivedEvent, StartRequest, StepResult};
pub use outstanding::outstanding;
pub use plan::{
    Concurrency, Cycle, Foreach, Need, NeedRef, On, OnError, Plan, PlanDefinition, PlanError, PlanStep, Tolerance,
    find_cycles,
};
pub use retry::{Jitter, RetryPolicy};
pub use scope::scope;
pub use size::{Oversize, check_size};
pub use span::{SPAN_PATTERN, SpanError, parse_span};
pub use spec::{EffectClass, OutcomeKind, OutcomeSpec, StepKind, StepSpec};
pub use state::{
    Cancellation, Child, Ending, Group, Intents, Item, Parent, Past, Problem, RunState, RunStatus, StepState, Summary,
};
pub use time::Timestamp;
pub use wait::{Deadline, OnEvent, Subscription, Wait, WaitKind};

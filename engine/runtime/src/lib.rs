//! The shell around the core: it carries what the world says to `advance`, makes the answer durable, and does what it orders.
//!
//! - `turn`: one input, one decision, one commit. The only writer of journals.
//! - `dispatch`: carries out attempts and looks, under each connection's limit.
//! - `fits`: whether what a step gets fits its operation, before an attempt and, as far as can be told, before the run.
//! - `folders`: the workflows of folders by their names, for those that start others.
//! - `people`: whether everybody whom a workflow names is known, before a run.
//! - `sweeper`: the due index made into inputs. There is no other timer.
//! - `inbox`: events from outside, kept before they are acknowledged, and matched after.
//! - `feeds`: what providers have sent, read again, for the webhooks that were lost.
//! - `quota`: what each connection's month has left, over restarts.
//! - `mask`: what of a run must not be shown.
//! - `recovery`: after a start, whatever is outstanding is carried out. There is no other recovery.
//! - `triggers`: schedules and events made into runs, each once.
//! - `children`: runs that steps start and wait for. `groups`: runs of which only some may be at work at once.
//! - `housekeeping`: what is old leaves the store. `fsck`: whether what is in it is right.
//! - `approvals`: decisions, delegations and resets on their way in, and who is told that one is waited for.
//! - `catalog`, `view`, `api`, `mend`: what the outside sees and says.
//!
//! It decides nothing about a run: that is the core's. It knows no provider: that is the registry's.

mod api;
mod approvals;
mod catalog;
mod children;
mod clock;
mod dispatch;
mod engine;
mod error;
mod feeds;
mod fits;
mod folders;
mod found;
pub mod fsck;
mod groups;
pub mod housekeeping;
mod inbox;
pub mod limits;
pub mod look;
mod mask;
mod mend;
mod people;
mod quota;
mod recovery;
mod sweeper;
mod triggers;
mod turn;
mod view;

pub use api::{DecisionEffect, StartOptions, Started};
pub use catalog::{Beside, RegistryCatalog, WorkflowFiles};
pub use clock::{Clock, Ids, SystemClock, SystemIds};
pub use engine::{Engine, Options, Published};
pub use error::{Error, HookError};
pub use folders::{WorkflowFolders, is_policy, name_of};
pub use found::{Found, Unreadable};
pub use inbox::Accepted;
pub use mend::{Said, Word};
pub use quota::ConnectionView;
pub use triggers::{EVENT_REQUESTER, SCHEDULE_REQUESTER, TriggerView, TriggeredWorkflow};
pub use view::{ApprovalView, IncidentView, RunView, StepView, TimelineEntry, doing, timeline};

//! The shell around the core: it carries what the world says to `advance`, makes the answer durable, and does what it orders.
//!
//! - `turn`: one input, one decision, one commit. The only writer of journals.
//! - `dispatch`: carries out attempts and looks, under each connection's limit.
//! - `sweeper`: the due index made into inputs. There is no other timer.
//! - `inbox`: events from outside, kept before they are acknowledged, and matched after.
//! - `recovery`: after a start, whatever is outstanding is carried out. There is no other recovery.
//! - `catalog`, `view`, `api`, `mend`: what the outside sees and says.
//!
//! It decides nothing about a run: that is the core's. It knows no provider: that is the registry's.

mod api;
mod catalog;
mod clock;
mod dispatch;
mod engine;
mod error;
mod inbox;
pub mod limits;
pub mod look;
mod mend;
mod recovery;
mod sweeper;
mod turn;
mod view;

pub use api::{DecisionEffect, StartOptions, Started};
pub use catalog::RegistryCatalog;
pub use clock::{Clock, Ids, SystemClock, SystemIds};
pub use engine::{Engine, Options, Published};
pub use error::{Error, HookError};
pub use inbox::Accepted;
pub use mend::Said;
pub use view::{ApprovalView, IncidentView, RunView, StepView, TimelineEntry, doing, timeline};

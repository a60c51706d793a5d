//! Workflow files into plans, with every mistake said before the run.
//!
//! [`compile`] turns a file into an [`engross_core::Plan`] or into everything that is wrong with it; [`TeraEvaluator`] computes
//! the plan's templates while it runs, and [`validate_inputs`] checks what a run is started with. The tree with its places and
//! the drawing of findings are in `engross-source`; operations are known only by the promises that a [`Catalog`] gives.
//!
//! Nothing here does IO or knows a plugin.

mod catalog;
mod codes;
mod compile;
mod expr;
mod facts;
mod family;
mod findings;
mod inputs;
pub mod limits;
mod model;
mod plan;
mod rules;
mod schema;
mod templates;
mod typing;
mod unit;
mod validators;

pub use catalog::Catalog;
pub use codes::CODES;
pub use compile::{Compiled, compile};
pub use expr::TeraEvaluator;
pub use inputs::{InputProblem, validate_inputs};
pub use rules::triggers::{Trigger, TriggerKind};
pub use schema::workflow_schema;
pub use validators::Validators;

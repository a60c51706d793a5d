//! Decision tables that say who must approve.
//!
//! A file under `policies/` names its inputs, rules of which the first that matches wins, and tests. [`Policy::load`] reads it with
//! every mistake at once and proves what can be proved: that each rule can match, and that some rule always does where there is no
//! `otherwise`. [`PolicyTable`] is the same without the file, for plans; it decides, and it never answers with nobody.
//!
//! Pure: it reads no file and knows no people; whom a group stands for is the directory's business.

mod codes;
mod condition;
mod coverage;
mod given;
pub mod limits;
mod load;
mod reader;
mod rules;
mod schema;
mod set;
mod table;
mod tests_of_file;

pub use codes::CODES;
pub use load::{LANGUAGE, Policy, check, is_policy_file};
pub use schema::policy_schema;
pub use set::{Bound, Set, Span};
pub use table::{
    Answer, Decided, GivenProblem, Kind, Matched, PolicyError, PolicyInput, PolicyRule, PolicyStage, PolicyTable,
};

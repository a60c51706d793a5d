//! Templates: strings with `{{ … }}` in them.
//!
//! `lexer` cuts tokens, `scan` finds references and what workflows do not allow, `syntax` asks Tera whether the rest is well
//! formed, `filters` and `predicates` are the allow-lists, and `evaluate` computes values. For typing, `tree` reads an expression's
//! shape, and `signatures` says what filters and tests take and give, in the sets of `kinds`. References are checked against the scope
//! in `rules`, not here: this module knows no workflow.

mod bounded;
mod evaluate;
mod filters;
pub(crate) mod kinds;
mod lexer;
mod predicates;
mod rewrite;
mod scan;
pub(crate) mod signatures;
mod syntax;
mod text;
pub(crate) mod tree;

pub use evaluate::TeraEvaluator;
pub(crate) use scan::scan;
pub(crate) use syntax::SyntaxChecker;
pub(crate) use text::{Expression, Fault, Reference, Segment, Text, has_marker, path_text};

//! Templates: strings with `{{ … }}` in them.
//!
//! `lexer` cuts tokens, `scan` finds references and what workflows do not allow, `syntax` asks Tera whether the rest is well
//! formed, `filters` and `predicates` are the allow-lists, and `evaluate` computes values. References are checked against the scope
//! in `rules`, not here: this module knows no workflow.

mod bounded;
mod evaluate;
mod filters;
mod lexer;
mod predicates;
mod rewrite;
mod scan;
mod syntax;
mod text;

pub use evaluate::TeraEvaluator;
pub(crate) use scan::scan;
pub(crate) use syntax::SyntaxChecker;
pub(crate) use text::{Fault, Reference, Segment, Text, has_marker, path_text};

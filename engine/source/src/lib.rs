//! Authored YAML as a spanned tree, and diagnostics over it.
//!
//! This crate turns the text of a file into [`yaml::Node`]s that know their place, and findings about any place into
//! text or JSON. It knows nothing of workflows: what a key means is decided in `engross-compiler`. It does no IO, it
//! prints nothing, and every bound on hostile input is named in [`limits`].

pub mod codes;
pub mod diagnostic;
pub mod file;
pub mod limits;
pub mod suggest;
pub mod yaml;

pub use diagnostic::{Code, Diagnostic, Diagnostics, Label, Severity};
pub use file::{SourceFile, Span};
pub use limits::Limits;
pub use suggest::nearest;
pub use yaml::{Node, Value, load};

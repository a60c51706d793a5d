//! What the compiler is told about the world: which operations there are, and which connections.
//!
//! The compiler knows no plugin. Whoever calls it brings the promises of those that are built in or configured.

use crate::validators::Validators;
use engross_core::{EffectClass, StepSpec};
use engross_source::SourceFile;
use serde_json::Value;

/// The operations and connections that workflows are checked against.
pub trait Catalog {
    /// The promise of an operation, by the name that `uses` gives it.
    fn spec(&self, uses: &str) -> Option<&StepSpec>;

    /// The names of all operations, for "did you mean" and for editors.
    fn uses(&self) -> Vec<String>;

    /// What a second execution of a step would do, given the step's own `with`. Strings in `with` at `templates` (JSON pointers)
    /// are the source text of templates.
    fn effect(&self, uses: &str, with: &Value, templates: &[String]) -> EffectClass;

    /// The name and the provider of every connection that is configured; nothing when there is no configuration, and then
    /// connections are not checked.
    fn connections(&self) -> Option<Vec<(String, String)>>;

    /// What is allowed and probably not meant in a step's own `with`, each with the JSON pointer of the value inside `with` that it
    /// is about. `templates` as for [`Catalog::effect`]: of what they compute, nothing is said.
    fn advice(&self, _uses: &str, _with: &Value, _templates: &[String]) -> Vec<(String, String)> {
        Vec::new()
    }

    /// The file of the workflow that the file at `from` means by `name`. Its own `name` is that, and its path is always the same.
    fn workflow(&self, _from: &str, _name: &str) -> Option<SourceFile> {
        None
    }

    /// The names of all workflows that the file at `from` can start, for "did you mean".
    fn workflows(&self, _from: &str) -> Vec<String> {
        Vec::new()
    }

    /// The file of the policy that the file at `from` means by `name`.
    fn policy(&self, _from: &str, _name: &str) -> Option<SourceFile> {
        None
    }

    /// The names of all policies that the file at `from` can ask, for "did you mean".
    fn policies(&self, _from: &str) -> Vec<String> {
        Vec::new()
    }

    /// The groups of people with their members in small letters; nothing where none are configured, and then whom a workflow names
    /// is not checked.
    fn people(&self) -> Option<Vec<(String, Vec<String>)>> {
        None
    }

    /// Where validators of the operations are kept from file to file; nothing where each file builds its own.
    fn validators(&self) -> Option<&Validators> {
        None
    }

    /// Whether a connection leads to a sandbox rather than to a live system; nothing where that is not known.
    fn is_sandbox(&self, _connection: &str) -> Option<bool> {
        None
    }

    /// What to write under a connection so that it leads to a live system, where nobody has chosen that it leads to a sandbox:
    /// the provider's default does. `environment: live`.
    fn sandbox_by_default(&self, _connection: &str) -> Option<String> {
        None
    }
}

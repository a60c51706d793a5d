//! The registry, the connections and the files of workflows, as the compiler asks for them.

use crate::Engine;
use engross_compiler::{Catalog, Compiled, Validators};
use engross_core::{EffectClass, StepSpec};
use engross_source::{Diagnostic, SourceFile};
use engross_step_api::{Registry, StepConfig};
use serde_json::Value;

/// What workflows can use here.
pub struct RegistryCatalog<'a> {
    /// Every operation.
    pub registry: &'a Registry,
    /// The names of the connections and their providers; none where no configuration is known.
    pub connections: Option<Vec<(String, String)>>,
}

impl Catalog for RegistryCatalog<'_> {
    fn spec(&self, uses: &str) -> Option<&StepSpec> {
        self.registry.step(uses).map(|step| step.spec())
    }

    fn uses(&self) -> Vec<String> {
        self.registry.specs().map(|spec| spec.uses.clone()).collect()
    }

    fn effect(&self, uses: &str, with: &Value, templates: &[String]) -> EffectClass {
        let config = StepConfig { with: with.clone(), templates: templates.to_vec() };
        // An operation that is not there has been reported; the strictest class is the safe answer for it.
        self.registry.step(uses).map_or(EffectClass::Unsafe, |step| step.configure(&config))
    }

    fn advice(&self, uses: &str, with: &Value, templates: &[String]) -> Vec<(String, String)> {
        let config = StepConfig { with: with.clone(), templates: templates.to_vec() };
        let advice = self.registry.step(uses).map_or_else(Vec::new, |step| step.advice(&config));
        advice.into_iter().map(|advice| (advice.at, advice.text)).collect()
    }

    fn connections(&self) -> Option<Vec<(String, String)>> {
        self.connections.clone()
    }
}

/// Where the files of workflows are that others start.
pub trait WorkflowFiles: Sync {
    /// The file of the workflow that the file at `from` means by `name`.
    fn find(&self, from: &str, name: &str) -> Option<SourceFile>;

    /// The names of all that the file at `from` can start.
    fn names(&self, from: &str) -> Vec<String>;

    /// The file of the policy that the file at `from` means by `name`.
    fn policy(&self, _from: &str, _name: &str) -> Option<SourceFile> {
        None
    }

    /// The names of all policies that the file at `from` can ask.
    fn policies(&self, _from: &str) -> Vec<String> {
        Vec::new()
    }
}

/// A catalog against which a workflow can be compiled that starts others.
pub struct Beside<'a, C> {
    /// The operations and connections.
    pub catalog: C,
    /// The files of the others.
    pub files: &'a dyn WorkflowFiles,
    /// What is kept from file to file.
    pub validators: Validators,
}

impl<C: Catalog> Catalog for Beside<'_, C> {
    fn spec(&self, uses: &str) -> Option<&StepSpec> {
        self.catalog.spec(uses)
    }

    fn uses(&self) -> Vec<String> {
        self.catalog.uses()
    }

    fn effect(&self, uses: &str, with: &Value, templates: &[String]) -> EffectClass {
        self.catalog.effect(uses, with, templates)
    }

    fn advice(&self, uses: &str, with: &Value, templates: &[String]) -> Vec<(String, String)> {
        self.catalog.advice(uses, with, templates)
    }

    fn connections(&self) -> Option<Vec<(String, String)>> {
        self.catalog.connections()
    }

    fn people(&self) -> Option<Vec<(String, Vec<String>)>> {
        self.catalog.people()
    }

    fn validators(&self) -> Option<&Validators> {
        Some(&self.validators)
    }

    fn is_sandbox(&self, connection: &str) -> Option<bool> {
        self.catalog.is_sandbox(connection)
    }

    fn sandbox_by_default(&self, connection: &str) -> Option<String> {
        self.catalog.sandbox_by_default(connection)
    }

    fn workflow(&self, from: &str, name: &str) -> Option<SourceFile> {
        self.files.find(from, name)
    }

    fn workflows(&self, from: &str) -> Vec<String> {
        self.files.names(from)
    }

    fn policy(&self, from: &str, name: &str) -> Option<SourceFile> {
        self.files.policy(from, name)
    }

    fn policies(&self, from: &str) -> Vec<String> {
        self.files.policies(from)
    }
}

impl Engine {
    /// Compiles a workflow that may start others, against what is registered and configured here. Files may be read meanwhile.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn compile_beside(&self, file: &SourceFile, files: &dyn WorkflowFiles) -> Result<Compiled, Vec<Diagnostic>> {
        engross_compiler::compile(
            file,
            &Beside { catalog: self.inner.catalog(), files, validators: Validators::default() },
        )
    }
}

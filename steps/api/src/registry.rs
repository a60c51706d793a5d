//! Every operation that workflows can use, by name. Filled once, by the binary, from what it was built with and from the
//! team's own manifests.

use crate::{Provider, Step, StepSpec};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Every operation, by the name that `uses` gives it.
#[derive(Clone, Default)]
pub struct Registry {
    steps: BTreeMap<String, Arc<dyn Step>>,
    providers: BTreeMap<String, Arc<dyn Provider>>,
}

/// Two operations of one name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is registered twice")]
pub struct RegistryError(pub String);

impl Registry {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a step.
    ///
    /// # Errors
    /// Its name is taken.
    pub fn add_step(&mut self, step: Arc<dyn Step>) -> Result<(), RegistryError> {
        let name = step.spec().uses.clone();
        if self.steps.contains_key(&name) {
            return Err(RegistryError(name));
        }
        self.steps.insert(name, step);
        Ok(())
    }

    /// Adds a provider and all its operations.
    ///
    /// # Errors
    /// A name that is taken.
    pub fn add_provider(&mut self, provider: Arc<dyn Provider>) -> Result<(), RegistryError> {
        let name = provider.name().to_string();
        if self.providers.contains_key(&name) {
            return Err(RegistryError(name));
        }
        for step in provider.steps() {
            self.add_step(step)?;
        }
        self.providers.insert(name, provider);
        Ok(())
    }

    /// The operation of this name.
    pub fn step(&self, uses: &str) -> Option<&Arc<dyn Step>> {
        self.steps.get(uses)
    }

    /// The provider of this name.
    pub fn provider(&self, name: &str) -> Option<&Arc<dyn Provider>> {
        self.providers.get(name)
    }

    /// All providers, by name.
    pub fn providers(&self) -> impl Iterator<Item = &Arc<dyn Provider>> {
        self.providers.values()
    }

    /// All promises, by name.
    pub fn specs(&self) -> impl Iterator<Item = &StepSpec> {
        self.steps.values().map(|step| step.spec())
    }
}

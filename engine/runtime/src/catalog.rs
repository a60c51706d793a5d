//! The registry and the connections, as the compiler asks for them.

use engross_compiler::Catalog;
use engross_core::{EffectClass, StepSpec};
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

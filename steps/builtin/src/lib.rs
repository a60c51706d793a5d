//! The steps every workflow can use without a provider, one module each: `set`, `approval`, `sleep`, `wait_for_event`,
//! `workflow`, `http`, `store_file` and `notify`.
//!
//! They see the plugin seam (`engross-step-api`) and nothing of the engine. Those that send requests do so through one
//! guard, [`HttpPolicy`], which keeps workflows from reaching into the network the engine runs in.

mod approval;
mod common;
mod egress;
mod failure;
mod http;
mod limits;
mod mask;
mod notify;
mod outgoing;
mod set;
mod sleep;
mod store_file;
mod wait_for_event;
mod workflow;

#[cfg(test)]
mod testing;

pub use egress::{HttpPolicy, PolicyError};
pub use notify::NOTIFICATION_TARGET;

use egress::Egress;
use engross_step_api::{Registry, RegistryError, Step};
use std::sync::Arc;

/// Why the built-in steps could not be registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// The configuration of outgoing requests is wrong.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A step of one of these names is there already.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

/// All built-in steps. Nothing is opened or read: the HTTP client is built when the first request leaves.
///
/// The binary installs rustls's crypto provider for the process before a workflow runs; without one, a request fails with
/// an error that says so.
///
/// # Errors
/// Every entry of the policy that cannot be read.
pub fn steps(policy: &HttpPolicy) -> Result<Vec<Arc<dyn Step>>, PolicyError> {
    Ok(with_egress(Arc::new(Egress::new(policy)?)))
}

/// Adds all built-in steps to a registry.
///
/// # Errors
/// Every entry of the policy that cannot be read, or the first name that is taken.
pub fn register(registry: &mut Registry, policy: &HttpPolicy) -> Result<(), SetupError> {
    for step in steps(policy)? {
        registry.add_step(step)?;
    }
    Ok(())
}

fn with_egress(egress: Arc<Egress>) -> Vec<Arc<dyn Step>> {
    vec![
        Arc::new(set::Set::new()),
        Arc::new(approval::AskForApproval::new()),
        Arc::new(sleep::Sleep::new()),
        Arc::new(wait_for_event::WaitForEvent::new()),
        Arc::new(workflow::Workflow::new()),
        Arc::new(http::Http::new(Arc::clone(&egress))),
        Arc::new(store_file::StoreFile::new()),
        Arc::new(notify::Notify::new(egress)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use engross_step_api::OutcomeKind;

    #[test]
    fn every_step_is_registered_once_with_schemas_that_are_schemas() {
        let mut registry = Registry::new();
        register(&mut registry, &HttpPolicy::default()).unwrap();
        let names: Vec<&str> = registry.specs().map(|spec| spec.uses.as_str()).collect();
        assert_eq!(names, ["approval", "http", "notify", "set", "sleep", "store_file", "wait_for_event", "workflow"]);
        for spec in registry.specs() {
            for schema in [&spec.input, &spec.output] {
                jsonschema::draft202012::meta::validate(schema).unwrap();
                assert_eq!(schema["type"], "object", "{}", spec.uses);
            }
            assert_eq!(spec.outcomes[0].kind, OutcomeKind::Good, "{}", spec.uses);
        }
        assert_eq!(
            register(&mut registry, &HttpPolicy::default()),
            Err(SetupError::Registry(RegistryError("set".to_string())))
        );
    }

    #[test]
    fn every_input_is_closed_and_described() {
        for step in steps(&HttpPolicy::default()).unwrap() {
            let spec = step.spec();
            if spec.uses == "set" {
                continue;
            }
            assert_eq!(spec.input["additionalProperties"], false, "{}", spec.uses);
            for (name, schema) in spec.input["properties"].as_object().unwrap() {
                assert!(schema["description"].is_string(), "{}: {name}", spec.uses);
            }
        }
    }

    #[test]
    fn the_outcomes_are_those_of_the_language() {
        let check = |uses: &str, expected: &str| {
            let steps = steps(&HttpPolicy::default()).unwrap();
            let spec = steps.iter().find(|step| step.spec().uses == uses).unwrap().spec().clone();
            let text: Vec<String> =
                spec.outcomes.iter().map(|o| format!("{}:{:?}:{}", o.name, o.kind, o.outputs)).collect();
            assert_eq!(text.join(" "), expected, "{uses}");
        };
        check("set", "succeeded:Good:true");
        check("approval", "approved:Good:true rejected:Bad:true expired:Bad:true");
        check("sleep", "succeeded:Good:false");
        check("wait_for_event", "received:Good:true timed_out:Neutral:false");
        check("workflow", "succeeded:Good:true stopped:Bad:false failed:Failure:false");
        check("http", "succeeded:Good:true failed:Failure:false");
        check("store_file", "succeeded:Good:true failed:Failure:false");
        check("notify", "succeeded:Good:false failed:Failure:false");
    }
}

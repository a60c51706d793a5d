//! What every provider says about itself, checked against what it does.

use crate::support::check_input;
use engross_providers::{builtin, describe_builtin};
use engross_step_api::StepKind;
use serde_json::{Value, json};

/// An example as a run would resolve it: a file that another step has left is a kept file.
fn resolved(example: &Value) -> Value {
    match example {
        Value::String(text) if text.starts_with("{{ steps.") && text.ends_with(".outputs.file }}") => {
            json!({"sha256": "0f".repeat(32), "size": 10, "media_type": "application/pdf", "name": "NDA.pdf"})
        }
        Value::Array(items) => items.iter().map(resolved).collect(),
        Value::Object(map) => map.iter().map(|(name, value)| (name.clone(), resolved(value))).collect(),
        other => other.clone(),
    }
}

/// The texts of a value that nobody would write.
fn made_up(at: &str, value: &Value) -> Vec<String> {
    match value {
        Value::String(text) if ["text", "string", "0000", ""].contains(&text.as_str()) => {
            vec![format!("{at}: {text:?}")]
        }
        Value::Array(items) => items.iter().flat_map(|item| made_up(&format!("{at}[]"), item)).collect(),
        Value::Object(map) => map.iter().flat_map(|(name, value)| made_up(&format!("{at}.{name}"), value)).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn every_example_is_something_that_one_would_write() {
    let described = describe_builtin();
    let operations = described.iter().flat_map(|described| &described.operations);
    let found: Vec<String> = operations.flat_map(|operation| made_up(&operation.uses, &operation.example)).collect();
    assert!(found.is_empty(), "give these `examples` in their schemas, or the operation an `example`: {found:#?}");
}

#[test]
fn every_example_is_one_that_the_engine_lets_through() {
    let providers = builtin();
    let described = describe_builtin();
    assert_eq!(providers.len(), described.len());
    for (provider, described) in providers.iter().zip(&described) {
        let steps = provider.steps();
        assert_eq!(steps.len(), described.operations.len(), "{}", described.name);
        for (step, operation) in steps.iter().zip(&described.operations) {
            assert_eq!(step.spec().uses, operation.uses);
            check_input(step.as_ref(), &resolved(&operation.example));
        }
    }
}

#[test]
fn descriptions_say_what_lists_and_pages_need() {
    for described in describe_builtin() {
        assert!(described.environments.contains_key(&described.default_environment), "{}", described.name);
        assert!(!described.settings.is_empty() && !described.docs.is_empty(), "{}", described.name);
        for operation in &described.operations {
            assert!(operation.outcomes.len() >= 2 && !operation.title.is_empty(), "{}", operation.uses);
            let is_composed = operation.request.contains(", then ");
            assert!(is_composed || operation.request.contains(" /"), "{}: {}", operation.uses, operation.request);
            assert_eq!(operation.kind == StepKind::Wait, operation.uses.contains("/await_"), "{}", operation.uses);
        }
    }
}

#[test]
fn a_description_is_data_for_tools() {
    let described = describe_builtin().into_iter().find(|described| described.name == "juro").expect("juro");
    let operation = described.operations.iter().find(|operation| operation.uses == "juro/get_contract");
    let value = serde_json::to_value(operation.expect("get_contract")).expect("JSON");
    assert_eq!(value["request"], "GET /contracts/<input.contract_id>");
    assert_eq!(value["effect"], "read");
    assert_eq!(value["errors"][0]["class"], "auth");
    assert_eq!(value["errors"][0]["status"], serde_json::json!(["403"]));
    assert_eq!(value["outcomes"][0]["name"], "succeeded");
}

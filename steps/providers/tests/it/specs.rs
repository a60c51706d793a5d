//! What the embedded manifests promise.

use crate::support::{provider, step};
use engross_providers::builtin;
use serde_json::{Value, json};
use std::fmt::Write;

#[test]
fn every_operation_with_its_effect_and_inputs() {
    let mut text = String::new();
    for provider in builtin() {
        for step in provider.steps() {
            let spec = step.spec();
            let names = |schema: &Value| -> String {
                let required = |name: &str| schema["required"].as_array().is_some_and(|r| r.contains(&json!(name)));
                let properties = schema["properties"].as_object().expect("an object schema");
                let marked = properties.keys().map(|name| format!("{name}{}", if required(name) { "" } else { "?" }));
                marked.collect::<Vec<_>>().join(" ")
            };
            assert_eq!(spec.input["additionalProperties"], false, "{}", spec.uses);
            assert_eq!(spec.output["additionalProperties"], false, "{}", spec.uses);
            assert_eq!(spec.provider.as_deref(), Some(provider.name()));
            assert!(!spec.input.to_string().contains("$ref"), "{}", spec.uses);
            let _ =
                writeln!(text, "{} {:?} ({}) -> ({})", spec.uses, spec.effect, names(&spec.input), names(&spec.output));
        }
    }
    insta::assert_snapshot!(text);
}

fn accepts(name: &str, input: &Value) -> bool {
    let (provider_name, operation) = name.split_once('/').expect("a provider");
    let step = step(provider(provider_name).as_ref(), operation);
    let options = jsonschema::options().should_validate_formats(true).build(&step.spec().input);
    options.expect("a schema").is_valid(input)
}

#[test]
fn inputs_are_checked_before_a_run_starts() {
    let approval = |approver: Value| json!({"contract_id": "c1", "message": "m", "approvers": [approver]});
    let sign = |image: &str| json!({"contract_id": "c1", "signature_base64": image});
    for (name, input, expected) in [
        ("juro_v2/request_approval", approval(json!({"email": "a@b.example"})), true),
        ("juro_v2/request_approval", approval(json!({"username": "a"})), true),
        ("juro_v2/request_approval", approval(json!({"email": "a@b.example", "username": "a"})), false),
        ("juro_v2/request_approval", approval(json!({})), false),
        ("juro_v2/request_approval", json!({"contract_id": "c1", "message": "m", "approvers": []}), false),
        ("juro/sign", sign("iVBORw0KGgoAAAANSUhEUg=="), true),
        ("juro/sign", sign("R0lGODlhAQABAIAAAAUEBA=="), false),
        ("juro/sign", sign("iVBORw0KGgo not base64"), false),
        ("juro/create_contract", json!({"template_id": "t1", "name": "NDA"}), true),
        ("juro/create_contract", json!({"template_id": "t1", "name": "  "}), false),
        ("juro/create_contract", json!({"template_id": "t1"}), false),
        ("juro/create_contract", json!({"template_id": "t1", "name": "NDA", "fields": {"a": null}}), false),
        ("juro/create_contract", json!({"template_id": "t1", "name": "NDA", "feilds": {}}), false),
        ("juro/update_contract", json!({"contract_id": "c1"}), false),
        ("juro/update_contract", json!({"contract_id": "c1", "fields": {"a": 1, "b": true}}), true),
        ("juro/list_contracts", json!({"updated_since": "2023-11-14T22:13:20Z"}), true),
        ("juro/list_contracts", json!({"updated_since": 1_700_000_000}), true),
        ("juro/list_contracts", json!({"updated_since": "yesterday"}), false),
        ("juro/list_contracts", json!({"updated_before": "2023-11-14"}), false),
        ("juro/list_contracts", json!({"updated_before": -1}), false),
        ("juro/create_webhook", json!({"team_id": "t", "title": "x", "url": "https://a.b", "events": ["nope"]}), false),
        ("juro/await_fully_signed", json!({"contract_id": "c1", "poll": "15m"}), true),
        ("juro/await_fully_signed", json!({"contract_id": "c1", "poll": "often"}), false),
    ] {
        assert_eq!(accepts(name, &input), expected, "{name} {input}");
    }
}

//! The schema for editors: it accepts the example and refuses what is plainly wrong.

use crate::EXAMPLE;
use engross_policy::{is_policy_file, policy_schema};
use engross_source::{Limits, SourceFile, load};
use serde_json::Value;
use std::path::Path;

fn example() -> Value {
    load(&SourceFile::new("order.policy.yaml", EXAMPLE), &Limits::default()).unwrap().to_json()
}

#[test]
fn it_is_a_schema_and_accepts_the_example() {
    let schema = policy_schema();
    jsonschema::meta::validate(&schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(&example()).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
}

/// `engross schema policy` prints the same.
#[test]
fn the_committed_schema_is_this_one() {
    let committed = include_str!("../../../../schemas/policy.schema.json");
    let written = serde_json::to_string_pretty(&policy_schema()).unwrap();
    assert!(committed == format!("{written}\n"), "run `cargo xtask schemas` and commit what it writes");
}

#[test]
fn it_refuses_what_is_plainly_wrong() {
    let validator = jsonschema::validator_for(&policy_schema()).unwrap();
    let check = |pointer: &str, value: Value| {
        let mut changed = example();
        *changed.pointer_mut(pointer).unwrap() = value;
        assert!(!validator.is_valid(&changed), "{pointer}");
    };
    check("/schema", "engross/v1".into());
    check("/rules", Value::Array(Vec::new()));
    check("/rules/0/stages", Value::Array(Vec::new()));
    check("/rules/0/stages/0/from", Value::Array(Vec::new()));
    check("/rules/3/stages/0/quorum", 0.into());
    check("/inputs/value/type", "array".into());
    check("/otherwise", Value::Object(serde_json::Map::new()));
    check("/tests/0/expect", Value::Object(serde_json::Map::new()));
}

#[test]
fn policies_are_known_by_their_names() {
    let check = |path: &str, expected: bool| assert_eq!(is_policy_file(Path::new(path)), expected, "{path}");
    check("policies/order_approval.policy.yaml", true);
    check("a.policy.yml", true);
    check("workflows/order.yaml", false);
    check("policies/policy.yaml", false);
}

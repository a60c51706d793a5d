//! What is proved of rules, against trying every value of small inputs.

use engross_policy::{Policy, PolicyError, check};
use engross_source::SourceFile;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Conditions on a whole number from 0 to 6.
fn number() -> impl Strategy<Value = String> {
    let operator = prop::sample::select(vec!["<", "<=", ">", ">=", "==", "!="]);
    let one = (operator, 0..=6_i64).prop_map(|(operator, n)| format!("{operator} {n}"));
    let pair = (one.clone(), prop::sample::select(vec!["and", "or"]), one.clone())
        .prop_map(|(a, join, b)| format!("'{a} {join} {b}'"));
    prop_oneof![
        (0..=6_i64).prop_map(|n| n.to_string()),
        one.clone().prop_map(|one| format!("'{one}'")),
        pair,
        prop::collection::vec(0..=6_i64, 1..4).prop_map(|list| format!("{list:?}")),
        one.prop_map(|one| format!("{{ not: '{one}' }}")),
    ]
}

/// Conditions on one of three words.
fn word() -> impl Strategy<Value = String> {
    let words =
        prop::sample::subsequence(vec!["a", "b", "c"], 1..=2).prop_map(|words| format!("[{}]", words.join(", ")));
    prop_oneof![words.clone(), words.prop_map(|words| format!("{{ not: {words} }}"))]
}

/// The conditions of one rule on `n`, `w` and `f`.
fn when() -> impl Strategy<Value = String> {
    (prop::option::of(number()), prop::option::of(word()), prop::option::of(any::<bool>())).prop_map(|(n, w, f)| {
        let parts = [n.map(|n| format!("n: {n}")), w.map(|w| format!("w: {w}")), f.map(|f| format!("f: {f}"))];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    })
}

fn text(rules: &[String], kind: &str, otherwise: &str) -> String {
    let rules: String =
        rules.iter().map(|when| format!("  - {{ when: {{ {when} }}, stages: [{{ from: [x] }}] }}\n")).collect();
    format!(
        "schema: engross/policy/v1\nname: p\ninputs:\n  n: {{ type: {kind}, minimum: 0, maximum: 6 }}\n  w: {{ enum: [a, b, c] }}\n  \
         f: {{ type: boolean }}\nrules:\n{rules}{otherwise}"
    )
}

/// Every value. Numbers between whole ones stand for all others, because every bound is whole.
fn values(kind: &str) -> Vec<Value> {
    let numbers: Vec<Value> = match kind {
        "integer" => (0..=6).map(Value::from).collect(),
        _ => (0..=12).map(|half| Value::from(f64::from(half) / 2.0)).collect(),
    };
    let mut values = Vec::new();
    for n in &numbers {
        for w in ["a", "b", "c"] {
            values.extend([true, false].map(|f| json!({ "n": n, "w": w, "f": f })));
        }
    }
    values
}

fn codes(text: &str) -> Vec<&'static str> {
    check(&SourceFile::new("p.policy.yaml", text)).iter().map(|finding| finding.code.0).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn covered_rules_and_gaps_are_those_that_trying_finds(
        rules in prop::collection::vec(when(), 1..6),
        kind in prop::sample::select(vec!["integer", "number"]),
    ) {
        const OTHERWISE: &str = "otherwise: { refuse: nobody }\n";
        // A condition that matches nothing is told by itself; such rules are left out here.
        let rules: Vec<String> =
            rules.into_iter().filter(|rule| codes(&text(std::slice::from_ref(rule), kind, OTHERWISE)).is_empty()).collect();
        prop_assume!(!rules.is_empty());
        let single: Vec<Policy> = rules
            .iter()
            .map(|rule| {
                let file = SourceFile::new("p.policy.yaml", &text(std::slice::from_ref(rule), kind, OTHERWISE));
                Policy::load(&file).unwrap()
            })
            .collect();
        let mut reached = BTreeSet::new();
        let mut gap = false;
        for value in values(kind) {
            let first = single.iter().position(|policy| match policy.decide(&value) {
                Ok(_) => true,
                Err(PolicyError::Refused { .. }) => false,
                Err(error) => panic!("{error}"),
            });
            match first {
                Some(first) => { reached.insert(first); }
                None => gap = true,
            }
        }
        let covered = rules.len() - reached.len();
        let mut expected = vec!["E0614"; covered];
        prop_assert_eq!(codes(&text(&rules, kind, OTHERWISE)), expected.clone(), "{}", text(&rules, kind, OTHERWISE));
        if gap {
            expected.push("E0615");
        }
        let mut found = codes(&text(&rules, kind, ""));
        found.sort_unstable();
        prop_assert_eq!(found, expected, "{}", text(&rules, kind, ""));
    }
}

//! What is refused, as people are shown it.

use engross_policy::{CODES, Policy, check};
use engross_source::{SourceFile, diagnostic};
use std::collections::BTreeSet;

const HEAD: &str = "schema: engross/policy/v1\nname: order\n";
const INPUTS: &str =
    "inputs:\n  value: { type: number, minimum: 0 }\n  region: { enum: [EU, UK, US] }\n  seats: { type: integer }\n";
const REST: &str = "otherwise: { refuse: ask the board }\n";
const ASK: &str = "stages: [{ from: [legal] }]";

fn shown(text: &str) -> String {
    let file = SourceFile::new("order.policy.yaml", text);
    let found = check(&file);
    assert!(!found.is_empty(), "nothing is wrong with {text}");
    for finding in &found {
        assert!(CODES.iter().any(|(code, _)| *code == finding.code.0) || finding.code.0.starts_with("E01"));
        assert!(finding.hint.is_some(), "{} has no hint", finding.message);
    }
    diagnostic::render_text(&found, &[file], false)
}

macro_rules! refused {
    ($($name:ident: $text:expr;)*) => {
        $(#[test]
        fn $name() {
            insta::assert_snapshot!(shown(&$text));
        })*

        /// Every file above, for the test that each code is shown.
        fn all() -> Vec<String> {
            vec![$($text.to_string()),*]
        }
    };
}

refused! {
    no_yaml: "schema: [";
    not_a_mapping: "- a\n";
    nothing_at_all: "{}\n";
    head: format!("schema: engross/policy/v2\nname: Order Approval\ntitle: ''\nrule: []\n{INPUTS}rules:\n  - {{ when: {{}}, {ASK} }}\n");
    kinds: format!("{HEAD}inputs: [value]\nrules: {{}}\notherwise: legal\ntests: 3\n");
    inputs: format!("{HEAD}inputs:\n  a: {{ type: object }}\n  b: {{ type: nubmer }}\n  c: {{}}\n  d: {{ type: number, minimum: 5, maximum: 1 }}\n  e: {{ type: number, enum: [1] }}\n  f: {{ enum: [x, x, 1] }}\n  g: {{ enum: [] }}\n  h: {{ type: string, pattern: x }}\n  Big: {{ type: boolean, minimum: 1 }}\nrules:\n  - {{ when: {{ a: 1, z: 1 }}, {ASK} }}\n{REST}");
    conditions: format!("{HEAD}{INPUTS}rules:\n  - when: {{ value: '=> 10', region: DE, seats: 1.5, vlaue: 3 }}\n    {ASK}\n  - when: {{ value: '< 10k', region: 3, seats: [1, '2 und 3'] }}\n    {ASK}\n  - when: {{ value: '10 <', region: [], seats: {{}} }}\n    {ASK}\n  - when: {{ value: '< 1 and', region: {{ nto: EU }}, seats: null }}\n    {ASK}\n{REST}");
    conditions_that_match_nothing: format!("{HEAD}{INPUTS}rules:\n  - when: {{ value: '< 0', region: {{ not: [EU, UK, US] }}, seats: '> 1 and < 2' }}\n    {ASK}\n{REST}");
    answers: format!("{HEAD}{INPUTS}rules:\n  - {{ when: {{ seats: 1 }} }}\n  - {{ when: {{ seats: 2 }}, {ASK}, refuse: never }}\n  - {{ when: {{ seats: 3 }}, refuse: never, because: of that }}\n  - {{ when: {{ seats: 4 }}, stages: [] }}\n  - {{ {ASK} }}\n  - {{ when: {{ seats: 5 }}, stages: [{{ from: [] }}, {{ from: [a, a], quorum: 0 }}, {{ from: [x@y.z], quorum: 2 }}, {{ quorum: 1 }}] }}\n{REST}");
    covered: format!("{HEAD}{INPUTS}rules:\n  - {{ when: {{ value: '< 100' }}, {ASK} }}\n  - {{ when: {{ value: '>= 100', region: [EU, UK] }}, {ASK} }}\n  - {{ when: {{ region: EU }}, {ASK} }}\n{REST}");
    gap: format!("{HEAD}{INPUTS}rules:\n  - {{ when: {{ value: '< 100' }}, {ASK} }}\n  - {{ when: {{ value: '> 100' }}, {ASK} }}\n");
    gap_in_a_corner: format!("{HEAD}{INPUTS}rules:\n  - {{ when: {{ value: '< 100' }}, {ASK} }}\n  - {{ when: {{ region: [EU, US] }}, {ASK} }}\n  - {{ when: {{ seats: '!= 7' }}, {ASK} }}\n");
    names_twice: format!("{HEAD}{INPUTS}rules:\n  - {{ name: a, when: {{ seats: 1 }}, {ASK} }}\n  - {{ name: a, when: {{ seats: 2 }}, {ASK} }}\n  - {{ name: otherwise, when: {{ seats: 3 }}, {ASK} }}\n{REST}");
    tests: format!("{HEAD}{INPUTS}rules:\n  - {{ name: one, when: {{ seats: 1 }}, {ASK} }}\n  - {{ when: {{ seats: 2 }}, {ASK} }}\n{REST}tests:\n  - {{ given: {{ value: 1, region: EU, seats: 1 }}, expect: {{ rule: 2 }} }}\n  - {{ given: {{ value: 1, region: EU, seats: 2 }}, expect: {{ rule: 2, from: [sales] }} }}\n  - {{ given: {{ value: 1, region: EU, seats: 2 }}, expect: {{ stages: [{{ from: [legal], quorum: 2 }}], refuse: true }} }}\n  - {{ given: {{ value: 1, region: EU, seats: 3 }}, expect: {{ from: [legal] }} }}\n  - {{ given: {{ value: -1, region: EU, seat: 3 }}, expect: {{ rule: otherwise }} }}\n");
    expectations: format!("{HEAD}{INPUTS}rules:\n  - {{ name: one, when: {{}}, {ASK} }}\ntests:\n  - {{ given: {{}}, expect: {{}} }}\n  - {{ given: {{}}, expect: {{ rule: 0, refuse: maybe }} }}\n  - {{ given: {{}}, expect: {{ rule: otherwise, form: [legal] }} }}\n  - {{ given: {{}}, expect: {{ rule: won }} }}\n  - {{ expect: {{ rule: 1 }} }}\n");
    too_many: format!("{HEAD}inputs:\n{}rules:\n{}{REST}", (0..20).map(|n| format!("  i{n}: {{ type: number }}\n")).collect::<String>(), (0..250).map(|n| format!("  - {{ when: {{ i1: {n} }}, {ASK} }}\n")).collect::<String>());
    too_many_findings: format!("{HEAD}inputs: {{ x: {{ type: number }} }}\nrules:\n{}{REST}", (0..150).map(|n| format!("  - {{ when: {{ y: {n} }}, {ASK} }}\n")).collect::<String>());
}

#[test]
fn every_code_is_shown_by_one_of_them() {
    let found: BTreeSet<&str> = all()
        .iter()
        .flat_map(|text| check(&SourceFile::new("order.policy.yaml", text)).into_iter().map(|finding| finding.code.0))
        .collect();
    let missing: Vec<&str> = CODES.iter().map(|(code, _)| *code).filter(|code| !found.contains(code)).collect();
    assert_eq!(missing, Vec::<&str>::new());
}

#[test]
fn codes_ascend_and_none_is_there_twice() {
    assert!(CODES.is_sorted_by(|a, b| a.0 < b.0));
}

/// What cannot be proved within bounds is not claimed, and `otherwise` is demanded.
#[test]
fn a_table_that_is_too_large_to_prove_is_bounded() {
    let inputs: String = (0..16).map(|n| format!("  i{n}: {{ type: number }}\n")).collect();
    let rules: String = (0..200)
        .map(|n| {
            let when: Vec<String> = (0..16).map(|i| format!("i{i}: '!= {}'", n * 16 + i)).collect();
            format!("  - {{ when: {{ {} }}, {ASK} }}\n", when.join(", "))
        })
        .collect();
    let began = std::time::Instant::now();
    let text = format!("{HEAD}inputs:\n{inputs}rules:\n{rules}");
    let found = check(&SourceFile::new("p.policy.yaml", &text));
    let told: Vec<(&str, &str)> = found.iter().map(|finding| (finding.code.0, finding.message.as_str())).collect();
    assert_eq!(told, [("E0615", "the rules are too many to prove that one of them always matches")]);
    assert!(Policy::load(&SourceFile::new("p.policy.yaml", &format!("{text}{REST}"))).is_ok());
    assert!(began.elapsed() < std::time::Duration::from_secs(20), "it took {:?}", began.elapsed());
}

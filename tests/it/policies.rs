//! `engross who-approves`: which rule, why, which stages, which persons, and the exit codes.

use crate::lab::{Lab, repository, text};
use serde_json::{Value, json};
use std::path::Path;

/// Puts policies beside a folder of workflows: the example, and one that cannot be asked.
pub(crate) fn beside(place: &Path) {
    let folder = place.join("policies");
    std::fs::create_dir(&folder).unwrap();
    let example = "order_approval.policy.yaml";
    std::fs::copy(repository().join("policies").join(example), folder.join(example)).unwrap();
    let in_doubt = "schema: engross/policy/v1\nname: in_doubt\ninputs: { value: { type: number } }\n\
                    rules: [{ when: { value: '< 10' }, stages: [{ from: [legal] }] }]\n";
    std::fs::write(folder.join("in_doubt.policy.yaml"), in_doubt).unwrap();
    let lonely = "schema: engross/policy/v1\nname: lonely\ninputs: { value: { type: number } }\n\
                  rules: [{ when: { value: '< 10' }, stages: [{ from: [board] }, { from: [gc], quorum: 2 }] }]\n\
                  otherwise: { refuse: Too much. }\n";
    std::fs::write(folder.join("lonely.policy.yaml"), lonely).unwrap();
}

/// The exit code and what is printed to stdout and to stderr.
fn who_approves(lab: &Lab, given: &str, more: &[&str]) -> (Option<i32>, String, String) {
    let policy = repository().join("policies/order_approval.policy.yaml");
    let policy = policy.to_str().unwrap();
    let args: Vec<&str> = ["who-approves", policy, "--given", given].into_iter().chain(more.iter().copied()).collect();
    let output = lab.output(&args);
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[tokio::test]
async fn persons_are_named_and_a_group_that_nobody_is_in_is_told() {
    let lab = Lab::new().await;
    let (code, out, err) = who_approves(&lab, r#"{"value": 20000, "region": "US", "standard_terms": true}"#, &[]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert_eq!(
        out,
        "rule 3 (`overseas`) of `order_approval` decides: Other orders need legal.\n  \
         1. 1 of legal: lena@legal.example, omar@legal.example\n"
    );
    let (code, out, _) =
        who_approves(&lab, r#"{"value": 60000, "region": "US", "standard_terms": true}"#, &["--format", "json"]);
    let answer: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(code, Some(1), "{out}");
    assert_eq!(answer["rule"], json!({ "rule": { "number": 4, "name": "large" } }));
    assert_eq!(answer["stages"][0]["people"], json!(["lena@legal.example", "omar@legal.example"]));
    assert_eq!(answer["stages"][1]["problem"], "`finance` is neither a group in `people:` nor an e-mail address");
}

#[tokio::test]
async fn a_refusal_and_values_that_do_not_fit_are_no_yes() {
    let lab = Lab::new().await;
    let (code, out, _) = who_approves(&lab, r#"{"value": 250000, "region": "US", "standard_terms": true}"#, &[]);
    assert_eq!(code, Some(1));
    assert_eq!(
        out,
        "`otherwise` of `order_approval` refuses this: Orders from 250000 on are signed by the board, not here.\n"
    );
    let (code, out, err) = who_approves(&lab, r#"{"value": "1", "region": "DE"}"#, &[]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert_eq!(
        err,
        "error: --given: `region` must be one of `EU`, `UK`, `US`, and is `DE`\n\
         error: --given: `standard_terms` is missing\n\
         error: --given: `value` must be a number, and is a text\n"
    );
    let (code, _, err) = who_approves(&lab, "value=1", &[]);
    assert_eq!(code, Some(2), "{err}");
}

#[tokio::test]
async fn a_policy_with_mistakes_decides_nothing() {
    let lab = Lab::new().await;
    lab.write("bad.policy.yaml", "schema: engross/policy/v1\nname: p\ninputs: { x: { type: boolean } }\nrules: [{ when: { x: true }, stages: [{ from: [legal] }] }]\n");
    let output = lab.output(&["who-approves", "bad.policy.yaml", "--given", r#"{"x": true}"#]);
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(1), ""));
    let found = text(&output.stderr);
    assert!(found.contains("error[E0615] no rule matches when `x` is false"), "{found}");
}

//! What the commands print for people and programs.

use crate::lab::{Lab, repository, text};
use insta::assert_snapshot;

/// The example as it is in the repository, under the path that a user of a clone types.
fn example(lab: &Lab) {
    let text = std::fs::read_to_string(repository().join("workflows/mutual_nda.yaml")).unwrap();
    lab.write("workflows/mutual_nda.yaml", &text);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_manual() {
    let lab = Lab::new().await;
    let mut manual = text(&lab.output(&["--help"]).stdout);
    for verb in
        ["demo", "validate", "plan", "graph", "run", "serve", "runs", "approvals", "events", "schema", "sandbox"]
    {
        manual.push_str(&format!("\n# engross {verb}\n\n"));
        manual.push_str(&text(&lab.output(&[verb, "--help"]).stdout));
    }
    assert_snapshot!(manual);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_is_valid_and_drawn() {
    let lab = Lab::new().await;
    example(&lab);
    let validated = lab.output(&["validate"]);
    assert!(validated.status.success(), "{}{}", text(&validated.stdout), text(&validated.stderr));
    assert_eq!(text(&validated.stderr), "1 file: 0 errors, 0 warnings\n");
    assert_snapshot!("graph_mermaid", text(&lab.output(&["graph", "workflows/mutual_nda.yaml"]).stdout));
    let dot = lab.output(&["graph", "workflows/mutual_nda.yaml", "--format", "dot"]);
    assert_snapshot!("graph_dot", text(&dot.stdout));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plan_shows_each_request_and_what_is_known_later() {
    let lab = Lab::new().await;
    example(&lab);
    // The plan is the same wherever the sandbox listens.
    let hide = |text: String| text.replace(&lab.sandbox.addr().to_string(), "SANDBOX");
    let inputs = lab.inputs("Acme").to_string();
    let plan = lab.output(&["plan", "workflows/mutual_nda.yaml", "--input", &inputs]);
    assert!(plan.status.success(), "{}", text(&plan.stderr));
    assert_snapshot!("plan_with_inputs", hide(text(&plan.stdout)));
    let plan = lab.output(&["plan", "workflows/mutual_nda.yaml"]);
    assert_snapshot!("plan_without_inputs", hide(text(&plan.stdout)));
    let json = lab.json(&["plan", "workflows/mutual_nda.yaml", "--input", &inputs, "--format", "json"]);
    assert_eq!(json["steps"][0]["request"]["method"], "POST");
    assert!(!text(&plan.stdout).contains("sandbox-key"), "a secret is shown");
    assert_eq!(lab.sandbox.counters().requests, 0, "a plan sends nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn inputs_that_do_not_fit_name_the_field() {
    let lab = Lab::new().await;
    example(&lab);
    let inputs = r#"{"template_id":"t","counterparty":{"name":"","email":"nobody"},"term_months":99,"colour":"red"}"#;
    let output = lab.output(&["run", "workflows/mutual_nda.yaml", "--input", inputs]);
    assert_eq!(output.status.code(), Some(1));
    assert_snapshot!(text(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_secret_is_named_before_anything_starts() {
    let lab = Lab::new().await;
    let mut command = lab.command(&["serve"]);
    let output = command.env_remove("JURO_API_KEY").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(said.contains("connection `juro`: `api_key`: the environment variable JURO_API_KEY is not set"), "{said}");
    assert!(said.contains("connection `juro_v2`"), "only the first is named: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn schemas_tell_what_a_step_takes() {
    let lab = Lab::new().await;
    let approval = lab.json(&["schema", "approval"]);
    assert_eq!(approval["outcomes"][0]["name"], "approved");
    let unknown = lab.output(&["schema", "juro/create_contrct"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).contains("did you mean `juro/create_contract`?"));
}

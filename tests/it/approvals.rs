//! The long form of an approval from the command line: stages, a form, a delegation, and what was changed meanwhile; and
//! policies in `engross validate`.

use crate::lab::{Lab, text};
use serde_json::{Value, json};

const ORDER: &str = r#"schema: engross/v1
name: order
steps:
  ask:
    uses: approval
    with:
      title: May it go out?
      subject: { contract: c1 }
      stages: [{ from: [legal] }, { from: [legal, zoe@sales.example], quorum: 1 }]
      forbid: [requester, same_person]
      form: { cost_center: { type: string, minLength: 2 }, discount: { type: number, default: 0 } }
      remind: { every: 1d, max: 5 }
      escalate: [{ after: 2d, to: [gc@legal.example] }]
      expires_in: 7d
  tell:
    uses: notify
    needs: [ask]
    with: { to: [legal], text: "Charged to {{ steps.ask.outputs.form.cost_center }}" }
  drop:
    uses: notify
    needs: [{ any: [ask.rejected, ask.expired] }]
    with: { to: [legal], text: Dropped }
"#;

fn waiting(lab: &Lab) -> Value {
    lab.json(&["approvals", "list", "--format", "json"])["approvals"][0].clone()
}

/// What a command says, and that it went well or was refused.
fn check(lab: &Lab, args: &[&str], expected: &str) {
    let output = lab.output(&[&["approvals"], args].concat());
    let said = if output.status.success() { text(&output.stdout) } else { text(&output.stderr) };
    assert!(said.contains(expected), "{args:?} said\n{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_approval_goes_from_hand_to_hand() {
    let lab = Lab::new().await;
    let file = lab.write("workflows/order.yaml", ORDER);
    let _serve = lab.serve();
    let args = ["run", file.to_str().unwrap(), "--as", "ada@sales.example", "--detach", "--format", "json"];
    let started = lab.json(&args);
    let run = started["run"].as_str().unwrap();
    lab.until("waits for a decision", |r| r["doing"].as_str().unwrap().contains("decision")).await;
    let first = waiting(&lab);
    assert_eq!((&first["stage"], &first["stages"]), (&json!(1), &json!(2)));
    let shown = first["subject_sha256"].as_str().unwrap().to_string();

    let (lena, omar) = ("lena@legal.example", "omar@legal.example");
    check(&lab, &["approve", run, "--as", lena], r#""cost_center" is a required property"#);
    let form = r#"{"cost_center": "A1"}"#;
    check(&lab, &["approve", run, "--as", lena, "--form", form, "--sha256", &shown], "recorded; others have to decide");
    check(&lab, &["approve", run, "--as", lena, "--form", form], "lena@legal.example has decided this already");

    let subject = lab.write("subject.json", r#"{ "contract": "c2" }"#);
    let eve = ["reset", run, "--subject", subject.to_str().unwrap(), "--as", "eve@sales.example"];
    check(&lab, &eve, "eve@sales.example may not say that this was changed");
    check(&lab, &["reset", run, "--subject", subject.to_str().unwrap(), "--as", lena], "people are asked anew");
    let anew = waiting(&lab);
    assert_eq!((&anew["stage"], &anew["decisions"], &anew["round"]), (&json!(1), &json!([]), &json!(2)));
    check(&lab, &["approve", run, "--as", omar, "--form", form, "--sha256", &shown], "this is not what was decided on");
    // What was said of the first round is about something else, whoever sends it and however late.
    check(&lab, &["approve", run, "--as", omar, "--form", form], "decide with --round 2");
    check(&lab, &["approve", run, "--as", omar, "--form", form, "--round", "1"], "round 2 is asked now");
    let late = json!({ "decision": "approve", "by": omar, "form": { "cost_center": "A1" } });
    let first = json!({ "decision": "approve", "by": omar, "form": { "cost_center": "A1" }, "round": 1 });
    for late in [late, first] {
        let (status, answer) = lab.post(&format!("/runs/{run}/steps/ask/decision"), &late).await;
        assert_eq!((status, &answer["error"]["code"]), (409, &json!("decision_stale")), "{answer}");
        assert!(answer["error"]["hint"].as_str().unwrap().contains("look again"), "{answer}");
    }
    assert_eq!(waiting(&lab)["decisions"], json!([]));
    check(&lab, &["approve", run, "--as", omar, "--form", form, "--round", "2"], "recorded; others have to decide");
    check(&lab, &["delegate", run, "--as", "zoe@sales.example", "--to", "ada@sales.example"], "cannot give it");
    let kim = "kim@sales.example";
    check(&lab, &["delegate", run, "--as", "zoe@sales.example", "--to", kim], "kim@sales.example decides instead of");
    check(
        &lab,
        &["approve", run, "--as", "zoe@sales.example", "--form", form, "--round", "2"],
        "has handed this decision on",
    );
    check(&lab, &["approve", run, "--as", kim, "--form", r#"{"cost_center": "B7"}"#, "--round", "2"], "approved");
    let runs = lab.until_over(1).await;
    assert_eq!(runs[0]["status"], "succeeded");
    let view = lab.get(&format!("/runs/{run}")).await.unwrap();
    let ask = view["steps"].as_array().unwrap().iter().find(|step| step["id"] == "ask").unwrap();
    assert_eq!(ask["outputs"]["form"], json!({ "cost_center": "B7", "discount": 0 }));
    assert_eq!(ask["outputs"]["decided_by"], json!([omar, kim]));
}

#[tokio::test]
async fn policies_are_validated_with_their_own_tests() {
    let lab = Lab::new().await;
    let policy = "schema: engross/policy/v1\nname: p\ninputs: { x: { type: boolean } }\nrules:\n  - when: { x: true }\n    stages: [{ from: [legal] }]\n";
    lab.write("policies/p.policy.yaml", policy);
    let output = lab.output(&["validate", "policies"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("p.policy.yaml:"), "{}", text(&output.stdout));
    lab.write("policies/p.policy.yaml", &format!("{policy}otherwise: {{ refuse: Not without x. }}\n"));
    let output = lab.output(&["validate", "policies"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
}

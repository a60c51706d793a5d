//! A contract that a cancelled or failed run has made is taken back at the provider, once, and a person is told where it cannot be.

use crate::lab::{Lab, pause};
use serde_json::{Value, json};

const WORKFLOW: &str = r#"schema: engross/v1
name: taken_back
inputs:
  template_id: { type: string }
  counterparty: { type: object, required: [name], properties: { name: { type: string }, email: { type: string } } }
steps:
  create:
    uses: juro/create_contract
    with: { template_id: "{{ inputs.template_id }}", name: "NDA {{ inputs.counterparty.name }} {{ run.id }}" }
    compensate:
      uses: juro/delete_contract
      with: { contract_id: "{{ steps.create.outputs.contract_id }}" }
  approve:
    uses: approval
    needs: [create]
    with: { title: "Send it?", stages: [{ from: [legal] }], expires_in: 7d }
    on_error: continue
  broken:
    uses: http
    needs: [approve.approved]
    with: { method: GET, url: "http://127.0.0.1:9/" }
    retry: { attempts: 1 }
    on_error: fail
"#;

async fn begun(lab: &Lab) -> String {
    let file = lab.write("workflows/taken_back.yaml", WORKFLOW);
    let inputs = lab.inputs("Acme").to_string();
    let started = lab.command(&["run", file.to_str().unwrap(), "--input", &inputs, "--detach"]).output().unwrap();
    assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
    loop {
        let waiting = lab.get("/approvals").await.unwrap();
        if let Some(run) = waiting["approvals"].as_array().and_then(|all| all.first()) {
            return run["run"].as_str().unwrap().to_string();
        }
        pause().await;
    }
}

async fn shown(lab: &Lab, run: &str) -> Value {
    lab.get(&format!("/runs/{run}")).await.unwrap()
}

fn state_of<'a>(view: &'a Value, step: &str) -> &'a Value {
    view["steps"].as_array().unwrap().iter().find(|s| s["id"] == step).unwrap_or(&Value::Null)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_run_takes_its_contract_back() {
    let lab = Lab::new().await;
    let _serve = lab.serve();
    let run = begun(&lab).await;
    let cancel = lab.command(&["runs", "cancel", &run, "--as", "lena@legal.example"]).output().unwrap();
    assert!(cancel.status.success(), "{}", String::from_utf8_lossy(&cancel.stderr));
    lab.until_over(1).await;
    let view = shown(&lab, &run).await;
    assert_eq!(
        (&view["status"], &state_of(&view, "create.compensate")["outcome"]),
        (&json!("cancelled"), &json!("succeeded"))
    );
    assert_eq!(lab.sandbox.counters().contracts_created, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_run_takes_its_contract_back_and_says_why_it_failed() {
    let lab = Lab::new().await;
    let _serve = lab.serve();
    let run = begun(&lab).await;
    let yes = ["approvals", "approve", &run, "approve", "--as", "lena@legal.example"];
    assert!(lab.command(&yes).output().unwrap().status.success());
    lab.until_over(1).await;
    let view = shown(&lab, &run).await;
    assert_eq!((&view["status"], &view["problem"]["step"]), (&json!("failed"), &json!("broken")));
    assert_eq!(state_of(&view, "create.compensate")["outcome"], "succeeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contract_that_cannot_be_taken_back_waits_for_a_person() {
    let lab = Lab::new().await;
    let _serve = lab.serve();
    let run = begun(&lab).await;
    lab.fault(json!([{ "on": "any", "times": 1, "do": { "status": { "code": 403 } } }])).await;
    assert!(lab.command(&["runs", "cancel", &run, "--as", "lena@legal.example"]).output().unwrap().status.success());
    loop {
        let view = shown(&lab, &run).await;
        if state_of(&view, "create.compensate")["state"] == "incident" {
            assert_eq!(view["status"], "compensating");
            break;
        }
        pause().await;
    }
    let retry = ["runs", "retry", &run, "create.compensate", "--as", "lena@legal.example"];
    let retried = lab.command(&retry).output().unwrap();
    assert!(retried.status.success(), "{}", String::from_utf8_lossy(&retried.stderr));
    lab.until_over(1).await;
    let view = shown(&lab, &run).await;
    assert_eq!(
        (&view["status"], &state_of(&view, "create.compensate")["outcome"]),
        (&json!("cancelled"), &json!("succeeded"))
    );
}

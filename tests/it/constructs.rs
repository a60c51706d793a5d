//! Lists, workflows that start others, and groups of runs, from a file to the end of a run.

use crate::lab::{Lab, text};
use serde_json::json;

const GREET: &str = r#"schema: engross/v1
name: greet
inputs:
  name: { type: string, minLength: 1 }
run: { concurrency: { group: "{{ inputs.name }}" } }
steps:
  make: { uses: set, with: { text: "Hello {{ inputs.name }}" } }
outputs:
  text: "{{ steps.make.outputs.text }}"
"#;

const GREET_ALL: &str = r#"schema: engross/v1
name: greet_all
inputs:
  names: { type: array, items: { type: string, minLength: 1 } }
steps:
  greet:
    uses: workflow
    foreach: { items: "{{ inputs.names }}", key: "{{ item }}", max_parallel: 2 }
    with: { name: greet, inputs: { name: "{{ item }}" } }
  shout:
    uses: set
    foreach: { items: "{{ steps.greet.outputs.results }}", key: "{{ item.key }}" }
    with: { text: "{{ index }} {{ item.outputs.text | upper }}" }
outputs:
  total: "{{ steps.shout.outputs.total }}"
  first: "{{ steps.shout.outputs.results[0].outputs.text }}"
  all: "{{ steps.shout.outputs.results }}"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_runs_is_started_from_one_and_its_answers_lead_to_the_next_list() {
    let lab = Lab::new().await;
    // Not in the engine's own folder: the command line brings the file along.
    lab.write("elsewhere/greeting.yaml", GREET);
    let file = lab.write("elsewhere/all.yaml", GREET_ALL);
    let inputs = json!({ "names": ["Ada", "Ben", "Cleo"] }).to_string();
    let output = lab.output(&["run", file.to_str().unwrap(), "--input", &inputs, "--format", "json"]);
    let shown = format!("{}\n{}", text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{shown}");
    let view: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(view["outputs"]["total"], 3, "{shown}");
    assert_eq!(view["outputs"]["first"], "0 HELLO ADA", "{shown}");
    assert_eq!(
        view["outputs"]["all"][2],
        json!({ "key": "Cleo", "outcome": "succeeded", "outputs": { "text": "2 HELLO CLEO" } })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_takes_what_is_started_from_its_folder_or_from_the_request() {
    let lab = Lab::new().await;
    lab.write("workflows/greet.yaml", GREET);
    lab.write("workflows/greet_all.yaml", GREET_ALL);
    let _serve = lab.serve();
    let inputs = json!({ "names": ["Ada"] });
    let (status, said) =
        lab.post("/runs", &json!({ "workflow": "greet_all", "inputs": inputs, "requester": "a@b.example" })).await;
    assert_eq!(status, 201, "{said}");
    let other = GREET.replace("Hello", "Good day").replace("name: greet\n", "name: salute\n");
    let source = json!({ "path": "x.yaml", "text": GREET_ALL.replace("name: greet,", "name: salute,").replace("name: greet_all", "name: salute_all") });
    let mut request = json!({ "source": source, "inputs": inputs, "requester": "a@b.example" });
    let (status, said) = lab.post("/runs", &request).await;
    assert_eq!(status, 422, "{said}");
    assert!(said.to_string().contains("there is no workflow `salute`"), "{said}");
    request["beside"] = json!([{ "path": "y.yaml", "text": other }]);
    let (status, said) = lab.post("/runs", &request).await;
    assert_eq!(status, 201, "{said}");
    let runs = lab.until_over(4).await;
    let first = |workflow: &str| {
        let run = runs.iter().find(|run| run["workflow"] == workflow).unwrap();
        assert_eq!(run["status"], "succeeded", "{runs:#?}");
        run["run"].as_str().or(run["id"].as_str()).unwrap().to_string()
    };
    for (workflow, expected) in [("greet_all", "0 HELLO ADA"), ("salute_all", "0 GOOD DAY ADA")] {
        let view = lab.get(&format!("/runs/{}", first(workflow))).await.unwrap();
        assert_eq!(view["outputs"]["first"], expected, "{view}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn plans_and_graphs_show_lists_and_what_is_started() {
    let lab = Lab::new().await;
    lab.write("workflows/greet.yaml", GREET);
    let file = lab.write("workflows/greet_all.yaml", GREET_ALL);
    let file = file.to_str().unwrap();
    let validated = lab.output(&["validate", "workflows"]);
    assert!(validated.status.success(), "{}", text(&validated.stdout));
    let shown = |args: &[&str]| text(&lab.output(args).stdout);
    insta::assert_snapshot!("plan_of_lists", shown(&["plan", file, "--input", r#"{"names": ["Ada", "Ben"]}"#]));
    insta::assert_snapshot!("graph_of_lists", shown(&["graph", file]));
    insta::assert_snapshot!("dot_of_lists", shown(&["graph", file, "--format", "dot"]));
}

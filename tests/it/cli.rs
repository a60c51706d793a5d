//! What the commands print for people and programs.

use crate::lab::{Lab, repository, text};
use insta::assert_snapshot;
use serde_json::{Value, json};

/// The example as it is in the repository, under the path that a user of a clone types.
fn example(lab: &Lab) {
    let text = std::fs::read_to_string(repository().join("workflows/mutual_nda.yaml")).unwrap();
    lab.write("workflows/mutual_nda.yaml", &text);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_manual() {
    let lab = Lab::new().await;
    let mut manual = text(&lab.output(&["--help"]).stdout);
    for verb in [
        "demo",
        "validate",
        "test",
        "plan",
        "graph",
        "run",
        "serve",
        "runs",
        "approvals",
        "incidents",
        "in-doubt",
        "store",
        "fsck",
        "events",
        "hooks",
        "providers",
        "schema",
        "sandbox",
    ] {
        manual.push_str(&format!("\n# engross {verb}\n\n"));
        manual.push_str(&text(&lab.output(&[verb, "--help"]).stdout));
    }
    for verb in
        [["runs", "retry"], ["runs", "skip"], ["runs", "rerun"], ["in-doubt", "happened"], ["in-doubt", "not-done"]]
    {
        manual.push_str(&format!("\n# engross {}\n\n", verb.join(" ")));
        manual.push_str(&text(&lab.output(&[verb[0], verb[1], "--help"]).stdout));
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

const TELLING: &str = r#"
schema: engross/v1
name: telling
inputs:
  who: { type: string }
steps:
  tell:
    uses: notify
    with: { to: [legal], text: "Look at {{ inputs.who }}" }
  ask:
    uses: approval
    needs: [tell]
    with: { title: "May {{ inputs.who }} in?", stages: [{ from: [legal] }] }
outputs:
  who: "{{ inputs.who }}"
"#;

/// What a counterparty may call itself: it clears the screen, turns the rest of the line around, and adds a line of its own.
const HOSTILE: &str = "Acme\u{1b}[2J\u{9b}1m\u{202e}\nrun r2 succeeded";

#[tokio::test(flavor = "multi_thread")]
async fn what_notify_tells_is_shown_whatever_is_logged() {
    let lab = Lab::new().await;
    let file = lab.write(
        "workflows/telling.yaml",
        &TELLING
            .replace("uses: approval", "uses: set")
            .replace(r#"{ title: "May {{ inputs.who }} in?", stages: [{ from: [legal] }] }"#, "{ asked: nobody }"),
    );
    for log in [None, Some("error"), Some("off"), Some("engross_runtime=debug")] {
        let mut arguments = vec!["run", file.to_str().unwrap(), "--input", r#"{"who":"Acme"}"#];
        arguments.extend(log.into_iter().flat_map(|filter| ["--log", filter]));
        let output = lab.output(&arguments);
        let said = text(&output.stderr);
        assert!(output.status.success(), "{log:?}: {said}");
        let told = said.lines().filter(|line| line.contains("engross::notification")).collect::<Vec<_>>();
        assert_eq!(told.len(), 1, "{log:?}: {said}");
        for fact in ["Look at Acme", "lena@legal.example, omar@legal.example"] {
            assert!(told[0].contains(fact), "{log:?}: `{fact}` is not told: {told:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_in_a_run_steers_the_terminal() {
    let lab = Lab::new().await;
    let file = lab.write("workflows/telling.yaml", TELLING);
    let _serve = lab.serve();
    let inputs = json!({ "who": HOSTILE }).to_string();
    let started = lab.json(&["run", file.to_str().unwrap(), "--input", &inputs, "--detach", "--format", "json"]);
    let run = started["run"].as_str().unwrap();
    lab.until("waits for a decision", |r| r["doing"].as_str().unwrap().contains("decision")).await;
    let check = |arguments: &[&str], expected: &str| {
        let output = lab.output(arguments);
        let said = text(&output.stdout) + &text(&output.stderr);
        let steers = |c: char| matches!(c, '\u{1b}' | '\u{9b}' | '\u{202e}');
        assert!(!said.contains(steers), "engross {arguments:?}: {said:?}");
        assert!(said.contains(expected), "engross {arguments:?}: {said}");
        assert!(!said.lines().any(|line| line.starts_with("run r2")), "engross {arguments:?} was made to lie: {said}");
    };
    let spelled = r"Acme\u{1b}[2J\u{9b}1m\u{202e}\nrun r2 succeeded";
    check(&["runs", "list"], "telling");
    check(&["approvals", "list"], &format!("May {spelled} in?"));
    check(&["runs", "show", run], &format!("waits for a decision: May {spelled} in?"));
    check(&["approvals", "approve", run, "--as", HOSTILE], "printable characters");
    check(&["approvals", "approve", run, "--as", "lena@legal.example", "--comment", HOSTILE], "approved");
    lab.until_over(1).await;
    check(&["runs", "watch", run], &format!("lena@legal.example says approve: {spelled}"));
    check(&["runs", "watch", run], &format!("who: {spelled}"));
    check(&["runs", "show", run], &format!("who: {spelled}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn hooks_are_shown_whole_where_the_provider_reaches_them() {
    let lab = Lab::new().await;
    let base = format!("http://{}/hooks", lab.listen);
    let shown = text(&lab.output(&["hooks"]).stdout);
    assert!(shown.contains(&format!("juro        juro      {base}/juro/hook-token-of-the-tests\n")), "{shown}");

    let config = std::fs::read_to_string(lab.path("engross.yaml")).unwrap();
    let public = config.replace("server: { ", "server: { public_url: \"https://engross.example/in/\", ");
    let own = public.replacen("token: { env: HOOK_TOKEN }, ", "", 1);
    assert!(own.len() < public.len() && public.len() > config.len(), "the lab's configuration has another form now");
    lab.write("engross.yaml", &own);
    let output = lab.output(&["hooks", "--format", "json"]);
    assert_eq!(output.status.code(), Some(1), "a token is missing");
    assert!(text(&output.stderr).contains("no token yet for juro: "), "{}", text(&output.stderr));
    let hooks: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(hooks["hooks"][0], json!({ "connection": "juro", "provider": "juro", "url": null }));
    assert_eq!(hooks["hooks"][1]["url"], "https://engross.example/in/hooks/juro_v2/hook-token-of-the-tests");

    let mut serve = lab.serve();
    let made_up = lab.json(&["hooks", "--format", "json"])["hooks"][0]["url"].as_str().unwrap().to_string();
    serve.kill();
    let token = made_up.strip_prefix("https://engross.example/in/hooks/juro/").unwrap();
    assert!(token.len() >= 32, "{made_up}");
    assert!(std::fs::read_to_string(lab.path("data/webhook-tokens.json")).unwrap().contains(token));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_in_a_connection_is_said_before_anything_starts() {
    let lab = Lab::new().await;
    example(&lab);
    lab.write(
        "engross.yaml",
        "connections:\n  juro: { provider: juro, api_key: { env: KEY }, base_urll: x }\n  other: { provider: jurro }\n",
    );
    let output = lab.output(&["validate"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    assert!(
        said.contains("engross.yaml:2:3: error[E0406] connection `juro`: `juro` has no setting `base_urll`"),
        "{said}"
    );
    assert!(said.contains("engross.yaml:3:3: error[E0405] connection `other`: there is no provider `jurro`"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_teams_own_provider_is_a_file_beside_its_workflows() {
    let lab = Lab::new().await;
    let manifest = repository().join("steps/providers/tests/it/fifth/docuseal.yaml");
    lab.write("team/providers/docuseal.yaml", &std::fs::read_to_string(manifest).unwrap());
    lab.write("team/engross.yaml", "connections:\n  docuseal: { provider: docuseal, api_key: { env: KEY } }\n");
    let workflow = "schema: engross/v1\nname: fifth\nsteps:\n  send:\n    uses: docuseal/create_submission\n    with: { template_id: 1, submitters: [{ email: a@b.example }] }\n";
    lab.write("team/workflows/fifth.yaml", workflow);
    let run = |args: &[&str]| lab.output(&[&["--config", "team/engross.yaml"], args].concat());
    let checked = run(&["providers", "check", "team/providers/docuseal.yaml"]);
    assert!(checked.status.success(), "{}", text(&checked.stdout));
    assert!(text(&run(&["providers", "list"]).stdout).contains("docuseal "));
    assert!(text(&run(&["providers", "show", "docuseal/create_submission"]).stdout).contains("submitters"));
    let validated = run(&["validate", "team/workflows/fifth.yaml"]);
    assert!(validated.status.success(), "{}", text(&validated.stdout));
    let planned = text(&run(&["plan", "team/workflows/fifth.yaml"]).stdout);
    assert!(planned.contains("POST https://api.docuseal.com/submissions"), "{planned}");

    lab.write("team/providers/broken.yaml", "manifest: 1\nprovider: broken\nauthh: {}\n");
    let broken = run(&["providers", "check", "team/providers/broken.yaml"]);
    assert_eq!(broken.status.code(), Some(1));
    assert!(text(&broken.stdout).contains("team/providers/broken.yaml:3:1: error[E05"), "{}", text(&broken.stdout));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_needs_no_account_with_the_sandbox() {
    let lab = Lab::new().await;
    example(&lab);
    lab.write("engross.yaml", "people: { legal: [lena@legal.example] }\n");
    let inputs = lab.inputs("Acme").to_string();
    let listen = lab.listen.to_string();
    let args =
        ["run", "workflows/mutual_nda.yaml", "--input", &inputs, "--sandbox", "--auto-sign", "50", "--listen", &listen];
    let mut run = lab.spawn(&args);
    let began = std::time::Instant::now();
    while run.0.try_wait().unwrap().is_none() {
        lab.approve_what_waits().await;
        assert!(began.elapsed() < crate::lab::PATIENCE, "the run does not end");
        crate::lab::pause().await;
    }
    assert!(run.0.wait().unwrap().success());
    assert_eq!(lab.json(&["runs", "list", "--format", "json"])["runs"][0]["status"], "succeeded");
}

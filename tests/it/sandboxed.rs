//! `--sandbox` as people use it: the configuration of the README, an engine with stand-ins in one shell, and runs, hooks and
//! decisions from others. No webhook is set up by hand, and no wait looks by itself within a test.

use crate::examples::Office;
use crate::lab::{Lab, PATIENCE, Running, pause, repository, text};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read};
use std::process::{Output, Stdio};
use std::time::Instant;

/// A folder with an engine that has stand-ins, and somebody who serves drafts and takes mail.
struct Shop {
    lab: Lab,
    office: Office,
    serve: Running,
    /// Where the stand-ins are.
    sandbox: String,
    /// What the engine said until it served.
    said: String,
}

/// The configuration of the README on the lab's port, with a way to the office.
fn as_in_the_readme(lab: &Lab) -> String {
    let example = std::fs::read_to_string(repository().join("engross.example.yaml")).unwrap();
    let here = format!("\"{}\"", lab.listen);
    assert!(example.contains("\"127.0.0.1:7878\""), "the example listens elsewhere now");
    example.replace("\"127.0.0.1:7878\"", &here) + "http: { allow: [\"127.0.0.1\"] }\n"
}

/// The same without connections.
fn without_connections(lab: &Lab) -> String {
    format!(
        "people: {{ legal: [lena@legal.example] }}\nserver: {{ listen: \"{}\" }}\nhttp: {{ allow: [\"127.0.0.1\"] }}\n",
        lab.listen
    )
}

/// An `engross` of a shell in which no key of any provider is set.
fn engross(lab: &Lab, args: &[&str]) -> Output {
    lab.command(args).env_remove("JURO_API_KEY").env_remove("JURO_WEBHOOK_SECRET").output().unwrap()
}

impl Shop {
    async fn open(config: impl Fn(&Lab) -> String, args: &[&str]) -> Self {
        let lab = Lab::new().await;
        lab.write("engross.yaml", &config(&lab));
        Self::start(lab, args)
    }

    fn start(lab: Lab, args: &[&str]) -> Self {
        let mut command = lab.command(&[&["serve", "--sandbox"], args].concat());
        let mut child = command.env_remove("JURO_API_KEY").stdout(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        while !said.contains("engine on ") {
            assert!(lines.read_line(&mut said).unwrap() > 0, "engross serve ended before it served:\n{said}");
        }
        std::thread::spawn(move || lines.read_to_end(&mut Vec::new()));
        let sandbox = said.split_once("sandbox on ").unwrap().1.split(';').next().unwrap().to_string();
        Self { lab, office: Office::open(), serve: Running(child), sandbox, said }
    }

    /// Starts a workflow of the repository from another process, and gives the run.
    fn start_example(&self, name: &str, inputs: &Value) -> String {
        let path = format!("workflows/{name}.yaml");
        self.lab.write(&path, &std::fs::read_to_string(repository().join(&path)).unwrap());
        let args = ["run", &path, "--input", &inputs.to_string(), "--detach", "--format", "json"];
        let output = engross(&self.lab, &args);
        assert!(output.status.success(), "{name}: {}", text(&output.stderr));
        let started: Value = serde_json::from_slice(&output.stdout).unwrap();
        started["run"].as_str().unwrap().to_string()
    }

    async fn view(&self, run: &str) -> Value {
        self.lab.get(&format!("/runs/{run}")).await.unwrap()
    }

    async fn until<T>(&self, run: &str, what: &str, find: impl Fn(&Value) -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            let view = self.view(run).await;
            if let Some(found) = find(&view) {
                return found;
            }
            assert!(began.elapsed() < PATIENCE, "the run never {what}: {view:#}");
            pause().await;
        }
    }

    async fn output(&self, run: &str, id: &str, name: &str) -> String {
        let found = |view: &Value| Some(step(view, id)["outputs"][name].as_str()?.to_string());
        self.until(run, &format!("had {name} of {id}"), found).await
    }

    async fn waits_in(&self, run: &str, id: &str) {
        self.until(run, &format!("waited in {id}"), |view| (step(view, id)["state"] == "waiting").then_some(())).await;
    }

    /// Waits until a run has succeeded.
    async fn succeeded(&self, run: &str) -> Value {
        let over = |view: &Value| (view["status"] != "running").then(|| view.clone());
        let view = self.until(run, "ended", over).await;
        assert_eq!(view["status"], "succeeded", "{view:#}");
        view
    }

    /// What a person does at a provider.
    async fn control(&self, path: &str, body: &Value) -> Value {
        let url = format!("{}/_sandbox/{path}", self.sandbox);
        let response = self.lab.http.post(&url).json(body).send().await.unwrap();
        assert!(response.status().is_success(), "{path}: {}", response.text().await.unwrap());
        response.json().await.unwrap()
    }

    async fn counters(&self) -> Value {
        let url = format!("{}/_sandbox/counters", self.sandbox);
        self.lab.http.get(url).send().await.unwrap().json().await.unwrap()
    }
}

fn step<'a>(view: &'a Value, id: &str) -> &'a Value {
    view["steps"].as_array().unwrap().iter().find(|s| s["id"] == id).unwrap_or(&Value::Null)
}

fn nda() -> Value {
    json!({ "template_id": "mutual-nda", "counterparty": { "name": "Acme", "email": "anna@acme.example" } })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_nda_ends_with_the_configuration_of_the_readme() {
    let shop = Shop::open(as_in_the_readme, &["--auto-sign", "60"]).await;
    let run = shop.start_example("mutual_nda", &nda());
    shop.waits_in(&run, "approve").await;
    let approved = engross(&shop.lab, &["approvals", "approve", &run, "--as", "lena@legal.example"]);
    assert!(approved.status.success(), "{}", text(&approved.stderr));
    shop.succeeded(&run).await;
    let counters = shop.counters().await;
    assert_eq!((&counters["contracts_created"], &counters["pdf_downloads"]), (&json!(1), &json!(1)), "{counters:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_nda_that_is_approved_in_juro_ends_without_a_connection_to_it() {
    let shop = Shop::open(as_in_the_readme, &["--auto-sign", "60"]).await;
    let mut inputs = nda();
    inputs["approver"] = json!("lena@legal.example");
    let run = shop.start_example("nda_provider_approval", &inputs);
    let contract = shop.output(&run, "create", "contract_id").await;
    shop.waits_in(&run, "approved").await;
    shop.control(&format!("contracts/{contract}/approve"), &json!({})).await;
    shop.succeeded(&run).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_click_through_ends_without_a_connection_to_paperlex() {
    let shop = Shop::open(as_in_the_readme, &["--auto-sign", "60"]).await;
    let inputs = json!({
        "template_id": "5d21c0de4a7be901",
        "subject": "Terms of Use",
        "effective_date": "2026-03-01",
        "first": { "name": "Engross Ltd", "email": "lena@legal.example" },
        "second": { "name": "Acme", "email": "anna@acme.example" },
        "mailer": shop.office.url("mail"),
    });
    let run = shop.start_example("click_through", &inputs);
    shop.succeeded(&run).await;
    assert_eq!(shop.counters().await["paperlex"]["signatures"], 2);
}

/// The next turn comes from DocJuris' side, by hand, and nothing but a webhook tells the engine of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_negotiation_is_woken_by_what_people_do_at_docjuris() {
    let shop = Shop::open(as_in_the_readme, &[]).await;
    let person = |name: &str, email: &str| json!({ "name": name, "email": email });
    let inputs = json!({
        "draft_url": shop.office.url("msa.docx"),
        "contract_type": "MSA",
        "counterparty": "Acme",
        "page_id": "1234567",
        "signers": {
            "counterparty": person("Anna Archer", "anna@acme.example"),
            "manager": person("Omar Odell", "omar@legal.example"),
            "director": person("Dora Dean", "dora@legal.example"),
        },
    });
    let run = shop.start_example("negotiate_and_sign", &inputs);
    let contract = shop.output(&run, "open", "contract_id").await;
    shop.waits_in(&run, "answered").await;
    shop.control(&format!("docjuris/contracts/{contract}/upload"), &json!({ "text": "We would rather have it so." }))
        .await;
    shop.waits_in(&run, "agreed").await;
    let tags = json!({ "tags": ["ImportedIsExecutionCopy"] });
    shop.control(&format!("docjuris/contracts/{contract}/tag"), &tags).await;
    let signing = shop.output(&run, "send", "contract_id").await;
    shop.waits_in(&run, "signed").await;
    for signer in ["anna@acme.example", "omar@legal.example", "dora@legal.example"] {
        let sign = format!("contract_signatures/contracts/{signing}/sign");
        shop.control(&sign, &json!({ "signer": signer })).await;
    }
    let view = shop.succeeded(&run).await;
    assert_eq!(step(&view, "agreed")["outcome"], "tagged", "{view:#}");
}

const SIMPLE: &str = r#"
schema: engross/v1
name: simple
steps:
  page:
    uses: paperlex/simple_signature
    with:
      return_url: "http://127.0.0.1:9/signed"
      slaw_id: 5d21c0de4a7be901
      email: anna@acme.example
      responses: { party_b: Anna }
  store: { uses: store_file, with: { file: "{{ steps.page.outputs.file }}", path: sign.html } }
"#;

/// The value of a hidden field of a form, or the address that the form goes to.
fn told<'a>(page: &'a str, before: &str) -> &'a str {
    page.split_once(before).unwrap_or_else(|| panic!("no {before} in {page}")).1.split('"').next().unwrap()
}

/// Runs the page of a simple signature with a configuration, sends its form as a browser would, and gives the public token.
async fn simple_signature(connections: &str) -> String {
    let shop = Shop::open(|lab| format!("{connections}{}", without_connections(lab)), &[]).await;
    let file = shop.lab.write("workflows/simple.yaml", SIMPLE);
    let output = engross(&shop.lab, &["run", file.to_str().unwrap()]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let page = std::fs::read_to_string(shop.lab.path("files/published/sign.html")).unwrap();
    let token = told(&page, "name=\"public_token\" value=\"").to_string();
    let form = [
        ("public_token", token.as_str()),
        ("return_url", "http://127.0.0.1:9/signed"),
        ("slaw_id", "5d21c0de4a7be901"),
        ("email", "anna@acme.example"),
        ("responses[party_b]", "Anna"),
    ];
    let sent = shop.lab.http.post(told(&page, "action=\"")).form(&form).send().await.unwrap();
    assert_eq!(sent.status(), 200, "{}", sent.text().await.unwrap());
    token
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simple_signature_has_the_public_token_of_the_connection_or_the_sandboxs() {
    assert_eq!(simple_signature("").await, "sandbox-public-token");
    let own =
        "connections:\n  paperlex: { provider: paperlex, token: { env: PAPERLEX_TOKEN }, public_token: pk-acme }\n";
    assert_eq!(simple_signature(own).await, "pk-acme");
}

#[tokio::test(flavor = "multi_thread")]
async fn hooks_of_an_engine_with_stand_ins_are_known_in_other_shells() {
    let shop = Shop::open(without_connections, &[]).await;
    let shown = engross(&shop.lab, &["hooks", "--format", "json"]);
    assert!(shown.status.success(), "{}", text(&shown.stderr));
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    let names: Vec<&str> =
        shown["hooks"].as_array().unwrap().iter().map(|hook| hook["connection"].as_str().unwrap()).collect();
    assert_eq!(names, ["contract_signatures", "docjuris", "juro", "juro_v2", "paperlex"]);

    for _ in 0..2 {
        let ensured = engross(&shop.lab, &["hooks", "ensure", "--format", "json"]);
        let said = text(&ensured.stderr);
        assert_eq!(ensured.status.code(), Some(0), "{said}");
        assert!(said.contains("has set their webhooks up by itself") && !said.contains("administrator"), "{said}");
        let ensured: Value = serde_json::from_slice(&ensured.stdout).unwrap();
        let hooks: Vec<&Value> = ensured["connections"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|connection| connection["hooks"].as_array().unwrap())
            .collect();
        assert_eq!(hooks.len(), 5, "four kinds of DocJuris and the team of Juro: {hooks:#?}");
        assert!(hooks.iter().all(|hook| hook["standing"] == "present"), "{hooks:#?}");
    }
    assert!(!shop.lab.path("data/webhook-subscriptions.json").exists(), "it is taken for that of real providers");

    let removed = engross(&shop.lab, &["hooks", "remove", "docjuris"]);
    assert_eq!(removed.status.code(), Some(0), "{}", text(&removed.stderr));
    let looked = engross(&shop.lab, &["hooks", "ensure", "--dry-run"]);
    assert_eq!(looked.status.code(), Some(1), "{}", text(&looked.stdout));
    let again = engross(&shop.lab, &["hooks", "ensure", "docjuris"]);
    assert_eq!((again.status.code(), text(&again.stdout).matches("created").count()), (Some(0), 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_a_sandbox_that_is_gone_is_not_believed() {
    let mut shop = Shop::open(without_connections, &[]).await;
    shop.serve.kill();
    assert!(shop.lab.path("data/sandbox.json").exists(), "the engine was killed");
    let shown = engross(&shop.lab, &["hooks", "--format", "json"]);
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(shown, json!({ "hooks": [] }));
    let _serve = shop.lab.serve();
    let shown = engross(&shop.lab, &["hooks"]);
    assert_eq!(text(&shown.stdout).matches("docjuris").count(), 0, "{}", text(&shown.stdout));
}

const FIFTH: &str = r#"
schema: engross/v1
name: fifth
steps:
  first: { uses: juro/create_contract, with: { template_id: mutual-nda, name: NDA } }
  send:
    uses: docuseal/create_submission
    needs: [first]
    with: { template_id: 1, submitters: [{ email: a@b.example }] }
"#;

/// A provider of the team's own, beside Juro.
fn with_a_fifth(lab: &Lab) -> String {
    let manifest = repository().join("steps/providers/tests/it/fifth/docuseal.yaml");
    lab.write("providers/docuseal.yaml", &std::fs::read_to_string(manifest).unwrap());
    let connections = "connections:\n  ours: { provider: docuseal, api_key: { env: DOCUSEAL_KEY } }\n";
    format!("{connections}{}", without_connections(lab))
}

const REFUSED: &str = "error: step `send` goes through the connection `ours`, which is left out: the sandbox has no stand-in \
                       for `docuseal`";

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_without_a_stand_in_is_left_out_and_keeps_nobody_else_from_running() {
    let shop = Shop::open(with_a_fifth, &["--auto-sign", "60"]).await;
    let told = "without the connection `ours`, which is left out: the sandbox has no stand-in for `docuseal`";
    assert_eq!(shop.said.matches(told).count(), 1, "{}", shop.said);
    let file = shop.lab.write("workflows/fifth.yaml", FIFTH);
    let refused = engross(&shop.lab, &["run", file.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains(REFUSED), "{}", text(&refused.stderr));
    assert_eq!(shop.lab.runs().await.len(), 0, "a run that cannot end has begun");
    let run = shop.start_example("mutual_nda", &nda());
    shop.waits_in(&run, "approve").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_with_a_sandbox_of_its_own_refuses_what_has_no_stand_in() {
    let lab = Lab::new().await;
    lab.write("engross.yaml", &with_a_fifth(&lab));
    let file = lab.write("workflows/fifth.yaml", FIFTH);
    let refused = engross(&lab, &["run", file.to_str().unwrap(), "--sandbox"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains(REFUSED), "{}", text(&refused.stderr));
    assert!(!lab.path("data").exists(), "an engine was started for it");
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_are_those_of_the_engine_that_runs() {
    let shop = Shop::open(without_connections, &[]).await;
    let file = shop.lab.write("workflows/wrong.yaml", &SIMPLE.replace("paperlex/simple_signature", "paperlex/simple"));
    let refused = engross(&shop.lab, &["run", file.to_str().unwrap(), "--detach"]);
    assert_eq!(refused.status.code(), Some(1));
    let said = text(&refused.stderr);
    assert!(said.contains("workflows/wrong.yaml:6:11: error[E0"), "{said}");
    // What the own file says of connections is no matter when another engine runs the workflow.
    shop.lab.write("other.yaml", "connections: { juro: { provider: juro, api_key: { env: KEY } } }\n");
    shop.lab.write("workflows/simple.yaml", SIMPLE);
    let url = format!("http://{}", shop.lab.listen);
    let args = ["--config", "other.yaml", "run", "workflows/simple.yaml", "--server", &url, "--detach"];
    let started = engross(&shop.lab, &args);
    assert!(started.status.success(), "{}", text(&started.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_workflows_that_would_start_by_themselves_are_told_of() {
    let lab = Lab::new().await;
    lab.write("engross.yaml", &without_connections(&lab));
    let path = "workflows/mutual_nda.yaml";
    lab.write(path, &std::fs::read_to_string(repository().join(path)).unwrap());
    let broken = "schema: engross/v1\nname: late\ntriggers: { schedule: { cron: \"0 9 * * 1\" } }\nsteps: { a: { uses: nothing } }\n";
    lab.write("workflows/late.yaml", broken);
    // Without a sandbox there is no connection to Juro, so that the NDA cannot be compiled either.
    let mut child = lab.command(&["serve"]).stdout(Stdio::null()).spawn().unwrap();
    let mut said = String::new();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    while !said.contains("engine on ") {
        assert!(lines.read_line(&mut said).unwrap() > 0, "{said}");
    }
    Running(child).kill();
    let told: Vec<&str> = said.lines().filter(|line| line.contains("starts nothing by itself")).collect();
    assert_eq!(told.len(), 1, "{said}");
    assert!(told[0].starts_with("workflows/late.yaml "), "{said}");
}

/// What `hooks ensure` of a real connection ends with, and what it prints.
fn ensure(lab: &Lab, args: &[&str]) -> (Option<i32>, String) {
    let output = lab.output(&[&["hooks", "ensure"], args].concat());
    (output.status.code(), text(&output.stdout) + &text(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_have_to_do_about_webhooks_is_said_and_is_no_failure() {
    let lab = Lab::new().await;
    // Neither can be set up by a program: v2 by its nature, v3 without its team.
    let (code, said) = ensure(&lab, &[]);
    assert_eq!(code, Some(0), "{said}");
    for fact in
        ["juro_v2 (per manual): An administrator", "needs `team_id` of the connection `juro`", "the address of juro: "]
    {
        assert!(said.contains(fact), "`{fact}` is not said: {said}");
    }
    let config = std::fs::read_to_string(lab.path("engross.yaml")).unwrap();
    lab.write("engross.yaml", &config.replacen("provider: juro\n", "provider: juro\n    team_id: sandbox-team\n", 1));
    let (code, said) = ensure(&lab, &[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("cannot be listed"), "{said}");
    let (code, said) = ensure(&lab, &["juro", "--unlisted"]);
    assert_eq!((code, said.contains("created")), (Some(0), true), "{said}");
    let requests = lab.sandbox.counters().requests;
    for again in [&["juro", "--unlisted"][..], &["juro"]] {
        let (code, said) = ensure(&lab, again);
        assert_eq!((code, said.contains(" there")), (Some(0), true), "{said}");
    }
    assert_eq!(lab.sandbox.counters().requests, requests, "another webhook was made");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_nobody_is_in_is_told_before_anything_is_made() {
    let lab = Lab::new().await;
    std::fs::remove_file(lab.path("engross.yaml")).unwrap();
    let path = "workflows/mutual_nda.yaml";
    lab.write(path, &std::fs::read_to_string(repository().join(path)).unwrap());
    let (inputs, listen) = (nda().to_string(), lab.listen.to_string());
    let refused = engross(&lab, &["run", path, "--sandbox", "--listen", &listen, "--input", &inputs]);
    assert_eq!(refused.status.code(), Some(2), "{}", text(&refused.stdout));
    let said = text(&refused.stderr);
    for step in ["approve", "tell_owner"] {
        let problem = format!("step `{step}`: `legal` is neither a group in `people:` nor an e-mail address");
        assert!(said.contains(&problem), "`{problem}` is not said: {said}");
    }
    assert!(said.contains("add the group to `people:` of engross.yaml"), "{said}");
    assert_eq!(lab.json(&["runs", "list", "--format", "json"])["runs"], json!([]));
}

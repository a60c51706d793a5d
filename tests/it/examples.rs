//! The example workflows, each run to its end by the binary against the sandbox: what they store, whom they ask, and how often.

use crate::lab::{Lab, PATIENCE, Running, pause, repository, text};
use engross_sandbox::{AutoSign, DOCJURIS_ACCOUNT_ID, Faults};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What an example needs around it: a lab with connections to every provider, and somebody who serves drafts and takes mail.
pub(crate) struct Stage {
    pub(crate) lab: Lab,
    office: Office,
}

/// A run of an example on a stage.
pub(crate) struct Play<'a> {
    pub(crate) stage: &'a Stage,
    name: String,
    pub(crate) run: String,
    serve: Running,
}

impl Drop for Play<'_> {
    fn drop(&mut self) {
        self.serve.kill();
        if !std::thread::panicking() {
            crate::golden::keep(&self.stage.lab, &self.name, &self.run);
        }
    }
}

impl Stage {
    pub(crate) async fn new(auto_sign: AutoSign) -> Self {
        let lab = Lab::with(auto_sign, Faults::default()).await;
        let base = format!("http://{}", lab.sandbox.addr());
        let key = "{ env: JURO_API_KEY }";
        let mut more = String::new();
        for (name, path, settings) in [
            ("paperlex", "paperlex/v1", format!("token: {key}")),
            ("docjuris", "docjuris/v1", format!("account_id: {DOCJURIS_ACCOUNT_ID}, api_key: {key}")),
            ("contract_signatures", "contract_signatures/webapi", format!("api_key: {key}")),
        ] {
            writeln!(
                more,
                "  {name}: {{ provider: {name}, base_url: \"{base}/{path}\", settle: 300ms, webhook: {{ token: {{ env: HOOK_TOKEN }} }}, {settings} }}"
            )
            .unwrap();
        }
        let config = std::fs::read_to_string(lab.path("engross.yaml")).unwrap();
        let (head, tail) = config.split_once("people:\n").unwrap();
        lab.write("engross.yaml", &format!("{head}{more}people:\n{tail}"));
        lab.sandbox.add_contract_signatures_webhook(&hook(&lab, "contract_signatures")).unwrap();
        Self { lab, office: Office::open() }
    }

    /// Starts an example, whose text may be changed first.
    pub(crate) fn start(&self, name: &str, inputs: &Value, change: impl Fn(String) -> String) -> Play<'_> {
        let path = format!("workflows/{name}.yaml");
        let text_of_it = change(std::fs::read_to_string(repository().join(&path)).unwrap());
        self.lab.write(&path, &text_of_it);
        let validated = self.lab.output(&["validate"]);
        assert_eq!(text(&validated.stderr), "1 file: 0 errors, 0 warnings\n", "{}", text(&validated.stdout));
        let serve = self.lab.serve();
        let started = self.lab.json(&["run", &path, "--input", &inputs.to_string(), "--detach", "--format", "json"]);
        Play { stage: self, name: name.to_string(), run: started["run"].as_str().unwrap().to_string(), serve }
    }

    /// What a person does at a provider, by the sandbox's control endpoints.
    async fn control(&self, path: &str, body: &Value) -> Value {
        let url = format!("http://{}/_sandbox/{path}", self.lab.sandbox.addr());
        let response = self.lab.http.post(&url).json(body).send().await.unwrap();
        assert!(response.status().is_success(), "{path}: {}", response.text().await.unwrap());
        response.json().await.unwrap()
    }
}

impl Play<'_> {
    pub(crate) async fn view(&self) -> Value {
        self.stage.lab.get(&format!("/runs/{}", self.run)).await.unwrap()
    }

    /// Waits until the run says so, and gives what was looked for.
    pub(crate) async fn until<T>(&self, what: &str, find: impl Fn(&Value) -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            let view = self.view().await;
            if let Some(found) = find(&view) {
                return found;
            }
            assert!(began.elapsed() < PATIENCE, "the run never {what}: {view:#}");
            pause().await;
        }
    }

    /// Waits until a step waits for its provider.
    pub(crate) async fn waits_in(&self, id: &str) {
        self.until(&format!("waited in {id}"), |view| (step(view, id)["state"] == "waiting").then_some(())).await;
    }

    pub(crate) async fn over(&self) -> Value {
        self.until("ended", |view| {
            (!["running", "cancelling", "compensating"].contains(&view["status"].as_str()?)).then(|| view.clone())
        })
        .await
    }

    /// What a step left, once it is over.
    async fn output(&self, id: &str, name: &str) -> String {
        self.until(&format!("had {name} of {id}"), |view| Some(step(view, id)["outputs"][name].as_str()?.to_string()))
            .await
    }

    pub(crate) fn stored(&self, view: &Value, output: &str) -> Vec<u8> {
        let path = view["outputs"][output]["path"].as_str().unwrap_or_else(|| panic!("nothing is stored: {view:#}"));
        std::fs::read(self.stage.lab.path("files").join(path)).unwrap()
    }
}

/// A web server for what is neither the engine nor a provider: it answers GET with a draft, and keeps what is posted.
pub(crate) struct Office {
    addr: SocketAddr,
    mail: Arc<Mutex<Vec<Value>>>,
}

const DRAFT: &[u8] = b"PK\x03\x04 a draft";

impl Office {
    pub(crate) fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let office = Self { addr: listener.local_addr().unwrap(), mail: Arc::default() };
        let mail = Arc::clone(&office.mail);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(stream, &mail);
            }
        });
        office
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.addr)
    }

    fn mail_to(&self, address: &str) -> Vec<String> {
        let mail = self.mail.lock().unwrap();
        let to = |m: &&Value| m["to"].as_array().unwrap().iter().any(|to| to == address);
        mail.iter().filter(to).map(|m| m["text"].as_str().unwrap().to_string()).collect()
    }
}

fn answer(mut stream: TcpStream, mail: &Mutex<Vec<Value>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut line, mut length, mut is_post) = (String::new(), 0, false);
    while reader.read_line(&mut line).unwrap_or(0) > 2 {
        is_post |= line.starts_with("POST ");
        if let Some(said) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = said.trim().parse().unwrap();
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let content = if is_post {
        mail.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
        b"{}"
    } else {
        DRAFT
    };
    let kind = if is_post {
        "application/json"
    } else {
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        content.len()
    );
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(content)).ok();
}

fn hook(lab: &Lab, connection: &str) -> String {
    format!("http://{}/hooks/{connection}/hook-token-of-the-tests", lab.listen)
}

pub(crate) fn step<'a>(view: &'a Value, id: &str) -> &'a Value {
    view["steps"].as_array().unwrap().iter().find(|s| s["id"] == id).unwrap_or(&Value::Null)
}

pub(crate) fn outcome<'a>(view: &'a Value, id: &str) -> &'a str {
    step(view, id)["outcome"].as_str().unwrap_or("none")
}

fn nda() -> Value {
    json!({
        "template_id": "mutual-nda",
        "counterparty": { "name": "Acme", "email": "anna@acme.example" },
        "approver": "lena@legal.example",
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_nda_that_is_approved_in_juro_is_sent_signed_and_stored() {
    let stage = Stage::new(AutoSign::AfterSend { delay: Duration::from_millis(60) }).await;
    let play = stage.start("nda_provider_approval", &nda(), |text| text);
    let contract = play.output("create", "contract_id").await;
    play.waits_in("approved").await;
    assert_eq!(stage.lab.sandbox.counters().signing_requests, 0, "it is sent before it is approved");
    stage.control(&format!("contracts/{contract}/approve"), &json!({})).await;
    let view = play.over().await;
    assert_eq!(view["status"], "succeeded", "{view:#}");
    assert!(play.stored(&view, "pdf").starts_with(b"%PDF-"));
    let counters = stage.lab.sandbox.counters();
    let counts =
        (counters.contracts_created, counters.approvals_requested, counters.signing_requests, counters.pdf_downloads);
    assert_eq!(counts, (1, 1, 1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_nda_that_is_rejected_in_juro_is_never_sent() {
    let stage = Stage::new(AutoSign::Never).await;
    let play = stage.start("nda_provider_approval", &nda(), |text| text);
    let contract = play.output("create", "contract_id").await;
    play.waits_in("approved").await;
    stage.control(&format!("contracts/{contract}/reject"), &json!({})).await;
    let view = play.over().await;
    assert_eq!(view["status"], "stopped", "{view:#}");
    assert_eq!((outcome(&view, "approved"), outcome(&view, "tell_owner")), ("rejected", "succeeded"));
    assert_eq!(stage.lab.sandbox.counters().signing_requests, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_nda_that_nobody_approves_is_withdrawn() {
    let stage = Stage::new(AutoSign::Never).await;
    let play = stage.start("nda_provider_approval", &nda(), |text| changed(&text, "timeout: 7d", "timeout: 1s"));
    let view = play.over().await;
    assert_eq!(view["status"], "stopped", "{view:#}");
    assert_eq!((outcome(&view, "approved"), outcome(&view, "withdraw")), ("timed_out", "succeeded"));
    assert_eq!(stage.lab.sandbox.counters().signing_requests, 0);
}

pub(crate) fn changed(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "the example has no `{from}` any more");
    text.replacen(from, to, 1)
}

fn click_through(stage: &Stage) -> Value {
    json!({
        "template_id": "5d21c0de4a7be901",
        "subject": "Terms of Use",
        "effective_date": "2026-03-01",
        "first": { "name": "Engross Ltd", "email": "lena@legal.example" },
        "second": { "name": "Acme", "email": "anna@acme.example" },
        "mailer": stage.office.url("mail"),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_click_through_that_both_parties_sign_is_kept_as_they_saw_it() {
    let stage = Stage::new(AutoSign::Never).await;
    let play = stage.start("click_through", &click_through(&stage), |text| text);
    play.waits_in("signed_at_once").await;
    for party in ["lena@legal.example", "anna@acme.example"] {
        let mail = stage.office.mail_to(party);
        let [invitation] = mail.as_slice() else { panic!("{party} got {mail:?}") };
        let url = invitation.split_whitespace().last().unwrap();
        let form = [("action", "sign"), ("name", party)];
        let signed = stage.lab.http.post(url).form(&form).send().await.unwrap();
        assert!(signed.status().is_success(), "{url}: {}", signed.text().await.unwrap());
    }
    let view = play.over().await;
    assert_eq!(view["status"], "succeeded", "{view:#}");
    assert!(text(&play.stored(&view, "page")).contains("Engross Ltd"));
    assert_eq!(step(&view, "first_again")["state"], "skipped", "{view:#}");
    let counters = stage.lab.sandbox.counters().paperlex;
    assert_eq!((counters.contracts_created, counters.sends, counters.signatures, counters.downloads), (1, 2, 2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_click_through_whose_review_session_ran_out_is_opened_again() {
    let stage = Stage::new(AutoSign::Never).await;
    let play =
        stage.start("click_through", &click_through(&stage), |text| changed(&text, "timeout: 1d", "timeout: 2s"));
    let contract = play.output("create", "contract_id").await;
    let session = play.output("second_session", "session_id").await;
    let sign = format!("paperlex/contracts/{contract}/sign");
    stage.control(&sign, &json!({ "email": "lena@legal.example" })).await;
    let expire = format!("paperlex/contracts/{contract}/review_sessions/{session}/expire");
    stage.control(&expire, &json!({})).await;
    play.waits_in("signed_late").await;
    // Signs for whoever has an open session, so that it depends on the session being open again.
    let signed = stage.control(&sign, &json!({})).await;
    assert_eq!(signed["contract"]["signatures"].as_array().unwrap().len(), 2, "{signed:#}");
    let view = play.over().await;
    // All is done, and the run still says that a wait had ended badly.
    assert_eq!(view["status"], "succeeded", "{view:#}");
    assert_eq!((outcome(&view, "signed_at_once"), outcome(&view, "signed_late")), ("timed_out", "signed"));
    assert!(text(&play.stored(&view, "page")).contains("Acme"));
    assert_eq!(stage.office.mail_to("anna@acme.example").len(), 2);
    let counters = stage.lab.sandbox.counters().paperlex;
    assert_eq!((counters.contracts_created, counters.sends, counters.signatures), (1, 2, 2));
}

fn negotiation(stage: &Stage) -> Value {
    json!({
        "draft_url": stage.office.url("msa.docx"),
        "contract_type": "MSA",
        "counterparty": "Acme",
        "page_id": "1234567",
        "signers": {
            "counterparty": { "name": "Anna Archer", "email": "anna@acme.example" },
            "manager": { "name": "Omar Odell", "email": "omar@legal.example" },
            "director": { "name": "Dora Dean", "email": "dora@legal.example" },
        },
    })
}

/// Negotiates until the Execution Copy, and gives the id of what is to be signed.
async fn negotiate(play: &Play<'_>) -> String {
    let stage = play.stage;
    let contract = play.output("open", "contract_id").await;
    play.waits_in("answered").await;
    let people = format!("docjuris/contracts/{contract}");
    stage.control(&format!("{people}/upload"), &json!({ "text": "We would rather have it so." })).await;
    play.waits_in("agreed").await;
    stage.control(&format!("{people}/complete"), &json!({ "changes": 2 })).await;
    stage.control(&format!("{people}/upload"), &json!({ "text": "Agreed." })).await;
    play.waits_in("agreed").await;
    assert_eq!(stage.lab.sandbox.counters().contract_signatures.contracts_created, 0, "it is sent before it is agreed");
    stage.control(&format!("{people}/tag"), &json!({ "tags": ["ImportedIsExecutionCopy"] })).await;
    let id = play.output("send", "contract_id").await;
    play.waits_in("signed").await;
    id
}

/// An administrator's subscriptions, through which DocJuris tells the engine what happens to turns.
async fn subscribe(stage: &Stage) {
    let url = format!("http://{}/docjuris/v1/subscriptions", stage.lab.sandbox.addr());
    for kind in ["turnCreated", "turnTagged"] {
        let body = json!({ "type": kind, "webhookUrl": hook(&stage.lab, "docjuris") });
        let request = stage.lab.http.post(&url).basic_auth(DOCJURIS_ACCOUNT_ID, Some("sandbox-key")).json(&body);
        let response = request.send().await.unwrap();
        assert!(response.status().is_success(), "{}", response.text().await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_negotiation_goes_on_until_the_execution_copy_which_three_people_sign_in_turn() {
    let stage = Stage::new(AutoSign::Never).await;
    subscribe(&stage).await;
    let play = stage.start("negotiate_and_sign", &negotiation(&stage), |text| text);
    let id = negotiate(&play).await;
    let sign = format!("contract_signatures/contracts/{id}/sign");
    let early = json!({ "signer": "dora@legal.example" });
    let url = format!("http://{}/_sandbox/{sign}", stage.lab.sandbox.addr());
    let refused = stage.lab.http.post(url).json(&early).send().await.unwrap();
    assert!(refused.status().is_client_error(), "the last signer could sign first");
    for signer in ["anna@acme.example", "omar@legal.example", "dora@legal.example"] {
        assert_eq!(play.view().await["status"], "running", "it is over before {signer} has signed");
        stage.control(&sign, &json!({ "signer": signer })).await;
    }
    let view = play.over().await;
    assert_eq!(view["status"], "succeeded", "{view:#}");
    assert_eq!((outcome(&view, "answered"), outcome(&view, "agreed")), ("created", "tagged"));
    assert_eq!((outcome(&view, "tell_answer"), outcome(&view, "tell_signed")), ("succeeded", "succeeded"));
    assert!(play.stored(&view, "execution_copy").starts_with(b"PK"));
    let counters = stage.lab.sandbox.counters();
    assert_eq!((counters.docjuris.contracts_created, counters.docjuris.downloads), (1, 1));
    assert_eq!((counters.contract_signatures.sends, counters.contract_signatures.signatures), (1, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_negotiated_contract_that_a_signer_rejects_or_lets_expire_stops_in_words() {
    for (action, told) in [("reject", "tell_rejected"), ("expire", "tell_stopped")] {
        let stage = Stage::new(AutoSign::Never).await;
        subscribe(&stage).await;
        // No event tells that a contract has expired, so the step has to look by itself.
        let look = |text: String| {
            let with = "with: { contract_id: \"{{ steps.send.outputs.contract_id }}\"";
            changed(&text, with, &format!("{with}, poll: 1s"))
        };
        let play = stage.start("negotiate_and_sign", &negotiation(&stage), look);
        let id = negotiate(&play).await;
        stage.control(&format!("contract_signatures/contracts/{id}/{action}"), &json!({})).await;
        let view = play.over().await;
        assert_eq!(view["status"], "stopped", "{view:#}");
        assert_eq!((outcome(&view, told), outcome(&view, "tell_signed")), ("succeeded", "none"), "{view:#}");
    }
}

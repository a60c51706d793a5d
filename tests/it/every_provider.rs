//! Every provider at its worst: each create and send loses its answer once, and once the engine is killed before the answer comes;
//! each wait never hears a webhook. The real binary
//! against the sandbox; what is expected follows from each operation's effect class alone.

use crate::lab::{Lab, PATIENCE, Running, pause, text};
use engross_sandbox::{AutoSign, Counters, DOCJURIS_ACCOUNT_ID, Faults};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Instant;

/// A lab with a connection to every provider, and an engine that serves.
struct World {
    lab: Lab,
    drafts: SocketAddr,
    serve: Running,
}

impl World {
    async fn new() -> Self {
        let lab = Lab::with(AutoSign::Never, Faults::default()).await;
        let base = format!("http://{}", lab.sandbox.addr());
        let key = "{ env: JURO_API_KEY }";
        let mut more = String::new();
        for (name, path, settings) in [
            ("paperlex", "paperlex/v1", format!("token: {key}")),
            ("docjuris", "docjuris/v1", format!("account_id: {DOCJURIS_ACCOUNT_ID}, api_key: {key}")),
            ("contract_signatures", "contract_signatures/webapi", format!("api_key: {key}")),
        ] {
            let common = format!("provider: {name}, base_url: \"{base}/{path}\", settle: 300ms");
            writeln!(more, "  {name}: {{ {common}, webhook: {{ token: {{ env: HOOK_TOKEN }} }}, {settings} }}")
                .unwrap();
        }
        let config = std::fs::read_to_string(lab.path("engross.yaml")).unwrap();
        let (head, tail) = config.split_once("people:\n").unwrap();
        lab.write("engross.yaml", &format!("{head}{more}people:\n{tail}"));
        lab.sandbox.add_contract_signatures_webhook(&hook(&lab, "contract_signatures")).unwrap();
        let serve = lab.serve();
        Self { lab, drafts: serve_drafts(), serve }
    }

    /// Starts a run of these steps, and gives its id.
    fn start(&self, name: &str, steps: &[&str]) -> String {
        let steps = steps.concat().replace("DRAFTS", &format!("http://{}", self.drafts));
        let steps = steps.replace("HOOK", &hook(&self.lab, "docjuris"));
        let retry = "{ attempts: 3, initial: 50ms, factor: 2, max: 1s, jitter: none }";
        let workflow = format!("schema: engross/v1\nname: {name}\ndefaults:\n  retry: {retry}\nsteps:{steps}");
        let file = self.lab.write(&format!("workflows/{name}.yaml"), &workflow);
        let started = self.lab.json(&["run", file.to_str().unwrap(), "--detach", "--format", "json"]);
        started["run"].as_str().unwrap().to_string()
    }

    async fn until(&self, run: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let view = self.lab.get(&format!("/runs/{run}")).await.unwrap();
            if holds(&view) {
                return view;
            }
            assert!(began.elapsed() < PATIENCE && !is_over(&view), "the run never {what}: {view:#}");
            pause().await;
        }
    }

    fn shown(&self, run: &str) -> String {
        text(&self.lab.output(&["runs", "show", run]).stdout)
    }

    /// What a person does at a provider, by the sandbox's control endpoints.
    async fn control(&self, path: &str, body: &Value) {
        let url = format!("http://{}/_sandbox/{path}", self.lab.sandbox.addr());
        let response = self.lab.http.post(&url).json(body).send().await.unwrap();
        assert!(response.status().is_success(), "{path}: {}", response.text().await.unwrap());
    }

    /// A document of the sandbox, asked with the credentials of whichever provider it is.
    async fn read(&self, path: &str) -> Value {
        let url = format!("http://{}/{path}", self.lab.sandbox.addr());
        let request = self.lab.http.get(&url).basic_auth(DOCJURIS_ACCOUNT_ID, Some("sandbox-key"));
        let response = request.query(&[("token", "sandbox-key")]).send().await.unwrap();
        assert!(response.status().is_success(), "{path}: {}", response.text().await.unwrap());
        response.json().await.unwrap()
    }

    /// How many of an effect there are; none of what belongs to a contract that is not there yet.
    async fn count(&self, of: &Of, contract: Option<&str>) -> u64 {
        match of {
            Of::Counter(at) => {
                let counters = serde_json::to_value(self.lab.sandbox.counters()).unwrap();
                counters.pointer(at).and_then(Value::as_u64).unwrap_or_else(|| panic!("no counter {at}"))
            }
            Of::List(path, items) => {
                let Some(path) =
                    contract.map(|id| path.replace("{}", id)).or((!path.contains("{}")).then(|| path.to_string()))
                else {
                    return 0;
                };
                let list = self.read(&path).await;
                u64::try_from(list.pointer(items).and_then(Value::as_array).unwrap().len()).unwrap()
            }
        }
    }
}

fn hook(lab: &Lab, connection: &str) -> String {
    format!("http://{}/hooks/{connection}/hook-token-of-the-tests", lab.listen)
}

fn is_over(view: &Value) -> bool {
    !["running", "cancelling", "compensating"].contains(&view["status"].as_str().unwrap())
}

fn step<'a>(view: &'a Value, id: &str) -> &'a Value {
    view["steps"].as_array().unwrap().iter().find(|s| s["id"] == id).unwrap_or(&Value::Null)
}

/// A web server with drafts: a PDF where the path says so, a Word document everywhere else.
fn serve_drafts() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| answer(&stream)));
    addr
}

fn answer(mut stream: &TcpStream) {
    let (mut reader, mut line, mut first) = (BufReader::new(stream), String::new(), String::new());
    while reader.read_line(&mut line).unwrap_or(0) > 2 {
        if first.is_empty() {
            first.clone_from(&line);
        }
        line.clear();
    }
    let (kind, content) = if first.contains(".pdf ") {
        ("application/pdf", "%PDF-1.7 a draft %%EOF")
    } else {
        ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "PK\u{3}\u{4} a draft")
    };
    let length = content.len();
    let head =
        format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    stream.write_all(format!("{head}{content}").as_bytes()).ok();
}

const DOCX: &str = r#"
  draft: { uses: http, with: { method: GET, url: "DRAFTS/msa.docx" } }"#;
const PDF: &str = r#"
  draft: { uses: http, with: { method: GET, url: "DRAFTS/msa.pdf" } }"#;
const JURO: &str = r#"
  create:
    uses: juro/create_contract
    with: { template_id: mutual-nda, name: "NDA [{{ run.id }}]", fields: { "Counterparty Legal Name": Acme, "Counterparty Email": anna@acme.example } }"#;
const JURO_SEND: &str = r#"
  send:
    uses: juro/send_for_signing
    with: { contract_id: "{{ steps.create.outputs.contract_id }}", message: "Please sign." }"#;
const JURO_SEND_TO_ONE: &str = r#"
  send:
    uses: juro/send_to_signer
    with: { contract_id: "{{ steps.create.outputs.contract_id }}", message: "Please sign." }"#;
const JURO_ORDER: &str = r#"
  create:
    uses: juro/create_contract
    with: { template_id: order-form, name: "Order [{{ run.id }}]", answers: { "What is the legal name of the customer?": Acme } }"#;
const JURO_SEND_TO_BUYER: &str = r#"
  send:
    uses: juro/send_to_signer
    with: { contract_id: "{{ steps.create.outputs.contract_id }}", signer: order-signature-buyer, message: "Please sign." }"#;
const JURO_UPLOAD: &str = r#"
  upload:
    uses: juro/upload_contract
    with: { file: "{{ steps.draft.outputs.file }}", name: "Upload [{{ run.id }}]" }"#;
const JURO_WEBHOOK: &str = r#"
  register:
    uses: juro/create_webhook
    with: { team_id: sandbox-team, title: a webhook, url: "DRAFTS/hook", events: [contract.deleted] }"#;
const JURO_V2: &str = r#"
  create:
    uses: juro_v2/create_contract
    with: { template_id: mutual-nda, fields: { "Counterparty Legal Name": Acme, "Counterparty Email": anna@acme.example } }"#;
const JURO_V2_ASK: &str = r#"
  ask:
    uses: juro_v2/request_approval
    with: { contract_id: "{{ steps.create.outputs.contract_id }}", message: "Please approve.", approvers: [{ email: lena@legal.example }] }"#;
const JURO_V2_SEND: &str = r#"
  send:
    uses: juro_v2/send_for_signing
    with: { contract_id: "{{ steps.create.outputs.contract_id }}", message: "Please sign." }"#;
const DOCJURIS: &str = r#"
  create:
    uses: docjuris/create_contract
    with: { contract_type: MSA, counterparty: Acme, file: "{{ steps.draft.outputs.file }}" }"#;
const DOCJURIS_TURN: &str = r#"
  turn:
    uses: docjuris/add_turn
    with: { contract_id: "{{ steps.create.outputs.contract_id }}", file: "{{ steps.draft.outputs.file }}" }"#;
const DOCJURIS_IMPORT: &str = r#"
  import: { uses: docjuris/create_import, with: { file: "{{ steps.draft.outputs.file }}" } }"#;
const DOCJURIS_SUBSCRIBE: &str = r#"
  subscribe: { uses: docjuris/create_subscription, with: { type: turnMention, url: "HOOK" } }"#;
const SIGNATURES: &str = r#"
  create:
    uses: contract_signatures/create_contract
    with:
      name: "NDA [{{ run.id }}]"
      template_id: "1234567"
      signers: [{ full_name: Anna Archer, email: anna@acme.example, access_kind: email }]"#;
const PAPERLEX: &str = r#"
  create:
    uses: paperlex/create_contract
    with: { subject: "NDA [{{ run.id }}]", slaw_id: 5d21c0de4a7be901, number_of_signers: 1 }"#;
const PAPERLEX_SIGNER: &str = r#"
  signer:
    uses: paperlex/add_signer
    with: { contract_id: "{{ steps.create.outputs.contract_id }}", email: anna@acme.example }"#;
const PAPERLEX_SESSION: &str = r#"
  session:
    uses: paperlex/create_review_session
    needs: [signer]
    with: { contract_id: "{{ steps.create.outputs.contract_id }}", email: anna@acme.example, expires_in: 86400 }"#;
const PAPERLEX_TEMPLATE: &str = r#"
  template: { uses: paperlex/create_template, with: { name: "Template [{{ run.id }}]", body: "A text." } }"#;

/// Where the sandbox tells how often an effect has happened.
enum Of {
    /// A pointer into its counters.
    Counter(&'static str),
    /// A path of a provider's list, in which `{}` is the contract's id, and where the items are in the reply.
    List(&'static str, &'static str),
}

/// What becomes of an operation whose answer was lost.
enum Becomes {
    /// It is looked up, and the run goes on with what was found.
    Found,
    /// Nobody can tell: the run stops, and says what to decide; in the manifest's words, if the operation has a look-up.
    InDoubt(&'static str),
}

impl Effect {
    /// A name for a workflow of its own.
    async fn name(&self, world: &World) -> String {
        format!("lost_{}_{}", self.on, world.lab.runs().await.len())
    }
}

/// Waits for what becomes of a run whose last step got no answer, and expects that its effect has happened once all the same.
async fn ends_with_one(world: &World, effect: &Effect, run: &str, before: u64) {
    let id = effect.id;
    let ended = |view: &Value| is_over(view) || view["summary"] == "in_doubt";
    let view = world.until(run, "ended", ended).await;
    let shown = world.shown(run);
    let operation = step(&view, id)["uses"].as_str().unwrap();
    match &effect.becomes {
        Becomes::Found => {
            assert_eq!(view["status"], "succeeded", "{operation}:\n{shown}");
            let line = shown.lines().find(|l| l.contains(&format!(" {id} ")) && l.contains("found by looking it up"));
            assert!(line.is_some(), "{operation} was not looked up:\n{shown}");
        }
        Becomes::InDoubt(hint) => {
            let doubtful = step(&view, id);
            assert_eq!((&view["status"], &doubtful["state"]), (&json!("running"), &json!("in_doubt")), "{shown}");
            assert_eq!(doubtful["error"]["hint"].as_str(), Some(*hint), "{operation}: {doubtful:#}");
            assert!(shown.contains("look at the provider whether it happened"), "{operation}:\n{shown}");
            assert!(shown.contains(&format!("engross in-doubt happened {run} {id}")), "{operation}:\n{shown}");
        }
    }
    assert_eq!(world.read("_sandbox/faults").await, json!([]), "{operation}: no answer was lost");
    let contract = step(&view, "create")["outputs"]["contract_id"].as_str();
    assert_eq!(world.count(&effect.of, contract).await - before, 1, "{operation} has not happened once:\n{shown}");
}

/// An engine that starts again repeats nothing of what is in doubt, while it does begin new work.
async fn stays_in_doubt_when_started_again(mut world: World) {
    let in_doubt = |runs: &[Value]| runs.iter().filter(|r| r["summary"] == "in_doubt").count();
    let before = world.count(&SUBSCRIPTIONS, None).await;
    let (doubts, counters) = (in_doubt(&world.lab.runs().await), world.lab.sandbox.counters());
    world.serve.kill();
    world.serve = world.lab.serve();
    let run = world.start("afterwards", &[JURO_V2]);
    world.until(&run, "ended", is_over).await;
    assert_eq!(in_doubt(&world.lab.runs().await), doubts);
    let after = world.lab.sandbox.counters();
    assert_eq!(after.contracts_created, counters.contracts_created + 1, "something was done again");
    assert_eq!(world.count(&SUBSCRIPTIONS, None).await, before, "something was done again");
    // Each start reads what DocJuris has sent meanwhile, so that only what changes something counts there.
    let others = |mut c: Counters| {
        c.docjuris.requests = 0;
        (c.signing_requests, c.docjuris, c.contract_signatures, c.paperlex)
    };
    assert_eq!(others(after), others(counters), "something was asked again");
}

/// A create or a send: the last of these steps is it.
struct Effect {
    on: &'static str,
    id: &'static str,
    steps: &'static [&'static str],
    of: Of,
    becomes: Becomes,
}

const fn effect(
    on: &'static str,
    id: &'static str,
    steps: &'static [&'static str],
    of: Of,
    becomes: Becomes,
) -> Effect {
    Effect { on, id, steps, of, becomes }
}

const CONTRACTS: Of = Of::Counter("/contracts_created");
const SENDS: Of = Of::Counter("/signing_requests");
const SUBSCRIPTIONS: Of = Of::List("docjuris/v1/subscriptions", "/response");
const LOOK: &str = "look at the provider whether it happened, then decide";
const TAKE_OVER: &str = "delete the subscription that nobody knows in DocJuris, or take its id over, then decide";

const EFFECTS: &[Effect] = &[
    effect("create_contract", "create", &[JURO], CONTRACTS, Becomes::Found),
    effect("send", "send", &[JURO, JURO_SEND], SENDS, Becomes::Found),
    effect("send", "send", &[JURO, JURO_SEND_TO_ONE], SENDS, Becomes::Found),
    effect(
        "send",
        "send",
        &[JURO_ORDER, JURO_SEND_TO_BUYER],
        SENDS,
        Becomes::InDoubt("look in Juro whether the person was asked to sign, then decide"),
    ),
    effect("create_contract", "upload", &[PDF, JURO_UPLOAD], CONTRACTS, Becomes::Found),
    effect("register_webhook", "register", &[JURO_WEBHOOK], Of::Counter("/requests"), Becomes::InDoubt(LOOK)),
    effect("create_contract", "create", &[JURO_V2], CONTRACTS, Becomes::InDoubt(LOOK)),
    effect("approval", "ask", &[JURO_V2, JURO_V2_ASK], Of::Counter("/approvals_requested"), Becomes::Found),
    effect("send", "send", &[JURO_V2, JURO_V2_SEND], SENDS, Becomes::Found),
    effect(
        "create_contract",
        "create",
        &[DOCX, DOCJURIS],
        Of::Counter("/docjuris/contracts_created"),
        Becomes::InDoubt(LOOK),
    ),
    effect("add_turn", "turn", &[DOCX, DOCJURIS, DOCJURIS_TURN], Of::Counter("/docjuris/turns_added"), Becomes::Found),
    effect("import", "import", &[DOCX, DOCJURIS_IMPORT], Of::Counter("/docjuris/imports"), Becomes::InDoubt(LOOK)),
    effect("register_webhook", "subscribe", &[DOCJURIS_SUBSCRIBE], SUBSCRIPTIONS, Becomes::InDoubt(TAKE_OVER)),
    effect(
        "create_contract",
        "create",
        &[SIGNATURES],
        Of::Counter("/contract_signatures/contracts_created"),
        Becomes::Found,
    ),
    effect("create_contract", "create", &[PAPERLEX], Of::Counter("/paperlex/contracts_created"), Becomes::Found),
    effect(
        "add_signer",
        "signer",
        &[PAPERLEX, PAPERLEX_SIGNER],
        Of::List("paperlex/v1/contracts/{}/signers.json", ""),
        Becomes::Found,
    ),
    effect(
        "send",
        "session",
        &[PAPERLEX, PAPERLEX_SIGNER, PAPERLEX_SESSION],
        Of::Counter("/paperlex/sends"),
        Becomes::Found,
    ),
    effect(
        "write_template",
        "template",
        &[PAPERLEX_TEMPLATE],
        Of::List("paperlex/v1/slaws.json", ""),
        Becomes::InDoubt("look in Paperlex whether this template is the one, then decide"),
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_create_and_send_whose_answer_is_lost_happens_once() {
    let world = World::new().await;
    for effect in EFFECTS {
        let before = world.count(&effect.of, None).await;
        world.lab.fault(json!([{ "on": effect.on, "times": 1, "do": "drop_answer" }])).await;
        let run = world.start(&effect.name(&world).await, effect.steps);
        ends_with_one(&world, effect, &run, before).await;
    }
    stays_in_doubt_when_started_again(world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_create_and_send_whose_engine_is_killed_before_the_answer_happens_once() {
    let mut world = World::new().await;
    for effect in EFFECTS {
        let before = world.count(&effect.of, None).await;
        world.lab.fault(json!([{ "on": effect.on, "times": 1, "do": { "slow": { "ms": 300_000 } } }])).await;
        let run = world.start(&effect.name(&world).await, effect.steps);
        let began = Instant::now();
        loop {
            let view = world.lab.get(&format!("/runs/{run}")).await.unwrap();
            let contract = step(&view, "create")["outputs"]["contract_id"].as_str();
            if world.read("_sandbox/faults").await == json!([]) && world.count(&effect.of, contract).await > before {
                break;
            }
            assert!(began.elapsed() < PATIENCE && !is_over(&view), "{}: it never happened: {view:#}", effect.on);
            pause().await;
        }
        world.serve.kill();
        world.serve = world.lab.serve();
        ends_with_one(&world, effect, &run, before).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_create_and_send_whose_answer_is_lost_happens_once_while_our_clock_is_ahead() {
    let world = World::new().await;
    world.control("settings", &json!({ "clock_offset_s": -900 })).await;
    for effect in EFFECTS {
        let before = world.count(&effect.of, None).await;
        world.lab.fault(json!([{ "on": effect.on, "times": 1, "do": "drop_answer" }])).await;
        let run = world.start(&effect.name(&world).await, effect.steps);
        ends_with_one(&world, effect, &run, before).await;
    }
}

/// The provider tells the right time, and its times are those of a machine that is behind: as after our clock was set right.
#[tokio::test(flavor = "multi_thread")]
async fn every_create_that_is_told_by_its_time_alone_is_in_doubt_when_the_clocks_are_not_to_be_believed() {
    let world = World::new().await;
    world.control("settings", &json!({ "clock_offset_s": -900, "date_offset_s": 0 })).await;
    let creates: Vec<&Effect> = EFFECTS
        .iter()
        .filter(|effect| effect.on == "create_contract" && matches!(effect.becomes, Becomes::Found))
        .collect();
    assert_eq!(creates.len(), 4);
    for effect in creates {
        let before = world.count(&effect.of, None).await;
        world.lab.fault(json!([{ "on": effect.on, "times": 1, "do": "drop_answer" }])).await;
        let run = world.start(&effect.name(&world).await, effect.steps);
        let view = world.until(&run, "was in doubt", |view| view["summary"] == "in_doubt").await;
        let error = &step(&view, effect.id)["error"];
        let (message, hint) = (error["message"].as_str().unwrap(), error["hint"].as_str().unwrap());
        assert!(
            message.contains("fits but for its time: `") && message.contains("the two clocks agree now"),
            "{error:#}"
        );
        assert!(hint.contains("it is this step's if our clock was ahead"), "{error:#}");
        assert_eq!(world.count(&effect.of, None).await - before, 1, "{error:#}");
    }
}

/// A wait: what it waits for, after which steps, what people do meanwhile, and how it ends.
struct Wait {
    uses: &'static str,
    more: &'static str,
    steps: &'static [&'static str],
    people: &'static [(&'static str, &'static str)],
    outcome: &'static str,
}

const fn wait(
    uses: &'static str,
    steps: &'static [&'static str],
    people: &'static [(&'static str, &'static str)],
    outcome: &'static str,
) -> Wait {
    Wait { uses, more: "", steps, people, outcome }
}

const fn turn(
    more: &'static str,
    steps: &'static [&'static str],
    people: &'static [(&'static str, &'static str)],
    outcome: &'static str,
) -> Wait {
    Wait { uses: "docjuris/await_turn", more, steps, people, outcome }
}

const WAITS: &[Wait] = &[
    wait(
        "juro/await_approved",
        &[JURO],
        &[("contracts/{}/request_approval", "{}"), ("contracts/{}/approve", "{}")],
        "approved",
    ),
    wait(
        "juro/await_approved",
        &[JURO],
        &[("contracts/{}/request_approval", "{}"), ("contracts/{}/reject", "{}")],
        "rejected",
    ),
    wait("juro/await_fully_signed", &[JURO, JURO_SEND], &[("contracts/{}/sign", "{}")], "fully_signed"),
    wait("juro_v2/await_approved", &[JURO_V2, JURO_V2_ASK], &[("contracts/{}/approve", "{}")], "approved"),
    wait("juro_v2/await_approved", &[JURO_V2, JURO_V2_ASK], &[("contracts/{}/reject", "{}")], "rejected"),
    wait("juro_v2/await_fully_signed", &[JURO_V2, JURO_V2_SEND], &[("contracts/{}/sign", "{}")], "fully_signed"),
    turn(
        ", until: [completed]",
        &[DOCX, DOCJURIS],
        &[("docjuris/contracts/{}/complete", r#"{"changes":1}"#)],
        "completed",
    ),
    turn(
        ", until: [tagged]",
        &[DOCX, DOCJURIS],
        &[("docjuris/contracts/{}/tag", r#"{"tags":["ImportedIsExecutionCopy"]}"#)],
        "tagged",
    ),
    turn(
        ", until: [created], after_turn_id: \"{{ steps.create.outputs.turn_id }}\"",
        &[DOCX, DOCJURIS],
        &[("docjuris/contracts/{}/upload", r#"{"text":"Rather so."}"#)],
        "created",
    ),
    turn(
        ", until: [mention], subscription_id: \"{{ steps.subscribe.outputs.subscription_id }}\"",
        &[DOCX, DOCJURIS, DOCJURIS_SUBSCRIBE],
        &[("docjuris/contracts/{}/mention", r#"{"text":"@lena please look"}"#)],
        "mention",
    ),
    wait(
        "contract_signatures/await_signed",
        &[SIGNATURES],
        &[("contract_signatures/contracts/{}/sign", "{}")],
        "signed",
    ),
    wait(
        "contract_signatures/await_signed",
        &[SIGNATURES],
        &[("contract_signatures/contracts/{}/reject", "{}")],
        "rejected",
    ),
    wait(
        "contract_signatures/await_signed",
        &[SIGNATURES],
        &[("contract_signatures/contracts/{}/expire", "{}")],
        "expired",
    ),
    wait(
        "paperlex/await_signed",
        &[PAPERLEX, PAPERLEX_SIGNER, PAPERLEX_SESSION],
        &[("paperlex/contracts/{}/sign", "{}")],
        "signed",
    ),
];

/// An administrator's subscriptions, by which DocJuris would tell the engine.
async fn subscribe(world: &World) {
    let url = format!("http://{}/docjuris/v1/subscriptions", world.lab.sandbox.addr());
    for kind in ["turnCreated", "turnTagged", "turnCompleted"] {
        let body = json!({ "type": kind, "webhookUrl": hook(&world.lab, "docjuris") });
        let request = world.lab.http.post(&url).basic_auth(DOCJURIS_ACCOUNT_ID, Some("sandbox-key")).json(&body);
        assert!(request.send().await.unwrap().status().is_success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_wait_that_hears_no_webhook_is_ended_by_the_poll() {
    let world = World::new().await;
    world.lab.fault(json!([{ "on": "webhook", "times": 100_000, "do": "lose" }])).await;
    subscribe(&world).await;
    let mut runs = Vec::new();
    for (index, wait) in WAITS.iter().enumerate() {
        let last = wait.steps.last().unwrap().split(':').next().unwrap().trim();
        let with = format!("contract_id: \"{{{{ steps.create.outputs.contract_id }}}}\", poll: 1s{}", wait.more);
        let step = format!(
            "\n  await:\n    uses: {}\n    needs: [{last}]\n    timeout: 1h\n    with: {{ {with} }}",
            wait.uses
        );
        let steps: Vec<&str> = wait.steps.iter().copied().chain([step.as_str()]).collect();
        runs.push(world.start(&format!("wait_{index}"), &steps));
    }
    for (wait, run) in WAITS.iter().zip(&runs) {
        let view = world.until(run, "waited", |view| step(view, "await")["state"] == "waiting").await;
        let contract = step(&view, "create")["outputs"]["contract_id"].as_str().unwrap();
        for (path, body) in wait.people {
            let body = serde_json::from_str(body).unwrap();
            world.control(&path.replace("{}", contract), &body).await;
        }
    }
    for (wait, run) in WAITS.iter().zip(&runs) {
        let view = world.until(run, "ended", is_over).await;
        let shown = world.shown(run);
        assert_eq!(step(&view, "await")["outcome"], wait.outcome, "{}:\n{shown}", wait.uses);
        let said = format!("{} (resolved by poll)", wait.outcome);
        assert!(shown.contains(&said), "{} does not say {said:?}:\n{shown}", wait.uses);
    }
    let counters = world.lab.sandbox.counters();
    let of_others = [counters.docjuris, counters.contract_signatures, counters.paperlex].map(|c| c.webhooks_sent);
    assert_eq!((counters.webhooks_sent, of_others), (0, [0, 0, 0]), "a webhook has arrived");
}

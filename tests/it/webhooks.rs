//! Every webhook event type of every provider, at the server's door: delivered, delivered twice, early, out of order, with a wrong
//! token, a wrong signature, too large, and as garbage. The real binary over loopback; its inbox is read when it has ended.
//!
//! The types come from the manifests, so that a new one without a row here fails the test. The sandbox's own webhooks are lost:
//! the only deliveries are those of the test.

mod rows;

use crate::lab::{Lab, PATIENCE, Running, pause};
use engross_core::{Subscription, Timestamp};
use engross_sandbox::{AutoSign, DOCJURIS_ACCOUNT_ID, Faults};
use engross_store::{Holder, InboxQuery, SledStore, Store};
use rows::{ROWS, Row, Wakes};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

pub(crate) const TOKEN: &str = "hook-token-of-the-tests";
const SECRET: &str = "hook-secret-of-the-tests";

/// Where the sealed connections carry their signature.
pub(crate) const SIGNATURE: &str = "x-juro-signature";

/// Bytes of a body that the door takes.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Rows that are checked at once.
const AT_ONCE: usize = 6;

/// Providers whose manifests name no types, and the provider whose types they send: both generations of Juro share them.
const SENDS_THE_TYPES_OF: &[(&str, &str)] = &[("juro_v2", "juro")];

/// The statuses that Contract Signatures takes for an acknowledgement; 200 is not among them.
const CONTRACT_SIGNATURES_ACKS: &[u16] = &[201, 202, 204];

/// Every type of event that the manifests name, by provider.
fn types() -> BTreeSet<(String, String)> {
    let mut types = BTreeMap::new();
    for provider in engross_providers::describe_builtin() {
        let Some(webhooks) = provider.webhooks else { continue };
        let listed = provider.operations.iter().filter_map(|o| o.input.pointer("/properties/events/items/enum"));
        let listed = listed.filter_map(Value::as_array).flatten().filter_map(Value::as_str).map(str::to_string);
        let named: BTreeSet<String> = webhooks.events.into_keys().chain(listed).collect();
        types.insert(provider.name, named);
    }
    for (provider, of) in SENDS_THE_TYPES_OF {
        assert!(types[*provider].is_empty(), "the manifest of {provider} names types now: let them be its own");
        types.insert((*provider).to_string(), types[*of].clone());
    }
    for (provider, named) in &types {
        assert!(!named.is_empty(), "no type of event of {provider} is known");
    }
    types.into_iter().flat_map(|(p, named)| named.into_iter().map(move |kind| (p.clone(), kind))).collect()
}

/// A body with its media type.
#[derive(Clone)]
pub(crate) struct Delivery {
    pub(crate) media_type: &'static str,
    pub(crate) body: Vec<u8>,
}

impl Delivery {
    fn json(body: &Value) -> Self {
        Self { media_type: "application/json", body: body.to_string().into_bytes() }
    }
}

/// The `n`-th event of this type about a contract, as its provider writes it; a later one has a later time.
pub(crate) fn delivery(provider: &str, kind: &str, contract: &str, n: u32) -> Delivery {
    let time = format!("2026-11-23T10:00:{n:02}.000Z");
    let id = format!("{provider}-{kind}-{contract}-{n}");
    match provider {
        "juro" => Delivery::json(&json!({
            "event": { "type": kind, "by": { "email": "anna@acme.example", "name": "Anna", "side": "Counterparty" } },
            "contract": { "id": contract, "name": "NDA", "state": { "approval": { "approvers": [] } }, "updatedDate": time },
        })),
        "juro_v2" => Delivery::json(&json!({
            "contract": { "id": contract, "status": "DRAFT" },
            "event": { "createdDate": time, "type": kind, "author": "Anna" },
        })),
        "docjuris" => Delivery::json(&json!({
            // The documents' samples write ids in capitals, and replies have them in small letters.
            "messageId": id.to_uppercase(), "type": kind, "contractId": contract.to_uppercase(), "turnId": "T1",
            "sentOn": time, "extendedData": { "namedValues": [] }, "tags": [], "url": "https://docjuris.example/turn",
        })),
        "contract_signatures" => Delivery::json(&json!({
            "eventUuid": id, "eventTimestamp": time, "hostUrl": "https://acme.example", "collectionId": "c",
            "templateId": "1234567", "contractId": contract, "contractName": "NDA", "eventType": kind,
        })),
        "paperlex" => {
            let mut fields = BTreeMap::from([("type", kind), ("contract_uuid", contract)]);
            if kind == "signature" {
                fields.extend([
                    ("signature_uuid", id.as_str()),
                    ("identity_verification_method", "e-mail"),
                    ("created_at", &time),
                ]);
            }
            // The encoding is not documented: both are taken, and they say the same. An event without an id is told from others
            // by its body, so that a repetition comes in the same encoding.
            if kind == "signature" && n.is_multiple_of(2) {
                return Delivery::json(&json!(fields));
            }
            let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
            Delivery { media_type: "application/x-www-form-urlencoded", body: body.into_bytes() }
        }
        other => panic!("say here what the webhooks of {other} look like"),
    }
}

/// HMAC-SHA256 in hexadecimal digits, from its definition: the engine's own is what is tested.
pub(crate) fn signature(body: &[u8]) -> String {
    let mut key = [0_u8; 64];
    key[..SECRET.len()].copy_from_slice(SECRET.as_bytes());
    let inner = Sha256::new().chain_update(key.map(|b| b ^ 0x36)).chain_update(body).finalize();
    let outer = Sha256::new().chain_update(key.map(|b| b ^ 0x5c)).chain_update(inner).finalize();
    outer.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

/// What was answered: the status, and the media type with the body.
#[derive(Debug, PartialEq)]
struct Answer {
    status: u16,
    said: String,
}

/// The server, with an open connection for each provider, which runs use, and a sealed one, whose webhooks are signed.
struct Door {
    lab: Lab,
    drafts: SocketAddr,
}

impl Door {
    async fn new() -> (Arc<Self>, Running) {
        let lab = Lab::with(AutoSign::Never, Faults::default()).await;
        lab.fault(json!([{ "on": "webhook", "times": 100_000, "do": "lose" }])).await;
        let base = format!("http://{}", lab.sandbox.addr());
        let key = "{ env: JURO_API_KEY }";
        let mut config = "connections:\n".to_string();
        for (name, path, settings) in [
            ("juro", "juro/v3", format!("api_key: {key}")),
            ("juro_v2", "juro/v2", format!("api_key: {key}")),
            ("paperlex", "paperlex/v1", format!("token: {key}")),
            ("docjuris", "docjuris/v1", format!("account_id: {DOCJURIS_ACCOUNT_ID}, api_key: {key}")),
            ("contract_signatures", "contract_signatures/webapi", format!("api_key: {key}")),
        ] {
            let documented = name.starts_with("juro");
            let how =
                if documented { String::new() } else { format!(", scheme: hmac_sha256_hex, header: {SIGNATURE}") };
            let secret = format!(", secret: {{ env: HOOK_SECRET }}{how}");
            for (connection, secret) in [(name.to_string(), ""), (format!("{name}_sealed"), secret.as_str())] {
                let common = format!("provider: {name}, base_url: \"{base}/{path}\", {settings}");
                let webhook = format!("webhook: {{ token: {{ env: HOOK_TOKEN }}{secret} }}");
                writeln!(config, "  {connection}: {{ {common}, {webhook} }}").unwrap();
            }
        }
        write!(config, "server: {{ listen: \"{}\" }}\nhttp: {{ allow: [\"127.0.0.1\"] }}\n", lab.listen).unwrap();
        lab.write("engross.yaml", &config);
        let serve = lab.serve();
        (Arc::new(Self { lab, drafts: serve_draft() }), serve)
    }

    /// Starts a run that waits as the row says, after an event of the test's own when `held`. Its id.
    async fn start(&self, row: &Row, held: bool) -> String {
        let mut steps = row.wakes.steps.concat();
        let drafts = self.drafts;
        steps = steps.replace("DRAFT", &format!("http://{drafts}/msa.docx"));
        steps = steps.replace("HOOK", &format!("http://{drafts}/hook"));
        let mut ids = steps.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
        let mut last = ids.next_back().unwrap().split(':').next().unwrap().trim().to_string();
        if held {
            let hold = "wait_for_event\n    with: { type: test/go, match: { run: \"{{ run.id }}\" } }";
            // The last step may not need the contract, which everything after the hold is about.
            let needs = if last == "create" { last } else { format!("create, {last}") };
            write!(steps, "\n  hold:\n    needs: [{needs}]\n    timeout: 1h\n    uses: {hold}").unwrap();
            last = "hold".to_string();
        }
        let Wakes { uses, with, .. } = row.wakes;
        let with = format!("{{ contract_id: \"{{{{ steps.create.outputs.contract_id }}}}\"{with} }}");
        write!(steps, "\n  await:\n    uses: {uses}\n    needs: [{last}]\n    timeout: 1h\n    with: {with}").unwrap();
        let through = format!("    uses: {}/", row.provider);
        let steps = steps.replace(&through, &format!("    connection: {}\n{through}", row.provider));
        let text = format!("schema: engross/v1\nname: waits\nsteps:{steps}\n");
        let source = json!({ "path": "waits.yaml", "text": text });
        let (status, body) = self.lab.post("/runs", &json!({ "source": source, "requester": "ada@example.org" })).await;
        assert_eq!(status, 201, "{body:#}\n{text}");
        body["run"].as_str().unwrap().to_string()
    }

    /// Waits until the run says so. It and its contract.
    async fn until(&self, run: &str, what: &str, holds: impl Fn(&Value) -> bool) -> (Value, String) {
        let began = Instant::now();
        loop {
            let view = self.lab.get(&format!("/runs/{run}")).await.unwrap();
            if holds(&view) {
                let contract = step(&view, "create")["outputs"]["contract_id"].as_str();
                let contract = contract.unwrap_or_else(|| panic!("run {run} has no contract: {view:#}")).to_string();
                return (view, contract);
            }
            let over = view["status"] != "running";
            assert!(began.elapsed() < PATIENCE && !over, "run {run} never {what}: {view:#}");
            pause().await;
        }
    }

    /// The facts of the wait: `event_received` with the kind of the event, `step_completed` with what brought it about.
    async fn facts(&self, run: &str) -> Vec<String> {
        let journal = self.lab.get(&format!("/runs/{run}/journal")).await.unwrap();
        let records = journal["records"].as_array().unwrap().iter().map(|record| &record["event"]);
        let fact = |event: &Value| {
            let name = event["type"].as_str().unwrap();
            let resolved_by = event["resolved_by"].as_object().and_then(|by| by.keys().next().map(String::as_str));
            let more = event["event"]["kind"].as_str().or(resolved_by);
            more.map_or(name.to_string(), |more| format!("{name} {more}"))
        };
        records.filter(|event| event["step"] == "await").map(fact).collect()
    }

    async fn until_fact(&self, run: &str, fact: &str, times: usize) {
        let began = Instant::now();
        loop {
            let facts = self.facts(run).await;
            if facts.iter().filter(|f| *f == fact).count() >= times {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "run {run}: `{fact}` did not come {times} times: {facts:?}");
            pause().await;
        }
    }

    async fn people(&self, row: &Row, contract: &str) {
        for (path, body) in row.wakes.people {
            let url = format!("http://{}/_sandbox/{}", self.lab.sandbox.addr(), path.replace("{}", contract));
            let body: Value = serde_json::from_str(body).unwrap();
            let response = self.lab.http.post(&url).json(&body).send().await.unwrap();
            assert!(response.status().is_success(), "{path}: {}", response.text().await.unwrap());
        }
    }

    async fn post(&self, path: &str, delivery: &Delivery, signature: Option<&str>) -> Answer {
        let url = format!("http://{}/hooks/{path}", self.lab.listen);
        let mut request = self.lab.http.post(url).header("content-type", delivery.media_type);
        if let Some(signature) = signature {
            request = request.header(SIGNATURE, signature);
        }
        let response = request.body(delivery.body.clone()).send().await.unwrap();
        let status = response.status().as_u16();
        let media_type = response.headers().get("content-type").map_or("", |v| v.to_str().unwrap()).to_string();
        Answer { status, said: format!("{media_type}: {}", response.text().await.unwrap()) }
    }

    /// Delivers as the provider does, and expects its acknowledgement, as soon as it wants it.
    async fn acknowledged(&self, row: &Row, within: Option<Duration>, delivery: &Delivery) {
        let began = Instant::now();
        let answer = self.post(&format!("{}/{TOKEN}", row.provider), delivery, None).await;
        let took = began.elapsed();
        assert_eq!(answer.status, row.status, "{}/{}: {}", row.provider, row.kind, answer.said);
        assert!(
            within.is_none_or(|within| took < within),
            "{} waits no longer than {within:?}: {took:?}",
            row.provider
        );
    }
}

fn step<'a>(view: &'a Value, id: &str) -> &'a Value {
    view["steps"].as_array().unwrap().iter().find(|s| s["id"] == id).unwrap_or(&Value::Null)
}

fn waits(id: &'static str) -> impl Fn(&Value) -> bool {
    move |view| step(view, id)["state"] == "waiting"
}

fn is_over(view: &Value) -> bool {
    view["status"] != "running"
}

/// A web server with a draft.
fn serve_draft() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (mut reader, mut line) = (BufReader::new(&stream), String::new());
            while reader.read_line(&mut line).unwrap_or(0) > 2 {
                line.clear();
            }
            let kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
            let content = "PK\u{3}\u{4} a draft";
            let length = content.len();
            let head = format!("content-type: {kind}\r\ncontent-length: {length}\r\nconnection: close");
            stream.write_all(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{content}").as_bytes()).ok();
        }
    });
    addr
}

/// Sends one byte more than the door takes of a body that is said to be so much larger, and gives the first line of the answer.
fn oversized(listen: SocketAddr, provider: &str, framing: &str, before: &str) -> String {
    let mut stream = TcpStream::connect(listen).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!("POST /hooks/{provider}/{TOKEN} HTTP/1.1\r\nhost: {listen}\r\n{framing}\r\n\r\n{before}");
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&vec![b'x'; BODY_BYTES_MAX + 1]).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// What the inbox must hold at the end: by topic, the kinds of the events.
type Kept = BTreeMap<String, Vec<String>>;

fn expect(kept: &mut Kept, connection: &str, contract: &str, kinds: &[&str]) {
    let mut kinds: Vec<String> = kinds.iter().map(|kind| (*kind).to_string()).collect();
    kinds.sort();
    kept.insert(Subscription::to_object(connection, contract).topic, kinds);
}

/// First delivery, duplicate, out of order.
async fn taken(door: &Door, row: &Row, within: Option<Duration>) -> Kept {
    let of = |kind: &str, contract: &str, n| delivery(row.provider, kind, contract, n);
    let run = door.start(row, false).await;
    let (_, contract) = door.until(&run, "waited", waits("await")).await;
    // The look at the wait's beginning has seen nothing.
    door.until_fact(&run, "step_checked", 1).await;

    let first = of(row.kind, &contract, 1);
    let woken = format!("event_received {}", row.kind);
    door.acknowledged(row, within, &first).await;
    door.until_fact(&run, &woken, 1).await;
    door.until_fact(&run, "step_checked", 2).await;
    door.acknowledged(row, within, &first).await;

    // The end has come, and the event that tells of it overtakes an earlier one.
    door.people(row, &contract).await;
    door.acknowledged(row, within, &of(row.later, &contract, 3)).await;
    let (view, _) = door.until(&run, "ended", is_over).await;
    let facts = door.facts(&run).await;
    door.acknowledged(row, within, &of(row.kind, &contract, 2)).await;

    let ended = step(&view, "await");
    assert_eq!(ended["outcome"], row.wakes.outcome, "{}/{}: {view:#}", row.provider, row.kind);
    assert_eq!(facts.last().map(String::as_str), Some("step_completed event"), "{}/{}", row.provider, row.kind);
    let received: Vec<&String> = facts.iter().filter(|fact| fact.starts_with("event_received")).collect();
    let later = format!("event_received {}", row.later);
    assert_eq!(received, [&woken, &later], "{}/{}: one wake for each event", row.provider, row.kind);
    assert_eq!(door.facts(&run).await, facts, "{}/{}: an event after the end changes nothing", row.provider, row.kind);

    let mut kept = Kept::new();
    let more: &[&str] = if row.always_the_same { &[] } else { &[row.kind] };
    expect(&mut kept, row.provider, &contract, &[&[row.kind, row.later], more].concat());
    kept
}

/// An event that comes before its wait.
async fn early(door: &Door, row: &Row, within: Option<Duration>) -> Kept {
    let run = door.start(row, true).await;
    let (_, contract) = door.until(&run, "was held", waits("hold")).await;
    door.people(row, &contract).await;
    door.acknowledged(row, within, &delivery(row.provider, row.kind, &contract, 1)).await;
    let (status, body) = door.lab.post("/events", &json!({ "type": "test/go", "data": { "run": run } })).await;
    assert_eq!(status, 200, "{body}");
    let (view, _) = door.until(&run, "ended", is_over).await;
    let ended = step(&view, "await");
    assert_eq!(ended["outcome"], row.wakes.outcome, "{}/{}: {view:#}", row.provider, row.kind);
    let facts = door.facts(&run).await;
    assert_eq!(facts.iter().filter(|fact| *fact == "poll_due").count(), 0, "it was not found by a poll: {facts:?}");
    let mut kept = Kept::new();
    expect(&mut kept, row.provider, &contract, &[row.kind]);
    kept
}

/// Whatever is not the provider's, and what its sender has signed.
async fn refused(door: &Arc<Door>, row: &Row, nth: usize) -> Kept {
    let (provider, sealed) = (row.provider, format!("{}_sealed/{TOKEN}", row.provider));
    let (forged, genuine) = (format!("forged-{nth}"), format!("genuine-{nth}"));
    let whole = delivery(provider, row.kind, &forged, 1);
    let check = async |path: &str, delivery: &Delivery, signature: Option<&str>, status: u16| {
        let answer = door.post(path, delivery, signature).await;
        assert_eq!(answer.status, status, "{path}, {}: {}", row.kind, answer.said);
        answer
    };
    let unknown = check(&format!("nobody/{TOKEN}"), &whole, None, 404).await;
    for path in
        [format!("{provider}/hook-token-of-the-test"), format!("{provider}/{TOKEN}s"), "nobody/guess".to_string()]
    {
        assert_eq!(check(&path, &whole, None, 404).await, unknown, "a wrong token tells no more than a wrong name");
    }

    let right = signature(&whole.body);
    let mut flipped = whole.clone();
    flipped.body[nth % whole.body.len()] ^= 1 << (nth % 7);
    check(&sealed, &whole, None, 401).await;
    check(&sealed, &whole, Some(&signature(b"another body")), 401).await;
    check(&sealed, &whole, Some(&right[..62]), 401).await;
    check(&sealed, &flipped, Some(&right), 401).await;
    let signed = delivery(provider, row.kind, &genuine, 1);
    check(&sealed, &signed, Some(&signature(&signed.body)), row.status).await;

    for body in [&b"{"[..], b"\xff\xfe\x00", b"this is no webhook"] {
        check(&format!("{provider}/{TOKEN}"), &Delivery { body: body.to_vec(), ..whole.clone() }, None, 400).await;
    }
    let nameless = delivery(provider, row.kind, "", 1);
    check(&format!("{provider}/{TOKEN}"), &nameless, None, 400).await;

    let listen = door.lab.listen;
    let large = format!("content-length: {}", 1_u64 << 40);
    let chunk = format!("{:x}\r\n", BODY_BYTES_MAX + 1);
    let chunks = tokio::task::spawn_blocking(move || {
        [oversized(listen, provider, &large, ""), oversized(listen, provider, "transfer-encoding: chunked", &chunk)]
    });
    assert_eq!(chunks.await.unwrap(), ["HTTP/1.1 413"; 2], "{provider}/{}", row.kind);

    let mut kept = Kept::new();
    expect(&mut kept, provider, &forged, &[]);
    expect(&mut kept, &format!("{provider}_sealed"), &forged, &[]);
    expect(&mut kept, &format!("{provider}_sealed"), &genuine, &[row.kind]);
    kept
}

async fn check_row(door: &Arc<Door>, nth: usize, within: Option<Duration>) -> Kept {
    let row = &ROWS[nth];
    let mut kept = taken(door, row, within).await;
    kept.extend(early(door, row, within).await);
    kept.extend(refused(door, row, nth).await);
    kept
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_of_event_is_taken_once_and_only_from_its_provider() {
    let rows: BTreeSet<(String, String)> = ROWS.iter().map(|r| (r.provider.into(), r.kind.into())).collect();
    assert_eq!(rows.len(), ROWS.len(), "a type has two rows");
    assert_eq!(rows, types(), "the rows are not the types that the manifests name");
    let of_signatures = ROWS.iter().filter(|row| row.provider == "contract_signatures");
    assert!(of_signatures.map(|row| row.status).all(|status| CONTRACT_SIGNATURES_ACKS.contains(&status)));
    let within: BTreeMap<String, Option<Duration>> = engross_providers::describe_builtin()
        .into_iter()
        .map(|p| (p.name, p.webhooks.and_then(|w| w.ack_within_ms).map(Duration::from_millis)))
        .collect();
    assert_eq!(within["paperlex"], Some(Duration::from_secs(2)));

    let (door, mut serve) = Door::new().await;
    let (gate, mut rows) = (Arc::new(Semaphore::new(AT_ONCE)), JoinSet::new());
    for (nth, row) in ROWS.iter().enumerate() {
        let (door, gate, within) = (door.clone(), gate.clone(), within[row.provider]);
        rows.spawn(async move {
            let _turn = gate.acquire().await.unwrap();
            check_row(&door, nth, within).await
        });
    }
    let mut kept = Kept::new();
    while let Some(done) = rows.join_next().await {
        kept.extend(done.unwrap());
    }
    let health = door.lab.http.get(format!("http://{}/healthz", door.lab.listen)).send().await.unwrap();
    assert!(health.status().is_success());
    let ended = Command::new("kill").args(["-TERM", &serve.0.id().to_string()]).status().unwrap();
    assert!(ended.success() && serve.0.wait().unwrap().success());
    check_inbox(&door, &kept);
    let events: usize = kept.values().map(Vec::len).sum();
    println!("{} types of event; {} topics, {events} events kept", ROWS.len(), kept.len());
}

fn check_inbox(door: &Door, kept: &Kept) {
    let holder = Holder::this_process("engross tests", Timestamp::from_millis(0));
    let store = SledStore::open(&door.lab.path("data"), holder).unwrap();
    for (topic, kinds) in kept {
        let query = InboxQuery::Topic { topic: topic.clone(), since: Timestamp::from_millis(0) };
        let entries = store.inbox(&query).unwrap();
        let mut found: Vec<String> = entries.iter().map(|entry| entry.event.kind.clone()).collect();
        found.sort();
        assert_eq!(&found, kinds, "{topic}");
        let source = topic.split(':').next().unwrap();
        assert!(entries.iter().all(|entry| entry.source == source), "{topic}: {entries:#?}");
    }
}

//! A server that answers by script and keeps the bytes of each request; contexts and files for steps.

use async_trait::async_trait;
use bytes::Bytes;
use engross_providers::from_yaml;
use engross_step_api::{
    Connection, Directory, FileRef, Files, FilesError, IdempotencyKey, Person, Provider, RunId, Setting, Step,
    StepContext, StepId, Timestamp, WebhookSettings,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// 2023-11-14T22:13:20.123Z.
pub(crate) const STARTED: Timestamp = Timestamp::from_millis(1_700_000_000_123);
pub(crate) const API_KEY: &str = "key-0123456789";

/// One answer of the script.
#[derive(Clone, Debug)]
pub(crate) enum Say {
    /// This status and document.
    Json(u16, Value),
    /// These bytes as they are.
    Raw(Vec<u8>),
    /// Nothing: the connection is closed after the request has been read.
    Drop,
    /// Nothing, and the connection stays open.
    Hang,
}

impl Say {
    pub(crate) fn ok(document: Value) -> Self {
        Self::Json(200, document)
    }

    pub(crate) fn with(status: u16, headers: &str, body: &[u8]) -> Self {
        let length = body.len();
        let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n");
        Self::Raw([head.as_bytes(), body].concat())
    }

    fn bytes(self) -> Vec<u8> {
        match self {
            Self::Json(status, document) => {
                match Self::with(status, "content-type: application/json\r\n", document.to_string().as_bytes()) {
                    Self::Raw(bytes) => bytes,
                    _ => Vec::new(),
                }
            }
            Self::Raw(bytes) => bytes,
            Self::Drop | Self::Hang => Vec::new(),
        }
    }
}

/// A server on a free loopback port that gives the answers of its script in order, and 599 after the last.
pub(crate) struct Server {
    pub(crate) address: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) async fn start(script: Vec<Say>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&requests);
        tokio::spawn(async move {
            let mut script = script.into_iter();
            let mut hanging = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let request = read(&mut stream).await;
                kept.lock().expect("no poison").push(request);
                match script.next().unwrap_or(Say::Json(599, json!({"message": "the script is over"}))) {
                    Say::Hang => hanging.push(stream),
                    say => {
                        let _ = stream.write_all(&say.bytes()).await;
                        let _ = stream.shutdown().await;
                    }
                }
            }
        });
        Self { address, requests }
    }

    /// The requests so far, as they were on the wire but for the port and with sorted headers.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("no poison").iter().map(|text| text.replace(&self.address, "HOST")).collect()
    }

    /// Only the first lines of the requests.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.requests().iter().map(|text| text.lines().next().unwrap_or_default().to_string()).collect()
    }
}

async fn read(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
            if body.len() >= length.unwrap_or(0) {
                return tidy(head, body);
            }
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return text,
            Ok(read) => bytes.extend_from_slice(&buffer[..read]),
        }
    }
}

fn tidy(head: &str, body: &str) -> String {
    let mut lines: Vec<&str> = head.lines().collect();
    lines[1..].sort_unstable();
    format!("{}\n\n{body}", lines.join("\n")).trim_end().to_string()
}

/// Files in memory.
#[derive(Default)]
pub(crate) struct Memory(pub(crate) Mutex<BTreeMap<String, Bytes>>);

#[async_trait]
impl Files for Memory {
    async fn put(&self, content: Bytes, media_type: &str, name: Option<&str>) -> Result<FileRef, FilesError> {
        let sha256 = hex::encode(Sha256::digest(&content));
        let size = content.len() as u64;
        self.0.lock().expect("no poison").insert(sha256.clone(), content);
        Ok(FileRef { sha256, size, media_type: media_type.to_string(), name: name.map(str::to_string) })
    }

    async fn get(&self, sha256: &str) -> Result<Bytes, FilesError> {
        let kept = self.0.lock().expect("no poison").get(sha256).cloned();
        kept.ok_or_else(|| FilesError::NotFound(sha256.to_string()))
    }

    async fn publish(&self, _file: &FileRef, path: &str) -> Result<String, FilesError> {
        Err(FilesError::Unavailable(path.to_string()))
    }
}

pub(crate) fn install_crypto() {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

/// Every manifest's text, by its provider's name.
pub(crate) const MANIFESTS: [(&str, &str); 5] = [
    ("contract_signatures", include_str!("../../manifests/contract_signatures.yaml")),
    ("docjuris", include_str!("../../manifests/docjuris.yaml")),
    ("juro", include_str!("../../manifests/juro.yaml")),
    ("juro_v2", include_str!("../../manifests/juro_v2.yaml")),
    ("paperlex", include_str!("../../manifests/paperlex.yaml")),
];

/// A provider of its own for each caller, so that tests share no limits; only its manifest is read.
pub(crate) fn provider(name: &str) -> Arc<dyn Provider> {
    let (_, text) = MANIFESTS.into_iter().find(|(known, _)| *known == name).expect(name);
    from_yaml(name, text).map_err(|found| format!("{name}: {found:?}")).expect("a good manifest")
}

pub(crate) fn step(provider: &dyn Provider, name: &str) -> Arc<dyn Step> {
    let uses = format!("{}/{name}", provider.name());
    provider.steps().into_iter().find(|step| step.spec().uses == uses).expect(&uses)
}

pub(crate) fn connection(provider: &str, base_url: &str) -> Connection {
    Connection {
        name: provider.to_string(),
        provider: provider.to_string(),
        base_url: Some(base_url.parse().expect(base_url)),
        settings: settings(provider),
        webhook: WebhookSettings::default(),
        concurrency: 4,
        settle_ms: 0,
    }
}

fn settings(provider: &str) -> BTreeMap<String, Setting> {
    let setting = |name: &str, value: &str| (name.to_string(), Setting::Secret(value.into()));
    let plain = |name: &str, value: &str| (name.to_string(), Setting::Plain(value.to_string()));
    match provider {
        "paperlex" => BTreeMap::from([setting("token", API_KEY), plain("public_token", "public-0123")]),
        "docjuris" => BTreeMap::from([plain("account_id", "account-1"), setting("api_key", API_KEY)]),
        _ => BTreeMap::from([setting("api_key", API_KEY)]),
    }
}

pub(crate) fn context(connection: Connection) -> StepContext {
    context_with(connection, Arc::new(Memory::default()))
}

pub(crate) fn context_with(connection: Connection, files: Arc<Memory>) -> StepContext {
    install_crypto();
    let (run, step) = (RunId::new("018f-run"), StepId::new("a_step"));
    let key = IdempotencyKey::of(&run, &step, 0);
    StepContext {
        run,
        step,
        attempt: 1,
        key,
        run_started_at: STARTED,
        now: STARTED,
        requester: Person::new("rita@example.com"),
        connection: Some(Arc::new(connection)),
        files,
        directory: Arc::new(Directory::default()),
        child: None,
        policy: None,
    }
}

/// The base path of each provider's addresses.
pub(crate) fn base(provider: &str, server: &Server) -> String {
    let path = match provider {
        "juro" => "v3",
        "juro_v2" => "v2",
        "contract_signatures" => "webapi",
        _ => "v1",
    };
    format!("http://{}/{path}", server.address)
}

/// A step of a provider, a server with this script, and a context that leads to it.
pub(crate) async fn stage(provider_name: &str, name: &str, script: Vec<Say>) -> (Arc<dyn Step>, Server, StepContext) {
    let server = Server::start(script).await;
    let context = context(connection(provider_name, &base(provider_name, &server)));
    (step(provider(provider_name).as_ref(), name), server, context)
}

/// Executes a step and tells how it ended.
pub(crate) async fn told(provider_name: &str, name: &str, input: Value, script: Vec<Say>) -> String {
    let (step, _server, context) = stage(provider_name, name, script).await;
    check_input(step.as_ref(), &input);
    match step.execute(&context, &input).await {
        Ok(engross_step_api::StepResult::Done(done)) => format!("{}: {:#}", done.outcome, done.outputs),
        other => format!("{other:#?}"),
    }
}

/// What looking for an earlier attempt finds, in words, and the requests that it took.
pub(crate) async fn looked(provider: &str, name: &str, input: Value, script: Vec<Say>) -> (String, Vec<String>) {
    let (step, server, context) = stage(provider, name, script).await;
    check_input(step.as_ref(), &input);
    let found = match step.reconcile(&context, &input).await {
        Ok(engross_step_api::Reconciled::NotDone) => "not done".to_string(),
        Ok(engross_step_api::Reconciled::Done(done)) => format!("done {}", done.outputs),
        Err(error) => {
            assert_eq!(error.effect, engross_step_api::EffectState::Unknown, "a failed look leaves the doubt: {error}");
            format!("{}: {}", error.class.as_str(), error.message)
        }
    };
    (found, server.lines())
}

/// The error of a step with these answers: its class, what is said about the effect, and its code.
pub(crate) async fn failed(provider: &str, name: &str, input: Value, script: Vec<Say>) -> String {
    let (step, _server, context) = stage(provider, name, script).await;
    let error = step.execute(&context, &input).await.expect_err("an error");
    format!("{} {:?} {}", error.class.as_str(), error.effect, error.code)
}

/// A test's own input must be one that the engine would let through.
pub(crate) fn check_input(step: &dyn Step, input: &Value) {
    let validator = jsonschema::options().should_validate_formats(true).build(&step.spec().input).expect("a schema");
    let problems: Vec<String> = validator.iter_errors(input).map(|error| error.to_string()).collect();
    assert_eq!(problems, Vec::<String>::new(), "{input}");
}

/// A v3 contract of this status.
pub(crate) fn contract(id: &str, status: &str) -> Value {
    json!({"contract": {
        "id": id,
        "name": "NDA - Acme",
        "createdDate": "2023-11-14T22:13:21.000Z",
        "updatedDate": "2023-11-14T22:13:22.000Z",
        "status": status,
        "fields": [
            {"uid": "f1", "title": "Counterparty Legal Name", "type": "text", "value": ""},
            {"uid": "f2", "title": "Term", "type": "number", "value": "12"},
        ],
        "signingSides": [
            {"uid": "s1", "name": "Us", "signatures": [{"uid": "g1", "username": "olive@example.com"}]},
            {"uid": "s2", "name": "Counterparty", "signatures": [{"uid": "g2", "email": null, "name": null}]},
        ],
    }})
}

/// A v3 template.
pub(crate) fn template() -> Value {
    json!({"template": {
        "id": "t1",
        "name": "Mutual NDA",
        "fields": [
            {"uid": "f1", "title": "Counterparty Legal Name", "type": "text"},
            {"uid": "f2", "title": "Term", "type": "number"},
        ],
        "questions": [{"uid": "q1", "title": "What is the legal name of the other party?", "fieldUid": "f1"}],
        "signingSides": [
            {"uid": "s1", "name": "Us", "signatures": [{"uid": "g1"}]},
            {"uid": "s2", "name": "Counterparty", "signatures": [{"uid": "g2"}]},
        ],
    }})
}

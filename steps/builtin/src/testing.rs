//! What the tests of all steps share: a context, files in memory, schema checks, and servers on loopback that behave badly
//! on purpose.

use crate::HttpPolicy;
use crate::egress::Egress;
use crate::limits::{ATTEMPT_TIMEOUT, CONNECT_TIMEOUT};
use async_trait::async_trait;
use axum::Router;
use bytes::Bytes;
use engross_step_api::{
    Directory, FileRef, Files, FilesError, IdempotencyKey, Person, RunId, Step, StepContext, StepError, StepId,
    StepResult, Timestamp,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A path at which the file store is out of order.
pub(crate) const UNAVAILABLE_PATH: &str = "out/of/order";

/// Groups `legal` (lena, omar) and `leads` (gc, lena).
pub(crate) fn directory() -> Directory {
    let group = |names: &[&str]| names.iter().map(|name| Person::new(format!("{name}@x.example"))).collect();
    Directory::new(BTreeMap::from([
        ("legal".to_string(), group(&["lena", "omar"])),
        ("leads".to_string(), group(&["gc", "lena"])),
    ]))
}

/// The step `it` of run `r1`, asked for by ada, at 2023-11-14T22:13:20Z, with empty files.
pub(crate) fn context() -> StepContext {
    let (run, step) = (RunId::new("r1"), StepId::new("it"));
    StepContext {
        key: IdempotencyKey::of(&run, &step, 0),
        run,
        step,
        attempt: 1,
        run_started_at: Timestamp::from_millis(1_700_000_000_000),
        now: Timestamp::from_millis(1_700_000_000_000),
        requester: Person::new("ada@x.example"),
        connection: None,
        files: Arc::new(MemoryFiles::default()),
        directory: Arc::new(directory()),
        child: None,
        policy: None,
    }
}

#[derive(Default)]
struct MemoryFiles {
    kept: Mutex<BTreeMap<String, Bytes>>,
    published: Mutex<BTreeMap<String, String>>,
}

#[async_trait]
impl Files for MemoryFiles {
    async fn put(&self, content: Bytes, media_type: &str, name: Option<&str>) -> Result<FileRef, FilesError> {
        let sha256 = hex::encode(Sha256::digest(&content));
        let size = content.len() as u64;
        self.kept.lock().unwrap().insert(sha256.clone(), content);
        Ok(FileRef { sha256, size, media_type: media_type.to_string(), name: name.map(str::to_string) })
    }

    async fn get(&self, sha256: &str) -> Result<Bytes, FilesError> {
        let kept = self.kept.lock().unwrap().get(sha256).cloned();
        kept.ok_or_else(|| FilesError::NotFound(sha256.to_string()))
    }

    async fn publish(&self, file: &FileRef, path: &str) -> Result<String, FilesError> {
        if path == UNAVAILABLE_PATH {
            return Err(FilesError::Unavailable("disk full".to_string()));
        }
        if path.contains("..") {
            return Err(FilesError::Path { path: path.to_string(), reason: "it leaves the folder".to_string() });
        }
        self.get(&file.sha256).await?;
        let mut published = self.published.lock().unwrap();
        let holds = published.entry(path.to_string()).or_insert_with(|| file.sha256.clone());
        if *holds != file.sha256 {
            return Err(FilesError::Taken { path: path.to_string(), holds: holds.clone() });
        }
        Ok(format!("files/{path}"))
    }
}

/// A result as one line: what came of it, and for errors everything a person or the engine acts on.
pub(crate) fn describe(result: &Result<StepResult, StepError>) -> String {
    match result {
        Ok(StepResult::Done(done)) => format!("{} {}", done.outcome, done.outputs),
        Ok(other) => format!("{other:?}"),
        Err(error) => {
            let mut text = format!("{error} {:?} {:?}", error.fault, error.effect);
            if let Some(ms) = error.retry_after_ms {
                text.push_str(&format!(" retry after {ms} ms"));
            }
            if let Some(hint) = &error.hint {
                text.push_str(&format!(" hint: {hint}"));
            }
            text
        }
    }
}

/// Whether an input fits the step's schema, and where it does not first.
pub(crate) fn check_schema(step: &dyn Step, with: Value, expected: &str) {
    let validator = jsonschema::draft202012::new(&step.spec().input).unwrap();
    let answer = match validator.iter_errors(&with).next() {
        None => "fits".to_string(),
        Some(error) => {
            let path = error.instance_path().to_string();
            format!("refused at {}", if path.is_empty() { "/" } else { &path })
        }
    };
    assert_eq!(answer, expected, "{with}");
}

/// That outputs are what the step promises.
pub(crate) fn check_output(step: &dyn Step, outputs: &Value) {
    let validator = jsonschema::draft202012::new(&step.spec().output).unwrap();
    let problems: Vec<String> = validator.iter_errors(outputs).map(|error| error.to_string()).collect();
    assert!(problems.is_empty(), "{problems:?} in {outputs}");
}

/// Makes TLS usable in this process, as the binary does.
pub(crate) fn install_tls() {
    // Another test of this process may have done so.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// A guard that lets requests to this machine through.
pub(crate) fn egress() -> Arc<Egress> {
    egress_with_timeout(ATTEMPT_TIMEOUT)
}

/// The same, with less patience or more.
pub(crate) fn egress_with_timeout(attempt: Duration) -> Arc<Egress> {
    install_tls();
    let policy = HttpPolicy { allow: vec!["127.0.0.1".to_string()] };
    Arc::new(Egress::with_timeouts(&policy, CONNECT_TIMEOUT, attempt).unwrap())
}

/// Serves a router on loopback until the test ends, and tells its address: `http://127.0.0.1:1234`.
pub(crate) async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

/// A server that reads a request, answers with these bytes and closes the connection.
pub(crate) async fn serve_bytes(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer).await;
        }
    });
    format!("http://{address}")
}

/// A server that resets every connection: it closes with most of the request unread, which the system answers so.
pub(crate) async fn serve_reset() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 1]).await;
        }
    });
    format!("http://{address}")
}

/// A server that takes connections and never answers, but keeps them open.
pub(crate) async fn serve_silence() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            open.push(stream);
        }
    });
    format!("http://{address}")
}

/// An address where nobody listens.
pub(crate) fn nobody() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// A description without the port, which differs from run to run.
pub(crate) fn without_port(text: &str, server: &str) -> String {
    text.replace(server, "http://server")
}

/// What a server saw of a request, for tests that answer with it.
pub(crate) fn seen(method: &str, uri: &str, headers: &axum::http::HeaderMap, body: &[u8]) -> Value {
    let shown = |name: &str| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    json!({
        "method": method, "uri": uri, "body": String::from_utf8_lossy(body),
        "content_type": shown("content-type"), "key": shown("idempotency-key"), "x": shown("x-custom"),
    })
}

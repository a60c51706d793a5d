//! A started sandbox with a client, and a receiver of webhooks.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use engross_sandbox::{Counters, Generation, Options, Sandbox, WebhookTarget};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// A small but whole PNG, in base64.
pub const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

pub struct Bench {
    pub sandbox: Sandbox,
    pub client: Client,
}

impl Bench {
    pub async fn start() -> Self {
        Self::with(Options::default()).await
    }

    pub async fn with(options: Options) -> Self {
        install_crypto();
        let sandbox = Sandbox::start(options).await.expect("a free loopback port");
        let client = Client::builder().no_proxy().redirect(Policy::none()).build().expect("a client");
        Self { sandbox, client }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.sandbox.addr())
    }

    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        self.client.request(method, self.url(path)).header("x-api-key", "sandbox-key")
    }

    pub async fn raw(&self, method: &str, path: &str) -> Response {
        self.request(method, path).send().await.expect("an answer")
    }

    /// One call with a JSON body (none when it is null), whose status must be as expected; returns the body.
    pub async fn call(&self, method: &str, path: &str, body: Value, status: u16) -> Value {
        let mut request = self.request(method, path);
        if !body.is_null() {
            request = request.json(&body);
        }
        let response = request.send().await.expect("an answer");
        let found = response.status().as_u16();
        let text = response.text().await.expect("a whole body");
        assert_eq!(found, status, "{method} {path} answered {text}");
        serde_json::from_str(&text).expect("a JSON body")
    }

    pub async fn get(&self, path: &str) -> Value {
        self.call("GET", path, Value::Null, 200).await
    }

    /// A call that must be refused with exactly this status and message.
    pub async fn refused(&self, method: &str, path: &str, body: Value, status: u16, message: &str) {
        let answer = self.call(method, path, body, status).await;
        assert_eq!(answer, json!({"message": message}), "{method} {path}");
    }

    /// A v3 mutual NDA of that name; returns the contract.
    pub async fn nda(&self, name: &str) -> Value {
        let body = json!({"templateId": "mutual-nda", "contract": {"name": name}});
        self.call("POST", "/juro/v3/contracts", body, 200).await["contract"].clone()
    }

    /// Sends a v3 NDA to its counterparty.
    pub async fn send_nda(&self, id: &str) {
        let path = format!("/juro/v3/contracts/{id}/signing-request/nda-side-counterparty");
        self.call("POST", &path, json!({"message": "Please sign."}), 200).await;
    }

    pub async fn status(&self, id: &str) -> String {
        self.get(&format!("/juro/v3/contracts/{id}")).await["contract"]["status"].as_str().expect("a status").to_owned()
    }

    pub fn counters(&self) -> Counters {
        self.sandbox.counters()
    }
}

pub fn install_crypto() {
    // Another test of this process may have been first.
    drop(rustls::crypto::ring::default_provider().install_default());
}

pub fn id(contract: &Value) -> &str {
    contract["id"].as_str().expect("an id")
}

/// One webhook as it arrived.
pub struct Delivery {
    pub headers: HeaderMap,
    pub raw: Bytes,
    pub body: Value,
}

impl Delivery {
    /// The body as a form.
    pub fn form(&self) -> BTreeMap<String, String> {
        assert_eq!(self.headers["content-type"], "application/x-www-form-urlencoded");
        url::form_urlencoded::parse(&self.raw).into_owned().collect()
    }

    pub fn event(&self) -> &str {
        self.body["event"]["type"].as_str().expect("an event type")
    }
}

/// A server that takes webhooks.
pub struct Receiver {
    pub url: String,
    deliveries: mpsc::UnboundedReceiver<Delivery>,
}

impl Receiver {
    /// Answers with the given statuses in turn, then with 200.
    pub async fn start(statuses: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        let (sender, deliveries) = mpsc::unbounded_channel();
        let answers = Arc::new(Mutex::new(VecDeque::from(statuses.to_vec())));
        let take = move |headers: HeaderMap, raw: Bytes| async move {
            // Paperlex sends forms.
            let body = serde_json::from_slice(&raw).unwrap_or(Value::Null);
            sender.send(Delivery { headers, raw, body }).expect("the test still listens");
            let status = answers.lock().expect("no panic while locked").pop_front().unwrap_or(200);
            StatusCode::from_u16(status).expect("a status")
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(take)).await });
        Self { url, deliveries }
    }

    pub fn target(&self, generation: Generation) -> WebhookTarget {
        WebhookTarget { url: self.url.clone(), secret: None, generation }
    }

    pub async fn next(&mut self) -> Delivery {
        self.deliveries.recv().await.expect("the receiver runs")
    }

    /// The types of the next events.
    pub async fn events(&mut self, count: usize) -> Vec<String> {
        let mut events = Vec::new();
        for _ in 0..count {
            events.push(self.next().await.event().to_owned());
        }
        events
    }
}

/// A text for a snapshot: ids and tokens, which differ from run to run, are masked.
pub fn masked(text: &str) -> String {
    let mut masked = String::new();
    let mut digits = String::new();
    for letter in text.chars().chain(['\n']) {
        if letter.is_ascii_digit() || ('a'..='f').contains(&letter) {
            digits.push(letter);
            continue;
        }
        match digits.len() {
            24 => masked.push_str("[id]"),
            32 => masked.push_str("[token]"),
            _ => masked.push_str(&digits),
        }
        digits.clear();
        masked.push(letter);
    }
    masked
}

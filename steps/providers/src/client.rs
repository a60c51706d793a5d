//! The HTTP client: one request out, one bounded answer in, and for every failure whether the request may have arrived.
//!
//! It follows no redirect, uses no proxy of the environment and repeats nothing: what an answer means and whether to
//! try again is decided elsewhere.

use crate::limits::{CONNECT_TIMEOUT, IDLE_TIMEOUT, REFUSAL_BYTES_MAX};
use bytes::{Bytes, BytesMut};
use reqwest::header::HeaderMap;
use reqwest::{Method, redirect};
use std::error::Error;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use url::Url;

/// The HTTP client of a set of providers. It is built with the first request, after the binary has chosen the process's
/// default provider of cryptography; clones share it and its connections.
#[derive(Clone, Debug, Default)]
pub struct Client {
    built: Arc<OnceLock<Result<reqwest::Client, String>>>,
}

/// A request, ready to be sent.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Bytes>,
    /// For the whole exchange.
    pub(crate) timeout: Duration,
    /// How large a good answer may be.
    pub(crate) answer_bytes_max: usize,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Why nothing came back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// There is no client: a fault of ours.
    NoClient(String),
    /// The request certainly did not arrive.
    NotSent(String),
    /// It took too long; the request may have arrived.
    TimedOut(Duration),
    /// The answer broke off or never began; the request may have arrived.
    Lost(String),
    /// A good answer of more bytes than are taken; the request arrived.
    TooLarge(usize),
}

impl Client {
    /// A client that is not built yet.
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) async fn send(&self, request: Outgoing) -> Result<Answer, Failure> {
        let client = self.built.get_or_init(build).as_ref().map_err(|why| Failure::NoClient(why.clone()))?;
        let timeout = request.timeout;
        let mut builder = client.request(request.method, request.url).headers(request.headers).timeout(timeout);
        if let Some(body) = request.body {
            builder = builder.body(body);
        }
        let mut response = builder.send().await.map_err(|error| failure(error, timeout))?;
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        let limit = if status.is_success() { request.answer_bytes_max } else { REFUSAL_BYTES_MAX };
        let body = match read(&mut response, limit, timeout).await {
            Ok(body) => body,
            // A refusal is one, whatever became of its words.
            Err((_, begun)) if !status.is_success() => begun,
            Err((failure, _)) => return Err(failure),
        };
        Ok(Answer { status: status.as_u16(), headers, body })
    }
}

/// The body, or why it is not whole and what of it there is.
async fn read(response: &mut reqwest::Response, limit: usize, timeout: Duration) -> Result<Bytes, (Failure, Bytes)> {
    let mut body = BytesMut::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len().saturating_add(chunk.len()) > limit => {
                return Err((Failure::TooLarge(limit), body.freeze()));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body.freeze()),
            Err(error) => {
                let failure = match failure(error, timeout) {
                    // The head of the answer is here, so the request arrived.
                    Failure::NotSent(why) => Failure::Lost(why),
                    other => other,
                };
                return Err((failure, body.freeze()));
            }
        }
    }
}

fn build() -> Result<reqwest::Client, String> {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        return Err("no default provider of cryptography is installed in this process".to_string());
    }
    reqwest::Client::builder()
        .user_agent(concat!("engross/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .http1_only()
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .build()
        .map_err(|error| reasons(&error))
}

fn failure(error: reqwest::Error, timeout: Duration) -> Failure {
    let error = error.without_url();
    if error.is_connect() || error.is_builder() {
        Failure::NotSent(reasons(&error))
    } else if error.is_timeout() {
        Failure::TimedOut(timeout)
    } else {
        Failure::Lost(reasons(&error))
    }
}

/// An error with all its causes, the outermost first.
fn reasons(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

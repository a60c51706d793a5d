//! The API of an engine in another process.

use anyhow::{Context, Result, anyhow, bail};
use engross_core::{RunId, StepId};
use engross_runtime::RunView;
use engross_runtime::fsck::Report;
use engross_runtime::housekeeping::Compacted;
use engross_server::wire;
use reqwest::{Method, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::io::Write;
use std::time::Duration;

/// The longest that a copy or a check of a whole store may take.
const LONG: Duration = Duration::from_secs(24 * 3600);

/// A client of one engine.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

/// The engine answered with an error.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Refused {
    /// The HTTP status.
    pub status: u16,
    /// A short stable word.
    pub code: String,
    /// One sentence, with its hint.
    pub message: String,
    /// More.
    pub details: Value,
}

impl Client {
    /// A client of the engine at this URL. The token comes from `ENGROSS_TOKEN`.
    ///
    /// # Errors
    /// No HTTP client can be made.
    pub fn new(base: &str) -> Result<Self> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_secs(60))
            .build()
            .context("no HTTP client can be made")?;
        let token = std::env::var("ENGROSS_TOKEN").ok().filter(|t| !t.is_empty());
        Ok(Self { http, base: base.trim_end_matches('/').to_string(), token })
    }

    /// The same with this token.
    #[must_use]
    pub fn with_token(mut self, token: Option<String>) -> Self {
        self.token = token.or(self.token);
        self
    }

    /// Starts a run.
    ///
    /// # Errors
    /// The engine refused or does not answer; so for all calls.
    pub async fn start(&self, request: &wire::StartRun) -> Result<wire::StartedRun> {
        self.send(Method::POST, "/api/v1/runs", Some(request)).await
    }

    /// Lists runs. `query` is the query string, `?` included, or empty.
    ///
    /// # Errors
    /// As `start`.
    pub async fn runs(&self, query: &str) -> Result<wire::Runs> {
        self.get(&format!("/api/v1/runs{query}")).await
    }

    /// What starts runs by itself.
    ///
    /// # Errors
    /// As `start`.
    pub async fn triggers(&self) -> Result<wire::Triggers> {
        self.get("/api/v1/triggers").await
    }

    /// The connections and what their months have left.
    ///
    /// # Errors
    /// As `start`.
    pub async fn connections(&self) -> Result<wire::Connections> {
        self.get("/api/v1/connections").await
    }

    /// A run.
    ///
    /// # Errors
    /// As `start`.
    pub async fn run(&self, run: &RunId) -> Result<RunView> {
        self.get(&format!("/api/v1/runs/{}", segment(run.as_str()))).await
    }

    /// Records after a number; waits up to `wait` seconds for the first.
    ///
    /// # Errors
    /// As `start`.
    pub async fn journal(&self, run: &RunId, after: u64, wait: u64) -> Result<wire::Journal> {
        self.get(&format!("/api/v1/runs/{}/journal?after={after}&wait={wait}", segment(run.as_str()))).await
    }

    /// Gives a run up.
    ///
    /// # Errors
    /// As `start`.
    pub async fn cancel(&self, run: &RunId, request: &wire::CancelRun) -> Result<RunView> {
        self.send(Method::POST, &format!("/api/v1/runs/{}/cancel", segment(run.as_str())), Some(request)).await
    }

    /// What needs a person to go on; of one run, or of all.
    ///
    /// # Errors
    /// As `start`.
    pub async fn incidents(&self, run: Option<&RunId>) -> Result<wire::Incidents> {
        let query = run.map(|run| format!("?run={}", segment(run.as_str()))).unwrap_or_default();
        self.get(&format!("/api/v1/incidents{query}")).await
    }

    /// Has a step tried again.
    ///
    /// # Errors
    /// As `start`.
    pub async fn retry(&self, run: &RunId, step: &StepId, request: &wire::RetryStep) -> Result<RunView> {
        let path = format!("/api/v1/runs/{}/steps/{}/retry", segment(run.as_str()), segment(step.as_str()));
        self.send(Method::POST, &path, Some(request)).await
    }

    /// Says what became of a step.
    ///
    /// # Errors
    /// As `start`.
    pub async fn answer(&self, run: &RunId, step: &StepId, request: &wire::AnswerStep) -> Result<RunView> {
        let path = format!("/api/v1/runs/{}/steps/{}/answer", segment(run.as_str()), segment(step.as_str()));
        self.send(Method::POST, &path, Some(request)).await
    }

    /// Has a step and all that follows from it run again.
    ///
    /// # Errors
    /// As `start`.
    pub async fn rerun(&self, run: &RunId, request: &wire::RerunRun) -> Result<RunView> {
        self.send(Method::POST, &format!("/api/v1/runs/{}/rerun", segment(run.as_str())), Some(request)).await
    }

    /// What waits for a decision.
    ///
    /// # Errors
    /// As `start`.
    pub async fn approvals(&self) -> Result<wire::Approvals> {
        self.get("/api/v1/approvals").await
    }

    /// Decides.
    ///
    /// # Errors
    /// As `start`.
    pub async fn decide(&self, run: &RunId, step: &StepId, request: &wire::Decide) -> Result<wire::Decided> {
        let path = format!("/api/v1/runs/{}/steps/{}/decision", segment(run.as_str()), segment(step.as_str()));
        self.send(Method::POST, &path, Some(request)).await
    }

    /// Hands a decision on.
    ///
    /// # Errors
    /// As `start`.
    pub async fn delegate(&self, run: &RunId, step: &StepId, request: &wire::Delegate) -> Result<wire::Decided> {
        let path = format!("/api/v1/runs/{}/steps/{}/delegation", segment(run.as_str()), segment(step.as_str()));
        self.send(Method::POST, &path, Some(request)).await
    }

    /// Says that what is approved was changed.
    ///
    /// # Errors
    /// As `start`.
    pub async fn change_subject(
        &self,
        run: &RunId,
        step: &StepId,
        request: &wire::ChangeSubject,
    ) -> Result<wire::Decided> {
        let path = format!("/api/v1/runs/{}/steps/{}/subject", segment(run.as_str()), segment(step.as_str()));
        self.send(Method::POST, &path, Some(request)).await
    }

    /// Sends an event.
    ///
    /// # Errors
    /// As `start`.
    pub async fn send_event(&self, request: &wire::SendEvent) -> Result<wire::EventSent> {
        self.send(Method::POST, "/api/v1/events", Some(request)).await
    }

    /// Writes a copy of the whole store, or of what is sound of it, as it comes. When it breaks off at the engine, the last
    /// line is a [`wire::JobLine::Failed`].
    ///
    /// # Errors
    /// As `start`; or the copy broke off on its way, or where it goes did not take it.
    pub async fn export(&self, skip_damaged: bool, to: &mut (dyn Write + Send)) -> Result<()> {
        let path = format!("/api/v1/store/export?tell=true&skip_damaged={skip_damaged}");
        let mut response = self.long(Method::GET, &path).await?;
        while let Some(chunk) = response.chunk().await.context("the copy broke off")? {
            to.write_all(&chunk).context("the copy cannot be written")?;
        }
        Ok(())
    }

    /// Checks everything that is kept. `progress` is told how many runs have been looked at.
    ///
    /// # Errors
    /// As `start`; so for the next two.
    pub async fn verify(&self, progress: &mut (dyn FnMut(u64) + Send)) -> Result<Report> {
        self.job(Method::GET, "/api/v1/store/verify", progress).await
    }

    /// Checks the runs that are open.
    ///
    /// # Errors
    /// As `verify`.
    pub async fn fsck(&self, progress: &mut (dyn FnMut(u64) + Send)) -> Result<Report> {
        self.job(Method::GET, "/api/v1/fsck", progress).await
    }

    /// Compacts the store. `progress` is told how many rows have been copied.
    ///
    /// # Errors
    /// As `verify`.
    pub async fn compact(&self, progress: &mut (dyn FnMut(u64) + Send)) -> Result<Compacted> {
        self.job(Method::POST, "/api/v1/store/compact", progress).await
    }

    /// Something that takes its time, and says line by line how far it has come.
    async fn job<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<T> {
        let mut response = self.long(method, path).await?;
        let mut text: Vec<u8> = Vec::new();
        while let Some(chunk) = response.chunk().await.context("the engine broke off")? {
            text.extend_from_slice(&chunk);
            while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = text.drain(..=end).collect();
                let line = serde_json::from_slice(&line).context("this did not answer like an Engross engine")?;
                match line {
                    wire::JobLine::Progress { done } => progress(done),
                    wire::JobLine::Done(answer) => return Ok(answer),
                    wire::JobLine::Failed { message, .. } => bail!("{message}"),
                }
            }
        }
        bail!("the engine ended before it was done")
    }

    /// A request whose answer may take as long as it takes.
    async fn long(&self, method: Method, path: &str) -> Result<Response> {
        let request = self.http.request(method, format!("{}{path}", self.base)).timeout(LONG);
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let response = request.send().await.with_context(|| format!("the engine at {} does not answer", self.base))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let bytes = response.bytes().await.with_context(|| format!("the engine at {} broke off", self.base))?;
        Err(refused(status, &bytes))
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.send(Method::GET, path, None::<&()>).await
    }

    async fn send<T: DeserializeOwned>(&self, method: Method, path: &str, body: Option<&impl Serialize>) -> Result<T> {
        let url = format!("{}{path}", self.base);
        let mut request = self.http.request(method, &url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.with_context(|| format!("the engine at {} does not answer", self.base))?;
        let status = response.status();
        let bytes = response.bytes().await.with_context(|| format!("the engine at {} broke off", self.base))?;
        if status.is_success() {
            return serde_json::from_slice(&bytes)
                .with_context(|| format!("{url} did not answer like an Engross engine"));
        }
        Err(refused(status, &bytes))
    }
}

fn refused(status: StatusCode, bytes: &[u8]) -> anyhow::Error {
    let body: Value = serde_json::from_slice(bytes).unwrap_or(Value::Null);
    let error = &body["error"];
    let Some(message) = error["message"].as_str() else {
        return anyhow!("the engine answered with status {status}");
    };
    let message = match error["hint"].as_str() {
        Some(hint) => format!("{message}\n  hint: {hint}"),
        None => message.to_string(),
    };
    let code = error["code"].as_str().unwrap_or("").to_string();
    anyhow::Error::new(Refused { status: status.as_u16(), code, message, details: error["details"].clone() })
}

/// A path segment of an id that a person typed: whatever is not plainly part of one is encoded.
pub fn segment(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}

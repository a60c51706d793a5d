//! One use of a connection: its settings, the run it is for, and calls of operations over it.

use super::body::{self, Body, Content};
use super::fit::Skew;
use super::paging::Reach;
use super::scrub::Scrubber;
use super::{Core, budget, paging, reply, request};
use crate::client::Outgoing;
use crate::limits::{FILE_BYTES_MAX, JSON_BYTES_MAX};
use crate::manifest::{Call, Decode, Manifest, Operation, Pace};
use crate::template::{Scope, instant_ms};
use bytes::Bytes;
use engross_step_api::{
    Connection, EffectClass, ErrorClass, Fault, Files, FilesError, StepContext, StepError, Timestamp,
};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};
use std::sync::{Mutex, PoisonError};
use tokio::time::Instant;
use url::Url;

/// One use of a connection.
pub(super) struct Session<'a> {
    pub(super) core: &'a Core,
    pub(super) scrubber: Scrubber,
    pub(super) files: &'a dyn Files,
    /// What every template may name: `config`, `webhook`, `callback`, `run`, `step`.
    globals: Map<String, Value>,
    key: &'a str,
    /// Who the attempt belongs to, for the log.
    pub(super) run: &'a str,
    pub(super) step: &'a str,
    pub(super) connection: &'a str,
    base: Url,
    /// Whether requests go where the manifest says, so that its limits are about them.
    is_at_home: bool,
    /// When the attempt began.
    pub(super) now: Timestamp,
    /// The same by a clock that nobody sets.
    begun: Instant,
    /// What the last reply that told its time said of the provider's clock.
    skew: Mutex<Skew>,
    /// Whether it looks for a wait, or for nobody in particular, so that it could be later.
    polls: bool,
    /// How many requests the connection has in a month.
    per_month: Option<u64>,
}

impl<'a> Session<'a> {
    /// A session for an attempt of a step.
    pub(super) fn new(core: &'a Core, context: &'a StepContext) -> Result<Self, StepError> {
        let manifest = &core.manifest;
        let Some(connection) = context.connection.as_deref() else {
            let message = format!("the step needs a connection to `{}` and was given none", manifest.name);
            return Err(StepError::new(ErrorClass::Internal, "no_connection", message));
        };
        let mut globals = settings(manifest, connection);
        globals.insert(
            "run".to_string(),
            json!({"id": context.run.as_str(), "started_at": context.run_started_at.to_string()}),
        );
        globals.insert(
            "step".to_string(),
            json!({
                "id": context.step.as_str(),
                "attempt": context.attempt,
                "key": context.key.as_str(),
                "started_at": context.now.to_string(),
            }),
        );
        let base = base_url(manifest, connection)?;
        Ok(Self {
            core,
            scrubber: Scrubber::of(connection, manifest),
            files: context.files.as_ref(),
            globals,
            key: context.key.as_str(),
            run: context.run.as_str(),
            step: context.step.as_str(),
            connection: &connection.name,
            is_at_home: manifest.environments.values().any(|url| *url == base),
            base,
            now: context.now,
            begun: Instant::now(),
            skew: Mutex::new(Skew::default()),
            polls: false,
            per_month: budget::limit(manifest, connection),
        })
    }

    /// The same for a look that could be later.
    pub(super) fn polling(self) -> Self {
        Self { polls: true, ..self }
    }

    /// Whether a wait may look by itself now, by what is left of the connection's month.
    pub(super) fn may_poll(&self, wait: &str, every_ms: u64) -> Result<(), StepError> {
        let turn = self.core.ledger.may_poll(self.connection, self.per_month, wait, every_ms, self.now);
        turn.map_err(|ms| self.held_back(ms))
    }

    /// Whether anything is left of the connection's month for what can wait.
    pub(super) fn has_room(&self) -> Result<(), StepError> {
        let room = self.core.ledger.has_room(self.connection, self.per_month, self.now);
        room.map_err(|ms| self.held_back(ms))
    }

    fn held_back(&self, ms: u64) -> StepError {
        let budget = self.core.ledger.budget(self.connection, self.per_month, self.now);
        let message = format!(
            "no look before {}: the connection `{}` has used {} of its {} requests of {}",
            self.now.plus_ms(ms),
            self.connection,
            budget.used,
            budget.limit.unwrap_or_default(),
            budget.month,
        );
        StepError::new(ErrorClass::RateLimited, "budget", message).retry_after_ms(Some(ms))
    }

    /// By how much our clock is ahead of the provider's, by the last reply that told.
    pub(super) fn skew(&self) -> Skew {
        *self.skew.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `run` and `step` with times that are so much earlier: by a clock that is so much behind ours.
    pub(super) fn times_before(&self, ms: i64) -> Map<String, Value> {
        let mut names = Map::new();
        for name in ["run", "step"] {
            let Some(mut value) = self.globals.get(name).cloned() else { continue };
            if let Some(time) = value.get_mut("started_at") {
                let at = instant_ms(time).map(|at| Timestamp::from_millis(at.saturating_sub(ms)).to_string());
                *time = at.map_or(Value::Null, Value::from);
            }
            names.insert(name.to_string(), value);
        }
        names
    }

    /// The names of the session alone.
    pub(super) fn scope(&self) -> Scope<'_> {
        Scope::new(&self.globals, false)
    }

    /// Whether the connection has the settings that only some operations need.
    pub(super) fn needs(&self, operation: &Operation) -> Result<(), StepError> {
        self.needs_settings(&format!("`{}`", operation.name), &operation.needs)
    }

    /// Whether the connection has these settings.
    pub(super) fn needs_settings(&self, what: &str, needs: &[String]) -> Result<(), StepError> {
        let lacks = |name: &&String| {
            let setting = self.globals.get("config").and_then(|config| config.get(*name)).and_then(Value::as_str);
            setting.is_none_or(|setting| setting.trim().is_empty())
        };
        let missing: Vec<String> = needs.iter().filter(lacks).map(|name| format!("`{name}`")).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let message = format!("{what} needs {} of the connection `{}`", missing.join(", "), self.connection);
        Err(StepError::new(ErrorClass::Auth, "setting", message).hint("add it to the connection in engross.yaml"))
    }

    /// An operation of the manifest. The loader has seen to it that it is there.
    pub(super) fn operation(&self, name: &str) -> Result<&'a Operation, StepError> {
        self.core.manifest.operations.get(name).map(AsRef::as_ref).ok_or_else(|| {
            StepError::new(ErrorClass::Internal, "no_operation", format!("the manifest has no operation `{name}`"))
        })
    }

    /// A call that the manifest makes by itself: a list is read to its end.
    pub(super) async fn made(&self, call: &Call, scope: &Scope<'_>) -> Result<reply::Reply, StepError> {
        self.reaching(call, scope, Reach::All).await
    }

    /// The same, so that what is not in the list is not there.
    pub(super) async fn made_for_certain(&self, call: &Call, scope: &Scope<'_>) -> Result<reply::Reply, StepError> {
        self.reaching(call, scope, Reach::Certain).await
    }

    async fn reaching(&self, call: &Call, scope: &Scope<'_>, reach: Reach) -> Result<reply::Reply, StepError> {
        let operation = self.operation(&call.operation)?;
        let input = call.input.eval_object(scope).map_err(|problem| bad_input(operation, &problem))?;
        let names = Map::from_iter([("input".to_string(), input)]);
        let globals = self.scope();
        self.call(operation, &globals.with(&names), reach).await
    }

    /// The same, but nothing where an input that the call needs is absent.
    pub(super) async fn made_if_possible(
        &self,
        call: &Call,
        scope: &Scope<'_>,
    ) -> Result<Option<reply::Reply>, StepError> {
        let operation = self.operation(&call.operation)?;
        let input = call.input.eval_object(scope).map_err(|problem| bad_input(operation, &problem))?;
        let required = operation.input.get("required").and_then(Value::as_array);
        let mut required = required.into_iter().flatten().filter_map(Value::as_str);
        if required.any(|name| input.get(name).is_none()) {
            return Ok(None);
        }
        self.made(call, scope).await.map(Some)
    }

    /// An operation with its inputs, and what was looked up for it, in scope.
    pub(super) async fn call(
        &self,
        operation: &Operation,
        scope: &Scope<'_>,
        reach: Reach,
    ) -> Result<reply::Reply, StepError> {
        match &operation.paging {
            Some(paging) => paging::read(self, operation, paging, scope, reach).await,
            None => self.once(operation, scope).await,
        }
    }

    /// One request.
    pub(super) async fn once(&self, operation: &Operation, scope: &Scope<'_>) -> Result<reply::Reply, StepError> {
        let key = (operation.effect != EffectClass::Read).then_some(self.key);
        if operation.browser {
            return self.page(operation, scope).await;
        }
        let request = request::build(&self.core.manifest, operation, self.base.as_str(), scope, key)?;
        let body = self.bytes(operation, request.body).await?;
        let outgoing = self.outgoing(operation, request.url, request.headers, body)?;
        self.turn(operation).await?;
        tracing::debug!(operation = %operation.name, method = %outgoing.method, "a provider is called");
        self.core.ledger.count(self.connection, self.now, self.polls);
        let answer = self.core.client.send(outgoing).await.map_err(|failure| reply::lost(self, operation, failure))?;
        if let Some(theirs) = reply::date_ms(&answer.headers) {
            let ours = self.now.plus_ms(u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX));
            *self.skew.lock().unwrap_or_else(PoisonError::into_inner) = Skew::between(ours.as_millis(), theirs);
        }
        reply::read(self, operation, answer, scope).await
    }

    /// The page for a person's browser, kept as a file: nobody is called.
    async fn page(&self, operation: &Operation, scope: &Scope<'_>) -> Result<reply::Reply, StepError> {
        let page = request::page(operation, self.base.as_str(), scope)?;
        let (media_type, name) = reply::described(operation, None, None, scope);
        let kept = self.files.put(page.into(), media_type.as_deref().unwrap_or("text/html"), name.as_deref()).await;
        let kept = kept.map_err(|error| reply::file_error(self.core, operation, "could not be kept", &error))?;
        Ok(reply::Reply { document: Value::Null, file: serde_json::to_value(kept).ok() })
    }

    /// Waits for the turn of a request under the limits of the provider and of the operation. A sandbox or a server of
    /// the team's own has other limits than the provider, if any.
    async fn turn(&self, operation: &Operation) -> Result<(), StepError> {
        if !self.is_at_home {
            return Ok(());
        }
        let limits: [(&str, Option<Pace>); 2] =
            [("", self.core.manifest.limits.pace), (operation.name.as_str(), operation.pace)];
        for (limit, pace) in limits.into_iter().filter_map(|(limit, pace)| Some((limit, pace?))) {
            let turn = self.core.pacer.turn(self.connection, limit, pace).await;
            turn.map_err(|wait| {
                let message = format!("`{}`: the provider's limit of requests is used up", operation.name);
                let mut error = StepError::new(ErrorClass::RateLimited, "pace", message);
                error.retry_after_ms = u64::try_from(wait.as_millis()).ok();
                error
            })?;
        }
        Ok(())
    }

    /// The bytes of a body, with its media type where that says more than the request does.
    async fn bytes(
        &self,
        operation: &Operation,
        body: Option<Body>,
    ) -> Result<Option<(Bytes, Option<String>)>, StepError> {
        let parts = match body {
            None => return Ok(None),
            Some(Body::Json(value)) => return Ok(Some((value.to_string().into(), None))),
            Some(Body::Form(pairs)) => return Ok(Some((body::form(&pairs, false).into(), None))),
            Some(Body::Multipart(parts)) => parts,
        };
        let mut whole = Vec::new();
        let mut size: usize = 0;
        for part in parts {
            let content = match &part.content {
                Content::Text(text) => Bytes::from(text.clone()),
                Content::File(file) => self.file(operation, &file.sha256).await?,
            };
            size = size.saturating_add(content.len());
            if size > FILE_BYTES_MAX {
                return Err(bad_input(operation, &format!("more than {FILE_BYTES_MAX} bytes cannot be sent")));
            }
            whole.push((part, content));
        }
        let (bytes, media_type) = body::multipart(&whole);
        Ok(Some((bytes, Some(media_type))))
    }

    async fn file(&self, operation: &Operation, sha256: &str) -> Result<Bytes, StepError> {
        let kept = self.files.get(sha256).await;
        kept.map_err(|error: FilesError| reply::file_error(self.core, operation, "could not be read", &error))
    }

    fn outgoing(
        &self,
        operation: &Operation,
        url: String,
        headers_of: Vec<request::Header>,
        body: Option<(Bytes, Option<String>)>,
    ) -> Result<Outgoing, StepError> {
        let url: Url =
            url.parse().map_err(|problem| bad_input(operation, &format!("the address cannot be built: {problem}")))?;
        let (body, media_type) = body.map_or((None, None), |(body, media_type)| (Some(body), media_type));
        let here =
            |url: &Url| (url.scheme().to_string(), url.host_str().map(str::to_string), url.port_or_known_default());
        if here(&url) != here(&self.base) || !url.path().starts_with(self.base.path().trim_end_matches('/')) {
            return Err(bad_input(operation, "the address leaves the provider's own"));
        }
        let mut headers = HeaderMap::new();
        for mut header in headers_of {
            if header.name == "content-type"
                && let Some(media_type) = &media_type
            {
                header.value.clone_from(media_type);
            }
            let name = HeaderName::from_bytes(header.name.as_bytes());
            let value = HeaderValue::from_str(&header.value);
            let (Ok(name), Ok(mut value)) = (name, value) else {
                return Err(unsendable(operation, &header));
            };
            value.set_sensitive(header.credential);
            headers.insert(name, value);
        }
        let answer_bytes_max =
            if matches!(operation.response.decode, Decode::File { .. }) { FILE_BYTES_MAX } else { JSON_BYTES_MAX };
        Ok(Outgoing {
            method: operation.method.clone(),
            url,
            headers,
            body,
            timeout: operation.timeout,
            answer_bytes_max,
        })
    }
}

fn unsendable(operation: &Operation, header: &request::Header) -> StepError {
    let message = format!("`{}`: the header `{}` has characters that no header can hold", operation.name, header.name);
    if header.credential {
        let hint = "look at the connection's settings: a key that was read from a file may end in a line break";
        return StepError::new(ErrorClass::Auth, "credential", message).hint(hint);
    }
    StepError::new(ErrorClass::Invalid, "header", message)
}

/// The error for inputs that make no request.
pub(super) fn bad_input(operation: &Operation, problem: &str) -> StepError {
    StepError::new(ErrorClass::Invalid, "input", format!("`{}`: {problem}", operation.name)).fault(Fault::User)
}

/// `config`, `webhook` and `callback` with the connection's settings.
fn settings(manifest: &Manifest, connection: &Connection) -> Map<String, Value> {
    let known = |name: &String| Some((name.clone(), Value::from(connection.setting(name)?)));
    let config: Map<String, Value> = manifest.settings.keys().filter_map(known).collect();
    let secret = connection.webhook.secret.as_ref().map(|secret| Value::from(secret.expose_secret()));
    let webhook: Map<String, Value> = secret.map(|secret| ("secret".to_string(), secret)).into_iter().collect();
    let url = connection.webhook.url.as_ref().map(|url| Value::from(url.expose_secret()));
    let callback: Map<String, Value> = url.map(|url| ("url".to_string(), url)).into_iter().collect();
    Map::from_iter([
        ("config".to_string(), Value::Object(config)),
        ("webhook".to_string(), Value::Object(webhook)),
        ("callback".to_string(), Value::Object(callback)),
    ])
}

/// Where a connection's requests go.
pub(super) fn base_url(manifest: &Manifest, connection: &Connection) -> Result<Url, StepError> {
    if let Some(url) = &connection.base_url {
        return crate::manifest::base_url(url.as_str())
            .map_err(|problem| StepError::new(ErrorClass::Invalid, "base_url", problem));
    }
    let name = connection.setting("environment").unwrap_or(&manifest.environment);
    manifest.environments.get(name).cloned().ok_or_else(|| {
        let message = format!("`{}` has no environment `{name}`", manifest.name);
        StepError::new(ErrorClass::Invalid, "environment", message)
    })
}

//! The small HTTP vocabulary that every emulated provider speaks: a call that was read whole, a reply that was built whole,
//! and a problem with its status. No provider rule lives here; `gate` moves these between axum and the providers.

use std::net::IpAddr;
use std::pin::Pin;

use axum::body::Body;
use axum::extract::Query;
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, Uri};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::counters::Counters;
use crate::faults::On;
use crate::multipart::Multipart;
use crate::world::World;

/// One emulated provider: where it is mounted, how it checks a key, and what it answers.
pub(crate) struct Provider {
    /// The path prefix, without a trailing slash.
    pub(crate) mount: &'static str,
    /// Refuses a request whose credentials are wrong, in the provider's own words.
    pub(crate) authorise: fn(&World, &Attempt<'_>) -> Result<(), Problem>,
    /// A refusal in the provider's own shape.
    pub(crate) refuse: fn(&World, Problem) -> Reply,
    /// Counts one request, and whether it was answered with a status of 400 or more.
    pub(crate) count: fn(&mut Counters, rejected: bool),
    /// Every documented endpoint.
    pub(crate) routes: &'static [Route],
}

/// One endpoint of a provider.
pub(crate) struct Route {
    /// The method, in capitals.
    pub(crate) method: &'static str,
    /// The path below the mount; a `{}` segment is a parameter.
    pub(crate) path: &'static str,
    /// Which fault rules aim at it.
    pub(crate) on: On,
    /// What it does, under the lock of the world.
    pub(crate) handler: Handler,
}

/// What an endpoint does, in one go and without waiting.
pub(crate) type Handler = fn(&mut World, &Call<'_>) -> Result<Reply, Problem>;

impl Route {
    /// One line of a provider's table.
    pub(crate) const fn new(method: &'static str, path: &'static str, on: On, handler: Handler) -> Self {
        Self { method, path, on, handler }
    }
}

/// A request before its credentials were checked.
pub(crate) struct Attempt<'a> {
    pub(crate) parts: &'a Parts,
    /// The path below the provider's mount.
    pub(crate) path: &'a str,
    /// The body, unless it did not arrive whole.
    pub(crate) body: Option<&'a Bytes>,
    /// The body's parts, if it is a form of several parts.
    pub(crate) multipart: Option<&'a Result<Multipart, String>>,
    /// Where it came from.
    pub(crate) peer: IpAddr,
}

/// A request that reached a route, with its body read whole.
pub(crate) struct Call<'a> {
    params: Vec<&'a str>,
    attempt: &'a Attempt<'a>,
    body: &'a [u8],
}

impl<'a> Call<'a> {
    /// `params` in the order of the route's `{}` segments.
    pub(crate) fn new(params: Vec<&'a str>, attempt: &'a Attempt<'a>, body: &'a [u8]) -> Self {
        Self { params, attempt, body }
    }

    /// The request's headers.
    pub(crate) fn headers(&self) -> &'a HeaderMap {
        &self.attempt.parts.headers
    }

    /// The request's target.
    pub(crate) fn uri(&self) -> &'a Uri {
        &self.attempt.parts.uri
    }

    /// The bytes of the body.
    pub(crate) fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The body as a form of several parts, or 400.
    pub(crate) fn multipart(&self) -> Result<&'a Multipart, Problem> {
        match self.attempt.multipart {
            Some(Ok(multipart)) => Ok(multipart),
            Some(Err(problem)) => Err(Problem::bad(format!("bad request body: {problem}"))),
            None => Err(Problem::bad("bad request body: send it as multipart/form-data")),
        }
    }

    /// The path parameter at `index`, or an empty text, which names no entity.
    pub(crate) fn param(&self, index: usize) -> &'a str {
        self.params.get(index).copied().unwrap_or_default()
    }

    /// The body as the JSON object that the endpoint documents, or 400. Serde would also take an array for a struct.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        if !self.body.trim_ascii_start().starts_with(b"{") {
            return Err(Problem::bad("bad request body: expected a JSON object"));
        }
        parse(self.body)
    }

    /// The query string as the parameters that the endpoint documents, or 400.
    pub(crate) fn query<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        match Query::try_from_uri(self.uri()) {
            Ok(Query(parameters)) => Ok(parameters),
            Err(error) => Err(Problem::bad(format!("bad query string: {error}"))),
        }
    }
}

/// Reads a JSON body; serde's own words say what is wrong and where. The parser bounds the depth.
pub(crate) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| Problem::bad(format!("bad request body: {error}")))
}

/// Something that takes time and ends in the real answer; it runs after the world is unlocked.
pub(crate) type Errand = Pin<Box<dyn Future<Output = Reply> + Send>>;

/// An answer, built whole before anything is written.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    headers: Vec<(HeaderName, String)>,
    body: Bytes,
    /// When there is one, its outcome is answered instead.
    pub(crate) errand: Option<Errand>,
}

impl Reply {
    /// 200 with a JSON body.
    pub(crate) fn json(value: &Value) -> Self {
        Self::new(StatusCode::OK, "application/json; charset=utf-8", value.to_string())
    }

    /// What both generations of Juro answer when there is nothing to show.
    pub(crate) fn message_ok() -> Self {
        Self::json(&json!({"message": "ok"}))
    }

    /// Any status, media type and body.
    pub(crate) fn new(status: StatusCode, media_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self { status, headers: vec![(CONTENT_TYPE, media_type.to_owned())], body: body.into(), errand: None }
    }

    /// 204 without a body.
    pub(crate) fn no_content() -> Self {
        Self { status: StatusCode::NO_CONTENT, headers: Vec::new(), body: Bytes::new(), errand: None }
    }

    /// The answer that an errand will bring.
    pub(crate) fn after(errand: Errand) -> Self {
        Self { errand: Some(errand), ..Self::no_content() }
    }

    /// The same reply with one more header.
    #[must_use]
    pub(crate) fn with(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The reply as axum sends it. A header value that HTTP cannot carry is left out rather than sent broken.
    pub(crate) fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::try_from(value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

/// A refusal: a status and what is wrong. Each provider has its own shape for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
    /// Whether the entity that the path names does not exist, which one provider says in a way of its own.
    pub(crate) absent: bool,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), absent: false }
    }

    /// 400: the request itself is wrong.
    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 403 in the words of the documents: an approval stands in the way.
    pub(crate) fn not_now() -> Self {
        Self::new(StatusCode::FORBIDDEN, "Cannot perform action at this moment")
    }

    /// 404 for an entity of that kind.
    pub(crate) fn missing(kind: &str, id: &str) -> Self {
        Self { absent: true, ..Self::new(StatusCode::NOT_FOUND, format!("{kind} not found: {}", clip(id))) }
    }

    /// 412: the entity is in a state that does not allow the action.
    pub(crate) fn state(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PRECONDITION_FAILED, message)
    }

    /// One 400 for every problem found, or success when there is none.
    pub(crate) fn all(problems: &[String]) -> Result<(), Self> {
        if problems.is_empty() { Ok(()) } else { Err(Self::bad(problems.join("; "))) }
    }

    /// The refusal in the shape of Juro and of the control endpoints: `{"message": …}`.
    pub(crate) fn into_reply(self) -> Reply {
        let mut reply = Reply::json(&json!({"message": self.message}));
        reply.status = self.status;
        reply
    }
}

/// The start of a text that a client chose, short enough to be repeated in a message.
pub(crate) fn clip(text: &str) -> &str {
    match text.char_indices().nth(80) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

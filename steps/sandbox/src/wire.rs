//! The small HTTP vocabulary that every emulated provider speaks: a call that was read whole, a reply that was built whole,
//! and a problem with its status. No provider rule lives here; `gate` moves these between axum and the providers.

use axum::body::Body;
use axum::extract::Query;
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, Uri};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::faults::On;
use crate::world::World;

/// One emulated provider: where it is mounted, how it checks a key, and what it answers.
pub(crate) struct Provider {
    /// The path prefix, without a trailing slash.
    pub(crate) mount: &'static str,
    /// Refuses a request whose credentials are wrong, in the provider's own words.
    pub(crate) authorise: fn(&HeaderMap, key: &str) -> Result<(), Problem>,
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
    pub(crate) handler: fn(&mut World, &Call<'_>) -> Result<Reply, Problem>,
}

/// A request that reached a route, with its body read whole.
pub(crate) struct Call<'a> {
    params: Vec<&'a str>,
    uri: &'a Uri,
    body: &'a [u8],
}

impl<'a> Call<'a> {
    /// `params` in the order of the route's `{}` segments.
    pub(crate) fn new(params: Vec<&'a str>, uri: &'a Uri, body: &'a [u8]) -> Self {
        Self { params, uri, body }
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
        match Query::try_from_uri(self.uri) {
            Ok(Query(parameters)) => Ok(parameters),
            Err(error) => Err(Problem::bad(format!("bad query string: {error}"))),
        }
    }
}

/// Reads a JSON body; serde's own words say what is wrong and where. The parser bounds the depth.
pub(crate) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| Problem::bad(format!("bad request body: {error}")))
}

/// An answer, built whole before anything is written.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    headers: Vec<(HeaderName, String)>,
    body: Bytes,
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
        Self { status, headers: vec![(CONTENT_TYPE, media_type.to_owned())], body: body.into() }
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

/// A refusal: the status and the `message` of Juro's error body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
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
        Self::new(StatusCode::NOT_FOUND, format!("{kind} not found: {}", clip(id)))
    }

    /// 412: the entity is in a state that does not allow the action.
    pub(crate) fn state(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PRECONDITION_FAILED, message)
    }

    /// One 400 for every problem found, or success when there is none.
    pub(crate) fn all(problems: &[String]) -> Result<(), Self> {
        if problems.is_empty() { Ok(()) } else { Err(Self::bad(problems.join("; "))) }
    }

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

//! What handlers of the API take out of a request: the framework's extractors, refusing in the API's own shape.
//!
//! The framework answers in plain text; every answer under `/api` is JSON instead. Webhooks do not come through here: they are
//! verified over their raw bytes.

use crate::ApiError;
use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use std::error::Error;

/// A request's JSON body.
#[derive(Debug)]
pub(crate) struct Body<T>(pub T);

/// A request's query string.
#[derive(Debug)]
pub(crate) struct Asked<T>(pub T);

/// The parts of a request's path that differ from request to request.
#[derive(Debug)]
pub(crate) struct Place<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        Json::from_request(request, state).await.map(|Json(body)| Self(body)).map_err(|rejection| body(&rejection))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let found = Query::from_request_parts(parts, state).await;
        found.map(|Query(query)| Self(query)).map_err(|rejection: QueryRejection| {
            ApiError::new(rejection.status(), "bad_query", format!("the query does not fit: {}", inner(&rejection)))
        })
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Place<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let found = Path::from_request_parts(parts, state).await;
        found.map(|Path(place)| Self(place)).map_err(|rejection: PathRejection| {
            ApiError::new(rejection.status(), "bad_path", format!("the path does not fit: {}", rejection.body_text()))
        })
    }
}

fn body(rejection: &JsonRejection) -> ApiError {
    let status = rejection.status();
    match rejection {
        JsonRejection::JsonDataError(error) => {
            ApiError::new(status, "invalid_body", format!("the body does not fit: {}", inner(error)))
        }
        JsonRejection::JsonSyntaxError(error) => {
            ApiError::new(status, "bad_json", format!("the body is not JSON: {}", inner(error)))
        }
        JsonRejection::MissingJsonContentType(_) => {
            ApiError::new(status, "unsupported_media_type", "the body is not said to be JSON")
                .hint("send it with `Content-Type: application/json`")
        }
        // Too long, or it broke off; the framework may come to know more reasons.
        other => ApiError::new(status, "bad_body", other.body_text()),
    }
}

/// What the parser said, without the framework's words before it.
fn inner(error: &dyn Error) -> String {
    let mut innermost = error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::{Asked, Body};
    use crate::ApiError;
    use crate::routes::wire::{CancelRun, ListRuns};
    use axum::body::to_bytes;
    use axum::extract::{FromRequest, FromRequestParts, Request};
    use axum::http::header::CONTENT_TYPE;
    use axum::response::IntoResponse;
    use serde_json::Value;

    /// Status, code and message of what is answered, and whether there is a hint.
    async fn check(refused: ApiError, expected: (u16, &str, &str, bool)) {
        let response = refused.into_response();
        let (status, media_type) = (response.status().as_u16(), response.headers()[CONTENT_TYPE].clone());
        let bytes = to_bytes(response.into_body(), 4096).await.unwrap();
        let body: Value = serde_json::from_slice(&bytes).unwrap();
        let error = &body["error"];
        let (code, message) = (error["code"].as_str().unwrap(), error["message"].as_str().unwrap());
        assert_eq!((status, code, message, error["hint"].is_string()), expected);
        assert_eq!(media_type, "application/json");
    }

    #[tokio::test]
    async fn a_body_that_does_not_fit_is_told_in_the_apis_shape() {
        let json = "application/json";
        for (media_type, text, expected) in [
            (
                json,
                "{",
                (400, "bad_json", "the body is not JSON: EOF while parsing an object at line 1 column 1", false),
            ),
            (json, "{}", (422, "invalid_body", "the body does not fit: missing field `by` at line 1 column 2", false)),
            (
                json,
                r#"{"by":"ada","why":1}"#,
                (
                    422,
                    "invalid_body",
                    "the body does not fit: why: unknown field `why`, expected `by` or `reason` at line 1 column 17",
                    false,
                ),
            ),
            ("text/plain", "{}", (415, "unsupported_media_type", "the body is not said to be JSON", true)),
        ] {
            let request = Request::post("/").header(CONTENT_TYPE, media_type).body(text.into()).unwrap();
            check(Body::<CancelRun>::from_request(request, &()).await.unwrap_err(), expected).await;
        }
        let long = format!("\"{}\"", "x".repeat(3 * 1024 * 1024));
        let request = Request::post("/").header(CONTENT_TYPE, json).body(long.into()).unwrap();
        let refused = Body::<CancelRun>::from_request(request, &()).await.unwrap_err();
        assert_eq!((refused.status.as_u16(), refused.code), (413, "bad_body"));
    }

    #[tokio::test]
    async fn a_query_that_does_not_fit_is_told_in_the_apis_shape() {
        for (query, message) in [
            ("open=perhaps", "the query does not fit: open: provided string was not `true` or `false`"),
            ("limit=-1", "the query does not fit: limit: invalid digit found in string"),
            (
                "colour=red",
                "the query does not fit: colour: unknown field `colour`, expected one of `open`, `archived`, `workflow`, `before`, `limit`",
            ),
        ] {
            let (mut parts, ()) = Request::get(format!("/?{query}")).body(()).unwrap().into_parts();
            let refused = Asked::<ListRuns>::from_request_parts(&mut parts, &()).await.unwrap_err();
            check(refused, (400, "bad_query", message, false)).await;
        }
    }
}

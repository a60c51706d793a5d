//! Errors on the wire: one shape, `{"error": {code, message, hint, details}}`, and the status that fits.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use engross_core::Rejection;
use engross_runtime::Error;
use serde_json::{Value, json};

/// An error as it is answered.
#[derive(Debug)]
pub struct ApiError {
    /// The HTTP status.
    pub status: StatusCode,
    /// A short stable word for programs.
    pub code: &'static str,
    /// One sentence for people.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// More for programs.
    pub details: Value,
}

impl ApiError {
    /// An error without a hint.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), hint: None, details: Value::Null }
    }

    /// The same with what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with more for programs.
    #[must_use]
    pub fn details(mut self, details: Value) -> Self {
        self.details = details;
        self
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let Some(hint) = self.hint {
            error["hint"] = Value::String(hint);
        }
        if !self.details.is_null() {
            error["details"] = self.details;
        }
        (self.status, Json(json!({ "error": error }))).into_response()
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let status = match &error {
            Error::NoRun(_) | Error::Rejected(Rejection::UnknownStep(_)) => StatusCode::NOT_FOUND,
            Error::Rejected(Rejection::Refused(refusal)) if refusal.is_stale() => StatusCode::CONFLICT,
            Error::Rejected(Rejection::Refused(_)) => StatusCode::FORBIDDEN,
            Error::Rejected(Rejection::Template(_)) | Error::Invalid(_) | Error::Inputs(_) => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            Error::Rejected(_) | Error::KeyTaken(_) => StatusCode::CONFLICT,
            Error::BadRequest(_) => StatusCode::BAD_REQUEST,
            Error::Store(_) | Error::Damaged(_) | Error::Plan(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Error::Stopping => StatusCode::SERVICE_UNAVAILABLE,
        };
        let answer = Self::new(status, error.code(), error.to_string()).details(error.details());
        match &error {
            Error::KeyTaken(holder) => answer.hint(format!(
                "look at it with `engross runs show {holder}`; this run can go on when that one has come to nothing"
            )),
            _ => answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_another_run_holds_is_a_conflict_that_names_it() {
        let answer = ApiError::from(Error::KeyTaken("run-7".into()));
        assert_eq!((answer.status, answer.code), (StatusCode::CONFLICT, "key_taken"));
        assert_eq!(answer.details, json!({ "holder": "run-7" }));
        assert!(answer.hint.unwrap_or_default().contains("engross runs show run-7"));
    }
}

//! Who may use the API.
//!
//! With a token set, every request carries it. Without one the server is on loopback, where the danger is a page in a
//! browser on the same machine: so the `Host` must be a loopback name (a rebound name is not), and a request that a page
//! sent (it has an `Origin`) must come from this server itself. A proxy on the same machine would make the whole world look
//! local, so whatever says that a proxy forwarded it is refused as well. The webhooks' door is not guarded here.

use crate::ApiError;
use crate::limits::REQUEST_TIMEOUT;
use crate::state::Shared;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// What proxies add to what they forward. A proxy that adds none of them cannot be told from a client of this machine.
const FORWARDED: &[&str] =
    &["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via"];

/// Lets a request to the API through, or answers it.
pub(crate) async fn guard(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    match check(&shared, request.headers()) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

/// Bounds a request's time, its body included.
pub(crate) async fn bound(request: Request, next: Next) -> Response {
    match tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::new(StatusCode::REQUEST_TIMEOUT, "timeout", "the request took too long").into_response(),
    }
}

fn check(shared: &Shared, headers: &HeaderMap) -> Result<(), ApiError> {
    if let Some(token) = &shared.token {
        let given =
            headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()).and_then(|v| v.strip_prefix("Bearer "));
        let same = given.is_some_and(|given| {
            bool::from(Sha256::digest(given.trim()).ct_eq(&Sha256::digest(token.expose_secret())))
        });
        if !same {
            return Err(ApiError::new(StatusCode::UNAUTHORIZED, "unauthorized", "this needs the server's token")
                .hint("send it as `Authorization: Bearer …`; the command line reads it from ENGROSS_TOKEN"));
        }
        return Ok(());
    }
    let host = headers.get(header::HOST).and_then(|v| v.to_str().ok()).unwrap_or("");
    if !shared.loopback || !is_loopback_name(host) {
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "not_local",
            "without a token this API is for this machine only",
        )
        .hint("use http://127.0.0.1, or set `server.token` in engross.yaml"));
    }
    if FORWARDED.iter().any(|name| headers.contains_key(*name)) {
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "forwarded",
            "without a token this API is for this machine only, and a proxy forwarded this",
        )
        .hint("let the proxy forward only /hooks/, or set `server.token` in engross.yaml"));
    }
    if let Some(origin) = headers.get(header::ORIGIN).and_then(|v| v.to_str().ok())
        && origin != format!("http://{host}")
    {
        return Err(ApiError::new(StatusCode::FORBIDDEN, "cross_origin", "a page of another site sent this"));
    }
    Ok(())
}

fn is_loopback_name(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(""),
        None => host.split(':').next().unwrap_or(""),
    };
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_loopback_name;

    #[test]
    fn only_names_of_this_machine_are_local() {
        for (host, expected) in [
            ("127.0.0.1:7878", true),
            ("localhost", true),
            ("[::1]:80", true),
            ("127.9.9.9", true),
            ("evil.example:7878", false),
            ("127.0.0.1.evil.example", false),
            ("10.0.0.1", false),
            ("", false),
        ] {
            assert_eq!(is_loopback_name(host), expected, "{host}");
        }
    }
}

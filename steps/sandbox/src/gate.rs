//! The gate every provider request passes: count, check the key, find the route, apply the scripted fault, call the handler.
//!
//! Everything up to the finished answer happens under one lock; only what is done to the answer (late, never, garbled) may
//! take time, and happens after it is released. The gate knows no provider's rules.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{ALLOW, RETRY_AFTER};
use axum::http::request::Parts;
use axum::http::{Response, StatusCode};
use serde_json::json;

use crate::faults::Action;
use crate::juro;
use crate::limits::BODY_BYTES_MAX;
use crate::listener::Line;
use crate::wire::{Call, Problem, Provider, Reply, Route};
use crate::world::{Shared, World};

/// The catalog of emulated providers.
static PROVIDERS: [&Provider; 2] = [&juro::v3::PROVIDER, &juro::v2::PROVIDER];

/// What the answer goes through on its way out.
enum Passage {
    Straight,
    Late(Duration),
    Lost,
}

/// Answers every path that no page or control endpoint claims.
pub(crate) async fn enter(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(line): ConnectInfo<Line>,
    request: Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Some((provider, path)) = find_provider(parts.uri.path()) else {
        return Problem::new(StatusCode::NOT_FOUND, "no provider is mounted here: try /juro/v3 or /juro/v2")
            .into_reply()
            .into_response();
    };
    let body = to_bytes(body, BODY_BYTES_MAX).await.ok();
    let (reply, passage) = serve(&mut shared.lock(), provider, path, &parts, body.as_deref());
    match passage {
        Passage::Straight => {}
        Passage::Late(delay) => tokio::time::sleep(delay).await,
        Passage::Lost => line.cut(),
    }
    reply.into_response()
}

fn find_provider(path: &str) -> Option<(&'static Provider, &str)> {
    PROVIDERS.iter().find_map(|provider| {
        let rest = path.strip_prefix(provider.mount)?;
        (rest.is_empty() || rest.starts_with('/')).then_some((*provider, rest))
    })
}

fn serve(world: &mut World, provider: &Provider, path: &str, parts: &Parts, body: Option<&[u8]>) -> (Reply, Passage) {
    world.counters.requests += 1;
    let (reply, passage) =
        answer(world, provider, path, parts, body).unwrap_or_else(|reply| (reply, Passage::Straight));
    if reply.status.is_client_error() || reply.status.is_server_error() {
        world.counters.rejected += 1;
    }
    (reply, passage)
}

fn answer(
    world: &mut World,
    provider: &Provider,
    path: &str,
    parts: &Parts,
    body: Option<&[u8]>,
) -> Result<(Reply, Passage), Reply> {
    (provider.authorise)(&parts.headers, &world.api_key).map_err(Problem::into_reply)?;
    let (route, params) = find_route(provider, parts.method.as_str(), path)?;
    let Some(body) = body else {
        return Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the body did not arrive whole or is longer than {BODY_BYTES_MAX} bytes"),
        )
        .into_reply());
    };
    let fault = world.faults.next_answer(route.on);
    if let Some(Action::Status { code, retry_after }) = fault {
        return Err(scripted_status(code, retry_after));
    }
    let call = Call::new(params, &parts.uri, body);
    let reply = (route.handler)(world, &call).unwrap_or_else(Problem::into_reply);
    Ok(match fault {
        Some(Action::Garbage) => {
            let page = "<html><body><h1>502 Bad Gateway</h1></body></html>";
            (Reply::new(StatusCode::OK, "text/html; charset=utf-8", page), Passage::Straight)
        }
        Some(Action::Slow { ms }) => (reply, Passage::Late(Duration::from_millis(ms))),
        Some(Action::DropAnswer) => (reply, Passage::Lost),
        Some(Action::Status { .. } | Action::Duplicate | Action::Lose) | None => (reply, Passage::Straight),
    })
}

fn scripted_status(code: u16, retry_after: Option<u32>) -> Reply {
    let mut reply = Reply::json(&json!({"message": format!("scripted fault: status {code}")}));
    reply.status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match retry_after {
        Some(seconds) => reply.with(RETRY_AFTER, seconds.to_string()),
        None => reply,
    }
}

/// The route for a method and path, or 405 with what is allowed there, or 404. A trailing slash is ignored: one client of
/// v3 writes `/contracts/`.
fn find_route<'a>(provider: &Provider, method: &str, path: &'a str) -> Result<(&'static Route, Vec<&'a str>), Reply> {
    let mut allowed: Vec<&str> = Vec::new();
    for route in provider.routes {
        if let Some(params) = match_path(route.path, path) {
            if route.method == method {
                return Ok((route, params));
            }
            allowed.push(route.method);
        }
    }
    if allowed.is_empty() {
        return Err(Problem::new(StatusCode::NOT_FOUND, "Not Found").into_reply());
    }
    let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
    Err(problem.into_reply().with(ALLOW, allowed.join(", ")))
}

fn match_path<'a>(pattern: &str, path: &'a str) -> Option<Vec<&'a str>> {
    let path = path.strip_suffix('/').unwrap_or(path);
    if pattern.split('/').count() != path.split('/').count() {
        return None;
    }
    let mut params = Vec::new();
    for (expected, found) in pattern.split('/').zip(path.split('/')) {
        match expected {
            "{}" if found.is_empty() => return None,
            "{}" => params.push(found),
            _ if expected == found => {}
            _ => return None,
        }
    }
    Some(params)
}

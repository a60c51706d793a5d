//! The gate every provider request passes: count, check the key, find the route, apply the scripted fault, call the handler.
//!
//! Everything up to the finished answer happens under one lock; only what is done to the answer (late, never, garbled) may
//! take time, and happens after it is released. The gate knows no provider's rules.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{ALLOW, DATE, RETRY_AFTER};
use axum::http::{Response, StatusCode};

use crate::faults::Action;
use crate::limits::BODY_BYTES_MAX;
use crate::listener::Line;
use crate::multipart;
use crate::wire::{Attempt, Call, Problem, Provider, Reply, Route};
use crate::world::{Shared, World};
use crate::{contract_signatures, docjuris, juro, paperlex};

/// The catalog of emulated providers.
static PROVIDERS: [&Provider; 5] = [
    &juro::v3::PROVIDER,
    &juro::v2::PROVIDER,
    &paperlex::PROVIDER,
    &contract_signatures::PROVIDER,
    &docjuris::PROVIDER,
];

/// What the answer goes through on its way out.
enum Passage {
    Straight,
    Late(Duration),
    Lost,
    /// It is not served yet: the line goes, and the request is served after this time.
    ActsLate(Duration),
}

/// Answers every path that no page or control endpoint claims.
pub(crate) async fn enter(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(line): ConnectInfo<Line>,
    request: Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Some((provider, path)) = find_provider(parts.uri.path()) else {
        let mounts: Vec<&str> = PROVIDERS.iter().map(|provider| provider.mount).collect();
        let message = format!("no provider is mounted here: try {}", mounts.join(", "));
        return Problem::new(StatusCode::NOT_FOUND, message).into_reply().into_response();
    };
    let body = to_bytes(body, BODY_BYTES_MAX).await.ok();
    let multipart = match &body {
        Some(body) => multipart::read(&parts, body).await,
        None => None,
    };
    let attempt = Attempt { parts: &parts, path, body: body.as_ref(), multipart: multipart.as_ref(), peer: line.peer };
    let (mut reply, passage) = serve(&mut shared.lock(), provider, &attempt);
    if let Passage::ActsLate(delay) = passage {
        let (path, parts) = (path.to_owned(), parts.clone());
        let peer = line.peer;
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            let (body, multipart) = (body.as_ref(), multipart.as_ref());
            let attempt = Attempt { parts: &parts, path: &path, body, multipart, peer };
            let (mut reply, _) = serve(&mut shared.lock(), provider, &attempt);
            if let Some(errand) = reply.errand.take() {
                errand.await;
            }
        });
        line.cut();
        return Reply::new(StatusCode::OK, "text/plain", "").into_response();
    }
    if let Some(errand) = reply.errand.take() {
        reply = errand.await;
    }
    match passage {
        Passage::Straight => {}
        Passage::Late(delay) => tokio::time::sleep(delay).await,
        Passage::Lost | Passage::ActsLate(_) => line.cut(),
    }
    reply.into_response()
}

fn find_provider(path: &str) -> Option<(&'static Provider, &str)> {
    PROVIDERS.iter().find_map(|provider| {
        let rest = path.strip_prefix(provider.mount)?;
        (rest.is_empty() || rest.starts_with('/')).then_some((*provider, rest))
    })
}

fn serve(world: &mut World, provider: &Provider, attempt: &Attempt<'_>) -> (Reply, Passage) {
    let (reply, passage) = answer(world, provider, attempt).unwrap_or_else(|reply| (reply, Passage::Straight));
    let rejected = reply.status.is_client_error() || reply.status.is_server_error();
    (provider.count)(&mut world.counters, rejected);
    let reply = match world.clock.date() {
        Some(date) => reply.with(DATE, date),
        None => reply,
    };
    (reply, passage)
}

fn answer(world: &mut World, provider: &Provider, attempt: &Attempt<'_>) -> Result<(Reply, Passage), Reply> {
    (provider.authorise)(world, attempt).map_err(|problem| (provider.refuse)(world, problem))?;
    let found = find_route(provider, attempt.parts.method.as_str(), attempt.path);
    let (route, params) = found.map_err(|(problem, allowed)| {
        let reply = (provider.refuse)(world, problem);
        if allowed.is_empty() { reply } else { reply.with(ALLOW, allowed) }
    })?;
    let Some(body) = attempt.body else {
        let message = format!("the body did not arrive whole or is longer than {BODY_BYTES_MAX} bytes");
        return Err((provider.refuse)(world, Problem::new(StatusCode::PAYLOAD_TOO_LARGE, message)));
    };
    let fault = world.faults.next_answer(route.on);
    if let Some(Action::Status { code, retry_after }) = fault {
        return Err(scripted_status(world, provider, code, retry_after));
    }
    if let Some(Action::ActLate { ms }) = fault {
        let nothing = Reply::new(StatusCode::OK, "text/plain", "");
        return Ok((nothing, Passage::ActsLate(Duration::from_millis(ms))));
    }
    let call = Call::new(params, attempt, body);
    let reply = match (route.handler)(world, &call) {
        Ok(reply) => reply,
        Err(problem) => (provider.refuse)(world, problem),
    };
    Ok(match fault {
        Some(Action::Garbage) => {
            let page = "<html><body><h1>502 Bad Gateway</h1></body></html>";
            (Reply::new(StatusCode::OK, "text/html; charset=utf-8", page), Passage::Straight)
        }
        Some(Action::Slow { ms }) => (reply, Passage::Late(Duration::from_millis(ms))),
        Some(Action::DropAnswer) => (reply, Passage::Lost),
        Some(Action::Status { .. } | Action::ActLate { .. } | Action::Duplicate | Action::Lose | Action::Reorder)
        | None => (reply, Passage::Straight),
    })
}

fn scripted_status(world: &World, provider: &Provider, code: u16, retry_after: Option<u32>) -> Reply {
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut reply = (provider.refuse)(world, Problem::new(status, format!("scripted fault: status {code}")));
    // A provider that knows fewer statuses than the rule must not bend it.
    reply.status = status;
    match retry_after {
        Some(seconds) => reply.with(RETRY_AFTER, seconds.to_string()),
        None => reply,
    }
}

/// The route for a method and path, or 405 with what is allowed there, or 404. A trailing slash is ignored: one client of
/// Juro v3 writes `/contracts/`.
fn find_route<'a>(
    provider: &Provider,
    method: &str,
    path: &'a str,
) -> Result<(&'static Route, Vec<&'a str>), (Problem, String)> {
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
        return Err((Problem::new(StatusCode::NOT_FOUND, "Not Found"), String::new()));
    }
    Err((Problem::new(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed"), allowed.join(", ")))
}

fn match_path<'a>(pattern: &str, path: &'a str) -> Option<Vec<&'a str>> {
    let path = path.strip_suffix('/').unwrap_or(path);
    if pattern.split('/').count() != path.split('/').count() {
        return None;
    }
    let mut params = Vec::new();
    for (expected, found) in pattern.split('/').zip(path.split('/')) {
        // A parameter may have a suffix after it, as in `{}.json`.
        match expected.strip_prefix("{}") {
            Some(suffix) => params.push(found.strip_suffix(suffix).filter(|name| !name.is_empty())?),
            None if expected == found => {}
            None => return None,
        }
    }
    Some(params)
}

//! The table of DocJuris's endpoints, its check of the account, and the envelope around every JSON reply.

use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{contracts, subscriptions};
use crate::faults::On;
use crate::options::DOCJURIS_ACCOUNT_ID;
use crate::wire::{Attempt, Problem, Provider, Reply, Route};
use crate::world::World;

/// Mounted at `/docjuris/v1`.
pub(crate) static PROVIDER: Provider = Provider {
    mount: "/docjuris/v1",
    authorise,
    refuse: |_, problem| refuse(&problem),
    count: |counters, rejected| counters.docjuris.request(rejected),
    routes: &[
        Route::new("POST", "/contracts", On::CreateContract, contracts::create),
        Route::new("GET", "/contracts/{}", On::Get, contracts::get),
        Route::new("GET", "/contracts/{}/document", On::Pdf, contracts::document),
        Route::new("POST", "/contracts/{}/turns", On::AddTurn, contracts::add_turn),
        Route::new("GET", "/contracts/{}/turns/{}", On::Get, contracts::get_turn),
        Route::new("GET", "/contracts/{}/turns/{}/document", On::Pdf, contracts::turn_document),
        Route::new("GET", "/contractTypes", On::Template, contracts::list_types),
        Route::new("POST", "/imports", On::Import, contracts::import),
        Route::new("POST", "/subscriptions", On::RegisterWebhook, subscriptions::create),
        Route::new("GET", "/subscriptions", On::Read, subscriptions::list),
        Route::new("DELETE", "/subscriptions/{}", On::Delete, subscriptions::delete),
        Route::new("GET", "/subscriptions/{}/messages", On::Read, subscriptions::messages),
    ],
};

fn authorise(world: &World, attempt: &Attempt<'_>) -> Result<(), Problem> {
    let given = attempt.parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let encoded =
        given.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"));
    let decoded = encoded.and_then(|(_, encoded)| STANDARD.decode(encoded.trim()).ok());
    let wanted = format!("{DOCJURIS_ACCOUNT_ID}:{}", world.api_key);
    if decoded.is_some_and(|decoded| decoded == wanted.as_bytes()) {
        return Ok(());
    }
    Err(Problem::new(StatusCode::UNAUTHORIZED, "the account id or the API key is wrong"))
}

/// 200 with a response in the envelope.
pub(super) fn envelope(response: &Value) -> Reply {
    Reply::json(&json!({"meta": {"code": 200, "errorType": null, "errorDetail": null}, "response": response}))
}

fn refuse(problem: &Problem) -> Reply {
    let kind = match problem.status {
        StatusCode::BAD_REQUEST => "invalidRequest",
        StatusCode::UNAUTHORIZED => "unauthorized",
        StatusCode::NOT_FOUND => "notFound",
        StatusCode::CONFLICT => "conflict",
        StatusCode::TOO_MANY_REQUESTS => "rateLimited",
        status if status.is_client_error() => "badRequest",
        _ => "serverError",
    };
    let mut reply = Reply::json(&json!({
        "meta": {
            "code": problem.status.as_u16(),
            "errors": [{"type": kind, "message": problem.message, "data": null}],
            "errorType": kind,
            "errorDetail": problem.message,
        },
        "response": null,
    }));
    reply.status = problem.status;
    reply
}

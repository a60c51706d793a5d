//! The table of Paperlex's endpoints, its check of the token, and its shape of refusals.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::input::Input;
use super::state::unprocessable;
use super::{contracts, people, slaws};
use crate::faults::On;
use crate::options::PAPERLEX_SIGNATURE_TOKEN;
use crate::wire::{Attempt, Problem, Provider, Reply, Route};
use crate::world::World;

/// Mounted at `/paperlex/v1`.
pub(crate) static PROVIDER: Provider = Provider {
    mount: "/paperlex/v1",
    authorise,
    refuse,
    count: |counters, rejected| counters.paperlex.request(rejected),
    routes: &[
        Route::new("GET", "/contracts.json", On::List, contracts::list),
        Route::new("POST", "/contracts.json", On::CreateContract, contracts::create),
        Route::new("GET", "/contracts/{}.json", On::Get, contracts::get),
        Route::new("PUT", "/contracts/{}.json", On::Update, contracts::update),
        Route::new("GET", "/contracts/{}.html", On::Pdf, contracts::render),
        Route::new("GET", "/contracts/{}/responses.json", On::Read, contracts::list_responses),
        Route::new("POST", "/contracts/{}/responses.json", On::Update, contracts::set_responses),
        Route::new("GET", "/contracts/{}/responses/{}.json", On::Read, contracts::get_response),
        Route::new("PUT", "/contracts/{}/responses/{}.json", On::Update, contracts::set_response),
        Route::new("DELETE", "/contracts/{}/responses/{}.json", On::Update, contracts::delete_response),
        Route::new("GET", "/contracts/{}/versions.json", On::Read, contracts::list_versions),
        Route::new("GET", "/contracts/{}/versions/{}.json", On::Read, contracts::get_version),
        Route::new("POST", "/contracts/{}/versions/{}/revert.json", On::Update, contracts::revert),
        Route::new("GET", "/contracts/{}/signers.json", On::Read, people::list_signers),
        Route::new("POST", "/contracts/{}/signers.json", On::AddSigner, people::add_signer),
        Route::new("GET", "/contracts/{}/signers/{}.json", On::Read, people::get_signer),
        Route::new("PUT", "/contracts/{}/signers/{}.json", On::Update, people::update_signer),
        Route::new("DELETE", "/contracts/{}/signers/{}.json", On::Update, people::delete_signer),
        Route::new("GET", "/contracts/{}/review_sessions.json", On::Read, people::list_sessions),
        Route::new("POST", "/contracts/{}/review_sessions.json", On::Send, people::create_session),
        Route::new("GET", "/contracts/{}/review_sessions/{}.json", On::Read, people::get_session),
        Route::new("PUT", "/contracts/{}/review_sessions/{}.json", On::Update, people::update_session),
        Route::new("DELETE", "/contracts/{}/review_sessions/{}.json", On::Update, people::delete_session),
        Route::new("GET", "/contracts/{}/signatures.json", On::Read, people::list_signatures),
        Route::new("POST", "/contracts/{}/signatures.json", On::Sign, people::place_signature),
        Route::new("GET", "/contracts/{}/signatures/{}.json", On::Read, people::get_signature),
        Route::new("GET", "/slaws.json", On::Template, slaws::list),
        Route::new("POST", "/slaws.json", On::WriteTemplate, slaws::create),
        Route::new("GET", "/slaws/{}.json", On::Template, slaws::get),
        Route::new("PUT", "/slaws/{}.json", On::WriteTemplate, slaws::update),
        Route::new("DELETE", "/slaws/{}.json", On::WriteTemplate, slaws::delete),
        Route::new("GET", "/slaws/{}.html", On::Template, slaws::render),
        Route::new("GET", "/slaws/{}/versions.json", On::Template, slaws::list_versions),
        Route::new("GET", "/slaws/{}/versions/{}.json", On::Template, slaws::get_version),
        Route::new("POST", "/slaws/{}/versions/{}/revert.json", On::WriteTemplate, slaws::revert),
        Route::new("POST", "/callbacks/ping.json", On::Health, super::callbacks::ping),
        Route::new("POST", SIMPLE_SIGNATURES, On::Send, people::simple_signature),
    ],
};

/// The one endpoint that a browser posts to, with the public token instead.
const SIMPLE_SIGNATURES: &str = "/simple_signatures.html";

fn authorise(world: &World, attempt: &Attempt<'_>) -> Result<(), Problem> {
    if attempt.path == SIMPLE_SIGNATURES {
        return Ok(());
    }
    // A body that is too long to be read is refused for that further on.
    if attempt.body.is_none() {
        return Ok(());
    }
    let input = Input::of(attempt)?;
    match input.text("token") {
        Some(token) if token == world.api_key => {
            if attempt.parts.method == Method::POST && attempt.path.ends_with("/signatures.json") {
                return Err(unprocessable("This API key is not part of the remote signature program"));
            }
            Ok(())
        }
        Some(PAPERLEX_SIGNATURE_TOKEN) => Ok(()),
        _ => Err(unprocessable("Couldn't find your API key")),
    }
}

fn refuse(world: &World, problem: Problem) -> Reply {
    if problem.absent && !world.paperlex.missing_is_404 {
        return Reply::json(&Value::Null);
    }
    let mut reply = Reply::json(&json!({"error": problem.message}));
    // The shared checks answer 400 where Paperlex knows only 422.
    reply.status =
        if problem.status == StatusCode::BAD_REQUEST { StatusCode::UNPROCESSABLE_ENTITY } else { problem.status };
    reply
}

//! The people of a Paperlex contract over HTTP: signers, review sessions, signatures, and the simple signature of a browser.

use std::str::FromStr;

use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::callbacks::seconds;
use super::contracts::{add, optional_responses};
use super::input::{Attributes, Input};
use super::ops::{self, link, owed, page_of};
use super::state::{Content, Contract, Session, Signature, Signer, unprocessable};
use crate::delivery::check_url;
use crate::limits::{ITEMS_MAX, NAME_CHARS_MAX, SESSION_HOURS, SESSION_SECONDS_MAX};
use crate::options::{Emulated, PAPERLEX_PUBLIC_TOKEN};
use crate::signing_page;
use crate::wire::{Call, Problem, Reply};
use crate::world::World;

pub(super) fn list_signers(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let signers: Vec<Value> = world.paperlex.contract(call.param(0))?.signers.iter().map(signer_json).collect();
    Ok(Reply::json(&json!(signers)))
}

pub(super) fn get_signer(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    Ok(Reply::json(&signer_json(world.paperlex.contract(call.param(0))?.signer(call.param(1))?)))
}

pub(super) fn add_signer(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let contract = world.paperlex.contract(call.param(0))?;
    let input = Input::read(call)?;
    let email = email_of(&input, "signer", &["email"])?;
    if contract.signers.len() >= contract.content.number_of_signers {
        let message = format!(
            "You can only add as many signers as permitted by number_of_signers, which is {}",
            contract.content.number_of_signers
        );
        return Err(unprocessable(message));
    }
    let signer = Signer { uuid: world.names.short_id(), email };
    let reply = Reply::json(&signer_json(&signer));
    touch(world, call.param(0), |contract| contract.signers.push(signer))?;
    world.sent_for_signing(owed, call.param(0));
    Ok(reply)
}

/// The one attribute that a signer has, which is required.
fn email_of(input: &Input, thing: &'static str, allowed: &[&str]) -> Result<String, Problem> {
    let mut attributes = input.attributes(thing, allowed)?;
    attributes.require("email");
    let email = attributes.email("email").unwrap_or_default().to_owned();
    attributes.check()?;
    Ok(email)
}

/// Somebody who has signed stays who they are.
fn check_unsigned(contract: &Contract, signer: &str) -> Result<(), Problem> {
    contract.signer(signer)?;
    if contract.signature_of(signer).is_some() {
        return Err(unprocessable("this signer has signed already"));
    }
    Ok(())
}

pub(super) fn update_signer(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let (uuid, id) = (call.param(0), call.param(1));
    check_unsigned(world.paperlex.contract(uuid)?, id)?;
    let email = email_of(&Input::read(call)?, "signer", &["email"])?;
    touch(world, uuid, |contract| {
        if let Some(signer) = contract.signers.iter_mut().find(|signer| signer.uuid == id) {
            signer.email = email;
        }
    })?;
    world.sent_for_signing(owed, uuid);
    get_signer(world, call)
}

pub(super) fn delete_signer(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let (uuid, id) = (call.param(0), call.param(1));
    let contract = world.paperlex.contract(uuid)?;
    check_unsigned(contract, id)?;
    let reply = Reply::json(&signer_json(contract.signer(id)?));
    touch(world, uuid, |contract| contract.signers.retain(|signer| signer.uuid != id))?;
    Ok(reply)
}

/// Changes what is not versioned of a contract.
fn touch(world: &mut World, uuid: &str, change: impl FnOnce(&mut Contract)) -> Result<(), Problem> {
    let now = world.clock.tick();
    let contract = world.paperlex.contract_mut(uuid)?;
    change(contract);
    contract.updated = now;
    world.counters.paperlex.updates += 1;
    Ok(())
}

pub(super) fn list_sessions(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let contract = world.paperlex.contract(call.param(0))?;
    let sessions: Vec<Value> = contract.sessions.values().map(|session| session_json(session, &world.origin)).collect();
    Ok(Reply::json(&json!(sessions)))
}

pub(super) fn get_session(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let session = world.paperlex.contract(call.param(0))?.session(call.param(1))?;
    Ok(Reply::json(&session_json(session, &world.origin)))
}

/// When a session ends: `expires_in` wins over `expires_at`, and without either it is a day from now, in an update too.
fn expiry(attributes: &mut Attributes<'_>) -> Timestamp {
    let now = Timestamp::now();
    // An absent value may be sent as an empty text.
    let given = |key| attributes.form.text(key).filter(|text: &&str| !text.is_empty());
    if let Some(text) = given("expires_in") {
        match text.trim().parse::<i64>() {
            Ok(seconds) if (0..=SESSION_SECONDS_MAX).contains(&seconds) => {
                return now + SignedDuration::from_secs(seconds);
            }
            _ => {
                attributes.problem("expires_in", &format!("must be a number of seconds, at most {SESSION_SECONDS_MAX}"))
            }
        }
    } else if let Some(text) = given("expires_at") {
        match Timestamp::from_str(text.trim()) {
            Ok(time) => return time,
            Err(_) => attributes.problem("expires_at", "must be a time as in 2011-10-05T07:10:03Z"),
        }
    }
    now + SignedDuration::from_hours(SESSION_HOURS)
}

const SESSION_ATTRIBUTES: [&str; 3] = ["email", "expires_at", "expires_in"];

pub(super) fn create_session(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    world.paperlex.contract(call.param(0))?;
    let input = Input::read(call)?;
    let mut attributes = input.attributes("review_session", &SESSION_ATTRIBUTES)?;
    attributes.require("email");
    let email = attributes.email("email").unwrap_or_default().to_owned();
    let expires = expiry(&mut attributes);
    attributes.check()?;
    let session = open_session(world, call.param(0), email, expires)?;
    Ok(Reply::json(&session_json(&session, &world.origin)))
}

fn open_session(world: &mut World, uuid: &str, email: String, expires: Timestamp) -> Result<Session, Problem> {
    let (id, token) = (world.names.short_id(), world.names.token());
    let contract = world.paperlex.contract_mut(uuid)?;
    if contract.sessions.len() >= ITEMS_MAX {
        return Err(unprocessable(format!("the sandbox keeps at most {ITEMS_MAX} review sessions: delete some")));
    }
    let session = Session { uuid: id.clone(), email, token: token.clone(), expires };
    contract.sessions.insert(id.clone(), session.clone());
    world.paperlex.links.insert(token, (uuid.to_owned(), id));
    world.counters.paperlex.sends += 1;
    world.sent_for_signing(owed, uuid);
    Ok(session)
}

pub(super) fn update_session(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let (uuid, id) = (call.param(0), call.param(1));
    world.paperlex.contract(uuid)?.session(id)?;
    let input = Input::read(call)?;
    let mut attributes = input.attributes("review_session", &SESSION_ATTRIBUTES)?;
    let email = attributes.email("email").map(str::to_owned);
    let expires = expiry(&mut attributes);
    attributes.check()?;
    if let Some(session) = world.paperlex.contract_mut(uuid)?.sessions.get_mut(id) {
        session.email = email.unwrap_or_else(|| session.email.clone());
        session.expires = expires;
    }
    world.counters.paperlex.updates += 1;
    world.sent_for_signing(owed, uuid);
    get_session(world, call)
}

pub(super) fn delete_session(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let (uuid, id) = (call.param(0), call.param(1));
    let session = world.paperlex.contract(uuid)?.session(id)?.clone();
    world.paperlex.contract_mut(uuid)?.sessions.remove(id);
    world.paperlex.links.remove(&session.token);
    world.counters.paperlex.updates += 1;
    Ok(Reply::json(&session_json(&session, &world.origin)))
}

pub(super) fn list_signatures(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let contract = world.paperlex.contract(call.param(0))?;
    let signatures: Vec<Value> = contract.signatures.iter().map(signature_json).collect();
    Ok(Reply::json(&json!(signatures)))
}

pub(super) fn get_signature(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let contract = world.paperlex.contract(call.param(0))?;
    let found = contract.signatures.iter().find(|signature| signature.uuid == call.param(1));
    let signature = found.ok_or_else(|| Problem::missing("Signature", call.param(1)))?;
    Ok(Reply::json(&signature_json(signature)))
}

/// The "remote signature program" of an official client: a partner who has checked an identity signs for the person.
pub(super) fn place_signature(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let contract = world.paperlex.contract(call.param(0))?;
    let input = Input::read(call)?;
    let mut attributes = input.attributes("signature", &["signer", "identity", "remote_ip", "user_agent"])?;
    attributes.require("signer");
    let who = attributes.name("signer").unwrap_or_default();
    let identity = attributes.form.group("identity");
    let said = |key| identity.and_then(|identity| identity.text(key));
    let method = said("method").unwrap_or("email");
    let is_known = ["email", "sms", "phone"].iter().any(|known| known.eq_ignore_ascii_case(method));
    if !is_known {
        attributes.problem("identity", "method must be email, sms or phone");
    }
    attributes.check()?;
    let found = contract.signers.iter().find(|signer| signer.uuid == who || signer.email.eq_ignore_ascii_case(who));
    let signer = found.ok_or_else(|| unprocessable("signature[signer] is not a signer of this contract"))?.clone();
    let value = said("value").unwrap_or(&signer.email).chars().take(NAME_CHARS_MAX).collect::<String>();
    let method = method.to_ascii_lowercase();
    let signature = ops::place(world, call.param(0), &signer.uuid, (&method, &value), &signer.email)?;
    Ok(Reply::json(&signature_json(&signature)))
}

/// A browser's form: makes a contract with one signer and shows the page to sign it on. The address to return to is also
/// the one that is called back.
pub(super) fn simple_signature(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let input = Input::read(call)?;
    let is_known =
        |token: &str| token == PAPERLEX_PUBLIC_TOKEN || world.accounts.has(Emulated::Paperlex, "public_token", token);
    if !input.text("public_token").is_some_and(is_known) {
        return Err(unprocessable("Couldn't find your public token"));
    }
    let mut problems = Vec::new();
    for key in ["return_url", "slaw_id", "email"] {
        if input.text(key).is_none_or(|text| text.trim().is_empty()) {
            problems.push(format!("{key} is required"));
        }
    }
    if input.group("responses").is_none() {
        problems.push("responses is required".to_owned());
    }
    let email = input.text("email").unwrap_or_default();
    if email.chars().count() > NAME_CHARS_MAX {
        problems.push(format!("email has more than {NAME_CHARS_MAX} characters"));
    }
    if !problems.is_empty() {
        return Err(unprocessable(problems.join("; ")));
    }
    let return_url = check_url(input.text("return_url").unwrap_or_default())
        .map_err(|problem| unprocessable(format!("return_url is invalid: {}", problem.message)))?;
    let responses = optional_responses(input.group("responses"))?;
    let id = input.text("slaw_id").unwrap_or_default();
    let slaw = world.paperlex.slaw(id).map_err(|problem| Problem { absent: false, ..problem })?;
    let content = Content {
        subject: slaw.content.name.clone(),
        body: slaw.content.body.clone(),
        number_of_signers: 1,
        responses,
    };
    let uuid = add(world, content, Some(id.to_owned()), Some(return_url.clone()))?;
    let signer = Signer { uuid: world.names.short_id(), email: email.to_owned() };
    let contract = world.paperlex.contract_mut(&uuid)?;
    contract.signers.push(signer);
    contract.return_url = Some(return_url);
    let expires = Timestamp::now() + SignedDuration::from_hours(SESSION_HOURS);
    let session = open_session(world, &uuid, email.to_owned(), expires)?;
    let mut view = page_of(world.paperlex.contract(&uuid)?, &session);
    view.action = Some(format!("/sign/{}", session.token));
    Ok(signing_page::page(StatusCode::OK, &view, None))
}

/// A signer as the API shows one.
pub(super) fn signer_json(signer: &Signer) -> Value {
    json!({"uuid": signer.uuid, "email": signer.email})
}

fn session_json(session: &Session, origin: &str) -> Value {
    json!({
        "expires_at": seconds(session.expires),
        "uuid": session.uuid,
        "token": session.token,
        "url": link(origin, session),
        "email": session.email,
    })
}

/// A signature as the API shows one.
pub(super) fn signature_json(signature: &Signature) -> Value {
    json!({
        "created_at": seconds(signature.at),
        "uuid": signature.uuid,
        "signer_uuid": signature.signer_uuid,
        "identity_verification_value": signature.value,
        "identity_verification_method": signature.method,
    })
}

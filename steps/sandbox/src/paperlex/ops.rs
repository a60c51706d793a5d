//! What people do to a Paperlex contract: read and sign it on the page of a review session. The page, the handle and the
//! automatic signer all come through here.

use std::net::IpAddr;

use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::contracts::view;
use super::state::{Contract, Session, Signature, unprocessable};
use super::{callbacks, text};
use crate::sandbox::Who;
use crate::signing_page::{Desk, SigningView};
use crate::wire::Problem;
use crate::world::{World, iso};

/// Where Paperlex's people sign.
pub(crate) static DESK: Desk = Desk { view: signing_view, sign: sign_with_token, decline };

/// The address that a review session's reader opens.
pub(super) fn link(origin: &str, session: &Session) -> String {
    format!("{origin}/sign/{}", session.token)
}

fn behind<'a>(world: &'a World, token: &str) -> Option<(&'a Contract, &'a Session)> {
    let (uuid, id) = world.paperlex.links.get(token)?;
    let contract = world.paperlex.contracts.get(uuid)?;
    Some((contract, contract.sessions.get(id)?))
}

fn signing_view(world: &World, token: &str) -> Option<SigningView> {
    let (contract, session) = behind(world, token)?;
    Some(page_of(contract, session))
}

/// What a review session shows.
pub(super) fn page_of(contract: &Contract, session: &Session) -> SigningView {
    let signer = contract.signer_of(session);
    let signature = signer.and_then(|signer| contract.signature_of(&signer.uuid));
    SigningView {
        contract_id: contract.uuid.clone(),
        contract_name: contract.content.subject.clone(),
        owner_name: "Paperlex".to_owned(),
        side_name: session.email.clone(),
        text_html: Some(text::render(&contract.content.body, &contract.content.responses, false)),
        status: contract.status(),
        signed: signature.map(|signature| (signature.name.clone(), iso(signature.at))),
        closed: check_session(contract, session).err().map(|problem| problem.message),
        return_url: contract.return_url.clone(),
        ..SigningView::default()
    }
}

/// The uuid of the signer who may sign in this session now.
fn check_session(contract: &Contract, session: &Session) -> Result<String, Problem> {
    if !session.is_open() {
        return Err(unprocessable("this review session has expired"));
    }
    match contract.signer_of(session) {
        None => Err(unprocessable("you can read the contract, but you are not one of its signers")),
        Some(signer) if contract.signature_of(&signer.uuid).is_some() => {
            Err(unprocessable("this signature is already there"))
        }
        Some(signer) => Ok(signer.uuid.clone()),
    }
}

fn sign_with_token(world: &mut World, token: &str, name: &str, _: IpAddr) -> Result<(), Problem> {
    let (contract, session) =
        behind(world, token).ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "This link leads nowhere."))?;
    let signer = check_session(contract, session)?;
    let (uuid, email) = (contract.uuid.clone(), session.email.clone());
    place(world, &uuid, &signer, ("email", &email), name).map(drop)
}

/// The documents know no way to decline, so the page has no button for it.
fn decline(_: &mut World, _: &str, _: IpAddr) -> Result<(), Problem> {
    Err(unprocessable("Paperlex knows no way to decline: close the page"))
}

/// Places a signature by the way and the value that its signer was identified with.
pub(super) fn place(
    world: &mut World,
    uuid: &str,
    signer_uuid: &str,
    (method, value): (&str, &str),
    name: &str,
) -> Result<Signature, Problem> {
    let contract = world.paperlex.contract(uuid)?;
    contract.signer(signer_uuid)?;
    if contract.signature_of(signer_uuid).is_some() {
        return Err(unprocessable("this signer has signed already"));
    }
    let at = world.clock.tick();
    let signature = Signature {
        uuid: world.names.short_id(),
        signer_uuid: signer_uuid.to_owned(),
        method: method.to_owned(),
        value: value.to_owned(),
        name: name.to_owned(),
        at,
    };
    let contract = world.paperlex.contract_mut(uuid)?;
    contract.signatures.push(signature.clone());
    contract.updated = at;
    world.counters.paperlex.signatures += 1;
    callbacks::signed(world, uuid, &signature);
    Ok(signature)
}

/// Signs for everyone who has an open session and has not signed.
pub(super) fn owed(world: &mut World, uuid: &str) -> Result<usize, Problem> {
    sign_for(world, uuid, Who::Outstanding)
}

/// Places signatures for people, and says how many. Outstanding are the signers with an open session.
pub(crate) fn sign_for(world: &mut World, uuid: &str, who: Who<'_>) -> Result<usize, Problem> {
    let contract = world.paperlex.contract(uuid)?;
    let is_open = |email: &str| {
        contract.sessions.values().any(|session| session.is_open() && session.email.eq_ignore_ascii_case(email))
    };
    let mut chosen = Vec::new();
    let mut known = matches!(who, Who::Outstanding);
    for signer in &contract.signers {
        let wanted = match who {
            Who::Outstanding => is_open(&signer.email),
            Who::Side(email) => signer.email.eq_ignore_ascii_case(email),
            Who::Signature(id) => signer.uuid == id,
        };
        known |= wanted;
        if wanted && contract.signature_of(&signer.uuid).is_none() {
            chosen.push(signer.clone());
        }
    }
    if !known {
        return Err(Problem::new(StatusCode::NOT_FOUND, "Signer not found"));
    }
    if chosen.is_empty() {
        return Err(unprocessable("there is nothing left to sign"));
    }
    for signer in &chosen {
        place(world, uuid, &signer.uuid, ("email", &signer.email), &signer.email)?;
    }
    Ok(chosen.len())
}

/// Ends a review session now, as if its time had passed.
pub(crate) fn expire_session(world: &mut World, uuid: &str, session: &str) -> Result<(), Problem> {
    world.paperlex.contract(uuid)?.session(session)?;
    if let Some(session) = world.paperlex.contract_mut(uuid)?.sessions.get_mut(session) {
        session.expires = Timestamp::now();
    }
    Ok(())
}

/// A contract for the control endpoints: what the API shows, and the status it leaves to its clients to work out.
pub(crate) fn control_json(world: &World, uuid: &str) -> Result<Value, Problem> {
    let contract = world.paperlex.contract(uuid)?;
    let sessions: Vec<Value> = contract
        .sessions
        .values()
        .map(|session| json!({"uuid": session.uuid, "email": session.email, "url": link(&world.origin, session), "open": session.is_open()}))
        .collect();
    let mut view = view(contract);
    if let Some(view) = view.as_object_mut() {
        view.insert("status".to_owned(), json!(contract.status()));
        view.insert("review_sessions".to_owned(), json!(sessions));
    }
    Ok(json!({"contract": view}))
}

//! The effects of Juro: each changes the account, the counters and the webhook queues in one go, under the caller's lock.
//!
//! Both generations, the signing page, the control endpoints and the automatic signer come through here, so that they
//! cannot differ. What is allowed is decided in `lifecycle`; nothing here reads HTTP.

use std::collections::BTreeMap;
use std::net::IpAddr;

use axum::http::StatusCode;
use axum::http::header::CONTENT_DISPOSITION;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::change::{Change, check_room};
use super::lifecycle::{Ask, EventType};
use super::pdf;
use super::state::{Contract, Verdict as Said};
use super::templates::{self, Template};
use super::v3;
use super::webhook::{self, Actor};
use crate::counters::Counters;
use crate::sandbox::Who;
use crate::signing_page::{Desk, SigningView};
use crate::wire::{Problem, Reply};
use crate::world::{World, iso};

/// The account of the API key: its contracts in order of creation, and what the secret links lead to.
#[derive(Default)]
pub(crate) struct Account {
    contracts: BTreeMap<String, Contract>,
    links: BTreeMap<String, Link>,
}

/// What a token in a public URL stands for.
#[derive(Clone)]
enum Link {
    Sign { contract_id: String, signature_uid: &'static str },
    Pdf { contract_id: String },
}

impl Account {
    pub(super) fn contracts(&self) -> impl Iterator<Item = &Contract> {
        self.contracts.values()
    }

    pub(super) fn get(&self, id: &str) -> Result<&Contract, Problem> {
        self.contracts.get(id).ok_or_else(|| Problem::missing("Contract", id))
    }

    pub(super) fn insert(&mut self, contract: Contract) {
        for (_, signature) in contract.signatures() {
            let link = Link::Sign { contract_id: contract.id.clone(), signature_uid: signature.seed.uid };
            self.links.insert(signature.token.clone(), link);
        }
        self.links.insert(contract.pdf_token.clone(), Link::Pdf { contract_id: contract.id.clone() });
        self.contracts.insert(contract.id.clone(), contract);
    }

    fn remove(&mut self, id: &str) -> Option<Contract> {
        let contract = self.contracts.remove(id)?;
        for (_, signature) in contract.signatures() {
            self.links.remove(&signature.token);
        }
        self.links.remove(&contract.pdf_token);
        Some(contract)
    }
}

/// Counts one request to either generation.
pub(super) fn count(counters: &mut Counters, rejected: bool) {
    counters.requests += 1;
    counters.rejected += u64::from(rejected);
}

/// Creates a contract and returns its id.
pub(super) fn create(world: &mut World, template_id: &str, change: Change) -> Result<String, Problem> {
    let template = find_template(template_id)?;
    change.check_create(template)?;
    check_room(world.juro.contracts.len())?;
    let now = world.clock.tick();
    let mut contract = Contract::new(template, &mut world.names, now);
    change.apply(&mut contract);
    let id = contract.id.clone();
    let by = Actor::owner(&contract);
    world.juro.insert(contract);
    world.counters.contracts_created += 1;
    publish(world, &id, &[EventType::Created], &by);
    Ok(id)
}

/// The template, or 404.
pub(super) fn find_template(id: &str) -> Result<&'static Template, Problem> {
    templates::find(id).ok_or_else(|| Problem::missing("Template", id))
}

/// Changes a contract's content.
pub(super) fn update(world: &mut World, id: &str, change: Change) -> Result<(), Problem> {
    let by = Actor::owner(world.juro.get(id)?);
    act(world, id, &by, |contract, _| contract.edit(change))?;
    world.counters.updates += 1;
    Ok(())
}

/// Deletes a contract. Its last event tells how it was.
pub(super) fn delete(world: &mut World, id: &str) -> Result<(), Problem> {
    world.juro.get(id)?.check_deletable()?;
    let by = Actor::owner(world.juro.get(id)?);
    act(world, id, &by, |_, _| Ok(vec![EventType::Deleted]))?;
    world.juro.remove(id);
    world.counters.contracts_deleted += 1;
    Ok(())
}

/// Sends a contract for signing.
pub(super) fn send(world: &mut World, id: &str, ask: Ask<'_>) -> Result<(), Problem> {
    let by = Actor::owner(world.juro.get(id)?);
    act(world, id, &by, |contract, _| contract.send(ask))?;
    world.counters.signing_requests += 1;
    world.sent_for_signing(|world, id| sign_for(world, id, Who::Outstanding), id);
    Ok(())
}

/// The owner signs through the API: every open signature of the owner's side.
pub(super) fn sign_as_owner(world: &mut World, id: &str, signature_base64: &str) -> Result<(), Problem> {
    check_png(signature_base64)?;
    let contract = world.juro.get(id)?;
    let side = contract.template.sides.iter().find(|side| side.is_owner).map(|side| side.uid).unwrap_or_default();
    sign_for(world, id, Who::Side(side))?;
    Ok(())
}

/// The documents ask for a PNG of 475 by 175 pixels, and their own sample is smaller: only the kind is checked.
fn check_png(signature_base64: &str) -> Result<(), Problem> {
    const MAGIC: &[u8] = b"\x89PNG\r\n\x1a\n";
    match STANDARD.decode(signature_base64) {
        Err(error) => Err(Problem::bad(format!("signatureBase64: is not base64: {error}"))),
        Ok(image) if image.starts_with(MAGIC) && image.get(12..16) == Some(b"IHDR") => Ok(()),
        Ok(_) => Err(Problem::bad("signatureBase64: is not a PNG image")),
    }
}

/// Places signatures for people, and says how many. All chosen signatures are checked before the first is placed, and each
/// is its own change with its own time, because clients tell events apart by it.
pub(crate) fn sign_for(world: &mut World, id: &str, who: Who<'_>) -> Result<usize, Problem> {
    let contract = world.juro.get(id)?;
    let mut chosen = Vec::new();
    let mut known = matches!(who, Who::Outstanding);
    for (side, signature) in contract.signatures() {
        let wanted = match who {
            Who::Outstanding => signature.asked,
            Who::Side(name) => side.seed.uid == name || side.name == name,
            Who::Signature(uid) => signature.seed.uid == uid,
        };
        known |= wanted;
        if wanted && signature.signed.is_none() {
            chosen.push((signature.seed.uid, Actor::signatory(side, signature, contract)));
        }
    }
    if !known {
        return Err(Problem::new(StatusCode::NOT_FOUND, "Signing side or signature not found"));
    }
    if chosen.is_empty() {
        return Err(Problem::state("there is nothing left to sign"));
    }
    for (uid, by) in &chosen {
        act(world, id, by, |contract, now| contract.sign(uid, &by.name, now))?;
        world.counters.signatures += 1;
    }
    Ok(chosen.len())
}

/// Starts an approval process.
pub(crate) fn request_approval(world: &mut World, id: &str, approvers: Vec<String>) -> Result<(), Problem> {
    let by = Actor::owner(world.juro.get(id)?);
    act(world, id, &by, |contract, _| contract.request_approval(approvers))?;
    world.counters.approvals_requested += 1;
    Ok(())
}

/// Calls an approval process off.
pub(super) fn cancel_approval(world: &mut World, id: &str) -> Result<(), Problem> {
    let by = Actor::owner(world.juro.get(id)?);
    act(world, id, &by, |contract, _| contract.cancel_approval())
}

/// What an approver says in Juro's own pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Approve,
    Reject,
}

/// An approver's verdict, or that of all who still owe one.
pub(crate) fn decide_approval(world: &mut World, id: &str, who: Option<&str>, verdict: Verdict) -> Result<(), Problem> {
    let contract = world.juro.get(id)?;
    let by = match who.or_else(|| contract.approvers.first().map(|approver| approver.who.as_str())) {
        Some(who) => Actor::approver(who),
        None => Actor::owner(contract),
    };
    let said = match verdict {
        Verdict::Approve => Said::Approved,
        Verdict::Reject => Said::Rejected,
    };
    act(world, id, &by, |contract, _| contract.decide(who, said))
}

/// Where Juro's people sign.
pub(crate) static DESK: Desk = Desk { view: signing_view, sign: sign_with_token, decline };

/// The page behind a signing link.
fn signing_view(world: &World, token: &str) -> Option<SigningView> {
    let Link::Sign { contract_id, signature_uid } = world.juro.links.get(token)? else {
        return None;
    };
    let contract = world.juro.contracts.get(contract_id)?;
    let (side, signature) = contract.signature(signature_uid)?;
    Some(SigningView {
        contract_id: contract.id.clone(),
        contract_name: contract.name.clone(),
        owner_name: contract.owner.name.clone(),
        side_name: side.name.clone(),
        expected: signature.name.clone().or_else(|| signature.email.clone()),
        fields: pdf::filled_fields(contract),
        tables: contract.tables.values().cloned().collect(),
        status: contract.status.words(),
        pdf_url: Some(pdf_url(&world.origin, contract)),
        signed: signature.signed.as_ref().map(|signed| (signed.name.clone(), iso(signed.at))),
        closed: contract.check_asked(signature_uid).err().map(|problem| problem.message),
        can_decline: true,
        ..SigningView::default()
    })
}

/// A person signs on the page, under the name they typed.
fn sign_with_token(world: &mut World, token: &str, name: &str, _: IpAddr) -> Result<(), Problem> {
    let (contract_id, signature_uid) = signing_link(world, token)?;
    let contract = world.juro.get(&contract_id)?;
    contract.check_asked(signature_uid)?;
    let mut by = actor_of(contract, signature_uid);
    name.clone_into(&mut by.name);
    act(world, &contract_id, &by, |contract, now| contract.sign(signature_uid, name, now))?;
    world.counters.signatures += 1;
    Ok(())
}

/// A person declines on the page.
fn decline(world: &mut World, token: &str, _: IpAddr) -> Result<(), Problem> {
    let (contract_id, signature_uid) = signing_link(world, token)?;
    let by = actor_of(world.juro.get(&contract_id)?, signature_uid);
    act(world, &contract_id, &by, |contract, _| contract.decline(signature_uid))
}

fn actor_of(contract: &Contract, signature_uid: &str) -> Actor {
    match contract.signature(signature_uid) {
        Some((side, signature)) => Actor::signatory(side, signature, contract),
        None => Actor::owner(contract),
    }
}

fn signing_link(world: &World, token: &str) -> Result<(String, &'static str), Problem> {
    match world.juro.links.get(token) {
        Some(Link::Sign { contract_id, signature_uid }) => Ok((contract_id.clone(), signature_uid)),
        Some(Link::Pdf { .. }) | None => Err(Problem::new(StatusCode::NOT_FOUND, "This link leads nowhere.")),
    }
}

/// The PDF behind a public link.
pub(crate) fn public_pdf(world: &World, token: &str) -> Result<Reply, Problem> {
    match world.juro.links.get(token) {
        Some(Link::Pdf { contract_id }) => Ok(pdf_reply(world.juro.get(contract_id)?)),
        Some(Link::Sign { .. }) | None => Err(Problem::missing("PDF", token)),
    }
}

/// The PDF over the API.
pub(super) fn download_pdf(world: &mut World, id: &str) -> Result<Reply, Problem> {
    let reply = pdf_reply(world.juro.get(id)?);
    world.counters.pdf_downloads += 1;
    Ok(reply)
}

fn pdf_reply(contract: &Contract) -> Reply {
    let content = contract.file.clone().unwrap_or_else(|| Bytes::from(pdf::render(contract)));
    Reply::new(StatusCode::OK, "application/pdf", content)
        .with(CONTENT_DISPOSITION, pdf::content_disposition(&contract.name))
}

/// The public link to a contract's PDF.
pub(super) fn pdf_url(origin: &str, contract: &Contract) -> String {
    format!("{origin}/pdf/{}", contract.pdf_token)
}

/// The link for people who are signed in to Juro; here it leads to the control endpoint.
pub(super) fn internal_url(origin: &str, contract: &Contract) -> String {
    format!("{origin}/_sandbox/contracts/{}", contract.id)
}

/// The list of contracts for the control endpoints: what v3 shows of each, and the counts a test asks for.
pub(crate) fn contracts_json(world: &World) -> Value {
    let contracts: Vec<Value> = world.juro.contracts().map(|contract| control_view(world, contract)).collect();
    json!({"total": contracts.len(), "contracts": contracts})
}

/// One contract for the control endpoints.
pub(crate) fn contract_json(world: &World, id: &str) -> Result<Value, Problem> {
    Ok(json!({"contract": control_view(world, world.juro.get(id)?)}))
}

fn control_view(world: &World, contract: &Contract) -> Value {
    let signatures: Vec<Value> = contract
        .signatures()
        .map(|(side, signature)| {
            json!({
                "uid": signature.seed.uid,
                "side": side.name,
                "asked": signature.asked,
                "signedBy": signature.signed.as_ref().map(|signed| &signed.name),
                "signedDate": signature.signed.as_ref().map(|signed| iso(signed.at)),
            })
        })
        .collect();
    let mut view = v3::view(contract, &world.origin);
    if let Some(view) = view.as_object_mut() {
        view.insert("signatures".to_owned(), Value::Array(signatures));
    }
    view
}

/// Runs one lifecycle method on a contract, stamps the change, and queues its events.
fn act(
    world: &mut World,
    id: &str,
    by: &Actor,
    method: impl FnOnce(&mut Contract, Timestamp) -> Result<Vec<EventType>, Problem>,
) -> Result<(), Problem> {
    let now = world.clock.tick();
    let contract = world.juro.contracts.get_mut(id).ok_or_else(|| Problem::missing("Contract", id))?;
    let events = method(contract, now)?;
    contract.updated = now;
    publish(world, id, &events, by);
    Ok(())
}

/// Queues the webhooks of what happened to a contract.
pub(super) fn publish(world: &mut World, id: &str, events: &[EventType], by: &Actor) {
    let World { juro, courier, faults, origin, .. } = world;
    let Some(contract) = juro.contracts.get(id) else {
        return;
    };
    for event in events {
        courier.publish(faults, event.name(), |generation| {
            Bytes::from(webhook::body(generation, *event, contract, by, origin).to_string())
        });
    }
}

//! What happens to a contract of Contract Signatures: created, decided on by its signers, expired. The page, the control
//! endpoints, the handle and the automatic signer all come through here.

use std::net::{IpAddr, Ipv4Addr};

use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::create::{Wanted, e164};
use super::state::{Attachment, Contract, Decision, Signer, Status};
use super::webhook::{Event, publish};
use crate::limits::{CONTRACT_DAYS, CONTRACTS_MAX};
use crate::paper;
use crate::sandbox::Who;
use crate::signing_page::{Desk, SigningView};
use crate::wire::{Problem, Reply};
use crate::world::{World, iso};

/// Where the signers sign or reject.
pub(crate) static DESK: Desk = Desk {
    view: signing_view,
    sign: |world, token, name, from| decide_with_token(world, token, Some(name), from),
    decline: |world, token, from| decide_with_token(world, token, None, from),
};

/// The address of a signer's page.
pub(super) fn link(origin: &str, signer: &Signer) -> String {
    format!("{origin}/sign/{}", signer.token)
}

/// Creates a contract from a checked request, which also asks its signers, and returns its id.
pub(super) fn create(world: &mut World, wanted: Wanted, creator: String) -> Result<String, Problem> {
    if world.contract_signatures.contracts.len() >= CONTRACTS_MAX {
        let message = format!("the sandbox keeps at most {CONTRACTS_MAX} contracts: delete some");
        return Err(Problem::new(StatusCode::CONFLICT, message));
    }
    let (id, created) = (world.names.uuid(), world.clock.tick());
    let names = &mut world.names;
    let signers = wanted.signers.into_iter().map(|signer| Signer {
        access: signer.access(),
        full_name: signer.full_name,
        email: signer.email,
        phone: signer.phone.as_deref().and_then(e164),
        token: names.token(),
        decision: None,
    });
    let contract = Contract {
        id: id.clone(),
        template_id: wanted.template_id,
        name: wanted.name,
        creator,
        created,
        expires: created + SignedDuration::from_hours(24 * CONTRACT_DAYS),
        sequential: wanted.sequential_signing,
        archived: None,
        signers: signers.collect(),
        attachments: None,
    };
    let account = &mut world.contract_signatures;
    for (index, signer) in contract.signers.iter().enumerate() {
        account.links.insert(signer.token.clone(), (id.clone(), index));
    }
    account.contracts.insert(id.clone(), contract);
    world.counters.contract_signatures.contracts_created += 1;
    world.counters.contract_signatures.sends += 1;
    publish(world, &id, Event::Creation);
    world.sent_for_signing(|world, id| sign_for(world, id, Who::Outstanding), &id);
    Ok(id)
}

/// Deletes a contract with its attachments.
pub(super) fn delete(world: &mut World, id: &str) -> Result<(), Problem> {
    let account = &mut world.contract_signatures;
    let contract = account.contracts.remove(id).ok_or_else(|| Problem::missing("Contract", id))?;
    for signer in &contract.signers {
        account.links.remove(&signer.token);
    }
    world.counters.contract_signatures.contracts_deleted += 1;
    Ok(())
}

fn conflict(message: &str) -> Problem {
    Problem::new(StatusCode::CONFLICT, message)
}

/// Whether the signer at an index may decide now.
fn check_turn(contract: &Contract, index: usize) -> Result<(), Problem> {
    let Some(signer) = contract.signers.get(index) else {
        return Err(Problem::missing("Signer", &index.to_string()));
    };
    if signer.decision.is_some() {
        return Err(conflict("this signer has decided already"));
    }
    match contract.status() {
        Status::Expired => Err(conflict("the contract has expired")),
        Status::Rejected => Err(conflict("the contract was rejected")),
        Status::Signed => Err(conflict("the contract is signed")),
        Status::Sent | Status::Ongoing
            if contract.sequential && contract.signers.iter().take(index).any(|earlier| earlier.decision.is_none()) =>
        {
            Err(conflict("an earlier signer has not signed yet"))
        }
        Status::Sent | Status::Ongoing => Ok(()),
    }
}

/// One signer's decision: a signature under a name, or a rejection.
fn decide(world: &mut World, id: &str, index: usize, name: Option<&str>, from: IpAddr) -> Result<(), Problem> {
    check_turn(world.contract_signatures.contract(id)?, index)?;
    let at = world.clock.tick();
    let decision = Decision { signed: name.is_some(), name: name.unwrap_or_default().to_owned(), at, from };
    if let Some(signer) = world.contract_signatures.contract_mut(id)?.signers.get_mut(index) {
        signer.decision = Some(decision);
    }
    if name.is_some() {
        world.counters.contract_signatures.signatures += 1;
    }
    let status = world.contract_signatures.contract(id)?.status();
    if status == Status::Signed {
        attach(world, id, at)?;
    }
    publish(world, id, Event::Signature(index));
    if matches!(status, Status::Signed | Status::Rejected) {
        publish(world, id, Event::Completion);
    }
    Ok(())
}

/// Attaches the final document and its certificate.
fn attach(world: &mut World, id: &str, at: Timestamp) -> Result<(), Problem> {
    let ids = [world.names.short_id(), world.names.short_id()];
    let contract = world.contract_signatures.contract_mut(id)?;
    let decided = |signer: &Signer| signer.decision.clone().map(|decision| (signer.full_name.clone(), decision));
    let decisions: Vec<(String, Decision)> = contract.signers.iter().filter_map(decided).collect();
    let signed = decisions.iter().map(|(_, decision)| format!("Signed by {} at {}", decision.name, iso(decision.at)));
    let proved = decisions
        .iter()
        .map(|(name, decision)| format!("{name} {} at {} from {}", decision.word(), iso(decision.at), decision.from));
    let documents = [
        paper::render(&contract.name, &signed.collect::<Vec<_>>()),
        paper::render(&format!("Certificate of {}", contract.name), &proved.collect::<Vec<_>>()),
    ];
    let mut ids = ids.into_iter();
    contract.attachments = Some(documents.map(|content| Attachment {
        id: format!("att{}", ids.next().unwrap_or_default()),
        created: at,
        content,
    }));
    Ok(())
}

fn behind<'a>(world: &'a World, token: &str) -> Option<(&'a Contract, usize)> {
    let (id, index) = world.contract_signatures.links.get(token)?;
    Some((world.contract_signatures.contracts.get(id)?, *index))
}

fn signing_view(world: &World, token: &str) -> Option<SigningView> {
    let (contract, index) = behind(world, token)?;
    let signer = contract.signers.get(index)?;
    let signed = signer.decision.as_ref().filter(|decision| decision.signed);
    Some(SigningView {
        contract_id: contract.id.clone(),
        contract_name: contract.name.clone(),
        owner_name: "Contract Signatures".to_owned(),
        side_name: signer.full_name.clone(),
        expected: Some(signer.full_name.clone()),
        status: contract.status().word(),
        signed: signed.map(|decision| (decision.name.clone(), iso(decision.at))),
        closed: check_turn(contract, index).err().map(|problem| problem.message),
        can_decline: true,
        ..SigningView::default()
    })
}

fn decide_with_token(world: &mut World, token: &str, name: Option<&str>, from: IpAddr) -> Result<(), Problem> {
    let found = behind(world, token).map(|(contract, index)| (contract.id.clone(), index));
    let (id, index) = found.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "This link leads nowhere."))?;
    decide(world, &id, index, name, from)
}

/// Signatures by people, and how many. A signer is named by e-mail address, full name, or ordinal from 1.
pub(crate) fn sign_for(world: &mut World, id: &str, who: Who<'_>) -> Result<usize, Problem> {
    decide_for(world, id, who, true)
}

/// Signatures or rejections by people, and how many. One rejection ends the contract, so only the first counts.
pub(crate) fn decide_for(world: &mut World, id: &str, who: Who<'_>, signed: bool) -> Result<usize, Problem> {
    let contract = world.contract_signatures.contract(id)?;
    let is_meant = |(index, signer): &(usize, &Signer)| match who {
        Who::Outstanding => signer.decision.is_none(),
        Who::Side(name) => {
            signer.full_name == name || signer.email.as_ref().is_some_and(|email| email.eq_ignore_ascii_case(name))
        }
        Who::Signature(ordinal) => (index + 1).to_string() == ordinal,
    };
    let chosen: Vec<usize> = contract.signers.iter().enumerate().filter(is_meant).map(|(index, _)| index).collect();
    if chosen.is_empty() {
        return Err(match who {
            Who::Outstanding => conflict("there is nothing left to sign"),
            Who::Side(_) | Who::Signature(_) => Problem::new(StatusCode::NOT_FOUND, "Signer not found"),
        });
    }
    let chosen = if signed { chosen } else { chosen.into_iter().take(1).collect() };
    for index in &chosen {
        let contract = world.contract_signatures.contract(id)?;
        let name = contract.signers.get(*index).map(|signer| signer.full_name.clone());
        decide(world, id, *index, name.as_deref().filter(|_| signed), IpAddr::V4(Ipv4Addr::LOCALHOST))?;
    }
    Ok(chosen.len())
}

/// Ends a contract now, as if its time had passed.
pub(crate) fn expire(world: &mut World, id: &str) -> Result<(), Problem> {
    let contract = world.contract_signatures.contract_mut(id)?;
    match contract.status() {
        Status::Sent | Status::Ongoing => contract.expires = Timestamp::now(),
        Status::Rejected | Status::Signed | Status::Expired => return Err(conflict("the contract has ended already")),
    }
    Ok(())
}

/// The bytes of an attachment, which the real app leaves to Confluence or Jira to serve.
pub(crate) fn attachment(world: &World, id: &str) -> Result<Reply, Problem> {
    let mut all =
        world.contract_signatures.contracts.values().flat_map(|contract| contract.attachments.iter().flatten());
    let found = all.find(|attachment| attachment.id == id).ok_or_else(|| Problem::missing("Attachment", id))?;
    Ok(Reply::new(StatusCode::OK, "application/pdf", found.content.clone()))
}

/// A contract for the control endpoints, with the addresses of all signers: the mailbox of those who get theirs by e-mail.
pub(crate) fn control_json(world: &World, id: &str) -> Result<Value, Problem> {
    let contract = world.contract_signatures.contract(id)?;
    let signers: Vec<Value> = contract
        .signers
        .iter()
        .map(|signer| {
            let mut view = signer.view();
            view.insert("signUrl".to_owned(), json!(link(&world.origin, signer)));
            Value::Object(view)
        })
        .collect();
    let mut view = contract.view();
    if let Some(view) = view.as_object_mut() {
        view.insert("signers".to_owned(), json!(signers));
    }
    Ok(json!({"contract": view}))
}

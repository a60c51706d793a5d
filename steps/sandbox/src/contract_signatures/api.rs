//! The table of the five endpoints of Contract Signatures. Errors have no documented body; the sandbox says `message`.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::create::Wanted;
use super::keys::{authorise, owner_of};
use super::ops::{self, link};
use super::search::search;
use super::state::Access;
use crate::faults::On;
use crate::wire::{Call, Problem, Provider, Reply, Route};
use crate::world::World;

/// Mounted at `/contract_signatures/webapi`.
pub(crate) static PROVIDER: Provider = Provider {
    mount: "/contract_signatures/webapi",
    authorise,
    refuse: |_, problem| problem.into_reply(),
    count: |counters, rejected| counters.contract_signatures.request(rejected),
    routes: &[
        Route::new("GET", "/contracts", On::List, search),
        Route::new("POST", "/contracts", On::CreateContract, create),
        Route::new("GET", "/contracts/{}", On::Get, get),
        Route::new("PATCH", "/contracts/{}", On::Archive, archive),
        Route::new("DELETE", "/contracts/{}", On::Delete, delete),
    ],
};

fn create(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let wanted: Wanted = call.json()?;
    wanted.check()?;
    let creator = owner_of(world, call.headers()).to_owned();
    let id = ops::create(world, wanted, creator)?;
    if world.contract_signatures.silent_create {
        return Ok(Reply::new(StatusCode::CREATED, "text/plain", ""));
    }
    Ok(Reply::json(&world.contract_signatures.contract(&id)?.view()))
}

/// The contract with its signers. An address of a page is shown for `url` signers only, and only to the creator.
fn get(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let contract = world.contract_signatures.contract(call.param(0))?;
    let is_creator = contract.creator == owner_of(world, call.headers());
    let signers: Vec<Value> = contract
        .signers
        .iter()
        .map(|signer| {
            let mut view = signer.view();
            if is_creator && signer.access == Access::Url {
                view.insert("accessUrl".to_owned(), json!(link(&world.origin, signer)));
            }
            Value::Object(view)
        })
        .collect();
    let mut view = contract.view();
    if let Some(view) = view.as_object_mut() {
        view.insert("signers".to_owned(), json!(signers));
    }
    Ok(Reply::json(&view))
}

/// Archiving what is archived changes nothing.
fn archive(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let now = world.clock.tick();
    let contract = world.contract_signatures.contract_mut(call.param(0))?;
    contract.archived = contract.archived.or(Some(now));
    world.counters.contract_signatures.updates += 1;
    Ok(Reply::no_content())
}

fn delete(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    ops::delete(world, call.param(0))?;
    Ok(Reply::no_content())
}

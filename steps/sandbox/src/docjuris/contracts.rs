//! Contracts of DocJuris over HTTP: contracts, turns, their documents, contract types and imports.

use axum::http::StatusCode;
use axum::http::header::CONTENT_DISPOSITION;
use serde::Deserialize;
use serde_json::{Value, json};

use super::api::envelope;
use super::input::{Input, extension, stem};
use super::office::{DOCX, XLSX, docx, xlsx};
use super::ops::{NewContract, NewTurn, add_contract, append_turn};
use super::state::{CONTRACT_TYPES, Contract, ContractType, Import, Turn, extended_view};
use crate::limits::{ITEMS_MAX, TAKE_MAX};
use crate::multipart::File;
use crate::options::Emulated;
use crate::wire::{Call, Problem, Reply, clip};
use crate::world::World;

const CONTRACT_ARGUMENTS: [&str; 8] = [
    "contractType",
    "contractTypeId",
    "counterParty",
    "counterPartyName",
    "counterPartyId",
    "name",
    "description",
    "extendedData",
];

const TURN_ARGUMENTS: [&str; 5] = ["currentTurnId", "source", "description", "extendedData", "tags"];

pub(super) fn create(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let others: Vec<&str> = world.accounts.values(Emulated::DocJuris, "counterparty_part").collect();
    let allowed: Vec<&str> = CONTRACT_ARGUMENTS.iter().chain(&others).copied().collect();
    let mut input = Input::read(call, &allowed)?;
    let kind = input.contract_type();
    // The form sample says `counterPartyName`, the list of arguments `counterParty`.
    let name = ["counterParty", "counterPartyName"].into_iter().chain(others).find_map(|name| input.name(name));
    let id = input.name("counterPartyId");
    let counterparty = match (name, id) {
        (Some(name), _) => Some(name),
        (None, Some(id)) => {
            let index = id.parse::<usize>().ok().and_then(|id| id.checked_sub(1));
            let known = index.and_then(|index| world.docjuris.counterparties.get(index)).cloned();
            if known.is_none() {
                input.problems.push(format!("counterPartyId: there is no counterparty {}", clip(&id)));
            }
            known
        }
        (None, None) => {
            input.problems.push("counterParty: or counterPartyId is required".to_owned());
            None
        }
    };
    let (title, description) = (input.name("name"), input.description());
    let extended = input.extended().unwrap_or_default();
    input.check()?;
    let (Some(kind), Some(counterparty), Some(file)) = (kind, counterparty, input.file) else {
        return Err(Problem::bad("an argument is missing"));
    };
    let name = title.unwrap_or_else(|| stem(&file.name).to_owned());
    let id = add_contract(world, NewContract { name, description, counterparty, kind, extended, file })?;
    world.counters.docjuris.contracts_created += 1;
    Ok(envelope(&world.docjuris.contract(&id)?.view(&world.origin)))
}

pub(super) fn get(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    Ok(envelope(&world.docjuris.contract(call.param(0))?.view(&world.origin)))
}

/// Adds a turn, if the client knows the latest one.
pub(super) fn add_turn(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let contract = world.docjuris.contract(call.param(0))?;
    let id = contract.id.clone();
    let mut input = Input::read(call, &TURN_ARGUMENTS)?;
    let current = input.name("currentTurnId");
    if current.is_none() {
        input.problems.push("currentTurnId: is required".to_owned());
    }
    // A blank source is the counterparty.
    let source = input.name("source").unwrap_or_else(|| contract.counterparty.1.clone());
    let description = input.description();
    let extended = input.extended().unwrap_or_else(|| contract.extended.clone());
    let tags = input.tags();
    input.check()?;
    if current.is_some_and(|current| !current.eq_ignore_ascii_case(contract.latest_id())) {
        let status = if world.docjuris.stale_is_409 { StatusCode::CONFLICT } else { StatusCode::BAD_REQUEST };
        return Err(Problem::new(status, "currentTurnId: is not the latest turn of the contract; read it again"));
    }
    let Some(file) = input.file else {
        return Err(Problem::bad("file: is required"));
    };
    let turn_id = append_turn(world, &id, NewTurn { source, description, extended, tags, file })?;
    world.counters.docjuris.turns_added += 1;
    let contract = world.docjuris.contract(&id)?;
    Ok(envelope(&contract.turn_view(contract.turn(&turn_id)?, &world.origin)))
}

pub(super) fn get_turn(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let contract = world.docjuris.contract(call.param(0))?;
    Ok(envelope(&contract.turn_view(contract.turn(call.param(1))?, &world.origin)))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DocumentQuery {
    doc_state: Option<String>,
}

/// Which of the documents of a turn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum DocState {
    CompletedWithMarkup,
    CompletedClean,
    Original,
    Imported,
    ScreeningReport,
}

/// Case does not count, and the report has the three names that the documents spell it with.
fn doc_state(call: &Call<'_>) -> Result<DocState, Problem> {
    let query: DocumentQuery = call.query()?;
    let given = query.doc_state.unwrap_or_default();
    Ok(match given.to_ascii_lowercase().as_str() {
        "" | "original" => DocState::Original,
        "completedwithmarkup" => DocState::CompletedWithMarkup,
        "completedclean" => DocState::CompletedClean,
        "imported" => DocState::Imported,
        "contractscreeningreport" | "screeningreport" => DocState::ScreeningReport,
        _ => {
            return Err(Problem::bad(format!(
                "docState: {} is none of completedWithMarkup, completedClean, original, imported, contractScreeningReport",
                clip(&given)
            )));
        }
    })
}

/// A document of the latest turn, or of the first one when it is the original.
pub(super) fn document(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let contract = world.docjuris.contract(call.param(0))?;
    let state = doc_state(call)?;
    let turn = if state == DocState::Original { contract.turns.first() } else { contract.turns.last() };
    let reply = serve(contract, turn.ok_or_else(|| Problem::missing("Turn", ""))?, state)?;
    world.counters.docjuris.downloads += 1;
    Ok(reply)
}

pub(super) fn turn_document(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let contract = world.docjuris.contract(call.param(0))?;
    let reply = serve(contract, contract.turn(call.param(1))?, doc_state(call)?)?;
    world.counters.docjuris.downloads += 1;
    Ok(reply)
}

fn serve(contract: &Contract, turn: &Turn, state: DocState) -> Result<Reply, Problem> {
    let File { name, content } = &turn.file;
    let about = |what: &str| {
        let lines = [contract.name.clone(), format!("Turn {} of {}", turn.id, turn.source), what.to_owned()];
        docx(&lines)
    };
    let docx_name = format!("{}.docx", stem(name));
    match state {
        DocState::Imported => Ok(file_reply(name, media_type(name), content.to_vec())),
        DocState::Original if extension(name) == "docx" => Ok(file_reply(name, DOCX, content.to_vec())),
        DocState::Original => Ok(file_reply(&docx_name, DOCX, about(&format!("Converted from {name}")))),
        DocState::CompletedWithMarkup | DocState::CompletedClean if !turn.is_complete => {
            Err(Problem::bad("docState: the turn must be completed"))
        }
        DocState::CompletedWithMarkup => Ok(file_reply(&docx_name, DOCX, about("Completed, with markup"))),
        DocState::CompletedClean => Ok(file_reply(&docx_name, DOCX, about("Completed, clean"))),
        DocState::ScreeningReport => {
            let rows = [["Turn".to_owned(), turn.id.clone()], ["Issues".to_owned(), "0".to_owned()]];
            Ok(file_reply(&format!("{}.xlsx", stem(name)), XLSX, xlsx(&rows)))
        }
    }
}

fn media_type(name: &str) -> &'static str {
    match extension(name).as_str() {
        "docx" => DOCX,
        "pdf" => "application/pdf",
        "doc" => "application/msword",
        _ => "application/octet-stream",
    }
}

/// Characters that a quoted ASCII name cannot carry become `_`.
fn file_reply(name: &str, media_type: &'static str, content: Vec<u8>) -> Reply {
    let safe = |letter: char| if matches!(letter, ' '..='~') && !"\"\\/".contains(letter) { letter } else { '_' };
    let name: String = name.chars().map(safe).collect();
    Reply::new(StatusCode::OK, media_type, content)
        .with(CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\""))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TypesQuery {
    skip: Option<usize>,
    take: Option<usize>,
    sort_by: Option<String>,
    filter: Option<String>,
}

/// How many entries of a list to leave out and to show.
pub(super) fn page(skip: Option<usize>, take: Option<usize>) -> Result<(usize, usize), Problem> {
    match take.unwrap_or(TAKE_MAX) {
        take if (1..=TAKE_MAX).contains(&take) => Ok((skip.unwrap_or_default(), take)),
        _ => Err(Problem::bad(format!("take: must be from 1 to {TAKE_MAX}"))),
    }
}

pub(super) fn list_types(_: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let query: TypesQuery = call.query()?;
    let (skip, take) = page(query.skip, query.take)?;
    let filter = query.filter.unwrap_or_default().to_lowercase();
    let mut types: Vec<&ContractType> =
        CONTRACT_TYPES.iter().filter(|kind| kind.name.to_lowercase().contains(&filter)).collect();
    let sort_by = query.sort_by.as_deref().unwrap_or("name");
    match sort_by {
        "name" => types.sort_by_key(|kind| kind.name.to_lowercase()),
        "description" => types.sort_by_key(|kind| kind.description.to_lowercase()),
        "id" => types.sort_by_key(|kind| kind.id),
        _ => return Err(Problem::bad("sortBy: must be name, id or description")),
    }
    let shown: Vec<Value> = types.iter().skip(skip).take(take).map(|kind| kind.view()).collect();
    Ok(envelope(&json!({
        "skip": skip, "take": take, "sortBy": sort_by, "totalCount": types.len(), "contractTypes": shown,
    })))
}

/// Stages a document for a person.
pub(super) fn import(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let mut input = Input::read(call, &["extendedData"])?;
    let extended = input.extended().unwrap_or_default();
    input.check()?;
    let Some(file) = input.file else {
        return Err(Problem::bad("file: is required"));
    };
    if world.docjuris.imports.len() >= ITEMS_MAX {
        return Err(Problem::bad(format!("the sandbox keeps at most {ITEMS_MAX} imports: start it again")));
    }
    world.docjuris.keep(&file)?;
    let id = world.names.uuid();
    let view = json!({
        "id": id,
        "extendedData": extended_view(&extended),
        "urls": {"app": format!("{}/docjuris/app/imports/{id}", world.origin)},
    });
    world.docjuris.imports.insert(id.clone(), Import { id, file, extended });
    world.counters.docjuris.imports += 1;
    Ok(envelope(&view))
}

//! Contracts of Paperlex over HTTP: content, responses, versions. What people do to a contract is in `people`.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use reqwest::Url;
use serde_json::{Value, json};

use super::callbacks::seconds;
use super::input::{Input, check_value, path_key, responses};
use super::people::{signature_json, signer_json};
use super::state::{Content, Contract, unprocessable, version};
use super::text;
use crate::form::Form;
use crate::html::{escape, shell};
use crate::limits::{CONTRACTS_MAX, ENTRIES_MAX};
use crate::wire::{Call, Problem, Reply, clip};
use crate::world::World;

/// All contracts, in order of creation, which no document fixes.
pub(super) fn list(world: &mut World, _: &Call<'_>) -> Result<Reply, Problem> {
    let contracts: Vec<Value> = world
        .paperlex
        .contracts
        .values()
        .map(|contract| {
            json!({
                "created_at": seconds(contract.created),
                "uuid": contract.uuid,
                "updated_at": seconds(contract.updated),
                "subject": contract.content.subject,
            })
        })
        .collect();
    Ok(Reply::json(&json!(contracts)))
}

pub(super) fn get(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    Ok(Reply::json(&view(world.paperlex.contract(call.param(0))?)))
}

/// The HTML that the signers see. The `null` of a missing contract was seen for JSON only, so here it is a 404.
pub(super) fn render(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let contract = world.paperlex.contract(call.param(0)).map_err(|problem| Problem { absent: false, ..problem })?;
    let subject = escape(&contract.content.subject);
    let text = text::render(&contract.content.body, &contract.content.responses, false);
    let page = shell(&subject, &format!("<h1>{subject}</h1>{text}"));
    world.counters.paperlex.downloads += 1;
    Ok(Reply::new(StatusCode::OK, "text/html; charset=utf-8", page))
}

/// What a create and an update have in common.
struct Wanted {
    subject: Option<String>,
    body: Option<String>,
    number_of_signers: Option<usize>,
    responses: Option<BTreeMap<String, String>>,
    callback: Option<Option<Url>>,
}

/// Reads the attributes; `slaw_id` is allowed at creation only.
fn wanted(input: &Input, is_new: bool) -> Result<(Wanted, Option<String>), Problem> {
    let all = ["subject", "number_of_signers", "responses", "signature_callback_url", "body", "slaw_id"];
    let allowed = if is_new { all.as_slice() } else { all.split_last().map_or(all.as_slice(), |(_, rest)| rest) };
    let mut attributes = input.attributes("contract", allowed)?;
    // What a client has not, it may send as an empty text.
    let slaw = attributes.form.text("slaw_id").filter(|id| is_new && !id.is_empty());
    if is_new {
        attributes.require("subject");
        attributes.require("number_of_signers");
        if slaw.is_none() && attributes.form.text("body").is_none() {
            attributes.problem("body", "is required when slaw_id is not given");
        }
    }
    let wanted = Wanted {
        subject: attributes.name("subject").map(str::to_owned),
        // The documents: with a template, any passed body is ignored.
        body: if slaw.is_some() { None } else { attributes.body("body").map(str::to_owned) },
        number_of_signers: attributes.positive("number_of_signers", ENTRIES_MAX),
        responses: match (attributes.form.group("responses"), attributes.form.text("responses")) {
            (Some(group), _) => Some(responses(group)?.into_iter().collect()),
            (None, Some("")) => Some(BTreeMap::new()),
            (None, Some(_)) => {
                attributes.problem("responses", "must be a hash");
                None
            }
            (None, None) => None,
        },
        callback: attributes.callback("signature_callback_url"),
    };
    attributes.check()?;
    Ok((wanted, slaw.map(str::to_owned)))
}

pub(super) fn create(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let (wanted, slaw) = wanted(&Input::read(call)?, true)?;
    let body = match &slaw {
        // A uuid that is not in the path: the documents' 404 without the observed `null`, which would look like success.
        Some(id) => {
            let slaw = world.paperlex.slaw(id).map_err(|problem| Problem { absent: false, ..problem })?;
            slaw.content.body.clone()
        }
        None => wanted.body.unwrap_or_default(),
    };
    let content = Content {
        subject: wanted.subject.unwrap_or_default(),
        body,
        number_of_signers: wanted.number_of_signers.unwrap_or(1),
        responses: wanted.responses.unwrap_or_default(),
    };
    let uuid = add(world, content, slaw, wanted.callback.flatten())?;
    Ok(Reply::json(&view(world.paperlex.contract(&uuid)?)))
}

/// Creates a contract and returns its uuid.
pub(super) fn add(
    world: &mut World,
    content: Content,
    slaw: Option<String>,
    callback: Option<Url>,
) -> Result<String, Problem> {
    if world.paperlex.contracts.len() >= CONTRACTS_MAX {
        return Err(unprocessable(format!("the sandbox keeps at most {CONTRACTS_MAX} contracts: start it again")));
    }
    let now = world.clock.tick();
    let uuid = world.names.short_id();
    let contract = Contract {
        uuid: uuid.clone(),
        versions: vec![content.clone()],
        content,
        slaw,
        callback,
        return_url: None,
        signers: Vec::new(),
        sessions: BTreeMap::new(),
        signatures: Vec::new(),
        created: now,
        updated: now,
    };
    world.paperlex.contracts.insert(uuid.clone(), contract);
    world.counters.paperlex.contracts_created += 1;
    Ok(uuid)
}

pub(super) fn update(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let contract = world.paperlex.contract(call.param(0))?;
    contract.check_unlocked()?;
    let (wanted, _) = wanted(&Input::read(call)?, false)?;
    let mut content = contract.content.clone();
    if let Some(number) = wanted.number_of_signers {
        if number < contract.signers.len() {
            let message = format!("contract[number_of_signers] there are {} signers already", contract.signers.len());
            return Err(unprocessable(message));
        }
        content.number_of_signers = number;
    }
    content.subject = wanted.subject.unwrap_or(content.subject);
    content.body = wanted.body.unwrap_or(content.body);
    content.responses = wanted.responses.unwrap_or(content.responses);
    change(world, call.param(0), content)?;
    let contract = world.paperlex.contract_mut(call.param(0))?;
    if let Some(callback) = wanted.callback {
        contract.callback = callback;
    }
    Ok(Reply::json(&view(contract)))
}

/// Gives a contract new content, as a new version.
fn change(world: &mut World, uuid: &str, content: Content) -> Result<(), Problem> {
    let now = world.clock.tick();
    world.paperlex.contract_mut(uuid)?.change(content, now)?;
    world.counters.paperlex.updates += 1;
    Ok(())
}

pub(super) fn list_responses(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    Ok(Reply::json(&json!(world.paperlex.contract(call.param(0))?.content.responses)))
}

/// The documents show a single response as an array of one.
pub(super) fn get_response(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let key = path_key(call);
    let responses = &world.paperlex.contract(call.param(0))?.content.responses;
    let value = responses.get(&key).ok_or_else(|| no_response(&key))?;
    Ok(Reply::json(&json!([value])))
}

fn no_response(key: &str) -> Problem {
    unprocessable(format!("there is no response {}", clip(key)))
}

pub(super) fn set_responses(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let contract = world.paperlex.contract(call.param(0))?;
    contract.check_unlocked()?;
    let input = Input::read(call)?;
    let given = input.group("responses").ok_or_else(|| unprocessable("responses is required"))?;
    let given = responses(given)?;
    let content = merge(&contract.content, &given)?;
    change(world, call.param(0), content)?;
    let given: BTreeMap<String, String> = given.into_iter().collect();
    Ok(Reply::json(&json!(given)))
}

/// As a set of one: the documents say no more of a key that is new.
pub(super) fn set_response(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let contract = world.paperlex.contract(call.param(0))?;
    contract.check_unlocked()?;
    let input = Input::read(call)?;
    let value = input.text("value").ok_or_else(|| unprocessable("value is required"))?;
    let key = path_key(call);
    check_value(&key, value)?;
    let content = merge(&contract.content, &[(key, value.to_owned())])?;
    change(world, call.param(0), content)?;
    Ok(Reply::json(&json!([value])))
}

fn merge(content: &Content, given: &[(String, String)]) -> Result<Content, Problem> {
    let mut content = content.clone();
    content.responses.extend(given.iter().cloned());
    if content.responses.len() > ENTRIES_MAX {
        return Err(unprocessable(format!("responses: at most {ENTRIES_MAX} are kept")));
    }
    Ok(content)
}

pub(super) fn delete_response(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let contract = world.paperlex.contract(call.param(0))?;
    contract.check_unlocked()?;
    let key = path_key(call);
    let mut content = contract.content.clone();
    let value = content.responses.remove(&key).ok_or_else(|| no_response(&key))?;
    change(world, call.param(0), content)?;
    Ok(Reply::json(&json!([value])))
}

pub(super) fn list_versions(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    Ok(Reply::json(&versions_json(world.paperlex.contract(call.param(0))?.versions.len())))
}

/// The list of versions, in which the documents know only the event `update`.
pub(super) fn versions_json(count: usize) -> Value {
    (1..=count).map(|number| json!({"version": number, "event": "update"})).collect()
}

pub(super) fn get_version(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let contract = world.paperlex.contract(call.param(0))?;
    let (content, is_current) = version(&contract.versions, call.param(1))?;
    Ok(Reply::json(&content_json(contract, content, is_current)))
}

/// A new version with the content of an old one; the old ones stay.
pub(super) fn revert(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let contract = world.paperlex.contract(call.param(0))?;
    contract.check_unlocked()?;
    let content = version(&contract.versions, call.param(1))?.0.clone();
    change(world, call.param(0), content)?;
    let contract = world.paperlex.contract(call.param(0))?;
    Ok(Reply::json(&content_json(contract, &contract.content, true)))
}

/// What a version shows: the contract without its signers and signatures.
fn content_json(contract: &Contract, content: &Content, is_current: bool) -> Value {
    let responses = (!content.responses.is_empty()).then_some(&content.responses);
    json!({
        "responses": responses,
        "created_at": seconds(contract.created),
        "current_version": is_current,
        "body": content.body,
        "uuid": contract.uuid,
        "updated_at": seconds(contract.updated),
        "subject": content.subject,
        "number_of_signers": content.number_of_signers,
        "number_of_identity_verifications": 1,
    })
}

/// A contract as the API shows it.
pub(super) fn view(contract: &Contract) -> Value {
    let mut view = content_json(contract, &contract.content, true);
    if let Some(view) = view.as_object_mut() {
        let signers: Vec<Value> = contract.signers.iter().map(signer_json).collect();
        let signatures: Vec<Value> = contract.signatures.iter().map(signature_json).collect();
        view.insert("locked".to_owned(), json!(contract.is_locked()));
        view.insert("signers".to_owned(), json!(signers));
        view.insert("signatures".to_owned(), json!(signatures));
        let callback = contract.callback.as_ref().map(Url::as_str);
        view.insert("signature_callback_url".to_owned(), json!(callback));
    }
    view
}

/// The responses of a query or form, or none.
pub(super) fn optional_responses(form: Option<&Form>) -> Result<BTreeMap<String, String>, Problem> {
    form.map_or_else(|| Ok(BTreeMap::new()), |form| Ok(responses(form)?.into_iter().collect()))
}

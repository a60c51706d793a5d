//! Juro v3 over HTTP: routes, bodies and replies as the help page and two client authors describe them.
//!
//! Creates answer 200 and deletes 200 with `{"message":"ok"}` (one of two readings). The upload has a file of its own. Listing and
//! deleting webhooks is not confirmed by any source, so only their registration exists. This module translates; effects are
//! in `ops`.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::change::{Change, SideText, Signatory, TableRows, UidValue, check_message};
use super::lifecycle::{Ask, EVENT_NAMES};
use super::ops::{self, internal_url, pdf_url};
use super::state::{Contract, OWNER_NAME, OWNER_USERNAME, Person, TEAM_ID, TEAM_NAME, seeded_rows};
use super::templates::{self, SEEDED, TEMPLATES, Template};
use super::upload::upload;
use crate::faults::On;
use crate::limits::{PAGE_DEFAULT, PAGE_MAX};
use crate::options::{Emulated, Generation, WebhookTarget};
use crate::wire::{Attempt, Call, Problem, Provider, Reply, Route, clip};
use crate::world::{World, iso};

/// Mounted at `/juro/v3`.
pub(crate) static PROVIDER: Provider = Provider {
    mount: "/juro/v3",
    authorise,
    refuse: |_, problem| problem.into_reply(),
    count: ops::count,
    routes: &[
        Route { method: "GET", path: "/health", on: On::Health, handler: |_, _| Ok(Reply::message_ok()) },
        Route { method: "GET", path: "/templates", on: On::Template, handler: list_templates },
        Route { method: "GET", path: "/templates/{}", on: On::Template, handler: get_template },
        Route { method: "GET", path: "/contracts", on: On::List, handler: list_contracts },
        Route { method: "POST", path: "/contracts", on: On::CreateContract, handler: create_contract },
        Route { method: "POST", path: "/contracts/upload", on: On::CreateContract, handler: upload },
        Route { method: "GET", path: "/contracts/{}", on: On::Get, handler: get_contract },
        Route { method: "PATCH", path: "/contracts/{}", on: On::Update, handler: update_contract },
        Route { method: "DELETE", path: "/contracts/{}", on: On::Delete, handler: delete_contract },
        Route { method: "GET", path: "/contracts/{}/pdf/binary", on: On::Pdf, handler: download_pdf },
        Route { method: "POST", path: "/contracts/{}/sign", on: On::Sign, handler: sign },
        Route { method: "POST", path: "/contracts/{}/signing-request/{}", on: On::Send, handler: send_to_side },
        Route {
            method: "POST",
            path: "/contracts/{}/signing-request/{}/signatures/{}",
            on: On::Send,
            handler: send_to_signature,
        },
        Route { method: "POST", path: "/webhooks", on: On::RegisterWebhook, handler: register_webhook },
    ],
};

fn authorise(world: &World, attempt: &Attempt<'_>) -> Result<(), Problem> {
    match attempt.parts.headers.get("x-api-key") {
        Some(given) if given.as_bytes() == world.api_key.as_bytes() => Ok(()),
        _ => Err(Problem::new(StatusCode::FORBIDDEN, "Forbidden")),
    }
}

/// One page of a list.
struct Page {
    skip: usize,
    limit: usize,
}

impl Page {
    fn new(skip: Option<usize>, limit: Option<usize>) -> Result<Self, Problem> {
        let limit = limit.unwrap_or(PAGE_DEFAULT);
        if limit == 0 || limit > PAGE_MAX {
            return Err(Problem::bad(format!("limit: must be from 1 to {PAGE_MAX}")));
        }
        Ok(Self { skip: skip.unwrap_or_default(), limit })
    }
}

#[derive(Deserialize)]
struct TemplatesQuery {
    skip: Option<usize>,
    limit: Option<usize>,
}

fn list_templates(_: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let query: TemplatesQuery = call.query()?;
    let page = Page::new(query.skip, query.limit)?;
    let templates: Vec<Value> = TEMPLATES
        .iter()
        .skip(page.skip)
        .take(page.limit)
        .map(|template| {
            json!({
                "id": template.id,
                "name": template.name,
                "status": "published",
                "createdDate": SEEDED,
                "updatedDate": SEEDED,
            })
        })
        .collect();
    Ok(Reply::json(&json!({"templates": templates})))
}

fn get_template(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let template = ops::find_template(call.param(0))?;
    let link = format!("{}/juro/v3/templates/{}", world.origin, template.id);
    let fields: Vec<Value> =
        template.fields.iter().map(|seed| field(seed, seed.choices.first().unwrap_or(&""))).collect();
    let sides: Vec<Value> = template
        .sides
        .iter()
        .map(|side| {
            let signatures: Vec<Value> =
                side.signatures.iter().map(|signature| json!({"uid": signature.uid})).collect();
            json!({"uid": side.uid, "name": side.name, "signatures": signatures})
        })
        .collect();
    let tables: Vec<Value> = template.tables.iter().map(|table| rows_json(table.uid, &seeded_rows(table))).collect();
    Ok(Reply::json(&json!({"template": {
        "id": template.id,
        "name": template.name,
        "status": "published",
        "createdDate": SEEDED,
        "updatedDate": SEEDED,
        "internalUrl": link,
        "sharingUrl": link,
        "draftLink": {"url": link, "isEnabled": false, "enabledUntilDate": null},
        "fields": fields,
        "questions": questions(template),
        "signingSides": sides,
        "tables": tables,
        "state": {},
    }})))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContractsQuery {
    skip: Option<usize>,
    limit: Option<usize>,
    team_ids: Option<String>,
    template_id: Option<String>,
    updated_before: Option<i64>,
    updated_since: Option<i64>,
}

/// The list in order of creation, which no document fixes. `updatedSince` is inclusive, `updatedBefore` is not; both are
/// Unix seconds.
fn list_contracts(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let query: ContractsQuery = call.query()?;
    let page = Page::new(query.skip, query.limit)?;
    let teams: Option<BTreeSet<&str>> = query.team_ids.as_deref().map(|ids| ids.split(',').map(str::trim).collect());
    let is_ours = |team: &&str| *team == TEAM_ID || world.accounts.has(Emulated::JuroV3, "team_id", team);
    let matching: Vec<&Contract> = world
        .juro
        .contracts()
        .filter(|_| teams.as_ref().is_none_or(|teams| teams.iter().any(is_ours)))
        .filter(|contract| query.template_id.as_deref().is_none_or(|id| id == contract.template.id))
        .filter(|contract| query.updated_since.is_none_or(|since| contract.updated.as_second() >= since))
        .filter(|contract| query.updated_before.is_none_or(|before| contract.updated.as_second() < before))
        .collect();
    let contracts: Vec<Value> = matching
        .iter()
        .skip(page.skip)
        .take(page.limit)
        .map(|contract| {
            json!({
                "id": contract.id,
                "name": contract.name,
                "createdDate": iso(contract.created),
                "updatedDate": iso(contract.updated),
                "teamId": TEAM_ID,
                "template": template_ref(contract),
            })
        })
        .collect();
    Ok(Reply::json(&json!({"total": matching.len(), "contracts": contracts})))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreateBody {
    template_id: String,
    contract: ContentBody,
}

/// What a create nests under `contract`, and an update sends as its body.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContentBody {
    name: Option<String>,
    #[serde(default)]
    answers: Vec<UidValue>,
    #[serde(default)]
    fields: Vec<UidValue>,
    #[serde(default)]
    signing_sides: Vec<SideBody>,
    #[serde(default)]
    tables: Vec<TableRows>,
    owner: Option<OwnerBody>,
}

#[derive(Deserialize)]
struct SideBody {
    uid: String,
    name: Option<String>,
    #[serde(default)]
    signatures: Vec<Signatory>,
}

#[derive(Deserialize)]
struct OwnerBody {
    name: Option<String>,
    username: Option<String>,
}

impl From<ContentBody> for Change {
    fn from(body: ContentBody) -> Self {
        let mut change = Self {
            name: body.name,
            answers: body.answers,
            fields: body.fields,
            tables: body.tables,
            owner: body.owner.map(|owner| Person {
                name: owner.name.unwrap_or_else(|| OWNER_NAME.to_owned()),
                username: owner.username.unwrap_or_else(|| OWNER_USERNAME.to_owned()),
            }),
            ..Self::default()
        };
        for side in body.signing_sides {
            change.signatories.extend(side.signatures.into_iter().map(|signatory| (Some(side.uid.clone()), signatory)));
            change.sides.push(SideText { uid: side.uid, name: side.name, caption: None });
        }
        change
    }
}

fn create_contract(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let body: CreateBody = call.json()?;
    let id = ops::create(world, &body.template_id, body.contract.into())?;
    reply_with(world, &id)
}

fn get_contract(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    reply_with(world, call.param(0))
}

/// Answers exist at creation only, and the owner does not change: an update that sends either is refused, not half obeyed.
fn update_contract(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    world.juro.get(call.param(0))?;
    let body: ContentBody = call.json()?;
    if !body.answers.is_empty() || body.owner.is_some() {
        return Err(Problem::bad("answers and owner: are taken when a contract is created only; send fields instead"));
    }
    ops::update(world, call.param(0), body.into())?;
    reply_with(world, call.param(0))
}

fn delete_contract(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    ops::delete(world, call.param(0))?;
    Ok(Reply::message_ok())
}

fn download_pdf(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    ops::download_pdf(world, call.param(0))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SignBody {
    signature_base64: String,
}

fn sign(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    world.juro.get(call.param(0))?;
    let body: SignBody = call.json()?;
    ops::sign_as_owner(world, call.param(0), &body.signature_base64)?;
    Ok(Reply::message_ok())
}

#[derive(Deserialize)]
struct MessageBody {
    message: Option<String>,
}

fn send_to_side(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    send(world, call, Ask::Side(call.param(1)))
}

fn send_to_signature(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    send(world, call, Ask::Signature { side: call.param(1), signature: call.param(2) })
}

fn send(world: &mut World, call: &Call<'_>, ask: Ask<'_>) -> Result<Reply, Problem> {
    world.juro.get(call.param(0))?;
    let body: MessageBody = call.json()?;
    check_message(body.message.as_deref())?;
    ops::send(world, call.param(0), ask)?;
    Ok(Reply::message_ok())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WebhookBody {
    team_id: String,
    title: String,
    url: String,
    is_enabled: bool,
    #[serde(default)]
    auth: Option<WebhookAuth>,
    events: Vec<String>,
}

/// The shape of `auth` is documented nowhere; a secret to sign with is all the sandbox takes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookAuth {
    secret: String,
}

/// The reply is documented nowhere either; it repeats the registration, without the secret.
fn register_webhook(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let body: WebhookBody = call.json()?;
    let mut problems = Vec::new();
    if body.team_id != TEAM_ID && !world.accounts.has(Emulated::JuroV3, "team_id", &body.team_id) {
        problems.push(format!("teamId: unknown team {}, the sandbox has {TEAM_ID}", clip(&body.team_id)));
    }
    for event in body.events.iter().filter(|event| !EVENT_NAMES.contains(&event.as_str())) {
        problems.push(format!("events: unknown event {}", clip(event)));
        if problems.len() > EVENT_NAMES.len() {
            break;
        }
    }
    Problem::all(&problems)?;
    let events: BTreeSet<String> = body.events.iter().cloned().collect();
    let wanted = if body.is_enabled { events.clone() } else { BTreeSet::new() };
    let secret = body.auth.map(|auth| auth.secret);
    let target = WebhookTarget { url: body.url, secret, generation: Generation::V3 };
    world.courier.register(&target, Some(wanted))?;
    Ok(Reply::json(&json!({"webhook": {
        "id": world.names.id(),
        "teamId": TEAM_ID,
        "title": body.title,
        "url": target.url,
        "isEnabled": body.is_enabled,
        "events": events,
    }})))
}

/// The whole contract as the reply.
pub(super) fn reply_with(world: &World, id: &str) -> Result<Reply, Problem> {
    Ok(Reply::json(&json!({"contract": view(world.juro.get(id)?, &world.origin)})))
}

/// A contract as v3 shows it.
pub(super) fn view(contract: &Contract, origin: &str) -> Value {
    let sides: Vec<Value> = contract
        .sides
        .iter()
        .map(|side| {
            let signatures: Vec<Value> = side
                .signatures
                .iter()
                .map(|signature| {
                    let url = format!("{origin}/sign/{}", signature.token);
                    if side.seed.is_owner {
                        json!({"uid": signature.seed.uid, "username": signature.username, "signingUrl": url})
                    } else {
                        json!({"uid": signature.seed.uid, "email": signature.email, "name": signature.name, "signingUrl": url})
                    }
                })
                .collect();
            json!({"uid": side.seed.uid, "name": side.name, "signatures": signatures})
        })
        .collect();
    let tables: Vec<Value> = contract.tables.iter().map(|(uid, rows)| rows_json(uid, rows)).collect();
    let public = pdf_url(origin, contract);
    json!({
        "id": contract.id,
        "name": contract.name,
        "createdDate": iso(contract.created),
        "updatedDate": iso(contract.updated),
        "status": contract.status.words(),
        "state": state(contract),
        "owner": {"name": contract.owner.name, "username": contract.owner.username},
        "team": {"id": TEAM_ID, "name": TEAM_NAME},
        "template": template_ref(contract),
        "fields": fields(contract),
        "questions": questions(contract.template),
        "signingSides": sides,
        "tables": tables,
        "draftLink": {"url": public, "isEnabled": true, "enabledUntilDate": null},
        "internalUrl": internal_url(origin, contract),
        "sharingUrl": public,
    })
}

/// The template that a contract was made from; an upload without one has null.
pub(super) fn template_ref(contract: &Contract) -> Value {
    let template = contract.template;
    if template.id.is_empty() { Value::Null } else { json!({"id": template.id, "name": template.name}) }
}

/// The `state` of a contract, of which only the approvers were ever seen.
pub(super) fn state(contract: &Contract) -> Value {
    let approvers: Vec<Value> = contract
        .approvers
        .iter()
        .map(|approver| json!({"username": approver.who, "status": approver.verdict.words()}))
        .collect();
    json!({"approval": {"approvers": approvers}})
}

/// A contract's fields with their values.
pub(super) fn fields(contract: &Contract) -> Vec<Value> {
    contract.template.fields.iter().map(|seed| field(seed, contract.value(seed.uid))).collect()
}

fn field(seed: &templates::Field, value: &str) -> Value {
    json!({
        "uid": seed.uid,
        "title": seed.title,
        "type": seed.kind.name(),
        "value": value,
        "choices": seed.choices,
    })
}

fn questions(template: &Template) -> Vec<Value> {
    let question = |question: &templates::Question| {
        let mut view = json!({
            "uid": question.uid,
            "isRequired": question.required,
            "signingSideUids": question.side_uids,
            "title": question.title,
        });
        if let Some(view) = view.as_object_mut() {
            // Absent rather than null when there is none, as in the documents' samples.
            view.extend(question.field_uid.map(|uid| ("fieldUid".to_owned(), json!(uid))));
            view.extend(question.text.map(|text| ("text".to_owned(), json!(text))));
        }
        view
    };
    template.questions.iter().map(question).collect()
}

fn rows_json(uid: &str, rows: &[Vec<String>]) -> Value {
    let rows: Vec<Vec<Value>> =
        rows.iter().map(|row| row.iter().map(|cell| json!({"value": cell})).collect()).collect();
    json!({"uid": uid, "rows": rows})
}

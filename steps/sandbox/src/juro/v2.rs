//! Juro v2 over HTTP: the twelve documented endpoints, with flat bodies, blocks instead of tables, and approvals.
//!
//! The PDF is served to GET (the sample) and to POST (the table of the documents). This module translates; effects are in
//! `ops`.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::change::{Change, SideText, Signatory, TableRows, UidValue, check_message};
use super::lifecycle::Ask;
use super::ops::{self, internal_url, pdf_url};
use super::state::{Contract, Side, Status, seeded_rows};
use super::templates::{self, SEEDED, TEMPLATES, Template};
use crate::faults::On;
use crate::limits::{APPROVERS_MAX, ENTRIES_MAX, NAME_CHARS_MAX};
use crate::wire::{Attempt, Call, Problem, Provider, Reply, Route, clip};
use crate::world::{World, iso};

/// Mounted at `/juro/v2`.
pub(crate) static PROVIDER: Provider = Provider {
    mount: "/juro/v2",
    authorise,
    refuse: |_, problem| problem.into_reply(),
    count: ops::count,
    routes: &[
        Route { method: "GET", path: "/health", on: On::Health, handler: |_, _| Ok(Reply::message_ok()) },
        Route { method: "GET", path: "/templates", on: On::Template, handler: list_templates },
        Route { method: "GET", path: "/templates/{}", on: On::Template, handler: get_template },
        Route { method: "POST", path: "/contracts", on: On::CreateContract, handler: create_contract },
        Route { method: "GET", path: "/contracts/{}", on: On::Get, handler: get_contract },
        Route { method: "PATCH", path: "/contracts/{}", on: On::Update, handler: update_contract },
        Route { method: "DELETE", path: "/contracts/{}", on: On::Delete, handler: delete_contract },
        Route { method: "POST", path: "/contracts/{}/sign", on: On::Sign, handler: sign },
        Route { method: "POST", path: "/contracts/{}/sign/request", on: On::Send, handler: request_signatures },
        Route { method: "GET", path: "/contracts/{}/pdf/binary", on: On::Pdf, handler: download_pdf },
        Route { method: "POST", path: "/contracts/{}/pdf/binary", on: On::Pdf, handler: download_pdf },
        Route { method: "POST", path: "/contracts/{}/approval", on: On::Approval, handler: request_approval },
        Route { method: "DELETE", path: "/contracts/{}/approval", on: On::Approval, handler: cancel_approval },
    ],
};

fn authorise(world: &World, attempt: &Attempt<'_>) -> Result<(), Problem> {
    match attempt.parts.headers.get("x-api-key") {
        Some(given) if given.as_bytes() == world.api_key.as_bytes() => Ok(()),
        _ => Err(Problem::new(StatusCode::UNAUTHORIZED, "Unauthorized")),
    }
}

fn list_templates(_: &mut World, _: &Call<'_>) -> Result<Reply, Problem> {
    let templates: Vec<Value> = TEMPLATES.iter().map(|template| Value::Object(template_head(template))).collect();
    Ok(Reply::json(&json!({"templates": templates})))
}

fn template_head(template: &Template) -> serde_json::Map<String, Value> {
    let entries = [
        ("id", template.id),
        ("createdDate", SEEDED),
        ("name", template.name),
        ("status", "published"),
        ("updatedDate", SEEDED),
    ];
    entries.into_iter().map(|(key, value)| (key.to_owned(), json!(value))).collect()
}

fn get_template(_: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let template = ops::find_template(call.param(0))?;
    let mut blocks: Vec<Value> =
        template.tables.iter().map(|table| table_block(table.uid, &seeded_rows(table))).collect();
    let signatures = |side: &templates::Side| -> Vec<Value> {
        let place = |signature: &templates::Signature| json!({"uid": signature.uid, "lowerText": signature.lower_text, "upperText": signature.upper_text});
        side.signatures.iter().map(place).collect()
    };
    let of = |owner: bool| template.sides.iter().filter(move |side| side.is_owner == owner);
    blocks.push(json!({
        "uid": template.signature_block_uid,
        "type": "signature",
        "userSignaturesCaption": of(true).map(|side| side.caption).next(),
        "counterpartySignaturesCaption": of(false).map(|side| side.caption).next(),
        "userSignatures": of(true).flat_map(signatures).collect::<Vec<_>>(),
        "counterpartySignatures": of(false).flat_map(signatures).collect::<Vec<_>>(),
    }));
    let mut view = template_head(template);
    view.insert("blocks".to_owned(), Value::Array(blocks));
    view.insert("fields".to_owned(), template.fields.iter().map(template_field).collect());
    let questions = template.questions.iter().map(|question| template_question(template, question));
    view.insert("questions".to_owned(), questions.collect());
    Ok(Reply::json(&json!({"template": view})))
}

fn template_field(field: &templates::Field) -> Value {
    let mut view = json!({"uid": field.uid, "type": field.kind.name(), "title": field.title});
    if !field.choices.is_empty()
        && let Some(view) = view.as_object_mut()
    {
        let choices = field.choices.iter().map(|choice| json!({"value": choice}));
        view.insert("choices".to_owned(), choices.collect());
    }
    view
}

fn template_question(template: &Template, question: &templates::Question) -> Value {
    let mut view = json!({
        "uid": question.uid,
        "isCounterpartyQuestion": template.asks_counterparty(question),
        "isRequired": question.required,
        "isUserQuestion": template.asks_owner(question),
        "title": question.title,
    });
    if let Some(view) = view.as_object_mut() {
        view.extend(question.field_uid.map(|uid| ("fieldUid".to_owned(), json!(uid))));
        view.extend(question.text.map(|text| ("text".to_owned(), json!(text))));
    }
    view
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreateBody {
    template_id: String,
    #[serde(default)]
    answers: Vec<UidValue>,
    #[serde(default)]
    blocks: Vec<BlockBody>,
    #[serde(default)]
    fields: Vec<UidValue>,
}

#[derive(Deserialize)]
struct UpdateBody {
    #[serde(default)]
    blocks: Vec<BlockBody>,
    #[serde(default)]
    fields: Vec<UidValue>,
}

/// A block as a client sends it back.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum BlockBody {
    Table(TableRows),
    Signature(SignatureBlock),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SignatureBlock {
    uid: String,
    user_signatures_caption: Option<String>,
    counterparty_signatures_caption: Option<String>,
    #[serde(default)]
    user_signatures: Vec<Signatory>,
    #[serde(default)]
    counterparty_signatures: Vec<Signatory>,
}

/// Turns blocks into a change. A signature filed on the wrong side of its block is an unknown one.
fn change_of(template: &Template, fields: Vec<UidValue>, blocks: Vec<BlockBody>) -> Result<Change, Problem> {
    if blocks.len() > ENTRIES_MAX {
        return Err(Problem::bad(format!("blocks: at most {ENTRIES_MAX} are taken")));
    }
    let mut change = Change { fields, ..Change::default() };
    let mut problems = Vec::new();
    for block in blocks {
        match block {
            BlockBody::Table(table) => change.tables.push(table),
            BlockBody::Signature(block) if block.uid == template.signature_block_uid => {
                let halves = [
                    (true, block.user_signatures_caption, block.user_signatures),
                    (false, block.counterparty_signatures_caption, block.counterparty_signatures),
                ];
                for (owner, caption, signatories) in halves {
                    add_half(template, owner, caption, signatories, &mut change, &mut problems);
                }
            }
            BlockBody::Signature(block) => {
                problems.push(format!("blocks: unknown signature block uid {}", clip(&block.uid)));
            }
        }
    }
    if let Err(problem) = change.check(template)
        && !problems.is_empty()
    {
        problems.push(problem.message);
    }
    Problem::all(&problems)?;
    Ok(change)
}

fn add_half(
    template: &Template,
    owner: bool,
    caption: Option<String>,
    signatories: Vec<Signatory>,
    change: &mut Change,
    problems: &mut Vec<String>,
) {
    if let Some(side) = template.sides.iter().find(|side| side.is_owner == owner) {
        change.sides.push(SideText { uid: side.uid.to_owned(), name: None, caption });
    }
    for signatory in signatories {
        if template.side_of(&signatory.uid).is_some_and(|side| side.is_owner != owner) {
            problems.push(format!("blocks: signature {} is not of this side", clip(&signatory.uid)));
        }
        change.signatories.push((None, signatory));
    }
}

fn create_contract(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let body: CreateBody = call.json()?;
    let template = ops::find_template(&body.template_id)?;
    let mut change = change_of(template, body.fields, body.blocks)?;
    change.answers = body.answers;
    let id = ops::create(world, template.id, change)?;
    reply_with(world, &id)
}

fn get_contract(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    reply_with(world, call.param(0))
}

fn update_contract(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let template = world.juro.get(call.param(0))?.template;
    let body: UpdateBody = call.json()?;
    let change = change_of(template, body.fields, body.blocks)?;
    ops::update(world, call.param(0), change)?;
    reply_with(world, call.param(0))
}

fn delete_contract(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    ops::delete(world, call.param(0))?;
    Ok(Reply::message_ok())
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

/// The documents nest the message in their sample and name it at the top in their table.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestBody {
    message: Option<String>,
    counterparty_signatures: Option<NestedMessage>,
}

#[derive(Deserialize)]
struct NestedMessage {
    message: Option<String>,
}

fn request_signatures(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    world.juro.get(call.param(0))?;
    let body: RequestBody = call.json()?;
    let nested = body.counterparty_signatures.and_then(|nested| nested.message);
    check_message(nested.or(body.message).as_deref())?;
    ops::send(world, call.param(0), Ask::Counterparties)?;
    Ok(Reply::message_ok())
}

/// There is no PDF until the contract is fully signed; only Juro's own pages can make one earlier.
fn download_pdf(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    if world.juro.get(call.param(0))?.status != Status::FullySigned {
        return Err(Problem::missing("PDF of contract", call.param(0)));
    }
    ops::download_pdf(world, call.param(0))
}

#[derive(Deserialize)]
struct ApprovalBody {
    message: Option<String>,
    approvers: Vec<ApproverBody>,
}

#[derive(Deserialize)]
struct ApproverBody {
    email: Option<String>,
    username: Option<String>,
}

fn request_approval(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    world.juro.get(call.param(0))?;
    let body: ApprovalBody = call.json()?;
    let mut problems = Vec::new();
    if let Err(problem) = check_message(body.message.as_deref()) {
        problems.push(problem.message);
    }
    if body.approvers.is_empty() || body.approvers.len() > APPROVERS_MAX {
        problems.push(format!("approvers: from 1 to {APPROVERS_MAX} are needed, {} given", body.approvers.len()));
    }
    let mut approvers = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, approver) in body.approvers.into_iter().take(APPROVERS_MAX).enumerate() {
        match (approver.email, approver.username) {
            (Some(who), None) | (None, Some(who))
                if !who.trim().is_empty() && who.chars().count() <= NAME_CHARS_MAX =>
            {
                if !seen.insert(who.clone()) {
                    problems.push(format!("approvers[{index}]: {} is named twice", clip(&who)));
                }
                approvers.push(who);
            }
            (Some(_), Some(_)) => {
                problems.push(format!("approvers[{index}]: email and username cannot be populated at the same time"));
            }
            _ => problems.push(format!("approvers[{index}]: email or username must be populated")),
        }
    }
    Problem::all(&problems)?;
    ops::request_approval(world, call.param(0), approvers)?;
    Ok(Reply::message_ok())
}

fn cancel_approval(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    ops::cancel_approval(world, call.param(0))?;
    Ok(Reply::message_ok())
}

fn reply_with(world: &World, id: &str) -> Result<Reply, Problem> {
    Ok(Reply::json(&json!({"contract": view(world.juro.get(id)?, &world.origin)})))
}

/// A contract as v2 shows it.
fn view(contract: &Contract, origin: &str) -> Value {
    let words = contract.status.words();
    let values: Vec<Value> = contract
        .template
        .fields
        .iter()
        .map(|field| json!({"uid": field.uid, "value": contract.value(field.uid)}))
        .collect();
    let mut blocks: Vec<Value> = contract.tables.iter().map(|(uid, rows)| table_block(uid, rows)).collect();
    blocks.push(signature_block(contract, origin));
    let pdf = pdf_url(origin, contract);
    json!({
        "id": contract.id,
        "contractPreviewUrl": pdf,
        "contractUserUrl": internal_url(origin, contract),
        "createdDate": iso(contract.created),
        "pdfDownloadUrl": (contract.status == Status::FullySigned).then_some(pdf),
        "state": {"isSigned": {
            "owner": signed_words(contract, true),
            "counterparty": signed_words(contract, false),
        }},
        "status": words.replace(' ', "_"),
        "statusFormatted": capitalised(words),
        "updatedDate": iso(contract.updated),
        "fields": values,
        "blocks": blocks,
    })
}

/// Only `not_signed` is documented; the other two words are the sandbox's guess.
fn signed_words(contract: &Contract, owner: bool) -> &'static str {
    let sides = || contract.sides.iter().filter(move |side| side.seed.is_owner == owner);
    if sides().all(Side::is_signed) {
        "signed"
    } else if sides().any(|side| side.signatures.iter().any(|signature| signature.signed.is_some())) {
        "partially_signed"
    } else {
        "not_signed"
    }
}

fn capitalised(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn signature_block(contract: &Contract, origin: &str) -> Value {
    let of = |owner: bool| contract.sides.iter().filter(move |side| side.seed.is_owner == owner);
    let ours: Vec<Value> = of(true)
        .flat_map(|side| &side.signatures)
        .map(|signature| {
            json!({
                "uid": signature.seed.uid,
                "lowerText": signature.lower_text,
                "upperText": signature.upper_text,
                "username": signature.username,
            })
        })
        .collect();
    let theirs: Vec<Value> = of(false)
        .flat_map(|side| &side.signatures)
        .map(|signature| {
            json!({
                "uid": signature.seed.uid,
                "lowerText": signature.lower_text,
                "upperText": signature.upper_text,
                "email": signature.email,
                "name": signature.name,
                "signingUrl": format!("{origin}/sign/{}", signature.token),
            })
        })
        .collect();
    json!({
        "uid": contract.template.signature_block_uid,
        "type": "signature",
        "userSignaturesCaption": of(true).map(|side| &side.caption).next(),
        "counterpartySignaturesCaption": of(false).map(|side| &side.caption).next(),
        "userSignatures": ours,
        "counterpartySignatures": theirs,
    })
}

fn table_block(uid: &str, rows: &[Vec<String>]) -> Value {
    let rows: Vec<Vec<Value>> =
        rows.iter().map(|row| row.iter().map(|cell| json!({"value": cell})).collect()).collect();
    json!({"uid": uid, "type": "table", "rows": rows})
}

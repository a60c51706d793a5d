//! The upload of Juro v3: a PDF that becomes a contract as it is.
//!
//! The path is documented, the parts are not; their names are those of two client authors. Reading: only a PDF is taken, an
//! uploaded contract is neither approved nor sent for signing, and one that was uploaded as fully signed never changes.

use super::change::check_room;
use super::lifecycle::EventType;
use super::ops::{find_template, publish};
use super::state::{Contract, OWNER_NAME, Person, Status};
use super::templates::UPLOADED;
use super::v3::reply_with;
use super::webhook::Actor;
use crate::limits::NAME_CHARS_MAX;
use crate::options::Emulated;
use crate::wire::{Call, Problem, Reply, clip};
use crate::world::World;

/// The text parts, each with the setting of a client that calls it otherwise.
const PARTS: [(&str, &str); 4] = [
    ("templateId", "upload_template_part"),
    ("name", "upload_name_part"),
    ("status", "upload_status_part"),
    ("owner", "upload_owner_part"),
];

/// `POST /contracts/upload`: parts `file`, and optionally `templateId`, `name`, `status` and `owner` (a username).
pub(super) fn upload(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let form = call.multipart()?;
    let mut problems = Vec::new();
    for (part, text) in form.texts() {
        if !PARTS.iter().any(|(own, setting)| part == *own || world.accounts.has(Emulated::JuroV3, setting, part)) {
            problems.push(format!("{}: is no part of an upload", clip(part)));
        } else if text.chars().count() > NAME_CHARS_MAX {
            problems.push(format!("{part}: at most {NAME_CHARS_MAX} characters"));
        }
    }
    let called = |own: &'static str, setting: &str| -> Vec<&str> {
        std::iter::once(own).chain(world.accounts.values(Emulated::JuroV3, setting)).collect()
    };
    let text = |own: &'static str| {
        let setting = PARTS.iter().find(|(part, _)| *part == own).map_or("", |(_, setting)| setting);
        let mut given = called(own, setting).into_iter().filter_map(|part| form.text(part)).map(str::trim);
        given.find(|text| !text.is_empty())
    };
    let status = match text("status") {
        None | Some("uploaded") => Status::Uploaded,
        Some("fully signed") => Status::FullySigned,
        Some(_) => {
            problems.push("status: must be uploaded or fully signed".to_owned());
            Status::Uploaded
        }
    };
    let file = called("file", "upload_file_part").into_iter().find_map(|part| form.file(part));
    match file {
        None => problems.push("file: is required".to_owned()),
        Some(file) if !file.content.starts_with(b"%PDF-") => problems.push("file: must be a PDF".to_owned()),
        Some(_) => {}
    }
    Problem::all(&problems)?;
    let template = text("templateId").map_or(Ok(&UPLOADED), find_template)?;
    let Some(file) = file else {
        return Err(Problem::bad("file: is required"));
    };
    check_room(world.juro.contracts().count())?;
    let now = world.clock.tick();
    let mut contract = Contract::new(template, &mut world.names, now);
    let stem = file.name.rsplit_once('.').map_or(file.name.as_str(), |(stem, _)| stem);
    contract.name = text("name").unwrap_or(stem).to_owned();
    contract.status = status;
    contract.file = Some(file.content.clone());
    if let Some(username) = text("owner") {
        contract.owner = Person { name: OWNER_NAME.to_owned(), username: username.to_owned() };
    }
    let (id, by) = (contract.id.clone(), Actor::owner(&contract));
    world.juro.insert(contract);
    world.counters.contracts_created += 1;
    publish(world, &id, &[EventType::Created], &by);
    reply_with(world, &id)
}

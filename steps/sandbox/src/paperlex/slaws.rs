//! Templates of Paperlex ("slaws") over HTTP. A change of a template reaches no contract that was made from it before.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::contracts::{optional_responses, versions_json};
use super::input::Input;
use super::state::{Slaw, SlawContent, add_version, unprocessable, version};
use super::{callbacks, text};
use crate::html::{escape, shell};
use crate::limits::{ITEMS_MAX, VALUE_CHARS_MAX};
use crate::wire::{Call, Problem, Reply};
use crate::world::World;

/// All templates, in order of creation, without their bodies.
pub(super) fn list(world: &mut World, _: &Call<'_>) -> Result<Reply, Problem> {
    let slaws: Vec<Value> = world
        .paperlex
        .slaws
        .values()
        .map(|slaw| {
            let SlawContent { name, description, .. } = &slaw.content;
            json!({"name": name, "public": false, "uuid": slaw.uuid, "description": description})
        })
        .collect();
    Ok(Reply::json(&json!(slaws)))
}

pub(super) fn get(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    Ok(Reply::json(&view(world.paperlex.slaw(call.param(0))?)))
}

/// The template with the responses of the query put in. The `null` of a missing template was seen for JSON only.
pub(super) fn render(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let slaw = world.paperlex.slaw(call.param(0)).map_err(|problem| Problem { absent: false, ..problem })?;
    let input = Input::read(call)?;
    let responses = optional_responses(input.group("responses"))?;
    let text = text::render(&slaw.content.body, &responses, input.text("enhanced").is_some());
    let name = escape(&slaw.content.name);
    Ok(Reply::new(StatusCode::OK, "text/html; charset=utf-8", shell(&name, &format!("<h1>{name}</h1>{text}"))))
}

/// Name, body and description, as far as they are given.
fn wanted(call: &Call<'_>, is_new: bool) -> Result<[Option<String>; 3], Problem> {
    let input = Input::read(call)?;
    let mut attributes = input.attributes("slaw", &["name", "body", "description"])?;
    if is_new {
        attributes.require("name");
        attributes.require("body");
    }
    let (name, body) = (attributes.name("name"), attributes.body("body"));
    let description = attributes.form.text("description");
    if description.is_some_and(|text| text.chars().count() > VALUE_CHARS_MAX) {
        attributes.problem("description", &format!("has more than {VALUE_CHARS_MAX} characters"));
    }
    attributes.check()?;
    Ok([name, body, description].map(|text| text.map(str::to_owned)))
}

pub(super) fn create(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let [name, body, description] = wanted(call, true)?.map(Option::unwrap_or_default);
    if world.paperlex.slaws.len() >= ITEMS_MAX {
        return Err(unprocessable(format!("the sandbox keeps at most {ITEMS_MAX} templates: delete some")));
    }
    let content = SlawContent { name, body, description };
    let uuid = world.names.short_id();
    let slaw = Slaw { uuid: uuid.clone(), versions: vec![content.clone()], content };
    let reply = Reply::json(&view(&slaw));
    world.paperlex.slaws.insert(uuid, slaw);
    Ok(reply)
}

pub(super) fn update(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let content = world.paperlex.slaw(call.param(0))?.content.clone();
    let [name, body, description] = wanted(call, false)?;
    let content = SlawContent {
        name: name.unwrap_or(content.name),
        body: body.unwrap_or(content.body),
        description: description.unwrap_or(content.description),
    };
    change(world, call.param(0), content)?;
    Ok(Reply::json(&view(world.paperlex.slaw(call.param(0))?)))
}

fn change(world: &mut World, uuid: &str, content: SlawContent) -> Result<(), Problem> {
    let slaw = world.paperlex.slaw_mut(uuid)?;
    add_version(&mut slaw.versions, content.clone())?;
    slaw.content = content;
    callbacks::slaw_updated(world, uuid);
    Ok(())
}

pub(super) fn delete(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let reply = Reply::json(&view(world.paperlex.slaw(call.param(0))?));
    world.paperlex.slaws.remove(call.param(0));
    Ok(reply)
}

pub(super) fn list_versions(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    Ok(Reply::json(&versions_json(world.paperlex.slaw(call.param(0))?.versions.len())))
}

pub(super) fn get_version(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let slaw = world.paperlex.slaw(call.param(0))?;
    let (content, _) = version(&slaw.versions, call.param(1))?;
    Ok(Reply::json(&content_json(&slaw.uuid, content)))
}

pub(super) fn revert(world: &mut World, call: &Call<'_>) -> Result<Reply, Problem> {
    let slaw = world.paperlex.slaw(call.param(0))?;
    let content = version(&slaw.versions, call.param(1))?.0.clone();
    let reply = Reply::json(&content_json(&slaw.uuid, &content));
    change(world, call.param(0), content)?;
    Ok(reply)
}

fn content_json(uuid: &str, content: &SlawContent) -> Value {
    let SlawContent { name, body, description } = content;
    json!({"name": name, "public": false, "body": body, "uuid": uuid, "description": description})
}

fn view(slaw: &Slaw) -> Value {
    let mut view = content_json(&slaw.uuid, &slaw.content);
    if let Some(view) = view.as_object_mut() {
        view.insert("response_keys".to_owned(), json!(text::response_keys(&slaw.content.body)));
    }
    view
}

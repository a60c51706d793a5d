//! What happens to a contract of DocJuris, through the API or in the app: a turn is added, completed, tagged, or somebody is
//! mentioned. The API and the control endpoints both come through here.

use axum::http::StatusCode;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::input::{contract_type, stem};
use super::message::{Kind, publish};
use super::office::docx;
use super::state::{Contract, ContractType, NamedValue, Tag, Turn};
use crate::limits::{CONTRACTS_MAX, ENTRIES_MAX, MENTION_CHARS_MAX, NAME_CHARS_MAX, TURNS_MAX};
use crate::multipart::File;
use crate::wire::{Problem, clip};
use crate::world::World;

/// A contract to be, with its first turn's document.
pub(super) struct NewContract {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) counterparty: String,
    pub(super) kind: &'static ContractType,
    pub(super) extended: Vec<NamedValue>,
    pub(super) file: File,
}

/// A turn to be.
pub(super) struct NewTurn {
    pub(super) source: String,
    pub(super) description: String,
    pub(super) extended: Vec<NamedValue>,
    pub(super) tags: Vec<Tag>,
    pub(super) file: File,
}

/// Creates a contract with its first turn, which comes from the counterparty, and returns its id.
pub(super) fn add_contract(world: &mut World, new: NewContract) -> Result<String, Problem> {
    if world.docjuris.contracts.len() >= CONTRACTS_MAX {
        return Err(Problem::bad(format!("the sandbox keeps at most {CONTRACTS_MAX} contracts: start it again")));
    }
    let id = world.names.uuid();
    let modified = world.clock.tick();
    let turn = NewTurn {
        source: new.counterparty.clone(),
        description: new.description.clone(),
        extended: new.extended.clone(),
        tags: Vec::new(),
        file: new.file,
    };
    let account = &mut world.docjuris;
    account.keep(&turn.file)?;
    let contract = Contract {
        id: id.clone(),
        number: account.contracts.len() + 1,
        name: new.name,
        description: new.description,
        modified,
        counterparty: (account.counterparty(&new.counterparty), new.counterparty),
        kind: new.kind,
        turns: Vec::new(),
        extended: new.extended,
    };
    account.contracts.insert(id.clone(), contract);
    push_turn(world, &id, turn)?;
    Ok(id)
}

/// Adds a turn and returns its id.
pub(super) fn append_turn(world: &mut World, id: &str, new: NewTurn) -> Result<String, Problem> {
    if world.docjuris.contract(id)?.turns.len() >= TURNS_MAX {
        return Err(Problem::bad(format!("the sandbox keeps at most {TURNS_MAX} turns of a contract")));
    }
    world.docjuris.keep(&new.file)?;
    push_turn(world, id, new)
}

fn push_turn(world: &mut World, id: &str, new: NewTurn) -> Result<String, Problem> {
    let turn_id = world.names.uuid();
    let modified = world.clock.tick();
    let contract = world.docjuris.contract_mut(id)?;
    contract.modified = modified;
    contract.turns.push(Turn {
        id: turn_id.clone(),
        modified,
        source: new.source,
        description: new.description,
        is_complete: false,
        changes: 0,
        file: new.file,
        extended: new.extended,
        tags: new.tags,
    });
    let id = contract.id.clone();
    publish(world, &id, &turn_id, Kind::Created, None);
    Ok(turn_id)
}

/// A made-up document that a person brings.
fn made_up(name: &str, text: &str) -> File {
    File { name: name.to_owned(), content: Bytes::from(docx(&[text.to_owned()])) }
}

/// The counterparty (or whoever `source` names) uploads a turn in the app.
pub(crate) fn upload(world: &mut World, id: &str, source: Option<String>, text: &str) -> Result<(), Problem> {
    if text.chars().count() > MENTION_CHARS_MAX {
        return Err(Problem::bad(format!("text: at most {MENTION_CHARS_MAX} characters")));
    }
    let contract = world.docjuris.contract(id)?;
    let new = NewTurn {
        source: source.unwrap_or_else(|| contract.counterparty.1.clone()),
        description: String::new(),
        extended: contract.extended.clone(),
        tags: Vec::new(),
        file: made_up("turn.docx", text),
    };
    append_turn(world, id, new).map(drop)
}

/// Changes a turn (the latest when none is named), stamps it, and tells of it.
fn act(
    world: &mut World,
    id: &str,
    turn_id: Option<&str>,
    kind: Kind,
    change: impl FnOnce(&mut Turn) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let now = world.clock.tick();
    let contract = world.docjuris.contract_mut(id)?;
    let turn = contract.turn_mut(turn_id)?;
    change(turn)?;
    turn.modified = now;
    let turn_id = turn.id.clone();
    contract.modified = now;
    let id = contract.id.clone();
    world.counters.docjuris.updates += 1;
    publish(world, &id, &turn_id, kind, None);
    Ok(())
}

/// A person completes a turn with some changes. Once only.
pub(crate) fn complete(world: &mut World, id: &str, turn_id: Option<&str>, changes: u32) -> Result<(), Problem> {
    act(world, id, turn_id, Kind::Completed, |turn| {
        if turn.is_complete {
            return Err(Problem::new(StatusCode::CONFLICT, "the turn is completed already"));
        }
        turn.is_complete = true;
        turn.changes = changes;
        Ok(())
    })
}

/// A person tags a turn: with well-known tags by id or documented name, or with a tag of the team's own by its name.
pub(crate) fn tag(world: &mut World, id: &str, turn_id: Option<&str>, named: &[String]) -> Result<(), Problem> {
    if named.is_empty() || named.len() > ENTRIES_MAX || named.iter().any(|name| name.chars().count() > NAME_CHARS_MAX) {
        return Err(Problem::bad(format!("tags: from 1 to {ENTRIES_MAX}, of at most {NAME_CHARS_MAX} characters")));
    }
    let names = &mut world.names;
    let tags: Vec<Tag> = named
        .iter()
        .map(|name| {
            Tag::well_known(name).unwrap_or_else(|| Tag {
                id: names.uuid(),
                name: name.clone(),
                description: name.clone(),
            })
        })
        .collect();
    act(world, id, turn_id, Kind::Tagged, |turn| {
        for tag in tags {
            if !turn.tags.iter().any(|known| known.name == tag.name && known.id == tag.id) {
                turn.tags.push(tag);
            }
        }
        Ok(())
    })
}

/// Somebody mentions somebody in a comment.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Mention {
    text: String,
    turn_id: Option<String>,
    /// The e-mail address of who writes.
    #[serde(default = "writer")]
    mentioning_user: String,
    /// The e-mail address of who is called.
    #[serde(default = "called")]
    mentioned_user: String,
}

fn writer() -> String {
    "paul.bunyan@sandbox.example".to_owned()
}

fn called() -> String {
    "joe.flenderson@sandbox.example".to_owned()
}

pub(crate) fn mention(world: &mut World, id: &str, said: &Mention) -> Result<(), Problem> {
    let Mention { text, turn_id, mentioning_user, mentioned_user } = said;
    let is_too_long = |text: &String| text.chars().count() > MENTION_CHARS_MAX;
    if [text, mentioning_user, mentioned_user].into_iter().any(is_too_long) {
        return Err(Problem::bad(format!("a text has at most {MENTION_CHARS_MAX} characters")));
    }
    let comment = world.names.uuid();
    let origin = world.origin.clone();
    let contract = world.docjuris.contract_mut(id)?;
    let turn_id = contract.turn_mut(turn_id.as_deref())?.id.clone();
    let (id, app) = (contract.id.clone(), contract.turn_app_url(contract.turn(&turn_id)?, &origin));
    let mention = json!({
        "text": text,
        "mentioningUser": user(mentioning_user),
        "mentionedUser": user(mentioned_user),
        "commentId": comment,
        "url": format!("{app}?commentId={comment}"),
    });
    publish(world, &id, &turn_id, Kind::Mention, Some(&mention));
    Ok(())
}

/// A user by e-mail address, whose names are taken from it: `joe.flenderson@…`.
fn user(email: &str) -> Value {
    let local = email.split('@').next().unwrap_or_default();
    let (first, last) = local.split_once('.').unwrap_or((local, ""));
    json!({"firstName": first, "lastName": last, "userName": email})
}

/// A person makes a contract of an import, whose values it takes over. Returns the contract's id.
pub(crate) fn use_import(world: &mut World, id: &str, kind: &str, counterparty: String) -> Result<String, Problem> {
    let import = world.docjuris.imports.get(&id.to_ascii_lowercase()).ok_or_else(|| Problem::missing("Import", id))?;
    let Some(kind) = contract_type(kind) else {
        return Err(Problem::bad(format!("contractType: there is no contract type {}", clip(kind))));
    };
    if counterparty.trim().is_empty() || counterparty.chars().count() > NAME_CHARS_MAX {
        return Err(Problem::bad(format!("counterParty: from 1 to {NAME_CHARS_MAX} characters")));
    }
    let new = NewContract {
        name: stem(&import.file.name).to_owned(),
        description: format!("From import {}", import.id),
        counterparty,
        kind,
        extended: import.extended.clone(),
        file: import.file.clone(),
    };
    add_contract(world, new)
}

/// A contract for the control endpoints: what the API shows, with its turns in full.
pub(crate) fn control_json(world: &World, id: &str) -> Result<Value, Problem> {
    let contract = world.docjuris.contract(id)?;
    let turns: Vec<Value> = contract.turns.iter().map(|turn| contract.turn_view(turn, &world.origin)).collect();
    let mut view = contract.view(&world.origin);
    if let Some(view) = view.as_object_mut() {
        view.insert("turnDetails".to_owned(), json!(turns));
    }
    Ok(json!({"contract": view}))
}
